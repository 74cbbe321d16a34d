//! Sends each event of a Chromium to the session and tab it belongs to.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use chromiumoxide::cdp::{
    browser_protocol::{
        fetch::EnableParams as FetchEnableParams,
        target::{AttachToTargetParams, CloseTargetParams, DetachFromTargetParams, GetTargetsParams},
    },
    js_protocol::runtime::RunIfWaitingForDebuggerParams,
};
use ebb_core::Result;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{
    chromium::Chromium,
    downloads::Then,
    guard::Guard,
    pipe::EventSink,
    seed::{self, SeedEvent},
    session::{Context, SessionBrowser, explain},
    tab::Tab,
    tab_state::{MAX_TITLE, clipped},
};

/// How long a worker may take to hear that it may begin.
const BEGIN: Duration = Duration::from_secs(5);

/// The event sink of one Chromium.
pub(crate) struct Hub {
    chromium: OnceLock<Weak<Chromium>>,
    sessions: Mutex<HashMap<String, Weak<SessionBrowser>>>,
    tabs: Mutex<HashMap<String, Arc<Tab>>>,
    tasks: TaskTracker,
    /// Which addresses pages may reach.
    guard: Arc<Guard>,
    /// Contexts that nobody uses yet, and what listens to their pages.
    seeding: Mutex<HashMap<String, mpsc::Sender<SeedEvent>>>,
    /// Somebody else's browser: what is not ours in it is left alone.
    of_others: bool,
}

impl Hub {
    /// A hub whose tab set-ups run in `tasks`.
    pub(crate) fn new(tasks: TaskTracker, guard: Arc<Guard>) -> Arc<Self> {
        Self::with(tasks, guard, false)
    }

    /// The same for a browser that somebody else runs.
    pub(crate) fn of_others(tasks: TaskTracker, guard: Arc<Guard>) -> Arc<Self> {
        Self::with(tasks, guard, true)
    }

    fn with(tasks: TaskTracker, guard: Arc<Guard>, of_others: bool) -> Arc<Self> {
        let (chromium, sessions, tabs) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Arc::new(Self { chromium, sessions, tabs, tasks, guard, seeding: Mutex::default(), of_others })
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

    /// Takes in the pages that a context had before it was anybody's here.
    ///
    /// # Errors
    /// When the browser does not say which.
    pub(super) async fn adopt_pages(&self, context: &Context) -> Result<()> {
        let connection = &context.chromium.connection;
        let targets = connection.call(None, &GetTargetsParams::default()).await.map_err(|error| explain(&error))?;
        for target in targets.target_infos {
            let is_ours = target.browser_context_id.is_some_and(|id| *id.inner() == context.id);
            if target.r#type != "page" || !is_ours || target.url.starts_with("devtools://") {
                continue;
            }
            let attach = AttachToTargetParams::builder().target_id(target.target_id).flatten(true).build();
            if let Ok(attach) = attach {
                // Its event comes before its answer: the tab is there then. A page that closed meanwhile is none.
                drop(connection.call(None, &attach).await);
            }
        }
        Ok(())
    }

    /// The context is gone.
    pub(crate) fn unroute(&self, context: &str) {
        self.sessions.lock().remove(context);
    }

    /// From now on pages of `context`, which is nobody's yet, are heard by what is returned.
    pub(super) fn start_seeding(&self, context: &str) -> mpsc::Receiver<SeedEvent> {
        let (sender, events) = mpsc::channel(seed::EVENTS);
        self.seeding.lock().insert(context.to_owned(), sender);
        events
    }

    /// The context's pages are everybody's matter again.
    pub(super) fn stop_seeding(&self, context: &str) {
        self.seeding.lock().remove(context);
    }

    /// Passes an event on to who prepares a context; whether somebody does.
    fn seed(&self, context: Option<&str>, session: &str, method: &str, params: &Value) -> bool {
        let seeding = self.seeding.lock();
        let mut listeners =
            seeding.iter().filter(|(known, _)| context.is_none_or(|context| context == *known)).peekable();
        let heard = listeners.peek().is_some();
        for (_, listener) in listeners {
            let event = SeedEvent { session: session.to_owned(), method: method.to_owned(), params: params.clone() };
            // One that is full is too late anyway, and has a deadline.
            drop(listener.try_send(event));
        }
        heard
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
        let is_ours = || self.sessions.lock().contains_key(context) || self.seeding.lock().contains_key(context);
        if self.of_others && is_ours() {
            let attach = AttachToTargetParams::builder().target_id(target.to_owned()).flatten(true).build();
            // It cannot fail: the target is named.
            if let Ok(attach) = attach {
                chromium.connection.post(None, &attach);
            }
        }
    }

