//! F51, F55 as a client's author sees them: each refusal over HTTP has its status, says in a plain sentence what is
//! wrong and what to do, to the request that it answers, and leaves nothing behind.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread::scope,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Calls as _, HostArgs, TestHost, Via, call_message, hello_messages, http, ms, procs, record, wait_for};

use crate::web::{Legacy, bearer, modern};

const LIST: &str = r#"{"jsonrpc":"2.0","id":41,"method":"tools/list","params":{}}"#;

fn host() -> TestHost {
    TestHost::with(HostArgs { http: true, ..HostArgs::default() })
}

/// A request that would begin a session, before it is made wrong.
struct Ask {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    fn new(host: &TestHost) -> Self {
        let headers = [
            ("Host", host.http().to_string()),
            ("Authorization", bearer(host)),
            ("Accept", "application/json, text/event-stream".to_owned()),
            ("Content-Type", "application/json".to_owned()),
            ("Connection", "close".to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self {
            line: "POST /mcp HTTP/1.1".to_owned(),
            headers,
            body: hello_messages("limits")[0].to_string().into_bytes(),
        }
    }

    fn line(mut self, line: &str) -> Self {
        line.clone_into(&mut self.line);
        self
    }

    /// In place of all that have this name.
    fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self.and(name, value)
    }

    fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn bytes(self) -> Vec<u8> {
        let sized = self.headers.iter().any(|(name, _)| name == "Content-Length" || name == "Transfer-Encoding");
        let length = self.body.len().to_string();
        let length = (!sized).then(|| ("Content-Length".to_owned(), length));
        let lines = self.headers.into_iter().chain(length).map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!("{}\r\n{}\r\n", self.line, lines.collect::<String>());
        [head.into_bytes(), self.body].concat()
    }

