//! Waits for the end of another process.

use std::time::Duration;

use super::proc::{self, ExitKind, ProcessKey};

/// The watch on one process. It holds no more than a handle: dropping it changes nothing.
#[derive(Debug)]
pub struct ProcessWatch {
    key: ProcessKey,
    handle: Handle,
}

#[derive(Debug)]
enum Handle {
    /// Readable once the process has ended.
    #[cfg(target_os = "linux")]
    Pidfd(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>),
    /// The system has no such handle (or the process may not be opened): look from time to time.
    Poll,
}

/// How the process behind `pidfd` ended or is ending; none while it lives.
#[cfg(target_os = "linux")]
pub(super) fn how(key: ProcessKey, pidfd: &impl std::os::fd::AsRawFd) -> Option<ExitKind> {
    let kind = proc::exited(key)?;
    let remembered = || super::fd::exit_status(pidfd).map(ExitKind::from_status);
    Some(if kind == ExitKind::Gone { remembered().unwrap_or(kind) } else { kind })
}

/// The same where the system has no such handles.
#[cfg(not(target_os = "linux"))]
pub(super) fn how(key: ProcessKey, _handle: &impl Sized) -> Option<ExitKind> {
    proc::exited(key)
}

/// How often to look where there is no handle to wait on.
const POLL: Duration = Duration::from_millis(250);

impl ProcessWatch {
    /// Watches the process `pid` that started at `start_time`; fails with `NotFound` when it is gone.
    pub fn open(pid: u32, start_time: u64) -> std::io::Result<Self> {
        let key = ProcessKey { pid, start_time };
        // The handle first, the check after it: a pid that is used again in between is noticed.
        let handle = Handle::open(pid)?;
        if proc::lives(key) {
            Ok(Self { key, handle })
        } else {
            Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("process {pid} is gone")))
        }
    }

    /// Which process.
    #[must_use]
    pub const fn key(&self) -> ProcessKey {
        self.key
    }

    /// How it ended or is ending; none while it lives. Says it even of one that was reaped, where the kernel
    /// remembers.
    #[must_use]
    pub fn how(&self) -> Option<ExitKind> {
        match &self.handle {
            #[cfg(target_os = "linux")]
            Handle::Pidfd(fd) => how(self.key, fd),
            Handle::Poll => proc::exited(self.key),
        }
    }

    /// Returns once the process has ended; at once when it had before. Can be called again.
    pub async fn exited(&self) -> ExitKind {
        #[cfg(target_os = "linux")]
        if let Handle::Pidfd(fd) = &self.handle {
            // A pidfd stays readable once it is; an error means that the runtime is going down.
            if fd.readable().await.is_ok() {
                return self.how().unwrap_or(ExitKind::Gone);
            }
        }
        loop {
            if let Some(kind) = proc::exited(self.key) {
                return kind;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Handle {
    #[cfg(target_os = "linux")]
    fn open(pid: u32) -> std::io::Result<Self> {
        use rustix::{
            io::Errno,
            process::{Pid, PidfdFlags, pidfd_open},
        };
        use tokio::io::Interest;

        use crate::transport::fd::wait_on;

        let gone = || std::io::Error::new(std::io::ErrorKind::NotFound, format!("process {pid} is gone"));
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
        match pidfd_open(raw, PidfdFlags::NONBLOCK) {
            Ok(fd) => Ok(Self::Pidfd(wait_on(fd, Interest::READABLE)?)),
            Err(Errno::SRCH) => Err(gone()),
            // An old kernel, or a sandbox that hides the call.
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Ok(Self::Poll),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open(_pid: u32) -> std::io::Result<Self> {
        Ok(Self::Poll)
    }
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "the test ends its processes")]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_kill_is_noticed_and_told_from_an_exit() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let key = proc::key(child.id()).unwrap();
        let watch = ProcessWatch::open(key.pid, key.start_time).unwrap();
        assert!(timeout(Duration::from_millis(50), watch.exited()).await.is_err());
        let began = Instant::now();
        child.kill().unwrap();
        assert_eq!(timeout(Duration::from_secs(2), watch.exited()).await.unwrap(), ExitKind::Killed(9));
        eprintln!("pidfd {:?} after kill -9", began.elapsed());
        child.wait().unwrap();
        // Reaped: told from memory, where the kernel has one.
        assert!(matches!(watch.exited().await, ExitKind::Killed(9) | ExitKind::Gone));
    }

    #[tokio::test]
    async fn the_fallback_notices_too() {
        let mut child = Command::new("sh").args(["-c", "sleep 0.2; exit 4"]).spawn().unwrap();
        let key = proc::key(child.id()).unwrap();
        let watch = ProcessWatch { key, handle: Handle::Poll };
        assert_eq!(timeout(Duration::from_secs(3), watch.exited()).await.unwrap(), ExitKind::Exited(4));
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_dead_or_reused_pid_is_not_found() {
        let key = proc::key(std::process::id()).unwrap();
        let reused = ProcessWatch::open(key.pid, key.start_time + 1).unwrap_err();
        assert_eq!(reused.kind(), std::io::ErrorKind::NotFound);
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(ProcessWatch::open(pid, 1).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod reaped {
    use super::*;

    /// Older kernels do not remember: then it is `Gone`, and never the wrong one of the two.
    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test's own child, ended here")]
    async fn a_process_that_was_reaped_still_says_how_it_ended() {
        for (script, kind) in [("read x; exit 3", ExitKind::Exited(3)), ("read x; kill -9 $$", ExitKind::Killed(9))] {
            let mut shell = std::process::Command::new("sh");
            let mut child = shell.args(["-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
            let key = proc::key(child.id()).unwrap();
            let watch = ProcessWatch::open(key.pid, key.start_time).unwrap();
            assert_eq!(watch.how(), None);
            drop(child.stdin.take());
            child.wait().unwrap();
            let how = watch.how().unwrap();
            println!("{script}: {how:?}");
            assert!(how == kind || how == ExitKind::Gone, "{script}: {how:?}");
        }
    }
}
