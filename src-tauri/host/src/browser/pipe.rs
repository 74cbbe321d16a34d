//! The DevTools protocol over Chromium's pipe: typed commands out, answers and events in.
//!
//! Messages are JSON ended by a NUL byte. Commands and answers are chromiumoxide's generated types;
//! the connection is ours, because the pipe is what ends Chromium when this process dies, and because
//! here every call has a deadline, every buffer a bound, and the end of the pipe is seen at once.

use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chromiumoxide::types::Command;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

/// How long an ordinary command may take.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// The largest message taken from Chromium, in bytes. What a page can make larger than this (a result, a line for the
/// console) is dropped; whoever asked for it is told.
pub(super) const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// Messages that wait for a Chromium that does not read.
const QUEUE: usize = 4_096;

/// Above this the receive buffer is given back after a message.
const KEEP_BUFFER: usize = 1024 * 1024;

/// Why a command has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CdpError {
    /// The pipe ended: Chromium is gone.
    #[error("the browser is gone")]
    Closed,
    /// No answer in time.
    #[error("{0} was not answered in time")]
    Timeout(String),
    /// The answer is larger than [`MAX_MESSAGE`].
    #[error("the answer is larger than {} MB", MAX_MESSAGE / 1024 / 1024)]
    TooLong,
    /// Chromium refused.
    #[error("{message}")]
    Refused {
        /// Chromium's words.
        message: String,
    },
    /// An answer of another shape than the protocol says.
    #[error("{0} was answered in an unknown form: {1}")]
    Shape(String, String),
}

impl CdpError {
    /// Whether the thing that was to be removed is gone already.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Refused { message } => [
                "Failed to find context",
                "No target with given id",
                "Session with given id not found",
                "Target closed",
            ]
            .iter()
            .any(|known| message.contains(known)),
            _ => false,
        }
    }
}

/// Receives events in the order Chromium sent them. Must not block: it runs in the reader.
pub(crate) trait EventSink: Send + Sync + 'static {
    /// One event; `session` is the flat DevTools session it belongs to, `params` its JSON.
    fn event(&self, session: Option<&str>, method: &str, params: &str);
}

type Waiting = oneshot::Sender<Result<Box<RawValue>, CdpError>>;

/// A connection to one Chromium. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) inner: Arc<Inner>,
}

/// What a connection is made of, whatever carries its messages.
pub(super) struct Inner {
    out: mpsc::Sender<Vec<u8>>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
    /// Fires at its end.
    pub(super) closed: CancellationToken,
    dropped: AtomicU64,
}

impl Inner {
    /// A connection, and the messages that are to be sent on it.
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<Vec<u8>>) {
        let (out, queue) = mpsc::channel(QUEUE);
        let (waiting, closed) = (Mutex::new(HashMap::new()), CancellationToken::new());
        (Arc::new(Self { out, waiting, next: AtomicU64::new(1), closed, dropped: AtomicU64::new(0) }), queue)
    }

    /// Nothing more comes: whoever waits is told.
    pub(super) fn end(&self) {
        self.closed.cancel();
        self.waiting.lock().clear();
    }
}

#[derive(Serialize)]
struct Outgoing<'a, P: Serialize> {
    id: u64,
    method: &'a str,
    params: &'a P,
    #[serde(rename = "sessionId", skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
}

#[derive(Deserialize)]
struct Incoming<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    method: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(rename = "sessionId", borrow)]
    session: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

/// Takes a waiting call out of the table when its caller goes away.
struct Forget<'a> {
    inner: &'a Inner,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.inner.waiting.lock().remove(&self.id);
    }
}

impl Connection {
    /// Connects to a Chromium that reads `write`'s other end and writes to `read`'s.
    ///
    /// # Errors
    /// When the descriptors are no pipes or the runtime has no room for them.
    pub(crate) fn open(
        read: OwnedFd,
        write: OwnedFd,
        sink: Arc<dyn EventSink>,
        tasks: &tokio_util::task::TaskTracker,
    ) -> std::io::Result<Self> {
        let read = pipe::Receiver::from_owned_fd(read)?;
        let write = pipe::Sender::from_owned_fd(write)?;
        let (inner, queue) = Inner::new();
        tasks.spawn(write_all(write, queue, inner.closed.clone()));
        tasks.spawn(read_all(read, Arc::clone(&inner), sink));
        Ok(Self { inner })
    }

    /// Sends a command and waits for its answer, at most [`CALL`].
    ///
    /// # Errors
    /// See [`CdpError`].
    pub(crate) async fn call<C: Command>(&self, session: Option<&str>, command: &C) -> Result<C::Response, CdpError> {
        self.call_within(session, command, CALL).await
    }

