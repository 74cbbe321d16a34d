//! The one door. Every end of a session, whoever wants it, comes through
//! [`SessionManager::remove_session`], and every removal that began ends with a report.
//!
//! A removal is two tasks: the work, and a supervisor that outlives it. The supervisor finishes the
//! removal when the work is done, when it panicked, and, being dropped, even when the runtime stops.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    entry::{Core, Entry},
    manager::{Inner, SessionManager},
};
use crate::{
    cleanup::{CleanupReport, Reason},
    events::Event,
    ids::SessionId,
};

/// How long the figures of a session may take before it goes without new ones.
const MEASURE: Duration = Duration::from_millis(50);

/// Where the report of a removal comes from.
pub(super) enum Ticket {
    /// From a removal that runs.
    Coming(Arc<Entry>),
    /// From one that is over.
    Known(Arc<CleanupReport>),
    /// From nowhere: nobody knows the session.
    Unknown,
    /// The session lives on: it was not in the state the asker wanted.
    Unwilling,
}

impl SessionManager {
    /// Ends a session: drops its buffers, invalidates its cursors, disposes its browser side, frees its
    /// slot, and says what each step did. The only way a session ends.
    ///
    /// The removal starts now, in a task of its own; dropping the future, even before its first poll,
    /// changes nothing. Asked twice, both get the one report. Asked for a session that is gone: its
    /// report if still known, else one that says `NotFound`.
    pub fn remove_session(&self, id: &SessionId, reason: Reason) -> impl Future<Output = CleanupReport> + Send + use<> {
        let (coming, known) = match self.inner.begin_removal(id, reason, |_| true) {
            Ticket::Coming(entry) => (Some(entry), None),
            Ticket::Known(report) => (None, Some(report)),
            Ticket::Unknown | Ticket::Unwilling => (None, None),
        };
        let not_found = CleanupReport::not_found(id.clone(), reason, self.inner.ports.clock.wall());
        async move {
            let report = match coming {
                Some(entry) => Some(report_of(&entry).await),
                None => known,
            };
            report.map_or(not_found, |report| CleanupReport::clone(&report))
        }
    }

    /// Refuses newcomers, ends every session side by side, and waits for the reports; not longer than
    /// the steps' deadlines allow. What is not over by then is finished as it stands, with leftovers.
    pub async fn shutdown(&self) -> Vec<CleanupReport> {
        let inner = &self.inner;
        let entries = {
            let mut registry = inner.registry.lock();
            registry.stopping = true;
            registry.entries(|_| true)
        };
        self.emit(Event::Host);
        // The browser goes with the last of them: there is nobody left to spare.
        inner.disposals.add_permits(entries.len());
        for entry in &entries {
            inner.begin_removal(&entry.id, Reason::Shutdown, |_| true);
        }
        let until = Instant::now() + inner.longest_removals(entries.len());
        let mut reports = Vec::with_capacity(entries.len());
        for entry in &entries {
            if timeout_at(until, report_of(entry)).await.is_err() {
                inner.finish(entry);
            }
            let report = report_of(entry).await;
            reports.push(CleanupReport::clone(&report));
        }
        inner.stop.cancel();
        reports
    }
}

/// The report of a removal that began, once it is there.
pub(super) async fn report_of(entry: &Entry) -> Arc<CleanupReport> {
    let mut report = entry.report.subscribe();
    loop {
        let current = report.borrow_and_update().clone();
        if let Some(report) = current {
            return report;
        }
        // The entry holds the sender, so this cannot fail while we hold the entry.
        if report.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Inner {
    /// Moves the session to `Closing` and starts its removal, if nobody did before and `willing`, asked
    /// under the locks that calls begin under, says yes.
    pub(super) fn begin_removal(
        self: &Arc<Self>,
        id: &SessionId,
        reason: Reason,
        willing: impl FnOnce(&Core) -> bool,
    ) -> Ticket {
        let (entry, first) = {
            let mut registry = self.registry.lock();
            let Some(entry) = registry.sessions.get(id).cloned() else {
                let reports = self.reports.lock();
                let known = reports.iter().rev().find(|report| report.session == *id);
                return known.map_or(Ticket::Unknown, |report| Ticket::Known(Arc::clone(report)));
            };
            let first = registry.begin_closing(&entry, reason, self.ports.clock.as_ref(), willing);
            if !first && entry.core().is_open() {
                return Ticket::Unwilling;
            }
            (entry, first)
        };
        if first {
            entry.closing.cancel();
            self.emit(Event::SessionClosing(id.clone()));
            self.supervise(Arc::clone(&entry));
        }
        Ticket::Coming(entry)
    }

    fn supervise(self: &Arc<Self>, entry: Arc<Entry>) {
        let finisher = Finisher { inner: Arc::clone(self), entry };
        // A runtime that is gone drops the task, and with it the finisher, which then does its duty.
        let supervisor = self.spawn(async move {
            let Finisher { inner, entry } = &finisher;
            let work = Arc::clone(inner).work(Arc::clone(entry));
            if let Some(work) = inner.spawn(work)
                && let Err(error) = work.await
            {
                tracing::error!(id = %entry.id, %error, "the removal's own task ended early");
            }
            drop(finisher);
        });
        drop(supervisor);
    }

    /// The steps that may fail: D, C and B.
    async fn work(self: Arc<Self>, entry: Arc<Entry>) {
        // Whoever is still setting the session up must be through, or the order of things is undefined.
        entry.ready.cancelled().await;
        entry.core().ending.held_before = self.held(&entry);
        // Waiting for a place is not part of the removal's time.
        let _place = self.removals.acquire().await;
        let began = self.ports.clock.now();
        entry.core().ending.began = Some(began);
        self.measure(&entry).await;
        self.devtools_step(&entry).await;
        self.cursors_step(&entry).await;
        {
            // Its deadline is for the browser, not for the queue before it.
            let _place = self.disposals.acquire().await;
            self.browser_step(&entry).await;
        }
        let held = self.held_after(&entry);
        entry.core().ending.held_after = Some(held);
    }

    /// Measures what the session holds now: the last sample may be half a minute old.
    async fn measure(&self, entry: &Arc<Entry>) {
        let (browser, id) = (Arc::clone(&self.ports.browser), entry.id.clone());
        // Whatever comes of it, the removal goes on with the figures there are.
        drop(self.run_within(MEASURE, async move { browser.measure(&id).await }).await);
        let held = self.held(entry);
        entry.core().ending.held_before = held;
    }

    /// How long `count` removals can take if every step of each runs into its deadline.
    fn longest_removals(&self, count: usize) -> Duration {
        let cleanup = &self.settings.cleanup;
        // The second is for what schedulers add.
        let one = MEASURE + cleanup.devtools + cleanup.cursors + cleanup.browser + Duration::from_secs(1);
        one * count.div_ceil(cleanup.parallel.max(1)) as u32
    }
}

/// Finishes the removal when dropped, however that comes about.
struct Finisher {
    inner: Arc<Inner>,
    entry: Arc<Entry>,
}

impl Drop for Finisher {
    fn drop(&mut self) {
        self.inner.finish(&self.entry);
    }
}
