//! Whether a store works: said once in the log when that changes, and to whoever watches.

use std::sync::atomic::{AtomicU64, Ordering};

use ebb_core::{Code, Error};
use parking_lot::Mutex;
use tokio::sync::watch;

/// The state of one store.
#[derive(Debug)]
pub(crate) struct Status {
    /// What stands in the log: `redis://127.0.0.1:6379`.
    place: String,
    problem: Mutex<Option<String>>,
    refused: AtomicU64,
    changed: watch::Sender<()>,
}

impl Status {
    pub(crate) fn new(place: String) -> Self {
        Self { place, problem: Mutex::default(), refused: AtomicU64::new(0), changed: watch::Sender::new(()) }
    }

    /// The store does not work: once in the log an outage, however many operations notice.
    pub(crate) fn fails(&self, why: &str) {
        let mut problem = self.problem.lock();
        let before = problem.replace(why.to_owned());
        drop(problem);
        if before.is_none() {
            tracing::warn!(store = self.place, why, "the cursor store does not work; results are cut until it does");
        }
        if before.as_deref() != Some(why) {
            self.changed.send_replace(());
        }
    }

    /// The store works; whether it did not before.
    pub(crate) fn works(&self) -> bool {
        let recovered = self.problem.lock().take().is_some();
        if recovered {
            tracing::info!(store = self.place, "the cursor store works again");
            self.changed.send_replace(());
        }
        recovered
    }

    /// A cursor could not be made.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Why the store does not work now.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().clone()
    }

    /// Cursors that could not be made since the start.
    pub(crate) fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Hears when the problem changes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// The store cannot take or give data now; `why` is a fragment such as `it does not answer`.
pub(crate) fn unavailable(why: &str) -> Error {
    Error::new(Code::StoreUnavailable, format!("the cursor store is not available: {why}"))
        .next("Ask the tool for less, or let it write to a file with filename; `ebb doctor` says more about the store.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once() {
        let status = Status::new("here".to_owned());
        let mut changes = status.changes();
        assert!(!status.works());
        assert!(!changes.has_changed().unwrap());
        for _ in 0..3 {
            status.fails("it does not answer");
        }
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        status.fails("it does not answer");
        assert!(!changes.has_changed().unwrap());
        assert_eq!(status.problem().as_deref(), Some("it does not answer"));
        assert!(status.works());
        assert_eq!(status.problem(), None);
    }
}