    fn attached(&self, parent: Option<&str>, params: &Value) {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if let Some(parent) = parent
            && let Some(tab) = self.tab(parent)
        {
            self.part_attached(&tab, parent, text("/sessionId"), &params["targetInfo"]);
            return;
        }
        let (cdp, target, context) =
            (text("/sessionId"), text("/targetInfo/targetId"), text("/targetInfo/browserContextId"));
        let Some(chromium) = self.chromium.get().and_then(Weak::upgrade) else { return };
        let session = self.sessions.lock().get(context).and_then(Weak::upgrade);
        if session.is_none() && self.seed(Some(context), cdp, "Target.attachedToTarget", params) {
            return;
        }
        let opener = params.pointer("/targetInfo/openerId").and_then(Value::as_str);
        let tab = session.and_then(|session| session.adopt(target, cdp, opener, &chromium));
        let Some(tab) = tab else {
            if self.of_others {
                let detach = DetachFromTargetParams::builder().session_id(cdp.to_owned()).build();
                chromium.connection.post(None, &detach);
            } else {
                // Nobody's page, or one more than its session may have. The page that opened it stands still until it
                // begins, so it must, but nothing of it may leave: each of its requests waits for a word that never comes.
                let connection = &chromium.connection;
                connection.post(Some(cdp), &FetchEnableParams::default());
                connection.post(Some(cdp), &RunIfWaitingForDebuggerParams::default());
                connection.post(None, &CloseTargetParams::new(target.to_owned()));
            }
            return;
        };
        if self.of_others {
            tab.was_there(text("/targetInfo/url"), text("/targetInfo/title"));
        }
        self.tabs.lock().insert(cdp.to_owned(), Arc::clone(&tab));
        self.tasks.spawn(tab.set_up());
    }

    /// A part of a tab that is spoken to in a DevTools session of its own: a frame in another process, or a worker,
    /// which nobody needs to speak to. It waits until it is told to begin.
    fn part_attached(&self, tab: &Arc<Tab>, parent: &str, session: &str, info: &Value) {
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
        let (chromium, parent, session) = (Arc::clone(&tab.chromium), parent.to_owned(), session.to_owned());
        self.tasks.spawn(async move {
            // A service worker that loses its session before it was told to begin never begins.
            let begin = RunIfWaitingForDebuggerParams::default();
            drop(chromium.connection.call_within(Some(&session), &begin, BEGIN).await);
            let detach = DetachFromTargetParams::builder().session_id(session).build();
            chromium.connection.post(Some(&parent), &detach);
        });
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
        for session in self.sessions.lock().values().filter_map(Weak::upgrade) {
            session.forget(&tab);
        }
        // Last: whoever waits for it looks for the tab that is current now.
        tab.closed.cancel();
    }

    fn info_changed(&self, params: &Value) {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if let Some(tab) = self.by_target(text("/targetInfo/targetId")) {
            let title = clipped(text("/targetInfo/title"), MAX_TITLE);
            tab.poke(|state| state.title = title);
            self.notify(&tab);
        }
    }

    /// A frame begins to download something. One whose tab is gone already is found by its file.
    fn download_begins(&self, params: &Value) {
        let text = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default();
        let (frame, guid) = (text("frameId"), text("guid"));
        let tab = self.tabs.lock().values().find(|tab| tab.peek(|state| state.frames.contains_key(frame))).cloned();
        let sessions: Vec<_> = self.sessions.lock().values().filter_map(Weak::upgrade).collect();
        if let Some(session) = tab.and_then(|tab| sessions.into_iter().find(|session| session.has(&tab))) {
            let then = session.downloads.begins(guid, text("suggestedFilename"));
            self.download(&session, guid, then);
        }
    }

    fn download_goes_on(&self, params: &Value) {
        let guid = params.get("guid").and_then(Value::as_str).unwrap_or_default();
        let bytes = |name: &str| params.get(name).and_then(Value::as_f64).unwrap_or_default() as u64;
        let state = params.get("state").and_then(Value::as_str).unwrap_or_default();
        let sessions: Vec<_> = self.sessions.lock().values().filter_map(Weak::upgrade).collect();
        let known = sessions.iter().find(|session| session.downloads.knows(guid));
        let Some(session) = known.or_else(|| sessions.iter().find(|session| session.downloads.holds(guid))) else {
            return;
        };
        if known.is_none() {
            let then = session.downloads.begins(guid, "");
            self.download(session, guid, then);
        }
        let then = session.downloads.goes_on(guid, state, bytes("receivedBytes"), bytes("totalBytes"));
        self.download(session, guid, then);
    }

    fn download(&self, session: &Arc<SessionBrowser>, guid: &str, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Cancel => session.cancel_download(guid),
            Then::Take => {
                let (session, guid) = (Arc::clone(session), guid.to_owned());
                self.tasks.spawn(async move { session.downloads.take(&guid).await });
            }
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
        let wanted = super::capture::is_wanted(method)
            || method == "Fetch.requestPaused"
            || method.starts_with("Browser.download")
            || (self.of_others && method == "Target.targetCreated");
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
            (_, "Browser.downloadWillBegin") => self.download_begins(&params),
            (_, "Browser.downloadProgress") => self.download_goes_on(&params),
            (Some(session), "Fetch.requestPaused") => match self.tab(session) {
                Some(tab) => {
                    if let Some(chromium) = self.chromium.get().and_then(Weak::upgrade) {
                        super::intercept::answer(&chromium, session, tab.routes(), &self.guard, &self.tasks, &params);
                    }
                }
                None => drop(self.seed(None, session, method, &params)),
            },
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
