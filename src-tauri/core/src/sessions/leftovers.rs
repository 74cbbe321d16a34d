//! What removals could not free: tried again, ever more rarely, until it is gone.

use std::{sync::Arc, time::Duration};

use super::{
    census,
    manager::{Inner, SessionManager},
    spawn::guard,
    steps::{Did, outcome},
};
use crate::{
    cleanup::{CleanupReport, Leftover, LeftoverKind},
    events::Event,
    ids::{LeftoverId, SessionId},
    ports::{Disposed, Stray},
};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// After this long a leftover is an error in the log.
const OLD: Duration = Duration::from_mins(5);

/// A leftover and when it is tried again.
pub(super) struct Left {
    pub(super) view: Leftover,
    /// What the census found, where it was the census.
    stray: Option<Stray>,
    since: Duration,
    next: Duration,
    wait: Duration,
    running: bool,
    told_old: bool,
}

impl Left {
    pub(super) fn new(view: Leftover, now: Duration) -> Self {
        Self {
            view,
            stray: None,
            since: now,
            next: now + FIRST_WAIT,
            wait: FIRST_WAIT,
            running: false,
            told_old: false,
        }
    }

    /// One that the census found; tried at once.
    pub(super) fn of_stray(view: Leftover, stray: Stray, now: Duration) -> Self {
        Self { stray: Some(stray), next: now, ..Self::new(view, now) }
    }

    /// Whether it is this stray, found before.
    pub(super) fn is(&self, stray: &Stray) -> bool {
        self.stray.as_ref().is_some_and(|own| own.key == stray.key)
    }
}

impl SessionManager {
    /// What is left behind, oldest first.
    pub fn leftovers(&self) -> Vec<Leftover> {
        self.inner.leftovers.lock().iter().map(|left| left.view.clone()).collect()
    }

    /// Tries every leftover again now, side by side; how many are gone by that.
    pub async fn retry_leftovers(&self) -> u32 {
        let inner = &self.inner;
        let ids: Vec<_> = inner.leftovers.lock().iter().map(|left| left.view.id.clone()).collect();
        let tries: Vec<_> = ids.iter().filter_map(|id| inner.try_again(id)).collect();
        let mut cleared = 0;
        for one in tries {
            cleared += u32::from(one.await.unwrap_or_default());
        }
        cleared
    }
}

