//! `ebb mcp --port`: a server of its own that several clients share. Each has a context of its own, whatever library,
//! era and transport it uses, and it goes with its client; nobody else loses anything.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread::scope,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{
    Agent, AgentOptions, Calls, Library, OwnServer, Place, Site, Via, call_message, hello_messages, holds_for, http,
    ms, procs, record, wait_for, within,
};

use crate::{
    mcp_life::nothing_is_left,
    web::{open_stream, until},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// From a client's death to its context closed.
const GONE: Duration = ms(1_000);

/// Such a server, with a client that nothing may happen to.
struct Own {
    server: OwnServer,
    address: SocketAddr,
    site: Site,
    bystander: Agent,
    place: Place,
}

impl Own {
    fn start(environment: &[(&str, &str)]) -> Self {
        let (place, site) = (Place::new(), Site::start());
        let told = [("DEBUG", "pw:mcp:test")];
        let (server, address) = OwnServer::listen(&place, &["--isolated"], &[&told, environment].concat());
        let options = AgentOptions { http: Some((address, String::new())), ..AgentOptions::default() };
        let mut bystander = Agent::start_with(&place, &place.path().join("none"), Via::Quiet, "bystander", &options);
        bystander.open(&site.url("/ok"));
        bystander.evaluate("() => { window.mark = 'mine'; return 1; }");
        Self { server, address, site, bystander, place }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }

    /// How often it said this.
    fn told(&self, what: &str) -> usize {
        let line = format!("pw:mcp:test {what}");
        self.server.errors().lines().filter(|said| *said == line).count()
    }

    /// Waits until another context is closed than those that were `before`.
    fn closed(&self, what: &str, before: usize, began: Instant) {
        within(what, began, GONE, || match self.told("close context") - before {
            1 => Ok(()),
            seen => Err(format!("{seen} contexts closed; it said: {}", self.server.errors())),
        });
    }

    /// Ends it in order, with the bystander's page as it was.
    fn end(mut self) {
        assert_eq!(self.bystander.evaluate("() => window.mark"), "\"mine\"");
        procs::signal(self.server.pid(), Signal::TERM);
        let (status, took) = self.server.ended(Duration::from_secs(4));
        assert!(status.success(), "{status} after {took:?}");
        self.bystander.kill();
        nothing_is_left(&self.place);
    }
}

/// Each kind of client of one library: leaves in order, is killed while it waits, is killed while it calls.
fn clients_of(library: Library) {
    let own = Own::start(&[]);
    for real in library.over_http() {
        let name = real.name();
        let open = || {
            let mut agent = real.start_at(&own.place, "visitor", &own.url());
            let page = agent.open(&own.site.url("/ok"));
            assert!(page.text.contains("Page Title: ok"), "{name}: {}", page.text);
            // A context of its own.
            assert_eq!(agent.evaluate("() => typeof window.mark"), "\"undefined\"", "{name}");
            (agent, own.told("close context"))
        };
        let (mut agent, before) = open();
        let id = agent.step("tools");
        let listed = agent.raw_answer(id, PATIENCE).unwrap();
        let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{name}: {listed}"));
        assert!(tools.iter().any(|tool| tool["name"] == "browser_navigate"), "{name}: {listed}");
        let began = Instant::now();
        agent.close();
        assert_eq!(agent.said("closed", PATIENCE), Value::Bool(true));
        own.closed(&format!("{name}: closed"), before, began);

        let (mut agent, before) = open();
        let began = agent.kill();
        own.closed(&format!("{name}: killed"), before, began);

        let (mut agent, before) = open();
        let aborted = own.site.aborted();
        agent.send("browser_navigate", json!({"url": own.site.url("/hang")}));
        wait_for("the page hangs", PATIENCE, || match own.site.hanging() {
            1 => Ok(()),
            seen => Err(format!("{seen} hang")),
        });
        let began = agent.kill();
        own.closed(&format!("{name}: killed while calling"), before, began);
        within(&format!("{name}: request aborted"), began, GONE, || match own.site.aborted() - aborted {
            1 => Ok(()),
            seen => Err(format!("{seen} aborted")),
        });
    }
    within("only the bystander has a session", Instant::now(), GONE, || {
        match own.told("create http session") - own.told("delete http session") {
            1 => Ok(()),
            more => Err(format!("{more}")),
        }
    });
    own.end();
}

#[test]
fn python_clients_of_an_own_server() {
    clients_of(Library::Python);
}

#[test]
fn typescript_1_clients_of_an_own_server() {
    clients_of(Library::TypeScript1);
}

#[test]
fn typescript_2_clients_of_an_own_server() {
    clients_of(Library::TypeScript2);
}

#[test]
fn rmcp_clients_of_an_own_server() {
    clients_of(Library::Rmcp);
}

/// A client that this test speaks for itself, with or without answers to what it is asked.
struct Spoken {
    address: SocketAddr,
    id: String,
}

impl Spoken {
    fn begin(own: &Own, name: &str) -> Self {
        let [initialize, initialized] = hello_messages(name);
        let answer = http::request(own.address, "POST", &[], Some(&initialize)).unwrap();
        let id = answer.header("mcp-session-id").expect("an id").to_owned();
        drop(answer.text());
        let spoken = Self { address: own.address, id };
        assert_eq!(spoken.post(&initialized).0, 202);
        let call = json!({"url": own.site.url("/ok")});
        assert_eq!(spoken.post(&call_message(1, "browser_navigate", &call)).0, 200);
        spoken
    }

    fn post(&self, message: &Value) -> (u16, String) {
        let answer = http::request(self.address, "POST", &[("Mcp-Session-Id", &self.id)], Some(message)).unwrap();
        (answer.status, answer.text())
    }

    fn listen(&self) -> TcpStream {
        let head = format!(
            "GET /mcp HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nMcp-Session-Id: {}\r\n\r\n",
            self.address, self.id
        );
        open_stream(self.address, head.as_bytes())
    }
}

/// Has the other threads end when this one does, however that is.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The id of the next question whether somebody is there; none once it is `over`.
fn asked_until(stream: &mut TcpStream, over: &AtomicBool) -> Option<Value> {
    stream.set_read_timeout(Some(ms(100))).unwrap();
    let mut line = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => return None,
            Ok(_) if byte != *b"\n" => line.push(byte[0]),
            Ok(_) => {
                let data = line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice::<Value>(data).ok());
                if let Some(message) = data.filter(|message| message["method"] == "ping") {
                    return Some(message["id"].clone());
                }
                line.clear();
            }
            // Nothing came for a moment.
            Err(_) => {}
        }
    }
    None
}

