//! Cursors in Redis: for hosts that share one place.
//!
//! Who owns what, and for how long, is in memory (the core's `Ledger`); Redis holds bytes alone, under
//! keys that carry this host's instance and a time to live. Nothing waits longer than its deadline: a
//! Redis that does not answer costs a result its rest, and a removal leaves keys that are owed
//! ([`debts`]), until Redis is back or their time is up.

mod debts;
mod keys;
mod link;
mod purge;
mod words;

use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use ebb_core::{
    Result,
    cursors::{Chunk, CursorFreed, CursorStore, Found, Ledger, NewCursor, Span},
    ids::{CursorId, InstanceId, SessionId},
    ports::Clock,
    settings::{CursorSettings, StoreChoice},
    view::CursorView,
};
use parking_lot::Mutex;
use redis::Pipeline;
use tokio::time::{Instant, timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use self::{
    debts::{Debts, Slot, Stage},
    keys::Keys,
    link::Link,
};
use super::status::{Status, unavailable};

/// How long a command about one cursor may take, connecting included.
const COMMAND: Duration = Duration::from_secs(3);
/// How long a removal waits for its keys to go; less than its step has.
const SETTLE: Duration = Duration::from_millis(500);
/// How long looking for keys may take.
const SCAN: Duration = Duration::from_secs(5);
/// How long the last words of an orderly end may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// What a key lives longer than its cursor may.
const SLACK: Duration = Duration::from_mins(1);
/// For so long after its last sign a host counts as alive.
const LEASE: Duration = Duration::from_mins(2);
/// How often a host that has cursors gives a sign.
const RENEWAL: Duration = Duration::from_secs(15);

/// Cursors in a Redis.
#[derive(Debug)]
pub struct RedisStore {
    ledger: Ledger<Arc<Slot>>,
    keys: Arc<Keys>,
    link: Arc<Link>,
    debts: Arc<Debts>,
    status: Arc<Status>,
    lease: Duration,
    /// When the last sign of life was given.
    renewed: Mutex<Option<Instant>>,
    purged: Mutex<Option<Instant>>,
    tasks: TaskTracker,
    _stop: DropGuard,
}

impl RedisStore {
    /// An empty store at `url`; connecting is left to the first use.
    ///
    /// # Errors
    /// `InvalidArguments` when the URL is none of a Redis. It is not repeated: it may hold a password.
    pub fn new(settings: CursorSettings, clock: Arc<dyn Clock>, url: &str, instance: &InstanceId) -> Result<Self> {
        Self::with_lease(settings, clock, url, instance, LEASE)
    }

    /// The same with another time until this host, once silent, counts as dead.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn with_lease(
        settings: CursorSettings,
        clock: Arc<dyn Clock>,
        url: &str,
        instance: &InstanceId,
        lease: Duration,
    ) -> Result<Self> {
        let shown = StoreChoice::Redis(url.to_owned()).shown();
        let status = Arc::new(Status::new(shown));
        let keys = Arc::new(Keys::new(instance.clone(), settings.max_age + SLACK));
        let link = Arc::new(Link::new(url, Arc::clone(&status))?);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let debts = Debts::new(Arc::clone(&keys), Arc::clone(&link), tasks.clone(), stop.clone());
        Ok(Self {
            ledger: Ledger::new(settings, clock),
            keys,
            link,
            debts,
            status,
            lease,
            renewed: Mutex::default(),
            purged: Mutex::default(),
            tasks,
            _stop: stop.drop_guard(),
        })
    }

    pub(super) fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Takes the sign of life away, once every session is removed.
    pub(super) async fn leave(&self) {
        // What is being paid now is paid first.
        self.tasks.close();
        drop(timeout(FAREWELL, self.tasks.wait()).await);
        let mut pipe = redis::pipe();
        pipe.cmd("UNLINK").arg(self.keys.lease()).arg(self.keys.index()).ignore();
        pipe.cmd("SREM").arg(keys::INSTANCES).arg(self.keys.instance().as_str()).ignore();
        if self.renewed.lock().is_some()
            && let Err(trouble) = self.link.run::<()>(FAREWELL, &pipe).await
        {
            tracing::debug!(why = trouble.why, "Redis did not hear that this host ends; its keys have a time to live");
        }
    }

    /// Adds a sign of life where one is due.
    fn sign(&self, pipe: &mut Pipeline, always: bool) {
        let pause = RENEWAL.min(self.lease / 3);
        let due = self.renewed.lock().is_none_or(|at| at.elapsed() >= pause);
        if due || always {
            let instance = self.keys.instance().as_str();
            pipe.cmd("SADD").arg(keys::INSTANCES).arg(instance).ignore();
            pipe.cmd("EXPIRE").arg(keys::INSTANCES).arg(keys::INSTANCES_TTL.as_secs()).ignore();
            pipe.cmd("SET").arg(self.keys.lease()).arg(1).arg("PX").arg(self.lease.as_millis() as u64).ignore();
        }
    }

    fn signed(&self) {
        *self.renewed.lock() = Some(Instant::now());
    }

    async fn write(&self, session: &SessionId, slot: &Slot, payload: &str) -> std::result::Result<(), String> {
        let mut pipe = redis::pipe();
        // What leads to the key comes before the key: wherever this breaks off, nobody misses one.
        self.sign(&mut pipe, false);
        let ttl = self.keys.ttl().as_secs();
        let (index, set) = (self.keys.index(), self.keys.set(session));
        pipe.cmd("SADD").arg(&index).arg(session.as_str()).ignore();
        pipe.cmd("EXPIRE").arg(&index).arg(ttl).ignore();
        pipe.cmd("SADD").arg(&set).arg(slot.number()).ignore();
        pipe.cmd("EXPIRE").arg(&set).arg(ttl).ignore();
        pipe.cmd("SET").arg(self.keys.payload(session, slot.number())).arg(payload).arg("EX").arg(ttl).ignore();
        slot.enter(Stage::Doubtful);
        match self.link.run::<()>(COMMAND, &pipe).await {
            Ok(()) => {
                slot.enter(Stage::Written);
                self.signed();
                self.status.works();
                Ok(())
            }
            Err(trouble) => Err(trouble.why),
        }
    }
}

