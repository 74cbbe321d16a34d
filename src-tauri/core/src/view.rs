//! What tray, dashboard and command line show. Plain data, no logic; TypeScript types come from here.
//!
//! Every string here that a client or page chose (names, titles, URLs) is hostile text: it was
//! cleaned of control and bidirectional characters and clipped before it came in.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    cleanup::{CleanupReport, Leftover, Step, StepOutcome},
    ids::{ClientId, CursorId, SessionId},
};

/// How a client reached Ebb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// `ebb connect`, the stdio bridge.
    Stdio,
    /// The local socket.
    Socket,
    /// Streamable HTTP.
    Http,
}

/// A process of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ProcessView {
    /// Process id.
    pub pid: u32,
    /// The program's short name: `node`, `claude`.
    pub name: String,
    /// Its executable, where the system tells.
    pub exe: Option<String>,
    /// Its working directory, where the system tells.
    pub cwd: Option<String>,
}

/// A client program as Ebb sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ClientView {
    /// Its id.
    pub id: ClientId,
    /// What it calls itself (`clientInfo.title` or `.name`), else its program's name, else `Unknown client`.
    pub name: String,
    /// The version it gives.
    pub version: Option<String>,
    /// How it came.
    pub transport: Transport,
    /// Its process: the agent's own, not the bridge's.
    pub process: Option<ProcessView>,
    /// The folder it works in, `~` for home.
    pub project: Option<String>,
    /// The MCP revision it speaks.
    pub protocol: Option<String>,
    /// Since when (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub connected_at: OffsetDateTime,
}

impl ClientView {
    /// A client of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            id: ClientId::new(),
            name: "Unknown client".to_owned(),
            version: None,
            transport: Transport::Socket,
            process: None,
            project: None,
            protocol: None,
            connected_at: OffsetDateTime::UNIX_EPOCH,
        }
    }
}

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// A call runs.
    Working,
    /// Its client is here.
    Connected,
    /// No call for five minutes and none running.
    Idle,
    /// Its client left and may come back.
    Waiting,
    /// It is being removed.
    Closing,
}

/// Bytes a session holds, each part with where the number comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HeldView {
    /// The sum of the parts below that are not `of which`.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub total: u64,
    /// Cursors, exact.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub cursors: u64,
    /// DevTools buffers, exact.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub devtools: u64,
    /// The session's renderer processes as the system measures them; none where it does not say.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub renderers: Option<u64>,
    /// Of which JavaScript heap, measured in the pages.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub js_heap: Option<u64>,
}

/// One tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct TabView {
    /// Its number, never used again in the session.
    pub id: u32,
    /// Its page's title.
    pub title: String,
    /// Its page's address.
    pub url: String,
    /// Whether tools act on it now.
    pub current: bool,
    /// Whether its page crashed.
    pub crashed: bool,
    /// Whether it is loading.
    pub loading: bool,
    /// Its renderer, where known.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub bytes: Option<u64>,
}

/// One cursor; never its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CursorView {
    /// Its id.
    pub id: CursorId,
    /// Whose.
    pub session: SessionId,
    /// The tool whose result it holds.
    pub tool: String,
    /// `items` or `lines`.
    pub unit: String,
    /// How many of them.
    pub items: u32,
    /// The last one read, 1-based; 0 before the first read.
    pub position: u32,
    /// Bytes held, exact.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
    /// Seconds since it was made.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub age_s: u64,
    /// Seconds until it expires if nobody reads it.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub expires_s: u64,
}

/// What the DevTools buffers of a session hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct DevtoolsView {
    /// Console entries.
    pub console: u32,
    /// Of which errors.
    pub console_errors: u32,
    /// Of which warnings.
    pub console_warnings: u32,
    /// Requests.
    pub network: u32,
    /// Dialogs that wait for an answer.
    pub dialogs: u32,
    /// Entries dropped because a buffer was full.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub dropped: u64,
    /// Bytes held, exact.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CallView {
    /// Number of the call in its session, from 1.
    pub number: u32,
    /// The tool.
    pub tool: String,
    /// Its arguments as one line, secrets masked, clipped.
    pub arguments: String,
    /// When it began (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub began_at: OffsetDateTime,
    /// How long it took, in milliseconds; none while it runs.
    pub ms: Option<f64>,
    /// Whether its result was an error; none while it runs.
    pub failed: Option<bool>,
    /// What it did, a few lines, secrets masked, clipped; none while it runs or where that is not shown.
    pub result: Option<String>,
}

