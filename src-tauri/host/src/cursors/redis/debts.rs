//! Keys that must go: owed from the moment nobody may read them until Redis has unlinked them.
//!
//! A session's debt is paid by one task at a time, which no request waits for longer than it wants to:
//! a slow Redis makes removals late, not long. What cannot be paid now is paid when Redis is back.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::{
        Arc, Weak,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use ebb_core::ids::SessionId;
use parking_lot::Mutex;
use redis::Pipeline;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{keys::Keys, link::Link};

/// Keys of one round trip.
pub(super) const BATCH: usize = 500;
/// How long Redis may take to unlink a batch before the connection counts as dead.
const PAY: Duration = Duration::from_secs(5);
/// A command whose answer never came may still be on its way for this long.
const LATE: Duration = Duration::from_secs(2);
/// Doubtful keys that are remembered; the time to live takes care of the others.
const MAX_DOUBTFUL: usize = 10_000;
/// Sessions found in Redis that the books do not know.
const MAX_STRAYS: usize = 1_000;

/// What became of a cursor's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// Nothing was sent.
    New,
    /// Something was sent and no answer came.
    Doubtful,
    /// They are there.
    Written,
}

/// Where one cursor's bytes are; dropping the last handle makes its key owed.
#[derive(Debug)]
pub(super) struct Slot {
    debts: Weak<Debts>,
    session: SessionId,
    number: u64,
    bytes: usize,
    stage: AtomicU8,
}

impl Slot {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Release);
    }

    /// The part of a range that there is.
    pub(super) fn clamp(&self, bytes: Range<u32>) -> Range<usize> {
        let end = (bytes.end as usize).min(self.bytes);
        (bytes.start as usize).min(end)..end
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(debts) = self.debts.upgrade() {
            debts.end(self);
        }
    }
}

/// What a session owes.
#[derive(Debug)]
struct Debt {
    /// Slots that are not dropped yet: live cursors, and those being written.
    alive: u32,
    owed: Vec<u64>,
    /// Whether a task pays.
    paying: bool,
    /// The session ends: with its last key its set goes too.
    closing: bool,
    /// Whether anything of it was ever sent to Redis.
    sent: bool,
    /// Whether keys are there that only Redis knows.
    stray: bool,
    /// Why the last try failed.
    failed: Option<String>,
    changed: watch::Sender<()>,
}

impl Debt {
    fn new() -> Self {
        Self {
            alive: 0,
            owed: Vec::new(),
            paying: false,
            closing: false,
            sent: false,
            stray: false,
            failed: None,
            changed: watch::Sender::new(()),
        }
    }

    /// Whether there is something to do that can be done now.
    fn is_due(&self) -> bool {
        !self.owed.is_empty() || (self.closing && self.alive == 0 && (self.sent || self.stray))
    }
}

/// All debts.
#[derive(Debug)]
pub(super) struct Debts {
    this: Weak<Self>,
    keys: Arc<Keys>,
    link: Arc<Link>,
    tasks: TaskTracker,
    stop: CancellationToken,
    state: Mutex<State>,
    number: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    debts: HashMap<SessionId, Debt>,
    doubtful: VecDeque<(Instant, SessionId, u64)>,
}

