//! F55 to F57, F65 to F67: what the HTTP port refuses, and that it goes on after each.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{HostArgs, TestHost, hello_messages, http, modern_headers, modern_message, ms, record, wait_for};

fn host() -> TestHost {
    TestHost::with(HostArgs { http: true, ..HostArgs::default() })
}

/// The status of a POST of `initialize` with these headers instead of the usual ones; 0 where the
/// connection was cut.
fn begin(host: &TestHost, change: impl FnOnce(&mut Vec<(String, String)>)) -> u16 {
    let body = hello_messages("door")[0].to_string();
    let mut headers: Vec<(String, String)> = [
        ("Host", host.http().to_string()),
        ("Authorization", format!("Bearer {}", host.token())),
        ("Accept", "application/json, text/event-stream".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("Connection", "close".to_owned()),
        ("Content-Length", body.len().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    change(&mut headers);
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = lines.concat();
    let bytes = format!("POST /mcp HTTP/1.1\r\n{head}\r\n{body}");
    http::raw(host.http(), bytes.as_bytes()).map_or(0, |answer| answer.status)
}

fn set(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    headers.retain(|(own, _)| own != name);
    headers.push((name.to_owned(), value.to_owned()));
}

#[test]
fn f55_attacks_are_refused_and_it_goes_on() {
    let host = host();
    let port = host.http().port();
    let rss = || support::procs::resident(host.pid());
    let before = rss();
    assert_eq!(begin(&host, |_| {}), 200);
    let other = port.wrapping_add(1);
    let hosts = [
        "evil.example",
        "127.0.0.1",
        &format!("127.0.0.1:{other}"),
        &format!("evil.example:{port}"),
        &format!("127.0.0.1.evil.example:{port}"),
        &format!("localhost.:{port}"),
        "",
        &format!("0.0.0.0:{port}"),
        &format!("127.1:{port}"),
        &format!("2130706433:{port}"),
        &format!("[::ffff:127.0.0.1]:{port}"),
    ];
    for wrong in hosts {
        assert_eq!(begin(&host, |headers| set(headers, "Host", wrong)), 403, "Host {wrong}");
    }
    for own in [format!("localhost:{port}"), format!("[::1]:{port}"), format!("LocalHost:{port}")] {
        assert_eq!(begin(&host, |headers| set(headers, "Host", &own)), 200, "Host {own}");
    }
    assert!([400, 403].contains(&begin(&host, |headers| headers.push(("Host".into(), "evil".into())))), "two Hosts");
    assert!([400, 403].contains(&begin(&host, |headers| headers.retain(|(name, _)| name != "Host"))), "no Host");
    let origins = [
        "null",
        "http://evil.example",
        &format!("https://127.0.0.1:{port}"),
        "http://127.0.0.1",
        &format!("http://localhost:{other}"),
        &format!("http://evil.example:{port}"),
        "file://",
        "",
        "http://",
        &format!("http://127.0.0.1:{port}.evil.example"),
        "chrome-extension://abc",
        &format!("http://127.0.0.1:{port}@evil"),
    ];
    for wrong in origins {
        assert_eq!(begin(&host, |headers| set(headers, "Origin", wrong)), 403, "Origin {wrong}");
    }
    assert_eq!(begin(&host, |headers| set(headers, "Origin", &format!("http://127.0.0.1:{port}"))), 200);
    for wrong in ["cross-site", "same-site", "CROSS-SITE", "other"] {
        assert_eq!(begin(&host, |headers| set(headers, "Sec-Fetch-Site", wrong)), 403, "{wrong}");
    }
    let token = host.token();
    let tokens = [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token}0"),
        format!("Bearer {}", token.to_uppercase().replace(char::is_numeric, "0")),
        format!("Bearer {token}, Bearer {token}"),
        "Bearer null".into(),
    ];
    for wrong in tokens {
        assert_eq!(begin(&host, |headers| set(headers, "Authorization", &wrong)), 401, "{wrong:?}");
    }
    assert_eq!(begin(&host, |headers| headers.retain(|(name, _)| name != "Authorization")), 401);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        assert_eq!(begin(&host, |headers| set(headers, "Content-Type", kind)), 415, "{kind}");
    }
    // Sizes: announced, and not.
    assert_eq!(begin(&host, |headers| set(headers, "Content-Length", "99999999999")), 413);
    assert_eq!(begin(&host, |headers| set(headers, "Content-Length", &(4 * 1024 * 1024 + 1).to_string())), 413);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
    let large = format!("{head}{}0\r\n\r\n", chunk.repeat(6));
    let status = http::raw(host.http(), large.as_bytes()).map_or(0, |answer| answer.status);
    assert!([413, 0].contains(&status), "{status}");
    // Methods and places.
    let authorized = format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    for (line, expected) in [
        ("OPTIONS /mcp HTTP/1.1", vec![405]),
        ("PUT /mcp HTTP/1.1", vec![405]),
        ("PATCH /mcp HTTP/1.1", vec![405]),
        ("TRACE /mcp HTTP/1.1", vec![405]),
        ("HEAD /mcp HTTP/1.1", vec![405]),
        ("GET / HTTP/1.1", vec![404]),
        ("GET /.well-known/oauth-authorization-server HTTP/1.1", vec![404]),
        ("POST /register HTTP/1.1", vec![404]),
        ("GET /../../etc/passwd HTTP/1.1", vec![400, 404]),
        ("GET /mcp/../secret HTTP/1.1", vec![404]),
        ("GET http://127.0.0.1/mcp HTTP/1.1", vec![400, 403]),
        ("CONNECT evil:80 HTTP/1.1", vec![400, 403, 404, 405]),
        ("GET /mcp HTTP/1.1", vec![400, 406]),
        ("DELETE /mcp HTTP/1.1", vec![400]),
    ] {
        let status =
            http::raw(host.http(), format!("{line}\r\n{authorized}").as_bytes()).map_or(0, |answer| answer.status);
        assert!(expected.contains(&status), "{line}: {status}");
    }
    // What is no HTTP, and two requests that are meant to be read as one.
    let smuggled = format!(
        "POST /mcp HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n{authorized}0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    );
    let bad = [
        "GARBAGE\r\n\r\n".to_owned(),
        "\0\0\0\0".repeat(64),
        "GET /mcp HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\n{authorized}", "a".repeat(100_000)),
        format!("GET /mcp HTTP/1.1\r\nX: {}\r\n{authorized}", "b".repeat(600_000)),
        format!("GET /mcp HTTP/1.1\r\n{}{authorized}", "A: b\r\n".repeat(2_000)),
        format!("POST /mcp HTTP/1.1\r\nContent-Length: -1\r\n{authorized}"),
        format!("POST /mcp HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n{authorized}x"),
        format!("GET /mcp HTTP/1.1\r\nHost : x\r\n{authorized}"),
        smuggled,
    ];
    for bytes in &bad {
        let status = http::raw(host.http(), bytes.as_bytes()).map_or(0, |answer| answer.status);
        assert!(status == 0 || (400..=505).contains(&status), "{}: {status}", &bytes[..bytes.len().min(60)]);
    }
    // Sessions of nobody.
    for id in ["x", "bc77831b-308e-40a2-8513-92a3d5f680e8", "../../etc", &"f".repeat(4_000)] {
        for method in ["POST", "GET", "DELETE"] {
            let bearer = format!("Bearer {token}");
            let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
            let answer = http::request(
                host.http(),
                method,
                &[("Authorization", &bearer), ("Mcp-Session-Id", id)],
                (method == "POST").then_some(&list),
            );
            assert_eq!(answer.unwrap().status, 404, "{method} {id}");
        }
    }
    assert_eq!(begin(&host, |_| {}), 200, "it goes on");
    let grown = rss().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "it grew by {} MB", grown / 1024 / 1024);
    assert_eq!(host.control().snapshot().sessions.len(), 0, "nobody got a session");
    // No answer says where else one may ask from.
    let bearer = format!("Bearer {token}");
    let answer =
        http::request(host.http(), "POST", &[("Authorization", &bearer)], Some(&hello_messages("x")[0])).unwrap();
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
}

