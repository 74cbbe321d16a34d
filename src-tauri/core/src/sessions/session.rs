//! The handle that tools hold. It reads and calls; it cannot end anything.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
};

use tokio_util::sync::CancellationToken;

use super::{call::Call, clients::Client, entry::Entry, manager::Inner, refusal};
use crate::{
    Error, Result,
    devtools::Buffers,
    ids::{ClientId, SessionId},
};

/// One session, as the client that asked for it may use it.
#[derive(Clone)]
pub struct Session(Arc<Held>);

struct Held {
    inner: Arc<Inner>,
    entry: Arc<Entry>,
    client: ClientId,
    client_in_flight: Arc<AtomicUsize>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", self.id()).field("client", self.client()).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(inner: &Arc<Inner>, entry: Arc<Entry>, client: &Client) -> Self {
        Self(Arc::new(Held {
            inner: Arc::clone(inner),
            entry,
            client: client.view.id.clone(),
            client_in_flight: Arc::clone(&client.in_flight),
        }))
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.0.inner
    }

    pub(super) fn entry(&self) -> &Arc<Entry> {
        &self.0.entry
    }

    pub(super) fn client_in_flight(&self) -> &AtomicUsize {
        &self.0.client_in_flight
    }

    /// Its id, which is also its handle.
    pub fn id(&self) -> &SessionId {
        &self.0.entry.id
    }

    /// The name its client gave it.
    pub fn name(&self) -> Option<&str> {
        self.0.entry.name()
    }

    /// The client that got this handle: for a shared session not always the one that opened it.
    pub fn client(&self) -> &ClientId {
        &self.0.client
    }

    /// Its console, network and dialog buffers.
    pub fn devtools(&self) -> &Arc<Buffers> {
        &self.0.entry.buffers
    }

    /// Cancelled when the session begins to close, before the first step of its removal. Whoever makes
    /// a context or a cursor checks it before, and gives the thing back when it is cancelled after.
    pub fn closing(&self) -> &CancellationToken {
        &self.0.entry.closing
    }

    /// Whether nobody has asked for its end yet.
    pub fn is_live(&self) -> bool {
        self.0.entry.core().is_open()
    }

    /// What a call on the ended session answers. The client is taken to have been told by it: where
    /// this was its default session, its next call opens a new one.
    pub fn ended(&self) -> Error {
        let entry = &self.0.entry;
        let asked = entry.core().ending.asked;
        let Some((reason, _)) = asked else { return refusal::unknown_session() };
        if !entry.is_default {
            return refusal::ended(reason);
        }
        if let Some(client) = self.0.inner.registry.lock().clients.get_mut(&self.0.client) {
            client.told(&entry.id);
        }
        refusal::default_ended(reason)
    }

    /// Waits for the session's turn; calls of one session run one by one, in the order they came.
    /// `arguments` are what people may see: secrets masked by the caller.
    ///
    /// # Errors
    /// `LimitReached` when too many calls are waiting; `SessionEnded` when the session closes first.
    pub async fn begin_call(&self, tool: &str, arguments: &str) -> Result<Call> {
        Call::begin(self.clone(), tool, arguments).await
    }
}
