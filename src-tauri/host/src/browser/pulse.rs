//! Whether a browser still answers: asked every few seconds, judged in awake time.
//!
//! One missed answer marks the browser; it takes three in a row, over at least fifteen seconds in which
//! this process itself was awake, to give it up. Time in which the host was stopped or the machine slept
//! says nothing of the browser.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// Between two questions.
const EVERY: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// The host's own tick while it waits.
const TICK: Duration = Duration::from_millis(500);

/// A tick that comes this much too late says that the host slept, not the browser.
const GAP: Duration = Duration::from_secs(2);

/// Missed answers in a row after which a browser is given up.
const MISSED: u32 = 3;

/// It must have been silent for at least this long as well.
const SILENCE: Duration = Duration::from_secs(15);

/// How a browser answered of late.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    missed: AtomicBool,
}

impl Pulse {
    /// Whether it missed its last answer.
    pub(super) fn is_missed(&self) -> bool {
        self.missed.load(Ordering::Relaxed)
    }

    /// Asks again and again; returns once the browser is to be given up. `ask` resolves with an answer,
    /// `changed` is called whenever [`Pulse::is_missed`] has another one.
    pub(super) async fn watch<A: Future<Output = ()>>(&self, ask: impl Fn() -> A, changed: impl Fn()) {
        let mut missed = 0;
        let mut silent = Duration::ZERO;
        loop {
            awake(EVERY).await;
            silent += EVERY;
            let answered = tokio::select! {
                biased;
                () = ask() => true,
                slept = awake(ANSWER) => {
                    silent += ANSWER;
                    if slept {
                        // The answer may lie in the pipe unread; the next question tells.
                        continue;
                    }
                    false
                }
            };
            if answered {
                missed = 0;
            } else {
                // Silence begins with the first question that found none.
                silent = if missed == 0 { ANSWER } else { silent };
                missed += 1;
            }
            if self.missed.swap(!answered, Ordering::Relaxed) == answered {
                changed();
            }
            if missed >= MISSED && silent >= SILENCE {
                return;
            }
        }
    }
}

/// Waits until this process was awake for `time`; tells whether it slept meanwhile.
async fn awake(time: Duration) -> bool {
    let mut left = time;
    let mut slept = false;
    while !left.is_zero() {
        let tick = left.min(TICK);
        let began = Instant::now();
        sleep(tick).await;
        slept |= began.elapsed() > tick + GAP;
        left -= tick;
    }
    slept
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        future::{pending, ready},
        pin::pin,
    };

    use futures::future::{Either, select};
    use tokio::time::{advance, timeout};

    use super::*;

    /// Drives `work` along for `time` in small steps; tells whether it is done.
    async fn drive(work: &mut (impl Future<Output = ()> + Unpin), time: Duration) -> bool {
        timeout(time, work).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_browser_is_marked_at_once_and_given_up_after_three_misses_in_fifteen_seconds() {
        let (pulse, began) = (Pulse::default(), Instant::now());
        let marks = RefCell::new(Vec::new());
        pulse.watch(pending, || marks.borrow_mut().push((began.elapsed(), pulse.is_missed()))).await;
        assert_eq!(*marks.borrow(), [(EVERY + ANSWER, true)], "marked by the first miss, told once");
        assert_eq!(began.elapsed(), 3 * (EVERY + ANSWER));
        assert!(began.elapsed() >= EVERY + SILENCE, "counted from the first question");
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_in_time_forgives_what_was_missed() {
        let pulse = Pulse::default();
        let asked = Cell::new(0_u32);
        let changes = Cell::new(0_u32);
        // Every third question is answered.
        let ask = || {
            asked.set(asked.get() + 1);
            if asked.get().is_multiple_of(3) { Either::Left(ready(())) } else { Either::Right(pending()) }
        };
        let mut watch = pin!(pulse.watch(ask, || changes.set(changes.get() + 1)));
        assert!(!drive(&mut watch, Duration::from_mins(10)).await, "given up after {} questions", asked.get());
        assert!(asked.get() > 60 && changes.get() > 40, "{} questions, {} changes", asked.get(), changes.get());
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_host_slept_through_counts_for_nothing() {
        let pulse = Pulse::default();
        let mut watch = pin!(pulse.watch(pending, || {}));
        // Asleep in the middle of each question: the tick that was to come in 500 ms comes a minute late.
        for round in 0..20 {
            assert!(!drive(&mut watch, EVERY + ANSWER / 2 + TICK / 2).await);
            advance(Duration::from_mins(1)).await;
            // The rest of that question, and hardly more.
            assert!(!drive(&mut watch, TICK + Duration::from_millis(1)).await);
            assert!(!pulse.is_missed(), "round {round}: a sleeping host blames the browser");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_hold_up_of_the_host_is_no_excuse() {
        let pulse = Pulse::default();
        let mut watch = pin!(pulse.watch(pending, || {}));
        assert!(!drive(&mut watch, EVERY + TICK / 2).await);
        advance(GAP / 2).await;
        assert!(!drive(&mut watch, ANSWER).await);
        assert!(pulse.is_missed());
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_counts_awake_time_only() {
        let began = Instant::now();
        let waiting = pin!(awake(Duration::from_secs(3)));
        let Either::Right(((), waiting)) = select(waiting, pin!(sleep(Duration::from_secs(1)))).await else {
            panic!("it is over too early");
        };
        advance(Duration::from_mins(1)).await;
        assert!(waiting.await, "it slept");
        assert!(began.elapsed() >= Duration::from_secs(62), "{:?}", began.elapsed());
    }
}
