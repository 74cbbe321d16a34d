//! Clients with an `Mcp-Session-Id`: revisions up to 2025-11-25.

use std::{
    collections::HashSet,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::request::Parts;
use ebb_core::{Result, events::Event, ids::ClientId, sessions::Signal};
use rmcp::transport::streamable_http_server::session::{SessionState, SessionStore, SessionStoreError};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::Instant,
};

use super::{
    all::{HttpClients, id_of, newcomer},
    exits::exit_of,
    in_flight::{InFlight, Requests},
};
use crate::transport::{
    http::listen::Caller,
    proc::{ExitKind, ProcessKey},
};

/// An id that never called a tool, holds no stream and says nothing goes after this long. It is revived
/// when it is used again.
const UNUSED: Duration = Duration::from_mins(2);
/// Between two looks at ids that nothing speaks for.
const LOOK: Duration = Duration::from_secs(15);
/// How long a deletion waits for the calls in flight to be answered.
const DELETION: Duration = Duration::from_secs(3);

/// A client with an `Mcp-Session-Id`.
pub(super) struct WithId {
    client: ClientId,
    /// The processes that used the id and live.
    processes: HashSet<ProcessKey>,
    /// A process that cannot be seen used it, so no exit says that the client is gone.
    unseen: bool,
    /// Its requests that wait for their answers.
    requests: Requests,
    streams: usize,
    /// Whether an event stream is open.
    open: watch::Sender<bool>,
    called: bool,
    last: Instant,
}

/// A client that was let in and has no id yet. Dropped without one it goes again.
#[derive(Clone)]
pub(crate) struct Admitted(Arc<AdmittedClient>);

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
    pub(crate) fn client(&self) -> &ClientId {
        &self.0.client
    }
}

impl HttpClients {
    /// `LimitReached` with the limit and the way out, `ShuttingDown`.
    pub(crate) fn admit(self: &Arc<Self>, caller: &Caller) -> Result<Admitted> {
        let client = self.host.manager.connect(newcomer(caller, false))?;
        let admitted = AdmittedClient { clients: Arc::downgrade(self), client, bound: AtomicBool::new(false) };
        Ok(Admitted(Arc::new(admitted)))
    }

    /// The admitted client got this id.
    pub(crate) fn bind(self: &Arc<Self>, id: &str, admitted: &Admitted, caller: &Caller) {
        admitted.0.bound.store(true, Ordering::Release);
        let client = admitted.0.client.clone();
        self.people.lock().with_id.insert(
            id.to_owned(),
            WithId {
                client: client.clone(),
                processes: HashSet::new(),
                unseen: false,
                requests: Requests::default(),
                streams: 0,
                open: watch::Sender::new(false),
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
    pub(crate) async fn revived(&self, id: &str, admitted: &Admitted) {
        if let Some((session, reason)) = self.revivals.lost(&self.principal, id).await
            && self.host.manager.view(&session).is_none()
        {
            self.host.manager.default_lost(&admitted.0.client, session, reason);
        }
    }

    /// Notes which session each client has, so that it can be told of its end however late that is.
    pub(super) async fn note_sessions(self: Arc<Self>) {
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
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.people.lock().with_id.contains_key(id) || self.revivals.knows(&self.principal, id)
    }

    /// The client with this id.
    pub(crate) fn with_id(&self, id: &str) -> Option<ClientId> {
        self.people.lock().with_id.get(id).map(|person| person.client.clone())
    }

    /// A request with this id came from there.
    pub(crate) fn seen(self: &Arc<Self>, id: &str, caller: &Caller) {
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
    pub(super) fn called(&self, id: &str) {
        if let Some(person) = self.people.lock().with_id.get_mut(id) {
            person.called = true;
        }
    }

    /// The client opened or lost its event stream.
    pub(crate) fn stream(&self, id: &str, opened: bool) {
        let signal = {
            let mut people = self.people.lock();
            let Some(person) = people.with_id.get_mut(id) else { return };
            person.last = Instant::now();
            person.streams = if opened { person.streams + 1 } else { person.streams.saturating_sub(1) };
            person.open.send_replace(person.streams > 0);
            let signal = if person.streams == 0 { Signal::StreamLost } else { Signal::StreamFound };
            (person.client.clone(), signal)
        };
        self.host.manager.signal(&signal.0, signal.1);
    }

    /// A request of the client with this id begins; the answer is on its way until every copy of the guard is
    /// dropped. None where another one has this very request id and waits for its answer: the library would give
    /// each the answer of the other.
    pub(crate) fn begin(&self, id: &str, request: &serde_json::Value) -> Option<InFlight> {
        let requests = self.people.lock().with_id.get(id).map(|person| person.requests.clone());
        requests.unwrap_or_default().begin(request)
    }

    /// Whether the client of this request has an event stream open, from now on; none where it has no id.
    pub(crate) fn streaming(&self, parts: Option<&Parts>) -> Option<watch::Receiver<bool>> {
        let people = self.people.lock();
        people.with_id.get(id_of(parts?)?).map(|person| person.open.subscribe())
    }

    /// The client of this request does not answer: it is taken to be gone, and its id with it.
    pub(crate) fn give_up(&self, parts: Option<&Parts>) {
        let Some(id) = parts.and_then(id_of) else { return };
        let Some(client) = self.with_id(id) else { return };
        self.revivals.forget(id);
        self.host.manager.signal(&client, Signal::HungUp { killed: false });
    }

    /// A call of the client with this id is over: what it was told, it knows.
    pub(crate) fn heard(&self, parts: Option<&Parts>, client: &ClientId) {
        if let Some(id) = parts.and_then(id_of) {
            self.note(id, client);
        }
    }

    /// The client said goodbye. Only the first of many that say it at once is told `true`; it waits until
    /// the calls in flight are answered.
    pub(crate) async fn delete(&self, id: &str) -> bool {
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

    fn is_unused(&self, id: &str, client: &ClientId) -> bool {
        let idle = self.host.settings.sessions.idle_timeout;
        let people = self.people.lock();
        let Some(person) = people.with_id.get(id) else { return false };
        let limit = if person.called { idle } else { UNUSED };
        let silent = person.streams == 0 && person.last.elapsed() >= limit && !limit.is_zero();
        let speaks_for_it = person.called && !person.unseen && !person.processes.is_empty();
        silent && !speaks_for_it && self.host.manager.list_of(client).is_empty()
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
