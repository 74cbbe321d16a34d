//! Cursors in SQLite: one throw-away file a session, for results larger than memory should hold.
//!
//! Who owns what, and for how long, is in memory (the core's `Ledger`); a file holds bytes alone and
//! outlives nothing. Ending a session is forgetting it and unlinking its file: a lock, a damaged file,
//! a full disk or a busy writer can neither delay nor fail that. One thread writes, from a bounded
//! queue; reading takes ranges out of the file without loading the payload.

mod file;
mod files;
mod folder;
mod slot;
mod writer;

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use ebb_core::{
    Error, Result,
    cursors::{Chunk, CursorFreed, CursorStore, Found, Ledger, NewCursor, Span},
    ids::{CursorId, InstanceId, SessionId},
    ports::Clock,
    settings::CursorSettings,
    view::CursorView,
};
use tokio::{task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    file::ReadFailure,
    files::Files,
    slot::Slot,
    writer::{Refusal, Writer},
};
use super::status::{Status, unavailable};
use crate::run::{Guardian, RunDirs};

/// How long a result may wait to be written, its writing included.
const WRITE: Duration = Duration::from_secs(3);
/// How long a page may take.
const READ: Duration = Duration::from_secs(3);
/// How long unlinking a session's files may take; less than the removal's step has.
const UNLINK: Duration = Duration::from_millis(500);

/// Cursors in files below the run folder.
#[derive(Debug)]
pub struct SqliteStore {
    ledger: Ledger<Arc<Slot>>,
    files: Arc<Files>,
    writer: Writer,
    status: Arc<Status>,
}

impl SqliteStore {
    /// An empty store on its own, without a guardian. Its folder is made below `run_dir` with the first
    /// cursor and goes with the last.
    ///
    /// # Errors
    /// `StoreUnavailable` when the system gives no thread.
    pub fn new(
        settings: CursorSettings,
        clock: Arc<dyn Clock>,
        run_dir: PathBuf,
        instance: &InstanceId,
    ) -> Result<Self> {
        Self::within(settings, clock, RunDirs::new(run_dir, instance, Guardian::none()))
    }

    /// An empty store in the run directories of a host.
    pub(super) fn within(settings: CursorSettings, clock: Arc<dyn Clock>, run_dirs: Arc<RunDirs>) -> Result<Self> {
        let status = Arc::new(Status::new("sqlite".to_owned()));
        let files = Arc::new(Files::new(run_dirs));
        let writer = Writer::start(Arc::clone(&status))
            .map_err(|error| unavailable(&format!("its thread does not start: {error}")))?;
        Ok(Self { ledger: Ledger::new(settings, clock), files, writer, status })
    }

    pub(super) fn status(&self) -> &Arc<Status> {
        &self.status
    }

    fn refuse(&self, why: &str) -> Error {
        self.status.refused();
        unavailable(why)
    }
}

/// Takes a cursor out again that could not be finished, whichever way its creation ended.
struct Unfinished<'a> {
    store: &'a SqliteStore,
    session: &'a SessionId,
    cursor: Option<CursorId>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(cursor) = &self.cursor {
            // Gone already is as good; dropping the slots gives their rows back.
            drop(self.store.ledger.close(self.session, Some(cursor)));
        }
    }
}

