//! From a death to nothing left: processes, registry, folders.

use std::time::{Duration, Instant};

use ebb_core::{cleanup::CleanupReport, ids::SessionId};
use ebb_host::control::{Command, Reply};
use support::{Agent, Calls, Control, Site, TestHost, Via, procs, procs::Process};

use crate::{
    report::{Report, Unit},
    timing::{Times, until},
};

/// Clients killed one after the other, each way.
const ROUNDS: usize = 60;

/// Clients killed at once.
const CROWD: usize = 100;

/// Hosts killed, each way.
const HOSTS: usize = 5;

/// Longer than anything here may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn measure(report: &mut Report) {
    for via in Via::BOTH {
        one_by_one(report, via);
    }
    crowd(report);
    for frozen in [false, true] {
        hosts(report, frozen);
    }
}

/// The report of a session that is gone; none while it lives.
pub(crate) fn removed(control: &Control, session: &str) -> Option<CleanupReport> {
    match control.ask(Command::Report { report: session.to_owned() }) {
        Ok(Reply::Report(report)) => Some(*report),
        _ => None,
    }
}

pub(crate) fn alive<'a>(processes: impl IntoIterator<Item = &'a Process>) -> usize {
    processes.into_iter().filter(|process| process.runs()).count()
}

/// Waits until no more renderers live than before, and says when that was.
pub(crate) fn pages_end(known: &[Process], before: usize, began: Instant) -> Duration {
    until("the pages end", began, DEADLINE, || alive(known) <= before)
}

fn one_by_one(report: &mut Report, via: Via) {
    let host = TestHost::start();
    let (site, control) = (Site::start(), host.control());
    let mut bystander = host.client("bystander");
    bystander.open(&site.url("/ok"));
    let folders = host.files_left();
    let (mut all, mut processes, mut own) = (Times::default(), Times::default(), Times::default());
    for round in 0..ROUNDS {
        let before = alive(&host.renderers());
        let name = format!("round {round}");
        let mut agent = host.agent(via, &name);
        agent.open(&site.url("/ok"));
        agent.large(&name, 100);
        let session = control.session_of(&name);
        let known = host.renderers();
        let bridge = procs::below(agent.pid());
        let began = agent.kill();
        until("the bridge ends", began, DEADLINE, || alive(&bridge) == 0);
        let took = pages_end(&known, before, began);
        processes.push(took);
        until("the report is there", began, DEADLINE, || removed(&control, &session).is_some());
        all.push(began.elapsed());
        let report = removed(&control, &session).unwrap();
        own.push(Duration::from_secs_f64(report.ms / 1e3));
    }
    assert_eq!(host.files_left(), folders, "files are left behind");
    let what = format!("kill -9 of a client to everything gone, {}", via.name());
    report.row(format!("{what}, p50"), Unit::Ms, all.p50()).goal(50.0);
    report.row(format!("{what}, p99 of {}", all.len()), Unit::Ms, all.p99()).goal(250.0);
    report.row(format!("- of it until its processes are gone, p50, {}", via.name()), Unit::Ms, processes.p50());
    report.row(format!("- of it the removal itself, p50, {}", via.name()), Unit::Ms, own.p50());
}

fn crowd(report: &mut Report) {
    let host = TestHost::start();
    let (site, control) = (Site::start(), host.control());
    let mut bystander = host.client("bystander");
    bystander.open(&site.url("/ok"));
    let before = alive(&host.renderers());
    let mut agents: Vec<Agent> = (0..CROWD).map(|n| host.agent(Via::Socket, &format!("crowd {n}"))).collect();
    for agent in &mut agents {
        agent.open(&site.url("/ok"));
    }
    let sessions: Vec<SessionId> = control.snapshot().sessions.into_iter().skip(1).map(|session| session.id).collect();
    assert_eq!(sessions.len(), CROWD);
    let known = host.renderers();
    let began = Instant::now();
    for agent in &agents {
        procs::kill(agent.pid());
    }
    let processes = pages_end(&known, before, began);
    for session in &sessions {
        until("the reports are there", began, DEADLINE, || removed(&control, session.as_str()).is_some());
    }
    let all = began.elapsed().as_secs_f64() * 1e3;
    report.row(format!("{CROWD} clients with a page each killed at once"), Unit::Ms, all).goal(2_000.0);
    let processes = processes.as_secs_f64() * 1e3;
    report.row("- of it until their pages' processes are gone", Unit::Ms, processes);
    assert_eq!(bystander.evaluate("() => 1"), "1");
}

fn hosts(report: &mut Report, frozen: bool) {
    let (mut processes, mut folders) = (Times::default(), Times::default());
    for _ in 0..HOSTS {
        let mut host = TestHost::start();
        let site = Site::start();
        let mut client = host.client("client");
        client.open(&site.url("/ok"));
        // It knows its folder before Chromium is started in it.
        let guardian = host.guardian();
        let chromium = host.chromium();
        if frozen {
            for process in &chromium {
                procs::freeze(process.pid);
            }
        }
        let began = host.kill();
        processes.push(until("the browser ends", began, DEADLINE, || alive(&chromium) == 0));
        folders.push(until("the folders go", began, DEADLINE, || host.run_folders().is_empty()));
        until("the guardian ends", began, DEADLINE, || !guardian.runs());
    }
    let how = if frozen { "browser frozen" } else { "browser running" };
    let goal = if frozen { 5_000.0 } else { 1_000.0 };
    let worst = format!("worst of {HOSTS}");
    report.row(format!("host killed, {how}: processes gone, {worst}"), Unit::Ms, processes.worst()).goal(goal);
    report.row(format!("host killed, {how}: folders gone, {worst}"), Unit::Ms, folders.worst()).goal(3_000.0);
}
