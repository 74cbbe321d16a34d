//! The HTTP server: its sockets, its routes, its end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use ebb_core::{Code, Error, Result, view::Transport};
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
    HttpClients, HttpOptions, Revivals, Token,
    clients::Closer,
    door::{self, Door, MAX_BODY},
    listen::{Caller, Connection, Finder, Source},
    options::Hosts,
    places::Places,
    revivals::Principal,
    sse::EventStreams,
    track::Track,
};
use crate::{
    paths::Environment,
    tools::call::ToolHost,
    transport::{connection::Shared, mcp::Agent, unix},
};

/// How long the head of a request may take, and how long an unused connection stays.
const HEAD: Duration = Duration::from_secs(10);
/// Connections at once that are told that there are too many; beyond them the system's own queue waits.
const REFUSALS: usize = 64;
/// How long one of those may take.
const REFUSAL: Duration = Duration::from_secs(2);
/// The largest head of a request, and what is held of an answer on its way.
const BUFFER: usize = 64 * 1_024;
/// How long answers on their way may take when the host stops.
const STOP: Duration = Duration::from_secs(3);

/// Where the server listens.
pub(crate) enum Address {
    /// At addresses of this machine.
    Tcp(HttpOptions),
    /// At a local socket.
    Unix(unix::Listener),
}

impl Address {
    /// How long a client may take to answer that it is there, where it is asked.
    fn ping(&self) -> Option<Duration> {
        match self {
            Self::Tcp(options) => options.ping,
            Self::Unix(_) => None,
        }
    }
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
    pub(crate) fn start(at: Address, host: &Arc<ToolHost>, revivals: Arc<Revivals>) -> Result<Self> {
        let ping = at.ping();
        Self::start_for(at, host, revivals, {
            let host = Arc::clone(host);
            move |clients| Agent::over_http(Arc::clone(&host), Arc::clone(clients)).pinging(ping)
        })
    }

    /// The same with what `answers` makes for each session or request in place of Ebb's tools.
    pub(crate) fn start_for<S: ServerHandler>(
        at: Address,
        host: &Arc<ToolHost>,
        revivals: Arc<Revivals>,
        answers: impl Fn(&Arc<HttpClients>) -> S + Send + Sync + 'static,
    ) -> Result<Self> {
        let ping = at.ping();
        let home: Option<PathBuf> = Environment::current().home().ok();
        let (sources, options) = match at {
            Address::Unix(listener) => (vec![Source::Unix(listener)], None),
            Address::Tcp(options) => (bind(&options)?, Some(options)),
        };
        let address = sources.first().and_then(Source::address);
        let token = match options.as_ref().and_then(|options| options.token_file.as_deref()) {
            Some(file) => Some(Token::load_or_make(file)?),
            None => None,
        };
        let told = options.as_ref().and_then(|options| options.told.clone());
        let principal = token.as_ref().map_or_else(Principal::user, Token::principal);
        let clients = HttpClients::new(Arc::clone(host), revivals, principal, told.clone());
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
        let tasks = TaskTracker::new();
        let streams = options.as_ref().is_some_and(|options| options.own_server).then(|| {
            let shared = Shared {
                host: Arc::clone(host),
                stop: host.stopping.clone(),
                home: home.clone(),
                transport: Some(Transport::Http),
                asked: None,
                ping,
            };
            EventStreams::new(shared, told, tasks.clone())
        });
        let service = {
            let clients = Arc::clone(&clients);
            StreamableHttpService::new(move || Ok(answers(&clients)), track, config)
        };
        let hosts = options.as_ref().zip(address).map(|(options, bound)| Hosts::new(&options.allowed_hosts, bound));
        let door = Arc::new(Door { hosts, token, streams, clients: Arc::clone(&clients) });
        let router =
            Router::new().fallback_service(service).layer(axum::middleware::from_fn_with_state(door, door::check));
        let server = Self { address, clients, stop, tasks };
        let places = Places::default();
        for source in sources {
            server.run(source, router.clone(), home.clone(), places.clone());
        }
        Ok(server)
    }

