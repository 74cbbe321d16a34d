//! A profile on disk: one browser at a time.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use ebb_core::{Code, Error, Result};

use crate::transport::proc;

/// How often it is tried to have a profile that somebody else uses.
pub(super) const TRIES: usize = 5;
/// Between two tries.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// The file in it that its user has locked.
const LOCK: &str = ".ebb.lock";

/// A profile that nobody else uses as long as this lives.
#[derive(Debug)]
pub(crate) struct Profile {
    path: PathBuf,
    /// The lock goes with the file.
    _lock: File,
}

impl Profile {
    /// Takes the profile at `path`, made now if there is none.
    ///
    /// # Errors
    /// [`Code::BrowserFailed`]: somebody else uses it for five seconds on, or it cannot be written.
    pub(crate) async fn take(path: &Path) -> Result<Self> {
        for _ in 0..TRIES {
            if let Some(profile) = Self::try_take(path)? {
                return Ok(profile);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(in_use(path))
    }

    fn try_take(path: &Path) -> Result<Option<Self>> {
        let failed = |error: std::io::Error| {
            Error::new(Code::BrowserFailed, format!("the profile {} cannot be used: {error}", path.display()))
                .next("Name another folder with --user-data-dir, or use --isolated.")
        };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(failed)?;
        let lock = File::create(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        if another_browser_runs(path) {
            return Ok(None);
        }
        Ok(Some(Self { path: path.to_owned(), _lock: lock }))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The error for a profile that somebody else uses.
pub(crate) fn in_use(path: &Path) -> Error {
    Error::new(
        Code::BrowserFailed,
        format!(
            "Browser is already in use for {}, use --isolated to run multiple instances of the same browser",
            path.display()
        ),
    )
}

/// Whether a browser that is not Ebb's has it: Chromium leaves a link that names its process.
fn another_browser_runs(path: &Path) -> bool {
    let Ok(target) = std::fs::read_link(path.join("SingletonLock")) else { return false };
    let target = target.to_string_lossy().into_owned();
    let pid = target.rsplit_once('-').and_then(|(_, pid)| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| proc::stat(pid).is_some_and(|stat| stat.exit().is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_profile_has_one_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/profile");
        let first = Profile::take(&path).await.unwrap();
        assert_eq!(first.path(), path);
        let error = Profile::take(&path).await.unwrap_err();
        assert_eq!(
            error.message,
            format!(
                "Browser is already in use for {}, use --isolated to run multiple instances of the same browser",
                path.display()
            )
        );
        drop(first);
        drop(Profile::take(&path).await.unwrap());
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn a_browser_of_somebody_else_counts_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("SingletonLock");
        std::os::unix::fs::symlink(format!("a-host-{}", std::process::id()), &link).unwrap();
        Profile::take(folder.path()).await.unwrap_err();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("a-host-4194399", &link).unwrap();
        Profile::take(folder.path()).await.unwrap();
    }
}
