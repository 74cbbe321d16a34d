//! Whole connections over a socket pair: both eras, and every way a client can go.

#![expect(clippy::disallowed_methods, reason = "these processes are the test's own clients")]

use std::{
    os::fd::OwnedFd,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ebb_core::{cleanup::Reason, settings::Settings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::*;
use crate::tools::testing::Bench;

const SOON: Duration = Duration::from_secs(3);

/// A host, and connections to it.
struct Place {
    bench: Bench,
    shared: Shared,
    tasks: TaskTracker,
}

impl Place {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let bench = Bench::with(settings);
        let shared =
            Shared { host: bench.host.clone(), stop: bench.host.stopping.clone(), home: None, transport: None };
        Self { bench, shared, tasks: TaskTracker::new() }
    }

    fn connect_as(&self, pid: Option<u32>) -> Client {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.tasks.spawn(serve(ours, pid, self.shared.clone()));
        let (read, write) = theirs.into_split();
        Client { read: BufReader::new(read), write, id: 0 }
    }

    fn connect(&self) -> Client {
        self.connect_as(None)
    }

    /// Waits until nobody is here and nothing is held, and says why the last session ended.
    async fn emptied(&self) -> Option<Reason> {
        let began = Instant::now();
        let manager = &self.bench.host.manager;
        while manager.busy() > 0 || !manager.clients().is_empty() || !self.tasks.is_empty() {
            assert!(
                began.elapsed() < SOON,
                "{} sessions, {} clients, {} tasks",
                manager.busy(),
                manager.clients().len(),
                self.tasks.len()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.bench.history.records().closed.last().map(|report| report.reason)
    }

    fn sessions(&self) -> usize {
        self.bench.host.manager.busy()
    }
}

struct Client {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    id: u32,
}

impl Client {
    async fn send(&mut self, message: Value) {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        self.write.write_all(&line).await.unwrap();
    }

    async fn line(&mut self) -> Value {
        let mut line = String::new();
        timeout(SOON, self.read.read_line(&mut line)).await.expect("no answer in time").unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    async fn begin(&mut self, method: &str, params: Value) -> u32 {
        self.id += 1;
        self.send(json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})).await;
        self.id
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        let answer = self.line().await;
        assert_eq!(answer["id"], json!(id), "{answer}");
        answer
    }

    async fn initialize(&mut self) -> Value {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "fake", "title": "A fake client", "version": "7"}
        });
        let answer = self.ask("initialize", params).await;
        self.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        answer
    }

    /// The text of a tool's answer.
    async fn tool(&mut self, name: &str, arguments: Value) -> String {
        let answer = self.ask("tools/call", json!({"name": name, "arguments": arguments})).await;
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        timeout(SOON, self.read.read_to_end(&mut rest)).await.is_ok()
    }
}

/// `params` of a stateless request.
fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "stateless", "version": "8"}
    });
    params
}

#[tokio::test]
async fn a_client_with_a_handshake_is_served() {
    let place = Place::new();
    let mut client = place.connect();
    let hello = client.initialize().await;
    let info = &hello["result"]["serverInfo"];
    assert_eq!((&info["name"], &info["title"]), (&json!("ebb"), &json!("Ebb")));
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25");
    assert!(hello["result"]["capabilities"].get("prompts").is_none());
    let known = place.bench.host.manager.clients();
    assert_eq!((known[0].name.as_str(), known[0].version.as_deref()), ("A fake client", Some("7")));
    assert_eq!(known[0].protocol.as_deref(), Some("2025-11-25"));

    let list = client.ask("tools/list", json!({})).await;
    let names: Vec<&str> =
        list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"cursor_read") && names.contains(&"session_open"), "{names:?}");
    assert_eq!(place.sessions(), 0, "a session is made by the first call that needs one");

    let opened = client.tool("session_open", json!({"name": "a"})).await;
    assert!(opened.contains(" opened (name: a)\n### Next\n"), "{opened}");
    assert!(client.tool("session_list", json!({})).await.contains(" (a) 0 tabs"));
    assert!(client.tool("session_close", json!({"session": "a"})).await.contains("state done"));
    assert_eq!(client.tool("session_list", json!({})).await, "### Result\nNo sessions");
    drop(client);
    place.emptied().await;
}