    fn run(&self, mut source: Source, router: Router, home: Option<PathBuf>, places: Places) {
        let (stop, tasks) = (self.stop.clone(), self.tasks.clone());
        let refusals = Arc::new(Semaphore::new(REFUSALS));
        self.tasks.spawn(async move {
            loop {
                let connection = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = source.accept() => accepted,
                };
                let place = places.take();
                // Who is refused holds a place of its own kind until it has read why.
                let refusal = if place.is_err() {
                    match Arc::clone(&refusals).acquire_owned().await {
                        Ok(refusal) => Some(refusal),
                        Err(_) => return,
                    }
                } else {
                    None
                };
                let (router, stop, home) = (router.clone(), stop.clone(), home.clone());
                tasks.spawn(async move {
                    let caller = tokio::select! {
                        () = stop.cancelled() => return,
                        caller = connection.caller(home) => caller,
                    };
                    let Some(caller) = caller else { return };
                    let key = caller.process.as_ref().and_then(|process| process.key());
                    let place = place.and_then(|mut place| place.belongs_to(key).map(|()| place));
                    match place {
                        Ok(_place) => connection.serve(caller, router, stop).await,
                        Err(too_many) => {
                            tracing::info!(error = %too_many.0, "an HTTP connection is refused");
                            let router = router.layer(axum::Extension(too_many));
                            drop(tokio::time::timeout(REFUSAL, connection.serve(caller, router, stop)).await);
                        }
                    }
                    drop(refusal);
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

/// Listeners at all addresses that can be had, at one port.
fn bind(options: &HttpOptions) -> Result<Vec<Source>> {
    let mut port = options.addresses.first().map_or(0, SocketAddr::port);
    let mut sources = Vec::new();
    for wanted in &options.addresses {
        check(options, *wanted)?;
        let wanted = SocketAddr::new(wanted.ip(), port);
        match listen(wanted) {
            Ok((listener, address)) => {
                port = address.port();
                sources.push(Source::Tcp { listener, address, finder: Arc::<Finder>::default() });
            }
            Err(error) if sources.is_empty() => {
                return Err(Error::new(Code::Internal, format!("MCP over HTTP cannot listen on {wanted}: {error}"))
                    .next("Choose another port, or 0 for a free one."));
            }
            // A machine without that family.
            Err(error) => tracing::debug!(%wanted, %error, "MCP over HTTP does without this address"),
        }
    }
    Ok(sources)
}

/// From another machine nobody can be seen, so what asks from there needs a token.
fn check(options: &HttpOptions, wanted: SocketAddr) -> Result<()> {
    let refused = match (wanted.ip().is_loopback(), options.own_server, &options.token_file) {
        (true, ..) | (false, true, Some(_)) => return Ok(()),
        (false, false, _) => (
            format!("--http {wanted}: MCP over HTTP is for this machine only"),
            "Give 127.0.0.1 and a port; from elsewhere, reach it through `ssh -L`.",
        ),
        (false, true, None) => (
            format!("{wanted} can be reached from elsewhere, and nothing asks who is there"),
            "Listen on localhost, or give --token-file.",
        ),
    };
    Err(Error::new(Code::InvalidArguments, refused.0).next(refused.1))
}

fn listen(wanted: SocketAddr) -> std::io::Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(wanted)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((tokio::net::TcpListener::from_std(listener)?, address))
}

impl Connection {
    async fn serve(self, caller: Caller, router: Router, stop: CancellationToken) {
        match self {
            Self::Tcp { stream, .. } => {
                // Small answers must not wait for each other.
                drop(stream.set_nodelay(true));
                serve(stream, caller, router, stop).await;
            }
            Self::Unix { stream, .. } => serve(stream, caller, router, stop).await,
        }
    }
}

/// Serves one connection until it ends, says nothing for too long, or the host stops.
async fn serve<S>(stream: S, caller: Caller, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.layer(axum::Extension(caller)));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).half_close(false).max_buf_size(BUFFER);
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

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
