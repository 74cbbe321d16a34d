//! Where reports go. Never on the removal path: every method returns at once and cannot fail.

use time::OffsetDateTime;

use crate::{
    cleanup::{CleanupReport, Leftover},
    ids::{LeftoverId, SessionId},
    view::ClientView,
};

/// A session that is open, as a restart must know it.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSession {
    /// Its id.
    pub session: SessionId,
    /// Its name.
    pub name: Option<String>,
    /// Whose.
    pub client: ClientView,
    /// Since when.
    pub opened_at: OffsetDateTime,
}

/// The history. Implementations queue and write later: they are called under the lock of the sessions, so they
/// neither wait nor ask the manager anything.
pub trait HistoryPort: Send + Sync {
    /// A session was opened.
    fn opened(&self, session: OpenSession);

    /// A session ended; its open entry goes with the report.
    fn closed(&self, report: &CleanupReport);

    /// A leftover was found or tried again.
    fn leftover(&self, leftover: &Leftover);

    /// A leftover is gone; the report of its session gets `at` as its clearing time when it was the last.
    fn cleared(&self, leftover: &LeftoverId, session: Option<&SessionId>, at: OffsetDateTime);
}
