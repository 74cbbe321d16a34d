//! All buffers of one session.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use regex::Regex;

use super::{
    ConsoleEntry, ConsoleList, ConsoleNews, Dialog, Level, RequestList, RequestRecord, RequestStart, Response, tab::Tab,
};
use crate::{settings::DevtoolsSettings, view::DevtoolsView};

/// What closing, clearing or dropping a tab gave back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Console entries, requests and dialogs.
    pub entries: u32,
    /// Bytes, exact: each entry's slot, and the text it holds.
    pub bytes: u64,
}

/// Console, network and dialogs of a session's tabs.
///
/// Every method takes one short lock. Events of tabs that nobody heard of before make them known;
/// ends of requests that nobody heard of are ignored.
#[derive(Debug)]
pub struct Buffers {
    settings: DevtoolsSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tabs: BTreeMap<u32, Tab>,
    /// Bytes of all tabs.
    bytes: u64,
    /// Numbers entries over all tabs, so that the oldest is known.
    age: u64,
    /// Entries that went because of a bound.
    lost: u64,
    closed: bool,
}

impl State {
    /// Lets `change` work on a tab, then keeps count and bounds.
    fn change(&mut self, tab: u32, settings: &DevtoolsSettings, change: impl FnOnce(&mut Tab, u64)) {
        self.age += 1;
        let Some(buffers) = self.tabs.get_mut(&tab) else {
            return;
        };
        let before = buffers.bytes();
        change(buffers, self.age);
        while buffers.console.ring.len() > settings.max_console {
            buffers.console.pop();
            self.lost += 1;
        }
        while buffers.network.ring.len() > settings.max_network {
            buffers.network.pop();
            self.lost += 1;
        }
        self.bytes = self.bytes + buffers.bytes() - before;
        while self.bytes > settings.max_session_bytes {
            let oldest = self.tabs.values_mut().filter(|tab| tab.oldest().is_some()).min_by_key(|tab| tab.oldest());
            let Some(oldest) = oldest else {
                break;
            };
            let before = oldest.bytes();
            oldest.pop();
            self.bytes = self.bytes + oldest.bytes() - before;
            self.lost += 1;
        }
    }
}

impl Buffers {
    /// Empty buffers.
    #[must_use]
    pub fn new(settings: &DevtoolsSettings) -> Self {
        Self { settings: settings.clone(), state: Mutex::default() }
    }

