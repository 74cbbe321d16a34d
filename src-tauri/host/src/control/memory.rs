//! Memory over time: 10-second samples for an hour and 2-minute ones for a day, in memory only, of all
//! sessions together, of each that lives, and of the browser that they share.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use ebb_core::{ids::SessionId, view::MemoryHistory};
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
/// Sessions with a history of their own, the oldest first; what others hold is in the total all the same.
const MAX_SERIES: usize = 256;

/// One measurement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Bytes held by each session that lives, the oldest first.
    pub sessions: Vec<(SessionId, u64)>,
    /// Bytes of Chromium that belong to no session.
    pub shared: u64,
}

/// The histories. About 17 kB for the total and 9 kB for a session when full.
#[derive(Debug, Default)]
pub struct MemorySampler {
    series: Mutex<Series>,
}

#[derive(Debug, Default)]
struct Series {
    held: Rings,
    shared: Rings,
    sessions: HashMap<SessionId, Rings>,
    /// The samples since the last long one.
    since: usize,
}

/// One figure over time, oldest first.
#[derive(Debug, Default)]
struct Rings {
    short: VecDeque<u64>,
    long: VecDeque<u64>,
    /// The highest since the last long sample: a band of peaks hides no spike.
    peak: u64,
}

impl Rings {
    fn push(&mut self, bytes: u64, ends_long: bool) {
        push(&mut self.short, bytes, SHORT_LEN);
        self.peak = self.peak.max(bytes);
        if ends_long {
            push(&mut self.long, std::mem::take(&mut self.peak), LONG_LEN);
        }
    }

    fn get(&self, long: bool) -> Vec<u64> {
        if long { &self.long } else { &self.short }.iter().copied().collect()
    }
}

impl MemorySampler {
    /// Adds a sample; call it every 10 seconds, or let [`MemorySampler::run`] do it. The history of a
    /// session that is not in it any more ends here; what it held stays in the total.
    pub fn push(&self, sample: &Sample) {
        let mut series = self.series.lock();
        series.since = (series.since + 1) % PER_LONG;
        let ends_long = series.since == 0;
        series.held.push(sample.sessions.iter().map(|(_, bytes)| bytes).sum(), ends_long);
        series.shared.push(sample.shared, ends_long);
        let with_own = sample.sessions.iter().take(MAX_SERIES);
        let mut before = std::mem::take(&mut series.sessions);
        series.sessions = with_own
            .map(|(session, bytes)| {
                let mut rings = before.remove(session).unwrap_or_default();
                rings.push(*bytes, ends_long);
                (session.clone(), rings)
            })
            .collect();
    }

    /// The last hour (a sample every 10 seconds), or the last day (`long`: the peak of every 2 minutes),
    /// oldest first, of all sessions and the shared browser.
    pub fn all(&self, long: bool) -> MemoryHistory {
        let series = self.series.lock();
        MemoryHistory { step_s: step(long), held: series.held.get(long), shared: series.shared.get(long) }
    }

    /// The same of one session, without the shared browser; empty before its first sample and after its end.
    pub fn of(&self, session: &SessionId, long: bool) -> MemoryHistory {
        let series = self.series.lock();
        let held = series.sessions.get(session).map(|rings| rings.get(long)).unwrap_or_default();
        MemoryHistory { step_s: step(long), held, shared: Vec::new() }
    }

    /// Samples until `stop`: `measure` gives the figures, `taken` hears that there is a new sample
    /// (such as [`super::Control::announce_memory`]). Neither may block.
    pub async fn run(&self, stop: CancellationToken, measure: impl Fn() -> Sample + Send, taken: impl Fn() + Send) {
        let mut tick = tokio::time::interval(Duration::from_secs(u64::from(SHORT_STEP)));
        // After sleep there is a gap, not a burst of equal samples.
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            self.push(&measure());
            taken();
        }
    }
}

const fn step(long: bool) -> u32 {
    if long { LONG_STEP } else { SHORT_STEP }
}

fn push(ring: &mut VecDeque<u64>, bytes: u64, len: usize) {
    if ring.len() == len {
        ring.pop_front();
    }
    ring.push_back(bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn both_histories_are_bounded_and_the_long_one_keeps_peaks() {
        let (sampler, session) = (MemorySampler::default(), SessionId::new());
        let sample = |held, shared| Sample { sessions: vec![(session.clone(), held)], shared };
        for held in 0..24_u64 {
            sampler.push(&sample(held, 100 - held));
        }
        assert_eq!(sampler.all(true), MemoryHistory { step_s: 120, held: vec![11, 23], shared: vec![100, 88] });
        for held in 24..10_000 {
            sampler.push(&sample(held, 0));
        }
        let (short, long) = (sampler.all(false), sampler.all(true));
        assert_eq!((short.step_s, short.held.len(), short.shared.len()), (10, 360, 360));
        assert_eq!((short.held.first(), short.held.last()), (Some(&9_640), Some(&9_999)));
        assert_eq!((long.held.len(), long.held.last()), (720, Some(&9_995)));
        assert_eq!(sampler.of(&session, true), MemoryHistory { shared: Vec::new(), ..long });
    }

    #[test]
    fn a_session_has_its_own_history_while_it_lives_and_stays_in_the_total() {
        let (sampler, one, other) = (MemorySampler::default(), SessionId::new(), SessionId::new());
        sampler.push(&Sample { sessions: vec![(one.clone(), 5)], shared: 1 });
        sampler.push(&Sample { sessions: vec![(one.clone(), 6), (other.clone(), 40)], shared: 1 });
        assert_eq!(sampler.of(&one, false).held, [5, 6]);
        assert_eq!(sampler.of(&other, false).held, [40]);
        sampler.push(&Sample { sessions: vec![(other, 41)], shared: 1 });
        assert_eq!(sampler.of(&one, false).held, Vec::<u64>::new());
        assert_eq!(sampler.all(false).held, [5, 46, 41]);
    }

    #[test]
    fn only_so_many_sessions_have_a_history_of_their_own() {
        let sampler = MemorySampler::default();
        let sessions: Vec<_> = (0..MAX_SERIES + 5).map(|_| (SessionId::new(), 1)).collect();
        sampler.push(&Sample { sessions: sessions.clone(), shared: 0 });
        assert_eq!(sessions.iter().filter(|(id, _)| !sampler.of(id, false).held.is_empty()).count(), MAX_SERIES);
        assert_eq!(sampler.all(false).held, [MAX_SERIES as u64 + 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_samples_every_ten_seconds_until_stopped() {
        let (sampler, taken, stop) = (MemorySampler::default(), AtomicU64::new(0), CancellationToken::new());
        let session = SessionId::new();
        let measure =
            || Sample { sessions: vec![(session.clone(), taken.load(Ordering::Relaxed))], ..Sample::default() };
        let count = || {
            taken.fetch_add(1, Ordering::Relaxed);
        };
        let run = sampler.run(stop.clone(), measure, count);
        assert!(tokio::time::timeout(Duration::from_secs(25), run).await.is_err());
        assert_eq!(sampler.all(false).held, [0, 1, 2]);
        stop.cancel();
        sampler.run(stop, measure, count).await;
        assert_eq!(taken.load(Ordering::Relaxed), 3);
    }
}
