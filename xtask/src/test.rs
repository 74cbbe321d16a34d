//! `cargo xtask test`: everything that must pass before a change lands, the quick checks first.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{
    audit, clients, process,
    repo::Repo,
    rules,
    setup::{self, Consent, Need},
    ui,
};

/// Runs all steps, or with a filter only what the filtered Rust tests need. Stops at the first failure.
pub(crate) fn test(repo: &Repo, consent: Consent, desktop: bool, filter: Option<&str>) -> Result<()> {
    let whole = filter.is_none();
    // One selection for lints, build and tests: another one would compile shared dependencies a second time.
    let mut selection = vec!["--workspace"];
    if !desktop {
        selection.extend(["--exclude", "ebb-desktop"]);
    }
    let cargo = |before: &[&str], after: &[&str]| process::run(&mut repo.cargo([before, &selection, after].concat()));

    step("setup", || setup::setup(Need::Test { desktop }, consent))?;
    if whole {
        step("format", || process::run(&mut repo.cargo(["fmt", "--all", "--check"])))?;
        step("house rules", || rules::check(repo))?;
        step("licences and sources", || audit::offline(repo))?;
    }
    step("test clients", || clients::install(repo))?;
    step("dashboard packages", || ui::install(repo))?;
    if whole {
        step("dashboard check", || ui::script(repo, "check"))?;
        step("dashboard tests", || ui::script(repo, "test"))?;
    }
    step("dashboard build", || ui::build(repo))?;
    if whole {
        step("lints", || cargo(&["clippy"], &["--all-targets", "--", "-D", "warnings"]))?;
    }
    step("build", || cargo(&["build"], &["--all-targets"]))?;
    #[cfg(unix)]
    if whole && desktop {
        step("packages", || crate::dist::test(repo))?;
    }
    step("tests", || {
        if process::find("cargo-nextest").is_some() {
            cargo(&["nextest", "run"], &nextest(desktop, filter))
        } else {
            cargo(&["test"], &cargo_test(desktop, filter))
        }
    })
}

fn nextest(desktop: bool, filter: Option<&str>) -> Vec<&str> {
    let mut args = vec!["--no-fail-fast"];
    if !desktop {
        args.extend(["-E", "not (package(ebb-tests) and binary(desktop))"]);
    }
    args.extend(filter);
    args
}

fn cargo_test(desktop: bool, filter: Option<&str>) -> Vec<&str> {
    let mut args = vec!["--no-fail-fast", "--lib", "--bins"];
    if desktop {
        args.push("--tests");
    } else {
        args.extend(["--test", "it"]);
    }
    args.extend(filter);
    args
}

/// Runs one step under a heading and says how long it took.
fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n==> {name}");
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    match &result {
        Ok(()) => println!("<== {name}: done in {seconds:.1} s"),
        Err(_) => println!("<== {name}: FAILED after {seconds:.1} s"),
    }
    result.with_context(|| format!("step \"{name}\""))
}
