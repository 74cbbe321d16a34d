//! The transport of 2024: an event stream that is the connection, and a place to post messages to.
//!
//! It is a stream like the local socket, in other clothes, so it is served as one: each event stream is one end
//! of a socket pair whose other end is a connection. Who is at the other end, when it is gone, how much may
//! wait for a reader that does not read: all that is the connection's business.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::Stream;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::Interval,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{listen::Caller, options::Told};
use crate::{
    tools::setups::Setup,
    transport::connection::{self, Shared},
};

/// Between two signs of life on a stream that has nothing to say; what stands between us and the client may
/// take a silent one for a dead one.
const COMMENT: Duration = Duration::from_secs(15);
/// How long a message may wait for a host that takes no more.
const TAKEN: Duration = Duration::from_secs(10);

/// All open event streams.
pub(super) struct EventStreams {
    shared: Shared,
    open: Mutex<HashMap<String, Arc<Open>>>,
    told: Option<Told>,
    tasks: TaskTracker,
}

/// One of them.
struct Open {
    up: tokio::sync::Mutex<OwnedWriteHalf>,
    over: CancellationToken,
}

impl EventStreams {
    pub(super) fn new(shared: Shared, told: Option<Told>, tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self { shared, open: Mutex::default(), told, tasks })
    }

    /// Begins a connection: its event stream, which says first where messages go.
    pub(super) fn open(self: &Arc<Self>, caller: &Caller, asked: Option<Arc<Setup>>) -> Response {
        let (Ok((ours, theirs)), Some(id)) = (UnixStream::pair(), random_id()) else {
            return (StatusCode::SERVICE_UNAVAILABLE, "No more connections").into_response();
        };
        let pid = caller.process.as_ref().and_then(|process| process.key()).map(|key| key.pid);
        let connection = connection::serve(ours, pid, Shared { asked, ..self.shared.clone() });
        self.tasks.spawn(async move { Box::pin(connection).await });
        let (down, up) = theirs.into_split();
        let over = CancellationToken::new();
        let open = Open { up: tokio::sync::Mutex::new(up), over: over.clone() };
        self.open.lock().insert(id.clone(), Arc::new(open));
        self.tell("create http session");
        let hello = format!("event: endpoint\ndata: /sse?sessionId={id}\n\n");
        let events = Events {
            down: BufReader::new(down),
            line: Vec::new(),
            first: Some(hello),
            comment: tokio::time::interval(COMMENT),
            here: Here { streams: Arc::clone(self), id, over },
        };
        let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache, no-transform")];
        (headers, Body::from_stream(events.stream())).into_response()
    }

    /// Passes a posted message on to its connection.
    pub(super) async fn post(&self, query: Option<&str>, body: Bytes) -> Response {
        let id = query.into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("sessionId="));
        let Some(id) = id else { return (StatusCode::BAD_REQUEST, "Missing sessionId").into_response() };
        let Some(open) = self.open.lock().get(id).cloned() else {
            return (StatusCode::NOT_FOUND, "Session not found").into_response();
        };
        if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
            return (StatusCode::BAD_REQUEST, "Invalid request").into_response();
        }
        // Between the tokens of JSON a line break is a blank; inside a string it cannot stand.
        let mut line: Vec<u8> =
            body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
        line.push(b'\n');
        let write = async {
            let mut up = open.up.lock().await;
            up.write_all(&line).await
        };
        tokio::select! {
            written = tokio::time::timeout(TAKEN, write) => match written {
                Ok(Ok(())) => (StatusCode::ACCEPTED, "Accepted").into_response(),
                Ok(Err(_)) => (StatusCode::NOT_FOUND, "Session not found").into_response(),
                Err(_) => {
                    // Half a line may be out, and nothing can follow it.
                    open.over.cancel();
                    (StatusCode::SERVICE_UNAVAILABLE, "Too many answers wait; read the event stream").into_response()
                }
            },
            () = open.over.cancelled() => (StatusCode::NOT_FOUND, "Session not found").into_response(),
        }
    }

    fn tell(&self, what: &str) {
        if let Some(told) = &self.told {
            told(what);
        }
    }
}

/// 128 random bits: whoever knows it can speak for the client.
fn random_id() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(data_encoding::HEXLOWER.encode(&bytes))
}

/// Ends the connection when the event stream is dropped.
struct Here {
    streams: Arc<EventStreams>,
    id: String,
    over: CancellationToken,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.over.cancel();
        self.streams.open.lock().remove(&self.id);
        self.streams.tell("delete http session");
    }
}

/// What goes down.
struct Events {
    down: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
    first: Option<String>,
    comment: Interval,
    here: Here,
}

impl Events {
    fn stream(self) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        futures::stream::unfold(self, |mut events| async move {
            let event = events.next().await?;
            Some((Ok(event), events))
        })
    }

    /// The next event; none at the end of the connection.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            // Its first tick comes at once.
            self.comment.tick().await;
            return Some(first.into());
        }
        let over = self.here.over.clone();
        tokio::select! {
            () = over.cancelled() => None,
            // What was read of a line stays when a comment comes first.
            read = self.down.read_until(b'\n', &mut self.line) => {
                read.ok()?;
                let line = std::mem::take(&mut self.line);
                // Without its end it is half a message, and nobody will finish it.
                line.ends_with(b"\n").then(|| [b"event: message\ndata: ", line.as_slice(), b"\n"].concat().into())
            }
            _ = self.comment.tick() => Some(Bytes::from_static(b": here\n\n")),
        }
    }
}
