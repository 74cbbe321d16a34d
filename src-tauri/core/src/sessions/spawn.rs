//! Tasks that are known, panics that are caught, and deadlines that do not count sleep.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinHandle, time::timeout};

use super::{manager::Inner, text::clean_text};

/// A deadline is counted in slices: a slice that took longer than it should (a stopped process, a
/// sleeping machine) counts as one.
const SLICE: Duration = Duration::from_millis(100);

/// How a task ended, seen from outside.
pub(super) enum Ended<T> {
    /// By itself.
    Done(T),
    /// By a panic, in these words.
    Panicked(String),
    /// Not in time; it was aborted and is not waited for.
    TimedOut,
}

impl Inner {
    /// Remembers the runtime of the calling task, if it is the first.
    pub(super) fn learn_runtime(&self) {
        if self.runtime.get().is_none()
            && let Ok(handle) = Handle::try_current()
        {
            // Two that learn at once learn the same.
            drop(self.runtime.set(handle));
        }
    }

    /// Runs `task` wherever the caller is; `None` when no runtime is known yet.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.runtime.get().map(|runtime| self.tasks.spawn_on(task, runtime))
    }

    /// Runs `task` in a task of its own and waits for it, at most `deadline` of awake time.
    pub(super) async fn run_within<T: Send + 'static>(
        &self,
        deadline: Duration,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Ended<T> {
        let Some(mut task) = self.spawn(task) else {
            return Ended::Panicked("no runtime to run in".to_owned());
        };
        let mut left = deadline;
        while !left.is_zero() {
            let slice = left.min(SLICE);
            match timeout(slice, &mut task).await {
                Ok(Ok(value)) => return Ended::Done(value),
                Ok(Err(error)) if error.is_panic() => return Ended::Panicked(words(error.into_panic().as_ref())),
                Ok(Err(_)) => return Ended::Panicked("it was cancelled".to_owned()),
                Err(_) => left = left.saturating_sub(slice),
            }
        }
        task.abort();
        Ended::TimedOut
    }
}

/// The value, or `None` when a port's code panicked: nothing of a port may stop a removal.
pub(super) fn guard<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(panic) => {
            tracing::error!(panic = words(panic.as_ref()), "a port panicked");
            None
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    clean_text(words.unwrap_or("without words"), 200)
}