/// Reads events until the server asks whether somebody is there; the question's id.
fn asked(stream: &mut TcpStream) -> Value {
    loop {
        let said = until(stream, "\n");
        let message: Option<Value> = said.trim().strip_prefix("data:").and_then(|data| serde_json::from_str(data).ok());
        if let Some(message) = message.filter(|message| message["method"] == "ping") {
            return message["id"].clone();
        }
    }
}

/// Where somebody wants it, clients with an open event stream are asked whether they are there. One that does not
/// answer loses its session; one that answers, and one that cannot be asked, keep theirs.
#[test]
fn a_heartbeat_ends_who_does_not_answer() {
    let own = Own::start(&[("PING_TIMEOUT_MS", "1500")]);
    let before = own.told("close context");
    let (answering, mute) = (Spoken::begin(&own, "answering"), Spoken::begin(&own, "mute"));
    let quiet = Spoken::begin(&own, "quiet");
    let (mut stream, mut unheard) = (answering.listen(), mute.listen());
    // The transport of 2024 is a stream itself.
    let head = format!("GET /sse HTTP/1.1\r\nHost: {}\r\n\r\n", own.address);
    let mut old = open_stream(own.address, head.as_bytes());
    let place = until(&mut old, "\n\n").split("data: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    for message in hello_messages("old") {
        let answer = http::request_at(own.address, "POST", &place, &[], Some(&message)).unwrap();
        assert_eq!(answer.status, 202);
    }
    asked(&mut unheard);
    asked(&mut old);
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}});
    let (began, over) = (Instant::now(), AtomicBool::new(false));
    scope(|threads| {
        let answers = threads.spawn(|| {
            let _over = Over(&over);
            let mut answers = 0;
            while let Some(id) = asked_until(&mut stream, &over) {
                assert_eq!(answering.post(&json!({"jsonrpc": "2.0", "id": id, "result": {}})).0, 202);
                answers += 1;
            }
            answers
        });
        let _over = Over(&over);
        within("who does not answer is gone", began, Duration::from_secs(8), || {
            match own.told("close context") - before {
                1 => Ok(()),
                seen => Err(format!("{seen} contexts closed")),
            }
        });
        assert_eq!(mute.post(&list), (404, "Session not found".to_owned()));
        let mut rest = Vec::new();
        assert!(old.read_to_end(&mut rest).is_ok(), "its stream is over");
        record("the stream of 2024 is over", began.elapsed(), Duration::from_secs(8));
        assert_eq!(http::request_at(own.address, "POST", &place, &[], Some(&list)).unwrap().status, 404);
        // Three answers take at least twice the pause between.
        wait_for("the third question is due", Duration::from_secs(12).saturating_sub(began.elapsed()), || {
            if began.elapsed() > Duration::from_secs(7) { Ok(()) } else { Err("not yet".to_owned()) }
        });
        over.store(true, Ordering::Relaxed);
        let answers = answers.join().unwrap();
        assert!((2..=4).contains(&answers), "it asks 3 s after each answer: {answers} in {:?}", began.elapsed());
        for kept in [&answering, &quiet] {
            assert_eq!(kept.post(&list).0, 200);
        }
    });
    assert_eq!(own.told("close context") - before, 1, "{}", own.server.errors());
    drop((stream, unheard));
    own.end();
}

