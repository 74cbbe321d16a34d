//! The file: who may be revived after a restart.

use std::path::Path;

use ebb_core::ids::SessionId;
use rusqlite::{Connection, params};

use super::held::{Held, MAX_ROWS, Principal, Row};
use crate::history::database::{self, Failure};

/// Seconds that a client may stay away: 30 days.
const KEPT: i64 = 30 * 24 * 60 * 60;
const SCHEMA: i64 = 1;

/// Opens it, or makes it; a damaged one is moved aside.
pub(super) fn open(path: &Path) -> Result<Connection, Failure> {
    match open_sound(path) {
        Err(failure) if failure.is_damage() => {
            let aside = database::set_aside(path)?;
            tracing::warn!(%failure, aside = %aside.display(), "the file of HTTP clients was damaged: those from before this start must begin anew");
            open_sound(path)
        }
        opened => opened,
    }
}

fn open_sound(path: &Path) -> Result<Connection, Failure> {
    database::prepare_file(path)?;
    let connection = database::connect(path)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Failure::Damaged(verdict));
    }
    match connection.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 => connection.execute_batch(
            "BEGIN IMMEDIATE;
             CREATE TABLE clients (id TEXT PRIMARY KEY, principal TEXT NOT NULL, state TEXT NOT NULL, session TEXT, seen INTEGER NOT NULL) WITHOUT ROWID, STRICT;
             PRAGMA user_version = 1;
             COMMIT;",
        )?,
        SCHEMA => {}
        newer => return Err(Failure::Newer(newer)),
    }
    let probe = connection.prepare("SELECT id, principal, state, session, seen FROM clients LIMIT 0").map(drop);
    probe.map_err(|error| Failure::Damaged(error.to_string()))?;
    Ok(connection)
}

/// Everybody who was here lately, the longest unused first.
pub(super) fn read(connection: &Connection, now: i64) -> rusqlite::Result<Vec<(String, Row)>> {
    connection.execute("DELETE FROM clients WHERE seen < ?1", [now - KEPT])?;
    let mut newest = connection
        .prepare("SELECT id, principal, state, session, seen FROM clients ORDER BY seen DESC, id LIMIT ?1")?;
    let rows = newest.query_map([MAX_ROWS as i64], |row| {
        let session: Option<String> = row.get(3)?;
        let client = Row {
            principal: Principal::from_text(row.get(1)?),
            state: row.get(2)?,
            session: session.and_then(|text| SessionId::parse(&text)),
            seen: row.get(4)?,
        };
        Ok((row.get(0)?, client))
    })?;
    let mut rows: Vec<(String, Row)> = rows.collect::<rusqlite::Result<_>>()?;
    rows.reverse();
    Ok(rows)
}

/// What has to be written: ids with their rows, those without are gone. `whole`: there is nothing else.
pub(super) struct Batch {
    pub(super) rows: Vec<(String, Option<Row>)>,
    pub(super) whole: bool,
    /// Whether somebody is gone.
    pub(super) goodbyes: bool,
    pub(super) changes: u64,
}

impl Batch {
    /// Takes what the file does not know.
    pub(super) fn take(held: &mut Held) -> Self {
        let whole = std::mem::take(&mut held.whole);
        let goodbyes = std::mem::take(&mut held.goodbyes);
        let dirty = std::mem::take(&mut held.dirty);
        let rows = if whole {
            held.all().map(|(id, row)| (id.clone(), Some(row.clone()))).collect()
        } else {
            dirty
                .into_iter()
                .map(|id| {
                    let row = held.row(&id).cloned();
                    (id, row)
                })
                .collect()
        };
        Self { rows, whole, goodbyes, changes: held.changes }
    }
}

pub(super) fn write(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if batch.whole {
        transaction.execute("DELETE FROM clients", [])?;
    }
    for (id, row) in &batch.rows {
        match row {
            Some(row) => transaction
                .prepare_cached("INSERT OR REPLACE INTO clients VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![
                    id,
                    row.principal.as_str(),
                    row.state,
                    row.session.as_ref().map(SessionId::as_str),
                    row.seen
                ])?,
            None => transaction.prepare_cached("DELETE FROM clients WHERE id = ?1")?.execute([id])?,
        };
    }
    transaction.commit()
}
