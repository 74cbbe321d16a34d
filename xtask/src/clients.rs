//! The real clients that tests use: packages of npm and of the Python package index, kept in the target directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{process, repo::Repo, ui::NPM};

/// What says which packages are installed: a copy of the lock file, written last.
const STAMP: &str = "installed";

const OFFLINE: &str = "the test clients cannot be installed; that needs the package registries once, then never again \
                       until tests/clients changes";

/// Installs what the lock files in `tests/clients` name, unless it is there already.
pub(crate) fn install(repo: &Repo) -> Result<()> {
    each(repo, "node", "package-lock.json", npm)?;
    each(repo, "python", "requirements.txt", |source, folder| {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"]);
        process::run(pip.arg(source.join("requirements.txt")))
    })
}

/// Installs the other browser servers that Ebb is measured beside.
pub(crate) fn install_peers(repo: &Repo) -> Result<()> {
    each(repo, "peers", "package-lock.json", npm)
}

fn npm(source: &Path, folder: &Path) -> Result<()> {
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(source.join(name), folder.join(name)).with_context(|| format!("{name} cannot be copied"))?;
    }
    process::run(&mut Repo::program(NPM, ["ci", "--no-audit", "--no-fund"], folder))
}

fn each(repo: &Repo, kind: &str, lock: &str, install: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<()> {
    let source = repo.root.join("tests/clients").join(kind);
    let folder: PathBuf = repo.target.join("test-clients").join(kind);
    let wanted = fs::read(source.join(lock)).with_context(|| format!("{lock} of tests/clients/{kind} is missing"))?;
    if fs::read(folder.join(STAMP)).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    // What is half there, or of other versions, is of no use.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    install(&source, &folder).context(OFFLINE)?;
    fs::write(folder.join(STAMP), wanted).with_context(|| format!("{} cannot be written", folder.display()))
}
