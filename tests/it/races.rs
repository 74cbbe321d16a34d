//! F14, F32, F47: two ends of one session at the same moment.

use std::{
    collections::BTreeSet,
    sync::Barrier,
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use ebb_core::cleanup::AskedBy;
use ebb_host::control::{Command, Reply};
use serde_json::json;
use support::{Agent, Calls, Control, Lost, Scene, TestHost, Via, holds_for, ms, procs, record, wait_for, within};

/// Ended by somebody and left by its client within the same 10 ms, 200 times: one report each.
#[test]
fn f14_end_and_disconnect_at_once() {
    const ROUNDS: u64 = 200;
    let mut scene = Scene::new();
    let began = Instant::now();
    let mut sessions: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let via = Via::BOTH[usize::from(round % 8 == 7)];
        let mut agent = scene.agent(via, "victim");
        let opened = agent.ok("session_open", json!({"name": format!("round {round}")}));
        let session = opened.meta["session"].as_str().unwrap().to_owned();
        if round % 20 == 19 {
            // Some have a page to lose as well.
            agent.ok("browser_navigate", json!({"url": "about:blank", "session": session}));
        }
        let command_line = round % 25 == 24;
        let start = Barrier::new(2);
        scope(|threads| {
            threads.spawn(|| {
                start.wait();
                // One comes up to 5 ms before the other, or after it.
                sleep(Duration::from_micros(500 * (round % 11)));
                agent.kill();
            });
            start.wait();
            sleep(Duration::from_micros(500 * ((round / 11) % 11)));
            if command_line {
                // Whoever comes late finds nothing to end: that is an answer, not a fault.
                let output = scene.host.ebb(&["end", &session]).output().unwrap();
                assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
            } else if let Err(error) = scene.control.end(&session, AskedBy::Dashboard) {
                panic!("round {round}: {error}");
            }
        });
        sessions.push(session);
    }
    record("f14: 200 rounds", began.elapsed(), Duration::from_mins(1));
    wait_for("all are gone", Duration::from_secs(10), || {
        let left = scene.control.snapshot().sessions.len();
        if left == 1 { Ok(()) } else { Err(format!("{left} sessions")) }
    });
    let mut reasons = std::collections::BTreeMap::<String, u32>::new();
    for session in &sessions {
        wait_for("its row", Duration::from_secs(5), || match scene.rows.reports(session) {
            1 if !scene.rows.is_open(session) => Ok(()),
            seen => Err(format!("{session}: {seen} reports, open {}", scene.rows.is_open(session))),
        });
        *reasons.entry(scene.rows.reason(session).unwrap()).or_default() += 1;
    }
    eprintln!("f14: {reasons:?}");
    assert_eq!(sessions.iter().collect::<BTreeSet<_>>().len() as u64, ROUNDS);
    assert!(
        reasons.keys().all(|reason| ["manual", "client_died", "disconnected"].contains(&reason.as_str())),
        "{reasons:?}"
    );
    assert!(reasons.len() > 1, "the race was none: {reasons:?}");
    scene.bystander.assert_untouched(&scene.control);
    wait_for("the processes end", Duration::from_secs(10), || match scene.more_processes() {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
    scene.settled("f14");
}

/// The browser starts for its only user, who leaves in an orderly way meanwhile.
#[test]
fn f32_browser_start_races_with_its_only_user() {
    let mut hosts = Vec::new();
    for delay in [0, 30, 90, 200] {
        for via in Via::BOTH {
            let host = TestHost::start();
            let mut agent = host.agent(via, "only");
            agent.send("browser_navigate", json!({"url": "about:blank"}));
            sleep(ms(delay));
            let began = Instant::now();
            agent.close();
            let pid = agent.pid();
            // A bridge may let the call in flight finish: 5 s at most.
            within(&format!("f32 {} at {delay} ms", via.name()), began, Duration::from_secs(6), || {
                let more: Vec<_> =
                    host.processes().into_iter().filter(|process| ![host.pid(), pid].contains(&process.pid)).collect();
                let (sessions, files) = (host.control().snapshot().sessions.len(), host.files_left());
                let seen = format!("{sessions} sessions, {}, files {files:?}", procs::brief(&more));
                if sessions == 0 && more.is_empty() && files.is_empty() { Ok(()) } else { Err(seen) }
            });
            // In this order: clients go before their host does.
            hosts.push((agent, host));
        }
    }
    holds_for("no browser is left", Duration::from_secs(5), || {
        for (_, host) in &hosts {
            let left = host.chromium();
            if !left.is_empty() {
                return Err(procs::brief(&left));
            }
        }
        Ok(())
    });
}

/// The one who started the browser leaves while another waits for the same start: that one gets its page.
#[test]
fn f32_the_second_user_gets_the_browser_that_the_first_one_started() {
    let host = TestHost::start();
    for delay in [0, 20, 60, 120] {
        let mut first = host.agent(Via::Socket, "first");
        let mut second: Agent = host.agent(Via::Socket, "second");
        first.send("browser_navigate", json!({"url": "about:blank"}));
        let call = second.send("browser_navigate", json!({"url": "about:blank"}));
        sleep(ms(delay));
        first.kill();
        assert!(!second.answer(call, Duration::from_secs(30)).expect("an answer").is_error);
        second.ok("browser_snapshot", json!({}));
        second.kill();
        wait_for("the browser ends with its last user", Duration::from_secs(8), || {
            let (left, files) = (host.chromium(), host.files_left());
            if left.is_empty() && files.is_empty() { Ok(()) } else { Err(format!("{} {files:?}", procs::brief(&left))) }
        });
    }
}

/// Fifty at once ask for the end of one session: it happens once, and all read the one report.
#[test]
fn f47_ended_by_fifty_at_once() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open(&scene.site.url("/ok"));
    agent.large("victim", 100);
    let session = scene.control.session_of("victim");
    let callers: Vec<Control> = (0..50).map(|_| scene.host.control()).collect();
    let start = Barrier::new(50);
    let began = Instant::now();
    let reports: Vec<_> = scope(|threads| {
        let tasks: Vec<_> = callers
            .into_iter()
            .map(|caller| {
                let (start, session) = (&start, session.clone());
                threads.spawn(move || {
                    start.wait();
                    caller.ask(Command::EndSession { session, by: AskedBy::Dashboard })
                })
            })
            .collect();
        tasks.into_iter().map(|task| task.join().expect("a caller")).collect()
    });
    let mut ids = BTreeSet::new();
    for reply in reports {
        match reply {
            Ok(Reply::Report(report)) => {
                assert_eq!((report.freed.tabs, report.freed.cursors), (1, 1), "{report:?}");
                ids.insert(report.id.to_string());
            }
            other => panic!("no report but {other:?}"),
        }
    }
    assert_eq!(ids.len(), 1, "one removal, one report: {ids:?}");
    // The client lives and is told; its process is no loss.
    scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
    let sessions = [session];
    let lost = Lost {
        what: "f47",
        began,
        limit: ms(1_000),
        sessions: &sessions,
        reason: "manual",
        by: Some(AskedBy::Dashboard),
    };
    assert!(agent.call("browser_snapshot", json!({})).is_error);
    agent.kill();
    scene.gone(&lost);
}
