//! One browser that many sessions share: started for the first, ended with the last.

use std::{
    collections::HashSet,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use ebb_core::{
    Code, Error, Result, events::Event, ids::SessionId, sessions::SessionManager, settings::BrowserSettings,
    view::BrowserView,
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    census::Contexts, chromium::Chromium, display, endpoint::Endpoint, guard::Guard, hub::Hub, launch, locate,
    plan::Plan, profile::Profile, scale::Scale, session::closing,
};
use crate::run::RunDirs;

type Started = Result<(Arc<Chromium>, Arc<Hub>)>;

/// What all pools of a host have in common.
pub(crate) struct Common {
    /// Which browsers, and how.
    pub(super) settings: BrowserSettings,
    /// What is special about them.
    pub(super) plan: Plan,
    /// Where they run.
    pub(super) run_dirs: Arc<RunDirs>,
    /// Contexts on their way in or out.
    pub(super) contexts: Arc<Contexts>,
    /// What weighs their processes.
    pub(super) scale: Arc<Scale>,
    /// Which addresses pages may reach.
    pub(super) guard: Arc<Guard>,
    /// Work that must outlive who asked for it.
    pub(super) tasks: TaskTracker,
    manager: OnceLock<SessionManager>,
}

impl Common {
    pub(super) fn new(settings: BrowserSettings, plan: Plan, run_dirs: Arc<RunDirs>) -> Arc<Self> {
        let (contexts, scale, tasks) = (Arc::default(), Arc::default(), TaskTracker::new());
        let guard = Arc::new(Guard::new(settings.private_networks));
        Arc::new(Self { settings, plan, run_dirs, contexts, scale, guard, tasks, manager: OnceLock::new() })
    }

    /// Whose events to send changes through. Once, when the host is composed.
    pub(super) fn report_to(self: &Arc<Self>, manager: &SessionManager) {
        drop(self.manager.set(manager.clone()));
        let common = Arc::downgrade(self);
        self.run_dirs.on_stray(move || {
            if let Some(manager) = common.upgrade().as_ref().and_then(|common| common.manager.get()) {
                manager.ask_census();
            }
        });
    }

    fn emit(&self, event: Event) {
        if let Some(manager) = self.manager.get() {
            manager.emit(event);
        }
    }
}

/// What kind of browser a pool has.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// One of ours that nobody sees.
    Headless,
    /// One of ours with windows.
    Window,
    /// One that somebody else runs.
    Endpoint(Endpoint),
}

/// What the pool does with its browser at the moment.
enum State {
    Stopped,
    Starting {
        /// Everybody who needs it waits for the same one.
        start: Shared<BoxFuture<'static, Started>>,
        /// Which start this is.
        number: u64,
        /// Fires when nobody needs it any more.
        unwanted: CancellationToken,
    },
    Running(Arc<Chromium>, Arc<Hub>),
}

/// One browser that sessions share, and who uses it.
pub(crate) struct Pool {
    pub(super) common: Arc<Common>,
    mode: Mode,
    state: Mutex<State>,
    starts: AtomicU64,
    users: Mutex<HashSet<SessionId>>,
    /// Who has the context that the browser has by itself.
    default_of: Mutex<Option<SessionId>>,
}

impl Pool {
    /// A pool whose browser does not run yet.
    pub(super) fn new(common: Arc<Common>, mode: Mode) -> Arc<Self> {
        let state = Mutex::new(State::Stopped);
        let (users, default_of) = (Mutex::default(), Mutex::default());
        Arc::new(Self { common, mode, state, starts: AtomicU64::new(0), users, default_of })
    }

