//! HTTP as plain as it gets: a request, and the lines of its answer as they come. Enough to speak MCP, and
//! to speak it wrongly on purpose.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

/// How long an answer may be silent.
const SILENCE: Duration = Duration::from_secs(150);

/// The beginning of an answer, and the way to the rest.
pub struct HttpAnswer {
    /// `200`.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    body: BufReader<Box<dyn Read + Send>>,
    chunked: bool,
    length: usize,
}

impl HttpAnswer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The whole body.
    #[must_use]
    pub fn text(mut self) -> String {
        let mut text = Vec::new();
        while let Some(piece) = self.piece() {
            text.extend(piece);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Calls `each` with every JSON message of the body as it comes: of an event stream, or the one of a
    /// plain answer.
    pub fn messages(mut self, mut each: impl FnMut(Value)) {
        let stream = self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let mut rest = Vec::new();
        while let Some(piece) = self.piece() {
            rest.extend(piece);
            while let (true, Some(end)) = (stream, rest.iter().position(|byte| *byte == b'\n')) {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                if let Some(message) = line.strip_prefix("data:").and_then(|data| serde_json::from_str(data).ok()) {
                    each(message);
                }
            }
        }
        if let (false, Ok(message)) = (stream, serde_json::from_slice(&rest)) {
            each(message);
        }
    }

    fn piece(&mut self) -> Option<Vec<u8>> {
        let size = if self.chunked {
            let mut line = String::new();
            self.body.read_line(&mut line).ok()?;
            usize::from_str_radix(line.trim(), 16).ok().filter(|size| *size > 0)?
        } else {
            std::mem::take(&mut self.length)
        };
        if size == 0 {
            return None;
        }
        let mut piece = vec![0; size];
        self.body.read_exact(&mut piece).ok()?;
        if self.chunked {
            self.body.read_line(&mut String::new()).ok()?;
        }
        Some(piece)
    }
}

/// Sends bytes as they are and reads the head of the answer; an error says that there was none.
///
/// # Errors
/// What the system says, or that the connection ended first.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> std::io::Result<HttpAnswer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SILENCE))?;
    // A server that refuses early may close before it has read everything.
    drop(stream.write_all(bytes));
    answer(Box::new(stream))
}

fn answer(stream: Box<dyn Read + Send>) -> std::io::Result<HttpAnswer> {
    let mut body = BufReader::new(stream);
    let mut line = String::new();
    body.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no answer but {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        body.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let find = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let chunked = find("transfer-encoding") == Some("chunked");
    let length = find("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    Ok(HttpAnswer { status, headers, body, chunked, length })
}

/// A request of MCP with these headers; a body makes it a POST unless `method` says otherwise.
///
/// # Errors
/// Those of [`raw`].
pub fn request(
    address: SocketAddr,
    method: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> std::io::Result<HttpAnswer> {
    request_at(address, method, "/mcp", headers, body)
}

/// The same at another place than `/mcp`.
///
/// # Errors
/// Those of [`raw`].
pub fn request_at(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> std::io::Result<HttpAnswer> {
    raw(address, message(&address.to_string(), &format!("{method} {target}"), headers, body).as_bytes())
}

/// The same to the local socket.
///
/// # Errors
/// Those of [`raw`].
pub fn over_socket(
    socket: &Path,
    method: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> std::io::Result<HttpAnswer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(SILENCE))?;
    drop(stream.write_all(message("localhost", &format!("{method} /mcp"), headers, body).as_bytes()));
    answer(Box::new(stream))
}

fn message(host: &str, line: &str, headers: &[(&str, &str)], body: Option<&Value>) -> String {
    let body = body.map(Value::to_string).unwrap_or_default();
    let given = headers.iter().find(|(name, _)| *name == "Host");
    let host = given.map_or(host, |(_, given)| given);
    let mut head = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    head += "Accept: application/json, text/event-stream\r\n";
    if !body.is_empty() {
        write!(head, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()).unwrap();
    }
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Host") {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    format!("{head}\r\n{body}")
}
