//! F26 to F29: a browser is killed while it starts, works or idles; a page or a helper of it dies, freezes,
//! spins or eats memory.

use std::{
    thread::scope,
    time::{Duration, Instant},
};

use ebb_core::cleanup::{AskedBy, Outcome};
use serde_json::json;
use support::{Agent, Answer, Calls, Lost, SLOW, Scene, TestHost, Via, ms, procs, record, wait_for, within};

/// How long a call that is in flight while its browser dies may take to say so.
const TOLD: Duration = Duration::from_secs(1);

/// How long a call may take against a page or browser that is silent.
const SILENT: Duration = Duration::from_secs(30);

/// The victim leaves for good; everything that must hold then holds.
fn leave(scene: &mut Scene, mut agent: Agent, what: &str, session: &str) {
    let sessions = [session.to_owned()];
    let began = agent.kill();
    scene.gone(&Lost {
        what,
        began,
        limit: Duration::from_secs(5),
        sessions: &sessions,
        reason: "client_died",
        by: None,
    });
}

/// Waits for the answer to a call that something happened to, and records how long it took since.
fn told(agent: &mut Agent, call: u64, what: &str, began: Instant, limit: Duration) -> Answer {
    let answer = agent.answer(call, limit * SLOW).unwrap_or_else(|error| panic!("{what}: {error}"));
    record(what, began.elapsed(), limit);
    answer
}

#[test]
fn f26_browser_killed_during_calls() {
    let mut scene = Scene::new();
    let mut agents: Vec<Agent> = Via::BOTH.into_iter().map(|via| scene.agent(via, via.name())).collect();
    let [first, second] = &mut agents[..] else { panic!("two agents") };
    first.open(&scene.site.url("/ok"));
    second.open(&scene.site.url("/ok"));
    let calls = [
        first.send("browser_navigate", json!({"url": scene.site.url("/hang")})),
        second.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"})),
    ];
    wait_for("both calls run", Duration::from_secs(10), || {
        let running = scene.control.snapshot().sessions.iter().filter(|session| session.running.is_some()).count();
        if running == 2 && scene.site.hanging() == 1 { Ok(()) } else { Err(format!("{running} run")) }
    });
    let browser = scene.host.browser();
    let began = Instant::now();
    procs::kill(browser.pid);
    for (agent, call) in agents.iter_mut().zip(calls) {
        let lost = told(agent, call, "f26 during a call", began, TOLD).err();
        assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
        assert!(lost.text.contains("browser"), "{}", lost.text);
        // Told once: the next one works.
        agent.open(&scene.site.url("/ok"));
    }
    let sessions = Via::BOTH.map(|via| scene.control.session_of(via.name()));
    for (agent, session) in agents.iter_mut().zip(sessions) {
        let sessions = [session];
        let began = agent.kill();
        scene.sessions_go(&Lost {
            what: "f26 during a call",
            began,
            limit: ms(500),
            sessions: &sessions,
            reason: "client_died",
            by: None,
        });
    }
    scene.bystander_goes_on();
    scene.settled("f26 during a call");
}

/// Killed while its first user waits for it, at several moments of its birth.
#[test]
fn f26_browser_killed_while_it_starts() {
    let host = TestHost::start();
    for (round, delay) in [0, 5, 15, 40, 80].into_iter().enumerate() {
        let mut agent = host.agent(Via::BOTH[round % 2], "first");
        let call = agent.send("browser_navigate", json!({"url": "about:blank"}));
        let browser = wait_for("a browser appears", Duration::from_secs(20), || {
            let found = host.chromium().into_iter().find(|process| process.kind().is_empty());
            found.ok_or_else(|| "none".to_owned())
        });
        std::thread::sleep(ms(delay));
        let began = Instant::now();
        procs::kill(browser.pid);
        let answer = told(&mut agent, call, &format!("f26 {delay} ms after its birth"), began, TOLD);
        if answer.is_error {
            assert!(["browser_failed", "browser_lost"].contains(&answer.code()), "{}", answer.text);
            assert!(answer.text.contains("### Next"), "it says what to do: {}", answer.text);
        }
        // Told at most once more: it may have answered just before the kill.
        let next = agent.call("browser_navigate", json!({"url": "about:blank"}));
        if next.is_error {
            assert!(!answer.is_error, "told twice: {} and {}", answer.text, next.text);
            agent.open("about:blank");
        }
        agent.kill();
        wait_for("nothing is left", Duration::from_secs(8), || {
            let (left, files) = (host.chromium(), host.files_left());
            if left.is_empty() && files.is_empty() { Ok(()) } else { Err(format!("{} {files:?}", procs::brief(&left))) }
        });
    }
}