/// Asked once, at the first call, and only a client that has some; the call that needs them waits.
#[tokio::test]
async fn a_client_is_asked_for_its_roots_once() {
    let place = Place::new();
    let project = tempfile::tempdir().unwrap();
    let real = project.path().canonicalize().unwrap();
    let roots = json!([{"uri": "https://no.folder/"}, {"uri": format!("file://{}", project.path().display())}]);
    let hello = |capabilities: Value| {
        json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
               "clientInfo": {"name": "rooted", "version": "1"}})
    };
    let mut client = place.connect();
    client.ask("initialize", hello(json!({"roots": {}}))).await;
    client.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let call = client.begin("tools/call", json!({"name": "browser_test_roots", "arguments": {}})).await;
    let question = client.line().await;
    assert_eq!(question["method"], "roots/list", "{question}");
    client.send(json!({"jsonrpc": "2.0", "id": question["id"], "result": {"roots": roots}})).await;
    let answer = client.line().await;
    assert_eq!(answer["id"], json!(call), "{answer}");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    let allowed = format!("Allowed roots: {0}/.ebb, {0}\n", real.display());
    assert!(text.contains(&allowed), "{text} instead of {allowed}");
    assert!(client.tool("browser_test_roots", json!({})).await.contains(&allowed), "and never again");
    drop(client);
    place.emptied().await;

    // One that has none, and one that says nothing.
    let mut plain = place.connect();
    plain.initialize().await;
    assert!(plain.tool("browser_test_roots", json!({})).await.contains("outside allowed roots"));
    let mut silent = place.connect();
    silent.ask("initialize", hello(json!({"roots": {"listChanged": true}}))).await;
    silent.begin("tools/call", json!({"name": "browser_test_lines", "arguments": {"count": 1}})).await;
    let lines = [silent.line().await, silent.line().await];
    assert!(lines.iter().any(|line| line["method"] == "roots/list"), "{lines:?}");
    assert!(lines.iter().any(|line| line["result"].is_object()), "a call that needs no files waits for nothing");
}

#[tokio::test]
async fn a_stateless_client_over_a_stream_is_the_streams_client() {
    let place = Place::new();
    let mut client = place.connect();
    let found = client.ask("server/discover", modern(json!({}))).await;
    assert!(found["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{found}");
    let list = client.ask("tools/list", modern(json!({}))).await;
    assert!(list["result"]["ttlMs"].as_u64().unwrap() > 0, "{}", list["result"]["ttlMs"]);
    let call = modern(json!({"name": "browser_test_lines", "arguments": {"count": 1}}));
    let answer = client.ask("tools/call", call.clone()).await;
    assert_eq!(answer["result"]["content"][0]["text"], "### Result\nTotal: many\n\nitem 1 of many");
    assert_eq!(answer["result"]["resultType"], "complete");
    client.ask("tools/call", call).await;
    assert_eq!(place.sessions(), 1, "the second call is the same client's");
    let known = place.bench.host.manager.clients();
    assert_eq!((known[0].name.as_str(), known[0].protocol.as_deref()), ("stateless", Some("2026-07-28")));
    drop(client);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
}

#[tokio::test]
async fn unknown_methods_and_wrong_params_are_errors_of_the_protocol() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    for (method, params, code) in [
        ("prompts/list", json!({}), -32601),
        ("prompts/get", json!({"name": "x"}), -32601),
        ("no/such", json!({}), -32601),
        ("tools/call", json!({"name": 7}), -32602),
        ("tools/call", json!({"name": "browser_test_lines", "arguments": []}), -32602),
        ("resources/read", json!({"uri": "file:///etc/passwd"}), -32002),
    ] {
        let answer = client.ask(method, params).await;
        assert_eq!(answer["error"]["code"], json!(code), "{method}: {answer}");
    }
    client.write.write_all(b"half json {\n").await.unwrap();
    assert_eq!(client.line().await["error"]["code"], -32700);
    let lone = "{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"tools/call\",\"params\":{\"name\":\"browser_test_lines\",\"arguments\":{\"count\":\"\\ud800\"}}}\n";
    client.write.write_all(lone.as_bytes()).await.unwrap();
    let answer = client.line().await;
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(77), &json!(true)), "{answer}");
    assert!(!client.tool("session_list", json!({})).await.is_empty());
}

