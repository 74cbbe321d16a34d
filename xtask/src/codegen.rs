//! `cargo xtask codegen`: the bindings test compares; with `EBB_UPDATE=1` it writes.

use anyhow::Result;

use crate::{process, repo::Repo};

pub(crate) fn codegen(repo: &Repo) -> Result<()> {
    // The whole workspace, as in `cargo xtask test`: another selection would compile shared dependencies again.
    process::run(repo.cargo(["test", "--workspace", "--test", "it", "bindings"]).env("EBB_UPDATE", "1"))?;
    println!("ui/src/lib/bindings is up to date.");
    Ok(())
}
