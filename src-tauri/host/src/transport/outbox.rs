//! The writing half of a stream: counts what waits, and can be cut off in the middle of a write.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    sync::{Mutex, Notify},
};
use tokio_util::sync::CancellationToken;

/// Where lines wait for their turn.
pub(super) struct Outbox {
    writer: Mutex<Box<dyn AsyncWrite + Send + Unpin>>,
    unsent: AtomicUsize,
    sent: Notify,
    cut: CancellationToken,
}

impl Outbox {
    /// Writes to `writer` until `cut`.
    pub(super) fn new(writer: Box<dyn AsyncWrite + Send + Unpin>, cut: CancellationToken) -> Self {
        Self { writer: Mutex::new(writer), unsent: AtomicUsize::new(0), sent: Notify::new(), cut }
    }

    /// Writes one line. It counts as waiting from this call on until the future ends or is dropped.
    pub(super) fn write(self: Arc<Self>, line: Vec<u8>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.unsent.fetch_add(line.len(), Ordering::AcqRel);
        let waiting = Waiting { bytes: line.len(), outbox: self };
        async move {
            let outbox = &waiting.outbox;
            let work = async {
                let mut writer = outbox.writer.lock().await;
                writer.write_all(&line).await?;
                writer.flush().await
            };
            tokio::select! {
                biased;
                () = outbox.cut.cancelled() => Err(io::ErrorKind::BrokenPipe.into()),
                written = work => {
                    if written.is_err() {
                        outbox.cut.cancel();
                    }
                    written
                }
            }
        }
    }

    /// Returns once at most `most` bytes wait.
    pub(super) async fn room(&self, most: usize) {
        loop {
            let sent = self.sent.notified();
            tokio::pin!(sent);
            // Registered before looking, so that no write ends in between unnoticed.
            sent.as_mut().enable();
            if self.unsent.load(Ordering::Acquire) <= most {
                return;
            }
            sent.await;
        }
    }

    /// Ends every write, also one in the middle.
    pub(super) fn close(&self) {
        self.cut.cancel();
    }
}

/// A line that waits.
struct Waiting {
    bytes: usize,
    outbox: Arc<Outbox>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.outbox.unsent.fetch_sub(self.bytes, Ordering::AcqRel);
        self.outbox.sent.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{io::AsyncReadExt as _, io::duplex, time::timeout};

    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn a_reader_that_does_not_read_is_seen_and_let_go() {
        let (ours, mut theirs) = duplex(8);
        let outbox = Arc::new(Outbox::new(Box::new(ours), CancellationToken::new()));
        let mut writes = tokio::task::JoinSet::new();
        writes.spawn(outbox.clone().write(vec![b'x'; 100]));
        writes.spawn(outbox.clone().write(vec![b'y'; 100]));
        assert!(timeout(SOON, outbox.room(150)).await.is_err());
        let mut bytes = [0; 100];
        theirs.read_exact(&mut bytes).await.unwrap();
        timeout(SOON, outbox.room(150)).await.unwrap();
        assert!(writes.join_next().await.unwrap().unwrap().is_ok());
        outbox.close();
        let second = timeout(SOON, writes.join_next()).await.unwrap().unwrap().unwrap();
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        timeout(SOON, outbox.room(0)).await.unwrap();
    }

    #[tokio::test]
    async fn a_write_that_is_never_polled_does_not_count_for_ever() {
        let (ours, _theirs) = duplex(8);
        let outbox = Arc::new(Outbox::new(Box::new(ours), CancellationToken::new()));
        let write = outbox.clone().write(vec![0; 10]);
        assert!(timeout(SOON, outbox.room(5)).await.is_err());
        drop(write);
        timeout(SOON, outbox.room(0)).await.unwrap();
    }
}
