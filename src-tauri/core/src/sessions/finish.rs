//! Step S and the report: what every removal comes to, whatever happened before.

use std::{sync::Arc, time::Duration};

use super::{
    entry::Entry,
    leftovers::Left,
    manager::{Inner, SessionManager},
    spawn::guard,
};
use crate::{
    Code, Error,
    cleanup::{CleanupReport, Freed, Leftover, Outcome, Reason, Step, StepOutcome, StepReport},
    events::Event,
    ids::{LeftoverId, ReportId},
};

impl SessionManager {
    /// The last `n` reports, newest first; at most those kept in memory.
    pub fn recent(&self, n: usize) -> Vec<CleanupReport> {
        self.inner.reports.lock().iter().rev().take(n).map(|report| CleanupReport::clone(report)).collect()
    }

    /// A report by its own id or its session's, if it is still in memory.
    pub fn report(&self, id_or_session: &str) -> Option<CleanupReport> {
        let reports = self.inner.reports.lock();
        let wanted = |report: &&Arc<CleanupReport>| {
            report.id.as_str() == id_or_session || report.session.as_str() == id_or_session
        };
        reports.iter().rev().find(wanted).map(|report| CleanupReport::clone(report))
    }
}

impl Inner {
    /// Frees the session's slot and publishes its report, once. Cannot fail and does not wait.
    pub(super) fn finish(&self, entry: &Entry) {
        // Handles that tools still hold must not keep what a dead step left in the buffers.
        guard(|| entry.buffers.close());
        let began = self.ports.clock.now();
        let finished = {
            // One lock for slot, report and leftovers: whoever does not find the session finds these.
            let mut registry = self.registry.lock();
            registry.release(entry).then(|| {
                let report = Arc::new(self.report_on(entry, began));
                let mut reports = self.reports.lock();
                while reports.len() >= self.settings.cleanup.reports_kept.max(1) {
                    reports.pop_front();
                }
                reports.push_back(Arc::clone(&report));
                drop(reports);
                let now = self.ports.clock.now();
                self.leftovers.lock().extend(report.leftovers.iter().map(|left| Left::new(left.clone(), now)));
                // Queued before anybody can see the report, or that the session is gone: who asks the history
                // then finds it, and a host that stops on the last one loses none.
                guard(|| {
                    self.ports.history.closed(&report);
                    for leftover in &report.leftovers {
                        self.ports.history.leftover(leftover);
                    }
                });
                report
            })
        };
        let Some(report) = finished else { return };
        tracing::info!(
            id = %report.session,
            reason = report.reason.key(),
            cursors = report.freed.cursors,
            bytes = report.freed.bytes(),
            ms = report.ms,
            "removed session"
        );
        entry.report.send_replace(Some(Arc::clone(&report)));
        self.emit(Event::StepBegan(entry.id.clone(), Step::State));
        if let Some(state) = report.steps.last() {
            self.emit(Event::StepEnded(entry.id.clone(), Box::new(state.clone())));
        }
        for leftover in &report.leftovers {
            self.emit(Event::Leftover(Box::new(leftover.clone())));
        }
        self.emit(Event::SessionRemoved(Box::new(CleanupReport::clone(&report))));
        self.sessions_changed.notify_waiters();
        self.census_soon();
        self.sweeper_wake.notify_one();
    }

    /// The report as far as the removal came.
    fn report_on(&self, entry: &Entry, state_began: Duration) -> CleanupReport {
        let mut core = entry.core();
        let wall = self.ports.clock.wall();
        let client = core.client.clone();
        let ending = &mut core.ending;
        let (reason, began_at) = ending.asked.unwrap_or((Reason::Swept, wall));
        let mut steps: Vec<_> = [Step::Devtools, Step::Cursors, Step::Browser]
            .into_iter()
            .map(|step| match ending.steps.iter().find(|report| report.step == step) {
                Some(report) => report.clone(),
                None => unfinished(step, ending.current == Some(step)),
            })
            .collect();
        let leftovers: Vec<_> = steps
            .iter()
            .filter(|step| !step.outcome.is_clean())
            .map(|step| Leftover {
                id: LeftoverId::new(),
                kind: step.step.into(),
                what: what(step.step, entry),
                session: Some(entry.id.clone()),
                since: wall,
                attempts: 0,
                last_error: step.error.as_ref().map_or_else(|| "it did not run".to_owned(), ToString::to_string),
            })
            .collect();
        steps.push(StepReport {
            step: Step::State,
            outcome: StepOutcome::Done,
            ms: self.ms_since(state_began),
            count: 1,
            bytes: 0,
            detail: "out of the registry".to_owned(),
            error: None,
        });
        ending.steps.clone_from(&steps);
        let of = |step: Step| steps.iter().find(|report| report.step == step);
        let (cursors, devtools) = (of(Step::Cursors), of(Step::Devtools));
        CleanupReport {
            id: ReportId::new(),
            session: entry.id.clone(),
            session_name: entry.options.name.clone(),
            client,
            reason,
            outcome: if leftovers.is_empty() { Outcome::Clean } else { Outcome::WithProblems },
            opened_at: entry.opened_at,
            began_at,
            ms: ending.began.map_or(0.0, |began| self.ms_since(began)),
            rung: ending.disposed.rung,
            freed: Freed {
                tabs: ending.disposed.tabs,
                cursors: cursors.map_or(0, |step| step.count),
                cursor_bytes: cursors.map_or(0, |step| step.bytes),
                devtools_bytes: devtools.map_or(0, |step| step.bytes),
                held_before: ending.held_before,
                // Not measured means that nothing is known to be freed.
                held_after: ending.held_after.unwrap_or(ending.held_before),
                files: ending.disposed.files,
                kept_files: ending.disposed.kept_files.clone(),
            },
            steps,
            leftovers,
            cleared_at: None,
        }
    }
}

/// A step whose task died with the removal's own, or that never ran.
fn unfinished(step: Step, was_running: bool) -> StepReport {
    let mut report = StepReport::skipped(step);
    if was_running {
        report.outcome = StepOutcome::Failed;
        report.error = Some(Error::new(Code::Internal, "the removal's task ended before the step did"));
    }
    report
}

fn what(step: Step, entry: &Entry) -> String {
    let whose = entry.name().map_or_else(|| entry.id.to_string(), |name| format!("{} ({name})", entry.id));
    match step {
        Step::Devtools => format!("capture in the pages of {whose}"),
        Step::Cursors => format!("cursors of {whose}"),
        Step::Browser => format!("browser context of {whose}"),
        Step::State => whose,
    }
}
