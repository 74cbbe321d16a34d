//! A small file system of its own: full when a test wants it, and not to be removed while it is there.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A mounted tmpfs; dropping it takes it away.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
}

impl Mount {
    /// Mounts one of `size` (`8m`) at the folder `path`. Tests of full disks need a user who may.
    #[must_use]
    pub fn tmpfs(path: &Path, size: &str) -> Self {
        let options = format!("size={size},mode=0700");
        run(&["-t", "tmpfs", "-o", &options, "tmpfs"], &[path]);
        Self { path: path.to_owned() }
    }

    /// Makes the folder `path` read-only for whoever does not have a file of it open yet.
    #[must_use]
    pub fn read_only(path: &Path) -> Self {
        run(&["--bind"], &[path, path]);
        let mount = Self { path: path.to_owned() };
        run(&["-o", "remount,bind,ro"], &[path]);
        mount
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn run(words: &[&str], paths: &[&Path]) {
    match Command::new("mount").args(words).args(paths).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "a file system cannot be mounted ({}); run the tests as root, or in `unshare --map-root-user --mount`",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        Err(error) => panic!("`mount` cannot be run: {error}"),
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: somebody may look into it just now.
        let status = Command::new("umount").arg("--lazy").arg(&self.path).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.path.display());
        }
    }
}
