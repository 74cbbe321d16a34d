//! A host in a place of its own: `ebb serve` as a real process, killed for real.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, panicking},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustix::process::Signal;

use crate::{Agent, AgentOptions, Client, Control, Place, Rows, Via, procs, wait_for};

/// How long a host may take until it listens.
const START: Duration = Duration::from_secs(30);
/// How long an orderly end may take.
const END: Duration = Duration::from_secs(15);

/// What the host is started with.
#[derive(Debug, Clone, Default)]
pub struct HostArgs {
    /// `--browser`.
    pub browser: Option<PathBuf>,
    /// `--idle-timeout`, in seconds.
    pub idle: Option<u64>,
    /// Serve MCP over HTTP at a free port.
    pub http: bool,
    /// The same at this address, for a host that is started again at the same one.
    pub http_at: Option<SocketAddr>,
    /// `--reconnect-grace`, in seconds.
    pub grace: Option<u64>,
    /// The usual limit of open files, which it may raise.
    pub open_files: Option<u64>,
    /// The program that serves; `ebb` when left out.
    pub program: Option<&'static str>,
    /// Anything else on its command line.
    pub more: Vec<String>,
    /// Anything else in its environment.
    pub environment: Vec<(String, String)>,
    /// What its settings file says.
    pub settings: Option<&'static str>,
}

/// A running host. Dropping it ends it in order and checks that nothing of it is left.
pub struct TestHost {
    child: Option<Child>,
    args: HostArgs,
    /// A killed host cannot clear its run folder; its guardian does, or its next start.
    killed: bool,
    /// False once it was killed together with its guardian, until it is started again.
    guarded: bool,
    http: Option<SocketAddr>,
    /// What it says after where it listens.
    said: Mutex<Option<Receiver<String>>>,
    place: Place,
}

impl Deref for TestHost {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl TestHost {
    /// Starts one and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        Self::with(HostArgs::default())
    }