#[test]
fn f26_browser_killed_again_and_again() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open(&scene.site.url("/ok"));
    let cursor = agent.large("victim", 100).cursor().to_owned();
    let session = scene.control.session_of("victim");
    for round in 0..6 {
        let browser = scene.host.browser();
        let began = Instant::now();
        procs::kill(browser.pid);
        wait_for("it is noticed", Duration::from_secs(4), || {
            let view = scene.control.session(&session).unwrap().session;
            if view.browser_lost { Ok(()) } else { Err(format!("{:?}", view.tabs)) }
        });
        let lost = agent.call("browser_snapshot", json!({})).err();
        assert_eq!(lost.code(), "browser_lost", "round {round}: {}", lost.text);
        let page = agent.open(&scene.site.url("/ok"));
        assert!(page.must("Snapshot").contains("All is well"));
        record("f26: kill to the next page", began.elapsed(), Duration::from_secs(2));
        agent.ok("cursor_read", json!({"cursor": cursor, "offset": 1}));
    }
    scene.bystander_goes_on();
    assert_eq!(scene.control.session_of("victim"), session, "it kept its session");
    leave_without_baseline(&mut scene, agent, "f26 again and again", &session);
}

/// As [`leave`], for a victim whose page is part of the baseline.
fn leave_without_baseline(scene: &mut Scene, mut agent: Agent, what: &str, session: &str) {
    let sessions = [session.to_owned()];
    let began = agent.kill();
    let lost = Lost { what, began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None };
    scene.sessions_go(&lost);
    let report = scene.control.reports_of(session).remove(0);
    assert_eq!(report.outcome, Outcome::Clean, "{report:#?}");
    scene.bystander.assert_untouched(&scene.control);
    scene.settled(what);
}

/// One kind of helper after the other is killed: Chromium replaces what it can, and what it cannot is told.
#[test]
fn f26_each_kind_of_helper_killed() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Bridge, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let mut kinds: Vec<String> = scene.host.chromium().iter().map(|process| process.kind().to_owned()).collect();
    kinds.retain(|kind| !kind.is_empty() && kind != "renderer");
    kinds.sort();
    kinds.dedup();
    assert!(kinds.iter().any(|kind| kind == "utility") && kinds.iter().any(|kind| kind == "zygote"), "{kinds:?}");
    for kind in kinds {
        let browser = scene.host.browser();
        for process in scene.host.chromium().iter().filter(|process| process.kind() == kind) {
            procs::kill(process.pid);
        }
        // Whatever that did to the browser: soon it opens pages again, and what it cannot do is told.
        let url = scene.site.url("/ok");
        let mut refused: Vec<String> = Vec::new();
        let began = Instant::now();
        // Another site in another tab takes another process.
        let steps = [
            ("browser_navigate", json!({"url": url})),
            ("browser_tabs", json!({"action": "new"})),
            ("browser_navigate", json!({"url": url.replace("127.0.0.1", "localhost")})),
        ];
        let mut step = 0;
        while step < steps.len() {
            let (tool, arguments) = &steps[step];
            let answer = agent.call(tool, arguments.clone());
            if answer.is_error {
                assert!(answer.text.contains("### Next"), "{kind}: {}", answer.text);
                refused.push(format!("{} says {}", tool, answer.code()));
                assert!(refused.len() < 5, "{kind}: {refused:?}");
                // A fresh browser has nothing of the steps before.
                step = if answer.code() == "browser_lost" { 0 } else { step };
            } else {
                step += 1;
            }
        }
        record(&format!("f26 {kind}: pages again"), began.elapsed(), SILENT);
        let same = scene.host.browser() == browser;
        eprintln!("f26 {kind}: the browser {}, {refused:?}", if same { "lives on" } else { "is another" });
        agent.ok("browser_tabs", json!({"action": "close", "index": 1}));
        scene.bystander_goes_on();
    }
    leave_without_baseline(&mut scene, agent, "f26 helpers", &session);
}

