//! `cargo xtask bench`: builds what is measured as it is shipped, but for the slow link, and measures it.

use std::path::{Path, absolute};

use anyhow::{Context, Result};

use crate::{
    clients, process,
    repo::Repo,
    setup::{self, Consent, Need},
};

/// Builds with the bench profile and starts the measuring program.
pub(crate) fn bench(
    repo: &Repo,
    consent: Consent,
    subjects: &[String],
    json: Option<&Path>,
    write_readme: bool,
) -> Result<()> {
    setup::setup(Need::Test { desktop: false }, consent)?;
    if subjects.iter().any(|subject| matches!(subject.as_str(), "disconnects" | "peers")) {
        clients::install(repo)?;
    }
    if subjects.iter().any(|subject| subject == "peers") {
        clients::install_peers(repo)?;
    }
    let build = ["build", "--profile", "bench", "-p", "ebb", "-p", "ebb-tests", "-p", "ebb-bench", "--bins"];
    process::run(&mut repo.cargo(build))?;
    // The bench profile shares its folder with the release profile.
    let mut command = std::process::Command::new(repo.target.join("release").join("ebb-bench"));
    command.args(subjects).current_dir(&repo.root);
    if let Some(file) = json {
        command.arg("--json").arg(absolute(file).context("the file's path is not usable")?);
    }
    if write_readme {
        command.arg("--readme").arg(repo.root.join("README.md"));
    }
    process::run(&mut command)
}
