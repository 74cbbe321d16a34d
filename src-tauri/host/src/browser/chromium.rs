//! One running Chromium and its supervisor: it notices the end, the freeze and the silence.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use chromiumoxide::cdp::browser_protocol::{
    browser::{CloseParams, GetVersionParams},
    target::{FilterEntry, SetAutoAttachParams, SetDiscoverTargetsParams, TargetFilter},
};
use ebb_core::{Code, Error, Result};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    launch::Launched,
    locate::Found,
    pipe::{Connection, EventSink},
};
use crate::run::{RunDir, processes};

/// How long a new Chromium may take to its first answer.
const START: Duration = Duration::from_secs(15);

/// How long it may take to end by itself before it is killed.
const GOODBYE: Duration = Duration::from_secs(1);

/// Between two probes.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How long a probe may take.
const PROBE: Duration = Duration::from_secs(2);

/// A probe that took this much longer than it may says that the host or the machine slept, not the browser.
const GAP: Duration = Duration::from_secs(2);

/// Failed probes in a row after which an unresponsive Chromium is ended.
const PROBES_LOST: u32 = 3;

/// A Chromium that answers.
pub(crate) struct Chromium {
    /// The way to talk to it.
    pub(crate) connection: Connection,
    /// Its main process; also its process group.
    pub(crate) pid: u32,
    /// `Chrome/156.0.8078.79`.
    pub(crate) version: String,
    /// What pages see; never says "Headless".
    pub(crate) user_agent: String,
    /// Which binary.
    pub(crate) found: Found,
    /// Why its sandbox is off, if it is.
    pub(crate) sandbox_off: Option<String>,
    /// It did not answer its last probe.
    unresponsive: AtomicBool,
    failed_probes: AtomicU32,
    /// Its process is gone, its group killed, its directory removed.
    gone: CancellationToken,
    /// Only one trace can run in a browser; the memory probe uses short ones.
    pub(crate) trace: tokio::sync::Mutex<()>,
}

