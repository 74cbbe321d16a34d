//! One running host: composed in order, taken apart in order.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use ebb_core::{
    Code, Error, Result,
    cleanup::AskedBy,
    cursors::Cursors,
    events::Event,
    ids::{InstanceId, SessionId},
    ports::{BrowserPort, Clock, HistoryPort, TokioClock},
    sessions::{Ports, SessionManager},
    settings::{Settings, StoreChoice},
    view::{HostView, MemoryHistory},
};
use futures::{FutureExt, future::BoxFuture};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    browser::{Browsers, Sampler, Thumbs},
    control::{
        Control, ControlParts, HostInfo,
        memory::{MemorySampler, Sample},
        socket::ControlSocket,
    },
    cursors::{self, Backend, Place, give_back},
    dashboard::Dashboard,
    desk::Desk,
    history::History,
    paths::{Endpoint, Environment, HostLock, PathOptions, Paths},
    run::{self, Guardian, RunDirs},
    tools::call::ToolHost,
    transport::{
        accept::McpServer,
        http::{Address, HttpOptions, HttpServer, Revivals},
        unix::Listener,
    },
};

/// How long the history may take to write its last reports.
const TASKS: Duration = Duration::from_secs(1);

/// Opens or raises the window at a hash route of the dashboard.
pub type ShowWindow = Box<dyn Fn(Option<String>) -> Result<()> + Send + Sync>;

/// What a host is started with.
#[derive(Default)]
pub struct HostOptions {
    /// Where it listens and keeps its things.
    pub paths: PathOptions,
    /// Limits, lifetimes, the browser.
    pub settings: Settings,
    /// The settings file, where it is not the usual one.
    pub config_file: Option<PathBuf>,
    /// What is wrong with the settings file, in words.
    pub config_problem: Option<String>,
    /// Where MCP is served over HTTP as well, on this machine only (port 0: a free one); none for nowhere.
    pub http: Option<SocketAddr>,
    /// The port of the dashboard over HTTP (0: a free one); none for no dashboard.
    pub dashboard: Option<u16>,
    /// Stop by itself after this long without a client.
    pub stop_when_idle: Option<Duration>,
    /// What shows the window, where there is one.
    pub show_window: Option<ShowWindow>,
}

/// A running host.
pub struct Host {
    paths: Paths,
    endpoint: Endpoint,
    manager: SessionManager,
    browsers: Arc<Browsers>,
    history: Arc<History>,
    control: Control,
    control_socket: ControlSocket,
    mcp: McpServer,
    http: Vec<HttpServer>,
    revivals: Arc<Revivals>,
    info: Arc<Info>,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Last: who sees the lock free finds nothing of us.
    lock: HostLock,
}

impl Host {
    /// Takes the lock of its place, removes what dead hosts left, and listens.
    ///
    /// # Errors
    /// Another host runs here (its pid is in the message); folders or sockets that cannot be made.
    pub async fn start(options: HostOptions) -> Result<Self> {
        Self::start_with(options, HttpServer::start).await
    }

    /// A host whose HTTP clients are answered by what `answers` makes, and not by Ebb's tools: for the official
    /// conformance suite, which asks for tools of its own on the HTTP server that is shipped.
    ///
    /// # Errors
    /// Those of [`Host::start`].
    #[cfg(feature = "conformance")]
    pub async fn start_answered_by<S: rmcp::ServerHandler>(
        options: HostOptions,
        answers: impl Fn() -> S + Clone + Send + Sync + 'static,
    ) -> Result<Self> {
        let serve = move |at, host: &Arc<ToolHost>, revivals| {
            let answers = answers.clone();
            HttpServer::start_for(at, host, revivals, move |_| answers())
        };
        Self::start_with(options, serve).await
    }

