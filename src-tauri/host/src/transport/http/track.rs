//! The library's sessions, with our eyes on them: who began one, and whether its event stream is open.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use rmcp::{
    model::{ClientJsonRpcMessage, GetExtensions as _, ServerJsonRpcMessage},
    transport::{
        WorkerTransport,
        streamable_http_server::session::{
            RestoreOutcome, ServerSseMessage, SessionId, SessionManager,
            local::{LocalSessionManager, LocalSessionManagerError, LocalSessionWorker},
        },
    },
};
use tokio_util::task::TaskTracker;

use super::{
    clients::{Admitted, Closer, HttpClients},
    listen::Caller,
};

/// Passes everything on to the library's own manager.
pub(super) struct Track {
    local: LocalSessionManager,
    clients: Arc<HttpClients>,
    tasks: TaskTracker,
    own: Weak<Self>,
}

impl Track {
    pub(super) fn new(clients: Arc<HttpClients>) -> Arc<Self> {
        Arc::new_cyclic(|own| {
            let mut local = LocalSessionManager::default();
            // The library's clock counts neither open streams nor running calls. Leases are ours.
            local.session_config.keep_alive = None;
            // Answers kept for streams that broke: nothing bounds their bytes.
            local.session_config.completed_cache_ttl = Duration::ZERO;
            Self { local, clients, tasks: TaskTracker::new(), own: Weak::clone(own) }
        })
    }
}

impl Closer for Track {
    fn close(&self, id: String) {
        let Some(own) = self.own.upgrade() else { return };
        self.tasks.spawn(async move {
            if let Err(error) = own.local.close_session(&id.into()).await {
                tracing::debug!(%error, "a session of the library was gone already");
            }
        });
    }
}

/// What went wrong between the library and us.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrackError {
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
    /// No client is let in any more.
    #[error("{0}")]
    Refused(ebb_core::Error),
}

impl SessionManager for Track {
    type Error = TrackError;
    type Transport = WorkerTransport<LocalSessionWorker>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), TrackError> {
        Ok(self.local.create_session().await?)
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, TrackError> {
        let parts = match &message {
            ClientJsonRpcMessage::Request(request) => request.request.extensions().get::<axum::http::request::Parts>(),
            _ => None,
        };
        if let Some(parts) = parts
            && let Some(caller) = parts.extensions.get::<Caller>()
        {
            // Let in at the door, or, where an id is revived, now.
            let new = parts.extensions.get::<Admitted>().cloned();
            let revived = new.is_none();
            let admitted = match new {
                Some(admitted) => admitted,
                None => self.clients.admit(caller).map_err(TrackError::Refused)?,
            };
            if revived {
                self.clients.revived(id, &admitted).await;
            }
            self.clients.bind(id, &admitted, caller);
        }
        Ok(self.local.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, TrackError> {
        Ok(self.local.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), TrackError> {
        Ok(self.local.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, TrackError> {
        Ok(self.local.create_stream(id, message).await?)
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), TrackError> {
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, TrackError> {
        let stream = self.local.create_standalone_stream(id).await?;
        Ok(Open::new(stream, Arc::clone(&self.clients), id))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, TrackError> {
        let stream = self.local.resume(id, last_event_id).await?;
        Ok(Open::new(stream, Arc::clone(&self.clients), id))
    }

    async fn restore_session(&self, id: SessionId) -> Result<RestoreOutcome<Self::Transport>, TrackError> {
        Ok(self.local.restore_session(id).await?)
    }
}

/// An event stream that says when it is gone.
struct Open<S> {
    stream: Pin<Box<S>>,
    clients: Arc<HttpClients>,
    id: String,
}

impl<S> Open<S> {
    fn new(stream: S, clients: Arc<HttpClients>, id: &SessionId) -> Self {
        clients.stream(id, true);
        Self { stream: Box::pin(stream), clients, id: id.to_string() }
    }
}

impl<S: Stream> Stream for Open<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

impl<S> Drop for Open<S> {
    fn drop(&mut self) {
        self.clients.stream(&self.id, false);
    }
}