#[async_trait]
impl CursorStore for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn create(&self, session: &SessionId, gate: &CancellationToken, new: NewCursor) -> Result<CursorView> {
        let NewCursor { frozen, read } = new;
        let payload = frozen.payload;
        let slot = Slot::new(&self.files, self.writer.queue(), session, payload.as_str().len());
        let slot = match timeout(WRITE, slot).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(error)) => {
                self.status.fails(&error.message);
                return Err(self.refuse(&error.message));
            }
            Err(_) => return Err(self.refuse("its folder does not answer")),
        };
        // The evicted ones give their rows back when they are dropped here.
        let view = self.ledger.admit(session, gate, Arc::new(frozen.outline), Arc::clone(&slot), read)?.view;
        let mut unfinished = Unfinished { store: self, session, cursor: Some(view.id.clone()) };
        let written = self
            .writer
            .queue()
            .write(slot, payload)
            .map_err(|Refusal::Full| self.refuse("too many results wait to be written to its files"))?;
        match timeout(WRITE, written).await {
            Ok(Ok(Ok(()))) => {}
            // The writer drops what nobody may have any more.
            Ok(Err(_)) => {
                self.ledger.confirm(gate)?;
                return Err(self.refuse("its writer ended"));
            }
            Ok(Ok(Err(why))) => return Err(self.refuse(&why)),
            Err(_) => return Err(self.refuse(&format!("its files take longer than {} s", WRITE.as_secs()))),
        }
        self.ledger.confirm(gate)?;
        unfinished.cursor = None;
        Ok(view)
    }

    fn find(&self, session: &SessionId, cursor: &CursorId) -> Result<Found> {
        self.ledger.find(session, cursor)
    }

    async fn read(&self, session: &SessionId, cursor: &CursorId, bytes: Range<u32>) -> Result<Chunk> {
        let slot = self.ledger.payload(session, cursor)?;
        let range = slot.clamp(bytes);
        let read = spawn_blocking(move || slot.read(range, READ));
        match timeout(READ, read).await {
            Ok(Ok(Ok(bytes))) => Ok(Chunk::fetched(bytes)),
            Ok(Ok(Err(ReadFailure::Gone(why)))) => {
                // Its session may have ended meanwhile: then it is unknown, not lost.
                let (released, told) = self.ledger.lose(session, cursor);
                if released.freed.count > 0 {
                    tracing::warn!(%session, why, "the file of a cursor lost its content");
                }
                Err(told)
            }
            Ok(Ok(Err(ReadFailure::Busy))) | Err(_) => {
                Err(unavailable(&format!("its files take longer than {} s", READ.as_secs())))
            }
            Ok(Err(error)) => Err(unavailable(&format!("reading was cut short: {error}"))),
        }
    }

    fn remember(&self, session: &SessionId, cursor: &CursorId, read: Span) -> Result<Duration> {
        self.ledger.renew(session, cursor, Some(read))
    }

    async fn close(&self, session: &SessionId, cursor: Option<&CursorId>) -> Result<CursorFreed> {
        Ok(self.ledger.close(session, cursor)?.freed)
    }

    async fn invalidate_session(&self, session: &SessionId) -> Result<CursorFreed> {
        let released = self.ledger.invalidate(session);
        let freed = released.freed;
        let doomed = self.files.doom(session);
        drop(released);
        if doomed.is_empty() {
            return Ok(freed);
        }
        let (files, session) = (Arc::clone(&self.files), session.clone());
        // Should the disk hang, the files stay doomed and the next try unlinks them.
        let unlinked = timeout(UNLINK, spawn_blocking(move || files.unlink(&session, doomed))).await;
        match unlinked {
            Ok(Ok(Ok(()))) => Ok(freed),
            Ok(Ok(Err(error))) => Err(unavailable(&format!("a file cannot be removed: {error}"))),
            Ok(Err(error)) => Err(unavailable(&format!("removing a file was cut short: {error}"))),
            Err(_) => Err(unavailable(&format!("a file is not removed within {} ms", UNLINK.as_millis()))),
        }
    }

    async fn sweep(&self) -> Result<CursorFreed> {
        Ok(self.ledger.sweep().freed)
    }

    fn usage_now(&self, session: Option<&SessionId>) -> CursorFreed {
        self.ledger.usage(session)
    }

    fn list(&self, session: &SessionId) -> Vec<CursorView> {
        self.ledger.list(session)
    }

    async fn owners(&self) -> Result<Vec<SessionId>> {
        let files = Arc::clone(&self.files);
        match timeout(READ, spawn_blocking(move || files.owners())).await {
            Ok(Ok(owners)) => owners.map_err(|error| unavailable(&format!("its folder cannot be read: {error}"))),
            Ok(Err(error)) => Err(unavailable(&error.to_string())),
            Err(_) => Err(unavailable("its folder does not answer")),
        }
    }

    async fn health(&self) -> Result<()> {
        let probe = async {
            let file = self.files.probe_file().await.map_err(|error| error.message)?;
            let files = Arc::clone(&self.files);
            let probed = spawn_blocking(move || files.probe(&file)).await;
            probed.unwrap_or_else(|error| Err(error.to_string()))
        };
        let why = match timeout(WRITE, probe).await {
            Ok(Ok(())) => {
                self.status.works();
                return Ok(());
            }
            Ok(Err(why)) => why,
            Err(_) => format!("its files take longer than {} s", WRITE.as_secs()),
        };
        self.status.fails(&why);
        Err(unavailable(&why))
    }

    async fn purge_instance(&self, _instance: &InstanceId) -> Result<CursorFreed> {
        // Its files lie in its run directory: the guardian and start-up reaping see to those.
        Ok(CursorFreed::default())
    }
}
