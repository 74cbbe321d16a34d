//! A client's own server, over real connections: both transports, what it refuses and how it says so.

use std::fmt::Write as _;

use std::time::Instant;

use ebb_core::cleanup::Reason;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::*;
use crate::{tools::testing::Bench, transport::http::AllowedHosts};

const SOON: Duration = Duration::from_secs(3);

async fn start(options: HttpOptions, bench: &Bench) -> Result<HttpServer> {
    let revivals = Revivals::open(None, Box::new(|_| Box::pin(std::future::ready(None)))).await;
    HttpServer::start(Address::Tcp(options), &bench.host, revivals)
}

struct Place {
    bench: Bench,
    server: HttpServer,
    told: Arc<Mutex<Vec<String>>>,
}

impl Place {
    async fn new(change: impl FnOnce(&mut HttpOptions)) -> Self {
        let bench = Bench::new();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut options = HttpOptions::own_server(0);
        let log = Arc::clone(&told);
        options.told = Some(Arc::new(move |what: &str| log.lock().push(what.to_owned())));
        change(&mut options);
        let server = start(options, &bench).await.unwrap();
        Self { bench, server, told }
    }

    fn own(&self) -> String {
        format!("localhost:{}", self.server.address().unwrap().port())
    }

    /// Sends a request with these headers and reads until `enough` or the end.
    async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str, enough: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(self.server.address().unwrap()).await.unwrap();
        let mut head = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            write!(head, "Host: {}\r\n", self.own()).unwrap();
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let text = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).await.unwrap();
        let said = read(&mut stream, enough).await;
        (stream, said)
    }

    async fn post(&self, path: &str, session: Option<&str>, message: &Value) -> String {
        let mut headers = vec![("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
        headers.extend(session.map(|id| ("Mcp-Session-Id", id)));
        self.send(&format!("POST {path}"), &headers, &message.to_string(), "\0").await.1
    }

    async fn emptied(&self) -> Option<Reason> {
        let (began, manager) = (Instant::now(), &self.bench.host.manager);
        while manager.busy() > 0 || !manager.clients().is_empty() {
            assert!(began.elapsed() < SOON, "{} sessions, {} clients", manager.busy(), manager.clients().len());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.bench.history.records().closed.last().map(|report| report.reason)
    }
}

/// What comes until `enough` of it is there, or the end.
async fn read(stream: &mut TcpStream, enough: &str) -> String {
    let mut bytes = Vec::new();
    let all = async {
        while !String::from_utf8_lossy(&bytes).contains(enough) {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
    };
    timeout(SOON, all).await.unwrap_or_else(|_| panic!("no {enough:?}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}})
}

fn call(id: u32, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {"count": 1}}})
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn text(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn the_old_transport_is_a_stream_and_ends_with_it() {
    let place = Place::new(|_| {}).await;
    let (mut events, said) = place.send("GET /sse", &[("Accept", "text/event-stream")], "", "\n\n").await;
    assert!(said.contains("text/event-stream"), "{said}");
    let to = said.split("data: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(to.starts_with("/sse?sessionId="), "{to}");
    // Pretty-printed, as some clients send it.
    let pretty = serde_json::to_string_pretty(&initialize()).unwrap();
    let (_, accepted) = place.send(&format!("POST {to}"), &[("Content-Type", "application/json")], &pretty, "\0").await;
    assert_eq!((status(&accepted), text(&accepted)), ("202", "Accepted"));
    assert!(read(&mut events, "\n\n").await.contains("\"serverInfo\""));
    place.post(&to, None, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!(status(&place.post(&to, None, &call(2, "browser_test_lines")).await), "202");
    assert!(read(&mut events, "\n\n").await.contains("item 1 of many"));
    assert_eq!(place.bench.host.manager.busy(), 1);
    assert_eq!(place.bench.host.manager.clients()[0].transport, Transport::Http);

    let missing = place.post("/sse", None, &initialize()).await;
    assert_eq!((status(&missing), text(&missing)), ("400", "Missing sessionId"));
    let unknown = place.post("/sse?sessionId=x", None, &initialize()).await;
    assert_eq!((status(&unknown), text(&unknown)), ("404", "Session not found"));
    let (_, bad) = place.send(&format!("POST {to}"), &[], "no json", "\0").await;
    assert_eq!((status(&bad), text(&bad)), ("400", "Invalid request"));
    assert_eq!(status(&place.send("DELETE /sse", &[], "", "\0").await.1), "405");

    // A call runs when the stream goes.
    place.post(&to, None, &call(3, "browser_test_wait")).await;
    drop(events);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
    assert_eq!(status(&place.post(&to, None, &call(4, "browser_test_lines")).await), "404");
    assert_eq!(*place.told.lock(), ["create http session", "delete http session"]);
}

#[tokio::test]
async fn every_other_path_is_streamable_and_refusals_are_plain() {
    let place = Place::new(|_| {}).await;
    for path in ["/mcp", "/", "/anything/else"] {
        let began = place.post(path, None, &initialize()).await;
        assert_eq!(status(&began), "200", "{path}: {began}");
        let id = began.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).expect("an id").to_owned();
        assert_eq!(status(&place.post(path, Some(&id), &call(2, "browser_test_lines")).await), "200");
        let gone = place.send(&format!("DELETE {path}"), &[("Mcp-Session-Id", &id)], "", "\0").await.1;
        assert_eq!(status(&gone), "204");
        let unknown = place.post(path, Some(&id), &call(3, "browser_test_lines")).await;
        assert_eq!((status(&unknown), text(&unknown)), ("404", "Session not found"));
    }
    assert_eq!(place.emptied().await, Some(Reason::Deleted));
    for line in ["GET /mcp", "GET /", "DELETE /mcp"] {
        let refused = place.send(line, &[], "", "\0").await.1;
        assert_eq!((status(&refused), text(&refused)), ("400", "Invalid request"), "{line}");
    }
    let refused = place.send("POST /mcp", &[("Host", "evil.example")], "", "\0").await.1;
    assert_eq!((status(&refused), text(&refused)), ("403", &*format!("Access is only allowed at {}", place.own())));
    for path in ["/mcp", "/sse"] {
        let refused = place.send(&format!("GET {path}"), &[("Origin", "http://evil.example")], "", "\0").await.1;
        assert_eq!(status(&refused), "403", "{path}");
    }
    let well_known = place.send("GET /.well-known/oauth-protected-resource", &[], "", "\0").await.1;
    assert_eq!(status(&well_known), "404");
}

#[tokio::test]
async fn hosts_and_a_token_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let place = Place::new(|options| {
        options.allowed_hosts = AllowedHosts::These(vec!["box.example".into()]);
        options.token_file = Some(file.clone());
    })
    .await;
    let bearer = format!("Bearer {}", std::fs::read_to_string(&file).unwrap().trim());
    let ask = async |host: &str, token: &str| {
        let headers = [("Host", host), ("Authorization", token)];
        let (_stream, said) = place.send("GET /sse", &headers, "", "\r\n").await;
        status(&said).to_owned()
    };
    assert_eq!(ask("box.example:8080", &bearer).await, "200");
    assert_eq!(ask("box.example:8080", "Bearer x").await, "401");
    assert_eq!(ask(&place.own(), &bearer).await, "403");

    let bench = Bench::new();
    let mut options = HttpOptions::own_server(0);
    options.addresses = vec!["0.0.0.0:0".parse().unwrap()];
    let refused = start(options.clone(), &bench).await.err().unwrap();
    assert!(refused.next.unwrap().contains("--token-file"));
    options.token_file = Some(file);
    start(options, &bench).await.unwrap();
}

#[tokio::test]
async fn a_stop_ends_event_streams() {
    let place = Place::new(|_| {}).await;
    let (mut events, _) = place.send("GET /sse", &[], "", "sessionId=").await;
    let began = Instant::now();
    place.bench.host.stopping.cancel();
    place.server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let mut rest = Vec::new();
    assert!(timeout(SOON, events.read_to_end(&mut rest)).await.is_ok());
}
