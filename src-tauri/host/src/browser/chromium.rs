//! One running Chromium: how it is started, talked to and ended.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use chromiumoxide::cdp::browser_protocol::{
    browser::{CloseParams, GetVersionParams, GetVersionReturns},
    target::{FilterEntry, SetAutoAttachParams, SetDiscoverTargetsParams, TargetFilter},
};
use ebb_core::{Code, Error, Result, view::BrowserView};
use parking_lot::Mutex;
use tokio::process::Child;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    endpoint::Endpoint,
    launch::Launched,
    locate::Found,
    pipe::{CdpError, Connection, EventSink},
    plan::Plan,
    pulse::Pulse,
    supervisor::{clear, stay_attached, supervise},
    words::LastWords,
};
use crate::run::{RunDir, processes};

/// How long a new Chromium may take to its first answer.
const START: Duration = Duration::from_secs(15);

/// How long it may take to end by itself before it is killed.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long the last words of a Chromium that ended may take to arrive.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Longer than anybody waits for a sign of life: whoever asks has a deadline of its own.
const PATIENCE: Duration = Duration::from_mins(1);

/// Pages in a row that may fail to come up before a browser is given up.
const PAGES_MISSED: u32 = 2;

/// A Chromium that answers.
pub(crate) struct Chromium {
    /// The way to talk to it.
    pub(crate) connection: Connection,
    /// `Chrome/156.0.8078.79`.
    pub(crate) version: String,
    /// What pages see; never says "Headless".
    pub(crate) user_agent: String,
    /// Whose it is.
    origin: Origin,
    /// Whether it answers.
    pulse: Pulse,
    /// A context was made in it.
    used: AtomicBool,
    /// The contexts that were made in it and not disposed: in somebody else's browser the only ones that count.
    contexts: Mutex<HashSet<String>>,
    /// Pages in a row that did not come up.
    without_page: AtomicU32,
    /// Its process is gone, its group killed, its directory removed.
    gone: CancellationToken,
    /// Only one trace can run in a browser; the memory probe uses short ones.
    pub(crate) trace: tokio::sync::Mutex<()>,
    /// Disposals that it does at once; the others wait for their turn.
    pub(super) disposals: Semaphore,
}

/// Whose a browser is.
enum Origin {
    /// This host started it.
    Ours(Process),
    /// Somebody else runs it; it is never ended.
    Theirs(Endpoint),
}

/// A Chromium that this host started.
struct Process {
    /// Its main process; also its process group.
    pid: u32,
    /// Which binary.
    found: Found,
    /// Why its sandbox is off, if it is.
    sandbox_off: Option<String>,
    /// What it said.
    words: LastWords,
    /// Everything it writes is in here, and goes with it.
    folder: PathBuf,
}

