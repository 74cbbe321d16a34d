//! `ebb dashboard`: a link to the dashboard of the host that runs already.

use std::process::ExitCode;

use ebb_host::control::{Command, Reply};
use serde_json::json;

use crate::{control, out, place::Place};

pub(crate) fn run(place: &Place) -> ExitCode {
    control::show(place, Command::Dashboard, |reply| {
        let Reply::Link(url) = reply else { return Err(control::unexpected()) };
        if place.json {
            out::json(&json!({"url": url}));
        } else {
            out::line(&format!("dashboard at {url} (works once, for 60 seconds)"));
        }
        Ok(())
    })
}
