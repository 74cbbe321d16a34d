//! Whose requests are whose, and whether they are still here.
//!
//! A client of a revision up to 2025-11-25 has an `Mcp-Session-Id`; it is here while a process that used
//! the id lives, and may name it from several. A client of 2026-07-28 has nothing but its process. Where
//! the process cannot be seen, only what the client says and the clock are left.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::request::Parts;
use ebb_core::{
    Code, Error, Result,
    events::Event,
    ids::{ClientId, SessionId},
    sessions::{self, NewClient, Signal},
    view::Transport,
};
use parking_lot::Mutex;
use rmcp::transport::streamable_http_server::session::{SessionState, SessionStore, SessionStoreError};
use tokio::{sync::broadcast::error::RecvError, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Revivals, listen::Caller, options::Told, revivals::Principal};
use crate::{
    tools::call::ToolHost,
    transport::{
        proc::{self, ExitKind, ProcessKey},
        watch::ProcessWatch,
    },
};

/// An id that never called a tool, holds no stream and says nothing goes after this long. It is revived
/// when it is used again.
const UNUSED: Duration = Duration::from_mins(2);
/// Between two looks at ids that nothing speaks for.
const LOOK: Duration = Duration::from_secs(15);
/// How long a deletion waits for the calls in flight to be answered.
const DELETION: Duration = Duration::from_secs(3);

/// The clients of all HTTP connections.
pub(crate) struct HttpClients {
    host: Arc<ToolHost>,
    people: Mutex<People>,
    revivals: Arc<Revivals>,
    principal: Principal,
    closer: Mutex<Option<Weak<dyn Closer>>>,
    told: Option<Told>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What ends the library's own side of a session.
pub(super) trait Closer: Send + Sync {
    /// Ends it, wherever it is. One that is gone is no error.
    fn close(&self, id: String);
}

#[derive(Default)]
struct People {
    with_id: HashMap<String, WithId>,
    stateless: HashMap<Option<ProcessKey>, Stateless>,
    /// Open `subscriptions/listen` streams of processes, clients or not.
    listening: HashMap<ProcessKey, usize>,
}

/// An open `subscriptions/listen` stream.
pub(crate) struct Listening {
    clients: Arc<HttpClients>,
    process: ProcessKey,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.clients.listens(self.process, false);
    }
}

/// A client with an `Mcp-Session-Id`.
struct WithId {
    client: ClientId,
    /// The processes that used the id and live.
    processes: HashSet<ProcessKey>,
    /// A process that cannot be seen used it, so no exit says that the client is gone.
    unseen: bool,
    streams: usize,
    had_stream: bool,
    called: bool,
    last: Instant,
}

/// How a call says whose it is.
pub(crate) enum Asked {
    /// By an `Mcp-Session-Id`.
    WithId,
    /// By the process it comes from.
    Stateless(Caller),
    /// Not at all: its process cannot be seen.
    Nobody,
}

impl Asked {
    /// Whether the session's handle is news to who asked.
    pub(crate) fn is_news(&self, clients: &HttpClients, session: &SessionId) -> bool {
        matches!(self, Self::Stateless(caller) if clients.is_news(caller, session))
    }
}

/// A client without one.
struct Stateless {
    client: ClientId,
    introduced: bool,
    /// Sessions it was told the handle of.
    told: HashSet<SessionId>,
}

/// A client that was let in and has no id yet. Dropped without one it goes again.
#[derive(Clone)]
pub(super) struct Admitted(Arc<AdmittedClient>);

struct AdmittedClient {
    clients: Weak<HttpClients>,
    client: ClientId,
    bound: AtomicBool,
}

impl Drop for AdmittedClient {
    fn drop(&mut self) {
        if !self.bound.load(Ordering::Acquire)
            && let Some(clients) = self.clients.upgrade()
        {
            clients.host.manager.signal(&self.client, Signal::Deleted);
        }
    }
}

impl Admitted {
    /// Who was let in.
    pub(super) fn client(&self) -> &ClientId {
        &self.0.client
    }
}

impl HttpClients {
    /// The clients at one place, all of them `principal`'s.
    pub(super) fn new(
        host: Arc<ToolHost>,
        revivals: Arc<Revivals>,
        principal: Principal,
        told: Option<Told>,
    ) -> Arc<Self> {
        let stop = host.stopping.child_token();
        let this = Arc::new(Self {
            host,
            people: Mutex::default(),
            revivals,
            principal,
            closer: Mutex::default(),
            told,
            tasks: TaskTracker::new(),
            stop,
        });
        this.tasks.spawn(Arc::clone(&this).note_sessions());
        this
    }

    /// What closes the library's side when a client goes.
    pub(super) fn close_with(&self, closer: Weak<dyn Closer>) {
        *self.closer.lock() = Some(closer);
    }

