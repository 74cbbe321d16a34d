//! Where a page's bytes come from.

use std::{ops::Range, sync::Arc};

use super::{Chunk, CursorStore, Payload};
use crate::{
    Result,
    ids::{CursorId, SessionId},
};

/// A payload at hand, or one that a store keeps for its owner.
pub(super) enum Source<'a> {
    Local(&'a Arc<Payload>),
    Stored { store: &'a dyn CursorStore, session: &'a SessionId, cursor: &'a CursorId },
}

impl Source<'_> {
    pub(super) async fn slice(&self, bytes: Range<u32>) -> Result<Chunk> {
        match self {
            Self::Local(payload) => Ok(Chunk::shared(Arc::clone(payload), bytes)),
            Self::Stored { store, session, cursor } => store.read(session, cursor, bytes).await,
        }
    }
}