    /// Sends a command and waits for its answer, at most `deadline`.
    ///
    /// # Errors
    /// See [`CdpError`].
    pub(crate) async fn call_within<C: Command>(
        &self,
        session: Option<&str>,
        command: &C,
        deadline: Duration,
    ) -> Result<C::Response, CdpError> {
        let method = command.identifier();
        let raw = self.raw(session, &method, command, deadline).await?;
        serde_json::from_str(raw.get()).map_err(|error| CdpError::Shape(method.into_owned(), error.to_string()))
    }

    /// Sends a command without waiting: its answer is thrown away. Never blocks; a command that finds
    /// the queue of a silent Chromium full is dropped and counted.
    pub(crate) fn post<C: Command>(&self, session: Option<&str>, command: &C) {
        self.post_raw(session, &command.identifier(), command);
    }

    /// The same for a command by name.
    pub(crate) fn post_raw<P: Serialize>(&self, session: Option<&str>, method: &str, params: &P) {
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let Some(message) = encode(id, method, params, session) else { return };
        if self.inner.out.try_send(message).is_err() && !self.is_closed() {
            self.inner.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A command by name, for what the typed protocol does not model.
    ///
    /// # Errors
    /// See [`CdpError`].
    pub(crate) async fn raw<P: Serialize>(
        &self,
        session: Option<&str>,
        method: &str,
        params: &P,
        deadline: Duration,
    ) -> Result<Box<RawValue>, CdpError> {
        if self.is_closed() {
            return Err(CdpError::Closed);
        }
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let message = encode(id, method, params, session)
            .ok_or_else(|| CdpError::Shape(method.to_owned(), "the command cannot be written".to_owned()))?;
        let (answer, answered) = oneshot::channel();
        self.inner.waiting.lock().insert(id, answer);
        let _forget = Forget { inner: &self.inner, id };
        let exchange = async {
            self.inner.out.send(message).await.map_err(|_| CdpError::Closed)?;
            answered.await.unwrap_or(Err(CdpError::Closed))
        };
        tokio::select! {
            biased;
            result = exchange => result,
            () = self.inner.closed.cancelled() => Err(CdpError::Closed),
            () = tokio::time::sleep(deadline) => Err(CdpError::Timeout(method.to_owned())),
        }
    }

    /// Resolves when the connection ended.
    pub(crate) async fn closed(&self) {
        self.inner.closed.cancelled().await;
    }

    /// Whether the connection ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.closed.is_cancelled()
    }

    /// Ends the connection from this side; a Chromium at the other end of a pipe ends with it.
    pub(crate) fn close(&self) {
        self.inner.closed.cancel();
    }
}

fn encode<P: Serialize>(id: u64, method: &str, params: &P, session: Option<&str>) -> Option<Vec<u8>> {
    serde_json::to_vec(&Outgoing { id, method, params, session }).ok()
}

async fn write_all(mut pipe: pipe::Sender, mut queue: mpsc::Receiver<Vec<u8>>, closed: CancellationToken) {
    loop {
        let message = tokio::select! {
            message = queue.recv() => message,
            () = closed.cancelled() => None,
        };
        let Some(mut message) = message else { break };
        message.push(0);
        let written = tokio::select! {
            written = pipe.write_all(&message) => written,
            () = closed.cancelled() => break,
        };
        if written.is_err() {
            break;
        }
    }
    closed.cancel();
}

async fn read_all(mut pipe: pipe::Receiver, inner: Arc<Inner>, sink: Arc<dyn EventSink>) {
    let mut buffer: Vec<u8> = Vec::with_capacity(64 * 1024);
    let mut scanned = 0;
    // The rest of a message that is too long goes by.
    let mut skipping = false;
    loop {
        buffer.reserve(64 * 1024);
        let read = tokio::select! {
            read = pipe.read_buf(&mut buffer) => read,
            () = inner.closed.cancelled() => break,
        };
        match read {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let mut start = 0;
        while let Some(offset) = buffer[scanned..].iter().position(|byte| *byte == 0) {
            let end = scanned + offset;
            if !std::mem::take(&mut skipping) {
                deliver(&buffer[start..end], &inner, sink.as_ref());
            }
            start = end + 1;
            scanned = start;
        }
        buffer.drain(..start);
        scanned = buffer.len();
        if skipping || buffer.len() > MAX_MESSAGE {
            if !std::mem::replace(&mut skipping, true) {
                too_long(&buffer, &inner);
            }
            buffer.clear();
            scanned = 0;
        }
        if buffer.is_empty() && buffer.capacity() > KEEP_BUFFER {
            buffer = Vec::with_capacity(64 * 1024);
        }
    }
    inner.end();
}

/// Tells who waits for an answer that it is too long to be had; `beginning` is what came of it so far.
fn too_long(beginning: &[u8], inner: &Inner) {
    // Answers begin with their number, events with their method.
    let digits = beginning.strip_prefix(b"{\"id\":").unwrap_or_default();
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| u64::from(byte - b'0'));
    let id = digits.take(18).fold(0, |number, digit| number * 10 + digit);
    let waiting = inner.waiting.lock().remove(&id);
    tracing::warn!(answer = waiting.is_some(), "the browser sent a message beyond the limit; it is dropped");
    if let Some(waiting) = waiting {
        // The caller may have stopped waiting: then nobody needs to know.
        drop(waiting.send(Err(CdpError::TooLong)));
    }
}

/// Takes in one message: an answer goes to who waits for it, an event to `sink`.
pub(super) fn deliver(message: &[u8], inner: &Inner, sink: &dyn EventSink) {
    let Ok(text) = std::str::from_utf8(message) else { return };
    let Ok(incoming) = serde_json::from_str::<Incoming<'_>>(text) else {
        tracing::debug!(bytes = text.len(), "a message of the browser could not be read");
        return;
    };
    if let Some(id) = incoming.id {
        let Some(waiting) = inner.waiting.lock().remove(&id) else { return };
        let answer = match (incoming.error, incoming.result) {
            (Some(error), _) => Err(CdpError::Refused {
                message: serde_json::from_str::<Refusal>(error.get())
                    .map(|refusal| refusal.message)
                    .unwrap_or_default(),
            }),
            (None, Some(result)) => Ok(result.to_owned()),
            (None, None) => Err(CdpError::Refused { message: "no result".to_owned() }),
        };
        // The caller may have stopped waiting: then nobody needs the answer.
        drop(waiting.send(answer));
    } else if let Some(method) = incoming.method {
        sink.event(incoming.session.as_deref(), &method, incoming.params.map_or("{}", RawValue::get));
    }
}

