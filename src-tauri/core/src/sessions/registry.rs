//! The table of sessions and clients. Private to this folder: nobody takes a session out but the door.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{
    clients::{Client, DefaultSession},
    entry::{Core, Entry, Phase},
    lease::Verdict,
    waiting::{Waiting, Who},
};
use crate::{
    cleanup::Reason,
    ids::{ClientId, SessionId},
    ports::Clock,
};

/// How many ended sessions their owners can still ask about.
const TOMBS_KEPT: usize = 1_024;

/// Everything that is here.
#[derive(Default)]
pub(super) struct Registry {
    /// Opening, live and closing sessions.
    pub(super) sessions: HashMap<SessionId, Arc<Entry>>,
    pub(super) clients: HashMap<ClientId, Client>,
    tombs: VecDeque<Tomb>,
    /// The user takes no new sessions.
    pub(super) paused: bool,
    /// The host is stopping; never taken back.
    pub(super) stopping: bool,
    counter: u64,
}

/// What is remembered of an ended session for its owners.
#[derive(Clone)]
pub(super) struct Tomb {
    pub(super) session: SessionId,
    pub(super) name: Option<String>,
    owners: Vec<ClientId>,
    pub(super) reason: Reason,
    pub(super) at: Duration,
}

/// A client that left, and the sessions that go with it.
pub(super) struct Departure {
    pub(super) reason: Reason,
    pub(super) sessions: Vec<SessionId>,
    /// Those that wait for it to come back.
    pub(super) waiting: Vec<SessionId>,
}

impl Registry {
    /// The next number in the order of coming, of sessions and clients alike.
    pub(super) fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Sessions that are not yet asked to end, oldest first.
    pub(super) fn open_sessions(&self) -> Vec<Arc<Entry>> {
        self.entries(|entry| entry.core().is_open())
    }

    /// Entries that `choose`, oldest first.
    pub(super) fn entries(&self, choose: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        let mut entries: Vec<_> = self.sessions.values().filter(|entry| choose(entry)).cloned().collect();
        entries.sort_by_key(|entry| entry.number);
        entries
    }

    /// What the client's lease says; a client that is gone leaves here and now.
    /// `grace` is how long its sessions wait for it.
    pub(super) fn judge(&mut self, client: &ClientId, now: Duration, grace: Duration) -> Result<Verdict, Departure> {
        let Some(record) = self.clients.get(client) else { return Ok(Verdict::Here) };
        match record.lease.verdict(now, record.calls_in_flight()) {
            Verdict::Gone(reason) => {
                Err(self.depart(client, reason, (!grace.is_zero()).then(|| now.saturating_add(grace))))
            }
            verdict => Ok(verdict),
        }
    }

    /// Takes the client out. Sessions that somebody else leases, or that outlive their client by
    /// choice, stay; with a time to wait, so do those of a client that would be recognised.
    fn depart(&mut self, client: &ClientId, reason: Reason, until: Option<Duration>) -> Departure {
        let departure = self.next_number();
        let record = self.clients.remove(client);
        if let Some(record) = &record {
            record.gone.cancel();
        }
        let until = until.filter(|_| !self.stopping);
        let who = until.and_then(|_| Who::of(&record.as_ref()?.view));
        let is_default = |session: &SessionId| {
            record.as_ref().is_some_and(|record| matches!(&record.default, DefaultSession::Open(id) if id == session))
        };
        let (mut sessions, mut waiting) = (Vec::new(), Vec::new());
        for entry in self.entries(|entry| entry.core().owns(client)) {
            let mut core = entry.core();
            let shared = core.owners.len() > 1;
            if !core.is_open() {
                continue;
            }
            if !shared && !entry.options.outlives_client() {
                let Some(who) = who.clone() else {
                    core.left = Some(reason);
                    sessions.push(entry.id.clone());
                    continue;
                };
                core.owners.clear();
                core.waiting = Some(Waiting { departure, who, was_default: is_default(&entry.id), reason, until });
                waiting.push(entry.id.clone());
                continue;
            }
            core.owners.retain(|owner| owner != client);
            if let Some(heir) = core.owners.first().and_then(|owner| self.clients.get(owner)) {
                core.client = heir.view.clone();
            }
        }
        for tomb in &mut self.tombs {
            tomb.owners.retain(|owner| owner != client);
        }
        self.tombs.retain(|tomb| !tomb.owners.is_empty());
        Departure { reason, sessions, waiting }
    }

    /// Moves a session into `Closing`, if `willing` once both locks are held. The first to ask wins.
    pub(super) fn begin_closing(
        &mut self,
        entry: &Entry,
        reason: Reason,
        clock: &dyn Clock,
        willing: impl FnOnce(&Core) -> bool,
    ) -> bool {
        let mut core = entry.core();
        if !core.is_open() || !willing(&core) {
            return false;
        }
        core.begin_closing(reason, clock.wall());
        for owner in &core.owners {
            if let Some(client) = self.clients.get_mut(owner) {
                client.default_ended(&entry.id, reason);
            }
        }
        let owners: Vec<_> = core.owners.iter().filter(|owner| self.clients.contains_key(*owner)).cloned().collect();
        if !owners.is_empty() {
            if self.tombs.len() == TOMBS_KEPT {
                self.tombs.pop_front();
            }
            self.tombs.push_back(Tomb {
                session: entry.id.clone(),
                name: entry.options.name.clone(),
                owners,
                reason,
                at: clock.now(),
            });
        }
        true
    }

    /// Step S: the session's slot is free. `false` when it was free before.
    pub(super) fn release(&mut self, entry: &Entry) -> bool {
        let gone = entry.core().advance(Phase::Closing, Phase::Gone);
        if gone {
            self.sessions.remove(&entry.id);
        }
        gone
    }

    /// The last of the client's own ended sessions with this handle or name.
    pub(super) fn tomb(&self, client: &ClientId, handle_or_name: &str) -> Option<Tomb> {
        let matches = |tomb: &&Tomb| {
            tomb.owners.contains(client)
                && (tomb.session.as_str() == handle_or_name || tomb.name.as_deref() == Some(handle_or_name))
        };
        self.tombs.iter().rev().find(matches).cloned()
    }

    /// The client's open session with this handle or name; with a handle also one that is shared.
    pub(super) fn present(&self, client: &ClientId, handle_or_name: &str) -> Option<Arc<Entry>> {
        if let Some(id) = SessionId::parse(handle_or_name) {
            let entry = self.sessions.get(&id)?;
            let mut core = entry.core();
            if !core.is_open() {
                return None;
            }
            let owns = core.owns(client);
            if !owns && entry.options.is_shared() {
                core.owners.push(client.clone());
                core.waiting = None;
                if let Some(first) = (core.owners.len() == 1).then(|| self.clients.get(client)).flatten() {
                    core.client = first.view.clone();
                }
            } else if !owns {
                return None;
            }
            return Some(Arc::clone(entry));
        }
        let mine = |entry: &&Arc<Entry>| {
            let core = entry.core();
            core.is_open() && core.owns(client) && entry.name() == Some(handle_or_name)
        };
        self.sessions.values().find(mine).cloned()
    }
}
