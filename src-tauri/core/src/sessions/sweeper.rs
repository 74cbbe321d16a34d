//! The sweeper: on a tick finds what should be gone and calls the door; sweeps cursors; retries
//! leftovers; takes the census. It awaits none of them: a stuck one delays nobody.
//!
//! Its ticks are the clock's beats. When this process was stopped or the machine slept, no beat came,
//! and the time that passed is not held against anybody.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{clients::Client, entry::Core, lease::Verdict, manager::Inner, registry::Registry, spawn::guard};
use crate::{cleanup::Reason, ids::SessionId, ports::Clock};

/// Sweeping the cursor store may take this long before it counts as failed.
const CURSOR_SWEEP: Duration = Duration::from_secs(10);

impl Inner {
    pub(super) fn spawn_sweeper(self: &Arc<Self>) {
        let clock = Arc::clone(&self.ports.clock);
        let sweeper = run(Arc::downgrade(self), clock, Arc::clone(&self.sweeper_wake), self.stop.clone());
        drop(self.spawn(sweeper));
    }

    /// Looks at everything once; how long to sleep, or `None` when there is nothing to look at.
    fn tick(self: &Arc<Self>) -> Option<Duration> {
        let interval = self.settings.sessions.sweep_interval;
        self.ports.clock.beat(Some(2 * interval));
        let now = self.ports.clock.now();
        let leases = self.sweep_leases(now);
        let waiting = self.sweep_waiting(now);
        let sessions = self.sweep_sessions(now);
        let leftovers = self.sweep_leftovers(now);
        let census = self.sweep_census(now, sessions);
        if sessions {
            self.sweep_cursors();
        }
        if !sessions && leases.is_none() && leftovers.is_none() && census.is_none() {
            self.ports.clock.beat(None);
            return None;
        }
        let next = [leases, waiting, leftovers, census].into_iter().flatten().map(|at| at.saturating_sub(now)).min();
        Some(next.map_or(interval, |next| next.min(interval)))
    }

    /// Judges every client that something speaks against; when the next one is due.
    fn sweep_leases(self: &Arc<Self>, now: Duration) -> Option<Duration> {
        let doubtful: Vec<_> = {
            let registry = self.registry.lock();
            let doubtful = registry.clients.values().filter(|client| !client.lease.is_whole());
            doubtful
                .map(|client| (client.view.id.clone(), client.lease.verdict(now, client.calls_in_flight())))
                .collect()
        };
        let mut next: Option<Duration> = None;
        for (client, verdict) in doubtful {
            match verdict {
                Verdict::Gone(_) => self.judge(&client),
                Verdict::AskAgainAt(at) => next = Some(next.map_or(at, |next| next.min(at))),
                Verdict::Here => {}
            }
        }
        next
    }

    /// Ends sessions that nobody used for too long or that nobody owns; whether any session is left.
    fn sweep_sessions(self: &Arc<Self>, now: Duration) -> bool {
        let (orphans, idle, any) = {
            let registry = self.registry.lock();
            let (mut orphans, mut idle) = (Vec::new(), Vec::new());
            for entry in registry.open_sessions() {
                let core = entry.core();
                if core.waits_until().is_some() {
                    continue;
                }
                let owned = core.owners.iter().any(|owner| registry.clients.contains_key(owner));
                if !owned && !entry.options.outlives_client() && core.waiting.is_none() {
                    orphans.push((entry.id.clone(), core.left.unwrap_or(Reason::Swept)));
                } else if let Some(limit) = self.idle_limit(&registry, &core)
                    && core.idle(now) >= limit
                {
                    idle.push((entry.id.clone(), limit));
                }
            }
            (orphans, idle, !registry.sessions.is_empty())
        };
        for (session, reason) in orphans {
            self.begin_removal(&session, reason, |_| true);
        }
        for (session, limit) in idle {
            self.end_if_idle(&session, limit);
        }
        any
    }

    /// Ends the session unless a call saved it since it was looked at.
    pub(super) fn end_if_idle(self: &Arc<Self>, session: &SessionId, limit: Duration) {
        let now = self.ports.clock.now();
        self.begin_removal(session, Reason::IdleTimeout, |core| core.idle(now) >= limit);
    }

    /// How long the session may be idle; `None` where that never ends it.
    pub(super) fn idle_limit(&self, registry: &Registry, core: &Core) -> Option<Duration> {
        let settings = &self.settings.sessions;
        let owners = || core.owners.iter().filter_map(|owner| registry.clients.get(owner));
        let limit = if owners().any(Client::is_known_to_live) {
            settings.idle_timeout_known_process
        } else if owners().any(|owner| owner.lease.is_stream_lost()) {
            settings.stream_lost_timeout
        } else {
            settings.idle_timeout
        };
        (!limit.is_zero()).then_some(limit)
    }

    /// Expires cursors, in a task of its own; not while the last sweep still runs.
    fn sweep_cursors(self: &Arc<Self>) {
        if self.cursor_sweep_runs.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(self);
        let swept = self.spawn(async move {
            let cursors = Arc::clone(&inner.ports.cursors);
            let swept = inner.run_within(CURSOR_SWEEP, async move { cursors.sweep().await }).await;
            if let (_, Err(error)) = super::steps::outcome(swept, CURSOR_SWEEP) {
                tracing::warn!(%error, "cursors could not be swept");
            }
            inner.cursor_sweep_runs.store(false, Ordering::Release);
        });
        if swept.is_none() {
            self.cursor_sweep_runs.store(false, Ordering::Release);
        }
    }
}

/// Holds the manager only while it looks, so that dropping the last handle ends the sweeper too.
async fn run(inner: Weak<Inner>, clock: Arc<dyn Clock>, wake: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let Some(inner) = inner.upgrade() else { break };
        let interval = inner.settings.sessions.sweep_interval;
        // A tick that panics must not be the last one.
        let nap = guard(|| inner.tick()).unwrap_or(Some(interval));
        drop(inner);
        let nap = async {
            match nap {
                Some(nap) => sleep(nap).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.notified() => {}
            () = nap => {}
        }
    }
    // A clock that nobody beats must not stand still.
    clock.beat(None);
}