#[cfg(test)]
mod tests {
    use chromiumoxide::cdp::browser_protocol::browser::GetVersionParams;
    use tokio_util::task::TaskTracker;

    use super::*;

    struct Ignore;
    impl EventSink for Ignore {
        fn event(&self, _: Option<&str>, _: &str, _: &str) {}
    }

    fn pair() -> (Connection, OwnedFd, OwnedFd) {
        let (from_browser, to_us) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let (from_us, to_browser) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let connection = Connection::open(from_browser, to_browser, Arc::new(Ignore), &TaskTracker::new()).unwrap();
        (connection, to_us, from_us)
    }

    #[tokio::test]
    async fn the_end_of_the_pipe_fails_every_call_at_once() {
        let (connection, to_us, _from_us) = pair();
        let calling = connection.clone();
        let call = async move { calling.call(None, &GetVersionParams::default()).await };
        let (result, ()) = tokio::join!(call, async { drop(to_us) });
        assert!(matches!(result, Err(CdpError::Closed)));
        assert!(connection.is_closed());
        assert!(connection.inner.waiting.lock().is_empty());
    }

    #[tokio::test]
    async fn a_message_beyond_the_limit_is_dropped_and_the_connection_goes_on() {
        let (connection, to_us, _from_us) = pair();
        let mut pipe = pipe::Sender::from_owned_fd(to_us).unwrap();
        let calling = connection.clone();
        let (first, second) = (GetVersionParams::default(), GetVersionParams::default());
        let calls = async {
            let first = calling.call(None, &first).await;
            (first, calling.raw(None, "Any.thing", &second, CALL).await)
        };
        let browser = async {
            pipe.write_all(b"{\"id\":1,\"result\":{\"product\":\"").await.unwrap();
            let chunk = vec![b'x'; 1024 * 1024];
            for _ in 0..=MAX_MESSAGE / chunk.len() {
                pipe.write_all(&chunk).await.unwrap();
            }
            pipe.write_all(b"\"}}\0").await.unwrap();
            while calling.inner.waiting.lock().is_empty() {
                tokio::task::yield_now().await;
            }
            pipe.write_all(b"{\"id\":2,\"result\":{}}\0").await.unwrap();
        };
        let ((first, second), ()) = tokio::join!(calls, browser);
        assert!(matches!(first, Err(CdpError::TooLong)), "{first:?}");
        assert_eq!(second.map(|raw| raw.get().to_owned()).unwrap(), "{}");
        assert!(!connection.is_closed());
    }

    #[tokio::test]
    async fn a_silent_browser_is_answered_for_at_the_deadline_and_nothing_waits_on() {
        let (connection, _to_us, _from_us) = pair();
        let result = connection.call_within(None, &GetVersionParams::default(), Duration::from_millis(20)).await;
        assert!(matches!(result, Err(CdpError::Timeout(_))));
        assert!(connection.inner.waiting.lock().is_empty());
    }
}