#[test]
fn f27_renderer_killed_during_a_call() {
    let mut scene = Scene::new();
    for via in Via::BOTH {
        let mut agent = scene.agent(via, "victim");
        agent.open(&scene.site.url("/ok"));
        let session = scene.control.session_of("victim");
        let page = scene.page_of(&mut agent);
        let call = agent.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"}));
        wait_for("the call runs", Duration::from_secs(5), || {
            let running = scene.control.session(&session).unwrap().session.running;
            running.map(|_| ()).ok_or_else(|| "it does not".to_owned())
        });
        let began = Instant::now();
        procs::kill(page);
        let crashed = told(&mut agent, call, "f27 during a call", began, TOLD).err();
        assert_eq!(crashed.code(), "page_crashed", "{}", crashed.text);
        let page = agent.open(&scene.site.url("/ok"));
        assert!(page.must("Snapshot").contains("All is well"));
        leave(&mut scene, agent, "f27 during a call", &session);
    }
}

/// A page takes all the memory it can get: it crashes, alone.
#[test]
fn f27_page_out_of_memory() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let began = Instant::now();
    let eat = "() => { const all = []; for (;;) all.push(new Array(1e7).fill(all.length + 0.5)); }";
    let crashed = agent.call("browser_evaluate", json!({"function": eat})).err();
    record("f27: out of memory", began.elapsed(), SILENT);
    assert_eq!(crashed.code(), "page_crashed", "{}", crashed.text);
    scene.bystander.assert_untouched(&scene.control);
    let page = agent.open(&scene.site.url("/ok"));
    assert!(page.must("Snapshot").contains("All is well"));
    leave(&mut scene, agent, "f27 out of memory", &session);
}

/// The process that pages come from is frozen: the browser answers and makes no page. It is replaced.
#[test]
fn f28_browser_that_makes_no_pages() {
    let host = TestHost::start();
    let mut agent = host.agent(Via::Socket, "victim");
    agent.open("about:blank");
    for process in host.chromium().iter().filter(|process| process.kind() == "zygote") {
        procs::freeze(process.pid);
    }
    let browser = host.browser();
    let began = Instant::now();
    let mut said = Vec::new();
    let mut others = Vec::new();
    while said.last().is_none_or(|code: &String| !code.is_empty()) {
        // Each with a session of its own: a page that is there already needs no new process.
        let mut other = host.agent(Via::Socket, &format!("other {}", said.len()));
        let answer = other.call("browser_navigate", json!({"url": "about:blank"}));
        said.push(answer.code().to_owned());
        others.push(other);
        assert!(said.len() < 6, "{said:?}");
    }
    record("f28 no pages: a page again", began.elapsed(), SILENT);
    eprintln!("f28 no pages: {said:?}");
    assert!(said.len() > 1, "the fault was none");
    assert!(said.iter().all(|code| ["", "browser_unresponsive", "browser_lost"].contains(&code.as_str())), "{said:?}");
    assert_ne!(host.browser(), browser, "it was replaced");
    assert!(!browser.runs());
    let lost = agent.call("browser_snapshot", json!({})).err();
    assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
    agent.open("about:blank");
}

/// One frozen page: others do not notice, its calls are answered, and it goes with its session.
#[test]
fn f28_frozen_renderer() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let page = scene.page_of(&mut agent);
    wait_for("its process is known", Duration::from_secs(10), || {
        let tabs = scene.control.session(&session).unwrap().session.tabs;
        if tabs[0].bytes.is_some() { Ok(()) } else { Err(format!("{tabs:?}")) }
    });
    procs::freeze(page);
    let browser = scene.host.browser();
    let began = Instant::now();
    let call = agent.send("browser_snapshot", json!({}));
    // While that call waits, everybody else works.
    scene.bystander.assert_untouched(&scene.control);
    let mut other = scene.agent(Via::Bridge, "other");
    other.open(&scene.site.url("/ok"));
    let late = told(&mut agent, call, "f28 frozen page: a call", began, SILENT).err();
    assert!(["timeout", "browser_unresponsive"].contains(&late.code()), "{} {}", late.code(), late.text);
    assert!(late.text.contains("### Next"), "{}", late.text);
    let sessions = [session.clone()];
    let began = agent.kill();
    let limit = Duration::from_secs(5);
    let lost = Lost { what: "f28 frozen page", began, limit, sessions: &sessions, reason: "client_died", by: None };
    scene.sessions_go(&lost);
    within("f28 frozen page: its process", began, limit, || match procs::of(page) {
        Some(process) if process.runs() => Err(process.brief()),
        _ => Ok(()),
    });
    let report = scene.control.reports_of(&session).remove(0);
    eprintln!("{}: {:?}, {:.0} ms", report.strip(), report.rung, report.ms);
    assert_eq!(report.outcome, Outcome::Clean, "{report:#?}");
    assert_eq!(scene.host.browser(), browser, "one frozen page is no reason to end the browser");
    other.ok("browser_snapshot", json!({}));
    let session = scene.control.session_of("other");
    leave(&mut scene, other, "f28 beside a frozen page", &session);
}

