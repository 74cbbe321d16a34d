//! When an action is over: the page is quiet, and what the action started has arrived.

use std::{sync::Arc, time::Duration};

use super::tab::{Returns, Tab};
use super::tab_state::{RequestKind, TabState};

/// Resolves once two animation frames and 50 ms have passed without a change of the document, after
/// 500 ms at the latest. Timers stand in for frames that a tab in the background does not draw.
const QUIET: &str = "() => new Promise((done) => {
  const began = performance.now();
  let changed = began, frames = 0;
  const observer = new MutationObserver(() => { changed = performance.now(); frames = 0; });
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  const look = () => {
    const now = performance.now();
    if ((frames >= 2 && now - changed >= 50) || now - began >= 500) { observer.disconnect(); done(true); }
    else next();
  };
  const next = () => {
    let called = false;
    const once = () => { if (!called) { called = true; frames++; look(); } };
    requestAnimationFrame(once);
    setTimeout(once, 25);
  };
  next();
})";

/// How long documents, styles, scripts and fetches of the action may take.
const NETWORK: Duration = Duration::from_secs(5);

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
    let awaited = |state: &TabState| state.in_flight.values().any(|kind| *kind == RequestKind::Awaited);
    for _ in 0..3 {
        drop(tab.script(None, QUIET, &[], Returns::Value, Duration::from_millis(800)).await);
        if tab.modal().is_some() || tab.closed.is_cancelled() {
            return;
        }
        if tab.peek(navigating) {
            tab.until(NAVIGATION, |state| {
                stopped(state) || (state.commits != before.commits && state.lifecycle.loaded) || !navigating(state)
            })
            .await;
            return;
        }
        let requested = tab.peek(|state| state.requests != before.requests && awaited(state));
        if !requested {
            return;
        }
        tab.until(NETWORK, |state| stopped(state) || navigating(state) || !awaited(state)).await;
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