impl Debts {
    pub(super) fn new(keys: Arc<Keys>, link: Arc<Link>, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            keys,
            link,
            tasks,
            stop,
            state: Mutex::default(),
            number: AtomicU64::new(1),
        })
    }

    /// A place for a payload of `bytes`.
    pub(super) fn slot(&self, session: &SessionId, bytes: usize) -> Slot {
        let mut state = self.state.lock();
        state.debts.entry(session.clone()).or_insert_with(Debt::new).alive += 1;
        Slot {
            debts: self.this.clone(),
            session: session.clone(),
            number: self.number.fetch_add(1, Ordering::Relaxed),
            bytes,
            stage: AtomicU8::new(Stage::New as u8),
        }
    }

    /// The session ends: what it has is owed as its slots are dropped, and its set with the last.
    pub(super) fn close(&self, session: &SessionId) {
        if let Some(debt) = self.state.lock().debts.get_mut(session) {
            debt.closing = true;
        }
    }

    /// Waits until nothing of a closing session is owed.
    pub(super) async fn settle(&self, session: &SessionId, patience: Duration) -> Result<(), String> {
        let Some(mut changed) = self.watch(session) else { return Ok(()) };
        self.pay(session);
        let settled = async {
            loop {
                match self.standing(session) {
                    Standing::Settled => return Ok(()),
                    Standing::Failed(why) => return Err(why),
                    Standing::Open => {}
                }
                if changed.changed().await.is_err() {
                    return Ok(());
                }
            }
        };
        timeout(patience, settled)
            .await
            .unwrap_or_else(|_| Err(format!("Redis does not answer within {} ms", patience.as_millis())))
    }

    /// Notes which sessions Redis has keys of; what the books do not know can then be removed like any.
    pub(super) fn found(&self, sessions: &[SessionId]) {
        let mut state = self.state.lock();
        state.debts.retain(|session, debt| !debt.stray || debt.paying || sessions.contains(session));
        for session in sessions {
            if state.debts.len() < MAX_STRAYS && !state.debts.contains_key(session) {
                state.debts.insert(session.clone(), Debt { stray: true, closing: true, ..Debt::new() });
            }
        }
    }

    /// Redis answers: pays what is owed, and once more what may have arrived late.
    pub(super) fn retry(&self) {
        let sessions: Vec<SessionId> = {
            let mut state = self.state.lock();
            while state.doubtful.front().is_some_and(|(since, ..)| since.elapsed() >= LATE) {
                let Some((_, session, number)) = state.doubtful.pop_front() else { break };
                let debt = state.debts.entry(session).or_insert_with(|| Debt { closing: true, ..Debt::new() });
                debt.owed.push(number);
                debt.sent = true;
            }
            let due = state.debts.iter_mut().filter(|(_, debt)| debt.is_due() && !debt.stray);
            due.map(|(session, debt)| {
                debt.failed = None;
                session.clone()
            })
            .collect()
        };
        for session in sessions {
            self.pay(&session);
        }
    }

    fn end(&self, slot: &Slot) {
        let reached = slot.stage.load(Ordering::Acquire);
        let mut state = self.state.lock();
        let State { debts, doubtful } = &mut *state;
        let Some(debt) = debts.get_mut(&slot.session) else { return };
        debt.alive = debt.alive.saturating_sub(1);
        if reached != Stage::New as u8 {
            debt.sent = true;
            debt.owed.push(slot.number);
        }
        if reached == Stage::Doubtful as u8 && doubtful.len() < MAX_DOUBTFUL {
            doubtful.push_back((Instant::now(), slot.session.clone(), slot.number));
        }
        let (due, over) = (debt.is_due(), debt.alive == 0 && !debt.is_due() && !debt.paying);
        if over && (debt.closing || !debt.sent) {
            debts.remove(&slot.session);
        }
        drop(state);
        if due {
            self.pay(&slot.session);
        }
    }

    fn watch(&self, session: &SessionId) -> Option<watch::Receiver<()>> {
        let mut state = self.state.lock();
        let debt = state.debts.get_mut(session)?;
        debt.closing = true;
        debt.failed = None;
        if debt.alive == 0 && !debt.is_due() && !debt.paying {
            state.debts.remove(session);
            return None;
        }
        Some(debt.changed.subscribe())
    }

    fn standing(&self, session: &SessionId) -> Standing {
        let state = self.state.lock();
        match state.debts.get(session) {
            None => Standing::Settled,
            Some(debt) if debt.paying => Standing::Open,
            Some(debt) => debt.failed.clone().map_or(Standing::Open, Standing::Failed),
        }
    }

    /// Starts to pay unless somebody does.
    fn pay(&self, session: &SessionId) {
        {
            let mut state = self.state.lock();
            let Some(debt) = state.debts.get_mut(session) else { return };
            if debt.paying || !debt.is_due() {
                return;
            }
            debt.paying = true;
        }
        let Some(this) = self.this.upgrade() else { return };
        let session = session.clone();
        let runtime = tokio::runtime::Handle::try_current();
        match runtime {
            Ok(runtime) => drop(self.tasks.spawn_on(
                async move {
                    let stop = this.stop.clone();
                    stop.run_until_cancelled(this.work(&session)).await;
                },
                &runtime,
            )),
            // A handle dropped outside the runtime: the next sign of life pays.
            Err(_) => this.stopped(&session, None),
        }
    }

    /// Pays until nothing is owed or Redis fails.
    async fn work(&self, session: &SessionId) {
        loop {
            let Some(task) = self.next(session) else { return };
            let result = self.send(session, &task).await;
            let mut state = self.state.lock();
            let Some(debt) = state.debts.get_mut(session) else { return };
            match result {
                Ok(()) => {
                    if task.all {
                        (debt.sent, debt.stray) = (!debt.owed.is_empty(), false);
                    }
                }
                Err(why) => {
                    debt.owed.extend(task.numbers);
                    drop(state);
                    self.stopped(session, Some(why));
                    return;
                }
            }
        }
    }

    /// What to send next; none ends the task.
    fn next(&self, session: &SessionId) -> Option<Task> {
        let mut state = self.state.lock();
        let debt = state.debts.get_mut(session)?;
        if !debt.is_due() {
            debt.paying = false;
            if debt.alive == 0 && (debt.closing || !debt.sent) {
                // Its sender goes with it, and whoever waits hears that.
                state.debts.remove(session);
            }
            return None;
        }
        let numbers = debt.owed.split_off(debt.owed.len().saturating_sub(BATCH));
        let all = debt.closing && debt.alive == 0 && debt.owed.is_empty();
        Some(Task { numbers, all, stray: debt.stray })
    }

    async fn send(&self, session: &SessionId, task: &Task) -> Result<(), String> {
        let mut pipe = redis::pipe();
        if task.stray {
            let numbers = self.members(session).await?;
            for numbers in numbers.chunks(BATCH) {
                self.unlink(&mut pipe, session, numbers);
            }
        }
        self.unlink(&mut pipe, session, &task.numbers);
        if task.all {
            pipe.cmd("UNLINK").arg(self.keys.set(session)).ignore();
            pipe.cmd("SREM").arg(self.keys.index()).arg(session.as_str()).ignore();
        } else {
            pipe.cmd("SREM").arg(self.keys.set(session)).arg(&task.numbers).ignore();
        }
        self.link.run::<()>(PAY, &pipe).await.map_err(|trouble| trouble.why)
    }

    fn unlink(&self, pipe: &mut Pipeline, session: &SessionId, numbers: &[u64]) {
        if !numbers.is_empty() {
            let unlink = pipe.cmd("UNLINK");
            for number in numbers {
                unlink.arg(self.keys.payload(session, *number));
            }
            unlink.ignore();
        }
    }

    async fn members(&self, session: &SessionId) -> Result<Vec<u64>, String> {
        let mut pipe = redis::pipe();
        pipe.cmd("SMEMBERS").arg(self.keys.set(session));
        self.link.run::<(Vec<u64>,)>(PAY, &pipe).await.map(|(members,)| members).map_err(|trouble| trouble.why)
    }

    fn stopped(&self, session: &SessionId, why: Option<String>) {
        let mut state = self.state.lock();
        if let Some(debt) = state.debts.get_mut(session) {
            debt.paying = false;
            debt.failed = why;
            debt.changed.send_replace(());
        }
    }
}

/// One round trip.
struct Task {
    numbers: Vec<u64>,
    /// With it the session has nothing left.
    all: bool,
    stray: bool,
}

/// How a debt stands for whoever waits.
enum Standing {
    Settled,
    Open,
    Failed(String),
}