impl Inner {
    /// Starts what is due; when the next one is. Writes down, once, what has been left for long.
    pub(super) fn sweep_leftovers(self: &Arc<Self>, now: Duration) -> Option<Duration> {
        let mut due = Vec::new();
        let mut next: Option<Duration> = None;
        for left in self.leftovers.lock().iter_mut() {
            if !left.told_old && now.saturating_sub(left.since) >= OLD {
                left.told_old = true;
                tracing::error!(
                    id = %left.view.id,
                    session = left.view.session.as_ref().map(SessionId::as_str),
                    what = left.view.what,
                    attempts = left.view.attempts,
                    error = left.view.last_error,
                    "a leftover is older than 5 minutes"
                );
            }
            if !left.running && left.next <= now {
                due.push(left.view.id.clone());
            } else {
                // A try that runs wakes the sweeper itself; looking in a while costs nothing.
                let at = if left.running { now + LONGEST_WAIT } else { left.next };
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        for id in due {
            drop(self.try_again(&id));
            next = Some(next.map_or(now + LONGEST_WAIT, |next| next.min(now + LONGEST_WAIT)));
        }
        next
    }

    /// One more try in its own task, unless one runs.
    fn try_again(self: &Arc<Self>, id: &LeftoverId) -> Option<tokio::task::JoinHandle<bool>> {
        let (leftover, stray) = {
            let mut leftovers = self.leftovers.lock();
            let left = leftovers.iter_mut().find(|left| left.view.id == *id && !left.running)?;
            left.running = true;
            (left.view.clone(), left.stray.clone())
        };
        let inner = Arc::clone(self);
        self.spawn(async move { inner.attempt(leftover, stray).await })
    }

    async fn attempt(self: Arc<Self>, leftover: Leftover, stray: Option<Stray>) -> bool {
        let cleanup = &self.settings.cleanup;
        let deadline = match leftover.kind {
            LeftoverKind::Devtools => cleanup.devtools,
            LeftoverKind::Cursors => cleanup.cursors,
            LeftoverKind::Browser | LeftoverKind::Directory | LeftoverKind::Unaccounted => cleanup.browser,
        };
        let (browser, cursors) = (Arc::clone(&self.ports.browser), Arc::clone(&self.ports.cursors));
        let (kind, session) = (leftover.kind, leftover.session.clone());
        let work = async move {
            match (kind, session, stray) {
                (_, _, Some(stray)) if !stray.key.starts_with(census::CURSORS) => {
                    let disposed = browser.remove_stray(&stray).await?;
                    Ok(Cleared { disposed, ..Cleared::default() })
                }
                (LeftoverKind::Devtools, Some(session), _) => {
                    browser.stop_capture(&session).await.map(|()| Cleared::default())
                }
                (LeftoverKind::Cursors, Some(session), _) | (_, Some(session), Some(_)) => {
                    let freed = cursors.invalidate_session(&session).await?;
                    Ok(Cleared { cursors: Did::cursors(freed), ..Cleared::default() })
                }
                (_, Some(session), None) => {
                    let disposed = browser.dispose(&session).await?;
                    Ok(Cleared { disposed, ..Cleared::default() })
                }
                (_, None, _) => Ok(Cleared::default()),
            }
        };
        let (_, result) = outcome(self.run_within(deadline, work).await, deadline);
        let cleared = result.is_ok();
        match result {
            Ok(what) => self.cleared(&leftover, &what),
            Err(error) => self.still_there(&leftover.id, &error.message),
        }
        self.sweeper_wake.notify_one();
        cleared
    }

    fn still_there(&self, id: &LeftoverId, error: &str) {
        let now = self.ports.clock.now();
        let view = {
            let mut leftovers = self.leftovers.lock();
            let Some(left) = leftovers.iter_mut().find(|left| left.view.id == *id) else { return };
            left.running = false;
            left.view.attempts = left.view.attempts.saturating_add(1);
            error.clone_into(&mut left.view.last_error);
            left.wait = (left.wait * 2).min(LONGEST_WAIT);
            left.next = now + left.wait;
            left.view.clone()
        };
        guard(|| self.ports.history.leftover(&view));
        self.emit(Event::Leftover(Box::new(view)));
    }

    /// The leftover is gone: its entry closes, and the report it came from is completed.
    fn cleared(&self, leftover: &Leftover, cleared: &Cleared) {
        let at = self.ports.clock.wall();
        {
            let mut reports = self.reports.lock();
            let mut leftovers = self.leftovers.lock();
            leftovers.retain(|left| left.view.id != leftover.id);
            let last = !leftovers.iter().any(|left| left.view.session == leftover.session);
            let whose = |report: &&mut Arc<CleanupReport>| leftover.session.as_ref() == Some(&report.session);
            if let Some(report) = reports.iter_mut().rev().find(whose) {
                let mut completed = CleanupReport::clone(report);
                cleared.add_to(&mut completed);
                completed.cleared_at = last.then_some(at);
                *report = Arc::new(completed);
            }
        }
        guard(|| self.ports.history.cleared(&leftover.id, leftover.session.as_ref(), at));
        self.emit(Event::LeftoverCleared(leftover.id.clone()));
    }
}

/// What a late try freed.
#[derive(Default)]
struct Cleared {
    cursors: Did,
    disposed: Disposed,
}

impl Cleared {
    fn add_to(&self, report: &mut CleanupReport) {
        let freed = &mut report.freed;
        freed.cursors += self.cursors.count;
        freed.cursor_bytes += self.cursors.bytes;
        freed.held_after = freed.held_after.saturating_sub(self.cursors.bytes);
        freed.tabs += self.disposed.tabs;
        freed.files += self.disposed.files;
        freed.kept_files.extend(self.disposed.kept_files.iter().cloned());
        report.rung = report.rung.max(self.disposed.rung);
    }
}
