//! Memory over time: 10-second samples for an hour and 2-minute ones for a day, in memory only.

use std::{collections::VecDeque, time::Duration};

use ebb_core::view::MemoryHistory;
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Seconds between two samples of the short history.
const SHORT_STEP: u32 = 10;
/// Samples of the short history: an hour.
const SHORT_LEN: usize = 360;
/// Seconds between two samples of the long history.
const LONG_STEP: u32 = 120;
/// Samples of the long history: a day.
const LONG_LEN: usize = 720;
/// Short samples that make a long one.
const PER_LONG: usize = (LONG_STEP / SHORT_STEP) as usize;

/// One measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// Bytes held by all sessions.
    pub held: u64,
    /// Bytes of Chromium that belong to no session.
    pub shared: u64,
}

/// The two histories. About 17 kB when full.
#[derive(Debug, Default)]
pub struct MemorySampler {
    series: Mutex<Series>,
}

#[derive(Debug, Default)]
struct Series {
    short: VecDeque<Sample>,
    long: VecDeque<Sample>,
    /// The samples since the last long one.
    since: usize,
    /// The highest of them: a band of peaks hides no spike.
    peak: Sample,
}

impl MemorySampler {
    /// Adds a sample; call it every 10 seconds, or let [`MemorySampler::run`] do it.
    pub fn push(&self, sample: Sample) {
        let mut series = self.series.lock();
        push(&mut series.short, sample, SHORT_LEN);
        series.peak = Sample { held: series.peak.held.max(sample.held), shared: series.peak.shared.max(sample.shared) };
        series.since += 1;
        if series.since == PER_LONG {
            let peak = std::mem::take(&mut series.peak);
            push(&mut series.long, peak, LONG_LEN);
            series.since = 0;
        }
    }

    /// The last hour, a sample every 10 seconds, oldest first.
    pub fn short(&self) -> MemoryHistory {
        history(SHORT_STEP, &self.series.lock().short)
    }

    /// The last day, the peak of every 2 minutes, oldest first.
    pub fn long(&self) -> MemoryHistory {
        history(LONG_STEP, &self.series.lock().long)
    }

    /// Samples until `stop`: `measure` gives the figures, `taken` hears that there is a new sample
    /// (such as [`super::Control::announce_memory`]). Neither may block.
    pub async fn run(&self, stop: CancellationToken, measure: impl Fn() -> Sample + Send, taken: impl Fn() + Send) {
        let mut tick = tokio::time::interval(Duration::from_secs(u64::from(SHORT_STEP)));
        // After sleep there is a gap, not a burst of equal samples.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            self.push(measure());
            taken();
        }
    }
}

fn push(ring: &mut VecDeque<Sample>, sample: Sample, len: usize) {
    if ring.len() == len {
        ring.pop_front();
    }
    ring.push_back(sample);
}

fn history(step_s: u32, ring: &VecDeque<Sample>) -> MemoryHistory {
    MemoryHistory {
        step_s,
        held: ring.iter().map(|sample| sample.held).collect(),
        shared: ring.iter().map(|sample| sample.shared).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn both_histories_are_bounded_and_the_long_one_keeps_peaks() {
        let sampler = MemorySampler::default();
        for held in 0..24_u64 {
            sampler.push(Sample { held, shared: 100 - held });
        }
        assert_eq!(sampler.long(), MemoryHistory { step_s: 120, held: vec![11, 23], shared: vec![100, 88] });
        for held in 24..10_000 {
            sampler.push(Sample { held, shared: 0 });
        }
        let (short, long) = (sampler.short(), sampler.long());
        assert_eq!((short.step_s, short.held.len(), short.shared.len()), (10, 360, 360));
        assert_eq!((short.held.first(), short.held.last()), (Some(&9_640), Some(&9_999)));
        assert_eq!((long.held.len(), long.held.last()), (720, Some(&9_995)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_samples_every_ten_seconds_until_stopped() {
        let (sampler, taken, stop) = (MemorySampler::default(), AtomicU64::new(0), CancellationToken::new());
        let measure = || Sample { held: taken.load(Ordering::Relaxed), shared: 7 };
        let count = || {
            taken.fetch_add(1, Ordering::Relaxed);
        };
        let run = sampler.run(stop.clone(), measure, count);
        assert!(tokio::time::timeout(Duration::from_secs(25), run).await.is_err());
        assert_eq!(sampler.short().held, [0, 1, 2]);
        stop.cancel();
        sampler.run(stop, measure, count).await;
        assert_eq!(taken.load(Ordering::Relaxed), 3);
    }
}
