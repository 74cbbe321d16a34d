//! Sends each event of a Chromium to the session and tab it belongs to.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, Weak},
};

use chromiumoxide::cdp::browser_protocol::target::{AttachToTargetParams, CloseTargetParams, DetachFromTargetParams};
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::{
    chromium::Chromium,
    pipe::EventSink,
    session::{Context, SessionBrowser},
    tab::Tab,
    tab_state::{MAX_TITLE, clipped},
};

/// The event sink of one Chromium.
pub(crate) struct Hub {
    chromium: OnceLock<Weak<Chromium>>,
    sessions: Mutex<HashMap<String, Weak<SessionBrowser>>>,
    tabs: Mutex<HashMap<String, Arc<Tab>>>,
    tasks: TaskTracker,
    /// Somebody else's browser: what is not ours in it is left alone.
    of_others: bool,
}

impl Hub {
    /// A hub whose tab set-ups run in `tasks`.
    pub(crate) fn new(tasks: TaskTracker) -> Arc<Self> {
        Self::with(tasks, false)
    }

    /// The same for a browser that somebody else runs.
    pub(crate) fn of_others(tasks: TaskTracker) -> Arc<Self> {
        Self::with(tasks, true)
    }

    fn with(tasks: TaskTracker, of_others: bool) -> Arc<Self> {
        let (chromium, sessions, tabs) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Arc::new(Self { chromium, sessions, tabs, tasks, of_others })
    }

    /// Tells the hub which Chromium it serves.
    pub(crate) fn serve(&self, chromium: &Arc<Chromium>) {
        // Served once, right after the start.
        drop(self.chromium.set(Arc::downgrade(chromium)));
    }

    /// From now on the events of `context` go to `session`.
    pub(crate) fn route(&self, context: &Context, session: &Arc<SessionBrowser>) {
        self.sessions.lock().insert(context.id.clone(), Arc::downgrade(session));
    }

    /// The context is gone.
    pub(crate) fn unroute(&self, context: &str) {
        self.sessions.lock().remove(context);
    }

    fn tab(&self, session: &str) -> Option<Arc<Tab>> {
        self.tabs.lock().get(session).cloned()
    }

    fn by_target(&self, target: &str) -> Option<Arc<Tab>> {
        self.tabs.lock().values().find(|tab| tab.target == target).cloned()
    }

    /// A page appeared in a browser that attaches nobody by itself: those of our contexts are attached to.
    fn created(&self, params: &Value) {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (target, context) = (text("/targetInfo/targetId"), text("/targetInfo/browserContextId"));
        let Some(chromium) = self.chromium.get().and_then(Weak::upgrade) else { return };
        if self.of_others && self.sessions.lock().contains_key(context) {
            let attach = AttachToTargetParams::builder().target_id(target.to_owned()).flatten(true).build();
            // It cannot fail: the target is named.
            if let Ok(attach) = attach {
                chromium.connection.post(None, &attach);
            }
        }
    }

    fn attached(&self, parent: Option<&str>, params: &Value) {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if let Some(tab) = parent.and_then(|session| self.tab(session)) {
            self.frame_attached(&tab, text("/sessionId"), &params["targetInfo"]);
            return;
        }
        let (cdp, target, context) =
            (text("/sessionId"), text("/targetInfo/targetId"), text("/targetInfo/browserContextId"));
        let Some(chromium) = self.chromium.get().and_then(Weak::upgrade) else { return };
        let session = self.sessions.lock().get(context).and_then(Weak::upgrade);
        let opener = params.pointer("/targetInfo/openerId").and_then(Value::as_str);
        let tab = session.and_then(|session| session.adopt(target, cdp, opener, &chromium));
        let Some(tab) = tab else {
            // Nobody's page, or one more than its session may have.
            chromium.connection.post(None, &CloseTargetParams::new(target.to_owned()));
            return;
        };
        self.tabs.lock().insert(cdp.to_owned(), Arc::clone(&tab));
        self.tasks.spawn(tab.set_up());
    }

    /// A frame of a tab lives in a process of its own.
    fn frame_attached(&self, tab: &Arc<Tab>, session: &str, info: &Value) {
        let text = |name: &str| info.get(name).and_then(Value::as_str);
        if let (Some("iframe"), Some(frame)) = (text("type"), text("targetId")) {
            // Before its first event can come: that is read after this.
            self.tabs.lock().insert(session.to_owned(), Arc::clone(tab));
            if tab.frame_moved(frame, text("parentFrameId"), session) {
                self.notify(tab);
                return;
            }
            self.tabs.lock().remove(session);
        }
        let detach = DetachFromTargetParams::builder().session_id(session.to_owned()).build();
        tab.chromium.connection.post(Some(&tab.cdp), &detach);
    }

    fn detached(&self, params: &Value) {
        let Some(cdp) = params.pointer("/sessionId").and_then(Value::as_str) else { return };
        let Some(tab) = self.tabs.lock().remove(cdp) else { return };
        if tab.cdp != cdp {
            tab.poke(|state| state.session_gone(cdp));
            return;
        }
        // Sessions of its frames end with it, and not all of them say so.
        self.tabs.lock().retain(|_, other| !Arc::ptr_eq(other, &tab));
        tab.closed.cancel();
        for session in self.sessions.lock().values().filter_map(Weak::upgrade) {
            session.forget(&tab);
        }
    }

    fn info_changed(&self, params: &Value) {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if let Some(tab) = self.by_target(text("/targetInfo/targetId")) {
            let title = clipped(text("/targetInfo/title"), MAX_TITLE);
            tab.poke(|state| state.title = title);
            self.notify(&tab);
        }
    }

    fn notify(&self, tab: &Tab) {
        for session in self.sessions.lock().values().filter_map(Weak::upgrade) {
            if session.has(tab) {
                session.changed();
            }
        }
    }
}

impl EventSink for Hub {
    fn event(&self, session: Option<&str>, method: &str, params: &str) {
        let wanted = super::capture::is_wanted(method) || (self.of_others && method == "Target.targetCreated");
        if !wanted {
            return;
        }
        let Ok(params) = serde_json::from_str::<Value>(params) else { return };
        match (session, method) {
            (parent, "Target.attachedToTarget") => self.attached(parent, &params),
            (_, "Target.targetCreated") => self.created(&params),
            (_, "Target.detachedFromTarget") => self.detached(&params),
            (_, "Target.targetInfoChanged") => self.info_changed(&params),
            (_, "Target.targetCrashed") => {
                let target = params.pointer("/targetId").and_then(Value::as_str).unwrap_or_default();
                if let Some(tab) = self.by_target(target) {
                    tab.poke(|state| state.crashed = true);
                    self.notify(&tab);
                }
            }
            (Some(session), _) => {
                if let Some(tab) = self.tab(session) {
                    tab.event(session, method, &params);
                    if matches!(
                        method,
                        "Page.frameNavigated" | "Page.javascriptDialogOpening" | "Page.javascriptDialogClosed"
                    ) {
                        self.notify(&tab);
                    }
                }
            }
            (None, _) => {}
        }
    }
}
