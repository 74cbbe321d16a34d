//! Opening the file: its permissions, its health, its schema.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use time::{OffsetDateTime, macros::format_description};

/// One script for each version of the schema; `user_version` says how many have run.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/1_reports.sql")];

/// How long a statement waits for another program's lock before it is tried again later.
const BUSY: Duration = Duration::from_secs(2);

/// Damaged files that are kept; older ones go.
const DAMAGED_KEPT: usize = 3;

/// Statements that only work where the schema is what `user_version` says.
const PROBES: [&str; 5] = [
    "SELECT seq, id, session, name, client, process, project, reason, outcome, began_at, ms, freed, cleared_at, report FROM reports LIMIT 0",
    "SELECT session, instance, entry FROM open_sessions LIMIT 0",
    "SELECT id, session, instance, entry FROM leftovers LIMIT 0",
    "SELECT instance, process FROM hosts LIMIT 0",
    "SELECT key, value FROM meta LIMIT 0",
];

/// A database ready for use.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// What people should know: the old file was damaged.
    pub(super) notice: Option<String>,
}

/// Why there is no database. The file was not touched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the file is damaged: {0}")]
    Damaged(String),
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Io(PathBuf, io::Error),
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    #[error("it was written by a newer Ebb (schema {0}); update Ebb, or move the file away")]
    Newer(i64),
}

/// What an error of SQLite means for what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may work later: locked, disk full, not writable.
    Later,
    /// The file is not a sound database any more.
    Damaged,
    /// This entry can never be written.
    Entry,
}

/// What to do about an error.
pub(super) fn trouble(error: &rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Trouble::Damaged,
        Some(
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange,
        )
        | None => Trouble::Entry,
        Some(_) => Trouble::Later,
    }
}

impl Failure {
    /// Whether a new file has to take its place.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Sql(error) => trouble(error) == Trouble::Damaged,
            Self::Io(..) | Self::Newer(_) => false,
        }
    }
}

/// Opens the database; a damaged file is moved aside and replaced by a new one.
pub(super) fn open(path: &Path) -> Result<Opened, Failure> {
    match open_sound(path) {
        Ok(connection) => Ok(Opened { connection, notice: None }),
        Err(failure) if failure.is_damage() => {
            let notice = replace(path, &failure.to_string())?;
            Ok(Opened { connection: open_sound(path)?, notice: Some(notice) })
        }
        Err(failure) => Err(failure),
    }
}

/// A connection of its own for reading; sees what is committed.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    // Not the read-only flag: a reader in WAL mode has to write the shared index.
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A second connection for writing, to a file that [`open`] has accepted.
pub(crate) fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The log is cut back after a checkpoint, so that one bad day does not occupy the disk for ever.
    connection.pragma_update_and_check(None, "journal_size_limit", 4 * 1024 * 1024, |_| Ok(()))?;
    Ok(connection)
}

fn open_sound(path: &Path) -> Result<Connection, Failure> {
    let made = prepare_file(path)?;
    let opened = open_prepared(path);
    if opened.is_err() && made && fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        // What could not even begin must not look like a damaged history at the next try.
        drop(fs::remove_file(path));
    }
    opened
}

fn open_prepared(path: &Path) -> Result<Connection, Failure> {
    let mut connection = connect(path)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Failure::Damaged(verdict));
    }
    migrate(&mut connection)?;
    for probe in PROBES {
        connection.prepare(probe).map(drop).map_err(|error| Failure::Damaged(error.to_string()))?;
    }
    Ok(connection)
}

/// Makes the file where there is none, for us alone, and takes others' rights to one that exists.
/// SQLite gives its `-wal` and `-shm` files the same mode. Whether it was made.
pub(crate) fn prepare_file(path: &Path) -> Result<bool, Failure> {
    let io = |error| Failure::Io(path.to_owned(), error);
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io(io::Error::new(ErrorKind::IsADirectory, "not a file"))),
        Ok(found) if found.len() == 0 => Err(Failure::Damaged("it is empty".to_owned())),
        Ok(found) if found.permissions().mode() & 0o777 != 0o600 => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map(|()| false).map_err(io)
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            made.map(|_| true).map_err(io)
        }
        Err(error) => Err(io(error)),
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).map_err(|_| Failure::Newer(version))?;
    let missing = MIGRATIONS.get(done..).ok_or(Failure::Newer(version))?;
    for script in missing {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()?;
    Ok(())
}

/// Moves the damaged history aside and answers with the sentence that says so.
fn replace(path: &Path, why: &str) -> Result<String, Failure> {
    let aside = set_aside(path)?;
    tracing::warn!(why, aside = %aside.display(), "the history was damaged and starts anew");
    Ok(format!(
        "The history of past cleanups was damaged ({why}). It was moved to {} and a new one was started.",
        aside.display()
    ))
}

/// Moves a damaged database and its log aside; answers where it is now.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, Failure> {
    let now = OffsetDateTime::now_utc();
    let stamp = now.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap_or_default();
    let aside = (0..100)
        .map(|number| {
            with_suffix(
                path,
                &if number == 0 { format!(".corrupt-{stamp}") } else { format!(".corrupt-{stamp}-{number}") },
            )
        })
        .find(|name| !name.exists())
        .ok_or_else(|| Failure::Io(path.to_owned(), ErrorKind::AlreadyExists.into()))?;
    fs::rename(path, &aside).map_err(|error| Failure::Io(path.to_owned(), error))?;
    for suffix in ["-wal", "-shm"] {
        // The log belongs to the damaged file: beside a new one it would damage that one too.
        match fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::Io(with_suffix(path, suffix), error));
            }
            _ => {}
        }
    }
    forget_old(path);
    Ok(aside)
}

/// Of the damaged files that were moved aside, the newest stay.
fn forget_old(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return };
    let prefix = format!("{name}.corrupt-");
    let mut aside: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)))
        .map(|entry| entry.path())
        .filter(|path| !["-wal", "-shm"].iter().any(|suffix| path.to_string_lossy().ends_with(suffix)))
        .collect();
    aside.sort();
    let old = aside.len().saturating_sub(DAMAGED_KEPT);
    for path in &aside[..old] {
        for path in [path.clone(), with_suffix(path, "-wal"), with_suffix(path, "-shm")] {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != ErrorKind::NotFound
            {
                tracing::debug!(%error, path = %path.display(), "an old damaged history stays");
            }
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
