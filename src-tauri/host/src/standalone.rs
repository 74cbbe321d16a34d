//! A whole server that belongs to one program (`ebb mcp`): its own browser, no desktop, no lock, no shared
//! socket, and nothing left behind.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use ebb_core::{
    Code, Error, Result,
    cleanup::{CleanupReport, Leftover},
    cursors::Cursors,
    ids::{InstanceId, LeftoverId, SessionId},
    ports::{BrowserPort, Clock, HistoryPort, OpenSession, TokioClock},
    sessions::{Ports, SessionManager},
    settings::{Settings, StoreChoice},
};
use futures::FutureExt as _;
use sha2::Digest as _;
use time::OffsetDateTime;
use tokio::{net::UnixStream, sync::oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    browser::{
        Browsers, Sampler, locate,
        plan::{Plan, debug_line},
    },
    cursors::{Backend, Place, give_back},
    host::ebb_executable,
    options::{ClientOptions, ServerOptions, Viewport},
    paths::{self, Environment},
    run::{Guardian, PrivateFolder, RunDirs, reap_private},
    tools::call::ToolHost,
    transport::{
        bridge::{self, LocalEnd},
        connection::{self, Shared},
        http::{Address, AllowedHosts, HttpOptions, HttpServer, Revivals},
    },
};

/// From a signal to the end of this process. What is left then is the guardian's.
const END: Duration = Duration::from_millis(1_800);
/// How much of that the last calls may take when the client has said everything, and how much is for the rest.
const LAST_CALLS: Duration = Duration::from_millis(900);
/// Longer than any client is silent: this one has no other server to ask.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// How long the address of a name may take to be found.
const LOOKUP: Duration = Duration::from_secs(5);

/// How long a browser that nobody sees may be idle.
const IDLE: Duration = Duration::from_hours(1);
/// The size of pages that no window decides.
const VIEWPORT: Viewport = Viewport { width: 1_280, height: 720 };