    /// Lets a new client in, before the library makes anything for it.
    ///
    /// # Errors
    /// `LimitReached` with the limit and the way out, `ShuttingDown`.
    pub(super) fn admit(self: &Arc<Self>, caller: &Caller) -> Result<Admitted> {
        let client = self.host.manager.connect(newcomer(caller, false))?;
        let admitted = AdmittedClient { clients: Arc::downgrade(self), client, bound: AtomicBool::new(false) };
        Ok(Admitted(Arc::new(admitted)))
    }

    /// The admitted client got this id.
    pub(super) fn bind(self: &Arc<Self>, id: &str, admitted: &Admitted, caller: &Caller) {
        admitted.0.bound.store(true, Ordering::Release);
        let client = admitted.0.client.clone();
        self.people.lock().with_id.insert(
            id.to_owned(),
            WithId {
                client: client.clone(),
                processes: HashSet::new(),
                unseen: false,
                streams: 0,
                had_stream: false,
                called: false,
                last: Instant::now(),
            },
        );
        self.seen(id, caller);
        self.tell("create http session");
        let (this, id) = (Arc::clone(self), id.to_owned());
        self.tasks.spawn(async move { this.attend(id, client).await });
    }

    /// The client with this id is here again after its silence, or after a start of Ebb: what it lost, its
    /// next call tells it.
    pub(super) async fn revived(&self, id: &str, admitted: &Admitted) {
        if let Some((session, reason)) = self.revivals.lost(&self.principal, id).await
            && self.host.manager.view(&session).is_none()
        {
            self.host.manager.default_lost(&admitted.0.client, session, reason);
        }
    }

    /// Notes which session each client has, so that it can be told of its end however late that is.
    async fn note_sessions(self: Arc<Self>) {
        let mut events = self.host.manager.subscribe();
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return,
                event = events.recv() => event,
            };
            match event {
                Ok(Event::SessionOpened(_) | Event::SessionRemoved(_) | Event::Client(_))
                | Err(RecvError::Lagged(_)) => {
                    self.note_all();
                }
                Ok(_) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn note_all(&self) {
        let people: Vec<(String, ClientId)> =
            self.people.lock().with_id.iter().map(|(id, person)| (id.clone(), person.client.clone())).collect();
        for (id, client) in people {
            self.note(&id, &client);
        }
    }

    fn note(&self, id: &str, client: &ClientId) {
        // Of a client that is gone nothing can be learnt any more; what was noted stays.
        if let Some(session) = self.host.manager.default_of(client) {
            self.revivals.note(id, session.as_ref());
        }
    }

    /// Whether a request with this id has anything to find here.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.people.lock().with_id.contains_key(id) || self.revivals.knows(&self.principal, id)
    }

    /// The client with this id.
    pub(super) fn with_id(&self, id: &str) -> Option<ClientId> {
        self.people.lock().with_id.get(id).map(|person| person.client.clone())
    }

    /// A request with this id came from there.
    pub(super) fn seen(self: &Arc<Self>, id: &str, caller: &Caller) {
        let mut people = self.people.lock();
        let Some(person) = people.with_id.get_mut(id) else { return };
        person.last = Instant::now();
        let Some(key) = caller.process.as_ref().and_then(|process| process.key()) else {
            person.unseen = true;
            return;
        };
        if person.processes.insert(key) {
            let (this, id, client) = (Arc::clone(self), id.to_owned(), person.client.clone());
            self.tasks.spawn(async move {
                let exit = this.stop.run_until_cancelled(exit_of(key)).await;
                if let Some(exit) = exit {
                    this.process_exited(&id, &client, key, exit);
                }
            });
        }
    }

    fn process_exited(&self, id: &str, client: &ClientId, key: ProcessKey, exit: ExitKind) {
        let last = {
            let mut people = self.people.lock();
            let Some(person) = people.with_id.get_mut(id).filter(|person| person.client == *client) else { return };
            person.processes.remove(&key);
            person.processes.is_empty() && !person.unseen
        };
        if last {
            self.revivals.forget(id);
            self.host.manager.signal(client, Signal::ProcessExited { killed: exit.killed() });
        }
    }

    /// The client with this id called a tool.
    fn called(&self, id: &str) {
        if let Some(person) = self.people.lock().with_id.get_mut(id) {
            person.called = true;
        }
    }

    /// The client opened or lost its event stream.
    pub(super) fn stream(&self, id: &str, opened: bool) {
        let signal = {
            let mut people = self.people.lock();
            let Some(person) = people.with_id.get_mut(id) else { return };
            person.last = Instant::now();
            person.streams = if opened { person.streams + 1 } else { person.streams.saturating_sub(1) };
            person.had_stream |= opened;
            let signal = if person.streams == 0 { Signal::StreamLost } else { Signal::StreamFound };
            (person.client.clone(), signal)
        };
        self.host.manager.signal(&signal.0, signal.1);
    }

