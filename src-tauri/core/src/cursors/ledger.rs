//! Who owns which cursor, for how long and at what cost: what all stores have in common.
//!
//! The ledger keeps everything about a cursor but its bytes; for those it holds a handle `P` of the
//! store's choosing (the bytes themselves in the memory store, a row or key elsewhere) and gives it
//! back when the cursor goes.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    CursorFreed, Found, Outline, Span,
    arena::{Entry, How},
    errors,
    shard::Shard,
};
use crate::{
    Error, Result,
    ids::{CursorId, SessionId},
    ports::Clock,
    settings::CursorSettings,
    view::CursorView,
};

/// Enough that sessions seldom meet at a lock, few enough that a sweep of nothing costs nothing.
const SHARDS: usize = 16;

/// What went, and the handles of its payloads, to be released by the store.
#[derive(Debug)]
pub struct Released<P> {
    /// How much.
    pub freed: CursorFreed,
    /// The payloads.
    pub payloads: Vec<P>,
}

impl<P> Released<P> {
    const fn nothing() -> Self {
        Self { freed: CursorFreed { count: 0, bytes: 0 }, payloads: Vec::new() }
    }

    fn add(&mut self, entry: Entry<P>) {
        self.freed += CursorFreed { count: 1, bytes: entry.bytes() };
        self.payloads.push(entry.payload);
    }
}

/// A cursor that was let in, and those that made room for it.
#[derive(Debug)]
pub struct Admitted<P> {
    /// The new one.
    pub view: CursorView,
    /// The evicted ones.
    pub evicted: Released<P>,
}

/// The books of a store.
pub struct Ledger<P> {
    settings: CursorSettings,
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: [Mutex<Shard<P>>; SHARDS],
    /// Cursors of all sessions.
    count: AtomicU32,
    /// Bytes of all sessions; reserved before a cursor is entered, so the cap holds at any moment.
    bytes: AtomicU64,
    /// Numbers creations and readings.
    serial: AtomicU64,
}

impl<P> std::fmt::Debug for Ledger<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("usage", &self.usage(None)).finish_non_exhaustive()
    }
}