/// A running server.
pub struct Standalone {
    manager: SessionManager,
    browsers: Arc<Browsers>,
    store: Arc<Backend>,
    guardian: Arc<Guardian>,
    folder: PrivateFolder,
    tools: Arc<ToolHost>,
    http: Option<HttpServer>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Standalone {
    /// Makes its private folder and starts its guardian; the browser comes with the first call that needs one.
    ///
    /// # Errors
    /// No place for temporary files; an endpoint that is no address.
    pub fn start(options: ServerOptions) -> Result<Self> {
        let settings = settings(&options);
        let idle = idle(&options);
        let plan = Plan::of(&options.browser, profile(&options)?);
        let client = client(options);
        // Files of this process are its user's alone from now on.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let instance = InstanceId::new();
        let folder = PrivateFolder::make(&instance)?;
        let base = folder.path().parent().map(PathBuf::from).unwrap_or_default();
        let guardian = Guardian::start(ebb_executable(), base, None);
        let run_dirs = RunDirs::new(folder.path().to_owned(), &instance, Arc::clone(&guardian));
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let browsers = Browsers::with_plan(&settings, plan, Arc::clone(&run_dirs))?;
        let place = Place { run_dirs, instance, clock: Arc::clone(&clock) };
        let store = Arc::new(Backend::open(&settings.cursors, place)?);
        let manager = SessionManager::new(
            settings.clone(),
            Ports {
                clock: Arc::clone(&clock),
                browser: Arc::clone(&browsers) as Arc<dyn BrowserPort>,
                cursors: Arc::clone(store.store()),
                history: Arc::new(NoHistory),
            },
        );
        browsers.report_to(&manager);
        manager.start_sweeper();
        let cursors = Arc::new(Cursors::new(Arc::clone(store.store()), settings.cursors.clone(), clock));
        let tools = ToolHost::with_options(manager.clone(), cursors, Arc::clone(&browsers), Arc::new(settings), client);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = Self { manager, browsers, store, guardian, folder, tools, http: None, stop, tasks };
        server.start_background(idle);
        Ok(server)
    }

    fn start_background(&self, idle: Option<Duration>) {
        let (guardian, folder) = (Arc::clone(&self.guardian), self.folder.path().to_owned());
        self.tasks.spawn(async move { guardian.register(&folder).await });
        self.tasks.spawn_blocking(reap_private);
        let (budgets, stop) = (Arc::clone(&self.browsers).watch_budgets(self.manager.clone()), self.stop.clone());
        self.tasks.spawn(async move { stop.run_until_cancelled(budgets).await });
        let trimming = give_back(self.manager.clone(), Arc::clone(self.store.store()));
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(trimming).await });
        let sampling = Sampler::new(Arc::clone(&self.browsers)).run(self.manager.clone(), || false);
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(Box::pin(sampling)).await });
        if let Some(limit) = idle {
            let (tools, stop) = (Arc::clone(&self.tools), self.stop.clone());
            self.tasks.spawn(async move { stop.run_until_cancelled(close_idle(tools, limit)).await });
        }
    }

    /// Serves the client at the standard streams until it is gone.
    ///
    /// # Errors
    /// [`Code::Internal`] when the system gives no socket or thread.
    pub async fn serve_stdio(&self) -> Result<()> {
        let failed = |error: std::io::Error| {
            Error::new(Code::Internal, format!("the standard streams cannot be served: {error}"))
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).map_err(failed)?;
        }
        let ours = UnixStream::from_std(ours).map_err(failed)?;
        let shared = Shared {
            host: Arc::clone(&self.tools),
            stop: self.tools.stopping.clone(),
            home: Environment::current().home().ok(),
            transport: None,
            asked: None,
            ping: None,
        };
        self.tasks.spawn(Box::pin(connection::serve(ours, Some(std::process::id()), shared)));
        let (over, ended) = oneshot::channel();
        // Nobody waits any more where the server is ending by itself.
        let copying = move || over.send(bridge::copy(&theirs)).unwrap_or_default();
        // A thread of its own, which ends with the process: it may stand in a read for ever.
        std::thread::Builder::new().name("stdio".to_owned()).spawn(copying).map_err(failed)?;
        let end = ended.await.unwrap_or(LocalEnd::ServerGone);
        tracing::debug!(?end, "the client at the standard streams is gone");
        Ok(())
    }

    /// Where a server that is told to listen does so; none where it serves the standard streams.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for a host that has no address.
    pub async fn listening(options: &ServerOptions) -> Result<Option<HttpOptions>> {
        let Some(port) = options.port else { return Ok(None) };
        let mut http = HttpOptions::own_server(port);
        let host = options.host.as_deref().map(|host| host.trim_start_matches('[').trim_end_matches(']'));
        if let Some(host) = host.filter(|host| !host.eq_ignore_ascii_case("localhost")) {
            http.addresses = addresses(host, port).await?;
        }
        http.token_file.clone_from(&options.token_file);
        http.ping = options.ping;
        if !options.allowed_hosts.is_empty() {
            let any = options.allowed_hosts.iter().any(|name| name == "*");
            http.allowed_hosts =
                if any { AllowedHosts::Any } else { AllowedHosts::These(options.allowed_hosts.clone()) };
        }
        Ok(Some(http))
    }

    /// Serves clients over HTTP from now on, each with a session of its own; answers where.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for an address that everybody can reach without a token, [`Code::Internal`]
    /// when the port cannot be had.
    pub async fn serve_http(&mut self, mut options: HttpOptions) -> Result<SocketAddr> {
        options.told = Some(Arc::new(debug_line));
        let manager = self.manager.clone();
        let why_ended = move |session: SessionId| {
            let reason = manager.report(session.as_str()).map(|report| report.reason);
            std::future::ready(reason).boxed()
        };
        let revivals = Revivals::open(None, Box::new(why_ended)).await;
        let server = HttpServer::start(Address::Tcp(options), &self.tools, revivals)?;
        let address = server.address().ok_or_else(|| Error::new(Code::Internal, "the HTTP port has no address"))?;
        self.tools.browsers.guard().own_port(address.port());
        self.http = Some(server);
        Ok(address)
    }

    /// Ends every session through the one door, then the browser, then itself, within two seconds of the signal
    /// or of the client's end: what is left then the guardian ends when this process is gone. `signalled`: the
    /// client had no time of its own before.
    pub async fn stop(self, signalled: bool) {
        let within = if signalled { END } else { END.saturating_sub(LAST_CALLS) };
        if tokio::time::timeout(within, self.take_apart()).await.is_err() {
            tracing::warn!("the end took too long; the guardian does the rest");
        }
    }

    async fn take_apart(self) {
        // First the sessions: their clients' last calls are answered with the reason.
        self.manager.shutdown().await;
        self.tools.stopping.cancel();
        if let Some(http) = self.http {
            http.stop().await;
        }
        self.browsers.stop().await;
        self.store.stop().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let folder = self.folder;
        let path = folder.path().to_owned();
        if tokio::task::spawn_blocking(move || folder.remove()).await.unwrap_or_default() {
            self.guardian.forget(&path);
        }
        self.guardian.stop().await;
    }
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port))).await;
    let found: Vec<SocketAddr> = found.ok().and_then(std::result::Result::ok).into_iter().flatten().collect();
    if found.is_empty() {
        return Err(Error::new(Code::InvalidArguments, format!("--host {host}: this name has no address"))
            .next("Give localhost, or an address of this machine."));
    }
    Ok(found)
}