    /// Where tasks run that must outlive who asked for them.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.common.tasks
    }

    /// Whether the first client has what the browser has by itself, and not a context in memory. A second
    /// browser, for windows beside the rest, has no profile.
    pub(super) fn keeps_default(&self) -> bool {
        match self.mode {
            Mode::Endpoint(_) => self.common.plan.joins,
            Mode::Headless => self.common.plan.profile.is_some() && !self.common.settings.headed,
            Mode::Window => self.common.plan.profile.is_some() && self.common.settings.headed,
        }
    }

    /// Whether its browser shows windows on this machine.
    pub(super) const fn shows_windows(&self) -> bool {
        matches!(self.mode, Mode::Window)
    }

    /// Gives the browser's own context to `session`, unless another one has it.
    pub(super) fn claim_default(&self, session: &SessionId) -> bool {
        self.default_of.lock().get_or_insert_with(|| session.clone()) == session
    }

    /// Whether `session` has the browser's own context.
    pub(super) fn owns_default(&self, session: &SessionId) -> bool {
        self.default_of.lock().as_ref() == Some(session)
    }

    /// `session` needs the browser's own context no more.
    pub(super) fn leave_default(&self, session: &SessionId) {
        self.default_of.lock().take_if(|owner| owner == session);
    }

    /// A running browser, started now if there is none. The start goes on when the caller does not, as
    /// long as anybody uses the pool.
    pub(crate) async fn chromium(self: &Arc<Self>) -> Started {
        let start = {
            let mut state = self.state.lock();
            match &*state {
                State::Running(chromium, hub) if chromium.is_alive() => {
                    return Ok((Arc::clone(chromium), Arc::clone(hub)));
                }
                State::Starting { start, .. } => start.clone(),
                State::Running(..) | State::Stopped => {
                    let (number, unwanted) = (self.starts.fetch_add(1, Ordering::Relaxed), CancellationToken::new());
                    let start = self.start(number, unwanted.clone());
                    *state = State::Starting { start: start.clone(), number, unwanted };
                    start
                }
            }
        };
        self.common.emit(Event::Browser);
        start.await
    }

    fn start(self: &Arc<Self>, number: u64, unwanted: CancellationToken) -> Shared<BoxFuture<'static, Started>> {
        let this = Arc::clone(self);
        let task = self.tasks().spawn(async move {
            let started = this.launch(&unwanted).await;
            let kept = this.settle(number, &started);
            if let (Ok((chromium, _)), false) = (&started, kept) {
                chromium.shut_down().await;
            }
            this.common.emit(Event::Browser);
            started
        });
        async move {
            task.await.unwrap_or_else(|error| {
                Err(Error::new(Code::Internal, format!("starting the browser failed: {error}")))
            })
        }
        .boxed()
        .shared()
    }

    /// A start is over: takes the browser in, if this start and anybody's need of it still stand.
    fn settle(&self, number: u64, started: &Started) -> bool {
        let mut state = self.state.lock();
        if !matches!(&*state, State::Starting { number: current, .. } if *current == number) {
            return false;
        }
        let wanted = !self.users.lock().is_empty();
        *state = match started {
            Ok((chromium, hub)) if wanted => State::Running(Arc::clone(chromium), Arc::clone(hub)),
            _ => State::Stopped,
        };
        wanted
    }

    async fn launch(self: &Arc<Self>, unwanted: &CancellationToken) -> Started {
        let this = Arc::downgrade(self);
        let changed = move || {
            if let Some(pool) = this.upgrade() {
                pool.browser_changed();
            }
        };
        let (settings, tasks) = (&self.common.settings, self.tasks());
        if let Mode::Endpoint(endpoint) = &self.mode {
            let hub = Hub::of_others(tasks.clone(), Arc::clone(&self.common.guard));
            let sink: Arc<Hub> = Arc::clone(&hub);
            let plan = &self.common.plan;
            let attached = tokio::select! {
                attached = Chromium::attach(endpoint, plan, sink, tasks, changed) => attached,
                () = unwanted.cancelled() => Err(closing()),
            };
            let chromium = attached?;
            hub.serve(&chromium);
            tracing::info!(endpoint = %endpoint, version = chromium.version, "attached to a browser");
            plan.say(&format!("create browser ({})", plan.kind(true)));
            return Ok((chromium, hub));
        }
        let (found, look) = match self.mode {
            Mode::Window => (locate::find_full(settings)?, launch::Look::Window(display::find()?)),
            _ => (locate::find(settings)?, launch::Look::Headless),
        };
        let plan = &self.common.plan;
        let profile = match plan.profile.as_ref().filter(|_| self.keeps_default()) {
            Some(path) => Some(tokio::select! {
                profile = Profile::take(path) => profile?,
                () = unwanted.cancelled() => return Err(closing()),
            }),
            None => None,
        };
        let run_dir = self.common.run_dirs.create('b', &["profile", "tmp", "config"]).await?;
        let launched = match launch::spawn(&found, look, settings, plan, &self.common.guard, profile, &run_dir) {
            _ if unwanted.is_cancelled() => Err(closing()),
            launched => launched,
        };
        let launched = match launched {
            Ok(launched) => launched,
            Err(error) => {
                drop(run_dir.remove().await);
                return Err(error);
            }
        };
        let hub = Hub::new(tasks.clone(), Arc::clone(&self.common.guard));
        let sink: Arc<Hub> = Arc::clone(&hub);
        let chromium = Chromium::start(launched, run_dir, found, sink, tasks, unwanted, changed).await?;
        hub.serve(&chromium);
        tracing::info!(pid = chromium.pid(), version = chromium.version, mode = ?self.mode, "browser started");
        plan.say(&format!("create browser ({})", plan.kind(false)));
        Ok((chromium, hub))
    }

    /// The browser changed: every session that used a dead one shows it.
    fn browser_changed(&self) {
        {
            let mut state = self.state.lock();
            if matches!(&*state, State::Running(chromium, _) if !chromium.is_alive()) {
                *state = State::Stopped;
            }
        }
        self.common.emit(Event::Browser);
        // Its folder and processes are looked for when it is gone.
        if let Some(manager) = self.common.manager.get() {
            manager.ask_census();
        }
        let users: Vec<SessionId> = self.users.lock().iter().cloned().collect();
        for session in users {
            self.session_changed(&session);
        }
    }

    /// A session needs the browser.
    pub(crate) fn acquire(&self, session: &SessionId) {
        self.users.lock().insert(session.clone());
    }

    /// A session does not need it any more; the last one ends it, however far it has come.
    pub(crate) fn release(&self, session: &SessionId) {
        self.leave_default(session);
        let before = {
            let mut state = self.state.lock();
            let mut users = self.users.lock();
            users.remove(session);
            if !users.is_empty() {
                return;
            }
            std::mem::replace(&mut *state, State::Stopped)
        };
        match before {
            State::Stopped => return,
            State::Starting { unwanted, .. } => unwanted.cancel(),
            State::Running(chromium, _) => {
                self.common.plan.say("close browser");
                drop(self.tasks().spawn(async move { chromium.shut_down().await }));
            }
        }
        self.common.emit(Event::Browser);
    }

    /// The hub of a browser, while it is the running one.
    pub(crate) fn hub_of(&self, chromium: &Arc<Chromium>) -> Option<Arc<Hub>> {
        match &*self.state.lock() {
            State::Running(running, hub) if Arc::ptr_eq(running, chromium) => Some(Arc::clone(hub)),
            _ => None,
        }
    }

    /// The running browser, if there is one.
    pub(crate) fn running(&self) -> Option<Arc<Chromium>> {
        match &*self.state.lock() {
            State::Running(chromium, _) => Some(Arc::clone(chromium)),
            _ => None,
        }
    }

    /// What the dashboard shows of the browser.
    pub(super) fn view(&self) -> BrowserView {
        match &*self.state.lock() {
            State::Stopped => match &self.mode {
                Mode::Headless => BrowserView::Stopped { executable: path(locate::find(&self.common.settings)) },
                Mode::Window => BrowserView::Stopped { executable: path(locate::find_full(&self.common.settings)) },
                Mode::Endpoint(endpoint) => BrowserView::Detached { endpoint: endpoint.to_string() },
            },
            State::Starting { .. } => BrowserView::Starting,
            State::Running(chromium, _) => chromium.view(),
        }
    }

    /// Whether nothing of the browser is there.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(&*self.state.lock(), State::Stopped)
    }

    /// Ends the browser and waits until nothing of it is left.
    pub(super) async fn stop(&self) {
        let before = std::mem::replace(&mut *self.state.lock(), State::Stopped);
        match before {
            State::Stopped => {}
            State::Starting { unwanted, .. } => unwanted.cancel(),
            State::Running(chromium, _) => chromium.shut_down().await,
        }
    }

    /// Something about a session's tabs changed.
    pub(crate) fn session_changed(&self, session: &SessionId) {
        self.common.emit(Event::SessionChanged(session.clone()));
    }
}

fn path(found: Result<locate::Found>) -> Option<String> {
    found.ok().map(|found| found.path.display().to_string())
}
