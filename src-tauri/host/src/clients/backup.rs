//! What a file was before Ebb changed it. The last few are kept, in Ebb's own folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::disk;

/// Kept of each client; the oldest go first.
const KEPT: usize = 10;

/// One change that was made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Backup {
    /// The file.
    pub(super) file: PathBuf,
    /// What it was; none where there was none.
    pub(super) before: Option<String>,
    /// Stands for what it became.
    pub(super) after: String,
}

/// The backups of one client.
#[derive(Debug, Clone)]
pub(super) struct Backups(PathBuf);

impl Backups {
    pub(super) fn of(data_dir: &Path, client: &str) -> Self {
        Self(data_dir.join("clients").join(client))
    }

    /// Numbered, oldest first.
    fn all(&self) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.0) else { return Vec::new() };
        let mut all: Vec<(u64, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                Some((path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()?, path))
            })
            .collect();
        all.sort_unstable();
        all
    }

    /// Keeps one more. It may hold what others must not read.
    pub(super) fn keep(&self, backup: &Backup) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        #[cfg(unix)]
        fs::set_permissions(&self.0, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let all = self.all();
        let number = all.last().map_or(1, |(number, _)| number + 1);
        let text = serde_json::to_string(backup).map_err(io::Error::other)?;
        disk::write(&self.0.join(format!("{number}.json")), &text)?;
        for (_, old) in all.iter().take((all.len() + 1).saturating_sub(KEPT)) {
            drop(fs::remove_file(old));
        }
        Ok(())
    }

    /// The last one, and its file.
    pub(super) fn last(&self) -> Option<(Backup, PathBuf)> {
        let (_, path) = self.all().pop()?;
        let text = crate::config::text_of(&path, 2 * disk::MAX_FILE).ok()?;
        Some((serde_json::from_str(&text).ok()?, path))
    }

    /// The last one, if the file is still what it was made to be.
    pub(super) fn usable(&self, file: &Path, now: Option<&str>) -> Option<(Backup, PathBuf)> {
        let (backup, path) = self.last()?;
        (backup.file == file && now.is_some_and(|now| disk::mark(&[now]) == backup.after)).then_some((backup, path))
    }
}
