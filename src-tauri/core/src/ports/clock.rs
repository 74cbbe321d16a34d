//! Time from outside, so that tests own it.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use time::OffsetDateTime;

/// Monotonic time for lifetimes, wall-clock time for display only.
pub trait Clock: Send + Sync + 'static {
    /// Time since some fixed moment of this process; never goes back, stops while the machine sleeps.
    fn now(&self) -> Duration;

    /// The wall clock.
    fn wall(&self) -> OffsetDateTime;

    /// The sweeper is here, and will be again soon: until then the clock goes on by at most
    /// `allowance`. What passes beyond that is time in which this process did not run (a stopped
    /// process, a sleeping machine), and no lease, cursor or deadline is judged by it. `None`: nobody
    /// watches, so nothing is held back. Clocks that never sleep need not listen.
    fn beat(&self, allowance: Option<Duration>) {
        let _ = allowance;
    }
}

/// Tokio's clock: the real one, or the paused one of a test. Clones share their beats.
#[derive(Debug, Clone)]
pub struct TokioClock {
    epoch: tokio::time::Instant,
    awake: Arc<Mutex<Awake>>,
}

/// How much of the time since the epoch counts.
#[derive(Debug, Default)]
struct Awake {
    /// Time that did not count, up to the last beat.
    slept: Duration,
    /// How far the clock may go before the next beat.
    limit: Option<Duration>,
}

impl Awake {
    fn read(&self, elapsed: Duration) -> Duration {
        let now = elapsed.saturating_sub(self.slept);
        self.limit.map_or(now, |limit| now.min(limit))
    }
}

impl TokioClock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: tokio::time::Instant::now(), awake: Arc::default() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.awake.lock().read(self.epoch.elapsed())
    }

    fn wall(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn beat(&self, allowance: Option<Duration>) {
        let mut awake = self.awake.lock();
        let elapsed = self.epoch.elapsed();
        let now = awake.read(elapsed);
        awake.slept = elapsed.saturating_sub(now);
        awake.limit = allowance.map(|allowance| now.saturating_add(allowance));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_gap_between_beats_does_not_count() {
        let clock = TokioClock::start();
        tokio::time::advance(100 * SECOND).await;
        assert_eq!(clock.now(), 100 * SECOND);
        clock.beat(Some(2 * SECOND));
        tokio::time::advance(SECOND).await;
        assert_eq!(clock.now(), 101 * SECOND);
        tokio::time::advance(3_600 * SECOND).await;
        assert_eq!(clock.now(), 102 * SECOND);
        clock.beat(Some(2 * SECOND));
        tokio::time::advance(SECOND).await;
        assert_eq!(clock.now(), 103 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn without_beats_all_time_counts_and_the_clock_never_goes_back() {
        let clock = TokioClock::start();
        clock.beat(Some(SECOND));
        tokio::time::advance(10 * SECOND).await;
        let before = clock.now();
        clock.beat(None);
        assert_eq!(clock.now(), before);
        tokio::time::advance(10 * SECOND).await;
        assert_eq!(clock.now(), before + 10 * SECOND);
    }
}
