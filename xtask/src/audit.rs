//! `cargo xtask audit`: what this repository brings along from others: advisories, licences, sources.

use anyhow::{Result, bail};

use crate::{process, repo::Repo, ui};

/// How the tool for Rust's crates is had.
const INSTALL: &str = "cargo install --locked cargo-deny";

/// Checks crates by `deny.toml`, and the packages that the dashboard ships. Needs both advisory services.
pub(crate) fn audit(repo: &Repo) -> Result<()> {
    if !is_installed() {
        bail!("cargo-deny is not installed: run `{INSTALL}`");
    }
    process::run(&mut repo.cargo(["deny", "--all-features", "check"]))?;
    // What only builds and tests the dashboard is in no release.
    process::run(&mut ui::npm(repo, &["audit", "--omit=dev"]))
}

/// The part that needs no network: bans, licences and sources. Says so where the tool for it is missing.
pub(crate) fn offline(repo: &Repo) -> Result<()> {
    if !is_installed() {
        println!("not checked: cargo-deny is not installed (`{INSTALL}`)");
        return Ok(());
    }
    process::run(&mut repo.cargo(["deny", "--all-features", "check", "bans", "licenses", "sources"]))
}

fn is_installed() -> bool {
    process::find("cargo-deny").is_some()
}
