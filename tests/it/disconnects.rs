//! F01 to F12: the client goes.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;
use support::{
    Agent, AgentOptions, Calls, Client, Lost, Scene, TestHost, Via, holds_for, ms, procs, record, wait_for, within,
};

/// A client with a page, a cursor and console messages.
fn busy(scene: &Scene, via: Via) -> (Agent, String) {
    let mut agent = scene.agent(via, "victim");
    agent.open(&scene.site.url("/ok"));
    agent.evaluate("() => { console.log('hello'); return 1; }");
    agent.large("victim", 100);
    let session = scene.control.session_of("victim");
    // What is about to be looked for in vain is there now.
    let pages = scene.host.renderers();
    assert!(pages.iter().any(|page| !scene.base.renderers.contains(page)), "{}", procs::brief(&pages));
    assert!(scene.more_processes().iter().any(|process| process.kind() == "renderer"));
    (agent, session)
}

fn f01_clean_close(via: Via) {
    let mut scene = Scene::new();
    let (mut agent, session) = busy(&scene, via);
    let began = Instant::now();
    agent.close();
    let what = format!("f01 {}", via.name());
    // A bridge that has handed over is gone too; the client itself lives on.
    let bridge = || if via == Via::Bridge { procs::below(agent.pid()) } else { Vec::new() };
    within(&format!("{what}: bridge"), began, ms(500), || match bridge() {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
    scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
    let sessions = [session];
    let reports =
        scene.gone(&Lost { what: &what, began, limit: ms(500), sessions: &sessions, reason: "disconnected", by: None });
    let freed = &reports[0].freed;
    assert_eq!((freed.tabs, freed.cursors), (1, 1), "{freed:?}");
    assert!(freed.cursor_bytes > 100 * 1024 && freed.devtools_bytes > 0, "{freed:?}");
    assert!(agent.runs());
}

#[test]
fn f01_clean_close_socket() {
    f01_clean_close(Via::Socket);
}

#[test]
fn f01_clean_close_bridge() {
    f01_clean_close(Via::Bridge);
}

fn f02_killed_after_a_page(via: Via) {
    let mut scene = Scene::new();
    let (mut agent, session) = busy(&scene, via);
    let began = agent.kill();
    let what = format!("f02 {}", via.name());
    let sessions = [session];
    let reports =
        scene.gone(&Lost { what: &what, began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None });
    assert_eq!((reports[0].freed.tabs, reports[0].freed.cursors), (1, 1), "{:?}", reports[0].freed);
}

#[test]
fn f02_killed_after_a_page_socket() {
    f02_killed_after_a_page(Via::Socket);
}

#[test]
fn f02_killed_after_a_page_bridge() {
    f02_killed_after_a_page(Via::Bridge);
}

/// The bridge itself is killed and its client lives: for the host that is the same.
#[test]
fn f02_killed_bridge_of_a_living_client() {
    let mut scene = Scene::new();
    let (mut agent, session) = busy(&scene, Via::Bridge);
    let bridge = agent.bridge();
    let began = Instant::now();
    procs::kill(bridge);
    agent.ended(Duration::from_secs(10));
    scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
    let sessions = [session];
    scene.gone(&Lost {
        what: "f02 bridge only",
        began,
        limit: ms(500),
        sessions: &sessions,
        reason: "client_died",
        by: None,
    });
}

fn f07_killed_during_a_hanging_navigation(via: Via) {
    let mut scene = Scene::new();
    let mut agent = scene.agent(via, "victim");
    agent.send("browser_navigate", json!({"url": scene.site.url("/hang")}));
    wait_for("the page asks for /hang", Duration::from_secs(20), || match scene.site.hanging() {
        1 => Ok(()),
        seen => Err(format!("{seen} hang")),
    });
    let session = scene.control.session_of("victim");
    let began = agent.kill();
    let what = format!("f07 {}", via.name());
    within(&format!("{what}: request aborted"), began, ms(1_000), || match scene.site.aborted() {
        1 => Ok(()),
        seen => Err(format!("{seen} aborted")),
    });
    let sessions = [session];
    scene.gone(&Lost { what: &what, began, limit: ms(1_000), sessions: &sessions, reason: "client_died", by: None });
    assert_eq!(scene.site.hanging(), 0);
}

#[test]
fn f07_killed_during_a_hanging_navigation_socket() {
    f07_killed_during_a_hanging_navigation(Via::Socket);
}

#[test]
fn f07_killed_during_a_hanging_navigation_bridge() {
    f07_killed_during_a_hanging_navigation(Via::Bridge);
}

/// The browser is being born for this client, at every stage of it.
fn f08_killed_in_the_first_call(via: Via, delays: &[u64]) {
    let mut hosts = Vec::new();
    for delay in delays {
        let host = TestHost::start();
        let mut agent = host.agent(via, "victim");
        agent.send("browser_navigate", json!({"url": "about:blank"}));
        // Not a wait: the moment of the kill is what this test varies.
        sleep(ms(*delay));
        let began = agent.kill();
        let what = format!("f08 {} at {delay} ms", via.name());
        within(&what, began, ms(2_000), || {
            let (left, files) = (host.processes(), host.files_left());
            // The host itself stays.
            let more: Vec<_> = left.iter().filter(|process| process.pid != host.pid()).collect();
            let sessions = host.control().snapshot().sessions.len();
            let seen = format!("{sessions} sessions, {}, files {files:?}", procs::brief(more.iter().copied()));
            if sessions == 0 && more.is_empty() && files.is_empty() { Ok(()) } else { Err(seen) }
        });
        hosts.push(host);
    }
    holds_for("nothing is born late", Duration::from_secs(10), || {
        for host in &hosts {
            let (left, files) = (host.chromium(), host.files_left());
            if !left.is_empty() || !files.is_empty() {
                return Err(format!("{} files {files:?}", procs::brief(&left)));
            }
        }
        Ok(())
    });
    for (host, delay) in hosts.iter().zip(delays) {
        let history = host.control().history(ebb_host::control::HistoryQuery::default());
        let reasons: Vec<&str> = history.reports.iter().map(|report| report.reason.key()).collect();
        assert_eq!(reasons, ["client_died"], "at {delay} ms");
        let mut next = host.client("next");
        next.open("about:blank");
    }
}

#[test]
fn f08_killed_in_the_first_call_socket() {
    f08_killed_in_the_first_call(Via::Socket, &[50, 120, 250, 500, 1_200]);
}

#[test]
fn f08_killed_in_the_first_call_bridge() {
    f08_killed_in_the_first_call(Via::Bridge, &[50, 180, 350, 800]);
}

/// Only the context is being born: the browser runs for somebody else.
#[test]
fn f08_killed_while_its_context_is_made_beside_a_bystander() {
    let mut scene = Scene::new();
    let mut sessions = Vec::new();
    let mut began = Instant::now();
    for delay in [0, 2, 5, 10, 20, 40, 80, 160] {
        let mut agent = scene.agent(Via::Socket, "victim");
        agent.send("browser_navigate", json!({"url": scene.site.url("/ok")}));
        let session = wait_for("the session is there", Duration::from_secs(10), || {
            let there = scene.control.sessions_of("victim");
            let ids = there.iter().map(|session| session.id.to_string());
            ids.into_iter().find(|id| !sessions.contains(id)).ok_or_else(|| format!("{there:?}"))
        });
        sessions.push(session);
        sleep(ms(delay));
        began = agent.kill();
    }
    scene.gone(&Lost {
        what: "f08 context",
        began,
        limit: ms(2_000),
        sessions: &sessions,
        reason: "client_died",
        by: None,
    });
}

fn f10_half_close(via: Via) {
    let mut scene = Scene::new();
    let mut agent = scene.agent(via, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let call = agent.send("browser_navigate", json!({"url": scene.site.url("/slow?ms=1000")}));
    wait_for("the slow page is asked for", Duration::from_secs(10), || match scene.site.asked("/slow?ms=1000") {
        1 => Ok(()),
        seen => Err(format!("{seen} times")),
    });
    agent.half_close();
    let answer = agent.answer(call, Duration::from_secs(20)).expect("the call in flight is answered");
    assert!(answer.ok().text.contains("All is well"));
    let began = Instant::now();
    agent.ended(Duration::from_secs(8));
    scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
    let (what, sessions) = (format!("f10 {}", via.name()), [session]);
    scene.gone(&Lost { what: &what, began, limit: ms(2_000), sessions: &sessions, reason: "disconnected", by: None });
}

#[test]
fn f10_half_close_socket() {
    f10_half_close(Via::Socket);
}

#[test]
fn f10_half_close_bridge() {
    f10_half_close(Via::Bridge);
}

#[test]
fn f11_connect_and_say_nothing() {
    let mut scene = Scene::new();
    let before = scene.control.snapshot().clients.len();
    let began = Instant::now();
    let mut silent: Vec<Client> =
        (0..5).map(|n| Client::silent(&scene.host.socket(), &format!("silent {n}"))).collect();
    // It counts in no cap, not even while it may still speak.
    assert_eq!(scene.control.snapshot().clients.len(), before);
    for client in &mut silent {
        client.ended(Duration::from_secs(10) * support::SLOW).expect("the host closes it");
    }
    record("f11: closed", began.elapsed(), Duration::from_secs(10) + ms(500));
    assert!(began.elapsed() > Duration::from_secs(9), "it was cut before its time: {:?}", began.elapsed());
    assert_eq!(scene.control.snapshot().clients.len(), before);
    drop(silent);
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("f11");
}

#[test]
fn f12_half_a_line_then_death() {
    let mut scene = Scene::new();
    let before = scene.control.snapshot().clients.len();
    let silent = AgentOptions { silent: true, ..AgentOptions::default() };
    let beginnings = [
        "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initia",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/ebb/hello\",\"params\":{\"anc",
        "{",
        "\u{fffd}",
    ];
    for via in Via::BOTH {
        for half in beginnings {
            let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), via, "half", &silent);
            if via == Via::Bridge {
                assert!(agent.bridge() > 0);
            }
            agent.raw(half);
            // Not a wait for anything: what is half a line cannot be seen to have arrived.
            sleep(ms(50));
            agent.kill();
        }
    }
    wait_for("no client is left", Duration::from_secs(5), || {
        let (clients, left) = (scene.control.snapshot().clients.len(), scene.more_processes());
        if clients == before && left.is_empty() {
            Ok(())
        } else {
            Err(format!("{clients} clients, {}", procs::brief(&left)))
        }
    });
    let history = scene.control.history(ebb_host::control::HistoryQuery::default());
    assert_eq!(
        (scene.control.snapshot().sessions.len(), history.reports.len()),
        (1, 0),
        "only the bystander ever had one"
    );
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("f12");
}