/// Closes browsers that nobody used for `limit`; their sessions stay, with their cursors. For ever.
async fn close_idle(tools: Arc<ToolHost>, limit: Duration) {
    loop {
        let nobody = tools.usage.idle_for(limit).await;
        for side in tools.browsers.all() {
            if let Err(error) = side.close_browser().await {
                tracing::warn!(%error, "an idle browser could not be closed");
            }
        }
        drop(nobody);
        tools.usage.next().await;
    }
}

/// When a browser that nobody uses is closed; none for never.
fn idle(options: &ServerOptions) -> Option<Duration> {
    let ours = options.browser.is_headless() && options.browser.cdp_endpoint.is_none();
    options.idle.or(ours.then_some(IDLE)).filter(|limit| !limit.is_zero())
}

/// Where the profile of the workspace is, unless another one is named.
fn profile(options: &ServerOptions) -> Result<Option<PathBuf>> {
    let browser = &options.browser;
    if browser.isolated || browser.cdp_endpoint.is_some() {
        return Ok(None);
    }
    if browser.user_data_dir.is_some() {
        return Ok(browser.user_data_dir.clone());
    }
    let workspace = options.client.workspace.clone().or_else(|| std::env::current_dir().ok()).unwrap_or_default();
    let digest = sha2::Sha256::digest(workspace.as_os_str().as_encoded_bytes());
    let hash = data_encoding::HEXLOWER.encode(&digest);
    let channel = browser.channel.as_deref().unwrap_or("chrome");
    let name = format!("mcp-{channel}-{}", hash.get(..7).unwrap_or_default());
    Ok(Some(paths::data_dir()?.join(name)))
}

/// The settings of a host, as such a server has them.
fn settings(options: &ServerOptions) -> Settings {
    let mut settings = Settings::default();
    settings.sessions.silent_connection = FOREVER;
    settings.sessions.half_close_grace = LAST_CALLS;
    settings.sessions.reconnect_grace = Duration::ZERO;
    settings.sessions.idle_timeout_known_process = Duration::ZERO;
    settings.cursors.store = StoreChoice::Memory;
    let browser = &options.browser;
    settings.browser.headed = !browser.is_headless();
    settings.browser.executable = browser.executable.clone().or_else(|| {
        let channel = browser.channel.as_deref()?;
        let found = locate::channel(channel);
        // Where there is no Chrome any Chromium does; who asks for another one means it.
        found
            .or_else(|| (!matches!(channel, "chrome" | "chromium" | "chromium-headless-shell")).then(|| channel.into()))
    });
    settings.browser.private_networks = true;
    settings.browser.no_sandbox = browser.sandbox == Some(false);
    settings.browser.extra_args.clone_from(&browser.args);
    settings.browser.endpoint.clone_from(&browser.cdp_endpoint);
    settings
}

/// What its clients have: pages of a known size where there is no window to have one.
fn client(options: ServerOptions) -> ClientOptions {
    let mut client = options.client;
    let browser = &options.browser;
    if browser.viewport.is_none() && browser.is_headless() && browser.cdp_endpoint.is_none() {
        client.context.viewport = Some(VIEWPORT);
    }
    if client.workspace.is_none() {
        client.workspace = std::env::current_dir().ok();
    }
    client
}

/// Reports go with the server: nobody asks it for past ones.
struct NoHistory;

impl HistoryPort for NoHistory {
    fn opened(&self, _session: OpenSession) {}

    fn closed(&self, report: &CleanupReport) {
        tracing::debug!(session = %report.session, "a session ended");
    }

    fn leftover(&self, leftover: &Leftover) {
        tracing::debug!(?leftover, "something is left for now");
    }

    fn cleared(&self, _leftover: &LeftoverId, _session: Option<&SessionId>, _at: OffsetDateTime) {}
}
