//! One question to the running host, and its answer.

use std::process::ExitCode;

use ebb_core::{Code, Error, Result};
use ebb_host::control::{Command, Reply, client::Client};

use crate::{out, place::Place};

/// Asks the host at `place`.
pub(crate) fn ask(place: &Place, command: Command) -> Result<Reply> {
    let paths = place.paths()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Error::new(Code::Internal, format!("the system gives no event queue: {error}"))
            .next("close some programs and try again")
    })?;
    runtime.block_on(async {
        let host = Client::connect(&paths.control_sock).await.map_err(|error| match error.code {
            Code::Internal if error.message.starts_with("Ebb is not running") => error
                .next("Start it from the app menu or with `ebb serve`, or let your client start it with `ebb connect`"),
            _ => error,
        })?;
        host.call(command).await
    })
}

/// Asks, and prints the answer with `print`, which says whether all is well.
pub(crate) fn show(place: &Place, command: Command, print: impl FnOnce(Reply) -> Result<()>) -> ExitCode {
    match ask(place, command).and_then(print) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if place.json {
                out::json_error(&error);
            } else {
                out::error(&error);
            }
            ExitCode::FAILURE
        }
    }
}

/// The host answered with something else: it is of another version.
pub(crate) fn unexpected() -> Error {
    Error::new(Code::Internal, "Ebb answered something else than was asked")
        .next("Quit Ebb and start it again: it was updated")
}
