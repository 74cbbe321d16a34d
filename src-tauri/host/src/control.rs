//! The one API of the application: commands in, replies and events out.
//!
//! Tray, dashboard, command line and HTTP speak nothing else. On `control.sock` each is one line of
//! JSON: `{"v":1,"id":7,"command":{...}}` in, `{"id":7,"reply":{...}}` or `{"id":7,"error":{...}}` and
//! `{"seq":12,"event":"session","data":{...}}` out.

#[cfg(unix)]
pub mod client;
pub mod dispatch;
pub mod feed;
#[cfg(unix)]
mod lines;
pub mod memory;
#[cfg(unix)]
pub mod socket;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use dispatch::{Control, ControlParts, HostInfo};
pub use feed::Events;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ebb_core::{
    Error,
    cleanup::{AskedBy, CleanupReport, Leftover},
    ids::{CursorId, LeftoverId, ReportId},
    settings::StoreChoice,
    view::{ClientView, CursorView, HostView, MemoryHistory, SessionDetail, SessionView, Snapshot},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    clients::{Act, PlanView, SetupView},
    config::SettingsView,
};

/// The version of the lines; a caller of another version is told to restart.
pub const VERSION: u32 = 1;

/// What a caller can ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Everything the first screen needs.
    Snapshot,
    /// The same, and every [`UiEvent`] after it on this connection.
    Subscribe,
    /// One session with its cursors and calls.
    Session {
        /// A whole id, a unique prefix of four or more characters, or a name.
        session: String,
    },
    /// The open cursors, of all sessions or of one; never their content.
    Cursors {
        /// A whole id, a unique prefix of four or more characters, or a name.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(optional))]
        session: Option<String>,
    },
    /// Closes a session's cursors, or one of them. The session goes on.
    CloseCursors {
        /// A whole id, a unique prefix of four or more characters, or a name.
        session: String,
        /// Only this one.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(optional))]
        cursor: Option<CursorId>,
    },
    /// Closes one tab of a session. The session goes on.
    CloseTab {
        /// A whole id, a unique prefix of four or more characters, or a name.
        session: String,
        /// The tab's number.
        tab: u32,
    },
    /// Ends a session through `remove_session`; answers with its report.
    EndSession {
        /// A whole id, a unique prefix of four or more characters, or a name.
        session: String,
        /// Who asks.
        by: AskedBy,
    },
    /// Keeps a session whose client left, beyond the reconnect grace and up to the idle limit.
    Keep {
        /// A whole id, a unique prefix of four or more characters, or a name.
        session: String,
    },
    /// A page of past cleanups, newest first.
    History {
        /// Which ones.
        #[serde(default)]
        query: HistoryQuery,
    },
    /// One report.
    Report {
        /// Its id, or the id of its session.
        report: String,
    },
    /// Removes every report that there is now; how many.
    ClearHistory,
    /// Memory over time.
    MemoryHistory {
        /// Of this session (a whole id, a unique prefix of four or more characters, or a name); of all and
        /// the shared browser when left out.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(optional))]
        session: Option<String>,
        /// The last day in steps of two minutes, instead of the last hour in steps of ten seconds.
        #[serde(default)]
        long: bool,
    },
    /// Tries every leftover again now.
    RetryLeftovers,
    /// Takes new sessions, or refuses them.
    Accept {
        /// Whether to take them.
        accepting: bool,
    },
    /// Opens or raises the window, where the host has one; `route` is a hash route of the dashboard.
    ShowWindow {
        /// Such as `#/sessions/ses_...`.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(optional))]
        route: Option<String>,
    },
    /// Serves the dashboard over HTTP, unless that is so already, and makes a link that works once.
    Dashboard,
    /// Writes, reads and removes a cursor in a store, as a host with that setting would.
    TestStore {
        /// `memory`, `sqlite`, or the URL of a Redis.
        store: StoreText,
    },
    /// Every client program that is known, and how it is set up.
    Setups,
    /// What a change of a client's file would be. Nothing is written.
    PlanSetup {
        /// Its id, such as `cursor`.
        client: String,
        /// Put Ebb in, or take it out.
        act: Act,
    },
    /// Makes the change that was shown, after a backup; answers with all clients.
    ChangeSetup {
        /// Its id, such as `cursor`.
        client: String,
        /// Put Ebb in, or take it out.
        act: Act,
        /// The mark of the plan: a file that changed since is refused.
        mark: String,
    },
    /// Puts a client's file back as it was before the last change; answers with all clients.
    UndoSetup {
        /// Its id, such as `cursor`.
        client: String,
    },
    /// The settings file with every setting.
    Settings,
    /// Writes one setting into the file; answers with all of them.
    Set {
        /// Such as `sessions.idle_minutes`.
        key: String,
        /// As plain text; the default holds again when left out.
        #[serde(default)]
        #[cfg_attr(feature = "typescript", ts(optional))]
        value: Option<SecretText>,
    },
    /// Takes every setting out of the file; answers with all of them.
    ResetSettings {
        /// How many are changed, as they were shown: another number is refused.
        changed: u32,
    },
    /// Starts Ebb at login, or not; answers with the settings.
    StartAtLogin {
        /// Whether to.
        on: bool,
    },
    /// A small picture of a tab.
    Thumbnail {
        /// A whole id, a unique prefix of four or more characters, or a name.
        session: String,
        /// The tab's number.
        tab: u32,
    },
    /// Ends every session and stops the host.
    Quit {
        /// Who asks.
        by: AskedBy,
    },
}

/// The setting of a cursor store as somebody wrote it. It may hold a password: its `Debug` shows none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct StoreText(pub String);

