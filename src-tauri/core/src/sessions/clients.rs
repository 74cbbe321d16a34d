//! Clients: who connected, by which process, and whether they are still here.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio_util::sync::CancellationToken;

use super::{
    lease::{Lease, Signal, Verdict},
    limits,
    manager::{Inner, SessionManager},
    refusal,
    text::clean_text,
};
use crate::{
    Result,
    cleanup::{AskedBy, Reason},
    events::Event,
    ids::{ClientId, SessionId},
    view::{ClientView, ProcessView, Transport},
};

/// A process, safe from the reuse of its id.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ProcessKey {
    /// Process id.
    pub pid: u32,
    /// When it started, in the system's own unit.
    pub start_time: u64,
}

/// What a transport knows of a client when it connects.
pub struct NewClient {
    /// How it came.
    pub transport: Transport,
    /// The process that is watched and counted: the agent's own top process if known, else the peer.
    pub process: Option<ProcessKey>,
    /// The same for people.
    pub process_view: Option<ProcessView>,
    /// The folder it works in.
    pub project: Option<String>,
    /// Whether nothing but its process ties its requests together (revision 2026-07-28 over HTTP).
    pub stateless: bool,
}

/// A client in the registry.
pub(super) struct Client {
    /// Orders lists.
    pub(super) number: u64,
    pub(super) view: ClientView,
    pub(super) process: Option<ProcessKey>,
    pub(super) stateless: bool,
    pub(super) lease: Lease,
    pub(super) default: DefaultSession,
    /// Calls running or waiting, over all sessions it uses.
    pub(super) in_flight: Arc<AtomicUsize>,
    /// Cancelled when the client leaves the registry.
    pub(super) gone: CancellationToken,
}

/// The session a client gets without asking.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum DefaultSession {
    /// The next call opens one.
    None,
    /// This one.
    Open(SessionId),
    /// It ended for this reason, and the client does not know yet.
    Ended(SessionId, Reason),
}

impl Client {
    pub(super) fn calls_in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Whether its process is known to live, and to be in touch.
    pub(super) fn is_known_to_live(&self) -> bool {
        self.process.is_some() && self.lease.is_whole() && !self.stateless && !self.lease.is_stream_lost()
    }

    /// A session of the client begins to close. Who closed it with `session_close` knows already.
    pub(super) fn default_ended(&mut self, session: &SessionId, reason: Reason) {
        if self.default == DefaultSession::Open(session.clone()) {
            self.default = match reason {
                Reason::Manual(AskedBy::Tool) => DefaultSession::None,
                reason => DefaultSession::Ended(session.clone(), reason),
            };
        }
    }

    /// The client was told that its default session ended.
    pub(super) fn told(&mut self, session: &SessionId) {
        if matches!(&self.default, DefaultSession::Ended(ended, _) if ended == session) {
            self.default = DefaultSession::None;
        }
    }
}

impl SessionManager {
    /// The client had this default session, which ended for this reason, and does not know: its next call that
    /// needs one says so, once.
    pub fn default_lost(&self, client: &ClientId, session: SessionId, reason: Reason) {
        let mut registry = self.inner.registry.lock();
        let Some(record) = registry.clients.get_mut(client) else { return };
        if record.default == DefaultSession::None {
            record.default = DefaultSession::Ended(session, reason);
        }
    }

    /// The client's default session, be it open or ended without the client knowing; none where there is no
    /// such client.
    pub fn default_of(&self, client: &ClientId) -> Option<Option<SessionId>> {
        let registry = self.inner.registry.lock();
        Some(match &registry.clients.get(client)?.default {
            DefaultSession::None => None,
            DefaultSession::Open(session) | DefaultSession::Ended(session, _) => Some(session.clone()),
        })
    }

    /// Why the client's default session ended, where nobody meant to end it and the client does not know. It
    /// is taken to know from now on: who asks tells it with the next result.
    pub fn take_silent_end(&self, client: &ClientId) -> Option<Reason> {
        let mut registry = self.inner.registry.lock();
        let record = registry.clients.get_mut(client)?;
        match record.default {
            DefaultSession::Ended(_, reason @ (Reason::IdleTimeout | Reason::Shutdown | Reason::RecoveredAtStart)) => {
                record.default = DefaultSession::None;
                Some(reason)
            }
            _ => None,
        }
    }

