//! The HTTP server: its sockets, its routes, its end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use ebb_core::{Code, Error, Result};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rmcp::{
    ServerHandler,
    transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    HttpClients, Token,
    clients::Closer,
    door::{self, Door, MAX_BODY},
    listen::{Caller, Connection, Finder, Source},
    track::Track,
};
use crate::{
    paths::Environment,
    tools::call::ToolHost,
    transport::{mcp::Agent, unix},
};

/// How long the head of a request may take, and how long an unused connection stays.
const HEAD: Duration = Duration::from_secs(10);
/// Connections at once; beyond them the system's own queue waits.
const CONNECTIONS: usize = 1_024;
/// How long answers on their way may take when the host stops.
const STOP: Duration = Duration::from_secs(3);

/// Where the server listens.
pub(crate) enum Address {
    /// At a loopback address, with a token.
    Tcp(SocketAddr, Token),
    /// At a local socket.
    Unix(unix::Listener),
}

/// A running server.
pub(crate) struct HttpServer {
    address: Option<SocketAddr>,
    clients: Arc<HttpClients>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl HttpServer {
    /// Takes connections from now on.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for an address that is not this machine's own, [`Code::Internal`] when the
    /// port cannot be had.
    pub(crate) fn start(at: Address, host: &Arc<ToolHost>) -> Result<Self> {
        Self::start_for(at, host, {
            let host = Arc::clone(host);
            move |clients| Agent::over_http(Arc::clone(&host), Arc::clone(clients))
        })
    }

    /// The same with what `answers` makes for each session or request in place of Ebb's tools.
    pub(crate) fn start_for<S: ServerHandler>(
        at: Address,
        host: &Arc<ToolHost>,
        answers: impl Fn(&Arc<HttpClients>) -> S + Send + Sync + 'static,
    ) -> Result<Self> {
        let home: Option<PathBuf> = Environment::current().home().ok();
        let (source, address, token) = match at {
            Address::Unix(listener) => (Source::Unix(listener), None, None),
            Address::Tcp(wanted, token) => {
                let (listener, address) = bind(wanted)?;
                (Source::Tcp { listener, address, finder: Arc::<Finder>::default() }, Some(address), Some(token))
            }
        };
        let clients = HttpClients::new(Arc::clone(host));
        let track = Track::new(Arc::clone(&clients));
        clients.close_with({
            let closer: Arc<dyn Closer> = Arc::clone(&track) as Arc<dyn Closer>;
            Arc::downgrade(&closer)
        });
        let stop = host.stopping.child_token();
        let mut config = StreamableHttpServerConfig::default()
            .with_max_request_body_bytes(MAX_BODY)
            .with_cancellation_token(stop.clone())
            // The door is stricter: it knows the port.
            .disable_allowed_hosts();
        config.session_store = Some(Arc::clone(&clients) as Arc<_>);
        let service = {
            let clients = Arc::clone(&clients);
            StreamableHttpService::new(move || Ok(answers(&clients)), track, config)
        };
        let door = Arc::new(Door { port: address.map(|address| address.port()), token, clients: Arc::clone(&clients) });
        let router = Router::new()
            .route_service("/mcp", service)
            .fallback(axum::routing::any(|| async { axum::http::StatusCode::NOT_FOUND }))
            .layer(axum::middleware::from_fn_with_state(door, door::check));
        let server = Self { address, clients, stop, tasks: TaskTracker::new() };
        server.run(source, router, home);
        Ok(server)
    }

    fn run(&self, mut source: Source, router: Router, home: Option<PathBuf>) {
        let (stop, tasks) = (self.stop.clone(), self.tasks.clone());
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        self.tasks.spawn(async move {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let (connection, caller) = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = source.accept(home.as_ref()) => accepted,
                };
                let (router, stop) = (router.clone(), stop.clone());
                tasks.spawn(async move {
                    match connection {
                        Connection::Tcp(stream) => {
                            // Small answers must not wait for each other.
                            drop(stream.set_nodelay(true));
                            serve(stream, caller, router, stop).await;
                        }
                        Connection::Unix(stream) => serve(stream, caller, router, stop).await,
                    }
                    drop(place);
                });
            }
        });
    }

    /// Its address, where it has one.
    pub(crate) const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Takes no more connections and waits a moment for answers on their way.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.clients.stop().await;
        self.tasks.close();
        if tokio::time::timeout(STOP, self.tasks.wait()).await.is_err() {
            tracing::debug!(connections = self.tasks.len(), "HTTP connections did not end in time");
        }
    }
}

fn bind(wanted: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr)> {
    if !wanted.ip().is_loopback() {
        return Err(Error::new(
            Code::InvalidArguments,
            format!("--http {wanted}: MCP over HTTP is for this machine only"),
        )
        .next("Give 127.0.0.1 and a port; from elsewhere, reach it through `ssh -L`."));
    }
    let failed = |error: std::io::Error| {
        Error::new(Code::Internal, format!("MCP over HTTP cannot listen on {wanted}: {error}"))
            .next("Choose another port, or 0 for a free one.")
    };
    let listener = std::net::TcpListener::bind(wanted).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((tokio::net::TcpListener::from_std(listener).map_err(failed)?, address))
}

/// Serves one connection until it ends, says nothing for too long, or the host stops.
async fn serve<S>(stream: S, caller: Caller, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.layer(axum::Extension(caller)));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).half_close(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(STOP, connection).await {
                Ok(served) => served,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended");
    }
}