/// Without that nobody is asked, however long the stream is open.
#[test]
fn nobody_is_asked_unless_somebody_wants_it() {
    let own = Own::start(&[("PING_TIMEOUT_MS", "0")]);
    let client = Spoken::begin(&own, "mute");
    let mut stream = client.listen();
    stream.set_read_timeout(Some(ms(50))).unwrap();
    let mut said = Vec::new();
    holds_for("nobody asks", Duration::from_secs(4), || {
        let mut bytes = [0; 1_024];
        let count = stream.read(&mut bytes).unwrap_or(0);
        said.extend_from_slice(&bytes[..count]);
        let text = String::from_utf8_lossy(&said);
        if text.contains("ping") { Err(text.into_owned()) } else { Ok(()) }
    });
    drop(stream);
    own.end();
}

/// What it refuses, in its own short words, over real connections; and capabilities in both kinds of address.
#[test]
fn an_own_server_in_its_own_words() {
    let own = Own::start(&[]);
    let ask = |bytes: String| {
        let answer = http::raw(own.address, bytes.as_bytes()).unwrap();
        (answer.status, answer.text())
    };
    let port = own.address.port();
    let line = |line: &str, headers: &str| format!("{line} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    let host = format!("Host: localhost:{port}\r\n");
    for (what, request, expected) in [
        (
            "Host",
            line("GET /mcp", "Host: evil.example\r\n"),
            (403, format!("Access is only allowed at localhost:{port}")),
        ),
        (
            "Origin",
            line("GET /sse", &format!("{host}Origin: http://evil.example\r\n")),
            (403, "Another Origin".to_owned()),
        ),
        ("no session", line("GET /mcp", &host), (400, "Invalid request".to_owned())),
        ("no session to end", line("DELETE /", &host), (400, "Invalid request".to_owned())),
        (
            "an unknown one",
            line("GET /mcp", &format!("{host}Mcp-Session-Id: x\r\n")),
            (404, "Session not found".to_owned()),
        ),
        ("another method", line("PUT /mcp", &host), (405, "Method not allowed".to_owned())),
        ("log in", line("GET /.well-known/oauth-authorization-server", &host), (404, "Not found".to_owned())),
    ] {
        assert_eq!(ask(request), expected, "{what}");
    }
    let bad = http::request_at(own.address, "POST", "/mcp?caps=coffee", &[], Some(&hello_messages("x")[0])).unwrap();
    assert_eq!((bad.status, bad.text().as_str()), (400, "No capability is called \"coffee\""));

    // An old client that asks for a capability has it.
    let mut old =
        open_stream(own.address, format!("GET /sse?caps=vision HTTP/1.1\r\nHost: {}\r\n\r\n", own.address).as_bytes());
    let place = until(&mut old, "\n\n").split("data: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let list = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {}});
    for message in hello_messages("old").iter().chain([&list]) {
        assert_eq!(http::request_at(own.address, "POST", &place, &[], Some(message)).unwrap().status, 202);
    }
    let listed = loop {
        let said = until(&mut old, "\n");
        if said.contains("\"id\":7") {
            break said;
        }
    };
    assert!(listed.contains("browser_mouse_click_xy"), "{listed}");
    old.write_all(b"").unwrap();
    drop(old);
    own.end();
}
