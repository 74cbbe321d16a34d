//! `ebb doctor`: everything that Ebb needs on this machine, and what to do where it is not so.

mod checks;
mod trials;

use std::{path::PathBuf, process::ExitCode};

use serde::Serialize;

use crate::{out, place::Place, table};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Check this Chromium instead of the one that would be found.
    #[arg(long, value_name = "PATH")]
    browser: Option<PathBuf>,
    /// Check this settings file.
    #[arg(long, value_name = "FILE", env = "EBB_CONFIG")]
    config: Option<PathBuf>,
    /// Start no browser and reach no store.
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    place: Place,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), next: None }
    }

    fn warn(name: &'static str, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warn, found: found.into(), next: Some(next.into()) }
    }

    fn fail(name: &'static str, found: impl Into<String>, next: Option<String>) -> Self {
        Self { name, verdict: Verdict::Fail, found: found.into(), next }
    }
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let checks = checks::all(args);
    if args.place.json {
        out::json(&checks);
    } else {
        let width = table::width();
        for check in &checks {
            let verdict = match check.verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            out::line(&table::clip(&format!("{verdict}  {:<8}  {}", check.name, check.found), width));
            if let Some(next) = &check.next {
                // Commands to copy are never cut.
                out::line(&format!("{:16}{next}", ""));
            }
        }
    }
    if checks.iter().any(|check| check.verdict == Verdict::Fail) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
