//! One call of a tool: its place in the line, its turn, and its trace in the session's list of calls.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::sync::OwnedSemaphorePermit;

use super::{Session, refusal, text::clean_text};
use crate::{Result, events::Event, view::CallView};

const TOOL_CHARS: usize = 100;
const ARGUMENT_CHARS: usize = 300;
/// Of one line of what a call did, and how many lines.
const RESULT_CHARS: usize = 220;
const RESULT_LINES: usize = 16;

/// A running call. Dropping it ends the call, and the session's idle time begins to count.
#[must_use = "the call ends when this is dropped"]
pub struct Call {
    number: u32,
    began: Duration,
    failed: bool,
    result: Option<String>,
    /// Given back before the turn is, so that whoever comes next finds a place.
    place: Place,
    _turn: OwnedSemaphorePermit,
}

/// A place among the calls that run or wait. While there is one, the session is not idle.
struct Place {
    session: Session,
}

impl Place {
    async fn take(session: Session) -> Result<Self> {
        // A session that is just being set up is a matter of microseconds.
        session.entry().ready.cancelled().await;
        let max = session.inner().settings.sessions.max_calls;
        let refused = {
            let mut core = session.entry().core();
            if !core.is_open() {
                Some(None)
            } else if core.in_flight >= max {
                Some(Some(refusal::too_many_calls(max)))
            } else {
                core.in_flight += 1;
                None
            }
        };
        match refused {
            None => {
                session.client_in_flight().fetch_add(1, Ordering::AcqRel);
                Ok(Self { session })
            }
            Some(error) => Err(error.unwrap_or_else(|| session.ended())),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let inner = self.session.inner();
        {
            let now = inner.ports.clock.now();
            let mut core = self.session.entry().core();
            core.in_flight = core.in_flight.saturating_sub(1);
            core.last_end = now;
        }
        self.session.client_in_flight().fetch_sub(1, Ordering::AcqRel);
        inner.emit(Event::SessionChanged(self.session.id().clone()));
        inner.client_call_ended(self.session.client());
    }
}

impl Call {
    pub(super) async fn begin(session: Session, tool: &str, arguments: &str) -> Result<Self> {
        let place = Place::take(session).await?;
        let entry = place.session.entry();
        let turn = tokio::select! {
            biased;
            () = entry.closing.cancelled() => None,
            turn = std::sync::Arc::clone(&entry.turn).acquire_owned() => turn.ok(),
        };
        let Some(turn) = turn else { return Err(place.session.ended()) };
        let clock = &place.session.inner().ports.clock;
        let began = clock.now();
        let number = {
            let mut core = entry.core();
            core.calls += 1;
            let number = core.calls;
            core.remember(CallView {
                number,
                tool: clean_text(tool, TOOL_CHARS),
                arguments: clean_text(arguments, ARGUMENT_CHARS),
                began_at: clock.wall(),
                ms: None,
                failed: None,
                result: None,
            });
            number
        };
        place.session.inner().emit(Event::SessionChanged(entry.id.clone()));
        Ok(Self { number, began, failed: true, result: None, place, _turn: turn })
    }

    /// Says what it did, for the list of calls: hostile text, cleaned and clipped here.
    pub fn tell(&mut self, result: &str) {
        let lines = result.lines().map(|line| clean_text(line, RESULT_CHARS)).filter(|line| !line.is_empty());
        let lines: Vec<String> = lines.take(RESULT_LINES).collect();
        self.result = (!lines.is_empty()).then(|| lines.join("\n"));
    }

    /// Ends the call; `failed` when its result is an error. A call that is only dropped has failed.
    pub fn finish(mut self, failed: bool) {
        self.failed = failed;
    }

    /// Its number in its session, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let session = &self.place.session;
        let took = session.inner().ports.clock.now().saturating_sub(self.began);
        if let Some(call) = session.entry().core().ring.iter_mut().rev().find(|call| call.number == self.number) {
            call.ms = Some(took.as_secs_f64() * 1_000.0);
            call.failed = Some(self.failed);
            call.result = self.result.take();
        }
    }
}
