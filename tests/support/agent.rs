//! A client that is a real process, so that it can be killed at any moment.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Place, bin,
    mcp::{Answer, Calls},
    ms, procs, wait_for,
};

/// How long the handshake may take; a bridge may have to start a host first.
const HANDSHAKE: Duration = Duration::from_secs(40);

/// How a client reaches the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// It connects to the socket itself (U in the fault catalogue).
    Socket,
    /// It starts `ebb connect` (S in the fault catalogue).
    Bridge,
    /// HTTP, revision 2025-11-25, with its event stream (H).
    Stream,
    /// The same without an event stream (H).
    Quiet,
    /// HTTP, revision 2026-07-28 (M).
    Modern,
}

impl Via {
    /// The two that are streams.
    pub const BOTH: [Self; 2] = [Self::Socket, Self::Bridge];
    /// The three over HTTP.
    pub const HTTP: [Self; 3] = [Self::Stream, Self::Quiet, Self::Modern];

    /// For messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Bridge => "bridge",
            Self::Stream => "stream",
            Self::Quiet => "quiet",
            Self::Modern => "modern",
        }
    }
}

/// What is special about a client.
#[derive(Debug, Clone, Default)]
pub struct AgentOptions {
    /// The only variables it has; all those of the place when left out.
    pub environment: Option<Vec<(String, String)>>,
    /// Its working directory; the place's project when left out.
    pub folder: Option<PathBuf>,
    /// It says nothing by itself.
    pub silent: bool,
    /// The arguments of its bridge; `connect --socket ... --no-start` when left out, for a bridge that
    /// starts a host by itself would come in a test's way.
    pub bridge: Option<Vec<String>>,
    /// Where MCP is over HTTP, and the token.
    pub http: Option<(std::net::SocketAddr, String)>,
    /// What it starts instead of `ebb`, with the arguments that come before `ebb` and those of `ebb`.
    pub wrapper: Option<(PathBuf, Vec<String>)>,
    /// What starts the client itself, with the arguments that come before the client and its own.
    pub parent: Option<(PathBuf, Vec<String>)>,
    /// Further words for the client (see `ebb-test-client`).
    pub words: Vec<String>,
}

/// A client process. Dropping it kills it.
pub struct Agent {
    child: Child,
    script: Option<ChildStdin>,
    said: Receiver<Value>,
    answers: HashMap<u64, Value>,
    ended: bool,
    /// Of a client over HTTP that has one.
    session: Option<String>,
    next: u64,
    name: String,
}

impl Agent {
    /// Starts a client of the host at `socket` and shakes hands.
    #[must_use]
    pub fn start(place: &Place, socket: &Path, via: Via, name: &str) -> Self {
        Self::start_with(place, socket, via, name, &AgentOptions::default())
    }

    /// The same with something special about it.
    #[must_use]
    pub fn start_with(place: &Place, socket: &Path, via: Via, name: &str, options: &AgentOptions) -> Self {
        let mut agent = Self::spawn(place, socket, via, name, options);
        agent.shake_hands();
        agent
    }

    /// Starts a client; whoever needs its handshake calls [`Agent::shake_hands`].
    #[must_use]
    pub fn spawn(place: &Place, socket: &Path, via: Via, name: &str, options: &AgentOptions) -> Self {
        let mut command = match &options.parent {
            Some((program, before)) => {
                let mut command = place.run(program);
                command.args(before).arg(bin("ebb-test-client"));
                command
            }
            None => place.command("ebb-test-client"),
        };
        if let Some(environment) = &options.environment {
            command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        }
        if let Some(folder) = &options.folder {
            command.current_dir(folder);
        }
        command.args(["--name", name]);
        if options.silent {
            command.arg("--silent");
        }
        command.args(&options.words);
        match via {
            Via::Socket => {
                command.arg("--socket").arg(socket);
            }
            Via::Bridge => {
                match &options.wrapper {
                    Some((program, before)) => {
                        command.arg("--bridge").arg(program).arg("--").args(before).arg(bin("ebb"))
                    }
                    None => command.arg("--bridge").arg(bin("ebb")).arg("--"),
                };
                match &options.bridge {
                    Some(arguments) => command.args(arguments),
                    None => command.arg("connect").arg("--socket").arg(socket).arg("--no-start"),
                };
            }
            Via::Stream | Via::Quiet | Via::Modern => {
                let (address, token) = options.http.as_ref().expect("the host serves HTTP");
                command.arg("--http").arg(address.to_string()).args(["--era", via.name()]).env("EBB_TOKEN", token);
            }
        }
        Self::of(command, name)
    }