/// Takes a cursor out again that could not be finished, whichever way its creation ended.
struct Unfinished<'a> {
    store: &'a RedisStore,
    session: &'a SessionId,
    cursor: Option<CursorId>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(cursor) = &self.cursor {
            // Gone already is as good; dropping the slots makes their keys owed.
            drop(self.store.ledger.close(self.session, Some(cursor)));
        }
    }
}

#[async_trait]
impl CursorStore for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }

    async fn create(&self, session: &SessionId, gate: &CancellationToken, new: NewCursor) -> Result<CursorView> {
        let NewCursor { frozen, read } = new;
        let payload = frozen.payload;
        let slot = Arc::new(self.debts.slot(session, payload.as_str().len()));
        let view = self.ledger.admit(session, gate, Arc::new(frozen.outline), Arc::clone(&slot), read)?.view;
        let mut unfinished = Unfinished { store: self, session, cursor: Some(view.id.clone()) };
        let written = self.write(session, &slot, payload.as_str()).await;
        drop(slot);
        self.ledger.confirm(gate)?;
        if let Err(why) = written {
            self.status.refused();
            return Err(unavailable(&why));
        }
        unfinished.cursor = None;
        Ok(view)
    }

    fn find(&self, session: &SessionId, cursor: &CursorId) -> Result<Found> {
        self.ledger.find(session, cursor)
    }

    async fn read(&self, session: &SessionId, cursor: &CursorId, bytes: Range<u32>) -> Result<Chunk> {
        let (key, range) = {
            let slot = self.ledger.payload(session, cursor)?;
            (self.keys.payload(session, slot.number()), slot.clamp(bytes))
        };
        if range.is_empty() {
            return Ok(Chunk::fetched(Vec::new()));
        }
        let mut pipe = redis::pipe();
        pipe.cmd("GETRANGE").arg(key).arg(range.start).arg(range.end - 1);
        match self.link.run::<(Vec<u8>,)>(COMMAND, &pipe).await {
            Ok((bytes,)) if bytes.len() == range.len() => Ok(Chunk::fetched(bytes)),
            Ok(_) => {
                // Redis made room or was restarted; or the session ended meanwhile, then it is unknown.
                let (released, told) = self.ledger.lose(session, cursor);
                if released.freed.count > 0 {
                    tracing::warn!(%session, "Redis no longer has the content of a cursor");
                }
                Err(told)
            }
            Err(trouble) => Err(unavailable(&trouble.why)),
        }
    }

    fn remember(&self, session: &SessionId, cursor: &CursorId, read: Span) -> Result<Duration> {
        self.ledger.renew(session, cursor, Some(read))
    }

    async fn close(&self, session: &SessionId, cursor: Option<&CursorId>) -> Result<CursorFreed> {
        // Their keys are owed from here on, and go when Redis takes the command.
        Ok(self.ledger.close(session, cursor)?.freed)
    }

    async fn invalidate_session(&self, session: &SessionId) -> Result<CursorFreed> {
        let released = self.ledger.invalidate(session);
        let freed = released.freed;
        self.debts.close(session);
        drop(released);
        match self.debts.settle(session, SETTLE).await {
            Ok(()) => Ok(freed),
            Err(why) => Err(unavailable(&why)),
        }
    }

    async fn sweep(&self) -> Result<CursorFreed> {
        Ok(self.ledger.sweep().freed)
    }

    fn usage_now(&self, session: Option<&SessionId>) -> CursorFreed {
        self.ledger.usage(session)
    }

    fn list(&self, session: &SessionId) -> Vec<CursorView> {
        self.ledger.list(session)
    }

    async fn owners(&self) -> Result<Vec<SessionId>> {
        let found = purge::owners(&self.link, &self.keys, SCAN).await.map_err(|trouble| unavailable(&trouble.why))?;
        self.debts.found(&found);
        Ok(found)
    }

    async fn health(&self) -> Result<()> {
        let mut pipe = redis::pipe();
        self.sign(&mut pipe, true);
        pipe.cmd("GET").arg(self.keys.lease());
        match self.link.run::<(Option<String>,)>(COMMAND, &pipe).await {
            Ok((Some(_),)) => {
                self.signed();
                self.status.works();
                self.debts.retry();
            }
            Ok((None,)) => {
                let why = "what is written to it is gone at once";
                self.status.fails(why);
                return Err(unavailable(why));
            }
            Err(trouble) => return Err(unavailable(&trouble.why)),
        }
        let due = self.purged.lock().is_none_or(|at| at.elapsed() >= self.lease / 4);
        if due {
            *self.purged.lock() = Some(Instant::now());
            if let Err(trouble) = purge::dead_instances(&self.link, &self.keys, SCAN).await {
                tracing::debug!(why = trouble.why, "keys of dead hosts stay for now");
            }
        }
        Ok(())
    }

    async fn purge_instance(&self, instance: &InstanceId) -> Result<CursorFreed> {
        let keys = Keys::new(instance.clone(), self.keys.ttl());
        purge::purge(&self.link, &keys, SCAN).await.map_err(|trouble| unavailable(&trouble.why))
    }
}
