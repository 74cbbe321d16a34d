//! The census: what is really there, compared with the registry. "Nothing is left behind." is checked, not
//! believed.
//!
//! Whatever the browser side or the cursor store holds for nobody is a suspect; a suspect that is still
//! there at the next look, a second later, is a leftover of the kind `unaccounted`. Two looks, because
//! between a thing and its entry in the books there is always a moment.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    leftovers::Left,
    manager::{Inner, SessionManager},
    spawn::guard,
    steps::outcome,
};
use crate::{
    cleanup::{Leftover, LeftoverKind},
    events::Event,
    ids::{LeftoverId, SessionId},
    ports::Stray,
};

/// Between two censuses while there are sessions.
const EVERY: Duration = Duration::from_secs(30);
/// From a removal, and from the first look at a suspect, to the census.
const SOON: Duration = Duration::from_secs(1);
/// How long one census may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Suspects that are remembered; more are looked at when these are gone.
const SUSPECTS: usize = 1_024;
/// What the key of a stray of the cursor store starts with.
pub(super) const CURSORS: &str = "cursors ";

/// When the next one is due, and what the last one saw for the first time.
#[derive(Default)]
pub(super) struct Census {
    due: Option<Duration>,
    suspects: HashSet<String>,
}

impl SessionManager {
    /// Something ended outside of any removal: looks in a second whether it left anything.
    pub fn ask_census(&self) {
        self.inner.census_soon();
        self.inner.sweeper_wake.notify_one();
    }
}

impl Inner {
    /// The next census comes in a second, if not sooner.
    pub(super) fn census_soon(&self) {
        let at = self.ports.clock.now() + SOON;
        let mut census = self.census.lock();
        census.due = Some(census.due.map_or(at, |due| due.min(at)));
    }

    /// Starts a census that is due; when the next one is, if anything speaks for one.
    pub(super) fn sweep_census(self: &Arc<Self>, now: Duration, sessions: bool) -> Option<Duration> {
        let mut census = self.census.lock();
        if sessions {
            census.due.get_or_insert(now + EVERY);
        }
        let due = census.due?;
        if due > now {
            return Some(due);
        }
        // One that still runs is asked again when it is over.
        if self.census_runs.swap(true, Ordering::AcqRel) {
            return Some(now + SOON);
        }
        census.due = None;
        drop(census);
        let inner = Arc::clone(self);
        if self.spawn(async move { inner.take_census().await }).is_none() {
            self.census_runs.store(false, Ordering::Release);
        }
        sessions.then_some(now + EVERY)
    }

    async fn take_census(self: Arc<Self>) {
        let looked = Arc::clone(&self);
        let seen = self.run_within(DEADLINE, async move { looked.look().await }).await;
        match outcome(seen, DEADLINE).1 {
            Ok(strays) => self.judge_strays(strays),
            Err(error) => tracing::warn!(%error, "the census could not see everything"),
        }
        self.census_runs.store(false, Ordering::Release);
        self.sweeper_wake.notify_one();
    }

    /// What is there for nobody.
    async fn look(&self) -> crate::Result<Vec<Stray>> {
        let before = self.known();
        let mut strays = self.ports.browser.strays(&before).await?;
        // A store that does not answer is a problem of its own, shown elsewhere; it hides nothing else.
        match self.ports.cursors.owners().await {
            Ok(owners) => strays.extend(owners.into_iter().map(|session| Stray {
                key: format!("{CURSORS}{session}"),
                what: format!("cursors of {session}"),
                session: Some(session),
            })),
            Err(error) => tracing::debug!(%error, "the census could not see the cursors"),
        }
        let after = self.known();
        strays.retain(|stray| {
            stray.session.as_ref().is_none_or(|session| !before.contains(session) && !after.contains(session))
        });
        Ok(strays)
    }

    /// Sessions that answer for what they hold: those in the registry, and those of leftovers.
    fn known(&self) -> HashSet<SessionId> {
        let registry = self.registry.lock();
        let leftovers = self.leftovers.lock();
        let left = leftovers.iter().filter_map(|left| left.view.session.clone());
        registry.sessions.keys().cloned().chain(left).collect()
    }

    fn judge_strays(&self, strays: Vec<Stray>) {
        let now = self.ports.clock.now();
        let mut confirmed = Vec::new();
        {
            let mut census = self.census.lock();
            let leftovers = self.leftovers.lock();
            let before = std::mem::take(&mut census.suspects);
            for stray in strays {
                if leftovers.iter().any(|left| left.is(&stray)) {
                    continue;
                }
                if before.contains(&stray.key) {
                    confirmed.push(stray);
                } else if census.suspects.len() < SUSPECTS {
                    census.suspects.insert(stray.key);
                }
            }
            if !census.suspects.is_empty() {
                census.due = Some(now + SOON);
            }
        }
        for stray in confirmed {
            self.add_stray(stray, now);
        }
    }

    fn add_stray(&self, stray: Stray, now: Duration) {
        let leftover = Leftover {
            id: LeftoverId::new(),
            kind: LeftoverKind::Unaccounted,
            what: stray.what.clone(),
            session: stray.session.clone(),
            since: self.ports.clock.wall(),
            attempts: 0,
            last_error: "nobody owns it".to_owned(),
        };
        tracing::warn!(what = leftover.what, "the census found something that nobody owns");
        self.leftovers.lock().push(Left::of_stray(leftover.clone(), stray, now));
        guard(|| self.ports.history.leftover(&leftover));
        self.emit(Event::Leftover(Box::new(leftover)));
    }
}
