//! The two promises all others rest on, and the same for twenty clients at once; on every cursor store.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Agent, Baseline, Calls, Kept, Lost, Redis, Scene, Via, ms, procs, wait_for};

/// Cursors of 100 KB and more, each with its first page as it was.
fn cursors(agent: &mut Agent, mark: &str, count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|n| {
            let id = agent.large(&format!("{mark} {n}"), 100 + n).cursor().to_owned();
            let page = agent.ok("cursor_read", json!({"cursor": id, "offset": 1, "max_tokens": 500}));
            assert!(page.text.contains(&format!("{mark} {n} 0 ")), "{}", page.text);
            (id, page.text)
        })
        .collect()
}

/// Five cursors, a real disconnect: five of five freed, and nobody can read them, not even who had them.
fn seed_cleanup(via: Via, kept: &Kept) {
    let mut scene = Scene::with(kept.args());
    let mut agent = scene.agent(via, "seed");
    agent.open(&scene.site.url("/ok"));
    let mine = cursors(&mut agent, "seed", 5);
    let session = scene.control.session_of("seed");
    let detail = scene.control.session(&session).unwrap();
    assert_eq!(detail.cursors.len(), 5);
    assert!(detail.cursors.iter().all(|cursor| cursor.bytes > 100 * 1024), "{:?}", detail.cursors);
    kept.assert_has(&scene.host, &session);
    let held: u64 = detail.cursors.iter().map(|cursor| cursor.bytes).sum();
    assert_eq!(detail.session.held.cursors, held, "the bytes shown are the bytes held");

    let began = agent.kill();
    let (what, sessions) = (format!("seed cleanup {} {}", via.name(), kept.name()), [session]);
    let reports =
        scene.gone(&Lost { what: &what, began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None });
    assert_eq!((reports[0].freed.cursors, reports[0].freed.cursor_bytes), (5, held), "5 of 5, to the byte");
    kept.assert_nothing(&scene.host, &sessions[0]);
    kept.assert_has(&scene.host, scene.bystander.session());

    let mut revived = scene.agent(via, "seed");
    let mut stranger = scene.host.client("stranger");
    let mut constant = Vec::new();
    for (id, _) in &mine {
        for answer in [
            revived.call("cursor_read", json!({"cursor": id})).err(),
            stranger.call("cursor_read", json!({"cursor": id, "offset": 1})).err(),
            scene.bystander.client().call("cursor_read", json!({"cursor": id})).err(),
        ] {
            assert_eq!(answer.code(), "cursor_unknown", "{}", answer.text);
            constant.push(answer.text);
        }
    }
    constant.dedup();
    assert_eq!(constant.len(), 1, "one constant text: {constant:?}");
    assert_eq!(revived.ok("cursor_list", json!({})).must("Result"), "No open cursors");
}

#[test]
fn seed_cleanup_integration() {
    seed_cleanup(Via::Socket, &Kept::Memory);
}

#[test]
fn seed_cleanup_integration_bridge() {
    seed_cleanup(Via::Bridge, &Kept::Memory);
}

#[test]
fn seed_cleanup_integration_sqlite() {
    seed_cleanup(Via::Socket, &Kept::Sqlite);
}

#[test]
fn seed_cleanup_integration_bridge_sqlite() {
    seed_cleanup(Via::Bridge, &Kept::Sqlite);
}

#[test]
fn seed_cleanup_integration_redis() {
    seed_cleanup(Via::Socket, &Kept::Redis(Redis::start()));
}

#[test]
fn seed_cleanup_integration_bridge_redis() {
    seed_cleanup(Via::Bridge, &Kept::Redis(Redis::start()));
}

