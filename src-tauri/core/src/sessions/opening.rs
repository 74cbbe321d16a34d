//! Opening a session, and finding the one that a call means.

use std::sync::Arc;

use super::{
    Session,
    clients::DefaultSession,
    entry::{Entry, NewEntry, Phase},
    limits,
    manager::{Inner, SessionManager},
    refusal,
    text::clean_text,
};
use crate::{
    Result,
    devtools::Buffers,
    events::Event,
    ids::{ClientId, SessionId},
    ports::OpenSession,
};

/// Characters of a session's name.
const NAME_CHARS: usize = 64;

/// How long a session lives when its client goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// It goes with its last owner.
    #[default]
    Client,
    /// It stays until the idle timeout, for command lines whose every call is a new process. Implies
    /// `share`.
    Ttl,
}

/// How a session is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// What its client wants to call it; unique among the client's open sessions.
    pub name: Option<String>,
    /// How long it lives when its client goes.
    pub keep: Keep,
    /// Whether another local client that presents the handle becomes an owner too.
    pub share: bool,
}

impl OpenOptions {
    pub(super) fn outlives_client(&self) -> bool {
        self.keep == Keep::Ttl
    }

    pub(super) fn is_shared(&self) -> bool {
        self.share || self.outlives_client()
    }
}

impl SessionManager {
    /// The session of a client that names none; opened at its first call.
    ///
    /// # Errors
    /// `SessionEnded`, once, when it ended since the last call; then as [`SessionManager::open`].
    pub fn default_session(&self, client: &ClientId) -> Result<Session> {
        self.inner.open(client, OpenOptions::default(), true)
    }

    /// Opens a further session of the client.
    ///
    /// # Errors
    /// `InvalidArguments` for a name in use or unusable, `LimitReached`, `Paused`, `ShuttingDown`,
    /// `SessionEnded` when the client is gone or the new session was ended at once.
    pub fn open(&self, client: &ClientId, options: OpenOptions) -> Result<Session> {
        let name = match options.name {
            Some(name) => {
                // One more than allowed, so that a longer name is refused and not cut.
                let name = clean_text(&name, NAME_CHARS + 1);
                let usable =
                    !name.is_empty() && name.chars().count() <= NAME_CHARS && !name.starts_with(SessionId::PREFIX);
                Some(usable.then_some(name).ok_or_else(refusal::bad_name)?)
            }
            None => None,
        };
        self.inner.open(client, OpenOptions { name, ..options }, false)
    }

    /// The client's session with this handle or name.
    ///
    /// # Errors
    /// `SessionEnded` for one of the client's own that ended; `SessionUnknown` in the same words for a
    /// stranger's and for none at all.
    pub fn session(&self, client: &ClientId, handle_or_name: &str) -> Result<Session> {
        let wanted = clean_text(handle_or_name, NAME_CHARS);
        let entry = {
            let registry = self.inner.registry.lock();
            let record = registry.clients.get(client).ok_or_else(|| refusal::client_left(client))?;
            if let Some(entry) = registry.present(client, &wanted) {
                Session::new(&self.inner, entry, record)
            } else {
                let now = self.inner.ports.clock.now();
                let tomb = registry.tomb(client, &wanted);
                return Err(tomb.map_or_else(refusal::unknown_session, |tomb| refusal::ended_before(&tomb, now)));
            }
        };
        Ok(entry)
    }
}

impl Inner {
    fn open(self: &Arc<Self>, client: &ClientId, options: OpenOptions, is_default: bool) -> Result<Session> {
        self.learn_runtime();
        if self.runtime.get().is_none() {
            return Err(refusal::no_runtime());
        }
        let session = match self.reserve(client, options, is_default)? {
            Reserved::Old(session) => return Ok(session),
            Reserved::New(session) => session,
        };
        let entry = session.entry();
        // Whatever happens from here on, a removal that waits for the end of opening goes on.
        let _ready = entry.ready.clone().drop_guard();
        let client = entry.core().client.clone();
        self.ports.history.opened(OpenSession {
            session: entry.id.clone(),
            name: entry.options.name.clone(),
            client,
            opened_at: entry.opened_at,
        });
        // Bound first: the lock must be free when the refusal looks for the reason.
        let live = entry.core().advance(Phase::Opening, Phase::Live);
        if !live {
            return Err(session.ended());
        }
        self.emit(Event::SessionOpened(entry.id.clone()));
        self.sweeper_wake.notify_one();
        Ok(session)
    }

    /// Takes a slot, all checks and the taking under one lock.
    fn reserve(self: &Arc<Self>, client: &ClientId, options: OpenOptions, is_default: bool) -> Result<Reserved> {
        let clock = &self.ports.clock;
        let mut registry = self.registry.lock();
        let record = registry.clients.get_mut(client).ok_or_else(|| refusal::client_left(client))?;
        if is_default {
            match record.default.clone() {
                DefaultSession::None => {}
                DefaultSession::Ended(_, reason) => {
                    record.default = DefaultSession::None;
                    return Err(refusal::default_ended(reason));
                }
                DefaultSession::Open(id) => {
                    if let (Some(entry), Some(record)) = (registry.sessions.get(&id), registry.clients.get(client)) {
                        return Ok(Reserved::Old(Session::new(self, Arc::clone(entry), record)));
                    }
                }
            }
        }
        if registry.stopping {
            return Err(refusal::stopping());
        }
        if registry.paused {
            return Err(refusal::paused());
        }
        let record = registry.clients.get(client).ok_or_else(|| refusal::client_left(client))?;
        let (process, owner) = (record.process.clone(), record.view.clone());
        if let Some(name) = &options.name
            && let Some(holder) = registry.present(client, name)
        {
            return Err(refusal::name_taken(name, &holder.id));
        }
        let leftovers = self.leftovers.lock().len();
        limits::session(&registry, leftovers, &self.settings.sessions, client, process.as_ref())?;
        let entry = Arc::new(Entry::new(NewEntry {
            number: registry.next_number(),
            options,
            is_default,
            process,
            opened_at: clock.wall(),
            now: clock.now(),
            owner,
            buffers: Arc::new(Buffers::new(&self.settings.devtools)),
        }));
        registry.sessions.insert(entry.id.clone(), Arc::clone(&entry));
        let record = registry.clients.get_mut(client).ok_or_else(|| refusal::client_left(client))?;
        if is_default {
            record.default = DefaultSession::Open(entry.id.clone());
        }
        Ok(Reserved::New(Session::new(self, entry, record)))
    }
}

enum Reserved {
    Old(Session),
    New(Session),
}
