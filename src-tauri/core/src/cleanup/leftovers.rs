//! What a step could not free: written down, retried, shown, until it is gone.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Step;
use crate::ids::{LeftoverId, SessionId};

/// What kind of thing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// Capture that could not be stopped.
    Devtools,
    /// Cursors that a store still holds.
    Cursors,
    /// A browser context, its tabs or its processes.
    Browser,
    /// A directory.
    Directory,
    /// Something the census found that nobody owns.
    Unaccounted,
}

impl From<Step> for LeftoverKind {
    fn from(step: Step) -> Self {
        match step {
            Step::Devtools => Self::Devtools,
            Step::Cursors => Self::Cursors,
            Step::Browser => Self::Browser,
            Step::State => Self::Unaccounted,
        }
    }
}

/// One thing left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Leftover {
    /// Its id.
    pub id: LeftoverId,
    /// What kind of thing it is.
    pub kind: LeftoverKind,
    /// What it is, for people.
    pub what: String,
    /// Whose it was, where that is known.
    pub session: Option<SessionId>,
    /// Since when (wall clock, RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "typescript", ts(type = "string"))]
    pub since: OffsetDateTime,
    /// How often its removal was tried again.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: String,
}
