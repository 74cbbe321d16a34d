//! When an action is over: the page is quiet, and what the action started has arrived.

use std::{sync::Arc, time::Duration};

use super::tab::{Returns, Tab};
use super::tab_state::TabState;

/// Resolves once two animation frames and 50 ms have passed without a change of the document, after 500 ms at the
/// latest. Timers stand in for frames that a tab in the background does not draw, and end the wait to the millisecond.
const QUIET: &str = "() => new Promise((done) => {
  const began = performance.now();
  let changed = began, frames = 0, timer = 0, over = false;
  const observer = new MutationObserver(() => { changed = performance.now(); frames = 0; });
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  const look = () => {
    if (over) return;
    const now = performance.now();
    const left = Math.min(50 - (now - changed), 500 - (now - began));
    if ((frames >= 2 && left <= 0) || now - began >= 500) {
      over = true;
      observer.disconnect();
      done(true);
    } else if (frames >= 2) {
      clearTimeout(timer);
      timer = setTimeout(look, Math.max(left, 1));
    }
  };
  const frame = () => {
    let called = false;
    const once = () => { if (!called && !over) { called = true; frames++; look(); frame(); } };
    requestAnimationFrame(once);
    setTimeout(once, 25);
  };
  frame();
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
    if let Some(fixed) = tab.fixed_settle() {
        tab.until(fixed, stopped).await;
        return;
    }
    let navigating = |state: &TabState| state.commits != before.commits || state.scheduled > 0;
    let awaited = |state: &TabState| state.in_flight.values().any(|request| request.number > before.requests);
    for _ in 0..3 {
        drop(tab.script(None, QUIET, &[], Returns::Value, Duration::from_millis(800)).await);
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
        if !tab.peek(awaited) {
            return;
        }
        tab.until(NETWORK, |state| stopped(state) || navigating(state) || !awaited(state)).await;
    }
}

fn stopped(state: &TabState) -> bool {
    state.crashed || !state.modals.is_empty()
}
