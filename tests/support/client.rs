//! A client inside the test's own process.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::mcp::{Answer, Calls, call_message, hello_messages};

/// How long a host may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// A connection to the MCP socket. Dropping it closes it.
pub struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
    answers: HashMap<u64, Value>,
    next: u64,
    name: String,
}

impl Client {
    /// Connects and shakes hands; `name` is what the dashboard shows.
    #[must_use]
    pub fn connect(socket: &Path, name: &str) -> Self {
        let mut client = Self::silent(socket, name);
        let [initialize, initialized] = hello_messages(name);
        client.line(&initialize);
        client.message(0, HANDSHAKE).unwrap_or_else(|error| panic!("{name} cannot shake hands: {error}"));
        client.line(&initialized);
        client
    }

    /// The same for a client whose bridge was started with these options.
    #[must_use]
    pub fn connect_with(socket: &Path, name: &str, flags: &[&str]) -> Self {
        let mut client = Self::silent(socket, name);
        let params = serde_json::json!({"flags": flags, "version": env!("CARGO_PKG_VERSION")});
        client.line(&serde_json::json!({"jsonrpc": "2.0", "method": "notifications/ebb/hello", "params": params}));
        let [initialize, initialized] = hello_messages(name);
        client.line(&initialize);
        client.message(0, HANDSHAKE).unwrap_or_else(|error| panic!("{name} cannot shake hands: {error}"));
        client.line(&initialized);
        client
    }

    /// Connects and says nothing.
    #[must_use]
    pub fn silent(socket: &Path, name: &str) -> Self {
        let stream = UnixStream::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        Self { stream, buffer: Vec::new(), answers: HashMap::new(), next: 1, name: name.to_owned() }
    }

    /// What it calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends one message.
    pub fn line(&mut self, message: &Value) {
        self.bytes(format!("{message}\n").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the host takes lines");
    }

    /// Says that nothing more comes, and still reads.
    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("a stream can be half closed");
    }

    /// Its own end of the connection.
    #[must_use]
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Waits until the host ends the connection.
    pub fn ended(&mut self, deadline: Duration) -> Result<(), String> {
        match self.message(u64::MAX, deadline) {
            Err(error) if error.contains("ended") => Ok(()),
            Err(error) => Err(error),
            Ok(message) => Err(format!("an answer nobody asked for: {message}")),
        }
    }

    fn message(&mut self, id: u64, deadline: Duration) -> Result<Value, String> {
        let end = Instant::now() + deadline;
        let mut chunk = vec![0_u8; 64 * 1024];
        loop {
            if let Some(message) = self.answers.remove(&id) {
                return Ok(message);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("no answer within {deadline:?}"));
            }
            self.stream.set_read_timeout(Some(left)).expect("a socket has time limits");
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err("the host ended the connection".to_owned()),
                Ok(read) => self.take(&chunk[..read]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                }
                Err(error) => return Err(format!("the connection ended: {error}")),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let message: Value = serde_json::from_slice(&line).expect("the host sends JSON lines");
            if let Some(id) = message["id"].as_u64().filter(|_| message.get("method").is_none()) {
                self.answers.insert(id, message);
            }
        }
    }
}

impl Calls for Client {
    fn send(&mut self, tool: &str, arguments: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.line(&call_message(id, tool, &arguments));
        id
    }

    fn answer(&mut self, id: u64, deadline: Duration) -> Result<Answer, String> {
        self.message(id, deadline).map(|message| Answer::of(&message))
    }
}
