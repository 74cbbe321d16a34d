//! `ebb guard`: the small process that cleans up when its host is killed.

use std::{path::PathBuf, process::ExitCode};

use crate::out;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where run directories are.
    #[arg(long)]
    run_dir: PathBuf,
    /// Where to say what was done.
    #[arg(long)]
    log_dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match ebb_host::run::guard(&args.run_dir, args.log_dir.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}
