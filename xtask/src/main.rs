//! Every recurring chore of this repository: `cargo xtask <command>`. One file per command.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore speaks to a terminal")]

mod audit;
mod bench;
mod clients;
mod codegen;
mod connect;
#[cfg(unix)]
mod dist;
mod process;
mod repo;
mod rules;
mod run;
mod setup;
mod soak;
mod test;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use repo::Repo;
use setup::{Consent, Need};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Every recurring chore of this repository")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build, print how to connect a client, and start Ebb
    Run {
        /// Install packages without asking
        #[arg(long)]
        yes: bool,
        /// Arguments for the program that is started
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Install what building and testing need: system packages, and the clients that tests use
    Setup {
        /// Install packages without asking
        #[arg(long)]
        yes: bool,
    },
    /// Check everything: format, house rules, dashboard, lints, tests
    Test {
        /// Install packages without asking
        #[arg(long)]
        yes: bool,
        /// Leave out the desktop app and the tests that need a display
        #[arg(long)]
        no_desktop: bool,
        /// Build, then run only the Rust tests whose name contains this
        filter: Option<String>,
    },
    /// Kill, freeze and restart everything at random, and count what is left
    Soak {
        /// For how long
        #[arg(long, default_value_t = 60)]
        minutes: u64,
        /// The choices of an earlier run; a new one when left out
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Make Debian packages of the command line and the desktop program
    #[cfg(unix)]
    Dist {
        /// Pack the development build that is there, install it as root, and remove it again
        #[arg(long)]
        check: bool,
    },
    /// Check the house rules that no lint can hold
    Rules,
    /// Check what others bring along: advisories, licences and sources of crates, and the dashboard's packages
    Audit,
    /// Write the TypeScript bindings anew from the Rust types
    Codegen,
    /// Measure: cursors, sessions, start, memory, calls; by their names also disconnects and peers
    Bench {
        /// Install packages without asking
        #[arg(long)]
        yes: bool,
        /// What to measure
        subjects: Vec<String>,
        /// Write the figures to this file too
        #[arg(long, value_name = "FILE")]
        json: Option<std::path::PathBuf>,
        /// Write the figures into the README; those of the first five only together
        #[arg(long)]
        write_readme: bool,
    },
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> anyhow::Result<ExitCode> {
    let repo = Repo::find()?;
    match command {
        Command::Run { yes, args } => return run::run(&repo, Consent::new(yes), &args),
        Command::Setup { yes } => {
            setup::setup(Need::Test { desktop: true }, Consent::new(yes))?;
            clients::install(&repo)?;
        }
        Command::Test { yes, no_desktop, filter } => {
            test::test(&repo, Consent::new(yes), !no_desktop, filter.as_deref())?;
        }
        Command::Soak { minutes, seed } => soak::soak(&repo, minutes, seed)?,
        #[cfg(unix)]
        Command::Dist { check: true } => dist::test(&repo)?,
        #[cfg(unix)]
        Command::Dist { check: false } => dist::dist(&repo)?,
        Command::Rules => rules::check(&repo)?,
        Command::Audit => audit::audit(&repo)?,
        Command::Codegen => codegen::codegen(&repo)?,
        Command::Bench { yes, subjects, json, write_readme } => {
            bench::bench(&repo, Consent::new(yes), &subjects, json.as_deref(), write_readme)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