    fn send(self, host: &TestHost) -> Told {
        let answer = http::raw(host.http(), &self.bytes()).expect("an answer");
        let (status, headers) = (answer.status, answer.headers.clone());
        Told { status, headers, text: answer.text() }
    }
}

/// What came back.
struct Told {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Told {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The error that JSON-RPC carries: the request that it answers, its code, its message.
    fn error(&self, what: &str) -> (Value, i64, String) {
        assert_eq!(self.header("content-type"), Some("application/json"), "{what}: {}", self.text);
        assert_eq!(self.header("cache-control"), Some("no-store"), "{what}");
        let json: Value =
            serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{what}: {error}: {}", self.text));
        assert_eq!(json["jsonrpc"], "2.0", "{what}");
        let error = &json["error"];
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        (json["id"].clone(), error["code"].as_i64().unwrap_or_default(), message)
    }
}

/// Nobody came in by any of this.
fn nobody_is_here(host: &TestHost, clients: usize) {
    let control = host.control();
    wait_for("nobody stays", Duration::from_secs(5), || {
        let snapshot = control.snapshot();
        match (snapshot.clients.len(), snapshot.sessions.len()) {
            (seen, 0) if seen == clients => Ok(()),
            seen => Err(format!("{seen:?}")),
        }
    });
}

#[test]
fn f55_each_refusal_says_what_is_wrong_and_what_to_do() {
    let host = host();
    let ask = || Ask::new(&host);
    let legacy = Legacy::begin(&host, "legacy");
    let with_id = || ask().set("Mcp-Session-Id", &legacy.id).body(LIST);
    let one = |status: u16, what: &str, request: Ask, id: Value, code: i64, parts: &[&str]| {
        let told = request.send(&host);
        assert_eq!(told.status, status, "{what}: {}", told.text);
        let (answers, is, message) = told.error(what);
        assert_eq!((answers, is), (id, code), "{what}: {message}");
        for part in parts {
            assert!(message.contains(part), "{what}: {part:?} is not in {message:?}");
        }
        assert!(told.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{what}");
        told
    };
    let plain = -32000;

    // Kinds of bodies and answers.
    let json = ["Only JSON", "Content-Type: application/json"];
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "*/*"] {
        one(415, kind, ask().set("Content-Type", kind), Value::Null, plain, &json);
    }
    one(415, "no kind", ask().without("Content-Type"), Value::Null, plain, &json);
    one(415, "two kinds", ask().and("Content-Type", "application/json"), Value::Null, plain, &json);
    one(415, "packed", ask().set("Content-Encoding", "gzip"), Value::Null, plain, &json);
    for kind in ["application/json; charset=utf-8", "APPLICATION/JSON", " application/json "] {
        assert_eq!(with_id().set("Content-Type", kind).send(&host).status, 200, "{kind}");
    }
    let accept = ["Accept: application/json, text/event-stream"];
    for kind in
        ["application/json", "text/event-stream", "text/html", "*/*;q=0", "application/json, text/event-stream;q=0"]
    {
        one(406, kind, ask().set("Accept", kind), json!(0), plain, &accept);
    }
    for kind in ["*/*", "text/html, */*;q=0.8", "TEXT/event-stream,application/JSON"] {
        assert_eq!(with_id().set("Accept", kind).send(&host).status, 200, "{kind}");
    }
    assert_eq!(with_id().without("Accept").send(&host).status, 200, "whoever says nothing takes anything");

    // Messages.
    let parse = -32700;
    for (what, body) in [("nothing", ""), ("blanks", " \r\n "), ("half", "{\"jsonrpc\":\"2.0\","), ("words", "hello")] {
        one(400, what, with_id().body(body), Value::Null, parse, &["Parse error"]);
    }
    one(400, "a batch", with_id().body(format!("[{LIST}]")), Value::Null, -32600, &["batches are not supported"]);
    one(
        400,
        "an old version",
        with_id().body(LIST.replace("2.0", "1.0")),
        json!(41),
        -32600,
        &["jsonrpc must be \"2.0\""],
    );
    one(400, "wrong params", with_id().body(LIST.replace("{}", "[1]")), json!(41), -32602, &["Invalid params"]);
    let begin = ["initialize", "Mcp-Session-Id"];
    one(400, "no id", ask().body(LIST), json!(41), plain, &begin);
    one(
        404,
        "somebody's id",
        with_id().set("Mcp-Session-Id", "bc77831b-308e-40a2-8513-92a3d5f680e8"),
        json!(41),
        plain,
        &["Session not found", "initialize"],
    );
    one(
        400,
        "an unknown revision",
        with_id().set("MCP-Protocol-Version", "1999-01-01"),
        json!(41),
        plain,
        &["1999-01-01", "Known are 2024-11-05,", "2025-11-25"],
    );
    let get = |request: Ask| request.line("GET /mcp HTTP/1.1").without("Content-Type").body("");
    one(400, "no id for a stream", get(ask()), Value::Null, plain, &begin);
    one(406, "a page for a stream", get(with_id().set("Accept", "text/html")), Value::Null, plain, &accept);
    let delete = ask().line("DELETE /mcp HTTP/1.1").body("");
    one(400, "a goodbye of nobody", delete, Value::Null, plain, &["Which session?", "Mcp-Session-Id"]);

    // Sizes.
    let large = ["larger than 4 MiB", "less"];
    let announced = (4 * 1024 * 1024 + 1).to_string();
    one(413, "announced", ask().set("Content-Length", &announced).body(""), Value::Null, plain, &large);
    let told = one(
        413,
        "asked before",
        ask().set("Expect", "100-continue").set("Content-Length", &announced).body(""),
        Value::Null,
        plain,
        &large,
    );
    assert_eq!(told.header("connection"), Some("close"), "nobody reads what may still come");
    let mut padded = LIST.as_bytes().to_vec();
    padded.resize(4 * 1024 * 1024, b' ');
    assert_eq!(with_id().body(padded).send(&host).status, 200, "4 MiB are no more than 4 MiB");
    assert_eq!(ask().line(&format!("POST /{} HTTP/1.1", "a".repeat(70_000))).send(&host).status, 414);
    assert_eq!(ask().and("X-Much", &"b".repeat(300_000)).send(&host).status, 431);
    let many = (0..200).fold(ask(), |request, n| request.and(&format!("X-{n}"), "x"));
    assert_eq!(many.send(&host).status, 431);

    // Who asks, and from where.
    let port = host.http().port();
    let token = ["A token is needed", "Authorization: Bearer", "http-token"];
    for (what, request) in [
        ("no token", ask().without("Authorization")),
        ("two tokens", ask().and("Authorization", &bearer(&host))),
        (
            "a token in the address",
            ask().without("Authorization").line(&format!("POST /mcp?token={} HTTP/1.1", host.token())),
        ),
        ("a token in a cookie", ask().without("Authorization").set("Cookie", &format!("token={}", host.token()))),
        ("a wrong token", ask().set("Authorization", &format!("Bearer {}", "0".repeat(64)))),
    ] {
        let told = one(401, what, request, Value::Null, plain, &token);
        assert_eq!(told.header("www-authenticate"), Some("Bearer"), "{what}");
        assert!(!told.text.contains(&host.token()), "{what}");
    }
    let only = format!("Access is only allowed at localhost:{port}");
    for wrong in [
        format!("127.0.0.1.:{port}"),
        format!("[::1%25lo]:{port}"),
        format!("[0:0:0:0:0:0:0:1]:{port}"),
        format!("::1:{port}"),
        format!("localhost:{port}:{port}"),
        format!("localhost:0{port}"),
        format!("localhost: {port}"),
        format!("user@localhost:{port}"),
        format!("localhost:{port},evil.example"),
        format!("127.0.0.1:{port}/"),
        format!("rebound.example:{port}"),
    ] {
        let told = ask().set("Host", &wrong).send(&host);
        // What is no Host at all need not be looked at any further.
        assert!([400, 403].contains(&told.status), "Host {wrong}: {}", told.status);
        if told.status == 403 {
            assert!(told.error(&wrong).2.contains(&only), "Host {wrong}: {}", told.text);
        }
    }
    for wrong in [format!("http://LOCALHOST.:{port}"), format!("http://[::1]:{port}0"), "HTTP://evil".to_owned()] {
        let told = ask().set("Origin", &wrong).send(&host);
        assert_eq!(told.status, 403, "Origin {wrong}");
    }
    one(
        403,
        "two origins",
        ask().and("Origin", "http://a").and("Origin", "http://b"),
        Value::Null,
        plain,
        &["Another Origin"],
    );

    // Places and methods.
    for path in ["/", "/mcp/", "/sse", "/MCP", "/mcp%2f", "//mcp", "/.well-known/oauth-protected-resource/mcp"] {
        one(404, path, ask().line(&format!("POST {path} HTTP/1.1")), Value::Null, plain, &["Not found", "/mcp"]);
    }
    for method in ["PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let request = ask().line(&format!("{method} /mcp HTTP/1.1")).body("");
        let told = one(405, method, request, Value::Null, plain, &["Use GET, POST, DELETE."]);
        assert_eq!(told.header("allow"), Some("GET, POST, DELETE"), "{method}");
    }
    let head = ask().line("HEAD /mcp HTTP/1.1").body("").send(&host);
    assert_eq!((head.status, head.text.as_str()), (405, ""), "HEAD");

    assert!(!host.log().contains(&host.token()), "the token in an address is in no log");
    assert_eq!(legacy.ask("DELETE", None).status, 204);
    nobody_is_here(&host, 0);
}

/// Two requests with one id cannot both be answered, so the second is refused; the first has its answer.
#[test]
fn a_request_id_is_good_for_one_request_at_a_time() {
    let host = host();
    let legacy = Legacy::begin(&host, "legacy");
    assert!(!legacy.call("browser_navigate", &json!({"url": "about:blank"})).1.is_error);
    let hang = json!({"function": "() => new Promise(done => { window.go = done; })"});
    let running = || {
        let views = host.control().sessions_of("legacy");
        if views.iter().any(|view| view.running.is_some()) { Ok(()) } else { Err(format!("{views:?}")) }
    };
    let refused = |what: &str| {
        let (status, messages) = legacy.post(&call_message(7, "browser_snapshot", &json!({})));
        assert_eq!((status, &messages[0]["id"]), (400, &json!(7)), "{what}: {messages:?}");
        let said = messages[0]["error"]["message"].as_str().unwrap_or_default();
        assert!(said.contains("waits for its answer") && said.contains("an id of its own"), "{what}: {said}");
    };
    scope(|threads| {
        let first = threads.spawn(|| legacy.call("browser_evaluate", &hang));
        wait_for("the first runs", Duration::from_secs(10), running);
        refused("the first waits");
        let stop = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
        assert_eq!(legacy.post(&stop).0, 202);
        drop(first.join());
    });
    wait_for("the id is free again", Duration::from_secs(5), || match legacy.call("cursor_list", &json!({})) {
        (200, answer) if !answer.is_error => Ok(()),
        seen => Err(format!("{seen:?}")),
    });
    // Whoever leaves its answer alone has the call running all the same, and the id is taken until it is over.
    let mut stream = TcpStream::connect(host.http()).unwrap();
    stream.write_all(&legacy.bytes(&call_message(7, "browser_evaluate", &hang))).unwrap();
    wait_for("it runs", Duration::from_secs(10), running);
    drop(stream);
    refused("its answer is left alone");
    assert_eq!(legacy.ask("DELETE", None).status, 204);
}

/// Old, hasty and slow ways to send a request.
#[test]
fn http_1_0_pipelines_and_bodies_that_never_end() {
    let host = host();
    let ask = || Ask::new(&host);
    let legacy = Legacy::begin(&host, "legacy");
    let with_id = || ask().set("Mcp-Session-Id", &legacy.id).body(LIST);
    let old = with_id().line("POST /mcp HTTP/1.0").send(&host);
    assert_eq!((old.status, old.header("transfer-encoding")), (200, None));

    let mut stream = TcpStream::connect(host.http()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let next = |n: u32| with_id().without("Connection").body(LIST.replace("41", &n.to_string()));
    let last = with_id().body(LIST.replace("41", "53"));
    stream.write_all(&[next(51).bytes(), next(52).bytes(), last.bytes()].concat()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let at = |id: u32| said.find(&format!("\"id\":{id}")).unwrap_or_else(|| panic!("no answer to {id}"));
    assert!(at(51) < at(52) && at(52) < at(53));
    assert_eq!(said.matches("HTTP/1.1 200").count(), 3);

    // Bodies that stop, trickle, or were given up: cut after their time, and nobody waits for them.
    let began = Instant::now();
    let chunked = || ask().set("Transfer-Encoding", "chunked").body("");
    scope(|threads| {
        let stalled = threads.spawn(|| ask().set("Content-Length", "100").body("{").send(&host));
        let trickling = threads.spawn(|| {
            let mut stream = TcpStream::connect(host.http()).unwrap();
            stream.write_all(&chunked().bytes()).unwrap();
            let mut write = stream.try_clone().unwrap();
            let trickle = threads.spawn(move || {
                while write.write_all(b"1\r\n \r\n").is_ok() && began.elapsed() < Duration::from_secs(30) {
                    std::thread::sleep(ms(200));
                }
            });
            let mut said = String::new();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            // A reset may follow the answer: what came still goes on.
            let mut byte = [0; 4_096];
            while let Ok(count @ 1..) = stream.read(&mut byte) {
                said.push_str(&String::from_utf8_lossy(&byte[..count]));
            }
            drop(stream.shutdown(Shutdown::Both));
            drop(trickle.join());
            said
        });
        for half in [b"{\"jsonrpc\"".as_slice(), b""] {
            let mut stream = TcpStream::connect(host.http()).unwrap();
            stream.write_all(&ask().set("Content-Length", "100").body(half).bytes()).unwrap();
        }
        assert_eq!(modern(&host, "tools/list", &json!({})).0, 200, "others are served meanwhile");
        let stalled = stalled.join().unwrap();
        assert_eq!(stalled.status, 408, "{}", stalled.text);
        assert!(stalled.error("stalled").2.contains("longer than 10 s"), "{}", stalled.text);
        let trickling = trickling.join().unwrap();
        assert!(trickling.starts_with("HTTP/1.1 408"), "{trickling}");
    });
    record("bodies that never end are cut", began.elapsed(), Duration::from_secs(13));
    assert_eq!(legacy.ask("DELETE", None).status, 204);
    nobody_is_here(&host, 0);
}

/// One process cannot take every place: it is told so, others are served, and its places come back.
/// Whether the host closed it.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn f56_connections_of_one_process_have_a_limit() {
    let host = host();
    let mut other = host.agent(Via::Quiet, "other");
    other.open("about:blank");
    let before = procs::descriptors(host.pid());
    let mut idle: Vec<TcpStream> = (0..512).map(|_| TcpStream::connect(host.http()).unwrap()).collect();
    let told = std::cell::RefCell::new(None);
    wait_for("the limit is reached", Duration::from_mins(1), || {
        // Those that say nothing for 10 s are closed: on a busy machine the first are before the last are counted.
        idle.retain(|stream| !is_closed(stream));
        while idle.len() < 512 {
            idle.push(TcpStream::connect(host.http()).unwrap());
        }
        // Without a session it is refused either way, and makes no client.
        let answer = Ask::new(&host).body(LIST).send(&host);
        let status = answer.status;
        *told.borrow_mut() = Some(answer);
        if status == 503 { Ok(()) } else { Err(format!("{status}")) }
    });
    let told = told.into_inner().unwrap();
    let (_, _, message) = told.error("too many");
    assert!(message.contains("Too many HTTP connections of one process (512)"), "{message}");
    assert!(message.contains("Close connections"), "{message}");
    assert!(told.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{:?}", told.headers);
    let began = Instant::now();
    other.evaluate("() => 1");
    record("another client's call in the storm", began.elapsed(), ms(500));
    // Whoever makes room is served again.
    idle.truncate(400);
    wait_for("there is room again", Duration::from_secs(5), || match modern(&host, "tools/list", &json!({})).0 {
        200 => Ok(()),
        status => Err(format!("{status}")),
    });
    drop(idle);
    wait_for("the descriptors are back", Duration::from_secs(10), || {
        let open = procs::descriptors(host.pid());
        if open <= before + 3 { Ok(()) } else { Err(format!("{open} after {before}")) }
    });
}

/// Answers that nobody reads any more are not kept for whoever might come back for them.
#[test]
fn answers_that_nobody_waits_for_are_not_kept() {
    let host = host();
    let legacy = Legacy::begin(&host, "hasty");
    legacy.call("browser_navigate", &json!({"url": "about:blank"}));
    let function = "() => Array.from({length: 20000}, (_, n) => `much ${n} `.padEnd(100, 'x'))";
    let cursor = legacy.call("browser_evaluate", &json!({"function": function})).1.cursor().to_owned();
    let page = json!({"cursor": cursor, "max_tokens": 60_000});
    let _events = legacy.listen();
    let size = legacy.call("cursor_read", &page).1.text.len();
    let round = |ids: std::ops::Range<u64>| {
        for id in ids {
            let mut stream = TcpStream::connect(host.http()).unwrap();
            stream.write_all(&legacy.bytes(&call_message(id, "cursor_read", &page))).unwrap();
            if id % 2 == 0 {
                // Its beginning is there, so the call runs; then it is taken back.
                stream.read_exact(&mut [0; 12]).unwrap();
                let stop = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
                assert_eq!(legacy.post(&stop).0, 202);
            }
        }
        // Answered after all of them.
        assert!(!legacy.call("cursor_list", &json!({})).1.is_error);
    };
    round(100..140);
    let before = procs::resident(host.pid());
    round(1_000..1_600);
    let grown = procs::resident(host.pid()).saturating_sub(before);
    let (sent, grown) = (600 * size / 1_000_000, grown / 1_000_000);
    assert!(sent > 40, "{sent} MB");
    assert!(grown < 20, "the host grew by {grown} MB for {sent} MB of answers");
    assert_eq!(legacy.ask("DELETE", None).status, 204);
}