    async fn start_with(
        options: HostOptions,
        serve: impl Fn(Address, &Arc<ToolHost>, Arc<Revivals>) -> Result<HttpServer> + Send,
    ) -> Result<Self> {
        let HostOptions { paths, settings, config_file, config_problem, http, dashboard, stop_when_idle, show_window } =
            options;
        let paths = Paths::resolve(&paths)?;
        paths.prepare()?;
        let lock = HostLock::acquire(&paths.lock)?;

        // Before anybody can connect: what earlier hosts left is gone, and what they had open is reported.
        let base = paths.run_dir.clone();
        let reaped = tokio::task::spawn_blocking(move || run::reap(&base)).await.unwrap_or_default();
        if reaped.directories > 0 || reaped.processes > 0 {
            tracing::info!(
                directories = reaped.directories,
                processes = reaped.processes,
                "removed what a dead host had left"
            );
        }
        let guardian = Guardian::start(ebb_executable(), paths.run_dir.clone(), Some(paths.log_dir.clone()));
        let instance = InstanceId::new();
        let run_dirs = RunDirs::new(paths.run_dir.clone(), &instance, Arc::clone(&guardian));
        let history = Arc::new(History::open(&paths.data_dir.join("history.db"), &instance, settings.history));
        let recovered = {
            let history = Arc::clone(&history);
            tokio::task::spawn_blocking(move || history.recover()).await.unwrap_or_default()
        };
        if !recovered.is_empty() {
            tracing::info!(sessions = recovered.len(), "a host that died had sessions open; they are in the history");
        }

        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let browsers = Browsers::new(&settings, Arc::clone(&run_dirs))?;
        let place = Place { run_dirs, instance: instance.clone(), clock: Arc::clone(&clock) };
        let backend = Arc::new(Backend::open(&settings.cursors, place)?);
        let store = Arc::clone(backend.store());
        let manager = SessionManager::new(
            settings.clone(),
            Ports {
                clock: Arc::clone(&clock),
                browser: Arc::clone(&browsers) as Arc<dyn BrowserPort>,
                cursors: Arc::clone(&store),
                history: Arc::clone(&history) as Arc<dyn HistoryPort>,
            },
        );
        browsers.report_to(&manager);
        manager.start_sweeper();
        let cursors = Arc::new(Cursors::new(store, settings.cursors.clone(), clock));

        let parts = (&manager, &browsers, &backend, &history, &guardian);
        let config_file = config_file.as_ref().unwrap_or(&paths.config_file);
        let desk =
            Desk::new(&Environment::current(), &paths.data_dir, &ebb_executable(), config_file, settings.clone());
        let info = Info::new(&paths, parts, desk, recovered.len() as u32, config_problem, show_window);
        let control = Control::new(ControlParts {
            manager: manager.clone(),
            history: Arc::clone(&history),
            host: Arc::clone(&info) as Arc<dyn HostInfo>,
        });
        if let Some(port) = dashboard {
            info.serve_dashboard(port, &control)?;
        }
        let control_socket = ControlSocket::start(Listener::bind(&paths.control_sock, &lock)?, control.clone());
        let tools = ToolHost::new(manager.clone(), cursors, Arc::clone(&browsers), Arc::new(settings));
        // Written before anybody can be served: a client that asks where the host is must not find a dead one.
        let endpoint = Endpoint::of(&paths);
        endpoint.write(&paths.endpoint_file)?;
        let why_ended = {
            let (manager, history) = (manager.clone(), Arc::clone(&history));
            move |session: SessionId| {
                let (held, history) = (manager.report(session.as_str()), Arc::clone(&history));
                async move {
                    match held {
                        Some(report) => Some(report.reason),
                        None => history.report(session.as_str()).await.ok().flatten().map(|report| report.reason),
                    }
                }
                .boxed()
            }
        };
        let revivals = Revivals::open(Some(paths.data_dir.join("http-sessions.db")), Box::new(why_ended)).await;
        let local = Address::Unix(Listener::bind(&paths.http_sock, &lock)?);
        let mut servers = vec![serve(local, &tools, Arc::clone(&revivals))?];
        if let Some(address) = http {
            let options = HttpOptions::beside_sockets(address, paths.http_token.clone());
            servers.push(serve(Address::Tcp(options), &tools, Arc::clone(&revivals))?);
        }
        for port in servers.iter().filter_map(HttpServer::address).map(|address| address.port()) {
            tools.browsers.guard().own_port(port);
        }
        let mcp = McpServer::start(Listener::bind(&paths.mcp_sock, &lock)?, tools);

        let host = Self {
            paths,
            endpoint,
            manager,
            browsers,
            history,
            control,
            control_socket,
            mcp,
            http: servers,
            revivals,
            info,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            lock,
        };
        host.start_background(stop_when_idle);
        Ok(host)
    }

