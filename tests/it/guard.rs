//! F20 to F23 and the guardian's own faults: the host dies in every way, and nothing outlives it.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Agent, Calls, HostArgs, TestHost, Via, ms, procs, record, wait_for, within};

/// A host with two clients that have pages.
fn with_pages(host: &TestHost) -> Vec<Agent> {
    Via::BOTH
        .into_iter()
        .map(|via| {
            let mut agent = host.agent(via, via.name());
            agent.open("about:blank");
            agent
        })
        .collect()
}

/// Waits until no process of `list` runs and no run folder is left.
fn all_gone(what: &str, began: Instant, limit: Duration, host: &TestHost, list: &[procs::Process]) {
    within(&format!("{what}: processes"), began, limit, || {
        let left: Vec<_> = list.iter().filter(|process| process.runs()).collect();
        if left.is_empty() { Ok(()) } else { Err(procs::brief(left)) }
    });
    within(&format!("{what}: folders"), began, limit.max(Duration::from_secs(3)), || match host.run_folders() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[test]
fn f20_host_killed_and_its_guardian_cleans_up() {
    let mut host = TestHost::start();
    let agents = with_pages(&host);
    let guardian = host.guardian();
    let chromium = host.chromium();
    let began = host.kill();
    all_gone("f20", began, ms(1_000), &host, &chromium);
    within("f20: guardian", began, Duration::from_secs(3), || {
        if guardian.runs() { Err(guardian.brief()) } else { Ok(()) }
    });
    drop(agents);
    assert_eq!(host.files_left(), Vec::<String>::new());
}

/// Every process of the browser is stopped: the end of its pipe does not reach it.
#[test]
fn f21_host_killed_with_a_frozen_browser() {
    let mut host = TestHost::start();
    let agents = with_pages(&host);
    let guardian = host.guardian();
    let chromium = host.chromium();
    assert!(chromium.len() > 3, "{}", procs::brief(&chromium));
    // The main process first: it would notice the others.
    procs::freeze(host.browser().pid);
    for process in &chromium {
        if process.runs() {
            procs::freeze(process.pid);
        }
    }
    let began = host.kill();
    all_gone("f21", began, Duration::from_secs(5), &host, &chromium);
    within("f21: guardian", began, Duration::from_secs(5), || {
        if guardian.runs() { Err(guardian.brief()) } else { Ok(()) }
    });
    drop(agents);
}

/// Guardian and host are killed, the browser is frozen: nobody is left, and the next start ends it all
/// before it listens.
#[test]
fn f22_guardian_killed_first() {
    let mut host = TestHost::start();
    let agents = with_pages(&host);
    let chromium = host.chromium();
    procs::freeze(host.browser().pid);
    for process in chromium.iter().filter(|process| process.runs()) {
        procs::freeze(process.pid);
    }
    let began = host.kill_unguarded();
    drop(agents);
    assert!(!host.run_folders().is_empty(), "nobody removed it");
    assert!(chromium.iter().any(procs::Process::runs), "nobody ended it");
    // Returns when it listens.
    host.restart();
    record("f22: listens again", began.elapsed(), Duration::from_secs(5));
    let left: Vec<_> = chromium.iter().filter(|process| process.runs()).collect();
    assert!(left.is_empty(), "{}", procs::brief(left));
    assert_eq!(host.run_folders(), Vec::<String>::new());
    assert_eq!(host.control().snapshot().host.recovered, 2);
    host.client("next").open("about:blank");
}

/// A guardian that dies or stops is replaced, and the new one knows what the old one knew.
#[test]
fn guardian_is_replaced_and_knows_everything() {
    let mut host = TestHost::start();
    let agents = with_pages(&host);
    for round in 0..3 {
        let guardian = host.guardian();
        let began = Instant::now();
        procs::kill(guardian.pid);
        let next = wait_for("another guardian stands by", Duration::from_secs(10), || {
            let next = host.guardian();
            if next == guardian { Err("the same".to_owned()) } else { Ok(next) }
        });
        record(&format!("guardian replaced, round {round}"), began.elapsed(), ms(1_000));
        assert!(next.runs());
    }
    let stopped = host.guardian();
    procs::freeze(stopped.pid);
    // It is noticed when it is needed: a browser of its own for a session that starts one, or the census.
    let chromium = host.chromium();
    procs::kill(host.browser().pid);
    wait_for("the browser is gone", Duration::from_secs(5), || match host.run_folders() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
    let mut next = host.client("next");
    next.open("about:blank");
    let guardian = wait_for("the stopped guardian is replaced", Duration::from_secs(20), || {
        let next = host.guardian();
        if next == stopped { Err("the same".to_owned()) } else { Ok(next) }
    });
    assert!(!stopped.runs(), "it must not wake up beside its successor");
    assert_eq!(host.guardians(), [guardian]);
    let chromium = [chromium, host.chromium()].concat();
    let began = host.kill();
    all_gone("guardian after replacement", began, ms(1_000), &host, &chromium);
    drop((agents, next));
}

/// A stopped guardian whose host is killed never wakes up: the next start ends it.
#[test]
fn frozen_guardian_goes_with_the_next_start() {
    let mut host = TestHost::start();
    let agents = with_pages(&host);
    let guardian = host.guardian();
    procs::freeze(guardian.pid);
    host.kill();
    drop(agents);
    host.restart();
    assert!(!guardian.runs(), "{}", guardian.brief());
    assert_eq!(host.run_folders(), Vec::<String>::new());
    wait_for("one guardian", Duration::from_secs(5), || match host.guardians() {
        one if one.len() == 1 => Ok(()),
        seen => Err(procs::brief(&seen)),
    });
}

/// Ten hosts in a row, each killed with a page open and the last but one frozen as well: nothing is left.
#[test]
fn ten_restarts_by_kill_leave_nothing() {
    let mut host = TestHost::with(HostArgs::default());
    let began = Instant::now();
    let mut seen = Vec::new();
    for round in 0..10 {
        let mut agent = host.agent(Via::BOTH[round % 2], &format!("round {round}"));
        agent.open("about:blank");
        seen.extend(host.chromium());
        if round == 8 {
            procs::freeze(host.browser().pid);
        }
        if round % 3 == 2 {
            host.kill_unguarded();
        } else {
            host.kill();
        }
        agent.kill();
        host.restart();
        assert_eq!(host.control().snapshot().host.recovered, 1, "round {round}");
    }
    record("ten restarts", began.elapsed(), Duration::from_secs(30));
    let left: Vec<_> = seen.iter().filter(|process| process.runs()).collect();
    assert!(left.is_empty(), "{}", procs::brief(left));
    assert_eq!(host.run_folders(), Vec::<String>::new());
    let control = host.control();
    let (snapshot, history) = (control.snapshot(), control.history(ebb_host::control::HistoryQuery::default()));
    assert_eq!((snapshot.sessions.len(), snapshot.leftovers.len()), (0, 0));
    assert_eq!(history.reports.len(), 10);
    let others: Vec<_> = host.processes().into_iter().filter(|process| process.pid != host.pid()).collect();
    assert!(others.is_empty(), "{}", procs::brief(&others));
    assert_eq!(host.guardians().len(), 1);
}

/// SIGTERM with sessions and calls that run: the calls get errors, the end comes in time, nothing is left.
#[test]
fn f25_terminated_with_sessions_and_calls() {
    let mut host = TestHost::start();
    let site = support::Site::start();
    let mut agents: Vec<Agent> = (0..10).map(|n| host.agent(Via::BOTH[n % 2], &format!("agent {n}"))).collect();
    for agent in &mut agents {
        agent.open("about:blank");
    }
    let calls: Vec<(usize, u64)> = (0..3)
        .map(|n| (n, agents[n].send("browser_navigate", json!({"url": site.url(&format!("/hang?{n}"))}))))
        .collect();
    wait_for("the pages hang", Duration::from_secs(20), || match site.hanging() {
        3 => Ok(()),
        seen => Err(format!("{seen} hang")),
    });
    let (chromium, guardian) = (host.chromium(), host.guardian());
    let (status, took) = host.terminate();
    record("f25: exit", took, Duration::from_secs(3));
    assert!(status.success(), "{status}");
    for (n, call) in calls {
        // Either an error in words, or the stream ended under the call.
        if let Ok(answer) = agents[n].answer(call, Duration::from_secs(5)) {
            assert!(answer.is_error, "{}", answer.text);
        }
    }
    let left: Vec<_> = chromium.iter().chain([&guardian]).filter(|process| process.runs()).collect();
    assert!(left.is_empty(), "{}", procs::brief(left));
    assert_eq!(host.files_left(), Vec::<String>::new());
    let rows = host.rows();
    assert_eq!(rows.leftovers(), 0);
}
