//! `ebb status`: whether Ebb runs, and what it holds.

use std::process::ExitCode;

use ebb_core::view::{BrowserView, Snapshot};
use ebb_host::control::{Command, Reply};

use crate::{control, out, place::Place, sessions::measuring, table};

pub(crate) fn run(place: &Place) -> ExitCode {
    control::show(place, Command::Snapshot, |reply| {
        let Reply::Snapshot(snapshot) = reply else { return Err(control::unexpected()) };
        if place.json {
            out::json(&snapshot);
        } else {
            let width = table::width();
            out::lines(&lines(&snapshot).iter().map(|line| table::clip(line, width)).collect::<Vec<_>>());
        }
        Ok(())
    })
}

fn lines(snapshot: &Snapshot) -> Vec<String> {
    let host = &snapshot.host;
    let held: u64 = snapshot.sessions.iter().map(|session| session.held.total).sum();
    let sessions = match snapshot.sessions.len() {
        0 => "No sessions.".to_owned(),
        number if snapshot.sessions.iter().all(measuring) => {
            format!("{}, memory not measured yet.", table::count(number, "session"))
        }
        number => format!(
            "{} {} {}.",
            table::count(number, "session"),
            if number == 1 { "holds" } else { "hold" },
            table::bytes(held)
        ),
    };
    let left = match snapshot.leftovers.len() {
        0 => "Nothing is left behind.".to_owned(),
        1 => "1 thing is left behind and being retried.".to_owned(),
        number => format!("{number} things are left behind and being retried."),
    };
    let running = u64::try_from((snapshot.at - host.started_at).whole_seconds()).unwrap_or(0);
    let state = match (host.stopping, host.accepting) {
        (true, _) => ", stopping",
        (false, false) => ", takes no new sessions",
        (false, true) => "",
    };
    let mut lines = vec![
        format!("{sessions} {left}"),
        format!("ebb       {} (pid {}), running for {}{state}", host.version, host.pid, table::seconds(running)),
        format!("clients   {}", snapshot.clients.len()),
        format!("browser   {}", browser(&host.browser)),
        format!("socket    {}", host.socket),
        format!("data      {}", host.data_dir),
    ];
    if let Some(problem) = &host.store.problem {
        lines.push(format!("cursors   {} does not work: {problem}; large results are cut", host.store.place));
    } else if host.store.kind != "memory" {
        lines.push(format!("cursors   in {} ({})", host.store.kind, host.store.place));
    }
    if let Some(window) = &host.window_browser {
        lines.insert(4, format!("windows   {}", browser(window)));
    }
    if host.recovered > 0 {
        let of = if host.recovered == 1 { "1 session" } else { &format!("{} sessions", host.recovered) };
        lines.push(format!("recovered {of} of an Ebb that had died; see `ebb history`"));
    }
    if let BrowserView::Running { sandbox_off: Some(why), .. } = &host.browser {
        lines.push(format!("sandbox   off: {why}"));
    }
    if let Some(problem) = &host.history_problem {
        lines.push(format!("history   {problem}"));
    }
    if let Some(problem) = &host.config_problem {
        lines.push(format!("settings  {problem}"));
    }
    if let Some(problem) = &host.guardian_problem {
        lines.push(format!("guardian  none: {problem}"));
    }
    for leftover in &snapshot.leftovers {
        lines.push(format!(
            "left      {}, tried {}: {}",
            leftover.what,
            table::count(leftover.attempts as usize, "time"),
            leftover.last_error
        ));
    }
    lines
}

fn browser(view: &BrowserView) -> String {
    match view {
        BrowserView::Stopped { executable: Some(executable) } => {
            format!("not running, starts when needed ({executable})")
        }
        BrowserView::Stopped { executable: None } => "none installed; `ebb doctor` says what to do".to_owned(),
        BrowserView::Starting => "starting".to_owned(),
        BrowserView::Running { version, pid, .. } => format!("{version} (pid {pid})"),
        BrowserView::Unresponsive { pid: Some(pid) } => format!("not responding (pid {pid})"),
        BrowserView::Unresponsive { pid: None } => "not responding".to_owned(),
        BrowserView::Detached { endpoint } => format!("at {endpoint}, connects when needed"),
        BrowserView::Attached { version, endpoint } => format!("{version} at {endpoint}"),
    }
}
