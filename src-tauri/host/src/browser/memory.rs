//! What sessions really hold: their renderer processes as the system measures them.
//!
//! The protocol does not say which processes serve a page, but a trace does: its first event lists the
//! page's frames with their process ids. A trace of nothing takes 10 to 40 ms and is made once for
//! each set of frames. A renderer never serves two contexts, but may serve several tabs and frames of one.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chromiumoxide::cdp::{
    browser_protocol::tracing::{EndParams, StartParams, StartTransferMode, TraceConfig},
    js_protocol::runtime::GetHeapUsageParams,
};
use ebb_core::{events::Event, ids::SessionId, sessions::SessionManager};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::{
    sync::{
        Notify,
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{Instant, MissedTickBehavior},
};

use super::{Browsers, scale, session::SessionBrowser, tab::Tab};
use crate::transport::proc::{self, ProcessKey};

/// Between two samples while somebody looks.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// Between two samples while nobody does.
const UNSEEN: Duration = Duration::from_secs(30);

/// A page that is new is looked at this much later: while it loads, the machine is its own.
const SETTLED: Duration = Duration::from_millis(250);

/// A new document is measured this often before it waits its turn: it grows while it loads.
const GROWING: u32 = 6;

/// How long a page may take to answer; a busy one keeps its last figures.
const ANSWER: Duration = Duration::from_secs(1);

/// Pages asked at once.
const AT_ONCE: usize = 8;

/// Whoever asks once gets figures not older than this, if they can be had soon.
const RECENT: Duration = Duration::from_secs(5);

/// How long such a question may wait for fresh figures.
const PATIENCE: Duration = Duration::from_millis(150);

/// What is known of the renderers that serve a tab.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renderers {
    /// Each once, that of the main frame first.
    pub(crate) processes: Vec<Process>,
    /// The frames for which they were looked up.
    frames: u64,
    /// How often they were measured since.
    measured: u32,
    /// JavaScript heap in use in the main frame's process, in bytes.
    pub(crate) js_heap: Option<u64>,
}

/// One renderer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    /// Which process.
    pub(crate) key: ProcessKey,
    /// Its private and proportional shared memory, in bytes, as last measured.
    pub(crate) bytes: Option<u64>,
}

impl Renderers {
    /// What they hold together; none where nothing was measured.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.processes.iter().filter_map(|process| process.bytes).reduce(|sum, bytes| sum + bytes)
    }
}

/// Measures all tabs again and again while there are any.
pub(crate) struct Sampler {
    browsers: Arc<Browsers>,
    shared: Mutex<Option<u64>>,
    /// When everything was measured last.
    last: watch::Sender<Option<Instant>>,
    asked: Notify,
}

impl Sampler {
    /// A sampler of `browsers`; measures nothing yet.
    pub(crate) fn new(browsers: Arc<Browsers>) -> Arc<Self> {
        Arc::new(Self { browsers, shared: Mutex::new(None), last: watch::Sender::new(None), asked: Notify::new() })
    }

    /// Bytes of Chromium that belong to no session, as last measured.
    pub(crate) fn shared(&self) -> Option<u64> {
        (*self.shared.lock()).filter(|_| !self.browsers.running().is_empty())
    }

    /// Returns once the figures are recent, or after a moment as they are.
    pub(crate) async fn recent(&self) {
        let is_recent = |last: &Option<Instant>| last.is_some_and(|last| last.elapsed() < RECENT);
        let mut last = self.last.subscribe();
        if self.browsers.running().is_empty() || is_recent(&last.borrow_and_update()) {
            return;
        }
        self.asked.notify_one();
        // Figures that do not come in time are shown as they were.
        drop(tokio::time::timeout(PATIENCE, last.wait_for(is_recent)).await);
    }

    /// Measures for ever: often while `watched` says that somebody looks. While no browser runs it
    /// waits for an event instead of a clock.
    pub(crate) async fn run(self: Arc<Self>, manager: SessionManager, watched: impl Fn() -> bool + Send) {
        let mut events = manager.subscribe();
        let mut clock = tokio::time::interval(LOOKED_AT);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.browsers.runs(&mut events).await {
            let all = tokio::select! {
                _ = clock.tick() => watched() || self.last.borrow().is_none_or(|last| last.elapsed() >= UNSEEN),
                () = self.asked.notified() => true,
                () = self.newcomer(&mut events) => false,
            };
            for session in self.sample(all).await {
                manager.emit(Event::SessionChanged(session));
            }
        }
    }

