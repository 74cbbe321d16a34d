//! F10, F11: streams that end by halves, or never begin.

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Agent, AgentOptions, Calls, Lost, Scene, Via, bin, call_message, hello_messages, ms, procs, record, wait_for,
    within,
};

/// `cat requests | ebb connect`: every answer comes, then everything ends.
#[test]
fn f10_requests_from_a_file() {
    let mut scene = Scene::new();
    let [initialize, initialized] = hello_messages("script");
    let url = scene.site.url("/ok");
    let evaluate = json!({"function": "() => document.title.length + 40"});
    let lines = [
        initialize,
        initialized,
        call_message(1, "browser_navigate", &json!({ "url": url })),
        call_message(2, "browser_evaluate", &evaluate),
        call_message(3, "browser_navigate", &json!({"url": scene.site.url("/slow?ms=1000")})),
        call_message(4, "cursor_list", &json!({})),
    ];
    let requests = scene.host.path().join("requests");
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(&requests, lines.join("\n") + "\n").unwrap();
    for round in 0..2 {
        let began = Instant::now();
        let mut shell = scene.host.run("/bin/sh".as_ref());
        let pipeline = "cat \"$1\" | \"$0\" connect --no-start --socket \"$2\"";
        shell.args(["-c", pipeline]).arg(bin("ebb")).arg(&requests).arg(scene.host.socket());
        let output = shell.stdin(Stdio::null()).output().unwrap();
        record("f10 cat: all answers", began.elapsed(), Duration::from_secs(4));
        let said = String::from_utf8(output.stdout).unwrap();
        let mut answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        answers.sort_by_key(|answer| answer["id"].as_u64());
        let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64()).collect();
        assert_eq!(ids, [0, 1, 2, 3, 4].map(Some), "round {round}: {said}");
        for answer in &answers {
            assert!(answer.get("error").is_none() && answer["result"]["isError"] != true, "{answer}");
        }
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        wait_for("its session ends", ms(2_000), || match scene.control.sessions_of("script") {
            none if none.is_empty() => Ok(()),
            some => Err(format!("{some:?}")),
        });
    }
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("f10 cat");
}

fn half_closed(scene: &mut Scene, what: &str, agent: &mut Agent, session: String, limit: Duration) {
    let began = Instant::now();
    agent.half_close();
    within(&format!("{what}: the connection ends"), began, limit, || match scene.control.session(&session) {
        Err(_) => Ok(()),
        Ok(detail) => Err(format!("{:?}", detail.session.state)),
    });
    agent.ended(Duration::from_secs(20));
    scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
    scene.gone(&Lost { what, began, limit, sessions: &[session], reason: "disconnected", by: None });
}

#[test]
fn f10_half_close_with_nothing_in_flight() {
    let mut scene = Scene::new();
    for via in Via::BOTH {
        let name = format!("victim {}", via.name());
        let mut agent = scene.agent(via, &name);
        agent.open(&scene.site.url("/ok"));
        let session = scene.control.session_of(&name);
        half_closed(&mut scene, &format!("f10 idle {}", via.name()), &mut agent, session, ms(2_000));
        agent.kill();
    }
}

/// What never answers gets five seconds, and no more.
#[test]
fn f10_half_close_with_a_call_that_does_not_end() {
    let mut scene = Scene::new();
    for via in Via::BOTH {
        let name = format!("victim {}", via.name());
        let mut agent = scene.agent(via, &name);
        agent.open(&scene.site.url("/ok"));
        agent.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"}));
        let session = wait_for("the call runs", Duration::from_secs(10), || {
            let view = scene.control.sessions_of(&name).remove(0);
            view.running.map(|_| view.id.to_string()).ok_or_else(|| "no call runs".to_owned())
        });
        half_closed(&mut scene, &format!("f10 hanging {}", via.name()), &mut agent, session, ms(5_500));
        agent.kill();
    }
}

/// A stream that listens for news is nothing in flight: it would keep its client for ever.
#[test]
fn f10_half_close_of_a_listener() {
    let mut scene = Scene::new();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "listener", "version": "1.0"},
    });
    for via in Via::BOTH {
        let silent = AgentOptions { silent: true, ..AgentOptions::default() };
        let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), via, "listener", &silent);
        let mut call = call_message(70, "browser_navigate", &json!({"url": scene.site.url("/ok")}));
        call["params"]["_meta"] = meta.clone();
        let listen = json!({"jsonrpc": "2.0", "id": 71, "method": "subscriptions/listen", "params": {
            "notifications": {"toolsListChanged": true}, "_meta": meta,
        }});
        agent.raw(&format!("{call}\n{listen}\n"));
        let opened = agent.raw_answer(70, Duration::from_secs(30)).unwrap();
        assert_ne!(opened["result"]["isError"], true, "{opened}");
        let session = scene.control.session_of("listener");
        half_closed(&mut scene, &format!("f10 listening {}", via.name()), &mut agent, session, ms(2_000));
        agent.kill();
    }
}

/// A bridge whose client says nothing goes with its connection; so does its client's wait.
#[test]
fn f11_a_bridge_without_a_word() {
    let mut scene = Scene::new();
    let before = scene.control.snapshot().clients.len();
    let silent = AgentOptions { silent: true, ..AgentOptions::default() };
    let began = Instant::now();
    let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), Via::Bridge, "silent", &silent);
    let bridge = procs::of(agent.bridge()).expect("the bridge runs");
    agent.ended(Duration::from_secs(17) * support::SLOW);
    record("f11 bridge: closed", began.elapsed(), Duration::from_secs(16));
    assert!(began.elapsed() > Duration::from_secs(9), "it was cut before its time: {:?}", began.elapsed());
    wait_for("the bridge ends", Duration::from_secs(2), || if bridge.runs() { Err(bridge.brief()) } else { Ok(()) });
    assert!(agent.runs());
    assert_eq!(scene.control.snapshot().clients.len(), before);
    agent.kill();
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("f11 bridge");
}