    /// The process of a stateless client opened a stream that it listens at; lost when the guard is dropped. Of
    /// one that cannot be seen nothing can be learnt.
    pub(crate) fn listening(self: &Arc<Self>, parts: Option<&Parts>) -> Option<Listening> {
        let process = parts?.extensions.get::<Caller>()?.process.as_ref()?.key()?;
        self.listens(process, true);
        Some(Listening { clients: Arc::clone(self), process })
    }

    fn listens(&self, process: ProcessKey, opened: bool) {
        let signal = {
            let mut people = self.people.lock();
            let streams = people.listening.entry(process).or_default();
            *streams = if opened { *streams + 1 } else { streams.saturating_sub(1) };
            let signal = if *streams == 0 { Signal::StreamLost } else { Signal::StreamFound };
            if *streams == 0 {
                people.listening.remove(&process);
            }
            people.stateless.get(&Some(process)).map(|person| (person.client.clone(), signal))
        };
        if let Some((client, signal)) = signal {
            self.host.manager.signal(&client, signal);
        }
    }

    /// A call of the client with this id is over: what it was told, it knows.
    pub(crate) fn heard(&self, parts: Option<&Parts>, client: &ClientId) {
        if let Some(id) = parts.and_then(id_of) {
            self.note(id, client);
        }
    }

    /// The client said goodbye. Only the first of many that say it at once is told `true`; it waits until
    /// the calls in flight are answered.
    pub(super) async fn delete(&self, id: &str) -> bool {
        // One that sleeps says goodbye too.
        let slept = self.revivals.knows(&self.principal, id);
        let person = self.people.lock().with_id.remove(id);
        if person.is_some() || slept {
            self.revivals.forget(id);
        }
        let Some(person) = person else {
            self.revivals.written().await;
            return slept;
        };
        self.host.manager.signal(&person.client, Signal::Deleted);
        let gone = tokio::time::timeout(DELETION, self.host.manager.client_gone(&person.client));
        drop(tokio::join!(gone, self.revivals.written()).0);
        self.close(id);
        true
    }

    /// Stays with a client until it is gone, then sees to the library's side.
    async fn attend(self: Arc<Self>, id: String, client: ClientId) {
        let gone = self.host.manager.client_gone(&client);
        tokio::pin!(gone);
        loop {
            tokio::select! {
                () = &mut gone => break,
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {
                    if self.is_unused(&id, &client) {
                        // It is no loss: the id is revived with the next request.
                        self.host.manager.signal(&client, Signal::Drained);
                    }
                }
            }
        }
        let mut people = self.people.lock();
        if people.with_id.get(&id).is_some_and(|person| person.client == client) {
            people.with_id.remove(&id);
        }
        drop(people);
        self.tell("delete http session");
        self.close(&id);
    }

    fn tell(&self, what: &str) {
        if let Some(told) = &self.told {
            told(what);
        }
    }

    fn is_unused(&self, id: &str, client: &ClientId) -> bool {
        let idle = self.host.settings.sessions.idle_timeout;
        let people = self.people.lock();
        let Some(person) = people.with_id.get(id) else { return false };
        let limit = if person.called { idle } else { UNUSED };
        let silent = person.streams == 0 && person.last.elapsed() >= limit && !limit.is_zero();
        let speaks_for_it = person.called && !person.unseen && !person.processes.is_empty();
        silent && !speaks_for_it && self.host.manager.list_of(client).is_empty()
    }

    fn close(&self, id: &str) {
        if let Some(closer) = self.closer.lock().as_ref().and_then(Weak::upgrade) {
            closer.close(id.to_owned());
        }
    }

    /// The client that a stateless request belongs to: that of its process, made at its first call.
    ///
    /// # Errors
    /// `LimitReached`, `ShuttingDown`.
    fn stateless(self: &Arc<Self>, caller: &Caller) -> Result<ClientId> {
        let key = caller.process.as_ref().and_then(|process| process.key());
        let mut people = self.people.lock();
        if let Some(person) = people.stateless.get(&key) {
            return Ok(person.client.clone());
        }
        let client = self.host.manager.connect(newcomer(caller, true))?;
        people.stateless.insert(key, Stateless { client: client.clone(), introduced: false, told: HashSet::new() });
        drop(people);
        let (this, own) = (Arc::clone(self), client.clone());
        self.tasks.spawn(async move {
            let gone = this.host.manager.client_gone(&own);
            tokio::select! {
                () = gone => {}
                () = this.stop.cancelled() => return,
                exit = exit_or_never(key) => this.host.manager.signal(&own, Signal::ProcessExited { killed: exit.killed() }),
            }
            let mut people = this.people.lock();
            if people.stateless.get(&key).is_some_and(|person| person.client == own) {
                people.stateless.remove(&key);
            }
        });
        Ok(client)
    }

