//! Cursors as a whole. `store`: what every store must do. `model`: random operations against a
//! simple model. `pages`: nothing lost, nothing moved. `wire`: the texts, byte by byte.

mod model;
mod pages;
mod race;
mod reading;
mod store;
mod wire;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Body, Cursors, Frozen, MemoryStore, NewCursor, Page, Span};
use crate::{
    ids::{CursorId, SessionId},
    ports::fake::ManualClock,
    settings::{CursorSettings, Settings},
};

/// Cursors in memory, one session, and a clock.
struct World {
    clock: Arc<ManualClock>,
    cursors: Arc<Cursors>,
    session: SessionId,
    gate: CancellationToken,
}

fn settings() -> CursorSettings {
    Settings::default().cursors
}

impl World {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: CursorSettings) -> Self {
        let clock = Arc::new(ManualClock::new());
        let store = Arc::new(MemoryStore::new(settings.clone(), clock.clone()));
        Self {
            clock: clock.clone(),
            cursors: Arc::new(Cursors::new(store, settings, clock)),
            session: SessionId::new(),
            gate: CancellationToken::new(),
        }
    }

    async fn first(&self, body: Body, max_tokens: u32) -> Page {
        self.cursors.first_page(&self.session, &self.gate, "browser_snapshot", "", body, Some(max_tokens)).await
    }

    /// The cursor that was made last.
    fn cursor(&self) -> CursorId {
        self.cursors.list(&self.session).pop().expect("a cursor").id
    }
}

/// A text of `lines` lines of `width` bytes, each with its number.
fn numbered(lines: usize, width: usize) -> String {
    (1..=lines).map(|n| format!("{n:>width$}")).collect::<Vec<_>>().join("\n")
}

fn text(text: impl Into<String>) -> Body {
    Body::Text { text: text.into() }
}

fn new(payload: &str) -> NewCursor {
    let frozen = Frozen::text("browser_snapshot", "", payload.to_owned()).expect("small");
    NewCursor { frozen, read: Span::default() }
}