impl<P> Ledger<P> {
    /// Empty books.
    #[must_use]
    pub fn new(settings: CursorSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings,
            clock,
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::new(Shard::default())),
            count: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
            serial: AtomicU64::new(1),
        }
    }

    fn shard(&self, session: &SessionId) -> &Mutex<Shard<P>> {
        &self.shards[self.hasher.hash_one(session) as usize % SHARDS]
    }

    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    fn subtract(&self, freed: CursorFreed) {
        self.count.fetch_sub(freed.count, Ordering::Relaxed);
        self.bytes.fetch_sub(freed.bytes, Ordering::Relaxed);
    }

    /// Enters a cursor; see [`CursorStore::create`](super::CursorStore::create).
    ///
    /// # Errors
    /// `SessionEnded`, `LimitReached`; nothing has changed then.
    pub fn admit(
        &self,
        session: &SessionId,
        gate: &CancellationToken,
        outline: Arc<Outline>,
        payload: P,
        read: Span,
    ) -> Result<Admitted<P>> {
        let bytes = outline.bytes();
        if bytes > self.settings.max_session_bytes {
            return Err(errors::over_session(bytes, self.settings.max_session_bytes));
        }
        let id = CursorId::new();
        let now = self.clock.now();
        let mut evicted = Released::nothing();
        let mut shard = self.shard(session).lock();
        if gate.is_cancelled() {
            return Err(errors::session_ended());
        }
        let (victims, victim_bytes) =
            shard.arenas.get(session).map_or_else(Default::default, |arena| arena.victims(bytes, &self.settings));
        let cap = self.settings.max_total_bytes;
        self.bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                Some(held - victim_bytes + bytes).filter(|sum| *sum <= cap)
            })
            .map_err(|_| errors::over_total(cap))?;
        for victim in &victims {
            evicted.payloads.reserve(victims.len());
            if let Some(entry) = shard.end(session, victim, Some(How::Evicted), now, &self.settings) {
                evicted.add(entry);
            }
        }
        let entry = Entry {
            outline,
            payload,
            last: read,
            created: now,
            expires: now + self.settings.ttl.min(self.settings.max_age),
            serial: self.next_serial(),
            reading: self.next_serial(),
        };
        let view = view(session, &id, &entry, now);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_sub(evicted.freed.count, Ordering::Relaxed);
        shard.insert(session, id, entry);
        Ok(Admitted { view, evicted })
    }

    /// Looks a cursor up; see [`CursorStore::find`](super::CursorStore::find).
    ///
    /// # Errors
    /// `CursorUnknown`, `CursorExpired`, `CursorEvicted`.
    pub fn find(&self, session: &SessionId, cursor: &CursorId) -> Result<Found> {
        let now = self.clock.now();
        let shard = self.shard(session).lock();
        let entry = shard.get(session, cursor, now, &self.settings)?;
        Ok(Found {
            outline: Arc::clone(&entry.outline),
            last: entry.last,
            expires_in: entry.expires.saturating_sub(now),
        })
    }

    /// Renews a cursor, remembers the range where one is given, and says how long it lives now.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    pub fn renew(&self, session: &SessionId, cursor: &CursorId, read: Option<Span>) -> Result<Duration> {
        let now = self.clock.now();
        let mut shard = self.shard(session).lock();
        let entry = shard.renew(session, cursor, now, self.next_serial(), &self.settings)?;
        if let Some(read) = read {
            entry.last = read;
        }
        Ok(entry.expires.saturating_sub(now))
    }

    /// Closes one cursor, or all of a session.
    ///
    /// # Errors
    /// Those of [`find`](Self::find) when one is named.
    pub fn close(&self, session: &SessionId, cursor: Option<&CursorId>) -> Result<Released<P>> {
        let now = self.clock.now();
        let mut released = Released::nothing();
        let mut shard = self.shard(session).lock();
        let cursors = if let Some(cursor) = cursor {
            shard.get(session, cursor, now, &self.settings)?;
            vec![cursor.clone()]
        } else {
            shard.arenas.get(session).map_or_else(Vec::new, |arena| arena.entries.keys().cloned().collect())
        };
        for cursor in &cursors {
            if let Some(entry) = shard.remove(session, cursor) {
                released.add(entry);
            }
        }
        self.subtract(released.freed);
        Ok(released)
    }

    /// Whether a cursor whose payload was written meanwhile may be handed out.
    ///
    /// # Errors
    /// `SessionEnded` once the gate is cancelled: then it is gone, or goes with what the session has.
    pub fn confirm(&self, gate: &CancellationToken) -> Result<()> {
        if gate.is_cancelled() { Err(errors::session_ended()) } else { Ok(()) }
    }

    /// Ends a cursor whose payload the store no longer has, and says what its owner is told.
    pub fn lose(&self, session: &SessionId, cursor: &CursorId) -> (Released<P>, Error) {
        let now = self.clock.now();
        let mut released = Released::nothing();
        let mut shard = self.shard(session).lock();
        if let Some(entry) = shard.end(session, cursor, Some(How::Lost), now, &self.settings) {
            released.add(entry);
        }
        self.subtract(released.freed);
        let told = shard.get(session, cursor, now, &self.settings).err().unwrap_or_else(errors::unknown);
        (released, told)
    }

    /// Forgets a session and all that it had.
    pub fn invalidate(&self, session: &SessionId) -> Released<P> {
        let mut released = Released::nothing();
        let mut shard = self.shard(session).lock();
        let arena = shard.remove_session(session);
        for entry in arena.into_iter().flat_map(|arena| arena.entries.into_values()) {
            released.add(entry);
        }
        self.subtract(released.freed);
        released
    }

    /// Ends what has expired. Looks only at what there is to end.
    pub fn sweep(&self) -> Released<P> {
        let now = self.clock.now();
        let mut released = Released::nothing();
        for shard in &self.shards {
            let mut ended = Released::nothing();
            let mut shard = shard.lock();
            while let Some(entry) = shard.end_expired(now, &self.settings) {
                ended.add(entry);
            }
            self.subtract(ended.freed);
            drop(shard);
            released.freed += ended.freed;
            released.payloads.append(&mut ended.payloads);
        }
        released
    }

    /// What a session, or all of them, holds.
    pub fn usage(&self, session: Option<&SessionId>) -> CursorFreed {
        let Some(session) = session else {
            return CursorFreed {
                count: self.count.load(Ordering::Relaxed),
                bytes: self.bytes.load(Ordering::Relaxed),
            };
        };
        let shard = self.shard(session).lock();
        shard.arenas.get(session).map_or_else(CursorFreed::default, |arena| CursorFreed {
            count: arena.entries.len() as u32,
            bytes: arena.bytes,
        })
    }

    /// The sessions that hold at least one cursor, in no order.
    pub fn owners(&self) -> Vec<SessionId> {
        let holding = |shard: &Mutex<Shard<P>>| {
            let shard = shard.lock();
            let holders = shard.arenas.iter().filter(|(_, arena)| !arena.entries.is_empty());
            holders.map(|(session, _)| session.clone()).collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(holding).collect()
    }

    /// The session's cursors, oldest first.
    pub fn list(&self, session: &SessionId) -> Vec<CursorView> {
        let now = self.clock.now();
        let shard = self.shard(session).lock();
        let Some(arena) = shard.arenas.get(session) else {
            return Vec::new();
        };
        let mut entries: Vec<_> = arena.entries.iter().filter(|(_, entry)| entry.expires > now).collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.serial);
        entries.into_iter().map(|(id, entry)| view(session, id, entry, now)).collect()
    }
}

impl<P: Clone> Ledger<P> {
    /// Renews a cursor and hands out its payload's handle.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    pub fn payload(&self, session: &SessionId, cursor: &CursorId) -> Result<P> {
        let now = self.clock.now();
        let mut shard = self.shard(session).lock();
        let entry = shard.renew(session, cursor, now, self.next_serial(), &self.settings)?;
        Ok(entry.payload.clone())
    }
}

fn view<P>(session: &SessionId, id: &CursorId, entry: &Entry<P>, now: Duration) -> CursorView {
    CursorView {
        id: id.clone(),
        session: session.clone(),
        tool: entry.outline.tool.clone(),
        unit: entry.outline.unit.many().to_owned(),
        items: entry.outline.total(),
        position: entry.last.last_unit(),
        bytes: entry.bytes(),
        age_s: now.saturating_sub(entry.created).as_secs(),
        expires_s: entry.expires.saturating_sub(now).as_secs(),
    }
}
