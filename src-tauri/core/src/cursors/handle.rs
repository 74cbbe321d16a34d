//! Cursors as tools use them.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use super::{CloseWhich, CursorFreed, CursorStore, budget, errors, words};
use crate::{
    Result,
    ids::{CursorId, SessionId},
    ports::Clock,
    settings::CursorSettings,
    view::CursorView,
};

/// Pages of results, over one store.
pub struct Cursors {
    pub(super) store: Arc<dyn CursorStore>,
    pub(super) settings: CursorSettings,
    pub(super) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursors").field("store", &self.store.kind()).finish_non_exhaustive()
    }
}

impl Cursors {
    /// Cursors in `store`, which was given the same settings.
    #[must_use]
    pub fn new(store: Arc<dyn CursorStore>, settings: CursorSettings, clock: Arc<dyn Clock>) -> Self {
        Self { store, settings, clock }
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn CursorStore> {
        &self.store
    }

    /// The session's cursors, oldest first.
    #[must_use]
    pub fn list(&self, session: &SessionId) -> Vec<CursorView> {
        self.store.list(session)
    }

    /// What `cursor_list` answers.
    #[must_use]
    pub fn list_text(&self, session: &SessionId) -> String {
        let cursors = self.store.list(session);
        if cursors.is_empty() {
            return NONE_OPEN.to_owned();
        }
        let mut text = String::new();
        for cursor in cursors {
            let unit = if cursor.items == 1 { cursor.unit.trim_end_matches('s') } else { &cursor.unit };
            let separator = if text.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            write!(
                text,
                "{separator}- {} {} {} {unit} {}, at {}, expires in {}",
                cursor.id,
                cursor.tool,
                words::thousands(u64::from(cursor.items)),
                words::size(cursor.bytes),
                words::thousands(u64::from((cursor.position + 1).min(cursor.items))),
                words::duration(Duration::from_secs(cursor.expires_s)),
            )
            .unwrap_or_default();
        }
        text
    }

    /// Closes cursors and says what `cursor_close` answers.
    ///
    /// # Errors
    /// `CursorUnknown`, `CursorExpired` or `CursorEvicted` when one is named; `StoreUnavailable`.
    pub async fn close_text(&self, session: &SessionId, which: CloseWhich) -> Result<String> {
        let freed = match which {
            CloseWhich::One(cursor) => {
                let cursor = CursorId::parse(&cursor).ok_or_else(errors::unknown)?;
                self.store.close(session, Some(&cursor)).await?
            }
            CloseWhich::All => self.store.close(session, None).await?,
        };
        Ok(closed(freed))
    }

    /// A page's budget in quarters of a token.
    pub(super) fn quarters(&self, max_tokens: Option<u32>) -> u64 {
        u64::from(budget::clamp(max_tokens.unwrap_or(self.settings.page_tokens))) * 4
    }
}

const NONE_OPEN: &str = "No open cursors";

fn closed(freed: CursorFreed) -> String {
    if freed.count == 0 {
        return NONE_OPEN.to_owned();
    }
    format!("Closed {} ({})", words::counted(u64::from(freed.count), "cursor", "cursors"), words::size(freed.bytes))
}
