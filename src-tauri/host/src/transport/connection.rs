//! One connection from its first byte to its last.
//!
//! It identifies the peer, serves MCP, and tells the session manager what it learns about the client's
//! presence. The lease decides what that means; nothing is cleaned up here.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ebb_core::{
    Error,
    cleanup::Reason,
    ids::{ClientId, SessionId},
    sessions::{self, NewClient, SessionManager, Signal},
    view::Transport,
};
use rmcp::{ErrorData, model::ErrorCode, service::serve_server_with_ct};
use tokio::{net::UnixStream, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    hangup::HangUp,
    lines::{Input, read_hello},
    mcp::Agent,
    peer::ClientProcess,
    proc::{self, ExitKind, ProcessKey},
    watch::ProcessWatch,
    wire::Wire,
};
use crate::{
    options::ClientOptions,
    tools::{call::ToolHost, setups::Setup},
};

/// How long a client that is gone may take to leave the library's service.
const LEAVE: Duration = Duration::from_secs(3);
/// How long the last answers may take when the host stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long a refused client may take to read why.
const REFUSAL: Duration = Duration::from_secs(1);
/// A client that closed its side this long before its process was found gone had said goodbye. The two come
/// together when it is killed behind its bridge.
const GOODBYE: Duration = Duration::from_millis(250);
/// What a refusal is called in JSON-RPC.
const REFUSED: ErrorCode = ErrorCode(-32000);

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) host: Arc<ToolHost>,
    /// Fires when the host stops: calls in flight are answered, then the connection ends.
    pub(crate) stop: CancellationToken,
    /// The user's home directory, for showing paths.
    pub(crate) home: Option<PathBuf>,
    /// What these connections are called, where it is not what the peer's program tells.
    pub(crate) transport: Option<Transport>,
    /// What the client asked for before its first message.
    pub(crate) asked: Option<Arc<Setup>>,
    /// How long a client may take to answer that it is there, where it is asked.
    pub(crate) ping: Option<Duration>,
}

/// Serves one connection until it is over. `pid` is the peer's, where the system tells.
pub(crate) async fn serve(stream: UnixStream, pid: Option<u32>, shared: Shared) {
    let hang_up = match HangUp::of(&stream) {
        Ok(hang_up) => hang_up,
        Err(error) => return tracing::warn!(%error, "a connection cannot be watched and is not served"),
    };
    let cut = CancellationToken::new();
    // Whatever way this function is left, no writer stays behind.
    let _cut = cut.clone().drop_guard();
    let deadline = Instant::now() + shared.host.settings.sessions.silent_connection;
    let (read, write) = stream.into_split();
    let listen = async {
        let (hello, lines) = read_hello(read, deadline).await;
        let input = lines.input();
        let mut wire = Wire::new(lines, write, cut.clone());
        wire.first().await?;
        Some((hello, input, wire))
    };
    // Nobody is counted as a client before the first whole message.
    let spoken = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return,
        spoken = tokio::time::timeout_at(deadline, listen) => spoken,
    };
    let (hello, input, mut wire) = match spoken {
        Ok(Some(spoken)) => spoken,
        Ok(None) => return tracing::debug!("a connection ended before its first message"),
        Err(_) => return tracing::debug!("a connection without a message is closed"),
    };
    let process = pid.and_then(|pid| ClientProcess::identify(pid, hello.as_ref(), shared.home.as_deref()));
    let manager = &shared.host.manager;
    let client = match manager.connect(newcomer(process.as_ref(), shared.transport)) {
        Ok(client) => client,
        Err(error) => {
            tracing::info!(%error, "a client is refused");
            let told = tokio::time::timeout(REFUSAL, wire.refuse(refusal(&error))).await;
            return drop(told);
        }
    };
    if let Some(hello) = hello.as_ref().filter(|hello| hello.version != env!("CARGO_PKG_VERSION")) {
        // What passes between them is MCP, which both speak: no reason to refuse anybody.
        let bridge = sessions::clean_text(&hello.version, 32);
        tracing::info!(
            bridge,
            host = env!("CARGO_PKG_VERSION"),
            "a bridge of another version; restart Ebb to update it"
        );
    }
    if hello.as_ref().is_some_and(|hello| hello.again) {
        manager.default_lost(&client, SessionId::new(), Reason::RecoveredAtStart);
    }
    let flags = hello.as_ref().map(|hello| hello.flags.as_slice()).unwrap_or_default();
    let wants_window = flags.iter().any(|flag| flag == "--headed");
    let _given = match &shared.asked {
        Some(setup) => Some(shared.host.setups.give_it(&client, Arc::clone(setup))),
        None => (!flags.is_empty()).then(|| shared.host.setups.give(&client, ClientOptions::of_flags(flags))),
    };
    let _window = wants_window.then(|| shared.host.browsers.prefer_window(&client));
    tracing::debug!(%client, ?pid, "client connected");
    let presence = Presence {
        manager: manager.clone(),
        client: client.clone(),
        watched: process.map(|process| process.watched).unwrap_or_default(),
        hang_up,
        input,
    };
    let over = CancellationToken::new();
    let agent = Agent::new(shared.host.clone(), client.clone()).pinging(shared.ping);
    let service = Box::pin(service(agent, wire, over.clone()));
    presence.attend(service, &shared.stop, &over, &cut).await;
    tracing::debug!(%client, "connection over");
}

fn newcomer(process: Option<&ClientProcess>, transport: Option<Transport>) -> NewClient {
    let bridge = process.is_some_and(|process| process.is_bridge);
    let key = process.and_then(ClientProcess::key);
    NewClient {
        transport: transport.unwrap_or(if bridge { Transport::Stdio } else { Transport::Socket }),
        process: key.map(|key| sessions::ProcessKey { pid: key.pid, start_time: key.start_time }),
        process_view: process.map(|process| process.top.clone()),
        project: process.and_then(|process| process.project.clone()),
        stateless: false,
    }
}

