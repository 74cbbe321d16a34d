//! When an action is over: the page is quiet, and what the action started has arrived.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::tab_state::TabState;
use super::{tab::Tab, tab_script::Returns};

/// Resolves with the title once nothing changes any more.
const QUIET: &str = "() => __ebb.quiet()";

/// How long documents, styles, scripts and fetches of the action may take.
const NETWORK: Duration = Duration::from_secs(5);

/// A fetch with headers of which nothing more comes for so long, up to twice, is over: pages that only send something
/// never read the answer, and then the browser never says that it ended.
const STILL: Duration = Duration::from_millis(150);

/// How long a navigation of the action may take until `load`.
const NAVIGATION: Duration = Duration::from_secs(10);

/// What a tab had done before an action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    requests: u64,
    commits: u64,
}

/// Notes where the tab stands before an action.
pub(crate) fn before(tab: &Tab) -> Before {
    tab.peek(|state| Before { requests: state.requests, commits: state.commits })
}

/// Waits until the action that began at `before` is over. Never fails: whatever stands in the way (a
/// dialog, a crash, the tab's end) ends the wait, and the next call will say it.
pub(crate) async fn settle(tab: &Arc<Tab>, before: Before) {
    let navigating = |state: &TabState| state.commits != before.commits || state.scheduled > 0;
    let mut network = Network { before, left: NETWORK, seen: Vec::new(), still: Vec::new() };
    for _ in 0..3 {
        let quiet = tab.script(None, QUIET, &[], Returns::Value, Duration::from_millis(800)).await;
        if let Some(title) = quiet.ok().and_then(|told| told.value).as_ref().and_then(serde_json::Value::as_str) {
            tab.poke(|state| state.title_told(title));
        }
        if tab.closed.is_cancelled() || tab.peek(stopped) {
            return;
        }
        if tab.peek(navigating) {
            tab.until(NAVIGATION, |state| {
                stopped(state) || (state.commits != before.commits && state.lifecycle.loaded) || !navigating(state)
            })
            .await;
            return;
        }
        if !tab.peek(|state| network.waits(state)) {
            return;
        }
        network.arrive(tab, navigating).await;
    }
}

/// The requests that an action began.
struct Network {
    before: Before,
    /// How long they may still take.
    left: Duration,
    /// Fetches and how far they had come at the last look.
    seen: Vec<(u64, u32)>,
    /// Those of them that came no further.
    still: Vec<(u64, u32)>,
}

impl Network {
    fn waits(&self, state: &TabState) -> bool {
        let mut requests = state.in_flight.values().filter(|request| request.number > self.before.requests);
        requests.any(|request| !self.still.contains(&(request.number, request.parts)))
    }

    /// Waits until all of them are there, or the page leaves.
    async fn arrive(&mut self, tab: &Arc<Tab>, leaves: impl Fn(&TabState) -> bool) {
        while !self.left.is_zero() {
            let began = Instant::now();
            let done = |state: &TabState| stopped(state) || leaves(state) || !self.waits(state);
            if tab.until(self.left.min(STILL), done).await || tab.closed.is_cancelled() {
                return;
            }
            self.left = self.left.saturating_sub(began.elapsed());
            let seen: Vec<(u64, u32)> = tab.peek(|state| {
                let fetches = state.in_flight.values().filter(|one| one.parts > 0);
                fetches.map(|one| (one.number, one.parts)).collect()
            });
            self.still = seen.iter().copied().filter(|fetch| self.seen.contains(fetch)).collect();
            self.seen = seen;
        }
    }
}

/// The same for clients that asked for a fixed wait: at least `wait`, and until a navigation has loaded.
pub(crate) async fn fixed(tab: &Arc<Tab>, before: Before, wait: Duration) {
    tab.until(wait, stopped).await;
    if tab.peek(|state| !stopped(state) && (state.commits != before.commits || state.scheduled > 0)) {
        tab.until(NAVIGATION, |state| {
            stopped(state) || (state.scheduled == 0 && state.lifecycle.loaded) || state.commits == 0
        })
        .await;
    }
}

fn stopped(state: &TabState) -> bool {
    state.crashed || !state.modals.is_empty()
}