impl std::fmt::Debug for StoreText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.parse::<StoreChoice>() {
            Ok(choice) => f.write_str(&choice.shown()),
            Err(_) => f.write_str("no store"),
        }
    }
}

/// A setting as somebody wrote it. It may be a URL with a password: its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct SecretText(pub String);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(a value)")
    }
}

/// A picture of a tab. Its `Debug` shows no picture.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Thumbnail {
    /// A JPEG, as base64.
    pub jpeg: String,
}

impl Thumbnail {
    /// The JPEG; none where it is none.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.jpeg).ok()
    }
}

impl std::fmt::Debug for Thumbnail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a picture of {} characters", self.jpeg.len())
    }
}

/// Which past cleanups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(default)]
pub struct HistoryQuery {
    /// Only reports older than this one (keyset paging).
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub before: Option<ReportId>,
    /// Only what follows this place: `next` of the page before. It holds whatever is removed meanwhile.
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub place: Option<String>,
    /// At most this many; 1 to 200, 50 when left out.
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub limit: Option<u32>,
    /// Only this reason: a key such as `client_died`.
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub reason: Option<String>,
    /// Only `clean` or `with_problems`.
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub outcome: Option<String>,
    /// Only reports whose client's name is this, in any case.
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub client: Option<String>,
    /// Only reports whose project contains this, in any case.
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub project: Option<String>,
    /// Only removals that began at this moment or later (RFC 3339).
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "typescript", ts(type = "string", optional))]
    pub since: Option<OffsetDateTime>,
    /// Only removals that began before this moment (RFC 3339).
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "typescript", ts(type = "string", optional))]
    pub until: Option<OffsetDateTime>,
    /// Only removals that freed at least so many bytes.
    #[cfg_attr(feature = "typescript", ts(type = "number", optional))]
    pub freed: Option<u64>,
    /// Only reports whose client, project or session contains this text.
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub text: Option<String>,
}

/// A page of past cleanups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HistoryPage {
    /// Newest first.
    pub reports: Vec<CleanupReport>,
    /// Whether older ones match too.
    pub more: bool,
    /// Where the next page begins, if there is one: for `place` of its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub next: Option<String>,
    /// Totals over everything that matches.
    pub totals: HistoryTotals,
}

/// Totals over a filter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HistoryTotals {
    /// Cleanups.
    pub count: u32,
    /// Of which clean.
    pub clean: u32,
    /// Their median time in milliseconds; none when there are none.
    pub median_ms: Option<f64>,
    /// Bytes freed.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub freed: u64,
    /// The hours of the last 30 days in which there were any, oldest first.
    #[serde(default)]
    pub hours: Vec<HourTotals>,
}

/// The cleanups that began in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct HourTotals {
    /// Hours since 1970, UTC.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub hour: i64,
    /// Cleanups.
    pub count: u32,
    /// Of which clean.
    pub clean: u32,
}

/// The open cursors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CursorList {
    /// Where they are kept: `memory`, `sqlite`, `redis`.
    pub store: String,
    /// The first ten thousand, by session and age.
    pub cursors: Vec<CursorView>,
    /// How many there are.
    pub count: u32,
    /// What all of them hold, exact.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", tag = "reply", content = "data")]
pub enum Reply {
    /// To `snapshot` and `subscribe`.
    Snapshot(Box<Snapshot>),
    /// To `session`.
    Session(Box<SessionDetail>),
    /// To `cursors`.
    Cursors(Box<CursorList>),
    /// To `end_session` and `report`.
    Report(Box<CleanupReport>),
    /// To `history`.
    History(Box<HistoryPage>),
    /// To `memory_history`.
    Memory(MemoryHistory),
    /// To `setups`, `change_setup` and `undo_setup`.
    Setups(Vec<SetupView>),
    /// To `plan_setup`.
    Plan(Box<PlanView>),
    /// To `settings`, `set`, `reset_settings` and `start_at_login`.
    Settings(Box<SettingsView>),
    /// To `thumbnail`.
    Thumbnail(Thumbnail),
    /// To `dashboard`.
    Link(String),
    /// To everything else: how many things it touched.
    Done(u32),
}

/// What changed, for whoever subscribed. Lifecycle comes at once; numbers at most twice a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum UiEvent {
    /// A session is new or changed.
    Session(Box<SessionView>),
    /// A session is gone; its report.
    Removed(Box<CleanupReport>),
    /// The clients that are here now.
    Clients(Vec<ClientView>),
    /// A leftover is new or was tried again.
    Leftover(Box<Leftover>),
    /// A leftover is gone.
    LeftoverCleared(LeftoverId),
    /// The host or the browser changed.
    Host(Box<HostView>),
    /// A new memory sample was taken; the whole short history.
    Memory(MemoryHistory),
    /// Somebody removed the reports.
    HistoryCleared,
    /// Events were lost: take a new snapshot.
    Lagged,
}

/// One numbered event on a subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Numbered {
    /// One more than the last; a gap means: take a new snapshot.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub seq: u64,
    /// The event.
    #[serde(flatten)]
    pub event: UiEvent,
}

/// One line to the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub v: u32,
    /// Echoed with the answer.
    pub id: u64,
    /// What to do.
    pub command: Command,
}

/// One line from the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// It worked.
    Reply {
        /// Of the request.
        id: u64,
        /// The answer.
        reply: Reply,
    },
    /// It did not.
    Error {
        /// Of the request.
        id: u64,
        /// Why not.
        error: Error,
    },
    /// Something changed.
    Event(Numbered),
}
