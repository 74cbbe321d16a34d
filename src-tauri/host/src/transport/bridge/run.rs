//! The life of one bridge: one client, one host, and the next host when that one dies.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use ebb_core::{Code, Error};

use super::{
    dial::{Absent, Host, NoHost, dial},
    pump::{Pump, Stop},
    queue::{Moved, Queue},
    scan::Scanner,
    track::Replay,
    watch::Watch,
};
use crate::{
    paths::{self, Endpoint, PathOptions},
    transport::{hello::Hello, proc},
};

/// What `ebb connect` was told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where to look.
    pub paths: PathOptions,
    /// Options for the host, as given.
    pub flags: Vec<String>,
    /// Whether a host may be started where none is.
    pub start: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The client said everything and has its answers.
    Done,
    /// The client is gone.
    ClientGone,
    /// The user quit Ebb.
    HostQuit,
    /// Something else, in words.
    Failed(Error),
}

/// What an agent reads about the call that ran when the host died.
const DIED: &str =
    "Ebb's host process died while this call ran. Its tabs and cursors are gone; call again to start anew.";
const QUIT: &str = "Ebb was quit by the user";
const CLOSED: &str = "Ebb closed this connection";
/// How long the client may take to accept its last lines.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a new host may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a host that quits may take from the first closed connection to the end of its socket.
const FAREWELL: Duration = Duration::from_secs(5);
/// Hosts that died within `SPAN` without having been of any use: from the first number on the next one has to
/// wait, at the second there is none.
const USELESS: usize = 3;
const TOO_USELESS: usize = 12;
const SPAN: Duration = Duration::from_mins(1);
/// How much longer the wait gets with each of them.
const BREATH: Duration = Duration::from_millis(500);

/// Bridges the standard streams onto the host until one side is done.
#[must_use]
pub fn run(options: &Options) -> Ending {
    let Some(watch) = Watch::ancestors() else { return Ending::ClientGone };
    let mut pump = Pump::default();
    let absent = if options.start { Absent::Start } else { Absent::Fail };
    let mut host = match dial(&options.paths, absent, &watch) {
        Ok(host) => host,
        Err(none) => return none.into(),
    };
    pump.up.push(&hello(options, &watch, false));
    let mut deaths: Vec<Instant> = Vec::new();
    loop {
        match pump.run(&host.socket, &watch) {
            Stop::Done => return Ending::Done,
            Stop::ClientGone => return Ending::ClientGone,
            Stop::HostSilent => return failed("the host did not answer to the end", "see `ebb status`"),
            Stop::HostGone => {}
        }
        pump.up.clear();
        let farewell = farewell(&host, &watch, pump.input_ended);
        let was_of_use = pump.tracker.was_of_use();
        let reason = match farewell {
            Farewell::Quit => QUIT,
            Farewell::Died => DIED,
            Farewell::Closed => CLOSED,
        };
        let answers = pump.tracker.host_is_gone(reason);
        pump.down.push(&answers);
        // At once: finding the next host can take seconds.
        pump.finish(&watch, GOODBYE);
        match farewell {
            Farewell::Died => {}
            Farewell::Quit => return Ending::HostQuit,
            // The client had said everything; what it still waited for never ends by itself.
            Farewell::Closed if pump.input_ended => return Ending::Done,
            Farewell::Closed => return failed(CLOSED, "connect again"),
        }
        deaths.retain(|death| death.elapsed() < SPAN);
        if !was_of_use {
            deaths.push(Instant::now());
        }
        if pump.input_ended || deaths.len() >= TOO_USELESS {
            return failed("the connection to Ebb was lost", "see `ebb status` and `ebb doctor`");
        }
        let wait = BREATH * u32::try_from(deaths.len().saturating_sub(USELESS)).unwrap_or(u32::MAX);
        if !wait.is_zero() && !watch.pause(wait) {
            return Ending::ClientGone;
        }
        host = match again(options, &watch, &mut pump, &host) {
            Ok(host) => host,
            Err(none) => return none.into(),
        };
    }
}

