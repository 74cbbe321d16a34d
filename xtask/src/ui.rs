//! The dashboard's chores: install, check, test, build. Each is skipped when it would change nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, Result, bail};

use crate::{process, repo::Repo};

pub(crate) const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Folders of `ui/` that are made, not written.
const MADE: [&str; 3] = ["node_modules", "dist", "test-results"];

/// Installs the packages of the lock file, unless they are there already.
pub(crate) fn install(repo: &Repo) -> Result<()> {
    let ui = repo.ui();
    let lock = ui.join("package-lock.json");
    if !lock.is_file() {
        bail!("{} is missing, so the dashboard's packages are not known", lock.display());
    }
    // npm writes this copy of the lock file at the end of every install.
    let installed = ui.join("node_modules/.package-lock.json");
    if modified(&installed).is_none_or(|at| modified(&lock).is_none_or(|lock| lock > at)) {
        process::run(&mut npm(repo, &["ci", "--no-audit", "--no-fund"]))?;
    }
    Ok(())
}

/// Runs one script of `package.json`.
pub(crate) fn script(repo: &Repo, name: &str) -> Result<()> {
    process::run(&mut npm(repo, &["run", name]))
}

/// Builds `ui/dist`, unless it is newer than every source.
pub(crate) fn build(repo: &Repo) -> Result<()> {
    if is_stale(&repo.ui())? { script(repo, "build") } else { Ok(()) }
}

pub(crate) fn npm(repo: &Repo, args: &[&str]) -> Command {
    Repo::program(NPM, args.iter().copied(), &repo.ui())
}

fn is_stale(ui: &Path) -> Result<bool> {
    let index = ui.join("dist/index.html");
    // Without a script it is only the page that the app's build script writes when nothing was built.
    let built = fs::read_to_string(&index).is_ok_and(|page| page.contains("<script"));
    let Some(at) = modified(&index).filter(|_| built) else {
        return Ok(true);
    };
    let mut folders = vec![ui.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // A folder's own time changes when a file in it is removed or renamed.
        if folder != ui && modified(&folder).is_some_and(|changed| changed > at) {
            return Ok(true);
        }
        for entry in fs::read_dir(&folder).with_context(|| format!("{} is not readable", folder.display()))? {
            let path: PathBuf = entry?.path();
            let made = folder == ui && MADE.iter().any(|name| path.ends_with(name));
            if path.is_dir() {
                if !made {
                    folders.push(path);
                }
            } else if modified(&path).is_some_and(|changed| changed > at) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