/// The whole browser is frozen under ten sessions and one of them ends: in time, and the nine go on.
#[test]
fn f28_frozen_browser_with_ten_sessions() {
    let mut scene = Scene::new();
    let mut agents: Vec<Agent> =
        (0..10).map(|n| scene.agent(Via::BOTH[usize::from(n % 4 == 3)], &format!("agent {n}"))).collect();
    for agent in &mut agents {
        agent.open(&scene.site.url("/ok"));
    }
    let session = scene.control.session_of("agent 0");
    let chromium = scene.host.chromium();
    procs::freeze(scene.host.browser().pid);
    let began = Instant::now();
    let report = scene.control.end(&session, AskedBy::Dashboard).unwrap();
    record("f28 ten: the report", began.elapsed(), Duration::from_secs(4));
    assert_eq!(report.outcome, Outcome::Clean, "{report:#?}");
    within("f28 ten: the frozen browser", began, Duration::from_secs(5), || {
        let left: Vec<_> = chromium.iter().filter(|process| process.runs()).collect();
        if left.is_empty() { Ok(()) } else { Err(procs::brief(left)) }
    });
    // The nine are told once and go on, all at the same moment.
    let site = &scene.site;
    scope(|threads| {
        for agent in &mut agents[1..] {
            threads.spawn(|| {
                let lost = agent.call("browser_snapshot", json!({})).err();
                assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
                agent.open(&site.url("/ok"));
            });
        }
    });
    assert_eq!(scene.host.run_folders().len(), 1);
    let sessions: Vec<String> = (1..10).map(|n| scene.control.session_of(&format!("agent {n}"))).collect();
    let began = Instant::now();
    for agent in &mut agents {
        agent.kill();
    }
    let limit = Duration::from_secs(2);
    scene.sessions_go(&Lost { what: "f28 ten", began, limit, sessions: &sessions, reason: "client_died", by: None });
    scene.bystander_goes_on();
}

/// A page that spins for ever: closed, navigated away from, ended with its session.
#[test]
fn f29_spinning_page_closed_left_and_ended() {
    const SPIN: &str = "() => { setTimeout(() => { while (true); }, 0); return 1; }";
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Bridge, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");

    agent.evaluate(SPIN);
    let began = Instant::now();
    agent.ok("browser_tabs", json!({"action": "close", "index": 0}));
    record("f29: closed", began.elapsed(), SILENT);
    scene.bystander.assert_untouched(&scene.control);

    agent.open(&scene.site.url("/ok"));
    agent.evaluate(SPIN);
    let began = Instant::now();
    let page = agent.open(&scene.site.url("/ok?again"));
    record("f29: left", began.elapsed(), SILENT);
    assert!(page.must("Snapshot").contains("All is well"));

    agent.evaluate(SPIN);
    // A second tab beside the one that spins works.
    agent.ok("browser_tabs", json!({"action": "new"}));
    agent.open(&scene.site.url("/ok"));
    let began = Instant::now();
    let report = scene.control.end(&session, AskedBy::Tray).unwrap();
    record("f29: ended", began.elapsed(), Duration::from_secs(4));
    assert_eq!((report.outcome, report.freed.tabs), (Outcome::Clean, 2), "{report:#?}");
    agent.kill();
    let sessions = [session];
    let by = Some(AskedBy::Tray);
    let limit = Duration::from_secs(5);
    scene.gone(&Lost { what: "f29 ended", began, limit, sessions: &sessions, reason: "manual", by });
}