    /// The same with arguments.
    #[must_use]
    pub fn with(args: HostArgs) -> Self {
        let mut host = Self {
            child: None,
            args,
            killed: false,
            guarded: true,
            http: None,
            said: Mutex::new(None),
            place: Place::new(),
        };
        if let Some(settings) = host.args.settings {
            let file = host.home().join(".config/ebb/config.toml");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, settings).unwrap();
        }
        host.restart();
        host
    }

    /// Where clients connect.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path().join("run/e.sock")
    }

    /// Where the command line asks.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.path().join("run/e.control.sock")
    }

    /// History, logs and run folders.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The folders of running browsers.
    #[must_use]
    pub fn run_folders(&self) -> Vec<String> {
        procs::names(&self.data().join("run"))
    }

    /// What it said on standard error.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("host.log")).unwrap_or_default()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the host runs").id()
    }

    /// The command that serves here.
    #[must_use]
    pub fn serve(&self) -> Command {
        let program = self.args.program.unwrap_or("ebb");
        let mut command = match self.args.open_files {
            Some(limit) => {
                let mut shell = self.run(Path::new("/bin/sh"));
                shell.args(["-c", &format!("ulimit -Sn {limit}; exec \"$0\" \"$@\"")]).arg(crate::bin(program));
                shell
            }
            None => self.command(program),
        };
        command.arg("serve").arg("--socket").arg(self.socket()).arg("--data-dir").arg(self.data());
        if let Some(browser) = &self.args.browser {
            command.arg("--browser").arg(browser);
        }
        if let Some(idle) = self.args.idle {
            command.args(["--idle-timeout", &idle.to_string()]);
        }
        if let Some(address) = self.args.http_at {
            command.arg("--http").arg(address.to_string());
        } else if self.args.http {
            command.args(["--http", "127.0.0.1:0"]);
        }
        if let Some(grace) = self.args.grace {
            command.args(["--reconnect-grace", &grace.to_string()]);
        }
        command.args(&self.args.more);
        command
    }

    /// `ebb` with a question about this host.
    #[must_use]
    pub fn ebb(&self, words: &[&str]) -> Command {
        let mut command = self.command("ebb");
        command.args(words).arg("--socket").arg(self.socket());
        command
    }

    /// What its next start has on its command line besides the usual.
    pub fn next_with(&mut self, more: Vec<String>) {
        self.args.more = more;
    }

    /// Starts the host anew; the one before must be gone.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the host still runs");
        let log = File::options().create(true).append(true).open(self.path().join("host.log")).unwrap();
        let mut command = self.serve();
        command.envs(self.args.environment.iter().map(|(name, value)| (name, value)));
        command.env("RUST_LOG", "ebb_core=debug,ebb_host=debug,info");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("ebb serve cannot be started: {error}"));
        let said = listen(&mut child);
        let expected = format!("listening on {}", self.socket().display());
        let first = said.recv_timeout(START);
        self.child = Some(child);
        (self.killed, self.guarded) = (false, true);
        assert_eq!(first.as_deref(), Ok(expected.as_str()), "the host does not listen; its log:\n{}", self.log());
        self.http = None;
        if self.args.http || self.args.http_at.is_some() {
            let line = said.recv_timeout(START).expect("it says where HTTP is");
            let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
            self.http = address.and_then(|address| address.parse().ok());
            assert!(self.http.is_some(), "{line}");
        }
        *self.said.lock() = Some(said);
    }

    /// SIGKILL; returns when that was, once the process is reaped.
    pub fn kill(&mut self) -> Instant {
        let mut child = self.child.take().expect("the host runs");
        let began = Instant::now();
        procs::kill(child.id());
        child.wait().expect("a killed host ends");
        self.killed = true;
        began
    }

    /// SIGKILL for its guardian, then for it, before it can start another one; nobody is left to clean up.
    pub fn kill_unguarded(&mut self) -> Instant {
        let guardian = self.guardian();
        procs::freeze(self.pid());
        procs::kill(guardian.pid);
        self.guarded = false;
        self.kill()
    }

    /// SIGTERM; returns how it ended and how long that took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let mut child = self.child.take().expect("the host runs");
        let began = Instant::now();
        procs::signal(child.id(), Signal::TERM);
        let status = wait_for("the host ends", END, || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}")),
        });
        (status, began.elapsed())
    }

    /// A client in the test's own process.
    #[must_use]
    pub fn client(&self, name: &str) -> Client {
        Client::connect(&self.socket(), name)
    }

    /// The same, started with these options.
    #[must_use]
    pub fn client_with(&self, name: &str, flags: &[&str]) -> Client {
        Client::connect_with(&self.socket(), name, flags)
    }

    /// A client that is a process.
    #[must_use]
    pub fn agent(&self, via: Via, name: &str) -> Agent {
        let options =
            AgentOptions { http: self.http.map(|address| (address, self.token())), ..AgentOptions::default() };
        Agent::start_with(&self.place, &self.socket(), via, name, &options)
    }

    /// Where it serves MCP over HTTP.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http.expect("the host was started with HTTP")
    }

    /// The address that shows its dashboard once; it was started with `--dashboard`.
    #[must_use]
    pub fn dashboard(&self) -> String {
        let said = self.said.lock();
        let said = said.as_ref().expect("the host was started");
        let line = said.recv_timeout(START).expect("it says where the dashboard is");
        let url = line.strip_prefix("dashboard at ").and_then(|rest| rest.split(' ').next());
        url.unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    /// What its TCP port asks for.
    #[must_use]
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.data().join("http-token")).unwrap_or_default().trim().to_owned()
    }

    /// The place it runs in.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The host's API.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::connect(&self.control_socket())
    }

    /// The host's database.
    #[must_use]
    pub fn rows(&self) -> Rows {
        Rows::open(&self.data())
    }

    /// Every living process that was started here, without the host's guardian, which is no part of what
    /// comes and goes with sessions.
    #[must_use]
    pub fn processes(&self) -> Vec<procs::Process> {
        self.place.processes().into_iter().filter(|process| !is_guardian(process)).collect()
    }

    /// The guardians that run here: one, but for moments.
    #[must_use]
    pub fn guardians(&self) -> Vec<procs::Process> {
        self.place.processes().into_iter().filter(is_guardian).collect()
    }

    /// Waits until the host says that its guardian stands by; that one.
    #[must_use]
    pub fn guardian(&self) -> procs::Process {
        wait_for("the guardian stands by", START, || {
            let host = self.control().snapshot().host;
            let guardian = host.guardian.filter(|_| host.guardian_problem.is_none()).and_then(procs::of);
            guardian.filter(procs::Process::runs).ok_or_else(|| format!("{:?}", host.guardian_problem))
        })
    }

    /// The Chromium processes of this host.
    #[must_use]
    pub fn chromium(&self) -> Vec<procs::Process> {
        let is_ours =
            |process: &procs::Process| process.command.contains("--user-data-dir=") || !process.kind().is_empty();
        self.processes().into_iter().filter(is_ours).collect()
    }

    /// The renderers among them.
    #[must_use]
    pub fn renderers(&self) -> Vec<procs::Process> {
        self.chromium().into_iter().filter(|process| process.kind() == "renderer").collect()
    }

    /// The main process of its one browser.
    #[must_use]
    pub fn browser(&self) -> procs::Process {
        let found = self.chromium();
        let main = found.iter().find(|process| process.kind().is_empty());
        main.unwrap_or_else(|| panic!("no browser runs: {}", procs::brief(&found))).clone()
    }

    /// What lies in folders that must be empty when nothing runs.
    #[must_use]
    pub fn files_left(&self) -> Vec<String> {
        let folders = ["data/run", "tmp"].map(|part| self.path().join(part));
        folders.iter().flat_map(|folder| procs::names(folder).into_iter().map(|name| shown(folder, &name))).collect()
    }
}

fn is_guardian(process: &procs::Process) -> bool {
    process.command.contains(" guard --run-dir ")
}

fn shown(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// The lines of standard output, read to its end so that the host never blocks on it.
fn listen(child: &mut Child) -> Receiver<String> {
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            // Only the first one matters to anybody.
            drop(sender.send(line));
        }
    });
    lines
}

impl Drop for TestHost {
    fn drop(&mut self) {
        if panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("the end of the host's log:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
            if let Some(mut child) = self.child.take() {
                drop(child.kill());
                drop(child.wait());
            }
            return;
        }
        if self.child.is_some() {
            let (status, _) = self.terminate();
            assert!(status.success(), "the host ended with {status}");
        }
        if self.killed && self.guarded {
            wait_for("the guardian removes what a killed host left", END, || match self.files_left() {
                left if left.is_empty() => Ok(()),
                left => Err(format!("{left:?}")),
            });
        }
        let left = self.files_left();
        assert!(left.is_empty() || !self.guarded, "files are left behind: {left:?}");
        let panicked =
            self.log().lines().filter(|line| line.contains("panicked at")).map(str::to_owned).collect::<Vec<_>>();
        assert!(panicked.is_empty(), "the host panicked: {panicked:?}");
    }
}
