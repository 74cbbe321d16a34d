//! What is held: bounded in number and bytes, the longest unused goes first.

use std::collections::{BTreeMap, HashMap, HashSet};

use ebb_core::ids::SessionId;
use sha2::{Digest as _, Sha256};

/// Clients that can be revived.
pub(super) const MAX_ROWS: usize = 4_096;
/// Bytes of what they said, together.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of what one of them said; a longer one must begin anew.
const MAX_STATE: usize = 64 * 1024;

/// Who may use an id: this user on the local socket, or whoever knows this token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Principal(String);

impl Principal {
    /// This user.
    pub(crate) fn user() -> Self {
        Self("user".to_owned())
    }

    /// Whoever knows this token, which cannot be told from it.
    pub(crate) fn token(token: &str) -> Self {
        Self(data_encoding::HEXLOWER.encode(&Sha256::digest(token)))
    }

    pub(super) fn from_text(text: String) -> Self {
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) principal: Principal,
    /// What it said when it began, as JSON.
    pub(super) state: String,
    /// The session it has, or had and does not know the end of.
    pub(super) session: Option<SessionId>,
    /// Seconds since 1970.
    pub(super) seen: i64,
}

/// All of them, and what the file does not know yet.
#[derive(Debug, Default)]
pub(super) struct Held {
    rows: HashMap<String, Row>,
    /// In the order of use.
    order: BTreeMap<u64, String>,
    places: HashMap<String, u64>,
    next: u64,
    bytes: usize,
    /// Ids whose rows changed or went.
    pub(super) dirty: HashSet<String>,
    /// The file says something else altogether, and has to be written anew.
    pub(super) whole: bool,
    /// Somebody went, and the file does not know.
    pub(super) goodbyes: bool,
    /// Changes so far, and how many of them the file knows.
    pub(super) changes: u64,
}

impl Held {
    pub(super) fn get(&self, principal: &Principal, id: &str) -> Option<&Row> {
        self.rows.get(id).filter(|row| row.principal == *principal)
    }

    pub(super) fn row(&self, id: &str) -> Option<&Row> {
        self.rows.get(id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Row)> {
        self.rows.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it was taken.
    pub(super) fn put(&mut self, id: &str, row: Row) -> bool {
        if row.state.len() > MAX_STATE {
            return false;
        }
        self.remove(id);
        self.bytes += row.state.len();
        self.rows.insert(id.to_owned(), row);
        self.touch(id);
        while self.rows.len() > MAX_ROWS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.first_key_value().map(|(_, id)| id.clone()) else { break };
            self.remove(&oldest);
        }
        self.changed(id);
        true
    }

    /// Puts what the file had, oldest first, without telling the file. What has come meanwhile stays.
    pub(super) fn load(&mut self, rows: Vec<(String, Row)>) {
        for (id, row) in rows {
            if self.rows.contains_key(&id) || self.dirty.contains(&id) || row.state.len() > MAX_STATE {
                continue;
            }
            if self.rows.len() >= MAX_ROWS || self.bytes + row.state.len() > MAX_BYTES {
                return;
            }
            self.bytes += row.state.len();
            self.rows.insert(id.clone(), row);
            self.touch(&id);
        }
    }

    /// It was used. The file need not know how recently.
    pub(super) fn touch(&mut self, id: &str) {
        if !self.rows.contains_key(id) {
            return;
        }
        self.next += 1;
        if let Some(old) = self.places.insert(id.to_owned(), self.next) {
            self.order.remove(&old);
        }
        self.order.insert(self.next, id.to_owned());
    }

    /// Its session is this one now. Whether that is news.
    pub(super) fn note(&mut self, id: &str, session: Option<&SessionId>, now: i64) -> bool {
        let Some(row) = self.rows.get_mut(id) else { return false };
        row.seen = now;
        if row.session.as_ref() == session {
            return false;
        }
        row.session = session.cloned();
        self.changed(id);
        true
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some(row) = self.rows.remove(id) else { return false };
        self.bytes -= row.state.len();
        if let Some(place) = self.places.remove(id) {
            self.order.remove(&place);
        }
        self.goodbyes = true;
        self.changed(id);
        true
    }

    fn changed(&mut self, id: &str) {
        self.changes += 1;
        if self.dirty.len() >= MAX_ROWS {
            // The file has not kept up for long.
            self.whole = true;
            self.dirty.clear();
        }
        if !self.whole {
            self.dirty.insert(id.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str) -> Row {
        Row { principal: Principal::user(), state: state.to_owned(), session: None, seen: 0 }
    }

    #[test]
    fn the_longest_unused_goes_first_and_bytes_count() {
        let mut held = Held::default();
        for n in 0..MAX_ROWS {
            assert!(held.put(&n.to_string(), row("x")));
        }
        held.touch("0");
        held.put("new", row("x"));
        assert!(held.row("0").is_some() && held.row("1").is_none());
        assert_eq!(held.len(), MAX_ROWS);
        assert!(!held.put("large", row(&"x".repeat(MAX_STATE + 1))));
        for n in 0..MAX_BYTES / MAX_STATE + 2 {
            held.put(&format!("big {n}"), row(&"x".repeat(MAX_STATE)));
        }
        assert!(held.bytes <= MAX_BYTES);
        let rest: Vec<String> = held.all().map(|(id, _)| id.clone()).collect();
        for id in rest {
            held.remove(&id);
        }
        assert_eq!((held.bytes, held.order.len(), held.places.len()), (0, 0, 0));
        assert!(held.whole && held.dirty.is_empty(), "the file never kept up");
    }

    #[test]
    fn a_stranger_finds_nothing_and_a_token_is_not_kept() {
        let mut held = Held::default();
        let token = Principal::token("secret");
        held.put("a", Row { principal: token.clone(), ..row("x") });
        assert!(held.get(&token, "a").is_some());
        assert!(held.get(&Principal::user(), "a").is_none() && held.get(&Principal::token("other"), "a").is_none());
        assert!(!token.as_str().contains("secret"));
    }

    #[test]
    fn what_the_file_had_does_not_replace_what_came() {
        let mut held = Held::default();
        held.put("a", row("new"));
        held.put("gone", row("x"));
        held.remove("gone");
        held.load(vec![("a".into(), row("old")), ("gone".into(), row("old")), ("b".into(), row("old"))]);
        assert_eq!(held.row("a").unwrap().state, "new");
        assert!(held.row("gone").is_none() && held.row("b").is_some());
    }
}
