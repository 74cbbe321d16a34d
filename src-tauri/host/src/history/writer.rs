//! The writer thread: takes jobs from the queue and writes them, whatever it takes.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    sync::Arc,
    time::{Duration, Instant},
};

use ebb_core::{
    cleanup::{CleanupReport, Outcome},
    ids::InstanceId,
};
use rusqlite::{Connection, TransactionBehavior, params};
use time::OffsetDateTime;

use super::{
    database::{self, Trouble},
    query::{outcome_key, to_millis},
    queue::{Job, Next},
    recover, retention,
    store::Shared,
};

/// Jobs of one transaction.
const BATCH: usize = 64;
/// How often old reports are looked for.
const RETENTION: Duration = Duration::from_hours(1);
/// The pauses after failures in a row; the last one repeats.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Starts the thread. It ends after the last job once the queue is told to stop.
pub(super) fn start(shared: &Arc<Shared>, connection: Option<Connection>) -> std::io::Result<()> {
    let writer = Writer {
        inode: inode(shared),
        shared: Arc::clone(shared),
        connection,
        failures: 0,
        retention_due: Instant::now(),
    };
    std::thread::Builder::new().name("ebb-history".to_owned()).spawn(move || writer.run()).map(drop)
}

struct Writer {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// Of the file that is open: another one at the same path means that somebody removed ours.
    inode: Option<u64>,
    failures: usize,
    retention_due: Instant,
}

impl Writer {
    fn run(mut self) {
        loop {
            self.retain();
            match self.shared.queue.next(BATCH, RETENTION) {
                Next::Stop => return,
                Next::Idle => {}
                Next::Write(jobs) => {
                    if self.write(jobs) {
                        continue;
                    }
                    let pause = self.next_pause();
                    if !self.shared.queue.pause(pause) {
                        // Stopping: one more try for what is left, then the thread ends.
                        self.last_try();
                        return;
                    }
                }
            }
        }
    }

    /// Writes jobs, or gives them back. Whether to go on at once.
    fn write(&mut self, jobs: Vec<Job>) -> bool {
        let instance = self.shared.instance.clone();
        let Some(connection) = self.ready() else {
            self.shared.queue.give_back(jobs);
            return false;
        };
        match write_all(connection, &instance, &jobs) {
            Ok(()) => {
                self.failures = 0;
                self.shared.set_trouble(None);
                self.shared.queue.finish(jobs.len());
                true
            }
            Err(error) if database::trouble(&error) == Trouble::Entry => {
                self.write_one_by_one(jobs);
                true
            }
            Err(error) => {
                self.shared.set_trouble(Some(error.to_string()));
                // Damage is found and the file replaced when it is opened again.
                self.connection = None;
                self.shared.queue.give_back(jobs);
                false
            }
        }
    }

    /// One of these jobs cannot be written; the others can.
    fn write_one_by_one(&mut self, jobs: Vec<Job>) {
        let instance = self.shared.instance.clone();
        let mut later = Vec::new();
        for job in jobs {
            let result =
                self.connection.as_mut().map(|connection| write_all(connection, &instance, std::slice::from_ref(&job)));
            match result {
                Some(Ok(())) => self.shared.queue.finish(1),
                Some(Err(error)) if database::trouble(&error) == Trouble::Entry => {
                    tracing::error!(%error, "an entry of the history cannot be written and is lost");
                    self.shared.queue.lose(1);
                    self.shared.queue.finish(1);
                }
                _ => later.push(job),
            }
        }
        self.shared.queue.give_back(later);
    }

    /// The connection, opened again where it must be.
    fn ready(&mut self) -> Option<&mut Connection> {
        if self.connection.is_some() && (self.inode.is_none() || self.inode != inode(&self.shared)) {
            tracing::warn!(path = %self.shared.path.display(), "the history file was removed or replaced; opening it again");
            self.connection = None;
        }
        if self.connection.is_none() {
            self.connection = self.shared.open();
            self.inode = inode(&self.shared);
            if self.connection.is_some() && self.failures > 0 {
                tracing::info!("the history can be written again");
            }
        }
        self.connection.as_mut()
    }

