//! The reading half of an MCP stream: takes the hello off, bounds lines, and tells when the client
//! first spoke and when it stopped sending.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::hello::Hello;

/// The longest line a client may send.
pub const MAX_LINE: usize = 16 * 1024 * 1024;
/// The longest hello; a longer first line is left to MCP.
const MAX_HELLO: usize = 64 * 1024;
/// How much of a line is looked at to tell a message from noise.
const JUDGED: usize = 64 * 1024;

/// What is known about a stream's input while somebody else reads it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Input {
    lines: Arc<AtomicU64>,
    spoke: CancellationToken,
    ended: CancellationToken,
}

impl Input {
    /// Complete lines so far, the hello not counted.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Whether a complete JSON-RPC message has come.
    #[must_use]
    pub fn has_spoken(&self) -> bool {
        self.spoke.is_cancelled()
    }

    /// Returns when the first complete JSON-RPC message has come.
    pub async fn spoke(&self) {
        self.spoke.cancelled().await;
    }

    /// Returns when the peer has stopped sending: end of file, an error, or a line that is too long.
    /// Whether it still waits for answers, [`super::hangup::HangUp`] knows.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Returns when the client has said nothing complete for `limit`; never once it has spoken.
    pub async fn silent_for(&self, limit: Duration) {
        if tokio::time::timeout(limit, self.spoke()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    }
}

/// A stream's reading half that counts lines as they pass. No byte is changed or held back.
#[derive(Debug)]
pub struct Lines<R> {
    inner: R,
    /// Read before the hello was told from MCP; served first.
    prefix: Vec<u8>,
    /// How much of `prefix` has been served.
    served: usize,
    /// Length of the line that is coming in.
    line: usize,
    /// Its beginning, kept only until the client has spoken.
    begin: Vec<u8>,
    input: Input,
}

/// Reads the first line of `stream`, at most until `deadline`, and takes it off when it is a hello.
/// Anything else, half a line included, is left for the reader.
pub async fn read_hello<R: AsyncRead + Unpin>(mut stream: R, deadline: Instant) -> (Option<Hello>, Lines<R>) {
    let mut prefix = Vec::with_capacity(1024);
    let first_line = async {
        while !prefix.contains(&b'\n') && prefix.len() < MAX_HELLO {
            // `read_buf` loses nothing when the deadline drops it.
            match stream.read_buf(&mut prefix).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    // A deadline that passes is no error here: whoever stays silent is found by `Input::silent_for`.
    let in_time = tokio::time::timeout_at(deadline, first_line).await;
    drop(in_time);
    let end = prefix.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
    let hello = end.and_then(|end| Hello::parse(prefix.get(..end)?));
    let served = if hello.is_some() { end.unwrap_or_default() } else { 0 };
    (hello, Lines { inner: stream, prefix, served, line: 0, begin: Vec::new(), input: Input::default() })
}

impl<R> Lines<R> {
    /// What can be known of this input elsewhere.
    #[must_use]
    pub fn input(&self) -> Input {
        self.input.clone()
    }

    /// Notes bytes on their way to the reader.
    fn note(&mut self, bytes: &[u8]) -> io::Result<()> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line += part.len();
            if !self.input.has_spoken() {
                let room = JUDGED.saturating_sub(self.begin.len());
                self.begin.extend_from_slice(part.get(..room).unwrap_or(part));
            }
            if self.line > MAX_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line longer than 16 MiB"));
            }
            if part.ends_with(b"\n") {
                self.input.lines.fetch_add(1, Ordering::Relaxed);
                if !self.input.has_spoken() && is_message(&self.begin, self.line) {
                    self.input.spoke.cancel();
                    self.begin = Vec::new();
                }
                self.begin.clear();
                self.line = 0;
            }
        }
        Ok(())
    }

    fn end(&self) {
        self.input.ended.cancel();
    }
}