/// Two sessions, three cursors each; the first disconnects: 0 of 3 and 3 of 3 are readable. That the
/// session goes although its cursor step fails is proved in the core, `sessions/tests/door.rs`, where a
/// step can be made to fail.
fn session_isolation(kept: &Kept) {
    let mut scene = Scene::with(kept.args());
    let mut first = scene.agent(Via::Socket, "first");
    let mut second = scene.agent(Via::Bridge, "second");
    let (of_first, of_second) = (cursors(&mut first, "first", 3), cursors(&mut second, "second", 3));
    for (id, _) in &of_second {
        assert_eq!(first.call("cursor_read", json!({"cursor": id})).err().code(), "cursor_unknown");
        assert_eq!(first.call("cursor_close", json!({"cursor": id})).code(), "cursor_unknown");
    }
    let (session, other) = (scene.control.session_of("first"), scene.control.session_of("second"));
    kept.assert_has(&scene.host, &session);
    let handle = json!({"session": &other});
    assert_eq!(first.call("browser_snapshot", handle.clone()).err().code(), "session_unknown");
    assert_eq!(first.call("session_close", handle).err().code(), "session_unknown");
    // The second one stays: what it has is no loss.
    scene.base = Baseline::of(&scene.host);
    scene.base.processes.retain(|process| process.pid != first.pid());
    let pages = &mut scene.base.renderers;
    let own: Vec<_> = pages.iter().cloned().collect();
    assert_eq!(own.len(), 3, "{}", procs::brief(&own));

    first.close();
    let began = Instant::now();
    let sessions = [session];
    let lost = Lost {
        what: &format!("seed isolation {}", kept.name()),
        began,
        limit: ms(500),
        sessions: &sessions,
        reason: "disconnected",
        by: None,
    };
    scene.sessions_go(&lost);
    let read = |id: &str| json!({"cursor": id, "offset": 1, "max_tokens": 500});
    let readable = of_second.iter().filter(|(id, page)| second.call("cursor_read", read(id)).text == *page).count();
    assert_eq!(readable, 3, "3 of 3 of the other");
    let left = of_first.iter().filter(|(id, _)| !second.call("cursor_read", read(id)).is_error).count();
    assert_eq!(left, 0, "0 of 3 of the first");
    kept.assert_nothing(&scene.host, &sessions[0]);
    kept.assert_has(&scene.host, &other);
    scene.bystander.assert_untouched(&scene.control);
    let freed = &scene.control.reports_of(&sessions[0])[0].freed;
    assert_eq!(freed.cursors, 3);
    wait_for("its page is gone", Duration::from_secs(5), || match scene.host.renderers() {
        pages if pages.len() == 2 => Ok(()),
        pages => Err(procs::brief(&pages)),
    });
}

#[test]
fn seed_session_isolation() {
    session_isolation(&Kept::Memory);
}

#[test]
fn seed_session_isolation_sqlite() {
    session_isolation(&Kept::Sqlite);
}

#[test]
fn seed_session_isolation_redis() {
    session_isolation(&Kept::Redis(Redis::start()));
}

/// Twenty clients with a page and a cursor each; one is killed. Nineteen do not notice, and nothing of the
/// twentieth is left anywhere.
fn one_of_twenty(kept: &Kept) {
    let mut scene = Scene::with(kept.args());
    let mut agents: Vec<Agent> = Vec::new();
    let mut pages = Vec::new();
    for n in 0..20 {
        let mut agent = scene.agent(Via::BOTH[n % 2], &format!("client {n}"));
        agent.open(&scene.site.url("/ok"));
        agent.evaluate(&format!("() => {{ window.mark = {n}; document.cookie = 'who={n}'; return 1; }}"));
        pages.push(cursors(&mut agent, &format!("client {n}"), 1).remove(0));
        agents.push(agent);
        if n == 18 {
            // What is there without the one that will be killed.
            scene.base = Baseline::of(&scene.host);
        }
    }
    let before = scene.control.snapshot();
    assert_eq!((before.sessions.len(), before.clients.len()), (21, 21));
    let mut killed = agents.pop().unwrap();
    let lost_page = pages.pop().unwrap();
    let session = scene.control.session_of("client 19");
    let bytes = |view: &ebb_core::view::Snapshot| view.sessions.iter().map(|session| session.held.cursors).sum::<u64>();
    let own = before.sessions.iter().find(|view| view.id.as_str() == session).unwrap().held.cursors;

    let began = killed.kill();
    let sessions = [session];
    scene.gone(&Lost {
        what: &format!("one of twenty {}", kept.name()),
        began,
        limit: ms(500),
        sessions: &sessions,
        reason: "client_died",
        by: None,
    });
    let after = scene.control.snapshot();
    assert_eq!((after.sessions.len(), after.clients.len()), (20, 20));
    assert_eq!(bytes(&after), bytes(&before) - own, "exactly its bytes are gone");
    for (n, agent) in agents.iter_mut().enumerate() {
        assert_eq!(agent.evaluate("() => [window.mark, document.cookie].join()"), format!("\"{n},who={n}\""));
        let (id, page) = &pages[n];
        let read = json!({"cursor": id, "offset": 1, "max_tokens": 500});
        assert_eq!(&agent.ok("cursor_read", read).text, page, "client {n}");
        assert_eq!(agent.call("cursor_read", json!({"cursor": lost_page.0})).err().code(), "cursor_unknown");
    }
    assert_eq!(scene.rows.reports(&sessions[0]), 1);
    kept.assert_nothing(&scene.host, &sessions[0]);
}

#[test]
fn twenty_clients_one_killed() {
    one_of_twenty(&Kept::Memory);
}

#[test]
fn twenty_clients_one_killed_sqlite() {
    one_of_twenty(&Kept::Sqlite);
}

#[test]
fn twenty_clients_one_killed_redis() {
    one_of_twenty(&Kept::Redis(Redis::start()));
}
