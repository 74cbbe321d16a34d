//! Measures Ebb as its users meet it: whole processes, real clients, a real Chromium, and beside them the
//! floor that nothing can be below, in the same run on the same machine.
//!
//! Started by `cargo xtask bench`. Figures are never asserted; they are printed, and stand in the README.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be made ends the program with its reason"
)]

/// What a tool call costs over the same question to Chromium itself.
mod calls;
/// Cursor stores beside the containers they are made of.
mod cursors;
/// From a death to nothing left, for every kind of client.
mod disconnects;
/// What a session and an idle host hold and cost.
mod memory;
/// Other browser servers on the same machine.
mod peers;
/// Chromium without Ebb: the floor of calls.
mod raw;
/// Rows, the table, JSON, the block in the README.
mod report;
/// From a death to nothing left.
mod sessions;
/// From the start of a bridge to its first answers.
mod start;
/// A server on standard streams.
mod stdio;
/// Percentiles, and waiting with a fine step.
mod timing;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use report::Report;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Cursor stores: create, read, remove, sweep, many creators, memory given back
    Cursors,
    /// From kill -9 to nothing left: one client, a hundred, the host itself
    Sessions,
    /// From the start of a bridge to `initialize` and to the first page
    Start,
    /// One more session, an idle host, two hundred sessions through
    Memory,
    /// A tool call over raw CDP
    Calls,
    /// From kill -9 to nothing left, for every client, transport and revision; only when it is named
    Disconnects,
    /// Ebb beside other browser servers from npm; only when it is named
    Peers,
}

impl Subject {
    /// What is measured when nothing is named. All of its figures together are one table of the README.
    const USUAL: [Self; 5] = [Self::Cursors, Self::Sessions, Self::Start, Self::Memory, Self::Calls];

    fn is_usual(self) -> bool {
        Self::USUAL.contains(&self)
    }
}

#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    /// What to measure; all but the last two when left out
    subjects: Vec<Subject>,
    /// Write the figures to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the figures into this README between their markers; those of the first five only together
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let usual = cli.subjects.iter().filter(|subject| subject.is_usual()).count();
    ensure!(
        cli.readme.is_none() || usual == 0 || usual == Subject::USUAL.len(),
        "the README shows all figures of the first five: leave the subjects out to write them"
    );
    let subjects = if cli.subjects.is_empty() { &Subject::USUAL[..] } else { &cli.subjects };
    let mut report = Report::default();
    for subject in subjects {
        let name = subject.to_possible_value().expect("every subject has a name").get_name().to_owned();
        eprintln!("measuring {name} ...");
        report.begin(&name);
        match subject {
            Subject::Cursors => cursors::measure(&mut report),
            Subject::Sessions => sessions::measure(&mut report),
            Subject::Start => start::measure(&mut report),
            Subject::Memory => memory::measure(&mut report),
            Subject::Calls => calls::measure(&mut report),
            Subject::Disconnects => disconnects::measure(&mut report),
            Subject::Peers => peers::measure(&mut report),
        }
    }
    report.print();
    if let Some(file) = &cli.json {
        report.write_json(file)?;
    }
    if let Some(file) = &cli.readme {
        report.write_readme(file)?;
    }
    Ok(())
}