#[tokio::test]
async fn cursors_are_resources_of_their_owner() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    client.tool("browser_test_lines", json!({"count": 20_000})).await;
    let list = client.ask("resources/list", json!({})).await;
    let uri = list["result"]["resources"][0]["uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with("ebb://cursor/cur_"));
    let read = client.ask("resources/read", json!({"uri": uri})).await;
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().starts_with("item 1 of many\n"), "{read}");
    let read = client.ask("resources/read", json!({"uri": format!("{uri}?offset=19990")})).await;
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().starts_with("item 19990 of many\n"));
    let mut stranger = place.connect();
    stranger.initialize().await;
    assert_eq!(stranger.ask("resources/list", json!({})).await["result"]["resources"], json!([]));
    assert_eq!(stranger.ask("resources/read", json!({"uri": uri})).await["error"]["code"], -32002);
}

#[tokio::test]
async fn a_hang_up_in_the_middle_of_a_call_ends_everything_at_once() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    for _ in 0..3 {
        client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    }
    while place.sessions() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let began = Instant::now();
    drop(client);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
    eprintln!("gone {:?} after the hang-up", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_killed_client_is_told_from_one_that_left() {
    let place = Place::new();
    for busy in [false, true] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = theirs.into_std().unwrap();
        let held = OwnedFd::from(theirs.try_clone().unwrap());
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(held)).spawn().unwrap();
        place.tasks.spawn(serve(ours, Some(child.id()), place.shared.clone()));
        let (read, write) = UnixStream::from_std(theirs).unwrap().into_split();
        let mut client = Client { read: BufReader::new(read), write, id: 0 };
        client.initialize().await;
        client.tool("browser_test_lines", json!({"count": 1})).await;
        if busy {
            client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
        }
        assert_eq!(place.bench.host.manager.clients()[0].process.as_ref().unwrap().pid, child.id());
        // Only the child holds the client's end now: a drop of the writing half would half-close it.
        let Client { read, write, .. } = client;
        let whole = read.into_inner().reunite(write).unwrap().into_std().unwrap();
        drop(whole);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(place.sessions(), 1);
        let began = Instant::now();
        child.kill().unwrap();
        assert_eq!(place.emptied().await, Some(Reason::ClientDied));
        eprintln!("gone {:?} after kill -9 (busy: {busy})", began.elapsed());
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_death_behind_a_stream_that_somebody_else_holds_is_noticed() {
    let place = Place::new();
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let mut client = place.connect_as(Some(child.id()));
    client.initialize().await;
    client.tool("browser_test_lines", json!({"count": 1})).await;
    child.kill().unwrap();
    assert_eq!(place.emptied().await, Some(Reason::ClientDied));
    assert!(client.is_closed().await);
    child.wait().unwrap();
}

#[tokio::test]
async fn a_half_close_gets_its_last_answers() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    client.begin("tools/call", json!({"name": "browser_test_lines", "arguments": {"count": 1}})).await;
    let last = client.begin("tools/call", json!({"name": "session_list", "arguments": {}})).await;
    client.write.shutdown().await.unwrap();
    let mut ids = vec![client.line().await["id"].clone(), client.line().await["id"].clone()];
    ids.sort_by_key(Value::as_u64);
    assert_eq!(ids, [json!(last - 1), json!(last)]);
    assert!(client.is_closed().await);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
}

#[tokio::test]
async fn a_half_close_with_a_call_that_hangs_ends_after_its_grace() {
    let mut settings = Settings::default();
    settings.sessions.half_close_grace = Duration::from_millis(300);
    let place = Place::with(settings);
    let mut client = place.connect();
    client.initialize().await;
    client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    client.write.shutdown().await.unwrap();
    let began = Instant::now();
    assert!(client.is_closed().await);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test]
