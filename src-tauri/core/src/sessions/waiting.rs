//! Sessions whose client left and may come back: the reconnect grace.
//!
//! Off by default. Where it is on, the session of a client that left stays for that long, without an
//! owner and in plain sight. A client of the same program, working directory and name that introduces
//! itself meanwhile gets back what the last one of its kind left. Somebody may ask to keep such a
//! session; then it stays until the idle limit.

use std::{sync::Arc, time::Duration};

use super::{
    clients::DefaultSession,
    entry::{Core, Entry},
    manager::{Inner, SessionManager},
    refusal,
    registry::Registry,
};
use crate::{
    Result,
    cleanup::Reason,
    events::Event,
    ids::{ClientId, SessionId},
    view::{ClientView, Transport},
};

/// What a client must have in common with the one that left. Without all of it nobody is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    executable: String,
    cwd: String,
    name: String,
    version: Option<String>,
}

impl Who {
    pub(super) fn of(client: &ClientView) -> Option<Self> {
        // Over HTTP a client that comes back has its id.
        if !matches!(client.transport, Transport::Socket | Transport::Stdio) {
            return None;
        }
        let process = client.process.as_ref()?;
        Some(Self {
            executable: process.exe.clone()?,
            // The bridge's, where there is one: an agent in one place may work in several.
            cwd: client.project.clone().or_else(|| process.cwd.clone())?,
            name: client.name.clone(),
            version: client.version.clone(),
        })
    }
}

/// How a session without a client stays.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// Which departure this was: what left together comes back together.
    pub(super) departure: u64,
    /// Who may have it back.
    pub(super) who: Who,
    /// Whether its client got it without asking.
    pub(super) was_default: bool,
    /// Why its client left: the reason of its end if nobody comes.
    pub(super) reason: Reason,
    /// When it ends; none once somebody asked to keep it, and the idle limit counts.
    pub(super) until: Option<Duration>,
}

impl Core {
    /// When the wait ends, where it ends by itself.
    pub(super) fn waits_until(&self) -> Option<Duration> {
        self.waiting.as_ref()?.until
    }
}

impl Registry {
    /// Gives a client that just said who it is the sessions that one of its kind left last. A client
    /// that has something already did not just come back.
    pub(super) fn come_back(&mut self, client: &ClientId, max_per_process: usize) -> Vec<SessionId> {
        let Some(record) = self.clients.get(client) else { return Vec::new() };
        let Some(who) = Who::of(&record.view) else { return Vec::new() };
        let (process, view) = (record.process.clone(), record.view.clone());
        if record.default != DefaultSession::None || self.sessions.values().any(|entry| entry.core().owns(client)) {
            return Vec::new();
        }
        let departure = |entry: &Entry| {
            let core = entry.core();
            let waiting = core.waiting.as_ref().filter(|waiting| core.is_open() && waiting.who == who);
            waiting.map(|waiting| waiting.departure)
        };
        let Some(last) = self.sessions.values().filter_map(|entry| departure(entry)).max() else { return Vec::new() };
        let back = self.entries(|entry| departure(entry) == Some(last));
        let of_process = self.sessions.values().filter(|entry| entry.core().process == process).count();
        if of_process + back.len() > max_per_process {
            return Vec::new();
        }
        for entry in &back {
            let mut core = entry.core();
            let Some(waiting) = core.waiting.take() else { continue };
            core.owners = vec![client.clone()];
            core.client = view.clone();
            core.process.clone_from(&process);
            if waiting.was_default
                && let Some(record) = self.clients.get_mut(client)
            {
                record.default = DefaultSession::Open(entry.id.clone());
            }
        }
        back.iter().map(|entry| entry.id.clone()).collect()
    }
}

impl SessionManager {
    /// Keeps a session that waits for its client: until the idle limit, counted from now, instead of
    /// the end of the grace. It still goes to the next client that matches.
    ///
    /// # Errors
    /// `SessionUnknown` when there is none; `InvalidArguments` when it does not wait.
    pub fn keep(&self, id: &SessionId) -> Result<()> {
        let entry = self.inner.registry.lock().sessions.get(id).cloned().ok_or_else(refusal::unknown_session)?;
        {
            let now = self.inner.ports.clock.now();
            let mut core = entry.core();
            let open = core.is_open();
            let waiting = core.waiting.as_mut().filter(|_| open).ok_or_else(refusal::does_not_wait)?;
            waiting.until = None;
            // Somebody wants it: that is use as well.
            core.last_end = now;
        }
        self.emit(Event::SessionChanged(id.clone()));
        Ok(())
    }
}

impl Inner {
    /// Ends sessions whose client did not come back; when the next one is due.
    pub(super) fn sweep_waiting(self: &Arc<Self>, now: Duration) -> Option<Duration> {
        let waiting: Vec<(SessionId, Duration, Reason)> = {
            let registry = self.registry.lock();
            let open = registry.open_sessions();
            open.iter()
                .filter_map(|entry| {
                    let core = entry.core();
                    let waiting = core.waiting.as_ref()?;
                    Some((entry.id.clone(), waiting.until?, waiting.reason))
                })
                .collect()
        };
        let mut next: Option<Duration> = None;
        for (session, until, reason) in waiting {
            if now < until {
                next = Some(next.map_or(until, |next| next.min(until)));
                continue;
            }
            // Unless it was taken back or kept since it was looked at.
            self.begin_removal(&session, reason, |core| core.waits_until().is_some_and(|until| now >= until));
        }
        next
    }
}
