//! What a session holds, what an idle host costs, and whether anything grows.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Calls, Client, Site, TestHost, procs, wait_for};

use crate::{
    report::{Report, Unit},
    sessions::removed,
    timing::{Times, until},
};

const MB: f64 = 1024.0 * 1024.0;

/// Sessions whose share is measured.
const MORE: usize = 10;

/// Sessions that come and go.
const THROUGH: usize = 200;

/// How long an idle host is watched.
const IDLE: Duration = Duration::from_secs(10);

pub(crate) fn measure(report: &mut Report) {
    idle(report);
    one_more(report);
    flat(report);
}

fn pss(pid: u32) -> f64 {
    procs::pss(pid).expect("the system says what a process holds") as f64 / MB
}

fn chromium(host: &TestHost) -> f64 {
    host.chromium().iter().filter_map(|process| procs::pss(process.pid)).sum::<u64>() as f64 / MB
}

/// Ticks of CPU and wake-ups of a process so far.
fn activity(pid: u32) -> (u64, u64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let ticks = [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<u64>().ok()).sum();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let wakes = tasks.filter_map(|task| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    });
    (ticks, wakes.sum())
}

fn idle(report: &mut Report) {
    let host = TestHost::start();
    let site = Site::start();
    let guardian = host.guardian();
    report.row("idle `ebb serve`, new", Unit::Mb, pss(host.pid())).goal(15.0);
    report.row("- its guardian", Unit::Mb, pss(guardian.pid));
    let mut client = host.client("used");
    client.open(&site.url("/ok"));
    client.large("used", 1_000);
    drop(client);
    wait_for("the browser ends", Duration::from_secs(20), || match host.chromium() {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
    // What follows a removal (the census, memory given back, threads that were borrowed) is over first.
    wait_for("the host is at rest", Duration::from_mins(1), || {
        let before = activity(host.pid()).1;
        std::thread::sleep(Duration::from_secs(2));
        let wakes = activity(host.pid()).1.saturating_sub(before);
        if wakes <= 2 { Ok(()) } else { Err(format!("{wakes} wake-ups in 2 s")) }
    });
    report.row("idle `ebb serve`, after use", Unit::Mb, pss(host.pid())).goal(15.0);
    let (ticks, wakes) = activity(host.pid());
    // The one place that waits for time to pass: it is what is measured.
    std::thread::sleep(IDLE);
    let (ticks_after, wakes_after) = activity(host.pid());
    let seconds = IDLE.as_secs_f64();
    report.row("idle host: CPU ticks in 10 s", Unit::Count, (ticks_after - ticks) as f64).goal(1.0);
    report
        .row("idle host: wake-ups a second", Unit::Count, wakes_after.saturating_sub(wakes) as f64 / seconds)
        .goal(1.0);
}

fn one_more(report: &mut Report) {
    let host = TestHost::start();
    let mut first = host.client("first");
    first.open("about:blank");
    let settled = |what: &str| {
        let mut last = 0.0;
        wait_for(what, Duration::from_mins(1), || {
            let now = chromium(&host);
            let still = f64::abs(now - last) < 0.5;
            last = now;
            std::thread::sleep(Duration::from_millis(300));
            if still { Ok(now) } else { Err(format!("{now:.1} MB")) }
        })
    };
    let before = settled("the browser is at rest");
    let mut clients: Vec<Client> = (0..MORE).map(|n| host.client(&format!("more {n}"))).collect();
    let mut times = Times::default();
    for client in &mut clients {
        times.time(|| client.open("about:blank"));
    }
    let after = settled("the sessions are at rest");
    let row = report.row("one more session with a blank page, PSS", Unit::Mb, (after - before) / MORE as f64);
    row.goal(20.0);
    report.row("one more session with a blank page, p50", Unit::Ms, times.p50()).goal(20.0);
    report.row("Chromium with one blank page", Unit::Mb, before);
}

fn flat(report: &mut Report) {
    let host = TestHost::start();
    let (site, control) = (Site::start(), host.control());
    let url = site.url("/ok");
    let mut stays = host.client("stays");
    stays.open(&url);
    let through = |count: usize| {
        for n in 0..count {
            let name = format!("through {n}");
            let mut client = host.client(&name);
            client.open(&url);
            client.large(&name, 100);
            client.ok("browser_console_messages", json!({}));
            let session = control.session_of(&name);
            let began = Instant::now();
            drop(client);
            until("the session ends", began, Duration::from_secs(20), || removed(&control, &session).is_some());
        }
        let held = (pss(host.pid()), procs::descriptors(host.pid()) as f64);
        eprintln!("  after {count} more: {:.2} MB, {} descriptors", held.0, held.1);
        held
    };
    // What is kept by design (the last 200 reports, statements, buffers) is there after the first ones.
    through(THROUGH);
    let (memory, descriptors) = through(THROUGH);
    let (memory_after, descriptors_after) = through(THROUGH);
    let grown = |before: f64, after: f64| (after - before) / before * 100.0;
    let row =
        report.row(format!("{THROUGH} more sessions through: host memory"), Unit::Percent, grown(memory, memory_after));
    row.goal(5.0);
    let row = report.row(
        format!("{THROUGH} more sessions through: descriptors"),
        Unit::Percent,
        grown(descriptors, descriptors_after),
    );
    row.goal(5.0);
    report.row(format!("host after {} sessions, one open", 3 * THROUGH), Unit::Mb, memory_after);
}
