//! A real Redis of the test's own, that can be stopped, frozen, started anew, and reached through a
//! relay that delays or swallows.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{ms, procs, wait_for};

/// How long a server may take to start or to end.
const READY: Duration = Duration::from_secs(20);

/// A running server on a socket of its own; it ends with its test.
pub struct Redis {
    child: Option<Child>,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
}

impl Redis {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same with arguments such as `--requirepass secret`.
    #[must_use]
    pub fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("ebb-r").rand_bytes(8).tempdir_in("/tmp").unwrap();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut redis = Self { child: None, folder, arguments };
        redis.restart();
        redis
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The URL of it.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.socket())
    }

    /// Starts it again after [`stop`](Self::stop).
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the server still runs");
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--daemonize", "no", "--loglevel", "warning"]);
        command.arg("--unixsocket").arg(self.socket()).arg("--dir").arg(self.folder.path()).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("redis-server cannot be started ({error}): install it with `sudo apt-get install redis-server`")
        });
        self.child = Some(child);
        let socket = self.socket();
        wait_for("Redis listens", READY, || {
            let mut stream = UnixStream::connect(&socket).map_err(|error| error.to_string())?;
            stream.write_all(b"PING\r\n").map_err(|error| error.to_string())?;
            let mut answer = [0; 1];
            stream.read_exact(&mut answer).map_err(|error| error.to_string())?;
            // `+PONG`, or `-NOAUTH` where it wants a password; `-LOADING` is an answer too soon.
            Ok(())
        });
    }

    /// Ends it; what it held is lost unless [`save`](Self::save) was called.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        procs::signal(child.id(), Signal::CONT);
        procs::signal(child.id(), Signal::KILL);
        child.wait().expect("a killed server ends");
    }

    /// Writes what it holds to disk, for its next start.
    pub fn save(&self) {
        self.command("SAVE", &[]);
    }

    /// Forgets what was saved.
    pub fn forget(&self) {
        drop(fs::remove_file(self.folder.path().join("dump.rdb")));
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// It accepts connections and answers nothing from now on.
    pub fn freeze(&self) {
        procs::freeze(self.pid());
    }

    /// It goes on.
    pub fn thaw(&self) {
        procs::signal(self.pid(), Signal::CONT);
    }

    /// One command; the server must run and want no password.
    pub fn ask<T: redis::FromRedisValue>(&self, name: &str, arguments: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection_with_timeout(READY).unwrap();
        redis::cmd(name).arg(arguments).query(&mut connection).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// One command whose answer does not matter.
    pub fn command(&self, name: &str, arguments: &[&str]) {
        self.ask::<redis::Value>(name, arguments);
    }

    /// Every key of cursors, and every entry of a list of sessions; not the signs of life.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<String> {
        let all: Vec<String> = self.ask("KEYS", &["ebb:*"]);
        let keys = all.into_iter().filter(|key| !key.ends_with(":lease") && key != "ebb:instances");
        keys.flat_map(|key| {
            if key.ends_with(":sessions") {
                let sessions: Vec<String> = self.ask("SMEMBERS", &[&key]);
                sessions.into_iter().map(|session| format!("{key} {session}")).collect()
            } else {
                vec![key]
            }
        })
        .collect()
    }

    /// Those of one session.
    #[must_use]
    pub fn keys_of(&self, session: &str) -> BTreeSet<String> {
        self.keys().into_iter().filter(|key| key.contains(session)).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.stop();
        }
    }
}

fn url(socket: &Path) -> String {
    format!("redis+unix://{}", socket.display())
}

/// Between a host and its Redis: passes on, late or never.
pub struct Relay {
    socket: PathBuf,
    state: Arc<RelayState>,
}

#[derive(Default)]
struct RelayState {
    delay_ms: AtomicU64,
    swallows: AtomicBool,
    ended: AtomicBool,
}

impl Relay {
    /// A relay to `redis` that passes everything on at once.
    #[must_use]
    pub fn start(redis: &Redis) -> Self {
        let socket = redis.folder.path().join("relay.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (state, target) = (Arc::<RelayState>::default(), redis.socket());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(server) = UnixStream::connect(&target) else { continue };
                let pair = (client.try_clone().unwrap(), server.try_clone().unwrap());
                pass(client, server, Arc::clone(&shared), true);
                pass(pair.1, pair.0, Arc::clone(&shared), false);
            }
        });
        Self { socket, state }
    }

    /// The URL of it.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.socket)
    }

    /// What the host sends arrives this much later.
    pub fn delay(&self, delay: Duration) {
        self.state.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// Whether what either side sends disappears.
    pub fn swallow(&self, swallows: bool) {
        self.state.swallows.store(swallows, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        // The listener hears of it.
        drop(UnixStream::connect(&self.socket));
    }
}

/// Passes bytes on in order, each piece after the delay that held when it came.
fn pass(mut from: UnixStream, mut to: UnixStream, state: Arc<RelayState>, delayed: bool) {
    let (sender, pieces) = channel::<(Instant, Vec<u8>)>();
    let shared = Arc::clone(&state);
    thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            let delay = if delayed { shared.delay_ms.load(Ordering::Relaxed) } else { 0 };
            if sender.send((Instant::now() + ms(delay), piece[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (at, piece) in pieces {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if !state.swallows.load(Ordering::Relaxed) && to.write_all(&piece).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
    });
}