    /// Resolves a moment after a tab shows a document whose processes are not known.
    async fn newcomer(&self, events: &mut Receiver<Event>) {
        loop {
            match events.recv().await {
                Ok(Event::SessionChanged(session)) => {
                    let side = self.browsers.find(&session);
                    if side.is_some_and(|side| side.tabs().iter().any(|(tab, _)| is_new(tab))) {
                        return tokio::time::sleep(SETTLED).await;
                    }
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Measures all tabs, or only those whose document is new; tells whose figures changed.
    async fn sample(&self, all: bool) -> Vec<SessionId> {
        let sides = self.browsers.all();
        let before: Vec<_> = sides.iter().map(|side| side.held()).collect();
        let tabs = sides.iter().flat_map(|side| side.tabs()).map(|(tab, _)| tab);
        let tabs: Vec<Arc<Tab>> = tabs.filter(|tab| all || is_growing(tab)).collect();
        if tabs.is_empty() && !all {
            return Vec::new();
        }
        futures::stream::iter(&tabs).for_each_concurrent(AT_ONCE, ask).await;
        let of_sessions: HashSet<ProcessKey> = sides.iter().flat_map(|side| side.renderers()).collect();
        let mut keys: HashSet<ProcessKey> = tabs.iter().flat_map(|tab| keys_of(tab)).collect();
        let leaders = self.browsers.running().into_iter().filter(|_| all).filter_map(|chromium| chromium.pid());
        let others: HashSet<ProcessKey> =
            leaders.flat_map(scale::group).filter(|process| !of_sessions.contains(process)).collect();
        keys.extend(&others);
        let weighed = self.browsers.common.scale.weigh(keys).await;
        for tab in &tabs {
            note(tab, &weighed);
        }
        if all {
            self.browsers.common.scale.keep(&of_sessions.union(&others).copied().collect());
            let shared: u64 = others.iter().filter_map(|key| weighed.get(key)).sum();
            *self.shared.lock() = (shared > 0).then_some(shared);
            self.last.send_replace(Some(Instant::now()));
        }
        let changed = sides.iter().zip(before).filter(|(side, before)| side.held() != *before);
        changed.map(|(side, _)| side.id().clone()).collect()
    }
}

impl Browsers {
    /// Waits until a browser runs; false once nobody can start one any more.
    pub(super) async fn runs(&self, events: &mut Receiver<Event>) -> bool {
        while self.running().is_empty() {
            if matches!(events.recv().await, Err(RecvError::Closed)) {
                return false;
            }
        }
        true
    }

    /// Measures a session that is about to end once more: what its renderers hold now, in microseconds
    /// where they were measured before.
    pub(super) async fn measure_last(&self, session: &SessionId) {
        let Some(side) = self.find(session) else { return };
        let scale = &self.common.scale;
        let (known, unknown): (Vec<_>, Vec<_>) =
            side.renderers().into_iter().map(|key| (key, scale.glance(key))).partition(|(_, bytes)| bytes.is_some());
        let mut weighed = scale.weigh(unknown.into_iter().map(|(key, _)| key).collect()).await;
        weighed.extend(known.into_iter().filter_map(|(key, bytes)| Some((key, bytes?))));
        for (tab, _) in side.tabs() {
            note(&tab, &weighed);
        }
    }
}

impl SessionBrowser {
    /// Every renderer that is known to serve one of its tabs, each once.
    pub(super) fn renderers(&self) -> HashSet<ProcessKey> {
        self.tabs().iter().flat_map(|(tab, _)| keys_of(tab)).collect()
    }
}

pub(super) fn keys_of(tab: &Tab) -> Vec<ProcessKey> {
    tab.renderers.lock().processes.iter().map(|process| process.key).collect()
}

/// Writes down what the tab's renderers weigh.
pub(super) fn note(tab: &Tab, weighed: &HashMap<ProcessKey, u64>) {
    let mut renderers = tab.renderers.lock();
    for process in &mut renderers.processes {
        process.bytes = weighed.get(&process.key).copied();
    }
    renderers.measured = renderers.measured.saturating_add(1);
}

/// Whether the tab shows frames whose processes are not known yet.
fn is_new(tab: &Tab) -> bool {
    // The processes of a browser on another machine cannot be seen from here.
    let renderers = tab.renderers.lock();
    tab.chromium.pid().is_some()
        && (renderers.processes.is_empty() || renderers.frames != tab.peek(|state| state.frame_changes))
}

/// Whether the tab's document is so new that its figures still move.
fn is_growing(tab: &Tab) -> bool {
    is_new(tab) || tab.renderers.lock().measured < GROWING
}

/// Asks the page itself: which processes serve it, if that may have changed, and its heap.
async fn ask(tab: &Arc<Tab>) {
    let busy = tab.chromium.is_unresponsive() || tab.modal().is_some() || tab.peek(|state| state.crashed);
    if !tab.ready.is_cancelled() || busy {
        return;
    }
    if is_new(tab) {
        let frames = tab.peek(|state| state.frame_changes);
        let found = processes_of(tab).await;
        let mut renderers = tab.renderers.lock();
        if !found.is_empty() {
            renderers.processes = found.into_iter().map(|key| Process { key, bytes: None }).collect();
            renderers.frames = frames;
            renderers.measured = 0;
        }
    }
    let heap = tab.chromium.connection.call_within(Some(&tab.cdp), &GetHeapUsageParams::default(), ANSWER).await;
    if let Ok(heap) = heap {
        tab.renderers.lock().js_heap = Some(heap.used_size as u64);
    }
}

/// The processes of a tab's frames, that of the main frame first. Only processes of our own browser: one
/// on another machine tells pids that are somebody else's here.
async fn processes_of(tab: &Arc<Tab>) -> Vec<ProcessKey> {
    let chromium = &tab.chromium;
    let Ok(_only) = tokio::time::timeout(ANSWER, chromium.trace.lock()).await else { return Vec::new() };
    tab.poke(|state| state.traced.clear());
    let config = TraceConfig::builder()
        .included_categorie("disabled-by-default-devtools.timeline")
        .excluded_categorie("*")
        .build();
    let start = StartParams::builder().transfer_mode(StartTransferMode::ReportEvents).trace_config(config).build();
    let connection = &chromium.connection;
    if connection.call_within(Some(&tab.cdp), &start, ANSWER).await.is_err() {
        return Vec::new();
    }
    if connection.call_within(Some(&tab.cdp), &EndParams::default(), ANSWER).await.is_err() {
        return Vec::new();
    }
    tab.until(ANSWER, |state| !state.traced.is_empty()).await;
    let pids = tab.peek(|state| state.traced.clone());
    let stats = pids.into_iter().filter_map(proc::stat);
    stats.filter(|stat| Some(stat.group) == chromium.pid()).map(|stat| stat.key).collect()
}
