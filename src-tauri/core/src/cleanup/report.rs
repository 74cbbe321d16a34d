//! The report of a removal. A cleanup is a report, never a `Result`: nobody can `?` past a zombie.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Leftover, Rung, Step, StepOutcome, StepReport};
use crate::{
    ids::{ReportId, SessionId},
    view::ClientView,
};

/// Who asked for a manual end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    /// A button of the dashboard.
    Dashboard,
    /// An item of the tray menu.
    Tray,
    /// The tool `session_close`, that is the agent itself.
    Tool,
    /// `ebb end`.
    Cli,
}

impl AskedBy {
    /// The word that people read: `asked by the dashboard`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Tray => "tray",
            Self::Tool => "tool",
            Self::Cli => "cli",
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", tag = "kind", content = "by")]
pub enum Reason {
    /// The client closed its connection.
    Disconnected,
    /// The client's process ended without a word.
    ClientDied,
    /// The client deleted its session over HTTP.
    Deleted,
    /// Nobody called for too long.
    IdleTimeout,
    /// Somebody asked.
    Manual(AskedBy),
    /// A limit made room.
    LimitReached,
    /// The sweeper found it without an owner.
    Swept,
    /// The host stopped.
    Shutdown,
    /// The host had died; its next start found the session.
    RecoveredAtStart,
}

impl Reason {
    /// A short phrase for people and wire texts: `the client disconnected`.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Disconnected => "the client disconnected",
            Self::ClientDied => "the client's process died",
            Self::Deleted => "the client deleted it",
            Self::IdleTimeout => "nobody used it for too long",
            Self::Manual(AskedBy::Dashboard) => "ended from the dashboard",
            Self::Manual(AskedBy::Tray) => "ended from the tray",
            Self::Manual(AskedBy::Tool) => "closed by session_close",
            Self::Manual(AskedBy::Cli) => "ended by ebb end",
            Self::LimitReached => "a limit was reached",
            Self::Swept => "it had no owner any more",
            Self::Shutdown => "Ebb stopped",
            Self::RecoveredAtStart => "Ebb itself had died",
        }
    }

    /// The stable word of this reason in the database and in filters.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::ClientDied => "client_died",
            Self::Deleted => "deleted",
            Self::IdleTimeout => "idle_timeout",
            Self::Manual(_) => "manual",
            Self::LimitReached => "limit_reached",
            Self::Swept => "swept",
            Self::Shutdown => "shutdown",
            Self::RecoveredAtStart => "recovered_at_start",
        }
    }
}

/// What the report says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every step is done or had nothing to do.
    Clean,
    /// A step failed or timed out; the session is gone all the same.
    WithProblems,
    /// There was no such session, and no report of it is known any more.
    NotFound,
}

/// What a removal freed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Freed {
    /// Tabs closed.
    pub tabs: u32,
    /// Cursors invalidated.
    pub cursors: u32,
    /// Their bytes, exact.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub cursor_bytes: u64,
    /// Bytes of DevTools buffers dropped, exact.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub devtools_bytes: u64,
    /// Bytes the session held when it began to close: cursors, buffers and its renderers.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub held_before: u64,
    /// The same after the last step.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub held_after: u64,
    /// Files removed.
    pub files: u32,
    /// Files that stay by design: downloads, and files the client named.
    pub kept_files: Vec<String>,
}

impl Freed {
    /// Bytes that were held and are not any more.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.held_before.saturating_sub(self.held_after)
    }
}

/// What one removal did, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct CleanupReport {
    /// The report's own id.
    pub id: ReportId,
    /// Whose removal.
    pub session: SessionId,
    /// The session's name, where it had one.
    pub session_name: Option<String>,
    /// Whose session it was.
    pub client: ClientView,
    /// Why it ended, and who asked.
    pub reason: Reason,
    /// The verdict.
    pub outcome: Outcome,
    /// When the session was opened (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub opened_at: OffsetDateTime,
    /// When the removal began (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub began_at: OffsetDateTime,
    /// From the first step to the last, in milliseconds.
    pub ms: f64,
    /// The four steps in order.
    pub steps: Vec<StepReport>,
    /// How far the browser step had to go.
    pub rung: Option<Rung>,
    /// What was freed.
    pub freed: Freed,
    /// What could not be freed and is being retried.
    pub leftovers: Vec<Leftover>,
    /// When the last leftover was cleared (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "typescript", ts(type = "string | null"))]
    pub cleared_at: Option<OffsetDateTime>,
}

impl CleanupReport {
    /// The answer for a session that nobody knows.
    #[must_use]
    pub fn not_found(session: SessionId, reason: Reason, now: OffsetDateTime) -> Self {
        Self {
            id: ReportId::new(),
            session,
            session_name: None,
            client: ClientView::unknown(),
            reason,
            outcome: Outcome::NotFound,
            opened_at: now,
            began_at: now,
            ms: 0.0,
            steps: Step::ALL.into_iter().map(StepReport::skipped).collect(),
            rung: None,
            freed: Freed::default(),
            leftovers: Vec::new(),
            cleared_at: None,
        }
    }

    /// How one step ended.
    #[must_use]
    pub fn outcome_of(&self, step: Step) -> StepOutcome {
        self.steps.iter().find(|report| report.step == step).map_or(StepOutcome::Skipped, |report| report.outcome)
    }

    /// `DevTools done, cursors done (12), browser done, state done`: the steps in wire text.
    #[must_use]
    pub fn strip(&self) -> String {
        let step = |report: &StepReport| {
            let count = (report.step == Step::Cursors && report.count > 0).then(|| format!(" ({})", report.count));
            format!("{} {}{}", report.step.label(), report.outcome.label(), count.unwrap_or_default())
        };
        self.steps.iter().map(step).collect::<Vec<_>>().join(", ")
    }
}
