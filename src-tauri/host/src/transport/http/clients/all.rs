//! All clients over HTTP at one place, in both eras.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::http::request::Parts;
use ebb_core::{
    Code, Error, Result,
    ids::{ClientId, SessionId},
    sessions::{self, NewClient},
    view::Transport,
};
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    stateless::Stateless,
    with_id::{Admitted, WithId},
};
use crate::{
    tools::{call::ToolHost, setups::Setups},
    transport::{
        http::{Revivals, door, listen::Caller, options::Told, revivals::Principal},
        proc::ProcessKey,
    },
};

/// The clients of all HTTP connections.
pub(crate) struct HttpClients {
    pub(super) host: Arc<ToolHost>,
    pub(super) people: Mutex<People>,
    pub(super) revivals: Arc<Revivals>,
    pub(super) principal: Principal,
    closer: Mutex<Option<Weak<dyn Closer>>>,
    told: Option<Told>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// What ends the library's own side of a session.
pub(crate) trait Closer: Send + Sync {
    /// Ends it, wherever it is. One that is gone is no error.
    fn close(&self, id: String);
}

#[derive(Default)]
pub(super) struct People {
    pub(super) with_id: HashMap<String, WithId>,
    pub(super) stateless: HashMap<Option<ProcessKey>, Stateless>,
    /// Open `subscriptions/listen` streams of processes, clients or not.
    pub(super) listening: HashMap<ProcessKey, usize>,
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

impl HttpClients {
    /// The clients at one place, all of them `principal`'s.
    pub(crate) fn new(
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
    pub(crate) fn close_with(&self, closer: Weak<dyn Closer>) {
        *self.closer.lock() = Some(closer);
    }

    /// What clients ask for.
    pub(crate) fn setups(&self) -> &Setups {
        &self.host.setups
    }

    pub(super) fn tell(&self, what: &str) {
        if let Some(told) = &self.told {
            told(what);
        }
    }

    pub(super) fn close(&self, id: &str) {
        if let Some(closer) = self.closer.lock().as_ref().and_then(Weak::upgrade) {
            closer.close(id.to_owned());
        }
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

    /// Waits for nothing: the host is stopping and every client with it.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        drop(tokio::time::timeout(Duration::from_secs(1), self.tasks.wait()).await);
    }
}

/// The `Mcp-Session-Id` of a request.
pub(super) fn id_of(parts: &Parts) -> Option<&str> {
    parts.headers.get(door::SESSION)?.to_str().ok()
}

/// As the session manager takes it.
pub(super) fn newcomer(caller: &Caller, stateless: bool) -> NewClient {
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
