//! The host dies, quits, loses its socket or is of another version, under clients that live on.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Agent, Calls, Client, Scene, TestHost, Via, hello_messages, ms, record, wait_for};

/// Ten hosts in a row under the same bridges: one is idle when its host dies, one calls. Each is told what it
/// lost, once, and works at once with the next host.
#[test]
fn f20_ten_hosts_in_a_row_under_the_same_bridges() {
    let mut host = TestHost::start();
    let mut idle = host.agent(Via::Bridge, "idle");
    let mut busy = host.agent(Via::Bridge, "busy");
    let bridges = [idle.bridge(), busy.bridge()];
    for round in 0..10 {
        for agent in [&mut idle, &mut busy] {
            agent.evaluate("() => { window.mark = 'mine'; return 1; }");
        }
        let call = busy.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"}));
        let control = host.control();
        wait_for("the call runs", Duration::from_secs(10), || {
            let running = control.sessions_of("busy").remove(0).running;
            running.filter(|call| call.number > 1).map(drop).ok_or_else(|| "no call runs".to_owned())
        });
        let sessions: Vec<String> = control.snapshot().sessions.iter().map(|view| view.id.to_string()).collect();
        assert_eq!(sessions.len(), 2);
        let began = host.kill();
        let told = busy.answer(call, Duration::from_secs(10)).expect("the bridge answers for a dead host").err();
        assert!(told.text.contains("died while this call ran"), "round {round}: {}", told.text);
        record("restart: told", began.elapsed(), ms(500));
        host.restart();
        let began = Instant::now();
        let told = idle.call("browser_evaluate", json!({"function": "() => window.mark"})).err();
        assert_eq!(told.code(), "session_ended", "round {round}: {}", told.text);
        record("restart: the next host answers", began.elapsed(), ms(1_000));
        assert_eq!(idle.evaluate("() => typeof window.mark"), "\"undefined\"");
        assert_eq!(busy.evaluate("() => typeof window.mark"), "\"undefined\"");
        let control = host.control();
        for session in &sessions {
            assert_eq!(control.reports_of(session)[0].reason.key(), "recovered_at_start");
        }
    }
    assert_eq!([idle.bridge(), busy.bridge()], bridges, "the same bridges");
}

/// A cleaner of temporary files takes the sockets away: who is connected notices nothing, newcomers find the
/// host again within seconds, and so does the command line.
#[test]
fn a_socket_removed_under_a_running_host_comes_back() {
    let mut scene = Scene::new();
    let began = Instant::now();
    for socket in [scene.host.socket(), scene.host.control_socket()] {
        fs::remove_file(&socket).unwrap();
    }
    scene.bystander.assert_untouched(&scene.control);
    for socket in [scene.host.socket(), scene.host.control_socket()] {
        wait_for("the socket is there again", Duration::from_secs(6) * support::SLOW, || {
            if socket.exists() { Ok(()) } else { Err(format!("{} is missing", socket.display())) }
        });
    }
    record("socket removed: there again", began.elapsed(), Duration::from_secs(6));
    for via in Via::BOTH {
        let mut next = scene.agent(via, "newcomer");
        next.open(&scene.site.url("/ok"));
        next.kill();
    }
    assert!(scene.host.ebb(&["status"]).output().unwrap().status.success());
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("socket removed");
}

/// A crash is a crash though the socket was gone before: its client waits for the next host.
#[test]
fn f20_crash_of_a_host_whose_socket_was_removed() {
    let mut host = TestHost::start();
    let mut agent = host.agent(Via::Bridge, "survivor");
    agent.evaluate("() => { window.mark = 'mine'; return 1; }");
    let bridge = agent.bridge();
    fs::remove_file(host.socket()).unwrap();
    host.kill();
    host.restart();
    let told = agent.call("browser_evaluate", json!({"function": "() => window.mark"})).err();
    assert_eq!(told.code(), "session_ended", "{}", told.text);
    assert_eq!(agent.evaluate("() => typeof window.mark"), "\"undefined\"");
    assert_eq!(agent.bridge(), bridge);
}

/// A quit is a quit for an idle bridge too: it ends, says so, and starts nothing.
#[test]
fn an_idle_bridge_goes_with_a_host_that_quits() {
    let mut host = TestHost::start();
    let mut agents: Vec<Agent> = (0..3).map(|n| host.agent(Via::Bridge, &format!("idle {n}"))).collect();
    agents[0].evaluate("() => 1");
    let (status, took) = host.terminate();
    assert!(status.success(), "{status}");
    record("quit with idle bridges", took, Duration::from_secs(3));
    for agent in &mut agents {
        agent.ended(Duration::from_secs(10));
        assert!(agent.runs());
    }
    agents.clear();
    assert_eq!(host.processes(), Vec::new());
}

/// An update replaces the program while the old host runs: its bridge is served, and the log says it.
#[test]
fn a_bridge_of_another_version_is_served() {
    let host = TestHost::start();
    let mut client = Client::silent(&host.socket(), "from the future");
    let hello = json!({"jsonrpc": "2.0", "method": "notifications/ebb/hello", "params": {
        "version": "99.0.0\u{202e}", "flags": ["--unheard-of"], "something": {"new": true},
    }});
    client.line(&hello);
    let [initialize, initialized] = hello_messages("from the future");
    client.line(&initialize);
    assert!(!client.answer(0, Duration::from_secs(20)).unwrap().is_error);
    client.line(&initialized);
    client.open("about:blank");
    wait_for("the log says it", Duration::from_secs(5), || {
        let log = host.log();
        let found = log.lines().any(|line| line.contains("another version") && line.contains("99.0.0"));
        if found { Ok(()) } else { Err(log.lines().last().unwrap_or_default().to_owned()) }
    });
}
