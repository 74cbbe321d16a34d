//! What a removal asks of the browser.

use std::collections::HashSet;

use async_trait::async_trait;

use crate::{
    Result,
    cleanup::Rung,
    ids::SessionId,
    view::{HeldView, TabView},
};

/// What disposing of a session's browser side did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disposed {
    /// Tabs closed.
    pub tabs: u32,
    /// How far it had to go; none when the session never had a browser.
    pub rung: Option<Rung>,
    /// Files removed.
    pub files: u32,
    /// Files that stay by design.
    pub kept_files: Vec<String>,
}

/// Something that is there and that nobody owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The same thing has the same key every time it is seen.
    pub key: String,
    /// What it is, for people.
    pub what: String,
    /// Whose it was, where that can be told.
    pub session: Option<SessionId>,
}

/// The browser as the core sees it. Every method is cancel-safe and may be called again.
#[async_trait]
pub trait BrowserPort: Send + Sync {
    /// Stops interception, traces and recordings of the session. Best effort.
    ///
    /// # Errors
    /// When the browser refused or does not answer.
    async fn stop_capture(&self, session: &SessionId) -> Result<()>;

    /// Measures the session's renderers anew, for [`Self::held`]. Best effort, and cheap: it is part of
    /// every removal.
    async fn measure(&self, _session: &SessionId) {}

    /// Closes the session's tabs, disposes its context and removes its files, then verifies that
    /// nothing carries its context any more. Also waits for, or disowns, a context that is just
    /// being made. From the first call on the session can never get a context again.
    ///
    /// # Errors
    /// When something of the session is still there.
    async fn dispose(&self, session: &SessionId) -> Result<Disposed>;

    /// What is really there for none of `sessions`: browser sides, contexts, pages, run directories and the
    /// processes that belong to them. What is just being made or given up may be among it once, but not
    /// twice in a row.
    ///
    /// # Errors
    /// When the browser cannot be asked.
    async fn strays(&self, sessions: &HashSet<SessionId>) -> Result<Vec<Stray>>;

    /// Gets rid of a stray. One that is gone by itself is no error, and what has an owner by now stays.
    ///
    /// # Errors
    /// When it is still there.
    async fn remove_stray(&self, stray: &Stray) -> Result<Disposed>;

    /// The session's tabs, from memory, without asking the browser.
    fn tabs(&self, session: &SessionId) -> Vec<TabView>;

    /// The last measured figures of the session's renderers (`renderers`, `js_heap` only).
    fn held(&self, session: &SessionId) -> HeldView;

    /// Whether the session's browser was lost and the client was not yet told.
    fn lost(&self, session: &SessionId) -> bool;
}
