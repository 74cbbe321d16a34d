//! F09 and the limits: many at once, and more than there may be.

use std::{
    thread::scope,
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Agent, AgentOptions, Calls, HostArgs, Scene, TestHost, Via, ms, procs, record, wait_for, within};

/// A process with many connections.
struct Fleet {
    agent: Agent,
    here: u64,
    pages: u64,
    refused: Vec<String>,
}

fn fleet(host: &TestHost, name: &str, count: usize, url: Option<&str>) -> Fleet {
    let mut words = vec!["--fleet".to_owned(), count.to_string()];
    if let Some(url) = url {
        words.extend(["--open".to_owned(), url.to_owned()]);
    }
    let options = AgentOptions { words, ..AgentOptions::default() };
    let mut agent = Agent::spawn(host.place(), &host.socket(), Via::Socket, name, &options);
    let said = agent.said("fleet", Duration::from_mins(2));
    let refused = said["refused"].as_array().unwrap().iter().map(|why| why.as_str().unwrap().to_owned()).collect();
    Fleet { agent, here: said["here"].as_u64().unwrap(), pages: said["pages"].as_u64().unwrap(), refused }
}

/// Ten processes with ten clients and a page each, killed at once, twice.
#[test]
fn f09_a_hundred_clients_killed_at_once() {
    let mut scene = Scene::new();
    let url = scene.site.url("/ok");
    for round in 0..2 {
        let began = Instant::now();
        let mut fleets: Vec<Fleet> = scope(|threads| {
            let host = &scene.host;
            let url = &url;
            let all: Vec<_> =
                (0..10).map(|n| threads.spawn(move || fleet(host, &format!("fleet {n}"), 10, Some(url)))).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        record("f09: a hundred pages", began.elapsed(), Duration::from_secs(30));
        let pages: u64 = fleets.iter().map(|fleet| fleet.pages).sum();
        assert_eq!(pages, 100, "{:?}", fleets.iter().flat_map(|fleet| &fleet.refused).collect::<Vec<_>>());
        let snapshot = scene.control.snapshot();
        let sessions: Vec<String> = snapshot
            .sessions
            .iter()
            .filter(|view| view.client.name.starts_with("fleet"))
            .map(|view| view.id.to_string())
            .collect();
        assert_eq!(sessions.len(), 100);
        let began = Instant::now();
        for fleet in &fleets {
            procs::kill(fleet.agent.pid());
        }
        for fleet in &mut fleets {
            fleet.agent.kill();
        }
        let what = format!("f09 round {round}");
        scene.gone(&support::Lost {
            what: &what,
            began,
            limit: Duration::from_secs(5),
            sessions: &sessions,
            reason: "client_died",
            by: None,
        });
        let began = Instant::now();
        let mut fresh = scene.agent(Via::Bridge, "fresh");
        fresh.open(&url);
        record(&format!("{what}: a fresh client"), began.elapsed(), Duration::from_secs(2));
        fresh.kill();
        wait_for("it is gone", Duration::from_secs(5), || match scene.more_processes() {
            left if left.is_empty() => Ok(()),
            left => Err(procs::brief(&left)),
        });
    }
}

/// 200 connections of one process at once: 64 are served, the others read the limit and the way out.
#[test]
fn two_hundred_connections_of_one_process() {
    let mut scene = Scene::new();
    let began = Instant::now();
    let mut storm = fleet(&scene.host, "storm", 200, None);
    record("storm: 200 connections", began.elapsed(), Duration::from_secs(3));
    assert_eq!((storm.here, storm.refused.len()), (64, 136));
    for why in &storm.refused {
        assert_eq!(why, "Too many connections of one process (64): close a connection before opening the next");
    }
    // Others are served, and the place is free again once they are gone.
    scene.bystander.assert_untouched(&scene.control);
    let began = storm.agent.kill();
    within("storm: all clients gone", began, ms(1_000), || match scene.control.snapshot().clients.len() {
        1 => Ok(()),
        more => Err(format!("{more} clients")),
    });
    assert_eq!(fleet(&scene.host, "after", 10, None).here, 10);
    wait_for("the last fleet is gone", Duration::from_secs(5), || match scene.control.snapshot().clients.len() {
        1 => Ok(()),
        more => Err(format!("{more} clients")),
    });
    scene.settled("storm");
}

/// A full house: 1,024 clients of 16 processes and more, under the usual limit of open files.
#[test]
fn a_full_house_refuses_the_next_and_serves_the_rest() {
    let mut scene = Scene::with(HostArgs { open_files: Some(1_024), ..HostArgs::default() });
    let mut fleets: Vec<Fleet> = (0..15).map(|n| fleet(&scene.host, &format!("fleet {n}"), 64, None)).collect();
    fleets.push(fleet(&scene.host, "last", 63, None));
    let here: u64 = fleets.iter().map(|fleet| fleet.here).sum();
    assert_eq!(here, 1_023, "{:?}", fleets.iter().flat_map(|fleet| fleet.refused.iter().take(1)).collect::<Vec<_>>());
    let full = fleet(&scene.host, "one more", 3, None);
    assert_eq!(full.here, 0);
    for why in &full.refused {
        assert_eq!(why, "Too many clients (1024): end a client that is not needed any more");
    }
    scene.bystander.assert_untouched(&scene.control);
    drop(fleets.pop());
    within("a place is free again", Instant::now(), Duration::from_secs(2), || {
        match scene.control.snapshot().clients.len() {
            961 => Ok(()),
            seen => Err(format!("{seen} clients")),
        }
    });
    let mut next = scene.agent(Via::Bridge, "next");
    next.open(&scene.site.url("/ok"));
}

/// Sessions of one process and calls in flight: each refusal names the limit and the way out, and after one
/// has gone the next is taken.
#[test]
fn f51_sessions_and_calls_have_limits() {
    let scene = Scene::new();
    let mut agent = scene.agent(Via::Bridge, "greedy");
    let mut sessions: Vec<String> = Vec::new();
    for _ in 0..16 {
        let opened = agent.ok("session_open", json!({}));
        sessions.push(opened.meta["session"].as_str().unwrap().to_owned());
    }
    let refused = agent.call("session_open", json!({})).err();
    assert_eq!(refused.code(), "limit_reached");
    assert!(refused.text.contains("Too many sessions of one client (16)"), "{}", refused.text);
    assert!(refused.text.contains("session_close") && refused.text.contains(&sessions[0]), "{}", refused.text);
    let default = agent.call("browser_navigate", json!({"url": "about:blank"})).err();
    assert_eq!(default.code(), "limit_reached", "the default session is one of them");
    agent.ok("session_close", json!({"session": sessions[0]}));
    agent.ok("browser_navigate", json!({"url": "about:blank"}));

    // One runs and seven wait.
    let calls: Vec<u64> = (0..8)
        .map(|_| {
            let hang = json!({"function": "() => new Promise((done) => { window.go = done; })"});
            agent.send("browser_evaluate", hang)
        })
        .collect();
    wait_for("one runs", Duration::from_secs(10), || {
        let views = scene.control.sessions_of("greedy");
        if views.iter().any(|view| view.running.is_some()) { Ok(()) } else { Err(format!("{views:?}")) }
    });
    let ninth = agent.call("browser_snapshot", json!({})).err();
    assert_eq!(ninth.code(), "limit_reached");
    assert!(
        ninth.text.contains("Too many calls in flight (8)") && ninth.text.contains("session_open"),
        "{}",
        ninth.text
    );
    // Another session has a queue of its own.
    agent.ok("browser_navigate", json!({"session": sessions[1], "url": "about:blank"}));
    assert_eq!(calls.len(), 8);
    agent.kill();
}