async fn silence_noise_and_half_lines_are_no_clients() {
    let mut settings = Settings::default();
    settings.sessions.silent_connection = Duration::from_millis(150);
    let place = Place::with(settings);
    let mut silent = place.connect();
    let mut noisy = place.connect();
    noisy.write.write_all(b"GET / HTTP/1.1\n").await.unwrap();
    let mut half = place.connect();
    half.write.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"").await.unwrap();
    drop(half);
    assert!(place.bench.host.manager.clients().is_empty());
    assert!(silent.is_closed().await);
    assert!(noisy.is_closed().await);
    place.emptied().await;
    assert!(place.bench.history.records().opened.is_empty());

    let mut probe = place.connect();
    assert_eq!(probe.ask("ping", json!({})).await["result"], json!({}));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(place.bench.host.manager.clients().len(), 1, "who has spoken may be silent");
    drop(probe);
    place.emptied().await;
}

#[tokio::test]
async fn a_cancelled_call_stops_and_the_session_stays() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    let id = client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    while place.sessions() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    client.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "enough"}})).await;
    // The session's turn is free again: a call that would have waited is answered.
    assert!(client.tool("browser_test_lines", json!({"count": 1})).await.starts_with("### Result"));
    assert_eq!(place.sessions(), 1);
}

#[tokio::test]
async fn a_stop_answers_what_runs() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    let id = client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    while place.sessions() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    place.shared.stop.cancel();
    let answer = client.line().await;
    assert_eq!(answer["id"], json!(id));
    assert!(
        answer["result"]["content"][0]["text"].as_str().unwrap().starts_with("### Error\nError: Ebb is stopping\n"),
        "{answer}"
    );
    assert!(client.is_closed().await);
    place.emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_read_holds_up_nothing() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    // Some hundred answers of up to 30 KB, unread: far more than the socket takes.
    for _ in 0..500 {
        client.id += 1;
        let call = json!({"name": "browser_test_lines", "arguments": {"count": 3_000}});
        let line =
            json!({"jsonrpc": "2.0", "id": client.id, "method": "tools/call", "params": call}).to_string() + "\n";
        if timeout(Duration::from_millis(200), client.write.write_all(line.as_bytes())).await.is_err() {
            break;
        }
    }
    let session = place.bench.host.manager.list()[0].id.clone();
    let began = Instant::now();
    timeout(SOON, place.bench.host.manager.remove_session(&session, Reason::IdleTimeout)).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    let mut other = place.connect();
    other.initialize().await;
    assert!(other.tool("browser_test_lines", json!({"count": 1})).await.starts_with("### Result"));
    drop(other);
    drop(client);
    place.emptied().await;
}

#[tokio::test]
async fn a_client_too_many_is_told_why() {
    let mut settings = Settings::default();
    settings.sessions.max_clients = 1;
    let place = Place::with(settings);
    let mut first = place.connect();
    first.initialize().await;
    let mut second = place.connect();
    let refused = second.initialize_refused().await;
    assert_eq!(refused["error"]["code"], -32000);
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("Too many clients (1)"), "{refused}");
    assert!(second.is_closed().await);
    drop(first);
    place.emptied().await;
    assert!(place.connect().initialize().await.get("result").is_some());
}

impl Client {
    async fn initialize_refused(&mut self) -> Value {
        self.ask(
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}),
        )
        .await
    }
}

#[tokio::test]
async fn a_hello_is_no_message_and_is_not_seen_by_mcp() {
    let place = Place::new();
    let mut client = place.connect();
    let hello = crate::transport::hello::Hello { version: "1".to_owned(), ..Default::default() };
    client.write.write_all(&hello.to_line()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(place.bench.host.manager.clients().is_empty());
    assert!(client.initialize().await.get("result").is_some());
}

#[tokio::test]
async fn many_clients_that_go_at_once_leave_nothing() {
    let mut settings = Settings::default();
    settings.sessions.max_sessions_per_process = 64;
    let place = Place::with(settings);
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = place.connect();
        client.initialize().await;
        client.tool("browser_test_lines", json!({"count": 3_000})).await;
        client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
        clients.push(client);
    }
    assert_eq!(place.sessions(), 40);
    drop(clients);
    place.emptied().await;
    let reports = place.bench.history.records().closed;
    assert_eq!(reports.len(), 40);
    assert!(reports.iter().all(|report| report.freed.cursors == 1));
    assert_eq!(place.bench.host.cursors.store().usage_now(None).count, 0);
}