impl Chromium {
    /// Waits for the first answer of a spawned Chromium and starts its supervisor, which calls
    /// `changed` whenever the browser's state changes.
    ///
    /// # Errors
    /// [`Code::BrowserFailed`] with what Chromium said; nothing of it is left then.
    pub(crate) async fn start(
        launched: Launched,
        run_dir: RunDir,
        found: Found,
        sink: Arc<dyn EventSink>,
        tasks: &TaskTracker,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>> {
        let Launched { mut child, pid, read, write, sandbox_off, stderr } = launched;
        let opened = Connection::open(read, write, sink, tasks);
        let hello = GetVersionParams::default();
        let answered = match &opened {
            Ok(connection) => {
                tokio::select! {
                    version = connection.call_within(None, &hello, START) => version.map_err(|error| error.to_string()),
                    ended = child.wait() => Err(ended.map_or_else(|error| error.to_string(), |status| format!("it ended at once ({status})"))),
                }
            }
            Err(error) => Err(error.to_string()),
        };
        let (connection, version) = match (opened, answered) {
            (Ok(connection), Ok(version)) => (connection, version),
            (opened, answered) => {
                if let Ok(connection) = opened {
                    connection.close();
                }
                processes::kill_group(pid);
                // Reaps the process; the kill above makes this immediate.
                drop(tokio::time::timeout(GOODBYE, child.wait()).await);
                drop(run_dir.remove().await);
                let said: Vec<u8> = stderr.lock().iter().copied().collect();
                return Err(start_failure(&found, answered.err().unwrap_or_default(), &String::from_utf8_lossy(&said)));
            }
        };
        let only_pages = TargetFilter::new(vec![
            FilterEntry { exclude: None, r#type: Some("page".to_owned()) },
            FilterEntry { exclude: Some(true), r#type: None },
        ]);
        let mut attach = SetAutoAttachParams::new(true, true);
        attach.flatten = Some(true);
        attach.filter = Some(only_pages.clone());
        let mut discover = SetDiscoverTargetsParams::new(true);
        discover.filter = Some(only_pages);
        connection.post(None, &discover);
        connection.post(None, &attach);
        let chromium = Arc::new(Self {
            connection,
            pid,
            version: version.product.replace("HeadlessChrome", "Chrome"),
            user_agent: version.user_agent.replace("HeadlessChrome", "Chrome"),
            found,
            sandbox_off,
            unresponsive: AtomicBool::new(false),
            failed_probes: AtomicU32::new(0),
            gone: CancellationToken::new(),
            trace: tokio::sync::Mutex::new(()),
        });
        tasks.spawn(supervise(Arc::clone(&chromium), child, run_dir, changed));
        Ok(chromium)
    }

    /// Whether it can still be talked to.
    pub(crate) fn is_alive(&self) -> bool {
        !self.connection.is_closed()
    }

    /// Whether it failed its last probe.
    pub(crate) fn is_unresponsive(&self) -> bool {
        self.unresponsive.load(Ordering::Relaxed)
    }

    /// Resolves when nothing of it is left: no process, no directory.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Ends it politely, then by force.
    pub(crate) async fn shut_down(&self) {
        self.connection.post(None, &CloseParams::default());
        if tokio::time::timeout(GOODBYE, self.connection.closed()).await.is_err() {
            self.kill();
        }
        self.gone().await;
    }

    /// Ends every process of it now.
    pub(crate) fn kill(&self) {
        processes::kill_group(self.pid);
        self.connection.close();
    }

    /// Asks for a sign of life. The supervisor ends a browser that gave none three times in a row.
    async fn probe(&self) -> bool {
        let began = tokio::time::Instant::now();
        let answered = self.connection.call_within(None, &GetVersionParams::default(), PROBE).await.is_ok();
        if !answered && began.elapsed() > PROBE + GAP {
            return false;
        }
        let failed = if answered {
            self.failed_probes.store(0, Ordering::Relaxed);
            0
        } else {
            self.failed_probes.fetch_add(1, Ordering::Relaxed) + 1
        };
        let changed = self.unresponsive.swap(!answered, Ordering::Relaxed) == answered;
        if failed >= PROBES_LOST {
            tracing::warn!(pid = self.pid, "the browser did not answer three times in a row; it is ended");
            self.kill();
        }
        changed
    }
}

/// Runs until Chromium is gone, then sees to it that nothing of it stays.
async fn supervise(chromium: Arc<Chromium>, mut child: tokio::process::Child, run_dir: RunDir, changed: impl Fn()) {
    loop {
        tokio::select! {
            () = chromium.connection.closed() => break,
            ended = child.wait() => {
                tracing::info!(pid = chromium.pid, status = ?ended.ok(), "the browser ended");
                break;
            }
            () = tokio::time::sleep(PROBE_EVERY) => {
                let state_changed = tokio::select! {
                    state_changed = chromium.probe() => state_changed,
                    () = chromium.connection.closed() => break,
                };
                if state_changed {
                    changed();
                }
            }
        }
    }
    chromium.connection.close();
    changed();
    processes::kill_group(chromium.pid);
    if tokio::time::timeout(GOODBYE, child.wait()).await.is_err() {
        tracing::error!(pid = chromium.pid, "the browser's process could not be reaped");
    }
    if let Err(error) = run_dir.remove().await {
        tracing::warn!(path = %run_dir.path().display(), %error, "a run directory could not be removed; it is a leftover now");
    }
    chromium.gone.cancel();
    changed();
}

fn start_failure(found: &Found, why: String, said: &str) -> Error {
    let why = if why.is_empty() { "it did not answer".to_owned() } else { why };
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let last: String = last.chars().filter(|c| !c.is_control()).take(300).collect();
    let said = if last.is_empty() { String::new() } else { format!("; its last words: {last}") };
    Error::new(Code::BrowserFailed, format!("the browser {} did not start: {why}{said}", found.path.display()))
        .next("Run `ebb doctor`, or name another browser with --browser.")
}