    fn next_pause(&mut self) -> Duration {
        let pause = PAUSES[self.failures.min(PAUSES.len() - 1)];
        self.failures += 1;
        pause
    }

    fn last_try(&mut self) {
        while let Next::Write(jobs) = self.shared.queue.next(BATCH, Duration::ZERO) {
            if !self.write(jobs) {
                tracing::error!("the history could not be written before the end");
                return;
            }
        }
    }

    fn retain(&mut self) {
        let Some(connection) = self.connection.as_mut().filter(|_| self.retention_due <= Instant::now()) else {
            return;
        };
        self.retention_due = Instant::now() + RETENTION;
        match retention::apply(connection, OffsetDateTime::now_utc(), self.shared.keep) {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "old reports removed"),
            Err(error) => tracing::warn!(%error, "old reports stay for now"),
        }
    }
}

fn inode(shared: &Shared) -> Option<u64> {
    fs::metadata(&shared.path).ok().map(|file| file.ino())
}

fn write_all(connection: &mut Connection, instance: &InstanceId, jobs: &[Job]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in jobs {
        write_one(&transaction, instance, job)?;
    }
    transaction.commit()
}

fn write_one(connection: &Connection, instance: &InstanceId, job: &Job) -> rusqlite::Result<()> {
    match job {
        Job::Opened(session) => {
            connection
                .prepare_cached("INSERT OR REPLACE INTO open_sessions (session, instance, entry) VALUES (?1, ?2, ?3)")?
                .execute(params![
                    session.session.as_str(),
                    instance.as_str(),
                    recover::to_entry(session).map_err(as_sql)?
                ])?;
        }
        Job::Closed(report) => {
            insert_report(connection, report)?;
            connection
                .prepare_cached("DELETE FROM open_sessions WHERE session = ?1")?
                .execute([report.session.as_str()])?;
        }
        Job::Leftover(leftover) => {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO leftovers (id, session, instance, entry) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    leftover.id.as_str(),
                    leftover.session.as_ref().map_or("", |session| session.as_str()),
                    instance.as_str(),
                    serde_json::to_string(leftover).map_err(as_sql)?
                ])?;
        }
        Job::Clear => {
            connection.prepare_cached("DELETE FROM reports")?.execute([])?;
        }
        Job::Cleared { leftover, session, at } => {
            connection.prepare_cached("DELETE FROM leftovers WHERE id = ?1")?.execute([leftover.as_str()])?;
            connection
                .prepare_cached(
                    "UPDATE reports SET cleared_at = ?1 WHERE session = ?2 AND outcome = 'with_problems' AND cleared_at IS NULL
                     AND NOT EXISTS (SELECT 1 FROM leftovers WHERE session = ?2)",
                )?
                .execute(params![to_millis(*at), session.as_ref().map_or("", |session| session.as_str())])?;
        }
    }
    Ok(())
}

/// Writes a report; a second time changes nothing. Answers for unknown sessions are no history.
pub(super) fn insert_report(connection: &Connection, report: &CleanupReport) -> rusqlite::Result<()> {
    if report.outcome == Outcome::NotFound {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO reports (id, session, name, client, process, project, reason, outcome, began_at, ms, freed, cleared_at, report)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            report.id.as_str(),
            report.session.as_str(),
            report.session_name,
            report.client.name,
            report.client.process.as_ref().map(|process| process.name.as_str()),
            report.client.project,
            report.reason.key(),
            outcome_key(report.outcome),
            to_millis(report.began_at),
            report.ms,
            i64::try_from(report.freed.bytes()).unwrap_or(i64::MAX),
            report.cleared_at.map(to_millis),
            serde_json::to_string(report).map_err(as_sql)?,
        ])?;
    Ok(())
}

fn as_sql(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
