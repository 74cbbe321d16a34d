//! F20 to F29: the host or the browser dies, freezes or spins.

use std::{
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use ebb_core::cleanup::{Outcome, Reason};
use serde_json::json;
use support::{Agent, Calls, Lost, SLOW, Scene, TestHost, Via, ms, procs, record, wait_for, within};

/// The host is killed with pages open: its Chromium ends at once, the next start reports what was open.
#[test]
fn f20_host_killed() {
    let mut host = TestHost::start();
    let mut agents: Vec<Agent> =
        Via::BOTH.into_iter().map(|via| host.agent(via, &format!("victim {}", via.name()))).collect();
    for agent in &mut agents {
        agent.open("about:blank");
        agent.large("victim", 100);
    }
    let mut direct = host.client("direct");
    direct.ok("session_open", json!({"name": "second"}));
    let sessions: Vec<String> =
        host.control().snapshot().sessions.iter().map(|session| session.id.to_string()).collect();
    assert_eq!(sessions.len(), 3);
    let rows = host.rows();
    wait_for("the rows of open sessions are written", Duration::from_secs(5), || {
        let open = sessions.iter().filter(|session| rows.is_open(session)).count();
        if open == 3 { Ok(()) } else { Err(format!("{open} open")) }
    });
    let chromium = host.chromium();
    assert!(chromium.len() > 3, "{}", procs::brief(&chromium));

    let began = host.kill();
    within("f20: chromium", began, ms(1_000), || {
        let left: Vec<_> = chromium.iter().filter(|process| process.runs()).collect();
        if left.is_empty() { Ok(()) } else { Err(procs::brief(left)) }
    });
    drop(agents);
    host.restart();
    assert_eq!(host.run_folders(), Vec::<String>::new(), "the next start removes what a dead host left");
    let control = host.control();
    assert_eq!(control.snapshot().host.recovered, 3);
    for session in &sessions {
        let reports = control.reports_of(session);
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert_eq!(reports[0].reason, Reason::RecoveredAtStart);
        assert!(!rows.is_open(session), "{session} still has a row");
        assert_eq!((rows.reports(session), rows.reason(session).as_deref()), (1, Some("recovered_at_start")));
    }
    // And it works again.
    let mut next = host.client("next");
    next.open("about:blank");
}

#[test]
fn f24_second_host_refuses_and_names_the_first() {
    let mut scene = Scene::new();
    for auto in [false, true] {
        let mut second = scene.host.serve();
        second.args(auto.then_some("--auto"));
        let began = Instant::now();
        let output = second.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        record("f24: refusal", began.elapsed(), ms(1_000));
        if auto {
            assert!(output.status.success(), "a loser among starters ends quietly: {said}");
        } else {
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(&format!("pid {}", scene.host.pid())), "{said}");
        }
        assert!(output.stdout.is_empty(), "it never listened");
    }
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("f24");
}

#[test]
fn f24_stale_sockets_are_replaced() {
    let mut host = TestHost::start();
    host.kill();
    assert!(host.socket().exists() && host.control_socket().exists(), "a killed host leaves its sockets");
    host.restart();
    host.client("next").ok("cursor_list", json!({}));
    assert_eq!(host.control().snapshot().sessions.len(), 0);
}

#[test]
fn f24_a_symlink_is_no_place_for_a_socket() {
    let mut host = TestHost::start();
    host.terminate();
    for name in ["e.sock", "e.control.sock"] {
        let (socket, target) = (host.path().join("run").join(name), host.path().join("project/elsewhere"));
        symlink(&target, &socket).unwrap();
        let output = host.serve().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(name), "the path is named: {said}");
        assert!(!target.exists() && socket.is_symlink(), "nothing was touched");
        std::fs::remove_file(&socket).unwrap();
    }
    host.restart();
}

/// The browser is killed: the next call says what was lost, the one after works, cursors still read.
#[test]
fn f26_browser_killed() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open(&scene.site.url("/ok"));
    let page = agent.large("victim", 100);
    let cursor = page.cursor().to_owned();
    let before = agent.ok("cursor_read", json!({"cursor": cursor, "offset": 1})).text;
    let session = scene.control.session_of("victim");
    let browser = scene.host.browser();
    let began = Instant::now();
    procs::kill(browser.pid);
    within("f26: session flagged", began, ms(1_000), || {
        let view = scene.control.session(&session).expect("the session lives on").session;
        if view.browser_lost { Ok(()) } else { Err(format!("{:?}", view.tabs)) }
    });
    let lost = agent.call("browser_snapshot", json!({})).err();
    assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
    assert_eq!(agent.ok("cursor_read", json!({"cursor": cursor, "offset": 1})).text, before);
    agent.open(&scene.site.url("/ok"));
    assert_ne!(scene.host.browser().pid, browser.pid);
    assert!(!scene.control.session(&session).unwrap().session.browser_lost, "it was told");

    scene.bystander.assert_cursors();
    let lost = scene.bystander.client().call("browser_tabs", json!({"action": "list"})).err();
    assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
    let url = scene.site.url("/bystander");
    scene.bystander.client().open(&url);
    scene.bystander.client().evaluate("() => { window.mark = 'mine'; return 1; }");
    // From here on the client goes as any other; only what belongs to the new browser may be new.
    let sessions = [session];
    let began = agent.kill();
    scene.sessions_go(&Lost {
        what: "f26",
        began,
        limit: ms(500),
        sessions: &sessions,
        reason: "client_died",
        by: None,
    });
    scene.bystander.assert_untouched(&scene.control);
    assert_eq!(scene.control.reports_of(&sessions[0])[0].outcome, Outcome::Clean);
    assert_eq!(scene.host.run_folders().len(), 1, "the dead browser's folder is gone");
}