    /// For events that make a tab known.
    fn enter(&self, tab: u32, change: impl FnOnce(&mut Tab, u64)) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.tabs.entry(tab).or_default();
        state.change(tab, &self.settings, change);
    }

    /// For events about what is already there.
    fn update(&self, tab: u32, change: impl FnOnce(&mut Tab, u64)) {
        self.state.lock().change(tab, &self.settings, change);
    }

    fn look<T: Default>(&self, tab: u32, look: impl FnOnce(&Tab) -> T) -> T {
        self.state.lock().tabs.get(&tab).map_or_else(T::default, look)
    }

    /// What is held now, for people.
    #[must_use]
    pub fn view(&self) -> DevtoolsView {
        let state = self.state.lock();
        let mut view = DevtoolsView { dropped: state.lost, bytes: state.bytes, ..DevtoolsView::default() };
        for tab in state.tabs.values() {
            let (errors, warnings) = tab.console.kept();
            view.console += tab.console.ring.len() as u32;
            view.console_errors += errors as u32;
            view.console_warnings += warnings as u32;
            view.network += tab.network.ring.len() as u32;
            view.dialogs += u32::from(tab.dialog.is_some());
        }
        view
    }

    /// Drops everything and refuses entries from then on.
    pub fn close(&self) -> Dropped {
        let mut state = self.state.lock();
        state.closed = true;
        take_all(&mut state)
    }

    /// Drops everything; new entries are welcome.
    pub fn clear(&self) -> Dropped {
        take_all(&mut self.state.lock())
    }

    /// Drops a tab that is gone.
    pub fn drop_tab(&self, tab: u32) -> Dropped {
        let mut state = self.state.lock();
        let Some(gone) = state.tabs.remove(&tab) else {
            return Dropped::default();
        };
        let dropped = Dropped { entries: gone.entries() as u32, bytes: gone.bytes() };
        state.bytes -= dropped.bytes;
        dropped
    }

    /// The tab shows a new document: request numbers restart, and the console counts from here.
    pub fn navigated(&self, tab: u32) {
        self.enter(tab, |tab, _| {
            tab.console.navigated();
            tab.network.navigated(None);
        });
    }

    /// The same where the new document's own request, known by the browser's id, began before: it
    /// becomes number 1, and what came after it stays.
    pub fn navigated_by(&self, tab: u32, request: &str) {
        self.enter(tab, |tab, _| {
            tab.console.navigated();
            tab.network.navigated(Some(request));
        });
    }

    /// A message came.
    pub fn console(&self, tab: u32, mut entry: ConsoleEntry) {
        entry.clip(self.settings.max_message_chars);
        self.enter(tab, |tab, age| tab.console.push(age, entry));
    }

    /// The messages at least as grave as `min`: since the last navigation, or all of the tab.
    #[must_use]
    pub fn console_list(&self, tab: u32, min: Level, all: bool) -> ConsoleList {
        self.look(tab, |tab| tab.console.list(min, all))
    }

    /// What came after message `number` of the tab (0: from the first on).
    #[must_use]
    pub fn console_since(&self, tab: u32, number: u64) -> ConsoleNews {
        self.look(tab, |tab| tab.console.since(number))
    }

    /// Errors and warnings since the last navigation, lost ones included.
    #[must_use]
    pub fn counts(&self, tab: u32) -> (u64, u64) {
        self.look(tab, |tab| tab.console.counts())
    }

    /// A request was sent.
    pub fn request_started(&self, tab: u32, start: RequestStart) {
        self.enter(tab, |tab, age| {
            tab.network.started(age, start);
        });
    }

    /// The running request `id` was answered with a redirect and goes on as `next`, with its own number.
    pub fn request_redirected(&self, tab: u32, id: &str, response: Response, next: RequestStart) {
        self.update(tab, |tab, age| {
            tab.network.redirected(age, id, response, next);
        });
    }

    /// The head of its answer came.
    pub fn request_response(&self, tab: u32, id: &str, response: Response) {
        self.update(tab, |tab, _| tab.network.response(id, response));
    }

    /// It is over.
    pub fn request_finished(&self, tab: u32, id: &str, at_ms: f64) {
        self.update(tab, |tab, _| tab.network.ended(id, at_ms, None));
    }

    /// It failed.
    pub fn request_failed(&self, tab: u32, id: &str, error_text: &str, at_ms: f64) {
        self.update(tab, |tab, _| {
            tab.network.ended(id, at_ms, Some(error_text.to_owned()));
        });
    }

    /// The requests since the last navigation whose address `filter` finds.
    #[must_use]
    pub fn requests(&self, tab: u32, include_static: bool, filter: Option<&Regex>) -> RequestList {
        self.look(tab, |tab| tab.network.list(include_static, filter))
    }

    /// One request, by its number since the last navigation.
    #[must_use]
    pub fn request(&self, tab: u32, number: u32) -> Option<RequestRecord> {
        self.look(tab, |tab| tab.network.ring.get(u64::from(number)).cloned())
    }

    /// Requests that run.
    #[must_use]
    pub fn in_flight(&self, tab: u32) -> usize {
        self.look(tab, |tab| tab.network.in_flight())
    }

    /// A dialog opened.
    pub fn dialog_opened(&self, tab: u32, kind: &str, message: &str, default_prompt: Option<&str>) {
        let dialog = Dialog::new(kind.to_owned(), message.to_owned(), default_prompt.map(str::to_owned));
        self.enter(tab, |tab, _| tab.dialog = Some(dialog));
    }

    /// The tab's dialog closed.
    pub fn dialog_closed(&self, tab: u32) {
        self.update(tab, |tab, _| tab.dialog = None);
    }

    /// The dialog that the tab waits with.
    #[must_use]
    pub fn dialog(&self, tab: u32) -> Option<Dialog> {
        self.look(tab, |tab| tab.dialog.clone())
    }
}

fn take_all(state: &mut State) -> Dropped {
    let entries = state.tabs.values().map(Tab::entries).sum::<usize>();
    let dropped = Dropped { entries: entries as u32, bytes: state.bytes };
    state.tabs.clear();
    state.bytes = 0;
    dropped
}

#[cfg(test)]
impl Buffers {
    /// The bytes held, counted item by item.
    pub(super) fn recount(&self) -> u64 {
        self.state.lock().tabs.values().map(Tab::recount).sum()
    }
}
