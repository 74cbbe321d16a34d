//! The lease: whether a client is still here. Pure: signals and times in, a verdict out.
//!
//! A client whose peer closed both ways is gone at once, whatever its process does: after `kill -9` the
//! end of the stream is often seen before the end of the process. A client that shut down only its
//! writing half (`cat requests | ebb connect`) still reads, so its last answers may drain first.

use std::time::Duration;

use crate::cleanup::Reason;

/// Nothing in flight for this long after a half-close means that nothing more will come, even when
/// nobody says so: requests may still lie unread when the half-close is noticed.
const QUIET: Duration = Duration::from_secs(1);

/// What a transport learnt about its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The peer closed both ways (hang-up, reset).
    HungUp {
        /// Whether its process was ended by a signal.
        killed: bool,
    },
    /// The peer shut down its writing half; it may still read.
    HalfClosed,
    /// A watched process of the client exited.
    ProcessExited {
        /// Whether it was ended by a signal.
        killed: bool,
    },
    /// The protocol's service finished answering: nothing more will be written.
    Drained,
    /// The client deleted its session: an orderly goodbye over HTTP.
    Deleted,
    /// The last event stream of an HTTP client that had one is gone. It may go on posting.
    StreamLost,
    /// An event stream of an HTTP client is open again.
    StreamFound,
}

/// What the lease says now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The client is here.
    Here,
    /// The client is gone, for this reason.
    Gone(Reason),
    /// Still here, but not after this moment unless a signal or a call changes it.
    AskAgainAt(Duration),
}

/// What is known of one client's presence.
#[derive(Debug, Clone)]
pub struct Lease {
    grace: Duration,
    half_closed: Option<Duration>,
    last_call_end: Duration,
    killed: bool,
    deleted: bool,
    stream_lost: bool,
    over: bool,
}

impl Lease {
    /// The lease of a client that just connected; `grace` bounds how long a half-close may drain.
    #[must_use]
    pub const fn new(grace: Duration) -> Self {
        Self {
            grace,
            half_closed: None,
            last_call_end: Duration::ZERO,
            killed: false,
            deleted: false,
            stream_lost: false,
            over: false,
        }
    }

    /// Takes note of a signal. Signals may come twice and in any order.
    pub const fn apply(&mut self, signal: Signal, now: Duration) {
        match signal {
            Signal::HungUp { killed } | Signal::ProcessExited { killed } => {
                self.killed |= killed;
                self.over = true;
            }
            Signal::Drained => self.over = true,
            Signal::Deleted => {
                self.deleted = true;
                self.over = true;
            }
            Signal::StreamLost => self.stream_lost = true,
            Signal::StreamFound => self.stream_lost = false,
            Signal::HalfClosed => {
                if self.half_closed.is_none() {
                    self.half_closed = Some(now);
                }
            }
        }
    }

    /// A call of the client ended.
    pub const fn call_ended(&mut self, now: Duration) {
        self.last_call_end = now;
    }

