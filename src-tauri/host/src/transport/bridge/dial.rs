//! Finds the host and connects to it; starts one where there is none.

use std::{
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use ebb_core::{Code, Error};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt},
};

use super::{start, watch::Watch};
use crate::paths::{Environment, PathOptions, Paths};

/// How long a host may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A connected host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) socket: UnixStream,
    /// Its process, where the system tells.
    pub(super) pid: Option<u32>,
    pub(super) paths: Paths,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoHost {
    /// The client went away meanwhile.
    ClientGone,
    /// It could not be reached or started.
    Failed(Error),
}

/// What to do where no host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// Start one.
    Start,
    /// Wait for the one that somebody else starts.
    Wait,
    /// Say so.
    Fail,
}

/// Connects to the host, where there is one in the end.
pub(super) fn dial(options: &PathOptions, absent: Absent, watch: &Watch) -> Result<Host, NoHost> {
    let end = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    let mut started = false;
    loop {
        // Each time anew: the host that comes up may listen elsewhere.
        let paths = Paths::find(options).map_err(NoHost::Failed)?;
        match attempt(&paths.mcp_sock) {
            Ok((socket, pid)) => return Ok(Host { socket, pid, paths }),
            Err(Refused::Absent) => {}
            Err(Refused::For(error)) => return Err(NoHost::Failed(error)),
        }
        if absent == Absent::Fail || (absent == Absent::Wait && Instant::now() >= end) {
            let message = format!("no Ebb is running at {}", paths.mcp_sock.display());
            return Err(NoHost::Failed(Error::new(Code::ShuttingDown, message).next("start it with `ebb serve`")));
        }
        if absent == Absent::Start && !started {
            started = true;
            start::host(options, &Environment::current(), watch.client).map_err(NoHost::Failed)?;
        }
        if Instant::now() >= end {
            let message = format!("Ebb did not start within {} seconds", PATIENCE.as_secs());
            let log = start::log_file(&paths);
            let next = format!("run `ebb serve` in a terminal to see why, or read {}", log.display());
            return Err(NoHost::Failed(Error::new(Code::Timeout, message).next(next)));
        }
        if !watch.pause(pause) {
            return Err(NoHost::ClientGone);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

enum Refused {
    /// Nobody listens, or not yet.
    Absent,
    For(Error),
}

/// One attempt, which never waits.
fn attempt(path: &Path) -> Result<(UnixStream, Option<u32>), Refused> {
    let failed = |errno: Errno| {
        let error = std::io::Error::from(errno);
        let message = format!("cannot connect to {}: {error}", path.display());
        Refused::For(
            Error::new(Code::Internal, message).next("check its owner and permissions, or give another --socket"),
        )
    };
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let socket = new_socket().map_err(failed)?;
    match connect(&socket, &address) {
        Ok(()) => {}
        // Again: so many are waiting already that the kernel takes no more right now.
        Err(Errno::NOENT | Errno::CONNREFUSED | Errno::AGAIN | Errno::INTR) => return Err(Refused::Absent),
        Err(errno) => return Err(failed(errno)),
    }
    let pid = check_owner(&socket, path)?;
    Ok((socket.into(), pid))
}

#[cfg(target_os = "linux")]
fn new_socket() -> Result<rustix::fd::OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

#[cfg(not(target_os = "linux"))]
fn new_socket() -> Result<rustix::fd::OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

/// Somebody else's socket would see everything the agent does.
#[cfg(target_os = "linux")]
fn check_owner(socket: &rustix::fd::OwnedFd, path: &Path) -> Result<Option<u32>, Refused> {
    let Ok(credentials) = sockopt::socket_peercred(socket) else { return Ok(None) };
    if credentials.uid == rustix::process::getuid() {
        return Ok(u32::try_from(credentials.pid.as_raw_nonzero().get()).ok());
    }
    let message = format!("the host at {} belongs to another user", path.display());
    Err(Refused::For(Error::new(Code::Internal, message).next("give another place with --socket")))
}

#[cfg(not(target_os = "linux"))]
fn check_owner(_socket: &rustix::fd::OwnedFd, _path: &Path) -> Result<Option<u32>, Refused> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_host_is_known_and_an_absent_one_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        assert!(matches!(attempt(&path), Err(Refused::Absent)));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let (_socket, pid) = attempt(&path).ok().unwrap();
        #[cfg(target_os = "linux")]
        assert_eq!(pid, Some(std::process::id()));
        drop(listener);
        assert!(matches!(attempt(&path), Err(Refused::Absent)), "a stale socket");
    }
}
