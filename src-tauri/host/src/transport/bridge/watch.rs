//! Who has to be there for the bridge to have a purpose.

use std::{
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::transport::{peer, proc, proc::ProcessKey};

/// The processes above the bridge up to its client, and where its answers go.
#[derive(Debug)]
pub(super) struct Watch {
    /// Readable once the process has ended.
    pidfds: Vec<OwnedFd>,
    /// The client itself: the last of the chain.
    pub(super) client: Option<ProcessKey>,
    /// Whether the system has no such handles: the parent is looked at from time to time.
    parent: Option<u32>,
}

/// Where processes cannot be waited on, how often to look.
const LOOK: Duration = Duration::from_secs(1);

impl Watch {
    /// Watches everybody who started this bridge; `None` when one of them is gone already.
    pub(super) fn ancestors() -> Option<Self> {
        let keys = peer::ancestors_to_watch();
        let mut watch = Self { pidfds: Vec::new(), client: keys.last().copied(), parent: None };
        for key in &keys {
            match open(*key) {
                Ok(fd) => watch.pidfds.push(fd),
                Err(Errno::SRCH) => return None,
                Err(_) => watch.parent = parent(),
            }
            if !proc::lives(*key) {
                return None;
            }
        }
        if !cfg!(target_os = "linux") {
            watch.parent = parent();
        }
        Some(watch)
    }

    /// Adds what to poll: nothing has to be readable, only gone.
    pub(super) fn add<'fd>(&'fd self, set: &mut Vec<PollFd<'fd>>) {
        set.extend(self.pidfds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
    }

    /// Whether one of the polled is gone. `polled` is what [`Self::add`] added.
    pub(super) fn gone(&self, polled: &[PollFd<'_>]) -> bool {
        polled.iter().any(|fd| !fd.revents().is_empty()) || (self.parent.is_some() && self.parent != parent())
    }

    /// How long a poll may take so that nobody's end is missed.
    pub(super) fn at_most(&self, timeout: Option<Duration>) -> Option<Duration> {
        if self.parent.is_some() { Some(timeout.map_or(LOOK, |timeout| timeout.min(LOOK))) } else { timeout }
    }

    /// Waits; `false` when the client is gone, or nobody takes answers any more.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let stdout = rustix::stdio::stdout();
        let mut set = vec![PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
        self.add(&mut set);
        wait(&mut set, self.at_most(Some(time)));
        let (stdout, ancestors) = set.split_at(1);
        !stdout.iter().any(is_gone) && !self.gone(ancestors)
    }

    /// Waits until `socket` can be read; `false` when the client is gone or the time is up.
    pub(super) fn readable(&self, socket: BorrowedFd<'_>, time: Duration) -> bool {
        let mut set = vec![PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        self.add(&mut set);
        wait(&mut set, Some(time));
        let (socket, ancestors) = set.split_at(1);
        socket.iter().any(|fd| !fd.revents().is_empty()) && !self.gone(ancestors)
    }
}

/// Polls; an interruption counts as nothing having happened.
pub(super) fn wait(set: &mut [PollFd<'_>], timeout: Option<Duration>) {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    if poll(set, timeout.as_ref()).is_err() {
        for fd in set {
            fd.clear_revents();
        }
    }
}

/// Whether nobody is at the other end of this one.
pub(super) fn is_gone(fd: &PollFd<'_>) -> bool {
    fd.revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL)
}

fn parent() -> Option<u32> {
    rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
}

#[cfg(target_os = "linux")]
fn open(key: ProcessKey) -> Result<OwnedFd, Errno> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = i32::try_from(key.pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    pidfd_open(pid, PidfdFlags::empty())
}

#[cfg(not(target_os = "linux"))]
fn open(_key: ProcessKey) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
