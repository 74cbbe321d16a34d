//! The MCP socket: takes connections while the host runs, ends them when it stops.

use std::{sync::Arc, time::Duration};

use tokio::{net::UnixStream, sync::Semaphore};
use tokio_util::task::TaskTracker;

use super::{
    connection::{self, Shared},
    unix::Listener,
};
use crate::{paths::Environment, tools::call::ToolHost};

/// Connections beyond the clients that the settings allow: newcomers that have not spoken yet.
const NEWCOMERS: usize = 256;
/// How long all connections together may take to end.
const STOP: Duration = Duration::from_secs(4);

/// The server behind `mcp.sock`.
pub(crate) struct McpServer {
    shared: Shared,
    tasks: TaskTracker,
}

impl McpServer {
    /// Takes connections from now on.
    pub(crate) fn start(listener: Listener, host: Arc<ToolHost>) -> Self {
        let server = Self::idle(host);
        let (shared, tasks) = (server.shared.clone(), server.tasks.clone());
        let places = Arc::new(Semaphore::new(shared.host.settings.sessions.max_clients + NEWCOMERS));
        server.tasks.spawn(async move {
            loop {
                let (stream, peer) = tokio::select! {
                    biased;
                    () = shared.stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok(place) = places.clone().try_acquire_owned() else {
                    tracing::warn!("too many connections: one is closed");
                    continue;
                };
                let served = connection::serve(stream, peer.pid, shared.clone());
                tasks.spawn(async move {
                    Box::pin(served).await;
                    drop(place);
                });
            }
        });
        server
    }

    /// A server that takes connections only through [`McpServer::serve`].
    fn idle(host: Arc<ToolHost>) -> Self {
        let home = Environment::current().home().ok();
        let stop = host.stopping.clone();
        Self { shared: Shared { host, stop, home }, tasks: TaskTracker::new() }
    }

    /// Serves a stream that came in some other way.
    pub(crate) fn serve(&self, stream: UnixStream, pid: Option<u32>) {
        let served = connection::serve(stream, pid, self.shared.clone());
        self.tasks.spawn(async move { Box::pin(served).await });
    }

    /// Takes no more connections, answers calls in flight with an error and ends every connection.
    pub(crate) async fn stop(self) {
        self.shared.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP, self.tasks.wait()).await.is_err() {
            tracing::warn!(connections = self.tasks.len(), "connections did not end in time");
        }
    }
}
