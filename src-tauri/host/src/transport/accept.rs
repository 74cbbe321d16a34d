//! The MCP socket: takes connections while the host runs, ends them when it stops.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    connection::{self, Shared},
    fd,
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
    /// Fires when no more connections are taken; those that are there go on.
    closed: CancellationToken,
}

impl McpServer {
    /// Takes connections from now on.
    pub(crate) fn start(mut listener: Listener, host: Arc<ToolHost>) -> Self {
        fd::raise_limit();
        let home = Environment::current().home().ok();
        let stop = host.stopping.clone();
        let closed = stop.child_token();
        let server = Self {
            shared: Shared { host, stop, home, transport: None, asked: None, ping: None },
            tasks: TaskTracker::new(),
            closed,
        };
        let (shared, tasks, closed) = (server.shared.clone(), server.tasks.clone(), server.closed.clone());
        let places = Arc::new(Semaphore::new(shared.host.settings.sessions.max_clients + NEWCOMERS));
        server.tasks.spawn(async move {
            loop {
                let (stream, peer) = tokio::select! {
                    biased;
                    () = closed.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok(place) = places.clone().try_acquire_owned() else {
                    tracing::warn!("too many connections: one is closed");
                    continue;
                };
                let connection = connection::serve(stream, peer.pid, shared.clone());
                tasks.spawn(async move {
                    Box::pin(connection).await;
                    drop(place);
                });
            }
        });
        server
    }

    /// Takes no more connections: the socket is gone, which is how bridges tell a quit from a crash.
    pub(crate) fn close(&self) {
        self.closed.cancel();
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
        net::UnixStream,
    };

    use super::*;
    use crate::{paths::HostLock, tools::testing::Bench};

    #[tokio::test]
    async fn a_socket_serves_until_it_stops_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let lock = HostLock::acquire(&folder.path().join("host.lock")).unwrap();
        let path = folder.path().join("mcp.sock");
        let bench = Bench::new();
        let server = McpServer::start(Listener::bind(&path, &lock).unwrap(), bench.host.clone());

        let mut client = BufReader::new(UnixStream::connect(&path).await.unwrap());
        let call = json!({"name": "browser_test_wait", "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}
        }});
        let line = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).to_string() + "\n";
        client.write_all(line.as_bytes()).await.unwrap();
        let silent = UnixStream::connect(&path).await.unwrap();
        while bench.host.manager.busy() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // The client is this process, known by the socket itself.
        assert_eq!(bench.host.manager.clients()[0].process.as_ref().unwrap().pid, std::process::id());

        let began = Instant::now();
        server.stop().await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let mut answer = String::new();
        client.read_line(&mut answer).await.unwrap();
        assert!(answer.contains("Ebb is stopping"), "{answer}");
        assert_eq!(client.read_line(&mut answer).await.unwrap(), 0);
        drop(silent);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_cannot_hold_up_the_stop() {
        let folder = tempfile::tempdir().unwrap();
        let lock = HostLock::acquire(&folder.path().join("host.lock")).unwrap();
        let path = folder.path().join("mcp.sock");
        let bench = Bench::new();
        let server = McpServer::start(Listener::bind(&path, &lock).unwrap(), bench.host.clone());
        let mut client = UnixStream::connect(&path).await.unwrap();
        let mut lines = String::new();
        for id in 0..400 {
            let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
            lines += &(json!({"jsonrpc": "2.0", "id": id, "method": "tools/list", "params": {"_meta": meta}})
                .to_string()
                + "\n");
        }
        let written = tokio::time::timeout(Duration::from_millis(500), client.write_all(lines.as_bytes())).await;
        drop(written);
        let began = Instant::now();
        server.stop().await;
        assert!(began.elapsed() < STOP, "{:?}", began.elapsed());
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(2), client.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the connection is over");
    }
}
