//! Percentiles, and waiting with a step fine enough for milliseconds.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Between two looks. A look at a process costs about 20 µs.
const STEP: Duration = Duration::from_micros(200);

/// Many durations of the same thing.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Times `work`.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        self.push(began.elapsed());
        result
    }

    /// The time that so many of a hundred do not pass, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    pub(crate) fn p50(&self) -> f64 {
        self.percentile(50)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.percentile(99)
    }

    pub(crate) fn worst(&self) -> f64 {
        self.percentile(100)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Waits until `done`, and says how long that was after `began`.
pub(crate) fn until(what: &str, began: Instant, deadline: Duration, mut done: impl FnMut() -> bool) -> Duration {
    while !done() {
        assert!(began.elapsed() < deadline, "{what}: not within {deadline:?}");
        sleep(STEP);
    }
    began.elapsed()
}