impl Chromium {
    /// Waits for the first answer of a spawned Chromium and starts its supervisor, which calls
    /// `changed` whenever the browser's state changes. Ends it when `unwanted` fires before it answers.
    ///
    /// # Errors
    /// [`Code::BrowserFailed`] with what Chromium said; nothing of it is left then.
    pub(crate) async fn start(
        launched: Launched,
        run_dir: RunDir,
        found: Found,
        sink: Arc<dyn EventSink>,
        tasks: &TaskTracker,
        unwanted: &CancellationToken,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>> {
        let Launched { mut child, pid, read, write, sandbox_off, words, profile } = launched;
        let folder = run_dir.path().to_owned();
        let process = Process { pid, found, sandbox_off, words, folder };
        let connected = match Connection::open(read, write, sink, tasks) {
            Ok(connection) => tokio::select! {
                version = first_answer(&connection, &mut child) => version.map(|version| (connection, version)),
                () = unwanted.cancelled() => Err("nobody needs it any more".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        };
        let (connection, version) = match connected {
            Ok(connected) => connected,
            Err(why) => {
                clear(pid, child, &run_dir).await;
                process.words.ended(LAST_WORDS).await;
                return Err(process.failed("did not start", &why));
            }
        };
        let mut attach = SetAutoAttachParams::new(true, true);
        attach.flatten = Some(true);
        attach.filter = Some(pages_and_shared_workers());
        let mut discover = SetDiscoverTargetsParams::new(true);
        discover.filter = Some(only_pages());
        connection.post(None, &discover);
        connection.post(None, &attach);
        let chromium = Arc::new(Self::new(connection, &version, Origin::Ours(process)));
        let supervised = supervise(Arc::clone(&chromium), child, run_dir, changed);
        tasks.spawn(async move {
            supervised.await;
            // Somebody else's from now on.
            drop(profile);
        });
        Ok(chromium)
    }

    /// Attaches to a browser that somebody else runs. Nothing in it is touched but what is made over this
    /// connection, and that goes with it.
    ///
    /// # Errors
    /// [`Code::BrowserFailed`] when it cannot be reached or does not answer.
    pub(crate) async fn attach(
        endpoint: &Endpoint,
        plan: &Plan,
        sink: Arc<dyn EventSink>,
        tasks: &TaskTracker,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>> {
        let connection = Connection::over(endpoint.connect(plan).await?, sink, tasks);
        let version = match connection.call(None, &GetVersionParams::default()).await {
            Ok(version) => version,
            Err(error) => {
                connection.close();
                return Err(Error::new(
                    Code::BrowserFailed,
                    format!("the browser at {endpoint} does not work: {error}"),
                )
                .next("Check that a Chromium listens there; then call again."));
            }
        };
        // Told of, not attached to: only pages of our own contexts are.
        let mut discover = SetDiscoverTargetsParams::new(true);
        discover.filter = Some(only_pages());
        connection.post(None, &discover);
        let chromium = Arc::new(Self::new(connection, &version, Origin::Theirs(endpoint.clone())));
        tasks.spawn(stay_attached(Arc::clone(&chromium), changed));
        Ok(chromium)
    }

    fn new(connection: Connection, version: &GetVersionReturns, origin: Origin) -> Self {
        Self {
            connection,
            version: version.product.replace("HeadlessChrome", "Chrome"),
            user_agent: version.user_agent.replace("HeadlessChrome", "Chrome"),
            origin,
            pulse: Pulse::default(),
            used: AtomicBool::new(false),
            contexts: Mutex::default(),
            without_page: AtomicU32::new(0),
            gone: CancellationToken::new(),
            trace: tokio::sync::Mutex::new(()),
            disposals: Semaphore::new(super::disposal::AT_ONCE),
        }
    }

    /// The folder that it writes in, where it is one of this host.
    pub(super) fn folder(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Ours(process) => Some(&process.folder),
            Origin::Theirs(_) => None,
        }
    }

    /// Its main process, where it is one of this host.
    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.origin {
            Origin::Ours(process) => Some(process.pid),
            Origin::Theirs(_) => None,
        }
    }

    /// What the dashboard shows of it.
    pub(crate) fn view(&self) -> BrowserView {
        match &self.origin {
            _ if self.is_unresponsive() => BrowserView::Unresponsive { pid: self.pid() },
            Origin::Ours(process) => BrowserView::Running {
                version: self.version.clone(),
                pid: process.pid,
                executable: process.found.path.display().to_string(),
                sandbox_off: process.sandbox_off.clone(),
            },
            Origin::Theirs(endpoint) => {
                BrowserView::Attached { version: self.version.clone(), endpoint: endpoint.to_string() }
            }
        }
    }

    /// Whether it can still be talked to.
    pub(crate) fn is_alive(&self) -> bool {
        !self.connection.is_closed()
    }

    /// Whether it failed its last probe.
    pub(crate) fn is_unresponsive(&self) -> bool {
        self.pulse.is_missed()
    }

    /// Resolves when nothing of it is left: no process, no directory.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Nothing of it is left.
    pub(super) fn is_gone(&self) {
        self.gone.cancel();
    }

    /// Ends it politely, then by force. One that is somebody else's is only let go.
    pub(crate) async fn shut_down(&self) {
        if self.pid().is_none() {
            self.connection.close();
            return self.gone().await;
        }
        self.connection.post(None, &CloseParams::default());
        if tokio::time::timeout(GOODBYE, self.connection.closed()).await.is_err() {
            self.kill();
        }
        self.gone().await;
    }

    /// Ends every process of it now; of one that is somebody else's only the connection.
    pub(crate) fn kill(&self) {
        if let Some(pid) = self.pid() {
            processes::kill_group(pid);
        }
        self.connection.close();
    }

    /// A context was made in it.
    pub(crate) fn made(&self, context: &str) {
        self.used.store(true, Ordering::Relaxed);
        self.contexts.lock().insert(context.to_owned());
    }

    /// The context that it has by itself is used.
    pub(crate) fn uses_its_own(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// The context was disposed.
    pub(crate) fn disposed(&self, context: &str) {
        self.contexts.lock().remove(context);
    }

    /// Whether a context may be looked at and ended: every one in a browser of ours, in somebody else's only
    /// those that were made over this connection.
    pub(crate) fn may_end(&self, context: &str) -> bool {
        matches!(self.origin, Origin::Ours(_)) || self.contexts.lock().contains(context)
    }

    /// Whether no context was made in it yet.
    pub(crate) fn is_unused(&self) -> bool {
        !self.used.load(Ordering::Relaxed)
    }

    /// A page came up as it should.
    pub(crate) fn opened_a_page(&self) {
        self.without_page.store(0, Ordering::Relaxed);
    }

    /// A page did not come up in time. A browser to which that happens again and again answers, but has
    /// lost what it makes pages with, and is ended. Returns what to tell the client.
    pub(crate) fn opened_no_page(&self) -> Error {
        let sick = self.without_page.fetch_add(1, Ordering::Relaxed) + 1 >= PAGES_MISSED;
        if !sick {
            return Error::new(Code::BrowserUnresponsive, "the browser did not open a tab in time")
                .next("Call again; a browser that opens none is restarted.");
        }
        tracing::warn!(pid = self.pid(), "the browser opens no pages any more; it is given up");
        self.kill();
        Error::new(Code::BrowserLost, "the browser opened no pages any more and was given up; its tabs are gone")
            .next("Call again: a fresh one is used.")
    }

    /// Why nothing could be made in it although it had answered once.
    pub(crate) async fn ended_early(&self) -> Error {
        let Origin::Ours(process) = &self.origin else { return super::lost() };
        process.words.ended(LAST_WORDS).await;
        process.failed("does not work", "it ended right after its first answer")
    }

    /// Resolves when it was silent for so long that it is to be ended.
    pub(super) async fn silent(&self, changed: impl Fn()) {
        self.pulse.watch(|| self.sign_of_life(), changed).await;
    }

    /// Resolves with an answer to the smallest question there is; never without one.
    async fn sign_of_life(&self) {
        if self.connection.call_within(None, &GetVersionParams::default(), PATIENCE).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Pages, and neither their workers nor what the browser shows of itself.
/// Workers that serve several pages make requests of their own.
fn pages_and_shared_workers() -> TargetFilter {
    let kind = |kind: &str| FilterEntry { exclude: None, r#type: Some(kind.to_owned()) };
    let others = FilterEntry { exclude: Some(true), r#type: None };
    TargetFilter::new(vec![kind("page"), kind("service_worker"), kind("shared_worker"), others])
}

fn only_pages() -> TargetFilter {
    TargetFilter::new(vec![
        FilterEntry { exclude: None, r#type: Some("page".to_owned()) },
        FilterEntry { exclude: Some(true), r#type: None },
    ])
}

/// The first answer of a Chromium that was just spawned, or why there is none.
async fn first_answer(connection: &Connection, child: &mut Child) -> Result<GetVersionReturns, String> {
    let hello = GetVersionParams::default();
    let answer = tokio::select! {
        answer = connection.call_within(None, &hello, START) => answer,
        _ = child.wait() => Err(CdpError::Closed),
    };
    match answer {
        Ok(version) => Ok(version),
        Err(CdpError::Timeout(_)) => Err(format!("it did not answer within {} s", START.as_secs())),
        Err(CdpError::Closed) => match tokio::time::timeout(GOODBYE, child.wait()).await {
            Ok(Ok(status)) => Err(format!("it ended at once ({status})")),
            _ => Err("it closed its pipe".to_owned()),
        },
        Err(error) => Err(error.to_string()),
    }
}

impl Process {
    /// The error for a Chromium that is of no use: what happened, its last words, and the way out.
    fn failed(&self, what: &str, why: &str) -> Error {
        let said = self.words.line().map(|line| format!("; its last words: {line}")).unwrap_or_default();
        Error::new(Code::BrowserFailed, format!("the browser {} {what}: {why}{said}", self.found.path.display()))
            .next("Run `ebb doctor`, or name another browser with --browser; then call again.")
    }
}
