//! The one file that tells a client without any environment where the host really listens.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use ebb_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::Paths;
use crate::transport::proc::{self, ProcessKey};

/// A running host's real paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The host's pid.
    pub pid: u32,
    /// When that process started: pids are used again.
    pub start_time: u64,
    /// Ebb's version.
    pub version: String,
    /// See [`Paths`].
    pub mcp_sock: PathBuf,
    /// See [`Paths`].
    pub control_sock: PathBuf,
    /// See [`Paths`].
    pub data_dir: PathBuf,
}

impl Endpoint {
    /// This process's, listening at `paths`.
    #[must_use]
    pub fn of(paths: &Paths) -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start_time: proc::key(pid).map_or(0, |key| key.start_time),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mcp_sock: paths.mcp_sock.clone(),
            control_sock: paths.control_sock.clone(),
            data_dir: paths.data_dir.clone(),
        }
    }

    /// Reads a file; `None` when there is none or it makes no sense.
    #[must_use]
    pub fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }

    /// Whether the host that wrote it lives.
    #[must_use]
    pub fn lives(&self) -> bool {
        proc::lives(ProcessKey { pid: self.pid, start_time: self.start_time })
    }

    /// Writes the file whole or not at all, readable by this user only. Another living host's entry
    /// stays: `false` then.
    pub fn write(&self, file: &Path) -> Result<bool> {
        if Self::read(file).is_some_and(|other| other.pid != self.pid && other.lives()) {
            return Ok(false);
        }
        let write = || -> std::io::Result<()> {
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            let new = file.with_extension(format!("{}.new", self.pid));
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&new)?.write_all(&text)?;
            std::fs::rename(&new, file)
        };
        write().map(|()| true).map_err(|error| {
            Error::new(Code::Internal, format!("cannot write {}: {error}", file.display()))
                .next("check the folder's owner, permissions and free space")
        })
    }

    /// Takes the file away if it is this host's.
    pub fn remove(&self, file: &Path) {
        if Self::read(file).as_ref() == Some(self)
            && let Err(error) = std::fs::remove_file(file)
        {
            tracing::debug!(%error, file = %file.display(), "cannot remove the endpoint file");
        }
    }
}
