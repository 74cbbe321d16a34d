//! Errors: a code for programs, a sentence for people, and what to do next.

use serde::{Deserialize, Serialize};

/// The result of an operation that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for code to match on. Texts may change, codes do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A cursor that this session does not have. Strangers' cursors answer the same.
    CursorUnknown,
    /// The cursor's time was up.
    CursorExpired,
    /// The cursor made room for newer ones.
    CursorEvicted,
    /// The asked range is outside the result.
    PageOutOfRange,
    /// A session that this client does not have. Strangers' sessions answer the same.
    SessionUnknown,
    /// The session is closing or gone.
    SessionEnded,
    /// A limit of Ebb is reached; the message names it and the way out.
    LimitReached,
    /// The cursor store cannot take or give data now.
    StoreUnavailable,
    /// No usable Chromium was found.
    BrowserMissing,
    /// Chromium was found but did not start.
    BrowserFailed,
    /// Chromium ended under the session.
    BrowserLost,
    /// Chromium does not answer.
    BrowserUnresponsive,
    /// The page's process crashed.
    PageCrashed,
    /// A navigation failed.
    NavigationFailed,
    /// A target that the page does not have.
    TargetUnknown,
    /// The operation's time was up.
    Timeout,
    /// The call was cancelled.
    Cancelled,
    /// The arguments do not fit.
    InvalidArguments,
    /// No tool of this name.
    ToolUnknown,
    /// The page waits for a dialog or a file chooser.
    ModalState,
    /// A file outside the session's roots.
    FileDenied,
    /// An address or scheme that the policy refuses.
    NavigationDenied,
    /// The host takes no new sessions.
    Paused,
    /// The host is stopping.
    ShuttingDown,
    /// Something that should not happen; the log has the details.
    Internal,
}

/// An error as a user or client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[error("{message}")]
pub struct Error {
    /// For programs.
    pub code: Code,
    /// For people: what happened.
    pub message: String,
    /// For people: what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub next: Option<String>,
}

impl Error {
    /// An error without advice.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), next: None }
    }

    /// The same error with what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}
