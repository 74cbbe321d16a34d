//! What people see of clients and of changes to their files.

use serde::{Deserialize, Serialize};

/// How far a client is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum SetupState {
    /// No trace of the client on this machine.
    NotInstalled,
    /// It is here and does not know Ebb.
    NotSetUp,
    /// Its file names this Ebb.
    SetUp,
    /// Its file names an Ebb that is not there, or another one.
    Repair,
    /// Its file cannot be read, so that it is never written.
    Unreadable,
}

/// One client program and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SetupView {
    /// `claude-code`.
    pub id: String,
    /// `Claude Code`.
    pub name: String,
    /// How far it is.
    pub state: SetupState,
    /// The file that is changed, as an absolute path.
    pub file: String,
    /// Why it is not well, in words.
    pub problem: Option<String>,
    /// The command that its file names, where it names one.
    pub command: Option<String>,
    /// How many of it are connected now.
    pub connected: u32,
    /// Whether the last change of Ebb can be taken back as it was.
    pub can_undo: bool,
    /// What to paste, for who would rather do it by hand.
    pub snippet: String,
    /// Where to paste it.
    pub snippet_for: String,
    /// What must happen before it connects: `Restart Cursor`.
    pub then: String,
}

/// What to do to a client's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Put Ebb in, or set it right.
    Add,
    /// Take it out.
    Remove,
}

/// What a line of a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DiffMark {
    /// As it was.
    Same,
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Lines in between that stay.
    Gap,
}

/// One line of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct DiffLine {
    /// What it is.
    pub mark: DiffMark,
    /// Its number in the file before, or after where it is new; none for a gap.
    pub number: Option<u32>,
    /// Its text, clipped; values that look secret are hidden in lines that stay.
    pub text: String,
}

/// A change before it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct PlanView {
    /// The client.
    pub client: String,
    /// What it does.
    pub act: Act,
    /// The file.
    pub file: String,
    /// Whether the file is new.
    pub creates: bool,
    /// The lines that change, with some around them; empty when nothing changes.
    pub diff: Vec<DiffLine>,
    /// Stands for this very change: it is made only of the text that it was shown for.
    pub mark: String,
}
