//! What sessions really hold: their renderer processes as the system measures them.
//!
//! The protocol does not say which process serves a page, but a trace does: its first event lists the
//! page's frames with their process ids. A trace of nothing takes about 12 ms and is made once for
//! each document.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chromiumoxide::cdp::{
    browser_protocol::tracing::{EndParams, StartParams, StartTransferMode, TraceConfig},
    js_protocol::runtime::GetHeapUsageParams,
};
use ebb_core::{events::Event, ids::SessionId, sessions::SessionManager};
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Browsers, chromium::Chromium, tab::Tab};

/// Between two samples while somebody looks; new documents are measured this soon in any case.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// Between two samples while nobody does.
const UNSEEN: Duration = Duration::from_secs(30);

/// A new document is measured this often before it waits its turn: it grows while it loads.
const GROWING: u32 = 6;

/// How long a page may take to answer; a busy one keeps its last figures.
const ANSWER: Duration = Duration::from_secs(1);

/// Measures all tabs again and again while there are any.
pub(crate) struct Sampler {
    browsers: Arc<Browsers>,
    shared: Mutex<Option<u64>>,
}

impl Sampler {
    /// A sampler of `browsers`; measures nothing yet.
    pub(crate) fn new(browsers: Arc<Browsers>) -> Arc<Self> {
        Arc::new(Self { browsers, shared: Mutex::new(None) })
    }

    /// Bytes of Chromium that belong to no session, as last measured.
    pub(crate) fn shared(&self) -> Option<u64> {
        self.browsers.running().and_then(|_| *self.shared.lock())
    }

    /// Measures for ever: often while `watched` says that somebody looks. While no browser runs it
    /// waits for an event instead of a clock.
    pub(crate) async fn run(self: Arc<Self>, manager: SessionManager, watched: impl Fn() -> bool + Send) {
        let mut events = manager.subscribe();
        let mut last: Option<Instant> = None;
        let mut clock = tokio::time::interval(LOOKED_AT);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while self.browsers.running().is_none() {
                match events.recv().await {
                    Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                }
            }
            clock.tick().await;
            let due = watched() || last.is_none_or(|last| last.elapsed() >= UNSEEN);
            if due {
                last = Some(Instant::now());
            }
            for session in self.sample(due).await {
                manager.emit(Event::SessionChanged(session));
            }
        }
    }

    /// Measures all tabs, or only those whose document is new; tells whose figures changed.
    async fn sample(&self, all: bool) -> Vec<SessionId> {
        let mut changed = Vec::new();
        let mut renderers = HashSet::new();
        for side in self.browsers.all() {
            let before = side.held();
            for (tab, _) in side.tabs() {
                if all || is_growing(&tab) {
                    measure(&tab).await;
                }
                renderers.extend(tab.renderer.lock().pid);
            }
            if side.held() != before {
                changed.push(side.id().clone());
            }
        }
        if let Some(chromium) = self.browsers.running().filter(|_| all) {
            let shared: u64 = chromium
                .pid()
                .into_iter()
                .flat_map(group)
                .filter(|pid| !renderers.contains(pid))
                .filter_map(resident)
                .sum();
            *self.shared.lock() = (shared > 0).then_some(shared);
        }
        changed
    }
}

/// Whether the tab shows a document whose process is not known yet.
fn is_new(tab: &Tab) -> bool {
    let known = *tab.renderer.lock();
    known.pid.is_none() || known.commits != tab.peek(|state| state.commits)
}

/// Whether the tab's document is so new that its figures still move.
fn is_growing(tab: &Tab) -> bool {
    is_new(tab) || tab.renderer.lock().measured < GROWING
}

async fn measure(tab: &Arc<Tab>) {
    if !tab.ready.is_cancelled() || tab.modal().is_some() || tab.peek(|state| state.crashed) {
        return;
    }
    if is_new(tab) {
        let commits = tab.peek(|state| state.commits);
        let pid = renderer_of(tab, &tab.chromium).await;
        let mut renderer = tab.renderer.lock();
        if pid.is_some() {
            renderer.pid = pid;
            renderer.commits = commits;
            renderer.measured = 0;
        }
    }
    let heap = tab.chromium.connection.call_within(Some(&tab.cdp), &GetHeapUsageParams::default(), ANSWER).await;
    let mut renderer = tab.renderer.lock();
    if let Ok(heap) = heap {
        renderer.js_heap = Some(heap.used_size as u64);
    }
    renderer.bytes = renderer.pid.and_then(resident);
    renderer.measured = renderer.measured.saturating_add(1);
}

/// The process of a tab's main frame.
async fn renderer_of(tab: &Arc<Tab>, chromium: &Chromium) -> Option<u32> {
    let _only = chromium.trace.try_lock().ok()?;
    tab.poke(|state| state.traced = None);
    let config = TraceConfig::builder()
        .included_categorie("disabled-by-default-devtools.timeline")
        .excluded_categorie("*")
        .build();
    let start = StartParams::builder().transfer_mode(StartTransferMode::ReportEvents).trace_config(config).build();
    chromium.connection.call_within(Some(&tab.cdp), &start, ANSWER).await.ok()?;
    let ended = chromium.connection.call_within(Some(&tab.cdp), &EndParams::default(), ANSWER).await;
    ended.ok()?;
    tab.until(ANSWER, |state| state.traced.is_some()).await;
    tab.peek(|state| state.traced)
}

/// Bytes of a process that are its own: the proportional share where the system tells, else what it
/// shares with nobody.
#[cfg(target_os = "linux")]
fn resident(pid: u32) -> Option<u64> {
    let kilobytes = |text: &str| text.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024);
    if let Ok(rollup) = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        return rollup.lines().find(|line| line.starts_with("Pss:")).and_then(kilobytes);
    }
    // A sandboxed process hides its maps, not its counters.
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

#[cfg(not(target_os = "linux"))]
fn resident(_pid: u32) -> Option<u64> {
    None
}

/// The processes of a process group.
#[cfg(target_os = "linux")]
fn group(leader: u32) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()).filter(move |pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name may hold anything, closing parentheses included; state, parent and group follow it.
        let group = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(2)?.parse::<u32>().ok());
        group == Some(leader)
    })
}

#[cfg(not(target_os = "linux"))]
fn group(_leader: u32) -> impl Iterator<Item = u32> {
    std::iter::empty()
}