    /// Whether nothing spoke against the client yet.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        !self.over && self.half_closed.is_none()
    }

    /// Whether the client had an event stream and lost it.
    #[must_use]
    pub const fn is_stream_lost(&self) -> bool {
        self.stream_lost
    }

    /// The verdict at `now` with `in_flight` calls running or waiting.
    #[must_use]
    pub fn verdict(&self, now: Duration, in_flight: usize) -> Verdict {
        let gone = Verdict::Gone(match (self.deleted, self.killed) {
            (true, _) => Reason::Deleted,
            (false, true) => Reason::ClientDied,
            (false, false) => Reason::Disconnected,
        });
        if self.over {
            return gone;
        }
        let Some(since) = self.half_closed else { return Verdict::Here };
        let mut until = since.saturating_add(self.grace);
        if in_flight == 0 {
            until = until.min(since.max(self.last_call_end).saturating_add(QUIET));
        }
        if now >= until { gone } else { Verdict::AskAgainAt(until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);
    const T0: Duration = Duration::from_secs(100);
    const DISCONNECTED: Verdict = Verdict::Gone(Reason::Disconnected);
    const DIED: Verdict = Verdict::Gone(Reason::ClientDied);

    fn after(signals: &[Signal]) -> Lease {
        let mut lease = Lease::new(GRACE);
        for &signal in signals {
            lease.apply(signal, T0);
        }
        lease
    }

    #[test]
    fn silence_is_presence() {
        assert_eq!(after(&[]).verdict(T0 + Duration::from_secs(1_000_000), 0), Verdict::Here);
    }

    #[test]
    fn a_hang_up_ends_it_at_once_even_with_calls_in_flight() {
        assert_eq!(after(&[Signal::HungUp { killed: false }]).verdict(T0, 3), DISCONNECTED);
        assert_eq!(after(&[Signal::HungUp { killed: true }]).verdict(T0, 3), DIED);
    }

    #[test]
    fn the_end_of_the_process_ends_it_though_a_wrapper_holds_the_stream() {
        assert_eq!(after(&[Signal::ProcessExited { killed: true }]).verdict(T0, 1), DIED);
        assert_eq!(after(&[Signal::ProcessExited { killed: false }]).verdict(T0, 0), DISCONNECTED);
    }

    #[test]
    fn a_half_close_with_calls_in_flight_lasts_the_grace_and_no_longer() {
        let lease = after(&[Signal::HalfClosed]);
        assert_eq!(lease.verdict(T0, 1), Verdict::AskAgainAt(T0 + GRACE));
        assert_eq!(lease.verdict(T0 + GRACE, 1), DISCONNECTED);
    }

    #[test]
    fn a_half_close_ends_with_the_answers() {
        assert_eq!(after(&[Signal::HalfClosed, Signal::Drained]).verdict(T0, 0), DISCONNECTED);
    }

    #[test]
    fn a_half_close_is_over_at_the_hang_up_or_the_end_of_the_process() {
        assert_eq!(after(&[Signal::HalfClosed, Signal::HungUp { killed: false }]).verdict(T0, 1), DISCONNECTED);
        assert_eq!(after(&[Signal::HalfClosed, Signal::ProcessExited { killed: true }]).verdict(T0, 1), DIED);
    }

    #[test]
    fn a_half_close_with_nothing_in_flight_waits_for_unread_requests_only_a_moment() {
        let mut lease = after(&[Signal::HalfClosed]);
        assert_eq!(lease.verdict(T0, 0), Verdict::AskAgainAt(T0 + QUIET));
        lease.call_ended(T0 + Duration::from_millis(700));
        assert_eq!(lease.verdict(T0 + QUIET, 0), Verdict::AskAgainAt(T0 + Duration::from_millis(1_700)));
        assert_eq!(lease.verdict(T0 + Duration::from_millis(1_700), 0), DISCONNECTED);
        lease.call_ended(T0 + Duration::from_millis(4_900));
        assert_eq!(lease.verdict(T0 + GRACE, 0), DISCONNECTED);
    }

    #[test]
    fn a_deletion_is_a_goodbye_whatever_follows() {
        let died = Signal::ProcessExited { killed: true };
        assert_eq!(after(&[Signal::Deleted, died]).verdict(T0, 2), Verdict::Gone(Reason::Deleted));
    }

    #[test]
    fn a_lost_stream_ends_nothing_by_itself() {
        let lost = after(&[Signal::StreamLost]);
        assert!(lost.is_stream_lost() && lost.is_whole());
        assert_eq!(lost.verdict(T0 + Duration::from_secs(1_000_000), 0), Verdict::Here);
        assert!(!after(&[Signal::StreamLost, Signal::StreamFound]).is_stream_lost());
    }

    #[test]
    fn a_second_half_close_does_not_prolong_the_first() {
        let mut lease = after(&[Signal::HalfClosed]);
        lease.apply(Signal::HalfClosed, T0 + Duration::from_secs(4));
        assert_eq!(lease.verdict(T0 + GRACE, 1), DISCONNECTED);
    }
}
