//! Where things are: the repository, its dashboard, and what cargo built.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

/// One checkout and the target directory that goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    /// The folder that holds the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// `CARGO_TARGET_DIR`, else `target` in the root; absolute, so that every child means the same place.
    pub(crate) target: PathBuf,
}

impl Repo {
    /// Finds the checkout this xtask was started for.
    ///
    /// Read at run time, not compiled in: clones may share one target directory.
    pub(crate) fn find() -> Result<Self> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(dir) => PathBuf::from(dir),
            None => env::current_dir().context("the current directory is not readable")?,
        };
        let root = start
            .ancestors()
            .find(|dir| dir.join("tauri.conf.json").is_file() && dir.join("Cargo.toml").is_file())
            .with_context(|| format!("no Ebb checkout at or above {}", start.display()))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()) {
            Some(dir) => std::path::absolute(dir).context("CARGO_TARGET_DIR is not usable")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    pub(crate) fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// The path of a program of the debug build.
    pub(crate) fn debug_bin(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// A cargo command in this checkout, with the cargo that started us.
    pub(crate) fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        command.args(args).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// A program in a folder of this checkout.
    pub(crate) fn program<'a>(name: &str, args: impl IntoIterator<Item = &'a str>, dir: &Path) -> Command {
        let mut command = Command::new(name);
        command.args(args).current_dir(dir);
        command
    }
}
