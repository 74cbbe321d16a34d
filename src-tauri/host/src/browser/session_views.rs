//! What the browser side of a session shows: tabs, memory, whether its browser was lost.

use std::collections::BTreeMap;

use ebb_core::view::{HeldView, TabView};

use super::session::SessionBrowser;

impl SessionBrowser {
    /// What the dashboard shows of its tabs.
    pub(crate) fn views(&self) -> Vec<TabView> {
        let slot = self.slot.lock();
        slot.tabs.values().map(|tab| tab.view(slot.current == Some(tab.number))).collect()
    }

    /// What its renderers hold, as last measured. A renderer never serves two contexts, but may serve
    /// two tabs of one.
    pub(crate) fn held(&self) -> HeldView {
        let slot = self.slot.lock();
        let mut processes = BTreeMap::new();
        let mut heap = None;
        for tab in slot.tabs.values() {
            let renderers = tab.renderers.lock();
            processes.extend(renderers.processes.iter().filter_map(|process| Some((process.key.pid, process.bytes?))));
            heap = match (heap, renderers.js_heap.filter(|_| !tab.peek(|state| state.crashed))) {
                (sum, None) => sum,
                (sum, Some(more)) => Some(sum.unwrap_or(0) + more),
            };
        }
        let renderers = (!processes.is_empty()).then(|| processes.values().sum());
        HeldView { renderers, js_heap: heap, ..HeldView::default() }
    }

    /// Whether the browser was lost and the client not told yet.
    pub(crate) fn is_lost(&self) -> bool {
        let slot = self.slot.lock();
        slot.lost
            || (!slot.tabs.is_empty() && slot.context.as_ref().is_some_and(|context| !context.chromium.is_alive()))
    }
}
