//! `ebb end`: ends one session through the one door, and shows its report.

use std::process::ExitCode;

use ebb_core::cleanup::{AskedBy, CleanupReport};
use ebb_host::control::{Command, Reply};

use crate::{control, out, place::Place, table};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A session's id, the first four or more characters of it, or its name.
    session: String,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let command = Command::EndSession { session: args.session.clone(), by: AskedBy::Cli };
    control::show(&args.place, command, |reply| {
        let Reply::Report(report) = reply else { return Err(control::unexpected()) };
        if args.place.json {
            out::json(&report);
        } else {
            out::lines(&lines(&report));
        }
        Ok(())
    })
}

fn lines(report: &CleanupReport) -> Vec<String> {
    let mut lines = vec![format!("Session {} ended in {:.0} ms: {}", report.session, report.ms, report.strip())];
    if report.freed.bytes() > 0 {
        lines.push(format!("Freed {}", table::bytes(report.freed.bytes())));
    }
    for step in &report.steps {
        if let Some(error) = &step.error {
            lines.push(format!("{}: {}", step.step.label(), error.message));
        }
    }
    lines.extend(report.leftovers.iter().map(|leftover| format!("Left behind and being retried: {}", leftover.what)));
    lines.extend(report.freed.kept_files.iter().map(|file| format!("Kept: {file}")));
    lines
}
