//! Lines of JSON in both directions, each bounded in length and time.

use std::{io, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::Instant,
};

/// How long a line may take from its first byte to its last.
const LINE: Duration = Duration::from_secs(10);
/// How long the other side may take to read one line.
const WRITE: Duration = Duration::from_secs(10);

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLine {
    #[error("nothing came for a while")]
    Idle,
    #[error("a line did not end in time")]
    Slow,
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads lines. Dropping a read loses nothing.
#[derive(Debug)]
pub(super) struct LineReader<R> {
    stream: R,
    buffer: BytesMut,
    longest: usize,
    /// When the line that is coming in has to be complete.
    deadline: Option<Instant>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(super) fn new(stream: R, longest: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), longest, deadline: None }
    }

    /// The next line without its end; none at the end of the stream. Half a line at the end is no line.
    pub(super) async fn next(&mut self, idle: Duration) -> Result<Option<Bytes>, NoLine> {
        let idle = Instant::now() + idle;
        let mut seen = 0;
        loop {
            let end = self.buffer.get(seen..).and_then(|new| new.iter().position(|byte| *byte == b'\n'));
            if let Some(end) = end {
                let line = self.buffer.split_to(seen + end + 1).freeze();
                // What follows was sent by a client that has time: its clock starts now.
                self.deadline = (!self.buffer.is_empty()).then(|| Instant::now() + LINE);
                if line.len() > self.longest {
                    return Err(NoLine::TooLong(self.longest));
                }
                return Ok(Some(line.slice(..line.len() - 1)));
            }
            seen = self.buffer.len();
            if seen >= self.longest {
                return Err(NoLine::TooLong(self.longest));
            }
            if seen > 0 {
                self.deadline.get_or_insert_with(|| Instant::now() + LINE);
            }
            self.buffer.reserve(4_096);
            let read = self.stream.read_buf(&mut self.buffer);
            match tokio::time::timeout_at(self.deadline.unwrap_or(idle), read).await {
                Ok(Ok(0)) => return Ok(None),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if self.deadline.is_some() => return Err(NoLine::Slow),
                Err(_) => return Err(NoLine::Idle),
            }
        }
    }
}

/// One line, its end included.
pub(super) fn line(value: &impl Serialize) -> serde_json::Result<Bytes> {
    let mut line = BytesMut::new().writer();
    serde_json::to_writer(&mut line, value)?;
    let mut line = line.into_inner();
    line.put_u8(b'\n');
    Ok(line.freeze())
}

/// Writes what comes until nothing comes any more or the other side does not read.
pub(super) async fn write_all<W: AsyncWrite + Unpin>(mut stream: W, mut lines: mpsc::Receiver<Bytes>) {
    while let Some(line) = lines.recv().await {
        match tokio::time::timeout(WRITE, stream.write_all(&line)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return tracing::debug!(%error, "the other side of a control connection is gone"),
            Err(_) => return tracing::debug!("the other side of a control connection does not read"),
        }
    }
    drop(stream.shutdown().await);
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn lines_come_whole_and_half_a_line_is_none() -> Result<(), NoLine> {
        let mut reader = LineReader::new(&b"one\n\ntwo\nhalf"[..], 100);
        for expected in ["one", "", "two"] {
            assert_eq!(reader.next(IDLE).await?.as_deref(), Some(expected.as_bytes()));
        }
        assert_eq!(reader.next(IDLE).await?, None);
        Ok(())
    }

    #[tokio::test]
    async fn a_line_too_long_is_refused_with_and_without_an_end() {
        for text in [&[b'x'; 5_000][..], b"0123456789ab\n"] {
            let read = LineReader::new(text, 10).next(IDLE).await;
            assert!(matches!(read, Err(NoLine::TooLong(10))));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_line_has_a_deadline_that_more_bytes_do_not_move() -> Result<(), NoLine> {
        let (mut client, server) = tokio::io::duplex(64);
        let mut reader = LineReader::new(server, 1_000);
        let trickle = async {
            for _ in 0..100 {
                drop(client.write_all(b"x").await);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let began = Instant::now();
        tokio::select! {
            read = reader.next(IDLE) => assert!(matches!(read, Err(NoLine::Slow))),
            () = trickle => unreachable!("the reader gives up first"),
        }
        assert_eq!(began.elapsed(), LINE);
        let (_client, server) = tokio::io::duplex(64);
        assert!(matches!(LineReader::new(server, 9).next(IDLE).await, Err(NoLine::Idle)));
        Ok(())
    }
}
