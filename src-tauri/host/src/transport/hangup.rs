//! Knows when the peer of a stream is gone, even while nobody reads from it.
//!
//! A hang-up (the peer closed both ways, or died) is not the same as an end of file: a peer that only
//! stops sending still waits for its answers.

use std::os::fd::{AsFd, OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

use super::fd::wait_on;

/// Waits for hang-ups of one stream.
#[derive(Debug)]
pub struct HangUp {
    fd: AsyncFd<OwnedFd>,
}

impl HangUp {
    // Linux reports hang-ups and errors whatever is asked for. Asking for urgent data only, which these
    // streams never carry, leaves exactly those: no wake-up per message, none at a half-close.
    #[cfg(target_os = "linux")]
    const REGISTERED: Interest = Interest::PRIORITY;
    // Not part of the registration: there the runtime turns it into "readable".
    #[cfg(target_os = "linux")]
    const AWAITED: Interest = Interest::PRIORITY.add(Interest::ERROR);
    #[cfg(not(target_os = "linux"))]
    const REGISTERED: Interest = Interest::WRITABLE;
    #[cfg(not(target_os = "linux"))]
    const AWAITED: Interest = Interest::WRITABLE;

    /// Watches a duplicate of `stream`, so that its owner may read, write, split or drop it as it likes.
    pub fn of(stream: impl AsFd) -> std::io::Result<Self> {
        let fd = stream.as_fd().try_clone_to_owned()?;
        Ok(Self { fd: wait_on(fd, Self::REGISTERED)? })
    }

    /// Returns once the peer has closed both ways, never for a half-close. Can be called again.
    pub async fn hung_up(&self) {
        loop {
            // An error here means that the runtime is going down: then nobody is served any more.
            let Ok(mut guard) = self.fd.ready(Self::AWAITED).await else { return };
            let ready = guard.ready();
            // Asked for nothing readable, "read closed" can only be the full hang-up.
            if ready.is_write_closed() || ready.is_error() || (cfg!(target_os = "linux") && ready.is_read_closed()) {
                return;
            }
            guard.clear_ready();
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test waits for its task and ends its process")]
mod tests {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
        time::timeout,
    };

    use super::*;

    const SOON: Duration = Duration::from_millis(150);

    #[tokio::test]
    async fn a_full_close_is_noticed_while_nobody_reads() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let watch = HangUp::of(&ours).unwrap();
        theirs.write_all(b"unread").await.unwrap();
        assert!(timeout(SOON, watch.hung_up()).await.is_err(), "the peer is here");
        drop(theirs);
        timeout(SOON, watch.hung_up()).await.unwrap();
        timeout(SOON, watch.hung_up()).await.unwrap();
    }

    #[tokio::test]
    async fn a_hang_up_before_the_watch_is_noticed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        timeout(SOON, HangUp::of(&ours).unwrap().hung_up()).await.unwrap();
    }

    #[tokio::test]
    async fn a_half_close_is_no_hang_up() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let watch = HangUp::of(&ours).unwrap();
        theirs.write_all(b"last").await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut all = Vec::new();
        ours.read_to_end(&mut all).await.unwrap();
        assert!(timeout(SOON, watch.hung_up()).await.is_err(), "it still waits for answers");
        ours.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        theirs.read_exact(&mut answer).await.unwrap();
        assert!(timeout(SOON, watch.hung_up()).await.is_err(), "it still waits for answers");
        drop(theirs);
        timeout(SOON, watch.hung_up()).await.unwrap();
    }

    #[tokio::test]
    async fn traffic_does_not_wake_the_watch() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let watch = HangUp::of(&ours).unwrap();
        let polls = std::cell::Cell::new(0_u32);
        let mut hung_up = Box::pin(watch.hung_up());
        let counted = std::future::poll_fn(|context| {
            polls.set(polls.get() + 1);
            hung_up.as_mut().poll(context)
        });
        let traffic = async {
            let mut buffer = vec![0; 64 * 1024];
            for _ in 0..500 {
                ours.write_all(&buffer).await.unwrap();
                theirs.read_exact(&mut buffer).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = counted => panic!("nobody hung up"),
            () = traffic => {}
        }
        // Being polled along with the other branch counts here too; a busy loop would be far above.
        assert!(polls.get() < 20_000, "{} polls", polls.get());
    }

    #[tokio::test]
    async fn an_idle_watch_costs_nothing() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let watch = HangUp::of(&ours).unwrap();
        let wakes = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counter = wakes.clone();
        let task = tokio::spawn(async move {
            let mut hung_up = Box::pin(watch.hung_up());
            std::future::poll_fn(|context| {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                hung_up.as_mut().poll(context)
            })
            .await;
        });
        let mut buffer = vec![0; 64 * 1024];
        for _ in 0..500 {
            ours.write_all(&buffer).await.unwrap();
            theirs.read_exact(&mut buffer).await.unwrap();
        }
        assert!(wakes.load(std::sync::atomic::Ordering::Relaxed) <= 3, "woken by traffic");
        drop(theirs);
        timeout(SOON, task).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_killed_process_is_noticed() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = UnixStream::from_std(ours).unwrap();
        let theirs = OwnedFd::from(theirs);
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(theirs)).spawn().unwrap();
        let watch = HangUp::of(&ours).unwrap();
        assert!(timeout(SOON, watch.hung_up()).await.is_err());
        let began = Instant::now();
        child.kill().unwrap();
        timeout(Duration::from_secs(2), watch.hung_up()).await.unwrap();
        eprintln!("hang-up {:?} after kill -9", began.elapsed());
        child.wait().unwrap();
    }
}
