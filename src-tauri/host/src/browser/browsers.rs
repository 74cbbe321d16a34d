//! All browsers of a host: started by the first session that needs one, ended with the last.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use ebb_core::{
    Error, Result,
    events::Event,
    ids::SessionId,
    ports::{BrowserPort, Disposed, Stray},
    sessions::{Session, SessionManager},
    settings::Settings,
    view::{BrowserView, HeldView, TabView},
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::{census::Contexts, chromium::Chromium, hub::Hub, launch, locate, scale::Scale, session::SessionBrowser};
use crate::run::RunDirs;

type Started = Result<(Arc<Chromium>, Arc<Hub>)>;

/// What the pool does with Chromium at the moment.
enum State {
    Stopped,
    Starting(Shared<BoxFuture<'static, Started>>),
    Running(Arc<Chromium>, Arc<Hub>),
}

/// The one Chromium that sessions share, and who uses it.
pub(crate) struct Pool {
    pub(super) settings: Settings,
    pub(super) run_dirs: Arc<RunDirs>,
    pub(super) contexts: Arc<Contexts>,
    pub(super) scale: Arc<Scale>,
    state: Mutex<State>,
    users: Mutex<HashSet<SessionId>>,
    tasks: TaskTracker,
    manager: OnceLock<SessionManager>,
}

impl Pool {
    /// Where tasks run that must outlive who asked for them.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// A running Chromium, started now if there is none. The start goes on when the caller does not.
    pub(crate) async fn chromium(self: &Arc<Self>) -> Started {
        let starting = {
            let mut state = self.state.lock();
            match &*state {
                State::Running(chromium, hub) if chromium.is_alive() => {
                    return Ok((Arc::clone(chromium), Arc::clone(hub)));
                }
                State::Starting(starting) => starting.clone(),
                State::Running(..) | State::Stopped => {
                    let starting = self.start();
                    *state = State::Starting(starting.clone());
                    starting
                }
            }
        };
        self.emit(Event::Browser);
        starting.await
    }

    fn start(self: &Arc<Self>) -> Shared<BoxFuture<'static, Started>> {
        let this = Arc::clone(self);
        let task = self.tasks.spawn(async move {
            let started = this.launch().await;
            let unwanted = {
                let mut state = this.state.lock();
                let users = this.users.lock();
                match &started {
                    Ok((chromium, hub)) if !users.is_empty() => {
                        *state = State::Running(Arc::clone(chromium), Arc::clone(hub));
                        None
                    }
                    Ok((chromium, _)) => {
                        *state = State::Stopped;
                        Some(Arc::clone(chromium))
                    }
                    Err(_) => {
                        *state = State::Stopped;
                        None
                    }
                }
            };
            if let Some(chromium) = unwanted {
                chromium.shut_down().await;
            }
            this.emit(Event::Browser);
            started
        });
        async move {
            task.await.unwrap_or_else(|error| {
                Err(Error::new(ebb_core::Code::Internal, format!("starting the browser failed: {error}")))
            })
        }
        .boxed()
        .shared()
    }

