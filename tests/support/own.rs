//! A client with a server of its own: `ebb mcp` at the other end of its standard streams.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read as _, Write},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Place,
    mcp::{Answer, Calls, call_message, hello_messages},
    ms, procs, wait_for,
};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// A running `ebb mcp` and its client, which is the test itself. Dropping it kills it.
pub struct OwnServer {
    child: Child,
    input: Option<ChildStdin>,
    said: Receiver<Value>,
    answers: HashMap<u64, Value>,
    errors: Arc<Mutex<String>>,
    next: u64,
}

impl OwnServer {
    /// Starts one with these arguments and shakes hands.
    #[must_use]
    pub fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut command = place.command("ebb");
        command.arg("mcp").args(arguments);
        let mut server = Self::run(&mut command);
        server.shake_hands();
        server
    }

    /// Starts whatever the command is; says nothing yet.
    #[must_use]
    pub fn run(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // Nothing but MCP may come here.
                let message =
                    serde_json::from_str(&line).unwrap_or_else(|_| panic!("noise on standard output: {line}"));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let (heard, mut stderr) = (Arc::clone(&errors), child.stderr.take().unwrap());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        let input = child.stdin.take();
        Self { child, input, said, answers: HashMap::new(), errors, next: 1 }
    }

    /// Starts one that listens at a free port; and where.
    #[must_use]
    pub fn listen(place: &Place, arguments: &[&str], environment: &[(&str, &str)]) -> (Self, SocketAddr) {
        let mut command = place.command("ebb");
        command.args(["mcp", "--port", "0"]).args(arguments).envs(environment.iter().copied());
        let server = Self::run(&mut command);
        let port = wait_for("it listens", HANDSHAKE, || {
            let said = server.errors();
            let port = said.lines().find_map(|line| line.strip_prefix("Listening on http://localhost:")?.parse().ok());
            port.ok_or(said)
        });
        (server, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Says hello and waits for the answer, which it gives.
    pub fn shake_hands(&mut self) -> Value {
        let [initialize, initialized] = hello_messages("own");
        self.say(&initialize);
        let answer =
            self.message(0, HANDSHAKE).unwrap_or_else(|error| panic!("no handshake: {error}: {}", self.errors()));
        self.say(&initialized);
        answer
    }

    /// Sends one message.
    pub fn say(&mut self, message: &Value) {
        let input = self.input.as_mut().expect("the input is open");
        writeln!(input, "{message}").and_then(|()| input.flush()).expect("the server reads");
    }

    /// The next message that answers `id`.
    ///
    /// # Errors
    /// The server ended, or the time.
    pub fn message(&mut self, id: u64, deadline: Duration) -> Result<Value, String> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(message) = self.answers.remove(&id) {
                return Ok(message);
            }
            match self.said.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(message) if message.get("method").is_some() => {}
                Ok(message) => drop(message["id"].as_u64().map(|id| self.answers.insert(id, message))),
                Err(RecvTimeoutError::Timeout) => return Err("the time is up".to_owned()),
                Err(RecvTimeoutError::Disconnected) => return Err("the server ended".to_owned()),
            }
        }
    }

    /// What it said on standard error so far.
    #[must_use]
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes its input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits for its end; the status, and how long it took.
    pub fn ended(&mut self, deadline: Duration) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = wait_for("the server ends", deadline, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}; it said: {}", self.errors())),
        });
        (status, began.elapsed())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        procs::kill(self.pid());
        drop(self.child.wait());
    }
}

impl Calls for OwnServer {
    fn send(&mut self, tool: &str, arguments: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.say(&call_message(id, tool, &arguments));
        id
    }

    fn answer(&mut self, id: u64, deadline: Duration) -> Result<Answer, String> {
        self.message(id, deadline)
            .map(|message| Answer::of(&message))
            .map_err(|error| format!("{error}; {}", self.errors()))
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        thread::sleep(ms(1));
    }
}
