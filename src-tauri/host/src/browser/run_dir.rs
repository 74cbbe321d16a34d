//! Run directories: everything one Chromium writes, in one place that carries its owner's mark.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use ebb_core::{Code, Error, Result, ids::InstanceId};
use serde::{Deserialize, Serialize};

use super::processes;
use crate::transport::proc;

/// The file that says whose a run directory is.
const MARKER: &str = "owner.json";

/// Who made a run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The host's process.
    pub(crate) pid: u32,
    /// Its start time: process ids are used again.
    pub(crate) start_time: u64,
    /// The host's run.
    pub(crate) instance: InstanceId,
}

impl Marker {
    /// The mark of this process.
    pub(crate) fn of_this_process(instance: &InstanceId) -> Self {
        let pid = std::process::id();
        Self { pid, start_time: proc::key(pid).map_or(0, |key| key.start_time), instance: instance.clone() }
    }

    /// Whether the process that made the mark still lives.
    pub(crate) fn is_alive(&self) -> bool {
        proc::lives(proc::ProcessKey { pid: self.pid, start_time: self.start_time })
    }
}

/// A run directory. Removed by [`RunDir::remove`], and by the next start when that never ran.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes a new one below `base`, marked before anything else is written into it.
    ///
    /// # Errors
    /// [`Code::BrowserFailed`] when the folder cannot be written.
    pub(crate) fn create(base: &Path, marker: &Marker) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(Code::BrowserFailed, format!("the folder {} cannot be written: {error}", base.display()))
                .next("Make it writable, or choose another one with --data-dir.")
        };
        let id = InstanceId::new();
        // Short on purpose: socket names below it may have 108 bytes at most.
        let path = base.join(format!("b-{}", &id.as_str()[4..14]));
        private_dir(base).map_err(failed)?;
        private_dir(&path).map_err(failed)?;
        let text = serde_json::to_vec(marker).map_err(|error| failed(error.into()))?;
        fs::File::create_new(path.join(MARKER)).and_then(|mut file| file.write_all(&text)).map_err(failed)?;
        for part in ["profile", "tmp", "config"] {
            private_dir(&path.join(part)).map_err(failed)?;
        }
        Ok(Self { path })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with everything in it. Chromium's last processes may still be writing, so a
    /// directory that is not empty is tried again for a moment.
    pub(crate) async fn remove(&self) -> std::io::Result<()> {
        remove_tree(&self.path).await
    }
}

/// Removes a tree, again and again for a second while something still writes into it.
pub(crate) async fn remove_tree(path: &Path) -> std::io::Result<()> {
    let mut last = Ok(());
    for wait_ms in [0_u64, 20, 50, 100, 200, 300, 400] {
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        let target = path.to_path_buf();
        last = match tokio::task::spawn_blocking(move || fs::remove_dir_all(target)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(std::io::Error::other(error)),
        };
    }
    last
}

/// Makes a directory that only its owner may enter.
pub(crate) fn private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// What start-up found and removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaped {
    /// Run directories of dead hosts that are gone now.
    pub(crate) directories: usize,
    /// Processes that still used one of them.
    pub(crate) processes: usize,
    /// Directories that could not be removed.
    pub(crate) failed: Vec<PathBuf>,
}

/// Removes the run directories of hosts that are dead, and ends the processes that still use them.
pub(crate) async fn reap(base: &Path) -> Reaped {
    let mut reaped = Reaped::default();
    let Ok(entries) = fs::read_dir(base) else { return reaped };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        let marker = fs::read(path.join(MARKER)).ok().and_then(|text| serde_json::from_slice::<Marker>(&text).ok());
        if !path.is_dir() || marker.is_some_and(|marker| marker.is_alive()) {
            continue;
        }
        for pid in processes::using_directory(&path) {
            processes::kill(pid);
            reaped.processes += 1;
        }
        match remove_tree(&path).await {
            Ok(()) => reaped.directories += 1,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a run directory of a dead host could not be removed");
                reaped.failed.push(path);
            }
        }
    }
    reaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_dead_go_and_the_living_stay() {
        let base = tempfile::tempdir().unwrap();
        let living = RunDir::create(base.path(), &Marker::of_this_process(&InstanceId::new())).unwrap();
        let dead = Marker { pid: std::process::id(), start_time: 1, instance: InstanceId::new() };
        let left = RunDir::create(base.path(), &dead).unwrap();
        let unmarked = base.path().join("b-unmarked");
        fs::create_dir(&unmarked).unwrap();

        let reaped = reap(base.path()).await;

        assert_eq!(reaped, Reaped { directories: 2, processes: 0, failed: Vec::new() });
        assert!(living.path().exists());
        assert!(!left.path().exists());
        assert!(!unmarked.exists());
    }
}
