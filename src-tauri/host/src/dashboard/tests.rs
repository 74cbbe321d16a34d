//! The dashboard as attackers and as its own page see it: raw bytes over a real connection.

use std::time::Duration;

use ebb_core::cleanup::AskedBy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Dashboard;
use crate::control::testing::Bench;

const SNAPSHOT: &str = r#"{"command":"snapshot"}"#;
const SOON: Duration = Duration::from_secs(5);

struct Site {
    bench: Bench,
    dashboard: Dashboard,
}

impl Site {
    fn start() -> Self {
        let bench = Bench::new();
        let dashboard = Dashboard::start(0, bench.control.clone()).unwrap();
        Self { bench, dashboard }
    }

    fn port(&self) -> u16 {
        self.dashboard.port()
    }

    fn host(&self) -> String {
        format!("Host: 127.0.0.1:{}", self.port())
    }

    fn code(&self) -> String {
        self.dashboard.url().split_once("#code=").unwrap().1.to_owned()
    }

    /// Sends a request as it is; answers with its status and everything.
    async fn raw(&self, request: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no answer: {answer}")), answer)
    }

    async fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> (u16, String) {
        let headers = headers.join("\r\n");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{headers}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        self.raw(request.as_bytes()).await
    }

    async fn post(&self, path: &str, headers: &[&str], body: &str) -> (u16, String) {
        let mut all = vec![self.host()];
        all.push("Content-Type: application/json".to_owned());
        all.extend(headers.iter().map(|header| (*header).to_owned()));
        self.send("POST", path, &all.iter().map(String::as_str).collect::<Vec<_>>(), body).await
    }

