//! The steps D, C and B: each in a task of its own, with a deadline, its panic caught, its outcome
//! written down. No step can keep the next from running.

use std::{sync::Arc, time::Duration};

use super::{
    entry::Entry,
    manager::Inner,
    spawn::{Ended, guard},
};
use crate::{
    Code, Error, Result,
    cleanup::{Rung, Step, StepOutcome, StepReport},
    cursors::CursorFreed,
    events::Event,
    ports::Disposed,
};

/// What a step freed.
#[derive(Default)]
pub(super) struct Did {
    pub(super) count: u32,
    pub(super) bytes: u64,
    pub(super) detail: String,
    /// Whether there was anything at all.
    pub(super) something: bool,
}

impl Did {
    pub(super) fn entries(count: u32, bytes: u64) -> Self {
        let detail = if count == 0 { String::new() } else { format!("{} dropped", plural(count, "entry", "entries")) };
        Self { count, bytes, detail, something: count > 0 || bytes > 0 }
    }

    pub(super) fn cursors(freed: CursorFreed) -> Self {
        let detail = if freed.count == 0 {
            String::new()
        } else {
            format!("{} closed", plural(freed.count, "cursor", "cursors"))
        };
        Self { count: freed.count, bytes: freed.bytes, detail, something: freed != CursorFreed::default() }
    }

    pub(super) fn browser(disposed: &Disposed) -> Self {
        let how = disposed.rung.map(|rung| match rung {
            Rung::Disposed => "context disposed",
            Rung::DisposedAgain => "context disposed at the second try",
            Rung::RenderersKilled => "context disposed, its renderers killed",
            Rung::BrowserRecycled => "the whole browser was ended",
            Rung::BrowserGone => "the browser was gone already",
        });
        let tabs = (disposed.tabs > 0).then(|| format!("{} closed", plural(disposed.tabs, "tab", "tabs")));
        let files = (disposed.files > 0).then(|| format!("{} removed", plural(disposed.files, "file", "files")));
        let parts: Vec<_> = [tabs, how.map(str::to_owned), files].into_iter().flatten().collect();
        Self { count: disposed.tabs, bytes: 0, something: !parts.is_empty(), detail: parts.join(", ") }
    }
}

fn plural(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Inner {
    pub(super) async fn devtools_step(&self, entry: &Arc<Entry>) {
        // Memory goes at once; what Chromium still captures can only be asked for.
        let dropped = guard(|| entry.buffers.close());
        let did = dropped.map(|dropped| Did::entries(dropped.entries, dropped.bytes));
        let closed = did.is_some();
        let (browser, id) = (Arc::clone(&self.ports.browser), entry.id.clone());
        let work = async move {
            browser.stop_capture(&id).await?;
            if closed { Ok(None) } else { Err(Error::new(Code::Internal, "the buffers could not be dropped")) }
        };
        self.step(entry, Step::Devtools, self.settings.cleanup.devtools, work, || did.unwrap_or_default()).await;
    }

    pub(super) async fn cursors_step(&self, entry: &Arc<Entry>) {
        let before = self.cursor_usage(entry);
        let (cursors, id) = (Arc::clone(&self.ports.cursors), entry.id.clone());
        let work = async move { cursors.invalidate_session(&id).await.map(|freed| Some(Did::cursors(freed))) };
        // A store that failed half-way freed what its index no longer has.
        let otherwise = || {
            let after = self.cursor_usage(entry);
            Did::cursors(CursorFreed {
                count: before.count.saturating_sub(after.count),
                bytes: before.bytes.saturating_sub(after.bytes),
            })
        };
        self.step(entry, Step::Cursors, self.settings.cleanup.cursors, work, otherwise).await;
    }

    pub(super) async fn browser_step(&self, entry: &Arc<Entry>) {
        let (browser, owned) = (Arc::clone(&self.ports.browser), Arc::clone(entry));
        let work = async move {
            let disposed = browser.dispose(&owned.id).await?;
            let did = Did::browser(&disposed);
            owned.core().ending.disposed = disposed;
            Ok(Some(did))
        };
        self.step(entry, Step::Browser, self.settings.cleanup.browser, work, Did::default).await;
    }

    /// Runs one step and writes its report down. `otherwise` says what was freed where the work
    /// itself does not.
    async fn step(
        &self,
        entry: &Arc<Entry>,
        step: Step,
        deadline: Duration,
        work: impl Future<Output = Result<Option<Did>>> + Send + 'static,
        otherwise: impl FnOnce() -> Did,
    ) {
        entry.core().ending.current = Some(step);
        self.emit(Event::StepBegan(entry.id.clone(), step));
        let began = self.ports.clock.now();
        let ended = self.run_within(deadline, work).await;
        let ms = self.ms_since(began);
        let (failure, result) = outcome(ended, deadline);
        let (outcome, did, error) = match result {
            Ok(did) => {
                let did = did.unwrap_or_else(otherwise);
                (if did.something { StepOutcome::Done } else { StepOutcome::Nothing }, did, None)
            }
            Err(error) => {
                tracing::warn!(id = %entry.id, step = step.label(), %error, "a step of a removal failed");
                (failure, otherwise(), Some(error))
            }
        };
        let report = StepReport { step, outcome, ms, count: did.count, bytes: did.bytes, detail: did.detail, error };
        {
            let mut core = entry.core();
            core.ending.current = None;
            core.ending.steps.push(report.clone());
        }
        self.emit(Event::StepEnded(entry.id.clone(), Box::new(report)));
    }

    pub(super) fn ms_since(&self, began: Duration) -> f64 {
        self.ports.clock.now().saturating_sub(began).as_secs_f64() * 1_000.0
    }

    pub(super) fn cursor_usage(&self, entry: &Entry) -> CursorFreed {
        guard(|| self.ports.cursors.usage_now(Some(&entry.id))).unwrap_or_default()
    }

    /// Bytes the session holds now: cursors, buffers and its renderers as last measured.
    pub(super) fn held(&self, entry: &Entry) -> u64 {
        let renderers = guard(|| self.ports.browser.held(&entry.id).renderers).flatten().unwrap_or_default();
        self.held_in_core(entry).saturating_add(renderers)
    }

    /// The same after the steps. Renderers that the browser verified to be gone hold nothing, whatever
    /// the last measurement says.
    pub(super) fn held_after(&self, entry: &Entry) -> u64 {
        let disposed = |step: &StepReport| step.step == Step::Browser && step.outcome.is_clean();
        let disposed = entry.core().ending.steps.iter().any(disposed);
        if disposed { self.held_in_core(entry) } else { self.held(entry) }
    }

    fn held_in_core(&self, entry: &Entry) -> u64 {
        let buffers = guard(|| entry.buffers.view().bytes).unwrap_or_default();
        self.cursor_usage(entry).bytes.saturating_add(buffers)
    }
}

/// A task's end as a step's outcome; the outcome counts only with an error.
pub(super) fn outcome<T>(ended: Ended<Result<T>>, deadline: Duration) -> (StepOutcome, Result<T>) {
    match ended {
        Ended::Done(result) => (StepOutcome::Failed, result),
        Ended::Panicked(words) => {
            (StepOutcome::Failed, Err(Error::new(Code::Internal, format!("the step panicked: {words}"))))
        }
        Ended::TimedOut => {
            let text = format!("not done within {} ms", deadline.as_millis());
            (StepOutcome::TimedOut, Err(Error::new(Code::Timeout, text)))
        }
    }
}