#[test]
fn f27_renderer_killed() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Bridge, "victim");
    agent.open(&scene.site.url("/ok"));
    let cursor = agent.large("victim", 100).cursor().to_owned();
    let session = scene.control.session_of("victim");
    let page = scene.page_of(&mut agent);
    procs::kill(page);
    wait_for("the crash is noticed", Duration::from_secs(5), || {
        let tabs = scene.control.sessions_of("victim").remove(0).tabs;
        if tabs.iter().any(|tab| tab.crashed) { Ok(()) } else { Err(format!("{tabs:?}")) }
    });
    let list = agent.ok("browser_tabs", json!({"action": "list"}));
    assert!(list.must("Result").ends_with(" [crashed]"), "{}", list.text);
    let reset = agent.ok("browser_snapshot", json!({}));
    let lines = ["- Page URL: about:blank", "- Console: 1 errors, 0 warnings"];
    assert!(lines.iter().all(|line| reset.must("Page").contains(line)), "{}", reset.text);
    let said = agent.ok("browser_console_messages", json!({}));
    assert!(said.must("Result").contains("[ERROR] Page crashed and was reset to about:blank."), "{}", said.text);
    let again = agent.open(&scene.site.url("/ok"));
    assert!(again.must("Snapshot").contains("All is well"));
    agent.ok("cursor_read", json!({"cursor": cursor}));
    let sessions = [session];
    let began = agent.kill();
    scene.gone(&Lost { what: "f27", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None });
}

/// A frozen browser: the client that goes is gone in time, the other sessions are told what they lost.
#[test]
fn f28_frozen_browser_and_the_client_goes() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let browser = scene.host.browser();
    let chromium = scene.host.chromium();
    procs::freeze(browser.pid);
    let began = Instant::now();
    agent.close();
    let sessions = [session];
    let lost = Lost {
        what: "f28 close",
        began,
        limit: Duration::from_secs(5),
        sessions: &sessions,
        reason: "disconnected",
        by: None,
    };
    scene.sessions_go(&lost);
    within("f28 close: chromium", began, Duration::from_secs(5), || {
        let left: Vec<_> = chromium.iter().filter(|process| process.runs()).collect();
        if left.is_empty() { Ok(()) } else { Err(procs::brief(left)) }
    });
    let report = scene.control.reports_of(&sessions[0]).remove(0);
    eprintln!("{}: {:?}, {:.0} ms", report.strip(), report.rung, report.ms);
    assert_eq!((report.outcome, report.reason), (Outcome::Clean, Reason::Disconnected), "{report:#?}");
    scene.bystander_goes_on();
}

/// A frozen browser: a call ends by its deadline.
#[test]
fn f28_frozen_browser_and_a_call() {
    let mut scene = Scene::new();
    let browser = scene.host.browser();
    procs::freeze(browser.pid);
    let began = Instant::now();
    let failed = scene.bystander.client().call("browser_snapshot", json!({})).err();
    record("f28 call", began.elapsed(), Duration::from_secs(30));
    assert!(began.elapsed() < Duration::from_secs(31) * 2, "no answer for {:?}", began.elapsed());
    eprintln!("{}", failed.text);
    assert!(["timeout", "browser_unresponsive", "browser_lost"].contains(&failed.code()), "{}", failed.text);
    wait_for("the frozen browser is ended", Duration::from_secs(30) * SLOW, || {
        if browser.runs() { Err(browser.brief()) } else { Ok(()) }
    });
    scene.bystander_goes_on();
}

#[test]
fn f29_spinning_page() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let began = Instant::now();
    let late = agent.call("browser_evaluate", json!({"function": "() => { while (true); }"})).err();
    record("f29: evaluate", began.elapsed(), Duration::from_secs(30) + ms(1_500));
    assert_eq!(late.code(), "timeout", "{}", late.text);
    assert!(began.elapsed() < Duration::from_secs(30) * 2);
    // Now one that spins by itself, and a call that has to get past it.
    agent.evaluate("() => { setTimeout(() => { while (true); }, 50); return 1; }");
    scene.bystander.assert_untouched(&scene.control);
    let began = Instant::now();
    let page = agent.open(&scene.site.url("/ok"));
    record("f29: navigate away", began.elapsed(), Duration::from_secs(30));
    assert!(page.must("Snapshot").contains("All is well"));
    agent.evaluate("() => { setTimeout(() => { while (true); }, 0); return 1; }");
    let sessions = [session];
    let began = agent.kill();
    scene.gone(&Lost {
        what: "f29",
        began,
        limit: Duration::from_secs(5),
        sessions: &sessions,
        reason: "client_died",
        by: None,
    });
}
