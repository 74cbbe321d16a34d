//! What a browser says on standard error: drained so that it never blocks, the end kept for messages.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

/// Bytes that are kept.
const KEPT: usize = 4 * 1024;

/// Characters of a line that people are shown.
const SHOWN: usize = 300;

/// The last words of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastWords {
    kept: Arc<Mutex<VecDeque<u8>>>,
    ended: CancellationToken,
}

impl LastWords {
    /// Reads `stream` to its end.
    #[expect(clippy::disallowed_methods, reason = "ends by itself with the standard error that it reads")]
    pub(crate) fn of(mut stream: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let words = Self::default();
        let (kept, ended) = (Arc::clone(&words.kept), words.ended.clone().drop_guard());
        tokio::spawn(async move {
            let mut chunk = [0_u8; 1024];
            while let Ok(read @ 1..) = stream.read(&mut chunk).await {
                let mut kept = kept.lock();
                kept.extend(&chunk[..read]);
                let excess = kept.len().saturating_sub(KEPT);
                kept.drain(..excess);
            }
            drop(ended);
        });
        words
    }

    /// Waits for the end of what it says, at most `patience`: a process is often gone before its last line
    /// is read.
    pub(crate) async fn ended(&self, patience: Duration) {
        drop(tokio::time::timeout(patience, self.ended.cancelled()).await);
    }

    /// The end of the last line that says something, cleaned of control characters; none if it was silent.
    pub(crate) fn line(&self) -> Option<String> {
        let kept: Vec<u8> = self.kept.lock().iter().copied().collect();
        let text = String::from_utf8_lossy(&kept);
        let lines = text.lines().rev().map(|line| ebb_core::sessions::clean_text(line, KEPT));
        let line = lines.into_iter().find(|line| !line.trim().is_empty())?;
        let excess = line.chars().count().saturating_sub(SHOWN);
        Some(line.chars().skip(excess).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_line_counts_and_little_is_kept() {
        let mut said = b"noise \xff\x00 \n".repeat(10_000);
        said.extend_from_slice(&b"no line break".repeat(100));
        said.extend_from_slice(b"the \x1b[31mreal\x1b[0m reason\n \n\n");
        let words = LastWords::of(std::io::Cursor::new(said));
        words.ended(Duration::from_secs(5)).await;
        assert!(words.kept.lock().len() <= KEPT);
        let line = words.line().unwrap();
        assert!(line.contains("real") && line.ends_with("reason"), "{line}");
        assert_eq!(line.chars().count(), SHOWN);
        assert!(!line.contains('\x1b'), "{line:?}");
    }

    #[tokio::test]
    async fn silence_has_no_last_line() {
        let words = LastWords::of(tokio::io::empty());
        words.ended(Duration::from_secs(5)).await;
        assert_eq!(words.line(), None);
    }
}
