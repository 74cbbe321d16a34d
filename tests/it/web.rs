//! Clients over HTTP that the tests speak for themselves, in both eras.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};
use support::{Answer, TestHost, call_message, hello_messages, http, modern_headers, modern_message, wait_for};

/// A client with an `Mcp-Session-Id`.
pub(crate) struct Legacy {
    address: SocketAddr,
    token: String,
    /// Its id.
    pub(crate) id: String,
}

impl Legacy {
    /// Begins a session.
    pub(crate) fn begin(host: &TestHost, name: &str) -> Self {
        Self::try_begin(host, name).unwrap_or_else(|answer| panic!("{name} cannot begin: {answer:?}"))
    }

    /// The same where it may be refused: status and message.
    pub(crate) fn try_begin(host: &TestHost, name: &str) -> Result<Self, (u16, String)> {
        let token = bearer(host);
        let [initialize, initialized] = hello_messages(name);
        let answer = http::request(host.http(), "POST", &[("Authorization", &token)], Some(&initialize)).unwrap();
        let (status, id) = (answer.status, answer.header("mcp-session-id").map(str::to_owned));
        let Some(id) = id else { return Err((status, answer.text())) };
        drop(answer.text());
        let legacy = Self { address: host.http(), token, id };
        assert_eq!(legacy.post(&initialized).0, 202);
        Ok(legacy)
    }

    /// The same id with the token that the host has now.
    pub(crate) fn with_token(&self, host: &TestHost) -> Self {
        Self { address: self.address, token: bearer(host), id: self.id.clone() }
    }

    /// Any request.
    pub(crate) fn ask(&self, method: &str, message: Option<&Value>) -> http::HttpAnswer {
        let headers = [("Authorization", self.token.as_str()), ("Mcp-Session-Id", self.id.as_str())];
        http::request(self.address, method, &headers, message).unwrap()
    }

    /// A message, and what comes back.
    pub(crate) fn post(&self, message: &Value) -> (u16, Vec<Value>) {
        let answer = self.ask("POST", Some(message));
        let (status, mut messages) = (answer.status, Vec::new());
        answer.messages(|message| messages.push(message));
        (status, messages)
    }

    /// A tool's answer.
    pub(crate) fn call(&self, tool: &str, arguments: &Value) -> (u16, Answer) {
        let (status, messages) = self.post(&call_message(7, tool, arguments));
        let answer = messages.iter().find(|message| message["id"] == 7);
        (status, Answer::of(answer.unwrap_or(&Value::Null)))
    }

    /// The bytes of a request with this message.
    pub(crate) fn bytes(&self, message: &Value) -> Vec<u8> {
        let (body, Self { address, token, id }) = (message.to_string(), self);
        let head =
            format!("POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nMcp-Session-Id: {id}\r\n");
        let kind = "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n";
        format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// Opens an event stream and leaves it open.
    pub(crate) fn listen(&self) -> TcpStream {
        let head = format!(
            "GET /mcp HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nAuthorization: {}\r\nMcp-Session-Id: {}\r\n\r\n",
            self.address, self.token, self.id
        );
        open_stream(self.address, head.as_bytes())
    }
}

/// Sends a request and waits until its answer has begun.
pub(crate) fn open_stream(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// Reads until this has come.
pub(crate) fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut said = Vec::new();
    while !said.ends_with(end.as_bytes()) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The header that the port asks for.
pub(crate) fn bearer(host: &TestHost) -> String {
    format!("Bearer {}", host.token())
}

/// The bytes of a modern request.
pub(crate) fn modern_bytes(host: &TestHost, message: &Value) -> Vec<u8> {
    let mut headers = modern_headers(message);
    headers.push(("Authorization", bearer(host)));
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let lines = lines.concat();
    let body = message.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        host.http(),
        body.len()
    )
    .into_bytes()
}

/// A modern request of this process, and what comes back.
pub(crate) fn modern(host: &TestHost, method: &str, params: &Value) -> (u16, Vec<Value>) {
    let message = modern_message(5, method, params, "modern test");
    let mut headers = modern_headers(&message);
    headers.push(("Authorization", bearer(host)));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = http::request(host.http(), "POST", &headers, Some(&message)).unwrap();
    let (status, mut messages) = (answer.status, Vec::new());
    answer.messages(|message| messages.push(message));
    (status, messages)
}

/// A tool's answer to a modern request of this process.
pub(crate) fn modern_call(host: &TestHost, tool: &str, arguments: &Value) -> Answer {
    let (_, messages) = modern(host, "tools/call", &json!({"name": tool, "arguments": arguments}));
    Answer::of(messages.iter().find(|message| message["id"] == 5).unwrap_or(&Value::Null))
}

/// An address that was free a moment ago, for a host that is started again.
pub(crate) fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits until the control API knows no such session.
pub(crate) fn ended(host: &TestHost, session: &str) {
    let control = host.control();
    wait_for("the session ends", Duration::from_secs(40), || match control.session(session) {
        Err(_) => Ok(()),
        Ok(view) => Err(format!("idle {} s", view.session.idle_s)),
    });
}
