//! The store that needs nothing: payloads in memory, gone with the process.

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Chunk, CursorFreed, CursorStore, Found, Ledger, NewCursor, Payload, Span};
use crate::{
    Result,
    ids::{CursorId, InstanceId, SessionId},
    ports::Clock,
    settings::CursorSettings,
    view::CursorView,
};

/// Cursors in memory. A page is a slice of the one payload; released payloads are freed outside
/// the locks.
#[derive(Debug)]
pub struct MemoryStore {
    ledger: Ledger<Arc<Payload>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(settings: CursorSettings, clock: Arc<dyn Clock>) -> Self {
        Self { ledger: Ledger::new(settings, clock) }
    }
}

#[async_trait]
impl CursorStore for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn create(&self, session: &SessionId, gate: &CancellationToken, new: NewCursor) -> Result<CursorView> {
        let NewCursor { frozen, read } = new;
        let admitted = self.ledger.admit(session, gate, Arc::new(frozen.outline), frozen.payload, read)?;
        Ok(admitted.view)
    }

    fn find(&self, session: &SessionId, cursor: &CursorId) -> Result<Found> {
        self.ledger.find(session, cursor)
    }

    async fn read(&self, session: &SessionId, cursor: &CursorId, bytes: Range<u32>) -> Result<Chunk> {
        Ok(Chunk::shared(self.ledger.payload(session, cursor)?, bytes))
    }

    fn remember(&self, session: &SessionId, cursor: &CursorId, read: Span) -> Result<Duration> {
        self.ledger.renew(session, cursor, Some(read))
    }

    async fn close(&self, session: &SessionId, cursor: Option<&CursorId>) -> Result<CursorFreed> {
        Ok(self.ledger.close(session, cursor)?.freed)
    }

    async fn invalidate_session(&self, session: &SessionId) -> Result<CursorFreed> {
        Ok(self.ledger.invalidate(session).freed)
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
        Ok(self.ledger.owners())
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }

    async fn purge_instance(&self, _instance: &InstanceId) -> Result<CursorFreed> {
        // Another instance's memory went with its process.
        Ok(CursorFreed::default())
    }
}
