//! One session's file: payloads in parts, each part a row.

use std::{
    fs, io,
    ops::Range,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, params};

use super::folder::Seat;

/// Bytes of a row. A page of a result lies in one or two, so reading one costs the same wherever it is.
const PART: usize = 256 * 1024;
/// Free pages that are given back to the file system at a time.
const VACUUM: &str = "PRAGMA incremental_vacuum";

/// Nothing here outlives the process, so nothing is synced and no journal lies beside the file. The
/// journal in memory undoes a write that the disk had no room for.
const SETTINGS: &str = "
    PRAGMA page_size = 16384;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = MEMORY;
    PRAGMA synchronous = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -1024;
    CREATE TABLE parts (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
";

/// Why something was not written, for people.
#[derive(Debug)]
pub(super) struct WriteFailure(pub(super) String);

/// Why something was not read.
#[derive(Debug)]
pub(super) enum ReadFailure {
    /// It cannot be read any more.
    Gone(String),
    /// The file was busy for the whole time.
    Busy,
}

/// One file.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// Its place in the folder, until it is unlinked for good.
    seat: Mutex<Option<Seat>>,
    /// How many cursors are in it or on their way into it; changes under the lock of `Files`.
    pub(super) cursors: AtomicU32,
    /// Nothing is written to it any more; it is unlinked or about to be.
    doomed: AtomicBool,
    /// It is not sound: nothing more is written to it, what can be read is.
    damaged: AtomicBool,
    next: AtomicI64,
    /// Rows that nobody needs any more; removed by the writer.
    garbage: Mutex<Vec<Range<i64>>>,
    /// Whether the writer knows about the garbage.
    pub(super) noted: AtomicBool,
    connection: Mutex<Option<Connection>>,
}

impl File {
    pub(super) fn new(seat: Seat, name: &str) -> Self {
        Self {
            path: seat.path().join(name),
            seat: Mutex::new(Some(seat)),
            cursors: AtomicU32::new(0),
            doomed: AtomicBool::new(false),
            damaged: AtomicBool::new(false),
            next: AtomicI64::new(1),
            garbage: Mutex::default(),
            noted: AtomicBool::new(false),
            connection: Mutex::default(),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        !self.is_doomed() && !self.damaged.load(Ordering::Acquire)
    }

    pub(super) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::SeqCst)
    }

    pub(super) fn doom(&self) {
        self.doomed.store(true, Ordering::SeqCst);
    }

    /// Numbers for the rows of a payload of `bytes`.
    pub(super) fn rows(&self, bytes: usize) -> Range<i64> {
        let count = bytes.div_ceil(PART).max(1) as i64;
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    /// Writes a payload's rows from `first` on, all of them or none.
    pub(super) fn write(&self, first: i64, payload: &[u8]) -> Result<(), WriteFailure> {
        let mut connection = self.connection.lock();
        let connection = match &mut *connection {
            Some(connection) => connection,
            none => none.insert(self.open()?),
        };
        let written = insert(connection, first, payload);
        written.map_err(|error| {
            if is_damage(&error) {
                self.damaged.store(true, Ordering::Release);
            }
            WriteFailure(words(&error))
        })
    }

    /// Bytes of the payload whose rows begin at `first`.
    pub(super) fn read(&self, first: i64, bytes: Range<usize>, patience: Duration) -> Result<Vec<u8>, ReadFailure> {
        let Some(connection) = self.connection.try_lock_for(patience) else { return Err(ReadFailure::Busy) };
        let Some(connection) = connection.as_ref() else {
            return Err(ReadFailure::Gone("it is not open".to_owned()));
        };
        select(connection, first, bytes).map_err(|error| {
            if is_damage(&error) {
                self.damaged.store(true, Ordering::Release);
            }
            ReadFailure::Gone(words(&error))
        })
    }

    /// Notes rows that nobody needs any more; whether the writer must be told.
    pub(super) fn discard(&self, rows: Range<i64>) -> bool {
        self.garbage.lock().push(rows);
        !self.noted.swap(true, Ordering::AcqRel)
    }

    /// Removes the rows that nobody needs, and makes the file smaller.
    pub(super) fn clean(&self) {
        self.noted.store(false, Ordering::Release);
        let garbage = std::mem::take(&mut *self.garbage.lock());
        if self.is_doomed() {
            return;
        }
        let mut connection = self.connection.lock();
        let Some(connection) = connection.as_mut() else { return };
        if let Err(error) = delete(connection, &garbage) {
            // The bytes stay until the session ends, and the file goes with it.
            tracing::debug!(%error, path = %self.path.display(), "rows of closed cursors stay in their file");
            if is_damage(&error) {
                self.damaged.store(true, Ordering::Release);
            }
        }
    }

    /// Removes the file for good, whoever still has it open. It must be doomed. Blocks.
    pub(super) fn unlink(&self) -> io::Result<()> {
        self.remove()?;
        let seat = self.seat.lock().take();
        if let Some(seat) = seat {
            seat.leave();
        }
        Ok(())
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn open(&self) -> Result<Connection, WriteFailure> {
        if self.is_doomed() {
            return Err(WriteFailure("its session ended".to_owned()));
        }
        let opened = self.make();
        if opened.is_err() || self.is_doomed() {
            // Whoever doomed it may have unlinked before there was anything to unlink.
            if let Err(error) = self.remove() {
                tracing::debug!(%error, path = %self.path.display(), "a file of cursors stays for now");
            }
        }
        opened
    }

    fn make(&self) -> Result<Connection, WriteFailure> {
        let failed = |error: &dyn std::fmt::Display| {
            let folder = self.path.parent().unwrap_or(&self.path);
            WriteFailure(format!("{} cannot be written: {error}", folder.display()))
        };
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path).map_err(|error| failed(&error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|error| failed(&words(&error)))?;
        connection.execute_batch(SETTINGS).map_err(|error| failed(&words(&error)))?;
        Ok(connection)
    }
}

fn insert(connection: &mut Connection, first: i64, payload: &[u8]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT INTO parts (id, bytes) VALUES (?1, ?2)")?;
        if payload.is_empty() {
            insert.execute(params![first, payload])?;
        }
        for (id, part) in (first..).zip(payload.chunks(PART)) {
            insert.execute(params![id, part])?;
        }
    }
    transaction.commit()
}

fn select(connection: &Connection, first: i64, bytes: Range<usize>) -> rusqlite::Result<Vec<u8>> {
    let mut found = vec![0; bytes.len()];
    if bytes.is_empty() {
        return Ok(found);
    }
    let (from, to) = (bytes.start / PART, (bytes.end - 1) / PART);
    let mut blob = connection.blob_open(MAIN_DB, "parts", "bytes", first + from as i64, true)?;
    for part in from..=to {
        if part > from {
            blob.reopen(first + part as i64)?;
        }
        let start = part * PART;
        let piece = bytes.start.max(start)..bytes.end.min(start + PART);
        let target = &mut found[piece.start - bytes.start..piece.end - bytes.start];
        blob.read_at_exact(target, piece.start - start)?;
    }
    Ok(found)
}

fn delete(connection: &mut Connection, garbage: &[Range<i64>]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut delete = transaction.prepare_cached("DELETE FROM parts WHERE id >= ?1 AND id < ?2")?;
        for rows in garbage {
            delete.execute([rows.start, rows.end])?;
        }
    }
    transaction.commit()?;
    let mut vacuum = connection.prepare_cached(VACUUM)?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// What went wrong, for people.
fn words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::ReadOnly) => "the disk is read-only".to_owned(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "a file of it is damaged".to_owned(),
        _ => error.to_string(),
    }
}
