//! What every cursor store must do, whatever it is made of: one suite, run against each of them.
//!
//! A store's tests give a [`Maker`] and a runner to [`cursor_store_suite!`](crate::cursor_store_suite);
//! it expands to one test for each case. `store`: the contract. `reading`: pages through a store.
//! `race`: creations and readings against removals. `model`: random operations against a simple model.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "these are tests, and the names of the cases are sentences"
)]

pub mod model;
pub mod race;
pub mod reading;
pub mod store;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Body, CursorFreed, CursorStore, Cursors, Frozen, NewCursor, Page, Span};
use crate::{
    ids::{CursorId, SessionId},
    ports::{Clock, fake::ManualClock},
    settings::{CursorSettings, Settings},
};

/// How long a store may take to have nothing any more of what was removed.
const SETTLED: Duration = Duration::from_secs(20);

/// Makes stores of one kind.
#[async_trait]
pub trait Maker: Send + Sync {
    /// What the stores call themselves.
    fn kind(&self) -> &'static str;

    /// An empty store.
    async fn make(&self, settings: CursorSettings, clock: Arc<dyn Clock>) -> Arc<dyn CursorStore>;

    /// How many random walks the model takes.
    fn walks(&self) -> u32 {
        256
    }
}

/// Expands to one test a case. `$run` is a function that gets the case, an `async fn(Arc<dyn Maker>)`,
/// and runs it to its end on a multi-threaded runtime.
#[macro_export]
macro_rules! cursor_store_suite {
    ($run:path) => {
        $crate::cursor_store_suite! { @ $run:
            store: bytes_are_payload_and_eight_a_unit, only_the_owner_reads,
                a_cursor_lives_15_minutes_after_each_read_and_2_hours_at_most, a_sweep_takes_nothing_that_lives,
                over_a_cap_the_least_recently_read_of_the_same_session_goes,
                byte_caps_evict_in_the_session_and_refuse_over_all,
                closing_and_invalidating_free_exactly_what_was_held, tombstones_are_bounded,
                chunks_hold_whole_characters, a_large_payload_is_read_in_pieces,
                a_cancelled_create_leaves_nothing, foreign_ids_are_unknown;
            reading: directions_are_relative_to_the_range_read_last, matches_keep_their_numbers_and_go_on,
                matches_can_be_searched_backwards, context_is_marked_and_windows_are_parted,
                giant_matches_are_excerpts, a_window_larger_than_the_page_shows_the_match,
                fields_select_and_page, wrong_arguments_name_the_field, fifty_megabytes_are_a_page_and_a_cursor;
            race: nothing_appears_after_an_invalidation, many_creators_at_once_add_up,
                a_read_is_whole_or_refused;
            model: bytes_owners_and_answers_are_exact;
        }
    };
    (@ $run:path: $($group:ident: $($case:ident),+;)+) => {
        $($(
            #[test]
            fn $case() {
                $run($crate::cursors::conformance::$group::$case);
            }
        )+)+
    };
}

/// Cursors in a store, one session, and a clock.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) cursors: Arc<Cursors>,
    pub(super) session: SessionId,
    pub(super) gate: CancellationToken,
}

pub(super) fn settings() -> CursorSettings {
    Settings::default().cursors
}

impl World {
    pub(super) async fn of(maker: &Arc<dyn Maker>) -> Self {
        Self::limited(maker, settings()).await
    }

    pub(super) async fn limited(maker: &Arc<dyn Maker>, settings: CursorSettings) -> Self {
        let clock = Arc::new(ManualClock::new());
        let store = maker.make(settings.clone(), clock.clone()).await;
        Self::over(store, settings, clock)
    }

    pub(super) fn over(store: Arc<dyn CursorStore>, settings: CursorSettings, clock: Arc<ManualClock>) -> Self {
        Self {
            clock: clock.clone(),
            cursors: Arc::new(Cursors::new(store, settings, clock)),
            session: SessionId::new(),
            gate: CancellationToken::new(),
        }
    }

    pub(super) async fn first(&self, body: Body, max_tokens: u32) -> Page {
        self.cursors.first_page(&self.session, &self.gate, "browser_snapshot", "", body, Some(max_tokens)).await
    }

    /// The cursor that was made last.
    pub(super) fn cursor(&self) -> CursorId {
        self.cursors.list(&self.session).pop().expect("a cursor").id
    }

    /// Removes a session as leftovers are: again and again, until the store says that all of it is gone.
    pub(super) async fn invalidate(&self, session: &SessionId) {
        let store = self.cursors.store();
        let gone = async {
            while let Err(error) = store.invalidate_session(session).await {
                assert_eq!(error.code, crate::Code::StoreUnavailable, "{}", error.message);
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SETTLED, gone).await.expect("a removal ends");
    }

    /// Removes everything; the books and the backend have nothing then.
    pub(super) async fn finish(self) {
        let store = self.cursors.store();
        self.invalidate(&self.session).await;
        let gone = async {
            loop {
                let owners = store.owners().await.unwrap();
                if owners.is_empty() {
                    break;
                }
                for session in owners {
                    self.invalidate(&session).await;
                }
            }
        };
        tokio::time::timeout(SETTLED, gone).await.expect("the backend gets empty");
        assert_eq!(store.usage_now(None), CursorFreed::default(), "and so do the books");
    }
}

/// A text of `lines` lines of `width` bytes, each with its number.
pub(super) fn numbered(lines: usize, width: usize) -> String {
    (1..=lines).map(|n| format!("{n:>width$}")).collect::<Vec<_>>().join("\n")
}

pub(super) fn text(text: impl Into<String>) -> Body {
    Body::Text { text: text.into() }
}

pub(super) fn new(payload: &str) -> NewCursor {
    let frozen = Frozen::text("browser_snapshot", "", payload.to_owned()).expect("small");
    NewCursor { frozen, read: Span::default() }
}