    /// Whose request this is.
    ///
    /// # Errors
    /// `SessionEnded` where the id is not known any more; those of [`HttpClients::stateless`].
    pub(crate) fn of(self: &Arc<Self>, parts: Option<&Parts>) -> Result<ClientId> {
        let caller = parts.and_then(|parts| parts.extensions.get::<Caller>());
        match (self.known(parts), caller, parts.and_then(id_of)) {
            (Some(client), _, _) => Ok(client),
            (None, Some(caller), None) => self.stateless(caller),
            _ => Err(Error::new(Code::SessionEnded, "Session ended").next("Begin a new one with initialize.")),
        }
    }

    /// Whose request this is, if that is a client already.
    pub(crate) fn known(&self, parts: Option<&Parts>) -> Option<ClientId> {
        let parts = parts?;
        if let Some(admitted) = parts.extensions.get::<Admitted>() {
            return Some(admitted.client().clone());
        }
        if let Some(id) = id_of(parts) {
            return self.with_id(id);
        }
        let key = parts.extensions.get::<Caller>()?.process.as_ref().and_then(|process| process.key());
        self.people.lock().stateless.get(&key).map(|person| person.client.clone())
    }

    /// Whether a stateless client has not yet been introduced; from now on it has. Others introduce
    /// themselves once.
    pub(crate) fn is_new(&self, client: &ClientId) -> bool {
        let mut people = self.people.lock();
        let person = people.stateless.values_mut().find(|person| person.client == *client);
        person.is_none_or(|person| !std::mem::replace(&mut person.introduced, true))
    }

    /// How this call says whose it is; notes that it is one.
    pub(crate) fn asked(&self, parts: Option<&Parts>) -> Asked {
        if let Some(id) = parts.and_then(id_of) {
            self.called(id);
            return Asked::WithId;
        }
        let caller = parts.and_then(|parts| parts.extensions.get::<Caller>());
        match caller.filter(|caller| caller.process.is_some()) {
            Some(caller) => Asked::Stateless(caller.clone()),
            None => Asked::Nobody,
        }
    }

    /// Whether the process of a stateless client does not know this handle yet; from now on it does.
    fn is_news(&self, caller: &Caller, session: &SessionId) -> bool {
        let key = caller.process.as_ref().and_then(|process| process.key());
        let mut people = self.people.lock();
        people.stateless.get_mut(&key).is_some_and(|person| person.told.insert(session.clone()))
    }

    /// Waits for nothing: the host is stopping and every client with it.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        drop(tokio::time::timeout(Duration::from_secs(1), self.tasks.wait()).await);
    }
}

fn id_of(parts: &Parts) -> Option<&str> {
    parts.headers.get(super::door::SESSION)?.to_str().ok()
}

fn newcomer(caller: &Caller, stateless: bool) -> NewClient {
    let process = caller.process.as_deref();
    let key = process.and_then(crate::transport::peer::ClientProcess::key);
    NewClient {
        transport: Transport::Http,
        process: key.map(|key| sessions::ProcessKey { pid: key.pid, start_time: key.start_time }),
        process_view: process.map(|process| process.top.clone()),
        project: process.and_then(|process| process.project.clone()),
        stateless,
    }
}

async fn exit_of(key: ProcessKey) -> ExitKind {
    match ProcessWatch::open(key.pid, key.start_time) {
        Ok(watch) => watch.exited().await,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => proc::exited(key).unwrap_or(ExitKind::Gone),
        Err(error) => {
            tracing::warn!(%error, pid = key.pid, "a client's process cannot be watched");
            std::future::pending().await
        }
    }
}

async fn exit_or_never(key: Option<ProcessKey>) -> ExitKind {
    match key {
        Some(key) => exit_of(key).await,
        None => std::future::pending().await,
    }
}

/// What the library replays when an id that went for its silence is used again.
#[async_trait::async_trait]
impl SessionStore for HttpClients {
    async fn load(&self, id: &str) -> std::result::Result<Option<SessionState>, SessionStoreError> {
        Ok(self.revivals.state(&self.principal, id))
    }

    async fn store(&self, id: &str, state: &SessionState) -> std::result::Result<(), SessionStoreError> {
        // One that was deleted while it began stays deleted.
        if self.people.lock().with_id.contains_key(id) {
            self.revivals.put(&self.principal, id, state).await;
        }
        Ok(())
    }

    async fn delete(&self, id: &str) -> std::result::Result<(), SessionStoreError> {
        self.revivals.forget(id);
        Ok(())
    }
}
