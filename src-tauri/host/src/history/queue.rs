//! The bounded queue between the removals and the writer thread.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use ebb_core::{
    cleanup::{CleanupReport, Leftover},
    ids::{LeftoverId, SessionId},
    ports::OpenSession,
};
use parking_lot::{Condvar, Mutex};
use time::OffsetDateTime;
use tokio::sync::watch;

/// Entries that may wait; a report is a few kilobytes, so the queue stays under about 4 MB.
pub(super) const CAPACITY: usize = 1_024;

/// One thing to write.
#[derive(Debug)]
pub(super) enum Job {
    Opened(Box<OpenSession>),
    Closed(Box<CleanupReport>),
    Leftover(Box<Leftover>),
    /// Every report written before this goes.
    Clear,
    Cleared {
        leftover: LeftoverId,
        session: Option<SessionId>,
        at: OffsetDateTime,
    },
}

/// What the writer should do next.
#[derive(Debug)]
pub(super) enum Next {
    Write(Vec<Job>),
    /// Nothing came within the time given.
    Idle,
    /// Nothing is left and nothing will come.
    Stop,
}

/// Never blocks who pushes; what does not fit is counted, and a report is the last thing to go.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// How many jobs are over, written or given up.
    finished: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    pushed: u64,
    lost: u64,
    stopping: bool,
    /// Somebody waits for the queue to empty: a pause ends now.
    urged: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), finished: watch::Sender::new(0) }
    }

    /// Takes a job. Where the queue is full the oldest entry goes and is counted; whether this was the
    /// first one of this run is the answer, so that it is logged once.
    pub(super) fn push(&self, job: Job) -> bool {
        let mut state = self.state.lock();
        let mut first_loss = false;
        if state.jobs.len() >= CAPACITY {
            let victim = state.jobs.iter().position(|job| !matches!(job, Job::Closed(_))).unwrap_or(0);
            drop(state.jobs.remove(victim));
            first_loss = state.lost == 0;
            state.lost += 1;
            self.finished.send_modify(|finished| *finished += 1);
        }
        state.jobs.push_back(job);
        state.pushed += 1;
        drop(state);
        self.wake.notify_one();
        first_loss
    }

    /// Waits at most `patience` for jobs and takes up to `max` of them.
    pub(super) fn next(&self, max: usize, patience: Duration) -> Next {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        while state.jobs.is_empty() {
            if state.stopping {
                return Next::Stop;
            }
            if self.wake.wait_until(&mut state, deadline).timed_out() && state.jobs.is_empty() {
                return if state.stopping { Next::Stop } else { Next::Idle };
            }
        }
        let count = state.jobs.len().min(max);
        Next::Write(state.jobs.drain(..count).collect())
    }

    /// These are over.
    pub(super) fn finish(&self, jobs: usize) {
        self.finished.send_modify(|finished| *finished += jobs as u64);
    }

    /// These could not be written now; they go back to where they were.
    pub(super) fn give_back(&self, jobs: Vec<Job>) {
        // Above the capacity for a moment: they were inside it a moment ago.
        let mut state = self.state.lock();
        for job in jobs.into_iter().rev() {
            state.jobs.push_front(job);
        }
    }

    /// These can never be written.
    pub(super) fn lose(&self, jobs: u64) {
        self.state.lock().lost += jobs;
    }

    /// Sleeps for `pause`, or until the host stops or somebody waits for a flush. Whether to go on.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        let mut state = self.state.lock();
        while !state.stopping && !state.urged && !self.wake.wait_until(&mut state, deadline).timed_out() {}
        state.urged = false;
        !state.stopping
    }

    /// Entries that were lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.state.lock().lost
    }

    /// Tells the writer to finish what is there and end.
    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.wake.notify_all();
    }

    /// Waits until everything pushed so far is over, at most `patience`. Whether it is.
    pub(super) async fn flush(&self, patience: Duration) -> bool {
        let mut finished = self.finished.subscribe();
        let target = {
            let mut state = self.state.lock();
            state.urged = !state.jobs.is_empty();
            state.pushed
        };
        self.wake.notify_all();
        let reached = finished.wait_for(|finished| *finished >= target);
        matches!(tokio::time::timeout(patience, reached).await, Ok(Ok(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleared() -> Job {
        Job::Cleared { leftover: LeftoverId::new(), session: Some(SessionId::new()), at: OffsetDateTime::UNIX_EPOCH }
    }

    fn report() -> Job {
        let report =
            CleanupReport::not_found(SessionId::new(), ebb_core::cleanup::Reason::Swept, OffsetDateTime::UNIX_EPOCH);
        Job::Closed(Box::new(report))
    }

    #[test]
    fn a_full_queue_counts_what_it_loses_and_spares_reports() {
        let queue = Queue::new();
        assert!(!queue.push(report()));
        for _ in 1..CAPACITY {
            assert!(!queue.push(cleared()));
        }
        assert!(queue.push(report()), "the first loss is said");
        assert!(!queue.push(report()), "the second is only counted");
        assert_eq!(queue.lost(), 2);
        let Next::Write(jobs) = queue.next(CAPACITY * 2, Duration::ZERO) else { unreachable!("it is full") };
        assert_eq!(jobs.len(), CAPACITY);
        assert_eq!(jobs.iter().filter(|job| matches!(job, Job::Closed(_))).count(), 3);
    }

    #[test]
    fn what_is_given_back_keeps_its_place() {
        let queue = Queue::new();
        assert!(!queue.push(report()));
        assert!(!queue.push(cleared()));
        let Next::Write(jobs) = queue.next(1, Duration::ZERO) else { unreachable!("it has two") };
        queue.give_back(jobs);
        queue.stop();
        let Next::Write(jobs) = queue.next(9, Duration::ZERO) else { unreachable!("it has two") };
        assert!(matches!(jobs.as_slice(), [Job::Closed(_), Job::Cleared { .. }]));
        assert!(matches!(queue.next(9, Duration::ZERO), Next::Stop));
    }

    #[tokio::test]
    async fn a_flush_waits_for_the_writer_and_not_for_ever() {
        let queue = Queue::new();
        assert!(queue.flush(Duration::from_millis(10)).await, "nothing to wait for");
        assert!(!queue.push(cleared()));
        assert!(!queue.flush(Duration::from_millis(10)).await);
        let Next::Write(jobs) = queue.next(9, Duration::ZERO) else { unreachable!("it has one") };
        queue.finish(jobs.len());
        assert!(queue.flush(Duration::from_millis(10)).await);
    }
}
