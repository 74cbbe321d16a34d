//! Which session has which file.

use std::{
    collections::HashMap,
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use ebb_core::{Result, ids::SessionId};
use parking_lot::Mutex;

use super::{
    file::File,
    folder::{Folder, Seat},
};
use crate::run::RunDirs;

/// Between a session's id and the number of its file in a file's name.
const SEPARATOR: char = '.';

/// Bytes that a store which works has room for.
const PROBE: usize = 64 * 1024;

/// The files of all sessions.
#[derive(Debug)]
pub(super) struct Files {
    folder: Arc<Folder>,
    /// Usually one a session; a damaged one stays until its last cursor goes.
    open: Mutex<HashMap<SessionId, Vec<Arc<File>>>>,
    /// Files that could not be unlinked.
    stuck: Mutex<HashMap<SessionId, Vec<Arc<File>>>>,
    serial: AtomicU32,
    /// Bytes of the last payload that could not be written: what a probe must find room for.
    wanted: AtomicUsize,
}

impl Files {
    pub(super) fn new(run_dirs: Arc<RunDirs>) -> Self {
        Self {
            folder: Folder::new(run_dirs),
            open: Mutex::default(),
            stuck: Mutex::default(),
            serial: AtomicU32::new(1),
            wanted: AtomicUsize::new(PROBE),
        }
    }

    /// The file that the session's next cursor goes into, with one cursor more.
    pub(super) async fn acquire(&self, session: &SessionId) -> Result<Arc<File>> {
        if let Some(file) = self.join(session) {
            return Ok(file);
        }
        let seat = self.folder.enter().await?;
        Ok(self.add(session, seat))
    }

    fn join(&self, session: &SessionId) -> Option<Arc<File>> {
        let open = self.open.lock();
        let file = open.get(session)?.last().filter(|file| file.is_sound())?;
        file.cursors.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(file))
    }

    fn add(&self, session: &SessionId, seat: Seat) -> Arc<File> {
        // Never a name again: whoever unlinks a file must not hit its successor.
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock();
        let files = open.entry(session.clone()).or_default();
        let file = if let Some(file) = files.last().filter(|file| file.is_sound()) {
            // Somebody else was first. That one has a seat of its own, so this is not the last.
            seat.leave();
            Arc::clone(file)
        } else {
            let file = Arc::new(File::new(seat, &format!("{session}{SEPARATOR}{serial}")));
            files.push(Arc::clone(&file));
            file
        };
        file.cursors.fetch_add(1, Ordering::Relaxed);
        file
    }

    /// One cursor less. Whether that was the last one: then the file is doomed and the caller unlinks it.
    pub(super) fn release(&self, session: &SessionId, file: &Arc<File>) -> bool {
        let mut open = self.open.lock();
        if file.cursors.fetch_sub(1, Ordering::Relaxed) > 1 || file.is_doomed() {
            return false;
        }
        if let Some(files) = open.get_mut(session) {
            files.retain(|open| !Arc::ptr_eq(open, file));
            if files.is_empty() {
                open.remove(session);
            }
        }
        file.doom();
        true
    }

    /// Takes the files of a session out: nothing is written to them any more.
    pub(super) fn doom(&self, session: &SessionId) -> Vec<Arc<File>> {
        let mut doomed = self.open.lock().remove(session).unwrap_or_default();
        for file in &doomed {
            file.doom();
        }
        doomed.append(&mut self.stuck.lock().remove(session).unwrap_or_default());
        doomed
    }

    /// Unlinks doomed files; those that stay are tried again with the session's next removal.
    pub(super) fn unlink(&self, session: &SessionId, doomed: Vec<Arc<File>>) -> io::Result<()> {
        let mut result = Ok(());
        for file in doomed {
            if let Err(error) = file.unlink() {
                self.stuck.lock().entry(session.clone()).or_default().push(file);
                result = Err(error);
            }
        }
        result
    }

    /// The sessions that have a file in the folder, whatever the books say.
    pub(super) fn owners(&self) -> io::Result<Vec<SessionId>> {
        let Some(path) = self.folder.path() else { return Ok(Vec::new()) };
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut owners = Vec::new();
        for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
            let session = name.split(SEPARATOR).next().and_then(SessionId::parse);
            if let Some(session) = session
                && !owners.contains(&session)
            {
                owners.push(session);
            }
        }
        Ok(owners)
    }

    /// A payload of `bytes` was written or not.
    pub(super) fn tried(&self, bytes: usize, written: bool) {
        self.wanted.store(if written { PROBE } else { bytes.max(PROBE) }, Ordering::Relaxed);
    }

    /// A file in which [`Files::probe`] can try to write.
    pub(super) async fn probe_file(&self) -> Result<File> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        Ok(File::new(self.folder.enter().await?, &format!("probe{SEPARATOR}{serial}")))
    }

    /// Writes as much as could not be written last, and removes it again.
    pub(super) fn probe(&self, file: &File) -> std::result::Result<(), String> {
        let tried = file.write(1, &vec![0; self.wanted.load(Ordering::Relaxed)]).map_err(|failure| failure.0);
        file.doom();
        tried.and(file.unlink().map_err(|error| format!("a file cannot be removed: {error}")))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // An orderly end removes every session before; this is for whatever it could not.
        let left =
            std::mem::take(self.open.get_mut()).into_values().chain(std::mem::take(self.stuck.get_mut()).into_values());
        for file in left.flatten() {
            file.doom();
            if let Err(error) = file.unlink() {
                tracing::debug!(%error, "a file of cursors stays for the next start");
            }
        }
    }
}