/// One session in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// The name given at `session_open`.
    pub name: Option<String>,
    /// Whose.
    pub client: ClientView,
    /// What it is doing.
    pub state: SessionState,
    /// Opened when (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub opened_at: OffsetDateTime,
    /// Seconds since the end of its last call; 0 while one runs.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub idle_s: u64,
    /// Seconds until the idle timeout; none where it never comes or a call runs.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub ends_in_s: Option<u64>,
    /// Seconds that it still waits for its client; none where the client is here or somebody asked to keep it.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub waiting_s: Option<u64>,
    /// Calls made so far.
    pub calls: u32,
    /// The running call.
    pub running: Option<CallView>,
    /// Its tabs.
    pub tabs: Vec<TabView>,
    /// How many cursors.
    pub cursors: u32,
    /// What its buffers hold.
    pub devtools: DevtoolsView,
    /// What it holds.
    pub held: HeldView,
    /// The steps of its removal so far, while it is closing.
    pub steps: Vec<StepView>,
    /// Whether its browser was lost since its last call.
    pub browser_lost: bool,
}

/// One cell of the D C B S strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct StepView {
    /// Which step.
    pub step: Step,
    /// How it ended; none while it runs.
    pub outcome: Option<StepOutcome>,
}

/// One session with everything about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SessionDetail {
    /// As in the list.
    pub session: SessionView,
    /// Its cursors.
    pub cursors: Vec<CursorView>,
    /// Its last calls, newest first.
    pub calls: Vec<CallView>,
}

/// What the browser is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum BrowserView {
    /// None runs; the next session that needs one starts it.
    Stopped {
        /// The binary that would be used; none when none is installed.
        executable: Option<String>,
    },
    /// It is starting.
    Starting,
    /// It runs.
    Running {
        /// `Chrome/156.0.8078.79`.
        version: String,
        /// Its main process.
        pid: u32,
        /// The binary.
        executable: String,
        /// Whether its sandbox is off, and why.
        sandbox_off: Option<String>,
    },
    /// It does not answer.
    Unresponsive {
        /// Its main process; none for one that somebody else runs.
        pid: Option<u32>,
    },
    /// Somebody else's browser is used, and nothing is connected to it.
    Detached {
        /// Where it listens, without secrets.
        endpoint: String,
    },
    /// Somebody else's browser is used.
    Attached {
        /// `Chrome/156.0.8078.79`.
        version: String,
        /// Where it listens, without secrets.
        endpoint: String,
    },
}

/// The last memory samples: every `step_s` seconds, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct MemoryHistory {
    /// Seconds between two samples.
    pub step_s: u32,
    /// Bytes held by all sessions.
    #[cfg_attr(feature = "typescript", ts(type = "number[]"))]
    pub held: Vec<u64>,
    /// Bytes of Chromium that belong to no session.
    #[cfg_attr(feature = "typescript", ts(type = "number[]"))]
    pub shared: Vec<u64>,
}

/// Everything the dashboard's first screen needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Snapshot {
    /// The number of the last event this picture contains.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub seq: u64,
    /// When it was taken (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub at: OffsetDateTime,
    /// The host.
    pub host: HostView,
    /// Clients that are here, with or without a session.
    pub clients: Vec<ClientView>,
    /// Live and closing sessions, oldest first.
    pub sessions: Vec<SessionView>,
    /// What is left behind.
    pub leftovers: Vec<Leftover>,
    /// The last cleanups, newest first, at most 20.
    pub recent: Vec<CleanupReport>,
    /// Memory over time.
    pub memory: MemoryHistory,
}

/// The host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HostView {
    /// Ebb's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Where clients connect.
    pub socket: String,
    /// Its data directory.
    pub data_dir: String,
    /// The absolute path of `ebb`, for client configurations.
    pub ebb: String,
    /// Since when (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub started_at: OffsetDateTime,
    /// Whether new sessions are taken.
    pub accepting: bool,
    /// Whether it is stopping.
    pub stopping: bool,
    /// The browser that sessions use unless they want a window.
    pub browser: BrowserView,
    /// The browser with windows, while there is one.
    pub window_browser: Option<BrowserView>,
    /// Bytes of Chromium that belong to no session; none where the system does not say.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub shared_browser: Option<u64>,
    /// How many sessions a dead host had left, found at this start.
    pub recovered: u32,
    /// Whether the history could not be opened or written, in words.
    pub history_problem: Option<String>,
    /// What is wrong with the settings file, in words.
    pub config_problem: Option<String>,
    /// The process that cleans up when the host is killed, while it runs.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
    pub guardian: Option<u32>,
    /// Why there is none, in words.
    pub guardian_problem: Option<String>,
    /// Where cursors are kept.
    pub store: StoreView,
}

/// The cursor store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct StoreView {
    /// `memory`, `sqlite`, `redis`.
    pub kind: String,
    /// Where it is, for people: `redis://127.0.0.1:6379`. Never a password.
    pub place: String,
    /// Why it cannot take or give data now, in words.
    pub problem: Option<String>,
    /// Cursors that could not be made since the start because of that.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub refused: u64,
}
