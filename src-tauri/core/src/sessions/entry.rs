//! One session in the registry, from its reserved slot to its report.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{OpenOptions, ProcessKey, waiting::Waiting};
use crate::{
    cleanup::{CleanupReport, Reason, Step, StepReport},
    devtools::Buffers,
    ids::{ClientId, SessionId},
    ports::Disposed,
    view::{CallView, ClientView},
};

/// How many past calls a session remembers.
const CALLS_KEPT: usize = 100;

/// Where a session is in its life. It only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The slot is reserved; the session is being set up.
    Opening,
    /// Calls run.
    Live,
    /// Its removal runs.
    Closing,
    /// Out of the registry, its report is out.
    Gone,
}

/// One session.
pub(super) struct Entry {
    pub(super) id: SessionId,
    /// Orders lists: the registry's map has no order.
    pub(super) number: u64,
    pub(super) options: OpenOptions,
    /// Whether it is what its client gets without asking.
    pub(super) is_default: bool,
    pub(super) opened_at: OffsetDateTime,
    pub(super) buffers: Arc<Buffers>,
    /// Cancelled at `Closing`, before the first step.
    pub(super) closing: CancellationToken,
    /// Cancelled when setting up is over, whether it succeeded or not.
    pub(super) ready: CancellationToken,
    /// The one call that runs; the others wait in order.
    pub(super) turn: Arc<Semaphore>,
    /// The report, once there is one. Everybody who asks for the removal waits here.
    pub(super) report: watch::Sender<Option<Arc<CleanupReport>>>,
    core: Mutex<Core>,
}

/// What changes in a session's life.
pub(super) struct Core {
    pub(super) phase: Phase,
    /// The clients that lease it, the one that opened it first.
    pub(super) owners: Vec<ClientId>,
    /// The first owner as last seen; outlives the owner.
    pub(super) client: ClientView,
    /// Which process it counts for.
    pub(super) process: Option<ProcessKey>,
    /// Set while it has no owner because its client left and may come back.
    pub(super) waiting: Option<Waiting>,
    /// Why its last owner left, from then until its removal begins: the sweeper may come between.
    pub(super) left: Option<Reason>,
    /// Calls running or waiting.
    pub(super) in_flight: usize,
    /// When the last call ended, or the session was opened.
    pub(super) last_end: Duration,
    pub(super) calls: u32,
    /// The last calls, newest last.
    pub(super) ring: VecDeque<CallView>,
    pub(super) ending: Ending,
}

/// How far the removal is. Lives outside the removal's task, so that the task may die.
#[derive(Default)]
pub(super) struct Ending {
    /// Why, and when asked for.
    pub(super) asked: Option<(Reason, OffsetDateTime)>,
    /// When the first step began.
    pub(super) began: Option<Duration>,
    pub(super) held_before: u64,
    pub(super) held_after: Option<u64>,
    /// The step that runs.
    pub(super) current: Option<Step>,
    pub(super) steps: Vec<StepReport>,
    pub(super) disposed: Disposed,
}

/// What an entry is made from.
pub(super) struct NewEntry {
    pub(super) number: u64,
    pub(super) options: OpenOptions,
    pub(super) is_default: bool,
    pub(super) process: Option<ProcessKey>,
    pub(super) opened_at: OffsetDateTime,
    pub(super) now: Duration,
    pub(super) owner: ClientView,
    pub(super) buffers: Arc<Buffers>,
}

impl Entry {
    pub(super) fn new(new: NewEntry) -> Self {
        Self {
            id: SessionId::new(),
            number: new.number,
            options: new.options,
            is_default: new.is_default,
            opened_at: new.opened_at,
            buffers: new.buffers,
            closing: CancellationToken::new(),
            ready: CancellationToken::new(),
            turn: Arc::new(Semaphore::new(1)),
            report: watch::Sender::new(None),
            core: Mutex::new(Core {
                phase: Phase::Opening,
                owners: vec![new.owner.id.clone()],
                client: new.owner,
                process: new.process,
                waiting: None,
                left: None,
                in_flight: 0,
                last_end: new.now,
                calls: 0,
                ring: VecDeque::new(),
                ending: Ending::default(),
            }),
        }
    }

    /// The changing part. Taken after the registry's lock, never before it, never over an await.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock()
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.options.name.as_deref()
    }
}

impl Core {
    /// One step forward; `false` when the session is not in `from`.
    pub(super) fn advance(&mut self, from: Phase, to: Phase) -> bool {
        let moves = self.phase == from;
        if moves {
            self.phase = to;
        }
        moves
    }

    /// Into `Closing`, where it was open.
    pub(super) fn begin_closing(&mut self, reason: Reason, at: OffsetDateTime) {
        self.phase = Phase::Closing;
        self.ending.asked = Some((reason, at));
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase < Phase::Closing
    }

    pub(super) fn owns(&self, client: &ClientId) -> bool {
        self.owners.contains(client)
    }

    /// How long nobody has called; zero while a call runs.
    pub(super) fn idle(&self, now: Duration) -> Duration {
        if self.in_flight > 0 { Duration::ZERO } else { now.saturating_sub(self.last_end) }
    }

    pub(super) fn remember(&mut self, call: CallView) {
        if self.ring.len() == CALLS_KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back(call);
    }
}
