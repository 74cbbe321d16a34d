//! What the dashboard, the tray and the command line see. Ports are asked without any lock held.

use std::{sync::Arc, time::Duration};

use super::{
    entry::{Entry, Phase},
    manager::{Inner, SessionManager},
    refusal,
    text::clean_text,
};
use crate::{
    Result,
    cursors::CursorFreed,
    events::Event,
    ids::{ClientId, CursorId, SessionId},
    view::{ClientView, CursorView, HeldView, SessionDetail, SessionState, SessionView, StepView},
};

/// Without a call for this long a session is shown as idle.
const IDLE: Duration = Duration::from_mins(5);
/// The shortest beginning of an id that is understood.
const SHORTEST_PREFIX: usize = 4;

impl SessionManager {
    /// The one live or closing session that `text` means: a whole id, a unique beginning of at least 4
    /// characters (with or without `ses_`), or a name.
    ///
    /// # Errors
    /// `SessionUnknown` when there is none, `InvalidArguments` when there are several.
    pub fn find(&self, text: &str) -> Result<SessionId> {
        let text = clean_text(text, 64);
        let body = text.strip_prefix(SessionId::PREFIX).unwrap_or(&text);
        let entries = self.inner.registry.lock().entries(|_| true);
        let only = |wanted: &dyn Fn(&Entry) -> bool| {
            let found: Vec<_> = entries.iter().filter(|entry| wanted(entry)).collect();
            match found.as_slice() {
                [] => None,
                [one] => Some(Ok(one.id.clone())),
                several => {
                    let ids: Vec<_> = several.iter().map(|entry| entry.id.to_string()).collect();
                    Some(Err(refusal::several_match(&text, &ids)))
                }
            }
        };
        let begins = |entry: &Entry| {
            body.len() >= SHORTEST_PREFIX
                && entry.id.as_str().strip_prefix(SessionId::PREFIX).is_some_and(|id| id.starts_with(body))
        };
        only(&|entry| entry.id.as_str() == text)
            .or_else(|| only(&|entry| entry.name() == Some(text.as_str())))
            .or_else(|| only(&begins))
            .unwrap_or_else(|| Err(refusal::nothing_matches(&text)))
    }

    /// Live and closing sessions, oldest first.
    pub fn list(&self) -> Vec<SessionView> {
        self.inner.views(|_| true)
    }

    /// The client's own sessions, oldest first.
    pub fn list_of(&self, client: &ClientId) -> Vec<SessionView> {
        self.inner.views(|entry| entry.core().owns(client))
    }

    /// One session in the list.
    pub fn view(&self, id: &SessionId) -> Option<SessionView> {
        self.inner.views(|entry| entry.id == *id).pop()
    }

    /// One session with its cursors and its last calls, newest first.
    pub fn detail(&self, id: &SessionId) -> Option<SessionDetail> {
        let entry = self.inner.registry.lock().sessions.get(id).cloned()?;
        let session = self.view(id)?;
        let calls = entry.core().ring.iter().rev().cloned().collect();
        Some(SessionDetail { session, cursors: self.inner.ports.cursors.list(id), calls })
    }

    /// The session's open cursors, oldest first.
    pub fn cursors(&self, id: &SessionId) -> Vec<CursorView> {
        self.inner.ports.cursors.list(id)
    }

    /// What the store of cursors is called.
    pub fn cursor_store(&self) -> &'static str {
        self.inner.ports.cursors.kind()
    }

    /// Closes one cursor of the session, or all of them: step C of a removal without the removal.
    ///
    /// # Errors
    /// `CursorUnknown` for one that is not there, `StoreUnavailable`.
    pub async fn close_cursors(&self, id: &SessionId, cursor: Option<&CursorId>) -> Result<CursorFreed> {
        let freed = self.inner.ports.cursors.close(id, cursor).await?;
        self.emit(Event::SessionChanged(id.clone()));
        Ok(freed)
    }

    /// The clients that are here, in the order they came.
    pub fn clients(&self) -> Vec<ClientView> {
        let registry = self.inner.registry.lock();
        let mut clients: Vec<_> = registry.clients.values().collect();
        clients.sort_by_key(|client| client.number);
        clients.into_iter().map(|client| client.view.clone()).collect()
    }

    /// One client, while it is here.
    pub fn client(&self, id: &ClientId) -> Option<ClientView> {
        self.inner.registry.lock().clients.get(id).map(|client| client.view.clone())
    }
}

impl Inner {
    fn views(&self, choose: impl Fn(&Entry) -> bool) -> Vec<SessionView> {
        let chosen: Vec<(Arc<Entry>, Option<Duration>)> = {
            let registry = self.registry.lock();
            let entries = registry.entries(choose);
            entries
                .into_iter()
                .map(|entry| {
                    let limit = self.idle_limit(&registry, &entry.core());
                    (entry, limit)
                })
                .collect()
        };
        chosen.into_iter().map(|(entry, limit)| self.view_of(&entry, limit)).collect()
    }

    fn view_of(&self, entry: &Entry, idle_limit: Option<Duration>) -> SessionView {
        let now = self.ports.clock.now();
        let cursors = self.ports.cursors.usage_now(Some(&entry.id));
        let devtools = entry.buffers.view();
        let measured = self.ports.browser.held(&entry.id);
        let tabs = self.ports.browser.tabs(&entry.id);
        let browser_lost = self.ports.browser.lost(&entry.id);
        let held = HeldView {
            total: cursors.bytes + devtools.bytes + measured.renderers.unwrap_or_default(),
            cursors: cursors.bytes,
            devtools: devtools.bytes,
            ..measured
        };
        let core = entry.core();
        let idle = core.idle(now);
        let state = match core.phase {
            Phase::Closing | Phase::Gone => SessionState::Closing,
            _ if core.waiting.is_some() => SessionState::Waiting,
            _ if core.in_flight > 0 => SessionState::Working,
            _ if idle >= IDLE => SessionState::Idle,
            _ => SessionState::Connected,
        };
        let open = state != SessionState::Closing;
        let quiet = open && core.in_flight == 0;
        let ending = &core.ending;
        let ended = ending.steps.iter().map(|step| StepView { step: step.step, outcome: Some(step.outcome) });
        let current = ending.current.map(|step| StepView { step, outcome: None });
        SessionView {
            id: entry.id.clone(),
            name: entry.options.name.clone(),
            client: core.client.clone(),
            state,
            opened_at: entry.opened_at,
            idle_s: idle.as_secs(),
            waiting_s: core.waits_until().filter(|_| open).map(|until| until.saturating_sub(now).as_secs()),
            ends_in_s: idle_limit
                .filter(|_| quiet && core.waits_until().is_none())
                .map(|limit| limit.saturating_sub(idle).as_secs()),
            calls: core.calls,
            running: core.ring.iter().rev().find(|call| call.ms.is_none()).cloned(),
            tabs,
            cursors: cursors.count,
            devtools,
            held,
            steps: ended.chain(current).collect(),
            browser_lost,
        }
    }
}
