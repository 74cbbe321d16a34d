//! The lock that decides who hosts. It is the kernel's lock on a file, so it ends with its process;
//! the file's text only says who that is.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use ebb_core::{Code, Error};
use serde::{Deserialize, Serialize};

use crate::transport::proc::{self, ProcessKey};

/// Held as long as this value lives.
#[derive(Debug)]
pub struct HostLock {
    file: File,
    path: PathBuf,
}

/// Why the lock could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotLocked {
    /// Another host has it.
    #[error("another Ebb host is running{}", .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Held {
        /// Its pid, where the file says it.
        pid: Option<u32>,
    },
    /// The file cannot be used.
    #[error(transparent)]
    Failed(Error),
}

impl From<NotLocked> for Error {
    fn from(not_locked: NotLocked) -> Self {
        match not_locked {
            NotLocked::Held { .. } => Self::new(Code::LimitReached, not_locked.to_string())
                .next("use the running one, or end it first; `ebb status` shows it"),
            NotLocked::Failed(error) => error,
        }
    }
}

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    pid: u32,
    start_time: u64,
}

impl HostLock {
    /// Takes the lock or says who has it; never waits.
    pub fn acquire(path: &Path) -> Result<Self, NotLocked> {
        let failed = |error: &std::io::Error| {
            let message = format!("cannot lock {}: {error}", path.display());
            NotLocked::Failed(Error::new(Code::Internal, message).next("check the folder's owner and permissions"))
        };
        let mut file = open(path).map_err(|error| failed(&error))?;
        if !try_lock(&file).map_err(|error| failed(&error))? {
            return Err(NotLocked::Held { pid: read(&mut file).map(|key| key.pid) });
        }
        let key = proc::key(std::process::id());
        let record = Record { pid: std::process::id(), start_time: key.map_or(0, |key| key.start_time) };
        let text = serde_json::to_string(&record).unwrap_or_default();
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(|error| failed(&error))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for HostLock {
    /// An orderly end takes the name off, so that only a crash leaves one. The file itself stays: whoever
    /// waits to open it must not get another one.
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, path = %self.path.display(), "cannot empty the lock file");
        }
    }
}

/// Who the file at `path` says has the lock, or had it when it crashed.
pub(crate) fn recorded(path: &Path) -> Option<ProcessKey> {
    read(&mut File::open(path).ok()?)
}

fn read(file: &mut File) -> Option<ProcessKey> {
    const LIMIT: u64 = 1024;
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    let record: Record = serde_json::from_str(&text).ok()?;
    Some(ProcessKey { pid: record.pid, start_time: record.start_time })
}

/// Never follows a link; the standard library closes the file in every program it starts.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW);
    options.open(path)
}

fn try_lock(file: &File) -> std::io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_it_and_the_other_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.lock");
        let first = HostLock::acquire(&path).unwrap();
        let NotLocked::Held { pid } = HostLock::acquire(&path).unwrap_err() else { panic!("it is held") };
        assert_eq!(pid, Some(std::process::id()));
        assert_eq!(recorded(&path), proc::key(std::process::id()));
        drop(first);
        assert_eq!(recorded(&path), None);
        HostLock::acquire(&path).unwrap();
    }

    #[test]
    fn a_file_left_by_a_crash_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.lock");
        std::fs::write(&path, r#"{"pid":1,"start_time":1}  and more that is longer than a record"#).unwrap();
        let lock = HostLock::acquire(&path).unwrap();
        assert_eq!(recorded(&path).unwrap().pid, std::process::id());
        drop(lock);
    }

    #[test]
    fn a_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.lock");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(HostLock::acquire(&path), Err(NotLocked::Failed(_))));
        assert!(!folder.path().join("elsewhere").exists());
    }
}
