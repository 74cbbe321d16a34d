//! What holds it all together: settings, ports, the registry and the tasks.

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, broadcast},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{census::Census, leftovers::Left, registry::Registry};
use crate::{
    cleanup::CleanupReport,
    cursors::CursorStore,
    events::Event,
    ports::{BrowserPort, Clock, HistoryPort},
    settings::Settings,
};

/// Events that a slow listener may fall behind before it misses some.
const EVENTS_KEPT: usize = 1_024;

/// Opens, lists and ends sessions. A cheap handle; clones are the same manager.
#[derive(Clone)]
pub struct SessionManager {
    pub(super) inner: Arc<Inner>,
}

/// What the core needs from outside.
pub struct Ports {
    /// Time. The cursor store should read the same clock, so that both stop in the machine's sleep.
    pub clock: Arc<dyn Clock>,
    /// The browser.
    pub browser: Arc<dyn BrowserPort>,
    /// The cursors.
    pub cursors: Arc<dyn CursorStore>,
    /// Where reports go.
    pub history: Arc<dyn HistoryPort>,
}

/// The manager's insides. Locks are taken in the order census, registry, entry, reports, leftovers; none is
/// held over an await or a call of a port.
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) ports: Ports,
    pub(super) registry: Mutex<Registry>,
    /// The last reports, newest last.
    pub(super) reports: Mutex<VecDeque<Arc<CleanupReport>>>,
    pub(super) leftovers: Mutex<Vec<Left>>,
    /// Bounds how many removals work at once.
    pub(super) removals: Semaphore,
    /// Bounds how many of them ask a browser at once.
    pub(super) disposals: Semaphore,
    pub(super) events: broadcast::Sender<Event>,
    /// Told whenever a session went.
    pub(super) sessions_changed: Notify,
    /// Where removals run, learnt when the first client or session comes: a removal may be asked for
    /// by a thread that has no runtime, such as a tray's.
    pub(super) runtime: OnceLock<Handle>,
    pub(super) tasks: TaskTracker,
    pub(super) sweeper_started: AtomicBool,
    pub(super) sweeper_wake: Arc<Notify>,
    pub(super) cursor_sweep_runs: AtomicBool,
    pub(super) census: Mutex<Census>,
    pub(super) census_runs: AtomicBool,
    /// Ends the sweeper.
    pub(super) stop: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Inner {
    pub(super) fn emit(&self, event: Event) {
        // Nobody listening is no error.
        drop(self.events.send(event));
    }
}

impl SessionManager {
    /// A manager without sessions. Needs a running tokio runtime only once clients come.
    #[must_use]
    pub fn new(settings: Settings, ports: Ports) -> Self {
        let inner = Inner {
            removals: Semaphore::new(settings.cleanup.parallel.max(1)),
            disposals: Semaphore::new(settings.cleanup.parallel_browser.max(1)),
            settings,
            ports,
            registry: Mutex::default(),
            reports: Mutex::default(),
            leftovers: Mutex::default(),
            events: broadcast::Sender::new(EVENTS_KEPT),
            sessions_changed: Notify::new(),
            runtime: OnceLock::new(),
            tasks: TaskTracker::new(),
            sweeper_started: AtomicBool::new(false),
            sweeper_wake: Arc::default(),
            cursor_sweep_runs: AtomicBool::new(false),
            census: Mutex::default(),
            census_runs: AtomicBool::new(false),
            stop: CancellationToken::new(),
        };
        inner.learn_runtime();
        Self { inner: Arc::new(inner) }
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The clock that all lifetimes are measured by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.ports.clock
    }

    /// Everything that changes from now on. A listener that falls more than 1,024 events behind is
    /// told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// Tells everybody who listens. Never blocks and never fails.
    pub fn emit(&self, event: Event) {
        self.inner.emit(event);
    }

    /// Whether new sessions are taken.
    pub fn is_accepting(&self) -> bool {
        let registry = self.inner.registry.lock();
        !registry.paused && !registry.stopping
    }

    /// Takes new sessions, or refuses them. Living ones go on. A host that stops stays stopping.
    pub fn set_accepting(&self, accepting: bool) {
        self.inner.registry.lock().paused = !accepting;
        self.emit(Event::Host);
    }

    /// Live and closing sessions.
    pub fn busy(&self) -> usize {
        self.inner.registry.lock().sessions.len()
    }

    /// Finds what should be gone, from now on. Started again it does nothing. While there is nothing
    /// to look at it sleeps without waking.
    pub fn start_sweeper(&self) {
        if !self.inner.sweeper_started.swap(true, Ordering::AcqRel) {
            self.inner.learn_runtime();
            // What an earlier host could not be rid of is still there.
            self.inner.census_soon();
            self.inner.spawn_sweeper();
        }
    }
}
