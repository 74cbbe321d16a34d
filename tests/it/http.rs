//! Leases of HTTP clients: F01, F05 to F09, F13, F15 to F17, F52.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Agent, Calls, HostArgs, Lost, Scene, TestHost, Via, call_message, hello_messages, holds_for, http, modern_headers,
    modern_message, ms, procs, record, wait_for, within,
};

fn over_http() -> HostArgs {
    HostArgs { http: true, ..HostArgs::default() }
}

fn scene() -> Scene {
    Scene::with(over_http())
}

/// A client with a page and a cursor.
fn busy(scene: &Scene, via: Via) -> (Agent, String) {
    let mut agent = scene.agent(via, "victim");
    agent.open(&scene.site.url("/ok"));
    agent.large("victim", 100);
    let session = scene.control.session_of("victim");
    (agent, session)
}

fn killed_idle(via: Via) {
    let mut scene = scene();
    let (mut agent, session) = busy(&scene, via);
    let (what, sessions) = (format!("f05/f06 {}", via.name()), [session]);
    let began = agent.kill();
    let reports = scene.gone(&Lost {
        what: &what,
        began,
        limit: ms(1_000),
        sessions: &sessions,
        reason: "client_died",
        by: None,
    });
    assert_eq!((reports[0].freed.tabs, reports[0].freed.cursors), (1, 1), "{:?}", reports[0].freed);
    wait_for("the client is forgotten", Duration::from_secs(5), || match scene.control.snapshot().clients.len() {
        1 => Ok(()),
        seen => Err(format!("{seen} clients")),
    });
}

#[test]
fn f05_killed_with_its_event_stream_open() {
    killed_idle(Via::Stream);
}

#[test]
fn f06_killed_without_a_stream() {
    killed_idle(Via::Quiet);
}

#[test]
fn f06_killed_modern() {
    killed_idle(Via::Modern);
}

#[test]
fn f07_killed_during_a_hanging_navigation_http() {
    for via in Via::HTTP {
        let mut scene = scene();
        let mut agent = scene.agent(via, "victim");
        agent.send("browser_navigate", json!({"url": scene.site.url("/hang")}));
        wait_for("the page asks for /hang", Duration::from_secs(20), || match scene.site.hanging() {
            1 => Ok(()),
            seen => Err(format!("{seen} hang")),
        });
        let (what, sessions) = (format!("f07 {}", via.name()), [scene.control.session_of("victim")]);
        let began = agent.kill();
        within(&format!("{what}: request aborted"), began, ms(1_000), || match scene.site.aborted() {
            1 => Ok(()),
            seen => Err(format!("{seen} aborted")),
        });
        scene.gone(&Lost {
            what: &what,
            began,
            limit: ms(1_000),
            sessions: &sessions,
            reason: "client_died",
            by: None,
        });
    }
}

/// The browser is being born for this client.
#[test]
fn f08_killed_in_the_first_call_http() {
    let mut hosts = Vec::new();
    for (via, delay) in [(Via::Stream, 50), (Via::Quiet, 150), (Via::Modern, 100), (Via::Modern, 300)] {
        let host = TestHost::with(over_http());
        let mut agent = host.agent(via, "victim");
        agent.send("browser_navigate", json!({"url": "about:blank"}));
        // Not a wait: the moment of the kill is what this test varies.
        std::thread::sleep(ms(delay));
        let began = agent.kill();
        within(&format!("f08 {} at {delay} ms", via.name()), began, ms(2_000), || {
            let more: Vec<_> = host.processes().into_iter().filter(|process| process.pid != host.pid()).collect();
            let (sessions, files) = (host.control().snapshot().sessions.len(), host.files_left());
            let seen = format!("{sessions} sessions, {}, files {files:?}", procs::brief(&more));
            if sessions == 0 && more.is_empty() && files.is_empty() { Ok(()) } else { Err(seen) }
        });
        hosts.push(host);
    }
    holds_for("nothing is born late", Duration::from_secs(5), || {
        let left: Vec<String> =
            hosts.iter().map(|host| procs::brief(&host.chromium())).filter(|left| !left.starts_with("0 ")).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
    });
}

/// Ten processes with a page each, all killed at once, twice.
#[test]
fn f09_ten_killed_at_once_http() {
    let mut scene = scene();
    for round in 0..2 {
        let mut agents: Vec<Agent> =
            (0..10).map(|n| scene.agent(Via::HTTP[n % 3], &format!("agent {round} {n}"))).collect();
        for agent in &mut agents {
            agent.open(&scene.site.url("/ok"));
        }
        let sessions: Vec<String> = (0..10).map(|n| scene.control.session_of(&format!("agent {round} {n}"))).collect();
        let began = Instant::now();
        for agent in &agents {
            procs::kill(agent.pid());
        }
        for mut agent in agents {
            agent.kill();
        }
        scene.gone(&Lost {
            what: "f09",
            began,
            limit: Duration::from_secs(5),
            sessions: &sessions,
            reason: "client_died",
            by: None,
        });
        let began = Instant::now();
        let mut fresh = scene.agent(Via::Modern, "fresh");
        fresh.open(&scene.site.url("/ok"));
        record("f09: a fresh client is served", began.elapsed(), Duration::from_secs(2));
        let sessions = [scene.control.session_of("fresh")];
        let began = fresh.kill();
        let lost =
            Lost { what: "f09 fresh", began, limit: ms(1_000), sessions: &sessions, reason: "client_died", by: None };
        scene.gone(&lost);
    }
}

