//! The contract of every cursor store: memory here, SQLite and Redis in the host.

use std::{
    ops::{AddAssign, Range},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Frozen, Outline, Payload, Span};
use crate::{
    Result,
    ids::{CursorId, InstanceId, SessionId},
    view::CursorView,
};

/// How many cursors and bytes: freed by an operation, or held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CursorFreed {
    /// Cursors.
    pub count: u32,
    /// Bytes, exact: payload and index, see [`Outline::bytes`].
    pub bytes: u64,
}

impl AddAssign for CursorFreed {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// A cursor to be made.
#[derive(Debug)]
pub struct NewCursor {
    /// The whole result.
    pub frozen: Frozen,
    /// The part that the first page shows.
    pub read: Span,
}

/// A cursor as its owner finds it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its content, but for the bytes.
    pub outline: Arc<Outline>,
    /// The range read last.
    pub last: Span,
    /// How long it lives if nobody reads it.
    pub expires_in: Duration,
}

/// A piece of a payload, whole characters only.
#[derive(Debug, Clone)]
pub struct Chunk(Bytes);

#[derive(Debug, Clone)]
enum Bytes {
    Shared(Arc<Payload>, Range<usize>),
    Owned(String),
}

impl Chunk {
    /// A piece of a payload in memory, without copying it. Ends that lie inside a character, or
    /// outside the payload, move inwards.
    #[must_use]
    pub fn shared(payload: Arc<Payload>, bytes: Range<u32>) -> Self {
        let text = payload.as_str();
        let mut start = (bytes.start as usize).min(text.len());
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let end = text.floor_char_boundary(bytes.end as usize).max(start);
        Self(Bytes::Shared(payload, start..end))
    }

    /// A piece that a store fetched. Ends that lie inside a character move inwards.
    #[must_use]
    pub fn fetched(mut bytes: Vec<u8>) -> Self {
        let broken = bytes.iter().take_while(|byte| (0x80..=0xBF).contains(*byte)).count();
        bytes.drain(..broken);
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let whole = error.utf8_error().valid_up_to();
                let mut bytes = error.into_bytes();
                bytes.truncate(whole);
                String::from_utf8(bytes).unwrap_or_default()
            }
        };
        Self(Bytes::Owned(text))
    }

    /// The piece.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Bytes::Shared(payload, range) => &payload.as_str()[range.clone()],
            Bytes::Owned(text) => text,
        }
    }
}

/// Keeps cursors. Outlines live in memory whatever the store (the [`Ledger`](super::Ledger) does
/// that for each of them); a store adds where the payload's bytes are.
///
/// Every method is cancel-safe, holds no lock across an await and has a deadline of its own. Nobody
/// but the owning session can learn anything about a cursor: to all others it is `cursor_unknown`.
#[async_trait]
pub trait CursorStore: Send + Sync {
    /// What the dashboard calls it: `memory`, `sqlite`, `redis`.
    fn kind(&self) -> &'static str;

    /// Keeps a result. Over a cap of the session its own least recently read cursors make room.
    ///
    /// `gate` is cancelled when the session begins to close. It is looked at under the lock that
    /// [`invalidate_session`](Self::invalidate_session) takes, so nothing appears after that.
    ///
    /// # Errors
    /// `SessionEnded` once the gate is cancelled, `LimitReached` when the result alone is over the
    /// session's budget or over what is left of the budget of all, `StoreUnavailable`.
    async fn create(&self, session: &SessionId, gate: &CancellationToken, new: NewCursor) -> Result<CursorView>;

    /// Looks a cursor up, from memory, without renewing it.
    ///
    /// # Errors
    /// `CursorUnknown`, and for the owner `CursorExpired`, `CursorEvicted`.
    fn find(&self, session: &SessionId, cursor: &CursorId) -> Result<Found>;

    /// Reads bytes of the payload (the ranges come from the outline's indexes) and renews the cursor.
    ///
    /// # Errors
    /// Those of [`find`](Self::find), `StoreUnavailable`.
    async fn read(&self, session: &SessionId, cursor: &CursorId, bytes: Range<u32>) -> Result<Chunk>;

    /// Remembers `read` as the range read last, renews the cursor, and says how long it lives now.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    fn remember(&self, session: &SessionId, cursor: &CursorId, read: Span) -> Result<Duration>;

    /// Drops one cursor of the session, or all of them.
    ///
    /// # Errors
    /// Those of [`find`](Self::find) when one is named, `StoreUnavailable`.
    async fn close(&self, session: &SessionId, cursor: Option<&CursorId>) -> Result<CursorFreed>;

    /// Drops all of a session: cursors, and what is remembered of ended ones. May be called again.
    ///
    /// # Errors
    /// `StoreUnavailable`; then the cursors can no longer be read, but their bytes may still be there.
    async fn invalidate_session(&self, session: &SessionId) -> Result<CursorFreed>;

    /// Drops what has expired. Costs what there is to drop, not what there is.
    ///
    /// # Errors
    /// `StoreUnavailable`.
    async fn sweep(&self) -> Result<CursorFreed>;

    /// What a session, or all of them, holds now. Exact.
    fn usage_now(&self, session: Option<&SessionId>) -> CursorFreed;

    /// The session's cursors, oldest first.
    fn list(&self, session: &SessionId) -> Vec<CursorView>;

    /// The sessions of this instance of which the backend itself, not only the books, still holds
    /// something. The census compares them with the sessions there are.
    ///
    /// # Errors
    /// `StoreUnavailable`.
    async fn owners(&self) -> Result<Vec<SessionId>>;

    /// Whether the store can take and give data now.
    ///
    /// # Errors
    /// `StoreUnavailable`, with the reason.
    async fn health(&self) -> Result<()>;

    /// Drops what another, dead instance of the host left behind.
    ///
    /// # Errors
    /// `StoreUnavailable`.
    async fn purge_instance(&self, instance: &InstanceId) -> Result<CursorFreed>;
}
