//! `cargo xtask soak`: random kills, freezes and restarts for as long as asked; the same seed makes the
//! same choices.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::{process, repo::Repo};

pub(crate) fn soak(repo: &Repo, minutes: u64, seed: Option<u64>) -> Result<()> {
    // Small enough to be read aloud.
    let seed = seed.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| u64::from(time.subsec_micros()))
    });
    process::run(&mut repo.cargo(["build", "--workspace", "--all-targets"]))?;
    println!(
        "Soaking for {minutes} min with seed {seed}; the same again: cargo xtask soak --minutes {minutes} --seed {seed}"
    );
    let mut test = repo.cargo(["test", "--workspace", "--test", "it", "--", "--exact", "soak::soak", "--nocapture"]);
    process::run(test.env("EBB_SOAK_SECONDS", (minutes * 60).to_string()).env("EBB_SOAK_SEED", seed.to_string()))
}