#[test]
fn f01_deleted() {
    let mut scene = scene();
    for via in [Via::Stream, Via::Quiet] {
        let (mut agent, session) = busy(&scene, via);
        let (what, sessions) = (format!("f01 {}", via.name()), [session]);
        let began = Instant::now();
        agent.close();
        scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
        scene.gone(&Lost { what: &what, began, limit: ms(500), sessions: &sessions, reason: "deleted", by: None });
        assert!(agent.runs());
        // F16: a deleted id is gone for good.
        let id = agent.send("browser_snapshot", json!({}));
        assert!(
            agent.answer(id, Duration::from_secs(10)).map_or(true, |answer| answer.is_error),
            "it is gone for good"
        );
        agent.kill();
    }
}

/// A legacy client that this test speaks for itself.
struct Raw<'a> {
    host: &'a TestHost,
    token: String,
    id: String,
}

impl<'a> Raw<'a> {
    fn begin(host: &'a TestHost) -> Self {
        let token = format!("Bearer {}", host.token());
        let [initialize, initialized] = hello_messages("raw");
        let answer = http::request(host.http(), "POST", &[("Authorization", &token)], Some(&initialize)).unwrap();
        assert_eq!(answer.status, 200);
        let id = answer.header("mcp-session-id").expect("an id").to_owned();
        let raw = Self { host, token, id };
        assert_eq!(raw.post(&initialized).0, 202);
        raw
    }

    fn ask(&self, method: &str, message: Option<&Value>) -> http::HttpAnswer {
        let headers = [("Authorization", self.token.as_str()), ("Mcp-Session-Id", self.id.as_str())];
        http::request(self.host.http(), method, &headers, message).unwrap()
    }

    fn post(&self, message: &Value) -> (u16, Vec<Value>) {
        let answer = self.ask("POST", Some(message));
        let (status, mut messages) = (answer.status, Vec::new());
        answer.messages(|message| messages.push(message));
        (status, messages)
    }

    fn call(&self, tool: &str, arguments: &Value) -> (u16, support::Answer) {
        let (status, messages) = self.post(&call_message(7, tool, arguments));
        let answer = messages.iter().find(|message| message["id"] == 7);
        (status, support::Answer::of(answer.unwrap_or(&Value::Null)))
    }
}

/// Twenty deletions at once while a call runs: one report, the others find nothing, the call is answered.
#[test]
fn f13_twenty_deletions_and_a_running_call() {
    let scene = scene();
    let raw = Raw::begin(&scene.host);
    assert!(!raw.call("browser_navigate", &json!({"url": scene.site.url("/ok")})).1.is_error);
    let session = scene.control.session_of("raw");
    let hang = call_message(9, "browser_navigate", &json!({"url": scene.site.url("/hang")}));
    std::thread::scope(|threads| {
        let call = threads.spawn(|| raw.post(&hang));
        wait_for("the page hangs", Duration::from_secs(20), || match scene.site.hanging() {
            1 => Ok(()),
            seen => Err(format!("{seen} hang")),
        });
        let deletions: Vec<_> = (0..20).map(|_| threads.spawn(|| raw.ask("DELETE", None).status)).collect();
        let mut statuses: Vec<u16> = deletions.into_iter().map(|task| task.join().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (204, &[404; 19][..]));
        let (status, messages) = call.join().unwrap();
        let answer = messages.iter().find(|message| message["id"] == 9).expect("the call is answered");
        let answer = support::Answer::of(answer);
        assert!(status == 200 && answer.is_error, "{}", answer.text);
        assert!(answer.text.contains("Session ended"), "{}", answer.text);
    });
    let reports = scene.control.reports_of(&session);
    assert_eq!((reports.len(), reports[0].reason.key()), (1, "deleted"));
    assert_eq!(raw.call("browser_snapshot", &json!({})).0, 404);
    assert_eq!(raw.ask("GET", None).status, 404);
}

