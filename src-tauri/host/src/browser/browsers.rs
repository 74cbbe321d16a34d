//! All browsers of a host: which one a session uses, and what is shown of them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use ebb_core::{
    Code, Error, Result,
    ids::{ClientId, SessionId},
    ports::{BrowserPort, Disposed, Stray},
    sessions::{Session, SessionManager},
    settings::Settings,
    view::{BrowserView, HeldView, TabView},
};
use parking_lot::Mutex;

use super::{
    chromium::Chromium,
    endpoint::Endpoint,
    guard::Guard,
    plan::Plan,
    pool::{Common, Mode, Pool},
    session::SessionBrowser,
};
use crate::{options::ContextOptions, run::RunDirs};

/// How long a stopping host waits for what its browsers still do.
const TASKS: std::time::Duration = std::time::Duration::from_secs(3);

/// Tells how a client's pages are made.
type Looks = Box<dyn Fn(&ClientId) -> ContextOptions + Send + Sync>;

/// The browsers of a host. Cheap to clone through its `Arc`.
pub struct Browsers {
    pub(super) common: Arc<Common>,
    /// The headless one, or the one at the endpoint.
    main: Arc<Pool>,
    /// The one with windows.
    window: Arc<Pool>,
    /// Whether `main` is somebody else's: then there is no other.
    attached: bool,
    sessions: Mutex<HashMap<SessionId, Arc<SessionBrowser>>>,
    /// Clients whose sessions get a window unless they say otherwise.
    headed: Mutex<HashSet<ClientId>>,
    /// How a client's pages are made.
    looks: OnceLock<Looks>,
    max_tabs: usize,
}

impl Browsers {
    /// Starts nothing; `run_dirs` makes the folders that browsers run in.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for an endpoint that is no address.
    pub(crate) fn new(settings: &Settings, run_dirs: Arc<RunDirs>) -> Result<Arc<Self>> {
        Self::with_plan(settings, Plan::default(), run_dirs)
    }

    /// The same for a server of one's own.
    ///
    /// # Errors
    /// As [`Browsers::new`].
    pub(crate) fn with_plan(settings: &Settings, plan: Plan, run_dirs: Arc<RunDirs>) -> Result<Arc<Self>> {
        let endpoint = settings.browser.endpoint.as_deref().map(Endpoint::parse).transpose()?;
        let common = Common::new(settings.browser.clone(), plan, run_dirs);
        let attached = endpoint.is_some();
        Ok(Arc::new(Self {
            main: Pool::new(Arc::clone(&common), endpoint.map_or(Mode::Headless, Mode::Endpoint)),
            window: Pool::new(Arc::clone(&common), Mode::Window),
            common,
            attached,
            sessions: Mutex::default(),
            headed: Mutex::default(),
            looks: OnceLock::new(),
            max_tabs: settings.sessions.max_tabs,
        }))
    }

    /// The pool that sessions use if they do not ask for a window.
    pub(super) const fn usual_pool(&self) -> &Arc<Pool> {
        &self.main
    }

    /// Where run directories are made.
    pub(crate) fn run_dirs(&self) -> Arc<RunDirs> {
        Arc::clone(&self.common.run_dirs)
    }

    /// Which addresses their pages may reach.
    pub(crate) fn guard(&self) -> &Arc<Guard> {
        &self.common.guard
    }

    /// Whose events to send changes through.
    pub fn report_to(&self, manager: &SessionManager) {
        self.common.report_to(manager);
    }

    /// Pages are made as `looks` says for their client. Once, when the host is composed.
    pub(crate) fn look_by(&self, looks: impl Fn(&ClientId) -> ContextOptions + Send + Sync + 'static) {
        drop(self.looks.set(Box::new(looks)));
    }

    /// How the pages of `client` are made.
    pub(crate) fn look_of(&self, client: &ClientId) -> ContextOptions {
        self.looks.get().map(|looks| looks(client)).unwrap_or_default()
    }

    /// The browser side of a live session.
    ///
    /// # Errors
    /// When the session is closing or gone.
    pub fn of(&self, session: &Session) -> Result<Arc<SessionBrowser>> {
        let headed = self.common.settings.headed || self.headed.lock().contains(session.client());
        self.side(session, headed && !self.attached, false, || self.look_of(session.client()))
    }