    /// The client that `command` starts: it does what lines of JSON on its standard input say, and says in lines of
    /// JSON what came of it.
    #[must_use]
    pub fn of(mut command: Command, name: &str) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("a client cannot be started: {error}"));
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_else(|_| json!({"noise": line}));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let script = child.stdin.take();
        let (answers, name) = (HashMap::new(), name.to_owned());
        Self { child, script, said, answers, ended: false, session: None, next: 1, name }
    }

    /// Waits for the host's `initialize` and answers it.
    pub fn shake_hands(&mut self) {
        let answer = self.message(0, HANDSHAKE);
        answer.unwrap_or_else(|error| panic!("{} cannot shake hands: {error}", self.name));
        self.script(&json!({"do": "initialized"}));
    }

    /// Its `Mcp-Session-Id`, once it has one.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// What it calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process of its bridge, once it runs.
    #[must_use]
    pub fn bridge(&self) -> u32 {
        let pid = self.pid();
        wait_for("the bridge runs", Duration::from_secs(10), || {
            let below = procs::below(pid);
            // Wrappers name what they start too: the bridge is the one whose program it is.
            let is_bridge = |process: &&procs::Process| {
                process.command.split(' ').next().is_some_and(|program| program.ends_with("/ebb"))
                    && process.command.contains(" connect")
            };
            let bridge = below.iter().find(is_bridge);
            bridge.map(|process| process.pid).ok_or_else(|| procs::brief(&below))
        })
    }

    /// Over modern HTTP, sends a request that calls no tool.
    pub fn post(&mut self, id: u64, method: &str, params: &Value) {
        self.script(&json!({"id": id, "post": method, "params": params}));
    }

    /// Sends bytes to the host as they are.
    pub fn raw(&mut self, text: &str) {
        self.script(&json!({"raw": text}));
    }

    /// Says that nothing more comes, and still reads.
    pub fn half_close(&mut self) {
        self.script(&json!({"do": "half_close"}));
    }

    /// Has it do something that is no call of a tool; the answer has this id.
    pub fn step(&mut self, what: &str) -> u64 {
        let id = self.next;
        self.next += 1;
        self.script(&json!({"id": id, "do": what}));
        id
    }

    /// Waits for a message that answers nothing of [`Calls`], by its id.
    pub fn raw_answer(&mut self, id: u64, deadline: Duration) -> Result<Value, String> {
        self.message(id, deadline)
    }

    /// Waits for something that the client says by itself (see `ebb-test-client`).
    pub fn said(&mut self, what: &str, deadline: Duration) -> Value {
        let end = Instant::now() + deadline;
        loop {
            let message = self.said.recv_timeout(end.saturating_duration_since(Instant::now()));
            let message = message.unwrap_or_else(|error| panic!("{}: no {what}: {error}", self.name));
            if let Some(said) = message.get(what) {
                return said.clone();
            }
        }
    }

    /// Closes the connection and lives on.
    pub fn close(&mut self) {
        self.script(&json!({"do": "close"}));
    }

    /// SIGKILL; returns when that was, once the process is gone and reaped.
    pub fn kill(&mut self) -> Instant {
        let began = Instant::now();
        procs::kill(self.pid());
        self.child.wait().expect("a killed client ends");
        began
    }

    /// Whether the process is still there.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the host has ended the connection.
    pub fn ended(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        while !self.ended {
            self.hear(end).unwrap_or_else(|error| panic!("{}: the connection does not end: {error}", self.name));
        }
    }

    fn script(&mut self, step: &Value) {
        // A client that is dead already hears nothing; its test says so by what it waits for.
        if let Some(script) = &mut self.script {
            drop(writeln!(script, "{step}").and_then(|()| script.flush()));
        }
    }

    fn message(&mut self, id: u64, deadline: Duration) -> Result<Value, String> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(message) = self.answers.remove(&id) {
                return Ok(message);
            }
            // Over HTTP what ended is the event stream, and the next request needs none.
            if self.ended && self.session.is_none() {
                return Err("the connection ended".to_owned());
            }
            self.hear(end)?;
        }
    }

    fn hear(&mut self, end: Instant) -> Result<(), String> {
        let message = match self.said.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return Err("the time is up".to_owned()),
            Err(RecvTimeoutError::Disconnected) => return Err("the client process ended".to_owned()),
        };
        if message.get("ended").is_some() {
            self.ended = true;
        } else if let Some(id) = message["session"].as_str() {
            self.session = Some(id.to_owned());
        } else if let Some(id) = message["id"].as_u64().filter(|_| message.get("method").is_none()) {
            self.answers.insert(id, message);
        }
        Ok(())
    }
}

impl Calls for Agent {
    fn send(&mut self, tool: &str, arguments: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.script(&json!({"id": id, "call": tool, "args": arguments}));
        id
    }

    fn answer(&mut self, id: u64, deadline: Duration) -> Result<Answer, String> {
        self.message(id, deadline).map(|message| Answer::of(&message))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        // Its bridge sees the end of its input; whoever cleans up after it must find it gone.
        std::thread::sleep(ms(1));
    }
}
