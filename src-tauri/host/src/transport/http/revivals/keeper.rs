//! Keeps what makes a client alive again.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ebb_core::{cleanup::Reason, ids::SessionId};
use futures::future::BoxFuture;
use parking_lot::{Condvar, Mutex};
use rmcp::transport::streamable_http_server::session::SessionState;
use time::OffsetDateTime;
use tokio::sync::watch;

use super::{
    file,
    held::{Held, Principal, Row},
    writer,
};

/// How long a start waits for the file.
const LOAD: Duration = Duration::from_secs(3);
/// How long the answer to a beginning or a goodbye waits until the file knows.
const WRITE: Duration = Duration::from_millis(500);
/// How long the end waits for the last writes.
const FLUSH: Duration = Duration::from_secs(3);

/// Finds out why a session ended.
pub(crate) type WhyEnded = Box<dyn Fn(SessionId) -> BoxFuture<'static, Option<Reason>> + Send + Sync>;

/// The clients that can be revived.
pub(crate) struct Revivals {
    inner: Arc<Inner>,
    path: Option<PathBuf>,
    why_ended: WhyEnded,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// What the writer shares.
pub(super) struct Inner {
    pub(super) held: Mutex<Held>,
    /// Something is to be written, or the host stops.
    pub(super) work: Condvar,
    pub(super) stopping: AtomicBool,
    written: watch::Sender<u64>,
    /// Whether the log knows that nothing can be written.
    failing: AtomicBool,
}

impl Inner {
    /// The file knows all changes up to this one.
    pub(super) fn wrote(&self, changes: u64) {
        self.failing.store(false, Ordering::Release);
        self.written.send_replace(changes);
    }

    pub(super) fn fails(&self, error: &str) {
        if !self.failing.swap(true, Ordering::AcqRel) {
            tracing::warn!(error, "HTTP clients are kept in memory only: they must begin anew when Ebb starts again");
        }
    }
}

impl Revivals {
    /// Reads who was here before; none where there is no `path`. Never fails: what cannot be read is said
    /// and left out.
    pub(crate) async fn open(path: Option<PathBuf>, why_ended: WhyEnded) -> Arc<Self> {
        let inner = Arc::new(Inner {
            held: Mutex::default(),
            work: Condvar::new(),
            stopping: AtomicBool::new(false),
            written: watch::Sender::new(0),
            failing: AtomicBool::new(false),
        });
        if let Some(path) = path.clone().filter(|path| path.exists()) {
            let into = Arc::clone(&inner);
            let load = tokio::task::spawn_blocking(move || {
                let rows = file::open(&path).and_then(|connection| Ok(file::read(&connection, now())?));
                match rows {
                    Ok(rows) => into.held.lock().load(rows),
                    Err(error) => into.fails(&error.to_string()),
                }
            });
            if tokio::time::timeout(LOAD, load).await.is_err() {
                tracing::warn!("the file of HTTP clients takes long to read; the start does not wait for it");
            }
            let found = inner.held.lock().len();
            tracing::debug!(found, "HTTP clients that can go on");
        }
        Arc::new(Self { inner, path, why_ended, writer: Mutex::default() })
    }

    /// Whether a client with this id can be revived.
    pub(crate) fn knows(&self, principal: &Principal, id: &str) -> bool {
        self.inner.held.lock().get(principal, id).is_some()
    }

    /// What the client with this id said when it began.
    pub(crate) fn state(&self, principal: &Principal, id: &str) -> Option<SessionState> {
        let mut held = self.inner.held.lock();
        let state = serde_json::from_str(&held.get(principal, id)?.state).ok();
        held.touch(id);
        state
    }

    /// Keeps what a client said when it began; its session stays what it was.
    pub(crate) async fn put(&self, principal: &Principal, id: &str, state: &SessionState) {
        let Ok(state) = serde_json::to_string(state) else { return };
        {
            let mut held = self.inner.held.lock();
            let before = held.get(principal, id);
            if before.is_some_and(|row| row.state == state) {
                return;
            }
            let session = before.and_then(|row| row.session.clone());
            if !held.put(id, Row { principal: principal.clone(), state, session, seen: now() }) {
                tracing::debug!("an HTTP client said too much about itself to be revived");
                return;
            }
        }
        self.written().await;
    }

    /// The session that the client has now, or had and does not know the end of.
    pub(crate) fn note(&self, id: &str, session: Option<&SessionId>) {
        if self.inner.held.lock().note(id, session, now()) {
            self.wake();
        }
    }

    /// The session that the client had and does not know the end of, and why it ended.
    pub(crate) async fn lost(&self, principal: &Principal, id: &str) -> Option<(SessionId, Reason)> {
        let session = self.inner.held.lock().get(principal, id)?.session.clone()?;
        // A session without a report was open in a host that could not write one.
        let reason = (self.why_ended)(session.clone()).await.unwrap_or(Reason::RecoveredAtStart);
        Some((session, reason))
    }

    /// The client is gone for good.
    pub(crate) fn forget(&self, id: &str) {
        if self.inner.held.lock().remove(id) {
            self.wake();
        }
    }

    /// Returns when the file knows everything so far, or cannot be written.
    pub(crate) async fn written(&self) {
        self.wake();
        let wanted = self.inner.held.lock().changes;
        let mut written = self.inner.written.subscribe();
        if self.path.is_some() && !self.inner.failing.load(Ordering::Acquire) {
            drop(tokio::time::timeout(WRITE, written.wait_for(|written| *written >= wanted)).await);
        }
    }

    /// Starts the writer at the first thing to write: a host without HTTP clients has neither thread nor file.
    fn wake(&self) {
        let Some(path) = self.path.clone() else { return };
        let mut writer = self.writer.lock();
        if writer.is_none() && !self.inner.stopping.load(Ordering::Acquire) {
            let inner = Arc::clone(&self.inner);
            let thread = std::thread::Builder::new().name("ebb-http-ids".to_owned());
            match thread.spawn(move || writer::run(&inner, &path)) {
                Ok(thread) => *writer = Some(thread),
                Err(error) => self.inner.fails(&error.to_string()),
            }
        }
        drop(writer);
        // Under the lock, so that it cannot fall between a look and the wait.
        let _held = self.inner.held.lock();
        self.inner.work.notify_all();
    }

    /// Writes what is left.
    pub(crate) async fn stop(&self) {
        {
            let _held = self.inner.held.lock();
            self.inner.stopping.store(true, Ordering::Release);
            self.inner.work.notify_all();
        }
        let Some(thread) = self.writer.lock().take() else { return };
        let joined = tokio::task::spawn_blocking(move || drop(thread.join()));
        if tokio::time::timeout(FLUSH, joined).await.is_err() {
            tracing::warn!("the file of HTTP clients could not be written before the end");
        }
    }
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
