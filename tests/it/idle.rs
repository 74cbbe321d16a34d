//! F46, F52: nobody calls, or calls at the last moment.

use std::{
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use serde_json::json;
use support::{Agent, Calls, HostArgs, TestHost, Via, holds_for, ms, record, wait_for};

/// A host whose sessions may be idle for so many seconds.
fn host(idle: u64) -> TestHost {
    TestHost::with(HostArgs { idle: Some(idle), ..HostArgs::default() })
}

fn is_open(host: &TestHost, session: &str) -> bool {
    host.control().session(session).is_ok()
}

/// Each call renews, counted from its end; a running one is activity; an end is told once.
#[test]
fn f52_idle_sessions_end_and_used_ones_do_not() {
    const IDLE: Duration = Duration::from_secs(2);
    let host = host(IDLE.as_secs());
    let control = host.control();
    let site = support::Site::start();
    for via in Via::BOTH {
        let name = format!("idle {}", via.name());
        let mut agent = host.agent(via, &name);
        agent.evaluate("() => { window.mark = 'mine'; return 1; }");
        let session = control.session_of(&name);
        // Used again and again it lives for three times the limit.
        let began = Instant::now();
        while began.elapsed() < 3 * IDLE {
            sleep(IDLE / 3);
            assert_eq!(agent.evaluate("() => window.mark"), "\"mine\"");
        }
        // One call that takes longer than the limit.
        agent.open(&site.url("/slow?ms=4500"));
        let ended = Instant::now();
        assert!(is_open(&host, &session), "a running call is no idleness");
        holds_for("idle time counts from the end of the call", ms(1_500), || {
            if is_open(&host, &session) { Ok(()) } else { Err("it ended".to_owned()) }
        });
        wait_for("it ends", Duration::from_secs(15), || {
            if is_open(&host, &session) { Err("open") } else { Ok(()) }.map_err(str::to_owned)
        });
        record(&format!("f52 {}", via.name()), ended.elapsed(), IDLE + Duration::from_secs(1));
        assert!(ended.elapsed() >= IDLE, "before its time: {:?}", ended.elapsed());
        assert_eq!(control.reports_of(&session)[0].reason.key(), "idle_timeout");
        let told =
            agent.call("browser_evaluate", json!({"function": "() => { window.mark = 'done'; return 1; }"})).err();
        assert_eq!(told.code(), "session_ended");
        assert!(
            told.text.contains("Session ended: ") && told.text.contains("call again to start a new session"),
            "{}",
            told.text
        );
        assert!(control.sessions_of(&name).is_empty(), "the call that was told did nothing");
        assert_eq!(agent.evaluate("() => typeof window.mark"), "\"undefined\"");
        assert_ne!(control.session_of(&name), session);
        agent.kill();
    }
}

/// Calls at the very edge of the limit: served in the session that was, or told that it ended; never by half.
#[test]
fn f46_calls_at_the_edge() {
    const ROUNDS: u64 = 8;
    let host = host(1);
    let served = std::sync::atomic::AtomicU32::new(0);
    let told = std::sync::atomic::AtomicU32::new(0);
    scope(|threads| {
        for n in 0..6_u64 {
            let (host, served, told) = (&host, &served, &told);
            threads.spawn(move || {
                let mut agent = host.agent(Via::BOTH[usize::from(n % 2 == 1)], &format!("edge {n}"));
                let mut mark = 0_u64;
                agent.evaluate(&format!("() => window.mark = {mark}"));
                for round in 0..ROUNDS {
                    // Not a wait for anything: the sweep comes between one and two seconds after the last call.
                    sleep(ms(940 + (n * 170 + round * 137) % 1_100));
                    let answer = agent.call("browser_evaluate", json!({"function": "() => window.mark"}));
                    if answer.is_error {
                        assert_eq!(answer.code(), "session_ended", "{}", answer.text);
                        told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        mark = round + 1;
                        assert_eq!(agent.evaluate("() => typeof window.mark"), "\"undefined\"", "a new session is new");
                        agent.evaluate(&format!("() => window.mark = {mark}"));
                    } else {
                        served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        assert_eq!(answer.must("Result"), mark.to_string(), "served by the session that was");
                    }
                }
                agent.kill();
            });
        }
    });
    let (served, told) = (served.into_inner(), told.into_inner());
    eprintln!("f46: {served} served, {told} told");
    assert_eq!(served + told, 6 * u32::try_from(ROUNDS).unwrap());
    assert!(served > 0 && told > 0, "the edge was not met: {served} served, {told} told");
}

/// `keep: ttl`: a session for commands that are a new process each time.
#[test]
fn a_ttl_session_outlives_its_client_until_it_is_idle() {
    const IDLE: u64 = 4;
    let host = host(IDLE);
    let control = host.control();
    let mut first = host.agent(Via::Bridge, "first");
    let opened = first.ok("session_open", json!({"name": "job", "keep": "ttl"}));
    let session = opened.meta["session"].as_str().unwrap().to_owned();
    first.ok("browser_evaluate", json!({"session": session, "function": "() => window.mark = 7"}));
    first.kill();
    wait_for("its client is gone", Duration::from_secs(5), || match control.snapshot().clients {
        none if none.is_empty() => Ok(()),
        some => Err(format!("{some:?}")),
    });
    // Three commands, each a process of its own, each within the limit.
    for n in 0..3 {
        holds_for("it lives without a client", Duration::from_secs(2), || {
            if is_open(&host, &session) { Ok(()) } else { Err("it ended".to_owned()) }
        });
        let mut next = host.agent(Via::BOTH[n % 2], &format!("command {n}"));
        let read = next.ok("browser_evaluate", json!({"session": session, "function": "() => window.mark"}));
        assert_eq!(read.must("Result"), "7");
        next.kill();
    }
    let last = Instant::now();
    wait_for("it ends when nobody uses it", Duration::from_secs(20), || {
        if is_open(&host, &session) { Err("open".to_owned()) } else { Ok(()) }
    });
    record("ttl: idle end", last.elapsed(), Duration::from_secs(IDLE + 1));
    assert_eq!(control.reports_of(&session)[0].reason.key(), "idle_timeout");
    // Whoever comes too late learns no more than a stranger.
    let late = host.agent(Via::Socket, "late").call("browser_snapshot", json!({"session": session})).err();
    assert_eq!(late.code(), "session_unknown");
}

/// A shared session is its owners'; another's handle is nobody's.
#[test]
fn a_shared_session_is_joined_and_ends_with_its_last_owner() {
    let host = TestHost::start();
    let control = host.control();
    let mut first: Agent = host.agent(Via::Bridge, "first");
    let open =
        |agent: &mut Agent, options| agent.ok("session_open", options).meta["session"].as_str().unwrap().to_owned();
    let shared = open(&mut first, json!({"name": "ours", "share": true}));
    let own = open(&mut first, json!({"name": "mine"}));
    first.ok("browser_evaluate", json!({"session": shared, "function": "() => window.mark = 7"}));

    let mut second = host.agent(Via::Socket, "second");
    let read = second.ok("browser_evaluate", json!({"session": shared, "function": "() => window.mark"}));
    assert_eq!(read.must("Result"), "7");
    let refused = second.call("browser_snapshot", json!({"session": own})).err();
    let nobodys = format!("ses_{}", "a".repeat(26));
    let unknown = second.call("browser_snapshot", json!({"session": nobodys})).err();
    assert_eq!((refused.code(), &refused.text), ("session_unknown", &unknown.text), "in the same words");
    assert_eq!(second.call("browser_snapshot", json!({"session": "mine"})).err().text, unknown.text);

    first.kill();
    wait_for("what only the first had ends", Duration::from_secs(2), || {
        if is_open(&host, &own) { Err("open".to_owned()) } else { Ok(()) }
    });
    assert_eq!(
        second.ok("browser_evaluate", json!({"session": shared, "function": "() => window.mark"})).must("Result"),
        "7"
    );
    let began = second.kill();
    wait_for("and the shared one with its last owner", Duration::from_secs(2), || {
        if is_open(&host, &shared) { Err("open".to_owned()) } else { Ok(()) }
    });
    record("share: last owner killed", began.elapsed(), ms(500));
    assert_eq!(control.reports_of(&shared)[0].reason.key(), "client_died");
}