/// Connects to the next host and brings it to where the client believes the conversation is.
fn again(options: &Options, watch: &Watch, pump: &mut Pump, last: &Host) -> Result<Host, NoHost> {
    let Some(Replay { initialize, swallow, initialized, unfinished, lost: has_lost }) = pump.tracker.replay() else {
        return Err(lost("the connection to Ebb was lost in the middle of a long message"));
    };
    let end = Instant::now() + HANDSHAKE;
    loop {
        let absent = if options.start { Absent::Start } else { Absent::Wait };
        let host = dial(&options.paths, absent, watch)?;
        pump.up.clear();
        pump.up.push(&hello(options, watch, has_lost));
        pump.up.push(&initialize);
        // The kernel closes a dead host's connections one by one: its listener may be the last to go.
        let is_dead = host.pid.is_some() && host.pid == last.pid;
        if !is_dead && (!swallow || shake_hands(&host, watch, pump, end)?) {
            pump.up.push(&initialized);
            pump.up.push(&unfinished);
            return Ok(host);
        }
        if Instant::now() > end {
            return Err(lost("the new host did not answer"));
        }
        if !watch.pause(Duration::from_millis(5)) {
            return Err(NoHost::ClientGone);
        }
    }
}

fn lost(message: &str) -> NoHost {
    NoHost::Failed(Error::new(Code::Internal, message).next("connect again"))
}

/// Sends the handshake and keeps its answer from the client, who has one; `false` when the host closed
/// the connection instead.
fn shake_hands(host: &Host, watch: &Watch, pump: &mut Pump, end: Instant) -> Result<bool, NoHost> {
    let mut read = Queue::default();
    let mut scanner = Scanner::default();
    let mut kept = Vec::new();
    let mut answered = false;
    while !answered {
        while !pump.up.is_empty() {
            match pump.up.drain(&host.socket, usize::MAX) {
                Moved::Closed => return Ok(false),
                Moved::Nothing => break,
                Moved::Bytes(_) => {}
            }
        }
        if Instant::now() > end {
            return Err(lost("the new host did not answer"));
        }
        if !watch.readable(host.socket.as_fd(), Duration::from_millis(100)) {
            if !watch.pause(Duration::ZERO) {
                return Err(NoHost::ClientGone);
            }
            continue;
        }
        let moved = read.fill(&host.socket, |bytes| {
            // Lines before the answer, and whatever follows it, are the client's.
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                kept.extend_from_slice(part);
                let mut is_answer = false;
                scanner.feed(part, |head| is_answer = head.answer && !answered);
                if is_answer {
                    let begin = kept.iter().rev().skip(1).position(|byte| *byte == b'\n');
                    kept.truncate(begin.map_or(0, |from_end| kept.len() - 1 - from_end));
                    answered = true;
                }
            }
        });
        read.clear();
        if moved == Moved::Closed {
            return Ok(false);
        }
    }
    pump.tracker.down(&kept);
    pump.down.push(&kept);
    Ok(true)
}

/// The first line, which says whom this bridge speaks for.
fn hello(options: &Options, watch: &Watch, again: bool) -> Vec<u8> {
    let hello = Hello {
        ancestor: watch.client,
        cwd: std::env::current_dir().ok(),
        flags: options.flags.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        again,
    };
    hello.to_line()
}

/// How a connection to a host ended.
#[derive(Debug, PartialEq, Eq)]
enum Farewell {
    /// The host is quitting in order.
    Quit,
    /// The host is dead.
    Died,
    /// The host lives and wants this client no more.
    Closed,
}

/// Tells an orderly end from a crash: a host that quits takes its socket away, a crash leaves it there.
/// Connections may end a moment before either can be seen. `expected`: the client is done, and a host that
/// closes the connection then does what it should.
fn farewell(host: &Host, watch: &Watch, expected: bool) -> Farewell {
    let end = Instant::now() + FAREWELL;
    loop {
        let is_there = std::fs::symlink_metadata(&host.paths.mcp_sock).is_ok();
        let owner = paths::recorded(&host.paths.lock).map(|key| key.pid);
        let dead = host.pid.and_then(proc::stat).is_none_or(|stat| stat.exit().is_some());
        // Another owner is replacing a dead one's socket at this moment.
        if !is_there && (owner.is_none() || owner == host.pid) {
            // Somebody may have removed the socket of a host that died then. Its other file tells.
            let left = || Endpoint::read(&host.paths.endpoint_file).map(|endpoint| endpoint.pid);
            return if dead && host.pid.is_some() && left() == host.pid { Farewell::Died } else { Farewell::Quit };
        }
        if dead || (owner.is_some() && owner != host.pid) {
            return Farewell::Died;
        }
        if expected || Instant::now() > end || !watch.pause(Duration::from_millis(10)) {
            return Farewell::Closed;
        }
    }
}

fn failed(message: &str, next: &str) -> Ending {
    Ending::Failed(Error::new(Code::Internal, message).next(next))
}

impl From<NoHost> for Ending {
    fn from(none: NoHost) -> Self {
        match none {
            NoHost::ClientGone => Self::ClientGone,
            NoHost::Failed(error) => Self::Failed(error),
        }
    }
}
