//! Clients without an id: revision 2026-07-28, which leaves nothing but their process.

use std::{collections::HashSet, sync::Arc};

use axum::http::request::Parts;
use ebb_core::{
    Result,
    ids::{ClientId, SessionId},
    sessions::Signal,
};

use super::{
    all::{HttpClients, newcomer},
    exits::exit_or_never,
};
use crate::transport::{http::listen::Caller, proc::ProcessKey};

/// Handles that a client is known to know, before those of sessions that are gone are forgotten.
const REMEMBERED: usize = 64;

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

/// A client without one.
pub(super) struct Stateless {
    pub(super) client: ClientId,
    introduced: bool,
    /// Sessions it was told the handle of.
    told: HashSet<SessionId>,
}

impl HttpClients {
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

    /// The client that a stateless request belongs to: that of its process, made at its first call.
    ///
    /// # Errors
    /// `LimitReached`, `ShuttingDown`.
    pub(super) fn stateless(self: &Arc<Self>, caller: &Caller) -> Result<ClientId> {
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

    /// Whether a stateless client has not yet been introduced; from now on it has. Others introduce
    /// themselves once.
    pub(crate) fn is_new(&self, client: &ClientId) -> bool {
        let mut people = self.people.lock();
        let person = people.stateless.values_mut().find(|person| person.client == *client);
        person.is_none_or(|person| !std::mem::replace(&mut person.introduced, true))
    }

    /// Whether the process of a stateless client does not know this handle yet; from now on it does.
    pub(super) fn is_news(&self, caller: &Caller, session: &SessionId) -> bool {
        let key = caller.process.as_ref().and_then(|process| process.key());
        let mut people = self.people.lock();
        let Some(person) = people.stateless.get_mut(&key) else { return false };
        if person.told.len() >= REMEMBERED {
            person.told.retain(|session| self.host.manager.view(session).is_some());
        }
        person.told.insert(session.clone())
    }
}
