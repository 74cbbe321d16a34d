//! The folder of a server that belongs to one program: made for one run, gone with it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use ebb_core::{Code, Error, Result, ids::InstanceId};

use super::{
    dir::{MARKER, Marker, private_dir},
    end, remove_tree,
};

/// How the folders' names begin.
const PREFIX: &str = "ebb-mcp-";
/// How long what belongs to a dead server may take to end.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long the last writers may keep the folder from being removed.
const REMOVAL: Duration = Duration::from_millis(300);

/// A folder among the temporary files that carries its owner's mark.
#[derive(Debug)]
pub(crate) struct PrivateFolder {
    path: PathBuf,
}

impl PrivateFolder {
    /// Makes one for the run `instance` of this process, for its user only.
    ///
    /// # Errors
    /// [`Code::Internal`] when temporary files cannot be written.
    pub(crate) fn make(instance: &InstanceId) -> Result<Self> {
        let base = std::env::temp_dir();
        // Short on purpose: names of sockets in it may have 108 bytes at most.
        let path = base.join(format!("{PREFIX}{}", &InstanceId::new().as_str()[4..14]));
        let failed = |error: std::io::Error| {
            Error::new(Code::Internal, format!("no folder can be made in {}: {error}", base.display()))
                .next("Make room and make it writable, or set TMPDIR to another folder.")
        };
        let folder = Self { path };
        folder.mark(instance).map_err(failed)?;
        Ok(folder)
    }

    fn mark(&self, instance: &InstanceId) -> std::io::Result<()> {
        private_dir(&self.path)?;
        let text = serde_json::to_vec(&Marker::of_this_process(instance))?;
        fs::File::create_new(self.path.join(MARKER))?.write_all(&text)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with everything in it; whether nothing of it is left. Blocks for a moment at most.
    pub(crate) fn remove(&self) -> bool {
        remove_tree(&self.path, REMOVAL).is_ok()
    }
}

/// Ends and removes what servers left that died together with their guardian. Blocks.
pub(crate) fn reap_private() {
    let base = std::env::temp_dir();
    let entries = fs::read_dir(&base).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    let dead = ours.map(|entry| entry.path()).filter(|path| is_own(path) && is_dead(path));
    let dead: Vec<PathBuf> = dead.collect();
    if !dead.is_empty() {
        let ended = end(&base, &dead, DEADLINE);
        tracing::info!(directories = ended.directories, processes = ended.processes, "removed what dead servers left");
    }
}

fn is_dead(path: &Path) -> bool {
    Marker::on(path).is_some_and(|marker| !marker.is_alive())
}

/// Temporary files are everybody's: what another user put there is left alone.
#[cfg(unix)]
fn is_own(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let uid = rustix::process::getuid().as_raw();
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == uid)
}

#[cfg(not(unix))]
fn is_own(path: &Path) -> bool {
    path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_marked_and_goes() {
        let folder = PrivateFolder::make(&InstanceId::new()).unwrap();
        assert!(folder.path().is_dir() && !is_dead(folder.path()) && is_own(folder.path()));
        fs::create_dir(folder.path().join("b-x")).unwrap();
        assert!(folder.remove());
        assert!(!folder.path().exists());
    }

    #[test]
    fn what_the_dead_left_goes_and_the_living_stay() {
        let living = PrivateFolder::make(&InstanceId::new()).unwrap();
        let dead = std::env::temp_dir().join(format!("{PREFIX}dead-{}", std::process::id()));
        fs::create_dir(&dead).unwrap();
        let marker = Marker { start_time: 1, ..Marker::of_this_process(&InstanceId::new()) };
        fs::write(dead.join(MARKER), serde_json::to_vec(&marker).unwrap()).unwrap();
        reap_private();
        assert!(!dead.exists() && living.path().exists());
        assert!(living.remove());
    }
}
