//! The other side of `control.sock`: what the command line and the window hold.

use std::{
    collections::HashMap,
    io::ErrorKind,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use ebb_core::{Code, Error, Result, view::Snapshot};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    sync::{mpsc, oneshot},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Answer, Command, Numbered, Reply, Request, UiEvent, VERSION,
    feed::Events,
    lines::{LineReader, line, write_all},
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take; the host's own deadlines are shorter, but for leftovers.
const CALL: Duration = Duration::from_secs(30);
/// The same for trying leftovers again.
const LONG_CALL: Duration = Duration::from_secs(70);
/// The longest line the host may send: a page of 200 reports is below 2 MiB.
const LONGEST: usize = 16 * 1024 * 1024;
/// Nothing is idle for longer than this without meaning it; the connection's end is noticed anyway.
const IDLE: Duration = Duration::from_hours(365 * 24);
/// Requests that wait to be written.
const OUTGOING: usize = 32;
/// Events that may wait for a slow reader.
const EVENTS: usize = 1_024;

/// A connection to the host. Cheap to clone; it closes with the last clone and the last stream.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    lines: mpsc::Sender<Bytes>,
    _close: Arc<DropGuard>,
}

#[derive(Debug)]
struct Shared {
    next: AtomicU64,
    pending: Mutex<HashMap<u64, oneshot::Sender<Result<Reply>>>>,
    watcher: Mutex<Option<Watcher>>,
    closed: CancellationToken,
}

/// Where events go.
#[derive(Debug)]
struct Watcher {
    events: mpsc::Sender<Numbered>,
    lagged: Arc<AtomicBool>,
}

impl Client {
    /// Connects to the host that listens at `path`. An error means: none runs there that we may use.
    ///
    /// # Errors
    /// With the sentence to show and what to do next.
    pub async fn connect(path: &Path) -> Result<Self> {
        let not_running = |why: &str| {
            Error::new(Code::Internal, format!("Ebb is not running ({why}: {})", path.display()))
                .next("Start it from the app menu, or run `ebb serve`")
        };
        let stream = match tokio::time::timeout(CONNECT, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => return Err(not_running("no socket")),
            Ok(Err(error)) => return Err(not_running(&error.to_string())),
            Err(_) => {
                return Err(Error::new(Code::Timeout, "Ebb does not answer")
                    .next("Look at its log, or quit it and start it again"));
            }
        };
        // Whoever made this socket would see and answer everything: it must be us.
        let host = stream.peer_cred().map_err(|error| not_running(&error.to_string()))?.uid();
        if host != rustix::process::getuid().as_raw() {
            let message = format!("{} belongs to another user's program", path.display());
            return Err(Error::new(Code::Internal, message).next("Choose another place with --socket"));
        }
        Ok(Self::over(stream))
    }

    fn over<S: AsyncRead + AsyncWrite + Send + 'static>(stream: S) -> Self {
        let (reading, writing) = tokio::io::split(stream);
        let (lines, outgoing) = mpsc::channel(OUTGOING);
        let closed = CancellationToken::new();
        let shared = Arc::new(Shared {
            next: AtomicU64::new(1),
            pending: Mutex::default(),
            watcher: Mutex::default(),
            closed: closed.clone(),
        });
        let tasks = TaskTracker::new();
        let until = closed.clone();
        drop(tasks.spawn(async move {
            // Ended by either side: it is over.
            until.run_until_cancelled(write_all(writing, outgoing)).await;
            until.cancel();
        }));
        drop(tasks.spawn(read(reading, Arc::clone(&shared))));
        Self { shared, lines, _close: Arc::new(closed.drop_guard()) }
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.is_cancelled()
    }

    /// Asks, and waits for the answer, at most 30 s (70 s for leftovers).
    ///
    /// # Errors
    /// Those of the command; `timeout`; `shutting_down` where the host ended meanwhile.
    pub async fn call(&self, command: Command) -> Result<Reply> {
        let deadline = if command == Command::RetryLeftovers { LONG_CALL } else { CALL };
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let request = line(&Request { v: VERSION, id, command })
            .map_err(|error| Error::new(Code::Internal, format!("the command cannot be written: {error}")))?;
        let (sender, answer) = oneshot::channel();
        self.shared.pending.lock().insert(id, sender);
        // Also when this call is dropped: nothing of it stays behind.
        let _forget = Forget { shared: &self.shared, id };
        let work = async {
            self.lines.send(request).await.map_err(|_| ended())?;
            tokio::select! {
                biased;
                answer = answer => answer.unwrap_or_else(|_| Err(ended())),
                () = self.shared.closed.cancelled() => Err(ended()),
            }
        };
        match tokio::time::timeout(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(Code::Timeout, format!("Ebb did not answer within {} s", deadline.as_secs()))
                .next("Try again; if it goes on, look at its log")),
        }
    }

    /// The picture now, and everything that changes after it. The stream ends after
    /// [`UiEvent::Lagged`] and with the connection; subscribe anew then. A connection has one
    /// subscription: a second one ends the first.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn subscribe(&self) -> Result<(Snapshot, Events)> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let lagged = Arc::new(AtomicBool::new(false));
        *self.shared.watcher.lock() = Some(Watcher { events, lagged: Arc::clone(&lagged) });
        let Reply::Snapshot(snapshot) = self.call(Command::Subscribe).await? else {
            return Err(Error::new(Code::Internal, "Ebb answered something else")
                .next("Quit Ebb and start it again: it was updated"));
        };
        // The stream keeps the connection: whoever watches needs no other handle.
        Ok((*snapshot.clone(), watch(self.clone(), receiver, lagged, snapshot.seq)))
    }
}

struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.pending.lock().remove(&self.id);
    }
}

fn ended() -> Error {
    Error::new(Code::ShuttingDown, "Ebb ended before it answered").next("Start it again, then look at the history")
}

fn watch(client: Client, receiver: mpsc::Receiver<Numbered>, lagged: Arc<AtomicBool>, seq: u64) -> Events {
    let state = Some((client, receiver, lagged, seq));
    let events = futures::stream::unfold(state, |state| async {
        let (client, mut receiver, lagged, last) = state?;
        loop {
            return match receiver.recv().await {
                // Of an earlier subscription on this connection, and in the picture already.
                Some(event) if event.seq <= last => continue,
                Some(event) => {
                    let goes_on = event.event != UiEvent::Lagged;
                    let seq = event.seq;
                    Some((event, goes_on.then_some((client, receiver, lagged, seq))))
                }
                None if lagged.load(Ordering::Acquire) => {
                    Some((Numbered { seq: last + 1, event: UiEvent::Lagged }, None))
                }
                None => None,
            };
        }
    });
    events.boxed()
}

async fn read<R: AsyncRead + Unpin>(stream: R, shared: Arc<Shared>) {
    let mut lines = LineReader::new(stream, LONGEST);
    while let Some(next) = shared.closed.run_until_cancelled(lines.next(IDLE)).await {
        match next.map(|line| line.map(|line| serde_json::from_slice::<Answer>(&line))) {
            Ok(Some(Ok(answer))) => shared.take(answer),
            Ok(Some(Err(error))) => tracing::debug!(%error, "a line of the host is none of this version"),
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(%error, "the host's lines end");
                break;
            }
        }
    }
    shared.closed.cancel();
    shared.pending.lock().clear();
    *shared.watcher.lock() = None;
}

impl Shared {
    fn take(&self, answer: Answer) {
        match answer {
            Answer::Reply { id, reply } => self.answer(id, Ok(reply)),
            // Before any request was understood: it concerns whoever waits.
            Answer::Error { id: 0, error } => {
                let waiting: Vec<_> = self.pending.lock().drain().map(|(_, sender)| sender).collect();
                for sender in waiting {
                    drop(sender.send(Err(error.clone())));
                }
            }
            Answer::Error { id, error } => self.answer(id, Err(error)),
            Answer::Event(event) => {
                let mut watcher = self.watcher.lock();
                let full = watcher.as_ref().is_some_and(|watcher| {
                    let full = watcher.events.try_send(event).is_err();
                    watcher.lagged.fetch_or(full, Ordering::Release);
                    full
                });
                if full {
                    *watcher = None;
                }
            }
        }
    }

    fn answer(&self, id: u64, result: Result<Reply>) {
        // Nobody waits any more: it was given up.
        if let Some(sender) = self.pending.lock().remove(&id) {
            drop(sender.send(result));
        }
    }
}