    fn start_background(&self, stop_when_idle: Option<Duration>) {
        let (budgets, stop) = (Arc::clone(&self.browsers).watch_budgets(self.manager.clone()), self.stop.clone());
        self.tasks.spawn(async move { stop.run_until_cancelled(budgets).await });
        let (backend, manager, stop) = (Arc::clone(&self.info.store), self.manager.clone(), self.stop.clone());
        let dead = self.history.buried();
        let keeping = async move { backend.keep(manager, dead).await };
        self.tasks.spawn(async move { stop.run_until_cancelled(Box::pin(keeping)).await });
        let trimming = give_back(self.manager.clone(), Arc::clone(self.info.store.store()));
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(trimming).await });

        let control = self.control.clone();
        let sampling = Arc::clone(&self.info.sampler).run(self.manager.clone(), move || control.is_watched());
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(Box::pin(sampling)).await });

        let (info, control, manager, stop) =
            (Arc::clone(&self.info), self.control.clone(), self.manager.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let measure = || Sample {
                sessions: manager.list().into_iter().map(|session| (session.id, session.held.total)).collect(),
                shared: info.sampler.shared().unwrap_or_default(),
            };
            info.memory.run(stop, measure, || control.announce_memory()).await;
        });

        let (mut changes, manager, stop) = (self.info.guardian.changes(), self.manager.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while let Some(Ok(())) = stop.run_until_cancelled(changes.changed()).await {
                manager.emit(Event::Host);
            }
        });

        if let Some(after) = stop_when_idle {
            let (info, manager, stop) = (Arc::clone(&self.info), self.manager.clone(), self.stop.clone());
            self.tasks.spawn(async move {
                stop.run_until_cancelled(until_idle(&manager, after)).await;
                info.request_quit(AskedBy::Cli);
            });
        }
    }

    /// Its paths.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Its sessions.
    #[must_use]
    pub fn manager(&self) -> &SessionManager {
        &self.manager
    }

    /// Its one API.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// How many sessions a dead host had left open, found and reported at this start.
    #[must_use]
    pub fn recovered(&self) -> u32 {
        self.info.fixed.recovered
    }

    /// The address of its dashboard with a new one-time code, where it has one.
    #[must_use]
    pub fn dashboard_url(&self) -> Option<String> {
        self.info.dashboard.lock().as_ref().map(Dashboard::url)
    }

    /// Where MCP is served over HTTP, where it is.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.iter().find_map(HttpServer::address)
    }

    /// Resolves when somebody asked it to quit.
    pub async fn stopped(&self) {
        let mut asked = self.info.quit.subscribe();
        // The sender lives in `info`, so an error cannot come.
        drop(asked.wait_for(Option::is_some).await);
    }

    /// Ends every session through the one door, then the browser, then itself. Bounded: what does not
    /// end in time is left to the next start.
    pub async fn stop(self) {
        self.info.stopping();
        self.mcp.close();
        self.manager.shutdown().await;
        self.mcp.stop().await;
        for server in self.http {
            server.stop().await;
        }
        self.revivals.stop().await;
        self.browsers.stop().await;
        self.info.store.stop().await;
        self.stop.cancel();
        self.tasks.close();
        drop(tokio::time::timeout(TASKS, self.tasks.wait()).await);
        if !self.history.flush().await {
            tracing::warn!("the history could not write everything before the end");
        }
        let dashboard = self.info.dashboard.lock().take();
        if let Some(dashboard) = dashboard {
            dashboard.stop().await;
        }
        self.control_socket.stop().await;
        // What is still in its care, it ends now.
        self.info.guardian.stop().await;
        self.endpoint.remove(&self.paths.endpoint_file);
        drop(self.lock);
    }
}

/// Resolves when no client and no session was there for `after`.
async fn until_idle(manager: &SessionManager, after: Duration) {
    let mut events = manager.subscribe();
    loop {
        let idle = manager.clients().is_empty() && manager.list().is_empty();
        let wait = if idle { after } else { Duration::from_hours(1) };
        tokio::select! {
            event = events.recv() => {
                if matches!(event, Err(tokio::sync::broadcast::error::RecvError::Closed)) {
                    return;
                }
            }
            () = tokio::time::sleep(wait) => if idle { return },
        }
    }
}

/// What the host knows of itself.
struct Info {
    fixed: HostView,
    run_dir: PathBuf,
    manager: SessionManager,
    browsers: Arc<Browsers>,
    store: Arc<Backend>,
    history: Arc<History>,
    guardian: Arc<Guardian>,
    sampler: Arc<Sampler>,
    memory: MemorySampler,
    desk: Arc<Desk>,
    thumbs: Arc<Thumbs>,
    quit: watch::Sender<Option<AskedBy>>,
    stopping: OnceLock<()>,
    show_window: Mutex<Option<ShowWindow>>,
    /// Its server holds what holds this: the host's end takes it out.
    dashboard: Mutex<Option<Dashboard>>,
}

