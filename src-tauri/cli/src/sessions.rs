//! `ebb sessions`: what is open, and for whom.

use std::process::ExitCode;

use ebb_core::view::{SessionState, SessionView};
use ebb_host::control::{Command, Reply};

use crate::{control, out, place::Place, table};

/// Enough of an id to be the only one, and for `ebb end`.
const SHORT: usize = 12;

pub(crate) fn run(place: &Place) -> ExitCode {
    control::show(place, Command::Snapshot, |reply| {
        let Reply::Snapshot(snapshot) = reply else { return Err(control::unexpected()) };
        if place.json {
            out::json(&snapshot.sessions);
        } else if snapshot.sessions.is_empty() {
            out::line("No sessions");
        } else {
            let rows: Vec<_> = snapshot.sessions.iter().map(row).collect();
            let head = ["SESSION", "NAME", "CLIENT", "STATE", "TABS", "CURSORS", "HELD", "IDLE", "PROJECT"];
            out::lines(&table::columns(head, &rows, table::width()));
        }
        Ok(())
    })
}

fn row(session: &SessionView) -> [String; 9] {
    let state = match session.state {
        SessionState::Working => session.running.as_ref().map_or("working", |call| call.tool.as_str()),
        SessionState::Connected => "connected",
        SessionState::Idle => "idle",
        SessionState::Waiting => "waiting",
        SessionState::Closing => "closing",
    };
    [
        short(session.id.as_str()),
        session.name.clone().unwrap_or_default(),
        session.client.name.clone(),
        state.to_owned(),
        session.tabs.len().to_string(),
        session.cursors.to_string(),
        if measuring(session) { "measuring".to_owned() } else { table::bytes(session.held.total) },
        if session.idle_s == 0 { String::new() } else { table::seconds(session.idle_s) },
        session.client.project.clone().unwrap_or_default(),
    ]
}

/// Whether it has pages whose memory nobody has looked at yet: the first figures come after some seconds.
pub(crate) fn measuring(session: &SessionView) -> bool {
    let held = &session.held;
    held.renderers.is_none() && held.js_heap.is_none() && session.tabs.iter().any(|tab| !tab.crashed)
}

pub(crate) fn short(id: &str) -> String {
    id.chars().take(SHORT).collect()
}