/// F15: a modern client that closes the response stream takes its call back.
#[test]
fn f15_closed_response_stream_cancels_the_call() {
    let scene = scene();
    let mut agent = scene.agent(Via::Modern, "keeper");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("keeper");
    let token = format!("Bearer {}", scene.host.token());
    let arguments = json!({"url": scene.site.url("/hang"), "session": session});
    // Another process, so it may not use that handle: its own session hangs.
    let own = json!({"url": arguments["url"]});
    let message = modern_message(3, "tools/call", &json!({"name": "browser_navigate", "arguments": own}), "hasty");
    let mut headers = modern_headers(&message);
    headers.push(("Authorization", token));
    let body = message.to_string();
    let mut head = format!("POST /mcp HTTP/1.1\r\nHost: {}\r\n", scene.host.http());
    head += "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n";
    for (name, value) in &headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut stream = std::net::TcpStream::connect(scene.host.http()).unwrap();
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    wait_for("the page hangs", Duration::from_secs(20), || match scene.site.hanging() {
        1 => Ok(()),
        seen => Err(format!("{seen} hang")),
    });
    let hasty = scene.control.session_of("hasty");
    let began = Instant::now();
    drop(stream);
    within("f15: the call ends", began, ms(1_000), || {
        let view = scene.control.session(&hasty).expect("the session stays").session;
        if view.running.is_none() { Ok(()) } else { Err(format!("{:?}", view.running)) }
    });
    assert!(scene.control.session(&session).is_ok());
}

/// F16: a session that somebody ended is told once; the call after that begins anew. An idle end is told
/// with the first result of the fresh session.
#[test]
fn f16_ended_and_revived() {
    let scene = Scene::with(HostArgs { idle: Some(3), ..over_http() });
    let raw = Raw::begin(&scene.host);
    let url = scene.site.url("/ok");
    assert!(!raw.call("browser_navigate", &json!({"url": url})).1.is_error);
    let session = scene.control.session_of("raw");
    scene.control.end(&session, ebb_core::cleanup::AskedBy::Dashboard).unwrap();
    let (status, told) = raw.call("browser_snapshot", &json!({}));
    assert!(status == 200 && told.is_error, "{}", told.text);
    assert!(told.text.contains("Session ended: ended from the dashboard"), "{}", told.text);
    assert!(!raw.call("browser_navigate", &json!({"url": url})).1.is_error);
    let session = scene.control.session_of("raw");
    wait_for("it ends for nobody uses it", Duration::from_secs(30), || match scene.control.session(&session) {
        Err(_) => Ok(()),
        Ok(view) => Err(format!("idle {} s", view.session.idle_s)),
    });
    let (_, revived) = raw.call("browser_navigate", &json!({"url": url}));
    assert!(!revived.is_error, "{}", revived.text);
    assert!(revived.must("Next").contains("nobody used it"), "{}", revived.text);
    let (_, next) = raw.call("browser_snapshot", &json!({}));
    assert!(!next.text.contains("nobody used it"), "told once: {}", next.text);
}

/// F17: a stopped client keeps its session.
#[test]
fn f17_frozen_http() {
    let scene = scene();
    for via in Via::HTTP {
        let (mut agent, session) = busy(&scene, via);
        procs::freeze(agent.pid());
        holds_for("the session stays", Duration::from_secs(8), || match scene.control.session(&session) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        procs::signal(agent.pid(), rustix::process::Signal::CONT);
        assert!(agent.ok("browser_snapshot", json!({})).must("Snapshot").contains("All is well"));
        agent.kill();
    }
}

/// F52: without a stream the idle limit ends it, and each use renews it.
#[test]
fn f52_idle_without_a_stream() {
    let scene =
        Scene::with(HostArgs { idle: Some(4), more: vec!["--stream-lost-timeout".into(), "4".into()], ..over_http() });
    for via in [Via::Quiet, Via::Modern] {
        let (mut agent, session) = busy(&scene, via);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(7) {
            assert!(!agent.call("cursor_list", json!({})).is_error);
            agent.ok("browser_tabs", json!({"action": "list"}));
            std::thread::sleep(ms(500));
        }
        assert!(scene.control.session(&session).is_ok(), "each use renews it");
        let last = Instant::now();
        within(&format!("f52 {}", via.name()), last, Duration::from_secs(6), || {
            match scene.control.session(&session) {
                Err(_) => Ok(()),
                Ok(view) => Err(format!("idle {} s", view.session.idle_s)),
            }
        });
        assert_eq!(scene.control.reports_of(&session)[0].reason.key(), "idle_timeout");
        agent.kill();
    }
}

/// A stateless client is told its handle once, and may pass it; a stranger that does is told nothing.
#[test]
fn modern_handles() {
    let scene = scene();
    let mut agent = scene.agent(Via::Modern, "mint");
    let first = agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("mint");
    assert!(first.must("Next").contains(&session), "{}", first.text);
    assert_eq!(first.meta["session"], json!(session));
    let second = agent.ok("browser_snapshot", json!({}));
    assert!(!second.text.contains(&session), "told once: {}", second.text);
    assert!(second.must("Snapshot").contains("All is well"));
    assert!(agent.ok("browser_snapshot", json!({"session": session})).must("Snapshot").contains("All is well"));
    let mut stranger = scene.agent(Via::Modern, "stranger");
    let refused = stranger.call("browser_snapshot", json!({"session": session})).err();
    let unknown = stranger.call("browser_snapshot", json!({"session": "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa"})).err();
    assert_eq!((refused.text, refused.meta), (unknown.text, unknown.meta));
    // A list asked for makes nobody a client.
    let before = scene.control.snapshot().clients.len();
    let _lister = scene.agent(Via::Modern, "lister");
    assert_eq!(scene.control.snapshot().clients.len(), before);
}
