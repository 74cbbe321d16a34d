//! What one session has: its live cursors in the order of their last reading, and what became of
//! the ended ones.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::{Outline, Span, errors};
use crate::{Error, ids::CursorId, settings::CursorSettings};

/// Ended cursors remembered a session; the oldest are forgotten first. Sessions are limited, so
/// this bounds them all, and no session can make another's be forgotten.
pub(super) const MAX_ENDED: usize = 512;

/// A live cursor.
#[derive(Debug)]
pub(super) struct Entry<P> {
    pub(super) outline: Arc<Outline>,
    pub(super) payload: P,
    pub(super) last: Span,
    pub(super) created: Duration,
    pub(super) expires: Duration,
    /// Number of its creation; never used again.
    pub(super) serial: u64,
    /// Number of its last reading; the key in `Arena::by_reading`.
    pub(super) reading: u64,
}

impl<P> Entry<P> {
    pub(super) fn bytes(&self) -> u64 {
        self.outline.bytes()
    }

    /// The key in the shard's expiry index.
    pub(super) const fn expiry_key(&self) -> (Duration, u64) {
        (self.expires, self.serial)
    }

    fn too_old(&self, settings: &CursorSettings) -> bool {
        self.expires >= self.created + settings.max_age
    }

    /// What its owner is told once its time is up.
    pub(super) fn expired(&self, settings: &CursorSettings) -> Error {
        How::after(self, settings).tell(&self.outline.tool, settings)
    }
}

/// How a cursor ended that its owner did not close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Unread,
    TooOld,
    Evicted,
    Lost,
}

impl How {
    /// How an entry ends whose time is up.
    pub(super) fn after<P>(entry: &Entry<P>, settings: &CursorSettings) -> Self {
        if entry.too_old(settings) { Self::TooOld } else { Self::Unread }
    }

    fn tell(self, tool: &str, settings: &CursorSettings) -> Error {
        match self {
            Self::Unread => errors::expired(tool, settings.ttl),
            Self::TooOld => errors::too_old(tool, settings.max_age),
            Self::Evicted => errors::evicted(tool),
            Self::Lost => errors::lost(tool),
        }
    }
}

/// What is left of an ended cursor.
#[derive(Debug)]
struct Ended {
    cursor: CursorId,
    tool: String,
    how: How,
    at: Duration,
}

/// Everything of one session.
#[derive(Debug)]
pub(super) struct Arena<P> {
    pub(super) entries: HashMap<CursorId, Entry<P>>,
    /// Least recently read first.
    pub(super) by_reading: BTreeMap<u64, CursorId>,
    pub(super) bytes: u64,
    ended: VecDeque<Ended>,
}

impl<P> Default for Arena<P> {
    fn default() -> Self {
        Self { entries: HashMap::new(), by_reading: BTreeMap::new(), bytes: 0, ended: VecDeque::new() }
    }
}

impl<P> Arena<P> {
    pub(super) fn insert(&mut self, cursor: CursorId, entry: Entry<P>) {
        self.bytes += entry.bytes();
        self.by_reading.insert(entry.reading, cursor.clone());
        self.entries.insert(cursor, entry);
    }

    /// Takes an entry out. The caller takes it out of the expiry index.
    pub(super) fn remove(&mut self, cursor: &CursorId) -> Option<Entry<P>> {
        let entry = self.entries.remove(cursor)?;
        self.by_reading.remove(&entry.reading);
        self.bytes -= entry.bytes();
        Some(entry)
    }

    /// The least recently read cursors that must go for `bytes` more in one more cursor to fit, and
    /// their bytes.
    pub(super) fn victims(&self, bytes: u64, settings: &CursorSettings) -> (Vec<CursorId>, u64) {
        let mut victims = Vec::new();
        let mut freed = 0;
        for cursor in self.by_reading.values() {
            let count = self.entries.len() - victims.len();
            if count < settings.max_per_session && self.bytes - freed + bytes <= settings.max_session_bytes {
                break;
            }
            freed += self.entries.get(cursor).map_or(0, Entry::bytes);
            victims.push(cursor.clone());
        }
        (victims, freed)
    }

    /// Remembers how a cursor ended.
    pub(super) fn bury(&mut self, cursor: CursorId, entry: &Entry<P>, how: How, now: Duration, keep: Duration) {
        while self.ended.len() >= MAX_ENDED || self.ended.front().is_some_and(|ended| ended.at + keep <= now) {
            self.ended.pop_front();
        }
        self.ended.push_back(Ended { cursor, tool: entry.outline.tool.clone(), how, at: now });
    }

    /// What the owner is told about a cursor that is not live.
    pub(super) fn obituary(&self, cursor: &CursorId, now: Duration, settings: &CursorSettings) -> Error {
        self.ended
            .iter()
            .rev()
            .find(|ended| ended.cursor == *cursor && ended.at + settings.tombstone > now)
            .map_or_else(errors::unknown, |ended| ended.how.tell(&ended.tool, settings))
    }
}