    /// A client connected. Costs a record, no session and no browser.
    ///
    /// # Errors
    /// `LimitReached` when there are too many clients, in all or of this process; `ShuttingDown`.
    pub fn connect(&self, new: NewClient) -> Result<ClientId> {
        let inner = &self.inner;
        inner.learn_runtime();
        let id = ClientId::new();
        let program = new.process_view.as_ref().map(|process| clean_text(&process.name, NAME_CHARS));
        let view = ClientView {
            id: id.clone(),
            name: program.filter(|name| !name.is_empty()).unwrap_or_else(|| UNKNOWN.to_owned()),
            version: None,
            transport: new.transport,
            process: new.process_view,
            project: new.project.map(|project| clean_text(&project, PROJECT_CHARS)),
            protocol: None,
            connected_at: inner.ports.clock.wall(),
        };
        {
            let mut registry = inner.registry.lock();
            if registry.stopping {
                return Err(refusal::stopping());
            }
            limits::client(&registry, &inner.settings.sessions, new.process.as_ref())?;
            let client = Client {
                number: registry.next_number(),
                view,
                process: new.process,
                stateless: new.stateless,
                lease: Lease::new(inner.settings.sessions.half_close_grace),
                default: DefaultSession::None,
                in_flight: Arc::default(),
                gone: CancellationToken::new(),
            };
            registry.clients.insert(id.clone(), client);
        }
        self.emit(Event::Client(id.clone()));
        Ok(id)
    }

    /// The client said who it is. Every text is cleaned and clipped; `None` leaves what was known. Where
    /// one of its kind left sessions that wait, it has them from now on.
    pub fn introduce(&self, client: &ClientId, name: Option<&str>, version: Option<&str>, protocol: Option<&str>) {
        let clean = |text: Option<&str>, max| text.map(|text| clean_text(text, max)).filter(|text| !text.is_empty());
        let (name, version, protocol) =
            (clean(name, NAME_CHARS), clean(version, VERSION_CHARS), clean(protocol, VERSION_CHARS));
        let back = {
            let mut registry = self.inner.registry.lock();
            let Some(record) = registry.clients.get_mut(client) else { return };
            if let Some(name) = name {
                record.view.name = name;
            }
            record.view.version = version.or_else(|| record.view.version.take());
            record.view.protocol = protocol.or_else(|| record.view.protocol.take());
            let view = record.view.clone();
            for entry in registry.sessions.values() {
                let mut core = entry.core();
                if core.owners.first() == Some(client) {
                    core.client = view.clone();
                }
            }
            registry.come_back(client, self.inner.settings.sessions.max_sessions_per_process)
        };
        self.emit(Event::Client(client.clone()));
        for session in back {
            tracing::info!(id = %session, %client, "its client came back");
            self.emit(Event::SessionChanged(session));
        }
    }

    /// A transport learnt something about its client. When that ends the lease, the client leaves and
    /// its sessions are removed, each in its own task; this does not wait for them.
    pub fn signal(&self, client: &ClientId, signal: Signal) {
        let now = self.inner.ports.clock.now();
        if let Some(record) = self.inner.registry.lock().clients.get_mut(client) {
            record.lease.apply(signal, now);
        }
        self.inner.judge(client);
    }

    /// Resolves when the client and every session that goes with it are gone.
    pub async fn client_gone(&self, client: &ClientId) {
        loop {
            let changed = self.inner.sessions_changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that no change falls between.
            changed.as_mut().enable();
            let (record, session) = {
                let registry = self.inner.registry.lock();
                let record = registry.clients.get(client).map(|record| record.gone.clone());
                (record, registry.sessions.values().any(|entry| entry.core().owns(client)))
            };
            match record {
                Some(gone) => gone.cancelled().await,
                None if session => changed.await,
                None => return,
            }
        }
    }
}

impl Inner {
    /// Asks the client's lease and acts on its verdict.
    pub(super) fn judge(self: &Arc<Self>, client: &ClientId) {
        let grace = self.settings.sessions.reconnect_grace;
        let verdict = self.registry.lock().judge(client, self.ports.clock.now(), grace);
        match verdict {
            Ok(Verdict::AskAgainAt(_)) => self.sweeper_wake.notify_one(),
            Ok(Verdict::Here | Verdict::Gone(_)) => {}
            Err(departure) => {
                tracing::debug!(%client, reason = departure.reason.key(), sessions = departure.sessions.len(), "client left");
                for session in departure.sessions {
                    self.begin_removal(&session, departure.reason, |_| true);
                }
                for session in departure.waiting {
                    tracing::info!(id = %session, grace_s = grace.as_secs(), "its client left and may come back");
                    self.emit(Event::SessionChanged(session));
                }
                self.sweeper_wake.notify_one();
                self.emit(Event::Client(client.clone()));
            }
        }
    }

    /// A call of the client ended: what a half-closed client waited for may have been the last.
    pub(super) fn client_call_ended(self: &Arc<Self>, client: &ClientId) {
        let now = self.ports.clock.now();
        let judge = self.registry.lock().clients.get_mut(client).is_some_and(|record| {
            record.lease.call_ended(now);
            !record.lease.is_whole()
        });
        if judge {
            self.judge(client);
        }
    }
}

const UNKNOWN: &str = "Unknown client";
const NAME_CHARS: usize = 64;
const VERSION_CHARS: usize = 32;
const PROJECT_CHARS: usize = 256;
