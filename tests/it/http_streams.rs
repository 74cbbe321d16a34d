//! Event streams as a sign of life (their loss, F18) and clients that do not read theirs (F19).

use std::{
    fmt::Write as _,
    io::Write as _,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{
    Agent, AgentOptions, Calls, HostArgs, Scene, Swallower, Via, call_message, holds_for, modern_message, ms, procs,
    record, within,
};

use crate::web::{Legacy, modern_bytes, modern_call, open_stream};

fn scene(idle: u64, stream_lost: u64) -> Scene {
    let more = ["--stream-lost-timeout".to_owned(), stream_lost.to_string()].to_vec();
    Scene::with(HostArgs { http: true, idle: Some(idle), more, ..HostArgs::default() })
}

fn is_open(scene: &Scene, session: &str) -> Result<(), String> {
    scene.control.session(session).map(drop).map_err(|error| error.to_string())
}

/// Lost, found again, and lost for good: `listen` opens a stream.
fn lost_and_found(scene: &Scene, what: &str, session: &str, listen: &dyn Fn() -> TcpStream) {
    const LIMIT: Duration = Duration::from_secs(2);
    let first = listen();
    holds_for(&format!("{what}: the stream is open"), LIMIT + ms(1_500), || is_open(scene, session));
    drop(first);
    let second = listen();
    holds_for(&format!("{what}: the stream is found again"), LIMIT + ms(1_500), || is_open(scene, session));
    // Two of which one goes: there is still one.
    let third = listen();
    drop(second);
    holds_for(&format!("{what}: one stream is left"), LIMIT + ms(1_500), || is_open(scene, session));
    drop(third);
    within(&format!("{what}: the stream is lost"), Instant::now(), LIMIT + ms(1_500), || {
        is_open(scene, session).map_or(Ok(()), |()| Err("open".to_owned()))
    });
    assert_eq!(scene.control.reports_of(session)[0].reason.key(), "idle_timeout");
}

/// The stream of either era is a sign of life: without it a living process has less time.
#[test]
fn a_lost_stream_shortens_the_idle_time() {
    let scene = scene(600, 2);
    let url = json!({"url": scene.site.url("/ok")});
    let legacy = Legacy::begin(&scene.host, "legacy listener");
    assert!(!legacy.call("browser_navigate", &url).1.is_error);
    lost_and_found(&scene, "legacy", &scene.control.session_of("legacy listener"), &|| legacy.listen());

    let opened = modern_call(&scene.host, "browser_navigate", &url);
    let session = opened.meta["session"].as_str().expect("its handle").to_owned();
    let listen = modern_message(
        70,
        "subscriptions/listen",
        &json!({"notifications": {"toolsListChanged": true, "resourcesListChanged": true}}),
        "modern listener",
    );
    let bytes = modern_bytes(&scene.host, &listen);
    lost_and_found(&scene, "modern", &session, &|| {
        let mut stream = open_stream(scene.host.http(), &bytes);
        // What is listened for is answered first: nothing here ever changes by itself.
        let said = crate::web::until(&mut stream, "\n\n");
        assert!(said.contains("notifications/subscriptions/acknowledged"), "{said}");
        stream
    });
}

/// A stream that listens is no call: it counts in no limit, and ends with its client at once.
#[test]
fn f06_killed_while_it_listens() {
    let mut scene = scene(600, 600);
    let mut agent = scene.agent(Via::Modern, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    agent.post(71, "subscriptions/listen", &json!({"notifications": {"toolsListChanged": true}}));
    agent.said("method", Duration::from_secs(10));
    assert!(scene.control.session(&session).unwrap().session.running.is_none(), "it is no call");
    let began = agent.kill();
    scene.gone(&support::Lost {
        what: "f06 listening",
        began,
        limit: ms(1_000),
        sessions: &[session],
        reason: "client_died",
        by: None,
    });
}

/// F18: the client is dead, and what stands between it and the host holds every connection open and swallows
/// everything. Nothing but the clock is left: not before its time, and then for certain.
#[test]
fn f18_half_open() {
    const LIMIT: Duration = Duration::from_secs(8);
    let scene = scene(LIMIT.as_secs(), LIMIT.as_secs());
    let relay = Swallower::start(scene.host.http());
    let mut lost: Vec<(Via, String, Agent)> = Vec::new();
    for via in Via::HTTP {
        let name = format!("behind a relay {}", via.name());
        // It is the same host, whatever stands before it.
        let words = vec!["--host".to_owned(), scene.host.http().to_string()];
        let http = Some((relay.address(), scene.host.token()));
        let options = AgentOptions { http, words, ..AgentOptions::default() };
        let mut agent = Agent::start_with(scene.host.place(), &scene.host.socket(), via, &name, &options);
        agent.open(&scene.site.url("/ok"));
        lost.push((via, scene.control.session_of(&name), agent));
    }
    relay.swallow();
    let began = Instant::now();
    for (_, _, agent) in &mut lost {
        agent.kill();
    }
    holds_for("nobody is reaped early", LIMIT / 2, || {
        lost.iter().try_for_each(|(_, session, _)| is_open(&scene, session))
    });
    for (via, session, _) in &lost {
        within(&format!("f18 {}", via.name()), began, LIMIT + ms(1_500), || {
            is_open(&scene, session).map_or(Ok(()), |()| Err("open".to_owned()))
        });
        assert_eq!(scene.control.reports_of(session)[0].reason.key(), "idle_timeout");
    }
}

/// Lines of a cursor whose every page has about as much as an answer may have.
fn pages(agent_cursor: &str) -> Value {
    json!({"cursor": agent_cursor, "max_tokens": 60_000})
}

/// How much the host may grow while nobody reads, and how long another may take.
fn while_nobody_reads(scene: &mut Scene, what: &str, before: u64, send: impl FnOnce()) {
    send();
    let mut most = 0;
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        scene.bystander.client().evaluate("() => window.mark");
        slowest = slowest.max(began.elapsed());
        most = most.max(procs::resident(scene.host.pid()).saturating_sub(before));
        std::thread::sleep(ms(100));
    }
    assert!(most <= 64 << 20, "{what}: the host grew by {} MB", most >> 20);
    record(&format!("{what}: another client's call"), slowest, ms(1_000));
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    scene.bystander.assert_untouched(&scene.control);
}

/// F19 on the socket: 200 MB of answers and nobody reads them.
#[test]
fn f19_slow_reader_socket() {
    let mut scene = Scene::new();
    let mut slow = scene.host.client("slow");
    slow.open("about:blank");
    let cursor = slow.large("slow", 2_000).cursor().to_owned();
    let page = slow.ok("cursor_read", pages(&cursor)).text.len();
    assert!(page > 50_000, "a page has {page} bytes");
    let before = procs::resident(scene.host.pid());
    let count = (200 << 20) / page;
    let mut lines = String::new();
    for n in 0..count {
        writeln!(lines, "{}", call_message(1_000 + n as u64, "cursor_read", &pages(&cursor))).unwrap();
    }
    let stream = slow.stream();
    let writer = std::thread::spawn({
        let mut stream = stream.try_clone().unwrap();
        // The host stops reading, so this blocks, until the connection goes.
        move || stream.write_all(lines.as_bytes())
    });
    while_nobody_reads(&mut scene, "f19 socket", before, || {});
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    drop(writer.join());
    drop(slow);
    support::wait_for("the slow one is gone", Duration::from_secs(10), || {
        match scene.control.sessions_of("slow").len() {
            0 => Ok(()),
            more => Err(format!("{more} sessions")),
        }
    });
    scene.settled("f19 socket");
}

/// F19 over HTTP, in both eras: a hundred connections with requests one after the other, and an event stream
/// besides.
#[test]
fn f19_slow_reader_http() {
    let mut scene = scene(600, 600);
    let legacy = Legacy::begin(&scene.host, "slow legacy");
    legacy.call("browser_navigate", &json!({"url": "about:blank"}));
    let function = "() => Array.from({length: 20000}, (_, n) => `slow ${n} `.padEnd(100, 'x'))";
    let cursor = legacy.call("browser_evaluate", &json!({"function": function})).1.cursor().to_owned();
    let page = legacy.call("cursor_read", &pages(&cursor)).1.text.len();
    assert!(page > 50_000, "a page has {page} bytes");
    let each = (200 << 20) / page / 100 + 1;
    for era in ["legacy", "modern"] {
        // Each connection asks with an id of its own: of two with the same one only one is answered.
        let bytes: Box<dyn Fn(u64) -> Vec<u8>> = if era == "legacy" {
            let (legacy, cursor) = (&legacy, cursor.clone());
            Box::new(move |n| legacy.bytes(&call_message(100 + n, "cursor_read", &pages(&cursor))))
        } else {
            let opened = modern_call(&scene.host, "browser_navigate", &json!({"url": "about:blank"}));
            assert!(!opened.is_error, "{}", opened.text);
            let cursor =
                modern_call(&scene.host, "browser_evaluate", &json!({"function": function})).cursor().to_owned();
            let call = json!({"name": "cursor_read", "arguments": pages(&cursor)});
            let bytes = modern_bytes(&scene.host, &modern_message(9, "tools/call", &call, "slow modern"));
            Box::new(move |_| bytes.clone())
        };
        let _events = (era == "legacy").then(|| legacy.listen());
        let before = procs::resident(scene.host.pid());
        let address: SocketAddr = scene.host.http();
        let mut open: Vec<TcpStream> = Vec::new();
        while_nobody_reads(&mut scene, &format!("f19 {era}"), before, || {
            open.extend((0..100).map(|n| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(&bytes(n).repeat(each)).unwrap();
                stream
            }));
        });
        drop(open);
    }
}
