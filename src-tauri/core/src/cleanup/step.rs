//! The four steps of a removal and how each can end.

use serde::{Deserialize, Serialize};

use crate::Error;

/// The steps of a removal, always in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Traces, recordings and interception stop; console, network and dialog buffers are dropped.
    Devtools,
    /// The session's cursors go, in whichever store.
    Cursors,
    /// Tabs close, the browser context is disposed, its files go.
    Browser,
    /// The session leaves the registry. Always, whatever happened before.
    State,
}

impl Step {
    /// All four in the order they run.
    pub const ALL: [Self; 4] = [Self::Devtools, Self::Cursors, Self::Browser, Self::State];

    /// The word that people and wire texts use.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Devtools => "DevTools",
            Self::Cursors => "cursors",
            Self::Browser => "browser",
            Self::State => "state",
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// What was there is gone.
    Done,
    /// Nothing was there.
    Nothing,
    /// It failed; what it could not free is a leftover.
    Failed,
    /// It passed its deadline; what it could not free is a leftover.
    TimedOut,
    /// It did not run.
    Skipped,
}

impl StepOutcome {
    /// Whether nothing of this step can be left behind.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        matches!(self, Self::Done | Self::Nothing)
    }

    /// The word that people and wire texts use.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Nothing => "nothing",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Skipped => "skipped",
        }
    }
}

/// How far the browser step had to go until nothing of the session was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Tabs closed and context disposed as usual.
    Disposed,
    /// Disposal was asked twice.
    DisposedAgain,
    /// Renderer processes were killed.
    RenderersKilled,
    /// The whole browser was ended.
    BrowserRecycled,
    /// The browser was gone already.
    BrowserGone,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct StepReport {
    /// Which step.
    pub step: Step,
    /// How it ended.
    pub outcome: StepOutcome,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// How many things it freed: buffer entries, cursors, tabs, or sessions.
    pub count: u32,
    /// How many bytes it freed, where they are counted.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
    /// What it did, for people: `3 tabs closed, context disposed`.
    pub detail: String,
    /// Why it failed.
    pub error: Option<Error>,
}

impl StepReport {
    /// A step that has not run.
    #[must_use]
    pub fn skipped(step: Step) -> Self {
        Self { step, outcome: StepOutcome::Skipped, ms: 0.0, count: 0, bytes: 0, detail: String::new(), error: None }
    }
}
