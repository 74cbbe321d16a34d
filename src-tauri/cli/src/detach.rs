//! `ebb detach -- PROGRAM ...`: the step between a client's bridge and a host that outlives the client.

use std::{ffi::OsString, process::ExitCode};

use crate::out;

#[derive(clap::Args)]
pub(crate) struct Args {
    program: OsString,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match ebb_host::transport::bridge::detach(&args.program, &args.arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}