impl Info {
    fn new(
        paths: &Paths,
        parts: (&SessionManager, &Arc<Browsers>, &Arc<Backend>, &Arc<History>, &Arc<Guardian>),
        desk: Desk,
        recovered: u32,
        config_problem: Option<String>,
        show_window: Option<ShowWindow>,
    ) -> Arc<Self> {
        let (manager, browsers, store, history, guardian) = parts;
        let fixed = HostView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            socket: paths.mcp_sock.display().to_string(),
            data_dir: paths.data_dir.display().to_string(),
            ebb: ebb_executable().display().to_string(),
            started_at: OffsetDateTime::now_utc(),
            accepting: true,
            stopping: false,
            browser: browsers.view(),
            window_browser: None,
            shared_browser: None,
            recovered,
            history_problem: None,
            config_problem,
            guardian: None,
            guardian_problem: None,
            store: store.view(),
        };
        Arc::new(Self {
            fixed,
            run_dir: paths.run_dir.clone(),
            manager: manager.clone(),
            browsers: Arc::clone(browsers),
            store: Arc::clone(store),
            history: Arc::clone(history),
            guardian: Arc::clone(guardian),
            sampler: Sampler::new(Arc::clone(browsers)),
            memory: MemorySampler::default(),
            desk: Arc::new(desk),
            thumbs: Thumbs::new(Arc::clone(browsers)),
            quit: watch::Sender::new(None),
            stopping: OnceLock::new(),
            show_window: Mutex::new(show_window),
            dashboard: Mutex::default(),
        })
    }

    /// Serves the dashboard at a port, 0 for a free one, where it is not served yet; its link.
    fn serve_dashboard(&self, port: u16, control: &Control) -> Result<String> {
        let mut dashboard = self.dashboard.lock();
        let served = match dashboard.take() {
            Some(served) => served,
            None => Dashboard::start(port, control.clone())?,
        };
        self.browsers.guard().own_port(served.port());
        Ok(dashboard.insert(served).url())
    }

    fn stopping(&self) {
        self.stopping.get_or_init(|| ());
        self.manager.emit(Event::Host);
    }
}

impl HostInfo for Info {
    fn view(&self) -> HostView {
        HostView {
            accepting: self.manager.is_accepting(),
            stopping: self.stopping.get().is_some(),
            browser: self.browsers.view(),
            window_browser: self.browsers.window_view(),
            shared_browser: self.sampler.shared(),
            history_problem: self.history.problem(),
            guardian: self.guardian.pid(),
            guardian_problem: self.guardian.problem(),
            store: self.store.view(),
            ..self.fixed.clone()
        }
    }

    fn request_quit(&self, by: AskedBy) {
        self.stopping();
        self.quit.send_replace(Some(by));
    }

    fn show_window(&self, route: Option<String>) -> Result<()> {
        match &*self.show_window.lock() {
            Some(show) => show(route),
            None => Err(Error::new(Code::Internal, "this host has no window")
                .next("Run `ebb dashboard` and open the address it prints.")),
        }
    }

    fn dashboard(&self, control: &Control) -> Result<String> {
        if self.stopping.get().is_some() {
            return Err(Error::new(Code::ShuttingDown, "Ebb is stopping").next("Start Ebb again, then ask again."));
        }
        self.serve_dashboard(0, control)
    }

    fn memory(&self, long: bool) -> MemoryHistory {
        self.memory.all(long)
    }

    fn memory_of(&self, session: &SessionId, long: bool) -> MemoryHistory {
        self.memory.of(session, long)
    }

    fn measured(&self) -> BoxFuture<'_, ()> {
        self.sampler.recent().boxed()
    }

    fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    fn thumbnail(&self, session: SessionId, tab: u32) -> BoxFuture<'_, Result<Bytes>> {
        Box::pin(async move { self.thumbs.of(&session, tab).await })
    }

    fn close_tab(&self, session: SessionId, tab: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.browsers.close_tab(&session, tab).await })
    }

    fn test_store(&self, store: StoreChoice) -> BoxFuture<'static, Result<()>> {
        let run_dir = self.run_dir.clone();
        Box::pin(async move { cursors::test(&store, run_dir).await })
    }
}

/// The command-line program that clients are pointed at: this one, or the one beside it.
#[must_use]
pub fn ebb_executable() -> PathBuf {
    let name = format!("ebb{}", std::env::consts::EXE_SUFFIX);
    let this = std::env::current_exe().unwrap_or_default();
    if this.file_name().is_some_and(|file| file == name.as_str()) {
        return this;
    }
    let beside = this.with_file_name(&name);
    if beside.is_file() { beside } else { PathBuf::from(name) }
}
