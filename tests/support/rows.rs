//! The rows of the history database, read beside the host that writes them.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

/// A reader of `history.db`.
pub struct Rows(Connection);

impl Rows {
    /// Opens the database of a data directory for reading.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        let path = data.join("history.db");
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let connection = connection.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        Self(connection)
    }

    /// Whether a row says that the session is open.
    #[must_use]
    pub fn is_open(&self, session: &str) -> bool {
        self.count("SELECT count(*) FROM open_sessions WHERE session = ?1", session) > 0
    }

    /// How many reports the session has.
    #[must_use]
    pub fn reports(&self, session: &str) -> u32 {
        self.count("SELECT count(*) FROM reports WHERE session = ?1", session)
    }

    /// The key of the reason in the session's report.
    #[must_use]
    pub fn reason(&self, session: &str) -> Option<String> {
        self.0.query_row("SELECT reason FROM reports WHERE session = ?1", [session], |row| row.get(0)).ok()
    }

    /// How many leftovers there are.
    #[must_use]
    pub fn leftovers(&self) -> u32 {
        self.0.query_row("SELECT count(*) FROM leftovers", [], |row| row.get(0)).unwrap()
    }

    /// How many sessions are written down as open.
    #[must_use]
    pub fn open_sessions(&self) -> u32 {
        self.0.query_row("SELECT count(*) FROM open_sessions", [], |row| row.get(0)).unwrap()
    }

    fn count(&self, sql: &str, session: &str) -> u32 {
        self.0.query_row(sql, [session], |row| row.get(0)).unwrap()
    }
}