/// F56: three hundred connections that send a byte now and then; a good request is answered all the same,
/// and the slow ones are cut.
#[test]
fn f56_slowloris() {
    let host = host();
    let slow: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(host.http()).unwrap();
            stream.write_all(b"POST /mcp HTTP/1.1\r\nHost: 127").unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    assert_eq!(begin(&host, |_| {}), 200);
    record("f56: a good request", began.elapsed(), ms(1_000));
    let mut cut = 0;
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_secs(40).saturating_sub(began.elapsed()).max(ms(10)))).unwrap();
        let mut rest = Vec::new();
        // Either an answer and the end, or just the end.
        cut += u32::from(stream.read_to_end(&mut rest).is_ok());
    }
    record("f56: all are cut", began.elapsed(), Duration::from_secs(10) + ms(1_500));
    assert_eq!(cut, 300);
    wait_for("the descriptors are back", Duration::from_secs(10), || {
        let open = support::procs::descriptors(host.pid());
        if open < 100 { Ok(()) } else { Err(format!("{open} descriptors")) }
    });
}

type Headers = Vec<(&'static str, String)>;

/// F57: a modern request whose header and body disagree, or that says too little.
#[test]
fn f57_modern_mismatches() {
    let host = host();
    let bearer = format!("Bearer {}", host.token());
    let ask = |message: &Value, change: &dyn Fn(&mut Headers)| {
        let mut headers = modern_headers(message);
        headers.push(("Authorization", bearer.clone()));
        change(&mut headers);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = http::request(host.http(), "POST", &headers, Some(message)).unwrap();
        let (status, mut code) = (answer.status, None);
        answer.messages(|message| code = message["error"]["code"].as_i64());
        (status, code)
    };
    let list = modern_message(1, "tools/list", &json!({}), "x");
    assert_eq!(ask(&list, &|_| {}), (200, None));
    let version = |value: &'static str| {
        move |headers: &mut Headers| {
            headers.retain(|(name, _)| *name != "MCP-Protocol-Version");
            headers.push(("MCP-Protocol-Version", value.to_owned()));
        }
    };
    assert_eq!(ask(&list, &version("2025-11-25")), (400, Some(-32020)), "header and body disagree");
    let mut unknown = list.clone();
    unknown["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    assert_eq!(ask(&unknown, &version("2099-01-01")).0, 400, "an unknown version");
    let nothing = modern_message(2, "no/such/method", &json!({}), "x");
    assert_eq!(ask(&nothing, &|_| {}), (404, Some(-32601)));
    let without = |header: &'static str| move |headers: &mut Headers| headers.retain(|(name, _)| *name != header);
    assert_eq!(ask(&list, &without("Mcp-Method")), (400, Some(-32020)));
    let call = modern_message(3, "tools/call", &json!({"name": "cursor_list", "arguments": {}}), "x");
    assert_eq!(ask(&call, &|_| {}), (200, None));
    assert_eq!(ask(&call, &without("Mcp-Name")), (400, Some(-32020)));
}

/// F65, F66: the token stands nowhere but in its file, and no port but ours listens.
#[test]
fn f65_f66_the_token_stays_in_its_file() {
    let host = host();
    let token = host.token();
    assert_eq!(begin(&host, |_| {}), 200);
    let mut agent = host.agent(support::Via::Modern, "agent");
    support::Calls::open(&mut agent, "about:blank");
    let own = agent.pid();
    for process in host.place().processes().into_iter().filter(|process| process.pid != own) {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{}/{file}", process.pid)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(&token), "{} of {}", file, process.brief());
        }
    }
    assert!(!host.log().contains(&token), "the log");
    let snapshot = serde_json::to_string(&host.control().snapshot()).unwrap();
    assert!(!snapshot.contains(&token), "the snapshot");
    let ports = listening(&host);
    assert_eq!(ports, [host.http().port()], "ports");
    drop(agent);
    let without = TestHost::start();
    assert_eq!(listening(&without), Vec::<u16>::new(), "no port without HTTP");
}

/// TCP ports that processes of this host listen on.
fn listening(host: &TestHost) -> Vec<u16> {
    let mut inodes = std::collections::BTreeSet::new();
    for process in host.processes() {
        for entry in std::fs::read_dir(format!("/proc/{}/fd", process.pid)).into_iter().flatten().flatten() {
            if let Ok(link) = std::fs::read_link(entry.path()) {
                inodes.insert(link.to_string_lossy().into_owned());
            }
        }
    }
    let mut ports = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in std::fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            if fields[3] == "0A" && inodes.contains(&format!("socket:[{}]", fields[9])) {
                let port = fields[1].rsplit(':').next().unwrap();
                ports.push(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}
