//! Some of the sessions, behind one lock, with the order in which their cursors expire.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::arena::{Arena, Entry, How};
use crate::{
    Result,
    cursors::errors,
    ids::{CursorId, SessionId},
    settings::CursorSettings,
};

#[derive(Debug)]
pub(super) struct Shard<P> {
    pub(super) arenas: HashMap<SessionId, Arena<P>>,
    /// Who expires when, soonest first. Sweeping looks at nothing else.
    expiry: BTreeMap<(Duration, u64), (SessionId, CursorId)>,
}

impl<P> Default for Shard<P> {
    fn default() -> Self {
        Self { arenas: HashMap::new(), expiry: BTreeMap::new() }
    }
}

impl<P> Shard<P> {
    pub(super) fn insert(&mut self, session: &SessionId, cursor: CursorId, entry: Entry<P>) {
        self.expiry.insert(entry.expiry_key(), (session.clone(), cursor.clone()));
        self.arenas.entry(session.clone()).or_default().insert(cursor, entry);
    }

    /// The live entry, for its owner only.
    pub(super) fn get(
        &self,
        session: &SessionId,
        cursor: &CursorId,
        now: Duration,
        settings: &CursorSettings,
    ) -> Result<&Entry<P>> {
        let arena = self.arenas.get(session).ok_or_else(errors::unknown)?;
        match arena.entries.get(cursor) {
            Some(entry) if entry.expires > now => Ok(entry),
            Some(entry) => Err(entry.expired(settings)),
            None => Err(arena.obituary(cursor, now, settings)),
        }
    }

    /// Moves a live entry to the end of both queues and hands it out.
    pub(super) fn renew(
        &mut self,
        session: &SessionId,
        cursor: &CursorId,
        now: Duration,
        reading: u64,
        settings: &CursorSettings,
    ) -> Result<&mut Entry<P>> {
        self.get(session, cursor, now, settings)?;
        let arena = self.arenas.get_mut(session).ok_or_else(errors::unknown)?;
        let entry = arena.entries.get_mut(cursor).ok_or_else(errors::unknown)?;
        if let Some(id) = arena.by_reading.remove(&entry.reading) {
            arena.by_reading.insert(reading, id);
        }
        entry.reading = reading;
        let owner = self.expiry.remove(&entry.expiry_key());
        entry.expires = (now + settings.ttl).min(entry.created + settings.max_age);
        if let Some(owner) = owner {
            self.expiry.insert(entry.expiry_key(), owner);
        }
        Ok(entry)
    }

    /// Takes an entry out of everything.
    pub(super) fn remove(&mut self, session: &SessionId, cursor: &CursorId) -> Option<Entry<P>> {
        let entry = self.arenas.get_mut(session)?.remove(cursor)?;
        self.expiry.remove(&entry.expiry_key());
        Some(entry)
    }

    /// Takes an entry out and remembers how it ended.
    pub(super) fn end(
        &mut self,
        session: &SessionId,
        cursor: &CursorId,
        how: Option<How>,
        now: Duration,
        settings: &CursorSettings,
    ) -> Option<Entry<P>> {
        let entry = self.remove(session, cursor)?;
        let how = match how {
            Some(how) if entry.expires > now => how,
            _ => How::after(&entry, settings),
        };
        if let Some(arena) = self.arenas.get_mut(session) {
            arena.bury(cursor.clone(), &entry, how, now, settings.tombstone);
        }
        Some(entry)
    }

    /// Takes the next entry out whose time is up.
    pub(super) fn end_expired(&mut self, now: Duration, settings: &CursorSettings) -> Option<Entry<P>> {
        let (key, (session, cursor)) = self.expiry.first_key_value()?;
        if key.0 > now {
            return None;
        }
        let (session, cursor) = (session.clone(), cursor.clone());
        self.end(&session, &cursor, None, now, settings)
    }

    /// Takes all of a session out, and forgets its ended cursors.
    pub(super) fn remove_session(&mut self, session: &SessionId) -> Option<Arena<P>> {
        let arena = self.arenas.remove(session)?;
        for entry in arena.entries.values() {
            self.expiry.remove(&entry.expiry_key());
        }
        Some(arena)
    }
}
