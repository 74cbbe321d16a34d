//! F48, F49: the machine sleeps, or its wall clock jumps.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use ebb_host::control::HistoryQuery;
use rustix::process::Signal;
use serde_json::json;
use support::{Agent, Calls, HostArgs, TestHost, Via, holds_for, procs, record, wait_for};

/// Everything stops for three times the idle limit: at resume everybody has what they had, and only then does
/// time go on.
#[test]
fn f48_everything_stops_and_goes_on() {
    const IDLE: u64 = 5;
    let host = TestHost::with(HostArgs { idle: Some(IDLE), ..HostArgs::default() });
    let control = host.control();
    let mut agents: Vec<(Agent, String)> = Vec::new();
    for n in 0..4 {
        let mut agent = host.agent(Via::BOTH[n % 2], &format!("sleeper {n}"));
        agent.evaluate("() => { window.mark = 'mine'; return 1; }");
        let cursor = agent.large("sleeper", 40).cursor().to_owned();
        agents.push((agent, cursor));
    }
    for (agent, _) in &mut agents {
        agent.evaluate("() => 1");
    }
    let sessions: Vec<String> = control.snapshot().sessions.iter().map(|view| view.id.to_string()).collect();
    // The host first and last: it must not see the others stand still.
    procs::freeze(host.pid());
    let others: Vec<_> = host.processes().into_iter().filter(|process| process.pid != host.pid()).collect();
    for process in &others {
        procs::signal(process.pid, Signal::STOP);
    }
    holds_for("everything stands still", Duration::from_secs(3 * IDLE), || match procs::of(host.pid()) {
        Some(process) if process.state == 'T' => Ok(()),
        other => Err(format!("{other:?}")),
    });
    for process in &others {
        procs::signal(process.pid, Signal::CONT);
    }
    procs::signal(host.pid(), Signal::CONT);
    let resumed = Instant::now();
    // One of each is used at once, the others are left alone.
    for (agent, cursor) in &mut agents[..2] {
        assert_eq!(agent.evaluate("() => window.mark"), "\"mine\"");
        agent.ok("cursor_read", json!({"cursor": cursor}));
    }
    holds_for("nothing expired", Duration::from_secs(1), || {
        let there = control.snapshot().sessions.len();
        if there == sessions.len() { Ok(()) } else { Err(format!("{there} sessions")) }
    });
    // And nothing lives for ever.
    wait_for("unused they end", Duration::from_secs(IDLE + 3) * support::SLOW, || {
        match control.snapshot().sessions.len() {
            0 => Ok(()),
            left => Err(format!("{left} sessions")),
        }
    });
    record("f48: idle end after resume", resumed.elapsed(), Duration::from_secs(IDLE + 3));
    for session in &sessions {
        assert_eq!(control.reports_of(session)[0].reason.key(), "idle_timeout");
    }
    drop(agents);
}

/// The library that makes a program see another wall clock.
fn faketime() -> String {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let found = folders.iter().map(|folder| format!("{folder}/faketime/libfaketimeMT.so.1"));
    let found = found.into_iter().find(|path| Path::new(path).exists());
    found.expect("libfaketime is missing: run `cargo xtask setup --test`, or `apt-get install faketime`")
}

/// The wall clock jumps by a day, ahead and back. Lifetimes do not look at it, and the order of what happened
/// stays what it was.
#[test]
fn f49_the_wall_clock_jumps() {
    const IDLE: u64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("clock");
    fs::write(&clock, "+0d").unwrap();
    let environment = [
        ("LD_PRELOAD", faketime()),
        ("FAKETIME_TIMESTAMP_FILE", clock.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    let host = TestHost::with(HostArgs { idle: Some(IDLE), environment, ..HostArgs::default() });
    let control = host.control();
    let now = |control: &support::Control| control.snapshot().at;
    let started = now(&control);
    let mut ended = Vec::new();
    for (n, (jump, days)) in [("+0d", 0), ("+1d", 1), ("-1d", -1), ("+0d", 0)].into_iter().enumerate() {
        let mut agent = host.agent(Via::BOTH[n % 2], &format!("traveller {n}"));
        agent.evaluate("() => { window.mark = 'mine'; return 1; }");
        let cursor = agent.large("traveller", 40).cursor().to_owned();
        let session = control.session_of(&format!("traveller {n}"));
        // Jumped while it lives.
        fs::write(&clock, jump).unwrap();
        wait_for("the host sees the jump", Duration::from_secs(5), || {
            let passed = (now(&control) - started).whole_hours();
            if (passed - 24 * days).abs() <= 1 { Ok(()) } else { Err(format!("{passed} hours")) }
        });
        holds_for("no mass expiry", Duration::from_secs(2), || match control.session(&session) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        assert_eq!(agent.evaluate("() => window.mark"), "\"mine\"");
        agent.ok("cursor_read", json!({"cursor": cursor}));
        let last = Instant::now();
        wait_for("no immortal session", Duration::from_secs(IDLE + 1) * support::SLOW, || {
            match control.session(&session) {
                Err(_) => Ok(()),
                Ok(detail) => Err(format!("idle {} s", detail.session.idle_s)),
            }
        });
        record(&format!("f49 {jump}: idle end"), last.elapsed(), Duration::from_secs(IDLE + 1));
        let report = control.reports_of(&session).remove(0);
        assert_eq!(report.reason.key(), "idle_timeout");
        assert!(report.ms < 5_000.0, "steps are not measured by the wall clock: {} ms", report.ms);
        ended.push(session);
        agent.kill();
    }
    let history = control.history(HistoryQuery::default());
    let order: Vec<String> = history.reports.iter().rev().map(|report| report.session.to_string()).collect();
    assert_eq!(order, ended, "in the order in which it happened");
    // The rows as well, read again by a host that starts with the right clock.
    drop(control);
    let mut host = host;
    host.terminate();
    host.restart();
    let history = host.control().history(HistoryQuery::default());
    let order: Vec<String> = history.reports.iter().rev().map(|report| report.session.to_string()).collect();
    assert_eq!(order, ended, "after a restart too");
}