    /// Decides for a further session of a client whether it gets a window (none: as its client's first) and how
    /// its pages are made. It has a context of its own wherever the first one has the browser's.
    ///
    /// # Errors
    /// When the session is closing or gone; a window where the browser is somebody else's.
    pub(crate) fn open_as(&self, session: &Session, headed: Option<bool>, look: ContextOptions) -> Result<()> {
        let usual = || self.common.settings.headed || self.headed.lock().contains(session.client());
        let headed = headed.unwrap_or_else(|| usual() && !self.attached);
        self.side(session, headed, true, || look).map(drop)
    }

    /// Whether a session can be opened with a window if `headed`.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] where the browser is somebody else's.
    pub(crate) fn allows(&self, headed: bool) -> Result<()> {
        if headed && self.attached {
            return Err(Error::new(
                Code::InvalidArguments,
                "this host uses a browser at an endpoint, and whether that shows windows is not Ebb's to say",
            )
            .next("Leave \"headed\" out."));
        }
        Ok(())
    }

    /// From now on sessions of `client` get a window unless they say otherwise, until what is returned is
    /// dropped.
    pub(crate) fn prefer_window(self: &Arc<Self>, client: &ClientId) -> Preference {
        self.headed.lock().insert(client.clone());
        Preference { browsers: Arc::clone(self), client: client.clone() }
    }

    fn side(
        &self,
        session: &Session,
        headed: bool,
        apart: bool,
        look: impl FnOnce() -> ContextOptions,
    ) -> Result<Arc<SessionBrowser>> {
        let mut sessions = self.sessions.lock();
        // Checked under the lock that `dispose` takes too: after it, nothing can be made.
        if session.closing().is_cancelled() {
            return Err(session.ended());
        }
        let pool = if headed { &self.window } else { &self.main };
        let side = sessions
            .entry(session.id().clone())
            .or_insert_with(|| SessionBrowser::new(session, Arc::clone(pool), self.max_tabs, look(), apart));
        Ok(Arc::clone(side))
    }

    /// The browser side of a session, if it ever needed one.
    pub(crate) fn find(&self, session: &SessionId) -> Option<Arc<SessionBrowser>> {
        self.sessions.lock().get(session).cloned()
    }

    /// Closes one tab of a session.
    ///
    /// # Errors
    /// No such tab, or a browser that does not close it in time.
    pub(crate) async fn close_tab(&self, session: &SessionId, tab: u32) -> Result<()> {
        let side = self.find(session);
        let found = side.as_ref().and_then(|side| side.tabs().into_iter().find(|(one, _)| one.number == tab));
        match (side, found) {
            (Some(side), Some((tab, _))) => side.close_tab(&tab).await,
            _ => Err(Error::new(Code::TargetUnknown, "there is no such tab").next("It may have been closed.")),
        }
    }

    /// All browser sides there are.
    pub(crate) fn all(&self) -> Vec<Arc<SessionBrowser>> {
        self.sessions.lock().values().cloned().collect()
    }

    /// The browsers that run.
    pub(crate) fn running(&self) -> Vec<Arc<Chromium>> {
        [&self.main, &self.window].into_iter().filter_map(|pool| pool.running()).collect()
    }

    /// What the dashboard shows of the browser that sessions use if they do not ask for a window.
    #[must_use]
    pub fn view(&self) -> BrowserView {
        self.main.view()
    }

    /// What it shows of the browser with windows, while there is one.
    #[must_use]
    pub fn window_view(&self) -> Option<BrowserView> {
        (!self.window.is_stopped()).then(|| self.window.view())
    }

    /// Ends the browsers and waits until nothing of them is left.
    pub async fn stop(&self) {
        tokio::join!(self.main.stop(), self.window.stop());
        let (tasks, folders) = (&self.common.tasks, self.common.run_dirs.tasks());
        tasks.close();
        folders.close();
        if tokio::time::timeout(TASKS, async { tokio::join!(tasks.wait(), folders.wait()) }).await.is_err() {
            tracing::warn!("browser tasks did not end in time");
        }
    }
}

/// A client's wish for windows; dropping it ends it.
pub(crate) struct Preference {
    browsers: Arc<Browsers>,
    client: ClientId,
}

impl Drop for Preference {
    fn drop(&mut self) {
        self.browsers.headed.lock().remove(&self.client);
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
