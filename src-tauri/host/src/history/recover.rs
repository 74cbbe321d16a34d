//! What a host that died had left open.

use ebb_core::{
    cleanup::{CleanupReport, Freed, Leftover, LeftoverKind, Outcome, Reason, Step, StepOutcome, StepReport},
    ids::{InstanceId, ReportId},
    ports::OpenSession,
    view::ClientView,
};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{query::to_millis, writer::insert_report};
use crate::transport::proc::{self, ProcessKey};

/// Rows that no living host answers for; `?1` is this instance.
const DEAD: &str = "instance <> ?1 AND instance NOT IN (SELECT instance FROM hosts)";

/// A row of `open_sessions`. The core's own type knows no formats.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    session: ebb_core::ids::SessionId,
    name: Option<String>,
    client: ClientView,
    #[serde(with = "time::serde::rfc3339")]
    opened_at: OffsetDateTime,
}

/// What is written into `open_sessions.entry`.
pub(super) fn to_entry(session: &OpenSession) -> serde_json::Result<String> {
    let OpenSession { session, name, client, opened_at } = session.clone();
    serde_json::to_string(&Row { session, name, client, opened_at })
}

/// A session that was found, and the report that was written for it.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) session: OpenSession,
    pub(super) report: CleanupReport,
}

/// Writes down which process this instance is.
pub(super) fn register(connection: &Connection, instance: &InstanceId) -> rusqlite::Result<()> {
    if let Some(process) = proc::key(std::process::id()).and_then(|key| serde_json::to_string(&key).ok()) {
        let sql = "INSERT OR REPLACE INTO hosts (instance, process) VALUES (?1, ?2)";
        connection.execute(sql, params![instance.as_str(), process])?;
    }
    Ok(())
}

/// Forgets the hosts that are dead. A process that cannot be told counts as dead, and so does an earlier
/// instance in this very process.
fn bury(connection: &Connection, instance: &InstanceId) -> rusqlite::Result<Vec<InstanceId>> {
    let mut buried = Vec::new();
    let mut statement = connection.prepare("SELECT instance, process FROM hosts WHERE instance <> ?1")?;
    let rows =
        statement.query_map([instance.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for (other, process) in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        let key: Option<ProcessKey> = serde_json::from_str(&process).ok();
        if !key.is_some_and(|key| key.pid != std::process::id() && proc::lives(key)) {
            connection.execute("DELETE FROM hosts WHERE instance = ?1", [&other])?;
            buried.extend(InstanceId::parse(&other));
        }
    }
    Ok(buried)
}

/// Takes every row of dead instances out and writes a report for each open session, in one
/// transaction: a crash here neither loses nor doubles one. Leftovers of dead hosts are over, for
/// start-up reaping ends whatever they were; their reports say since when.
pub(super) fn recover(
    connection: &mut Connection,
    instance: &InstanceId,
    now: OffsetDateTime,
) -> rusqlite::Result<(Vec<Recovered>, Vec<InstanceId>)> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let buried = bury(&transaction, instance)?;
    let leftovers: Vec<Leftover> =
        entries(&transaction, &format!("SELECT entry FROM leftovers WHERE {DEAD} ORDER BY id"), instance)?;
    let rows: Vec<Row> =
        entries(&transaction, &format!("SELECT entry FROM open_sessions WHERE {DEAD} ORDER BY session"), instance)?;
    let mut recovered = Vec::with_capacity(rows.len());
    for Row { session, name, client, opened_at } in rows {
        let session = OpenSession { session, name, client, opened_at };
        let left: Vec<Leftover> =
            leftovers.iter().filter(|leftover| leftover.session.as_ref() == Some(&session.session)).cloned().collect();
        let report = report(&session, left, now);
        insert_report(&transaction, &report)?;
        recovered.push(Recovered { session, report });
    }
    transaction.execute(
        &format!("UPDATE reports SET cleared_at = ?2 WHERE cleared_at IS NULL AND session IN (SELECT session FROM leftovers WHERE {DEAD})"),
        params![instance.as_str(), to_millis(now)],
    )?;
    for table in ["leftovers", "open_sessions"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE {DEAD}"), [instance.as_str()])?;
    }
    transaction.commit()?;
    Ok((recovered, buried))
}

/// Entries that can be read; what cannot was damaged and goes with the others.
fn entries<T: for<'de> Deserialize<'de>>(
    connection: &Connection,
    sql: &str,
    instance: &InstanceId,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([instance.as_str()], |row| row.get::<_, String>(0))?;
    let mut found = Vec::new();
    for text in rows {
        match serde_json::from_str(&text?) {
            Ok(entry) => found.push(entry),
            Err(error) => tracing::warn!(%error, "an entry of a dead host cannot be read"),
        }
    }
    Ok(found)
}

/// The report of a removal that nobody was there to make: it claims no more than is known.
fn report(session: &OpenSession, leftovers: Vec<Leftover>, now: OffsetDateTime) -> CleanupReport {
    let steps = Step::ALL.map(|step| {
        let left = leftovers.iter().find(|leftover| leftover.kind == LeftoverKind::from(step));
        let (outcome, count, detail) = match (step, left) {
            (Step::State, _) => {
                (StepOutcome::Done, 1, "taken from the list of open sessions at the next start".to_owned())
            }
            (_, Some(leftover)) => {
                (StepOutcome::Failed, 0, format!("left when the host died, gone since this start: {}", leftover.what))
            }
            (Step::Devtools | Step::Cursors, None) => (StepOutcome::Nothing, 0, "ended with the host".to_owned()),
            (Step::Browser, None) => {
                (StepOutcome::Nothing, 0, "ended with the host; what it left on disk goes at the next start".to_owned())
            }
        };
        StepReport { outcome, count, detail, ..StepReport::skipped(step) }
    });
    let clean = leftovers.is_empty();
    CleanupReport {
        id: ReportId::new(),
        session: session.session.clone(),
        session_name: session.name.clone(),
        client: session.client.clone(),
        reason: Reason::RecoveredAtStart,
        outcome: if clean { Outcome::Clean } else { Outcome::WithProblems },
        opened_at: session.opened_at,
        began_at: now,
        ms: 0.0,
        steps: steps.into(),
        rung: None,
        freed: Freed::default(),
        leftovers,
        cleared_at: (!clean).then_some(now),
    }
}