    async fn launch(self: &Arc<Self>) -> Started {
        let found = locate::find(&self.settings.browser)?;
        let run_dir = self.run_dirs.create('b', &["profile", "tmp", "config"]).await?;
        let launched = match launch::spawn(&found, &self.settings.browser, &run_dir) {
            Ok(launched) => launched,
            Err(error) => {
                drop(run_dir.remove().await);
                return Err(error);
            }
        };
        let hub = Hub::new(self.tasks.clone());
        let this = Arc::downgrade(self);
        let changed = move || {
            if let Some(pool) = this.upgrade() {
                pool.browser_changed();
            }
        };
        let sink: Arc<Hub> = Arc::clone(&hub);
        let chromium = Chromium::start(launched, run_dir, found, sink, &self.tasks, changed).await?;
        hub.serve(&chromium);
        tracing::info!(pid = chromium.pid(), version = chromium.version, "browser started");
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
        self.emit(Event::Browser);
        // Its folder and processes are looked for when it is gone.
        if let Some(manager) = self.manager.get() {
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

    /// A session does not need it any more; the last one ends it.
    pub(crate) fn release(&self, session: &SessionId) {
        let idle = {
            let mut state = self.state.lock();
            let mut users = self.users.lock();
            users.remove(session);
            if users.is_empty() && matches!(&*state, State::Running(..)) {
                match std::mem::replace(&mut *state, State::Stopped) {
                    State::Running(chromium, _) => Some(chromium),
                    _ => None,
                }
            } else {
                None
            }
        };
        if let Some(chromium) = idle {
            self.tasks.spawn(async move { chromium.shut_down().await });
            self.emit(Event::Browser);
        }
    }

    /// The hub of a Chromium, while it is the running one.
    pub(crate) fn hub_of(&self, chromium: &Arc<Chromium>) -> Option<Arc<Hub>> {
        match &*self.state.lock() {
            State::Running(running, hub) if Arc::ptr_eq(running, chromium) => Some(Arc::clone(hub)),
            _ => None,
        }
    }

    /// The running Chromium, if there is one.
    pub(crate) fn running(&self) -> Option<Arc<Chromium>> {
        match &*self.state.lock() {
            State::Running(chromium, _) => Some(Arc::clone(chromium)),
            _ => None,
        }
    }

    /// Something about a session's tabs changed.
    pub(crate) fn session_changed(&self, session: &SessionId) {
        self.emit(Event::SessionChanged(session.clone()));
    }

    fn emit(&self, event: Event) {
        if let Some(manager) = self.manager.get() {
            manager.emit(event);
        }
    }
}

/// The browsers of a host. Cheap to clone through its `Arc`.
pub struct Browsers {
    pub(super) pool: Arc<Pool>,
    sessions: Mutex<HashMap<SessionId, Arc<SessionBrowser>>>,
    max_tabs: usize,
}

impl Browsers {
    /// Starts nothing; `run_dirs` makes the folders that browsers run in.
    #[must_use]
    pub(crate) fn new(settings: Settings, run_dirs: Arc<RunDirs>) -> Arc<Self> {
        let max_tabs = settings.sessions.max_tabs;
        let pool = Arc::new(Pool {
            settings,
            run_dirs,
            contexts: Arc::default(),
            scale: Arc::default(),
            state: Mutex::new(State::Stopped),
            users: Mutex::default(),
            tasks: TaskTracker::new(),
            manager: OnceLock::new(),
        });
        Arc::new(Self { pool, sessions: Mutex::default(), max_tabs })
    }

    /// Whose events to send changes through.
    pub fn report_to(&self, manager: &SessionManager) {
        // Set once, when the host is composed.
        drop(self.pool.manager.set(manager.clone()));
    }

    /// The browser side of a live session.
    ///
    /// # Errors
    /// When the session is closing or gone.
    pub fn of(&self, session: &Session) -> Result<Arc<SessionBrowser>> {
        let mut sessions = self.sessions.lock();
        // Checked under the lock that `dispose` takes too: after it, nothing can be made.
        if session.closing().is_cancelled() {
            return Err(session.ended());
        }
        let side = sessions
            .entry(session.id().clone())
            .or_insert_with(|| SessionBrowser::new(session, Arc::clone(&self.pool), self.max_tabs));
        Ok(Arc::clone(side))
    }

    /// The browser side of a session, if it ever needed one.
    pub(crate) fn find(&self, session: &SessionId) -> Option<Arc<SessionBrowser>> {
        self.sessions.lock().get(session).cloned()
    }

    /// All browser sides there are.
    pub(crate) fn all(&self) -> Vec<Arc<SessionBrowser>> {
        self.sessions.lock().values().cloned().collect()
    }

    /// The running Chromium, if there is one.
    pub(crate) fn running(&self) -> Option<Arc<Chromium>> {
        self.pool.running()
    }

    /// What the dashboard shows of the browser.
    #[must_use]
    pub fn view(&self) -> BrowserView {
        match &*self.pool.state.lock() {
            State::Stopped => BrowserView::Stopped {
                executable: locate::find(&self.pool.settings.browser)
                    .ok()
                    .map(|found| found.path.display().to_string()),
            },
            State::Starting(_) => BrowserView::Starting,
            State::Running(chromium, _) => chromium.view(),
        }
    }

    /// Ends the browser and waits until nothing of it is left.
    pub async fn stop(&self) {
        let running = {
            let mut state = self.pool.state.lock();
            match std::mem::replace(&mut *state, State::Stopped) {
                State::Running(chromium, _) => Some(chromium),
                _ => None,
            }
        };
        if let Some(chromium) = running {
            chromium.shut_down().await;
        }
        self.pool.tasks.close();
        // A start that is still under way sees no users and ends what it started.
        if tokio::time::timeout(std::time::Duration::from_secs(3), self.pool.tasks.wait()).await.is_err() {
            tracing::warn!("browser tasks did not end in time");
        }
    }
}

#[async_trait]
impl BrowserPort for Browsers {
    async fn stop_capture(&self, _session: &SessionId) -> Result<()> {
        // Capture is events of the session's own targets; it ends with them in step B.
        Ok(())
    }

    async fn measure(&self, session: &SessionId) {
        self.measure_last(session).await;
    }

    async fn dispose(&self, session: &SessionId) -> Result<Disposed> {
        let side = self.sessions.lock().get(session).cloned();
        let Some(side) = side else { return Ok(Disposed::default()) };
        let disposed = side.dispose().await?;
        self.sessions.lock().remove(session);
        Ok(disposed)
    }

    async fn strays(&self, sessions: &HashSet<SessionId>) -> Result<Vec<Stray>> {
        self.look_for_strays(sessions).await
    }

    async fn remove_stray(&self, stray: &Stray) -> Result<Disposed> {
        self.end_stray(stray).await
    }

    fn tabs(&self, session: &SessionId) -> Vec<TabView> {
        self.find(session).map(|side| side.views()).unwrap_or_default()
    }

    fn held(&self, session: &SessionId) -> HeldView {
        self.find(session).map(|side| side.held()).unwrap_or_default()
    }

    fn lost(&self, session: &SessionId) -> bool {
        self.find(session).is_some_and(|side| side.is_lost())
    }
}
