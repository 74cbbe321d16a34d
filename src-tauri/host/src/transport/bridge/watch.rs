//! Who has to be there for the bridge to have a purpose.

use std::{
    cell::Cell,
    os::fd::{BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::transport::{
    peer,
    proc::{self, ExitKind, ProcessKey},
    watch::how,
};

/// The processes above the bridge up to its client, and where its answers go.
#[derive(Debug)]
pub(super) struct Watch {
    ancestors: Vec<Ancestor>,
    /// The client itself: the last of the chain.
    pub(super) client: Option<ProcessKey>,
    /// Whether the system has no such handles: the parent is looked at from time to time.
    parent: Option<u32>,
}

/// One of the processes above.
#[derive(Debug)]
struct Ancestor {
    key: ProcessKey,
    /// Readable once it has ended.
    pidfd: OwnedFd,
    /// Whether it only started the next one.
    launcher: bool,
    /// Set once it is known to have let go of us, and of no interest any more.
    let_go: Cell<bool>,
}

impl Ancestor {
    /// It ended: whether that was no more than a launcher that had done its work.
    fn has_let_go(&self) -> bool {
        let let_go = self.launcher && how(self.key, &self.pidfd).is_some_and(ExitKind::let_go);
        self.let_go.set(let_go);
        let_go
    }
}

/// Where processes cannot be waited on, how often to look.
const LOOK: Duration = Duration::from_secs(1);

impl Watch {
    /// Watches everybody who started this bridge; `None` when the client is gone already. A launcher that
    /// is gone just now let go of us: where it was ended together with its client, the client is gone too.
    pub(super) fn ancestors() -> Option<Self> {
        let keys = peer::ancestors_to_watch();
        let mut watch = Self { ancestors: Vec::new(), client: keys.last().copied(), parent: None };
        for key in keys.iter().copied() {
            let launcher = watch.client != Some(key);
            match open(key) {
                Ok(pidfd) if proc::lives(key) => {
                    watch.ancestors.push(Ancestor { key, pidfd, launcher, let_go: Cell::new(false) });
                }
                Ok(_) | Err(Errno::SRCH) if launcher => {}
                Ok(_) | Err(Errno::SRCH) => return None,
                Err(_) => watch.parent = parent(),
            }
        }
        if !cfg!(target_os = "linux") {
            watch.parent = parent();
        }
        Some(watch)
    }

    /// Adds what to poll: nothing has to be readable, only gone.
    pub(super) fn add<'fd>(&'fd self, set: &mut Vec<PollFd<'fd>>) {
        set.extend(self.watched().map(|ancestor| PollFd::new(&ancestor.pidfd, PollFlags::IN)));
    }

    /// Whether one of the polled is gone. `polled` is what [`Self::add`] added.
    pub(super) fn gone(&self, polled: &[PollFd<'_>]) -> bool {
        // Collected first: looking changes who is watched.
        let watched: Vec<&Ancestor> = self.watched().collect();
        let mut ended = watched.iter().zip(polled).filter(|(_, fd)| !fd.revents().is_empty());
        ended.any(|(ancestor, _)| !ancestor.has_let_go()) || (self.parent.is_some() && self.parent != parent())
    }

    fn watched(&self) -> impl Iterator<Item = &Ancestor> {
        self.ancestors.iter().filter(|ancestor| !ancestor.let_go.get())
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