/// Whether this end of a process is a death. `ended`: when its stream was half-closed, if it was.
fn is_death(exit: ExitKind, ended: Option<Instant>) -> bool {
    let goodbye = ended.is_some_and(|ended| ended.elapsed() > GOODBYE);
    // How a process ended that was reaped already nobody can say; one that took its leave in order left.
    exit.killed() && !(exit == ExitKind::Gone && goodbye)
}

fn refusal(error: &Error) -> ErrorData {
    let next = error.next.as_ref().map(|next| format!(": {next}")).unwrap_or_default();
    ErrorData::new(REFUSED, format!("{}{next}", error.message), serde_json::to_value(error.code).ok())
}

/// Runs the protocol until the stream ends or `over` fires and the last answers are out.
async fn service<R>(agent: Agent, wire: Wire<R>, over: CancellationToken)
where
    R: tokio::io::AsyncRead + Send + Unpin + 'static,
{
    match serve_server_with_ct(agent, wire, over).await {
        Ok(running) => match running.waiting().await {
            Ok(reason) => tracing::debug!(?reason, "service over"),
            Err(error) => tracing::error!(%error, "a client's service failed"),
        },
        Err(error) => tracing::debug!(%error, "a client began nothing"),
    }
}

/// The end of a process behind a connection.
struct Exit {
    kind: ExitKind,
    /// Whether it only started the next one.
    launcher: bool,
}

/// What is known about one client's presence, and whom to tell.
struct Presence {
    manager: SessionManager,
    client: ClientId,
    watched: Vec<ProcessKey>,
    hang_up: HangUp,
    input: Input,
}

impl Presence {
    /// Passes on every sign of the client's presence until its `service` is over. `over` ends the
    /// service, `cut` its writer as well.
    async fn attend(
        self,
        mut service: impl Future<Output = ()> + Unpin,
        stop: &CancellationToken,
        over: &CancellationToken,
        cut: &CancellationToken,
    ) {
        let (watches, mut exits) = self.watch();
        let mut ended: Option<Instant> = None;
        let gone = self.manager.client_gone(&self.client);
        tokio::pin!(gone);
        let patience = loop {
            // In this order: where several came at once, the first tells most.
            tokio::select! {
                biased;
                () = self.hang_up.hung_up() => {
                    self.signal(Signal::HungUp { killed: self.killed(&watches, ended) });
                    break None;
                }
                Some(exit) = exits.join_next(), if !exits.is_empty() => {
                    let Ok(Exit { kind, launcher }) = exit else { continue };
                    if launcher && kind.let_go() {
                        continue;
                    }
                    self.signal(Signal::ProcessExited { killed: is_death(kind, ended) });
                    break None;
                }
                () = &mut gone => break None,
                () = stop.cancelled() => break Some(LAST_ANSWERS),
                () = self.input.ended(), if ended.is_none() => {
                    ended = Some(Instant::now());
                    self.signal(Signal::HalfClosed);
                }
                () = &mut service => {
                    // A killed client's end of stream can be served before its hang-up is seen.
                    let sign = if self.killed(&watches, ended) { Signal::HungUp { killed: true } } else { Signal::Drained };
                    return self.signal(sign);
                }
            }
        };
        over.cancel();
        if let Some(patience) = patience {
            let last = tokio::time::timeout(patience, &mut service).await;
            if last.is_ok() {
                return self.signal(Signal::Drained);
            }
            tracing::debug!(client = %self.client, "a client does not read its last answers");
        }
        // A blocked writer would hold the service for as long as the peer likes.
        cut.cancel();
        if tokio::time::timeout(LEAVE, service).await.is_err() {
            tracing::warn!(client = %self.client, "a client's service does not end");
        }
        self.signal(Signal::Drained);
    }

    fn signal(&self, signal: Signal) {
        tracing::debug!(client = %self.client, ?signal, "presence");
        self.manager.signal(&self.client, signal);
    }

    /// Whether a process behind the connection was ended by force.
    fn killed(&self, watches: &[Arc<ProcessWatch>], ended: Option<Instant>) -> bool {
        self.watched.iter().any(|key| {
            // The watch can say it even of a process that was reaped.
            let watch = watches.iter().find(|watch| watch.key() == *key);
            let exit = watch.map_or_else(|| proc::exited(*key), |watch| watch.how());
            exit.is_some_and(|exit| is_death(exit, ended))
        })
    }

    /// A watch on each process whose end is the client's end.
    fn watch(&self) -> (Vec<Arc<ProcessWatch>>, JoinSet<Exit>) {
        let (mut watches, mut exits) = (Vec::new(), JoinSet::new());
        let last = self.watched.len().saturating_sub(1);
        for (at, key) in self.watched.iter().copied().enumerate() {
            let launcher = at > 0 && at < last;
            match ProcessWatch::open(key.pid, key.start_time) {
                Ok(watch) => {
                    let watch = Arc::new(watch);
                    watches.push(Arc::clone(&watch));
                    exits.spawn(async move { Exit { kind: watch.exited().await, launcher } });
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let kind = proc::exited(key).unwrap_or(ExitKind::Gone);
                    exits.spawn(std::future::ready(Exit { kind, launcher }));
                }
                // Then the stream itself and the clock have to do.
                Err(error) => tracing::warn!(%error, pid = key.pid, "a client's process cannot be watched"),
            }
        }
        (watches, exits)
    }
}

#[cfg(test)]
#[path = "connection_tests/mod.rs"]
mod tests;