    /// Logs in; the cookie's header.
    async fn login(&self) -> String {
        let (status, answer) = self.post("/api/login", &[], &format!(r#"{{"code":"{}"}}"#, self.code())).await;
        assert_eq!(status, 200, "{answer}");
        let line = answer.lines().find(|line| line.to_lowercase().starts_with("set-cookie:")).unwrap();
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(line.contains(attribute), "{line}");
        }
        format!("Cookie: other=1; {}", line.split_once(':').unwrap().1.split(';').next().unwrap().trim())
    }
}

#[tokio::test]
async fn a_code_becomes_a_cookie_once_and_commands_work() {
    let site = Site::start();
    assert!(site.dashboard.url().starts_with(&format!("http://127.0.0.1:{}/#code=", site.port())));
    let code = format!(r#"{{"code":"{}"}}"#, site.code());
    assert_eq!(site.post("/api/login", &[], &code).await.0, 200);
    assert_eq!(site.post("/api/login", &[], &code).await.0, 401, "used");
    let cookie = site.login().await;
    let (status, answer) = site.post("/api/dispatch", &[&cookie], SNAPSHOT).await;
    assert_eq!(status, 200);
    assert!(answer.contains(r#""reply":"snapshot""#) && answer.contains("Cursor"), "{answer}");
    let session = site.bench.open("mine");
    let end = r#"{"command":"end_session","session":"mine","by":"cli"}"#;
    let (status, answer) = site.post("/api/dispatch", &[&cookie], end).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(session.as_str()) && answer.contains(r#""by":"dashboard""#), "it came from here: {answer}");
    let (status, answer) =
        site.post("/api/dispatch", &[&cookie], r#"{"command":"session","session":"ses_nobody"}"#).await;
    assert_eq!(status, 404);
    assert!(answer.contains(r#"{"error":{"code":"session_unknown","message":"#), "{answer}");
    assert_eq!(site.post("/api/dispatch", &[&cookie], r#"{"command":"rm"}"#).await.0, 400);
    assert_eq!(site.post("/api/dispatch", &[&cookie], r#"{"command":"quit","by":"tray"}"#).await.0, 200);
    assert_eq!(*site.bench.asked.quit.lock(), Some(AskedBy::Dashboard));
}

#[tokio::test]
async fn without_the_cookie_there_is_nothing() {
    let site = Site::start();
    let wrong = format!("Cookie: ebb_{}={}", site.port(), "0".repeat(64));
    let empty = format!("Cookie: ebb_{}=", site.port());
    for headers in [&[][..], &["Cookie: a=b"], &[&wrong], &[&empty]] {
        assert_eq!(site.post("/api/dispatch", headers, SNAPSHOT).await.0, 401, "{headers:?}");
        let host = site.host();
        let headers: Vec<&str> = headers.iter().copied().chain([host.as_str()]).collect();
        assert_eq!(site.send("GET", "/api/events", &headers, "").await.0, 401);
    }
    for code in ["", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "\\u0000"] {
        assert_eq!(site.post("/api/login", &[], &format!(r#"{{"code":"{code}"}}"#)).await.0, 401);
    }
    assert_eq!(site.post("/api/login", &[], "[").await.0, 401);
}

#[tokio::test]
async fn other_hosts_origins_and_sites_are_refused_on_every_path() {
    let site = Site::start();
    let cookie = site.login().await;
    let (port, host) = (site.port(), site.host());
    let with = |header: &str| vec![header.to_owned()];
    let mut attacks: Vec<Vec<String>> = vec![
        with("X: no host at all"),
        with("Host: evil.example"),
        vec![format!("Host: evil.example:{port}")],
        with("Host: 127.0.0.1"),
        vec![format!("Host: 127.0.0.1:{}", port ^ 1)],
        vec![format!("Host: 127.0.0.1.:{port}")],
        vec![format!("Host: 127.1:{port}")],
        vec![host.clone(), host.clone()],
        vec![host.clone(), format!("Host: evil.example:{port}")],
    ];
    for origin in [
        "null".to_owned(),
        "https://evil.example".to_owned(),
        format!("https://127.0.0.1:{port}"),
        "http://127.0.0.1".to_owned(),
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        String::new(),
    ] {
        attacks.push(vec![host.clone(), format!("Origin: {origin}")]);
    }
    attacks.push(vec![host.clone(), format!("Origin: http://127.0.0.1:{port}"), "Origin: null".to_owned()]);
    for value in ["cross-site", "same-site", "Cross-Site", "x"] {
        attacks.push(vec![host.clone(), format!("Sec-Fetch-Site: {value}")]);
    }
    for attack in attacks {
        let mut headers: Vec<&str> = attack.iter().map(String::as_str).collect();
        headers.extend([cookie.as_str(), "Content-Type: application/json"]);
        for (method, path, body) in [
            ("POST", "/api/dispatch", SNAPSHOT),
            ("POST", "/api/login", r#"{"code":"x"}"#),
            ("GET", "/api/events", ""),
            ("GET", "/", ""),
            ("GET", "/index.html", ""),
            ("OPTIONS", "/api/dispatch", ""),
        ] {
            let (status, answer) = site.send(method, path, &headers, body).await;
            assert_eq!(status, 403, "{attack:?} {path}: {answer}");
            assert!(!answer.contains("Cursor"), "{attack:?} {path}");
            assert!(!answer.to_lowercase().contains("access-control-"), "{attack:?} {path}");
        }
    }
    let absolute = format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n");
    assert_eq!(site.raw(absolute.as_bytes()).await.0, 403);
    for name in ["127.0.0.1", "localhost", "[::1]"] {
        let (host, origin) = (format!("Host: {name}:{port}"), format!("Origin: http://{name}:{port}"));
        let headers = [
            host.as_str(),
            &origin,
            "Sec-Fetch-Site: same-origin",
            "Content-Type: application/json; charset=utf-8",
            &cookie,
        ];
        assert_eq!(site.send("POST", "/api/dispatch", &headers, SNAPSHOT).await.0, 200, "{name}");
    }
}

#[tokio::test]
async fn only_json_is_read_and_only_so_much() {
    let site = Site::start();
    let (host, cookie) = (site.host(), site.login().await);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
        "text/plain; application/json",
    ] {
        let kind = format!("Content-Type: {kind}");
        for path in ["/api/dispatch", "/api/login"] {
            assert_eq!(site.send("POST", path, &[&host, &cookie, &kind], SNAPSHOT).await.0, 415, "{kind}");
        }
    }
    assert_eq!(site.send("POST", "/api/dispatch", &[&host, &cookie], SNAPSHOT).await.0, 415);
    let large = format!(r#"{{"command":"report","report":"{}"}}"#, "x".repeat(1024 * 1024));
    assert_eq!(site.post("/api/dispatch", &[&cookie], &large).await.0, 413);
    for (method, path) in [
        ("GET", "/api/dispatch"),
        ("GET", "/api/login"),
        ("PUT", "/api/dispatch"),
        ("POST", "/api/events"),
        ("POST", "/"),
    ] {
        let headers = [host.as_str(), &cookie, "Content-Type: application/json"];
        assert_eq!(site.send(method, path, &headers, SNAPSHOT).await.0, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn files_come_with_the_headers_and_never_from_the_disk() {
    let site = Site::start();
    let host = site.host();
    let (status, answer) = site.send("GET", "/", &[&host], "").await;
    let lower = answer.to_lowercase();
    assert_eq!(status, 200);
    for part in [
        "content-security-policy: default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "content-type: text/html",
        "<!doctype html>",
    ] {
        assert!(lower.contains(part), "{part}: {answer}");
    }
    for path in
        ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd", "/assets", "/api", "/api/", "/api/nothing", "/thumb/x"]
    {
        let (status, answer) = site.send("GET", path, &[&host], "").await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    let (_, answer) = site.post("/api/dispatch", &[], SNAPSHOT).await;
    assert!(answer.to_lowercase().contains("cache-control: no-store"));
}

#[tokio::test]
async fn events_begin_with_the_picture_and_end_with_the_server() {
    let site = Site::start();
    let cookie = site.login().await;
    let mut stream = TcpStream::connect(("127.0.0.1", site.port())).await.unwrap();
    let request = format!("GET /api/events HTTP/1.1\r\n{}\r\n{cookie}\r\n\r\n", site.host());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut read_until = async |part: &str| {
        let mut buffer = vec![0; 64 * 1024];
        while !seen.contains(part) {
            let count = timeout(SOON, stream.read(&mut buffer)).await.unwrap().unwrap();
            assert!(count > 0, "{part} never came: {seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        seen.clone()
    };
    let first = read_until("\n\n").await;
    assert!(first.to_lowercase().contains("content-type: text/event-stream"), "{first}");
    let first = read_until(r#"data: {"snapshot":{"#).await;
    assert!(!first.contains(r#""event""#));
    let session = site.bench.open("mine");
    let opened = read_until(r#""event":"session""#).await;
    assert!(opened.contains(session.as_str()));
    site.dashboard.stop().await;
    let mut rest = Vec::new();
    timeout(SOON, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", site.port())).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn it_listens_on_loopback_and_says_when_it_cannot() {
    let site = Site::start();
    let error = Dashboard::start(site.port(), site.bench.control.clone()).unwrap_err();
    assert!(error.message.contains("127.0.0.1") && error.next.is_some());
    assert!(site.dashboard.address.ip().is_loopback());
}