/// Whether a line is a JSON-RPC message. Of a long one only the beginning is here and is believed.
fn is_message(begin: &[u8], length: usize) -> bool {
    #[derive(serde::Deserialize)]
    struct Message {
        jsonrpc: String,
    }
    if begin.len() < length {
        return begin.trim_ascii_start().starts_with(b"{");
    }
    serde_json::from_slice::<Message>(begin).is_ok_and(|message| message.jsonrpc == "2.0")
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if this.served < this.prefix.len() {
            let left = this.prefix.get(this.served..).unwrap_or_default();
            let count = left.len().min(buffer.remaining());
            buffer.put_slice(left.get(..count).unwrap_or_default());
            this.served += count;
            if this.served == this.prefix.len() {
                this.prefix = Vec::new();
                this.served = 0;
            }
        } else {
            match Pin::new(&mut this.inner).poll_read(context, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    this.end();
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(())) => {}
            }
        }
        let Some(new) = buffer.filled().get(before..) else { return Poll::Ready(Ok(())) };
        if new.is_empty() && buffer.remaining() > 0 {
            this.end();
            return Poll::Ready(Ok(()));
        }
        let noted = this.note(new);
        if noted.is_err() {
            this.end();
        }
        Poll::Ready(noted)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test waits for its task")]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    const MESSAGE: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
    const SOON: Duration = Duration::from_millis(100);

    fn deadline() -> Instant {
        Instant::now() + SOON
    }

    async fn all(mut lines: Lines<impl AsyncRead + Unpin>) -> Vec<u8> {
        let mut bytes = Vec::new();
        lines.read_to_end(&mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn a_hello_is_taken_off_and_the_rest_stays() {
        let hello = Hello { version: "1".to_owned(), ..Hello::default() };
        let stream = [&hello.to_line()[..], MESSAGE, b"half a li"].concat();
        let (found, lines) = read_hello(&stream[..], deadline()).await;
        assert_eq!(found, Some(hello));
        let input = lines.input();
        assert_eq!(all(lines).await, [MESSAGE, b"half a li"].concat());
        assert_eq!(input.lines(), 1);
        assert!(input.has_spoken());
    }

    #[tokio::test]
    async fn without_a_hello_nothing_is_lost() {
        for stream in [MESSAGE, b"", b"\n\n", b"no newline"] {
            let (found, lines) = read_hello(stream, deadline()).await;
            assert_eq!(found, None);
            assert_eq!(all(lines).await, stream);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_line_is_not_waited_for_and_not_lost() {
        let (mut client, server) = duplex(1024);
        client.write_all(&MESSAGE[..5]).await.unwrap();
        let (found, lines) = read_hello(server, deadline()).await;
        assert_eq!(found, None);
        client.write_all(&MESSAGE[5..]).await.unwrap();
        drop(client);
        assert_eq!(all(lines).await, MESSAGE);
    }

    #[tokio::test(start_paused = true)]
    async fn noise_is_not_speech_and_silence_is_noticed() {
        let (mut client, server) = duplex(1024);
        client.write_all(b"GET / HTTP/1.1\n\n{}\n[1]\n").await.unwrap();
        let (_, lines) = read_hello(server, deadline()).await;
        let input = lines.input();
        let reader = tokio::spawn(all(lines));
        tokio::time::timeout(Duration::from_secs(11), input.silent_for(Duration::from_secs(10))).await.unwrap();
        assert_eq!(input.lines(), 4);
        client.write_all(MESSAGE).await.unwrap();
        input.spoke().await;
        let silent = input.silent_for(Duration::from_secs(10));
        assert!(tokio::time::timeout(Duration::from_mins(1), silent).await.is_err());
        drop(client);
        input.ended().await;
        reader.await.unwrap();
    }

    #[tokio::test]
    async fn the_end_of_file_is_told_once_everything_is_read() {
        let (mut client, server) = duplex(1024);
        let (_, mut lines) = read_hello(server, deadline()).await;
        let input = lines.input();
        client.write_all(MESSAGE).await.unwrap();
        client.shutdown().await.unwrap();
        let mut bytes = vec![0; MESSAGE.len()];
        lines.read_exact(&mut bytes).await.unwrap();
        assert!(tokio::time::timeout(SOON, input.ended()).await.is_err());
        assert_eq!(lines.read(&mut bytes).await.unwrap(), 0);
        input.ended().await;
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_off() {
        let (_, mut lines) = read_hello(tokio::io::repeat(b'x'), deadline()).await;
        let input = lines.input();
        let mut buffer = vec![0; 256 * 1024];
        let mut read = 0;
        let error = loop {
            match lines.read(&mut buffer).await {
                Ok(count) => read += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!((MAX_LINE - 256 * 1024..=MAX_LINE).contains(&read));
        assert!(lines.begin.capacity() <= 2 * JUDGED);
        input.ended().await;
    }

    #[tokio::test]
    async fn a_long_first_message_counts() {
        let text = "x".repeat(200 * 1024);
        let stream = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"params\":\"{text}\"}}\n");
        let (_, lines) = read_hello(stream.as_bytes(), deadline()).await;
        let input = lines.input();
        assert_eq!(all(lines).await.len(), stream.len());
        assert!(input.has_spoken());
    }
}
