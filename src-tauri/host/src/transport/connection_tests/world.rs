//! A host, and clients at the other end of a socket pair.

use std::time::{Duration, Instant};

use ebb_core::{cleanup::Reason, settings::Settings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::super::*;
use crate::tools::testing::Bench;

pub(super) const SOON: Duration = Duration::from_secs(3);

/// A host, and connections to it.
pub(super) struct Place {
    pub(super) bench: Bench,
    pub(super) shared: Shared,
    pub(super) tasks: TaskTracker,
}

impl Place {
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let bench = Bench::with(settings);
        let shared = Shared {
            host: bench.host.clone(),
            stop: bench.host.stopping.clone(),
            home: None,
            transport: None,
            asked: None,
            ping: None,
        };
        Self { bench, shared, tasks: TaskTracker::new() }
    }

    pub(super) fn connect_as(&self, pid: Option<u32>) -> Client {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.tasks.spawn(serve(ours, pid, self.shared.clone()));
        let (read, write) = theirs.into_split();
        Client { read: BufReader::new(read), write, id: 0 }
    }

    pub(super) fn connect(&self) -> Client {
        self.connect_as(None)
    }

    /// Waits until nobody is here and nothing is held, and says why the last session ended.
    pub(super) async fn emptied(&self) -> Option<Reason> {
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

    pub(super) fn sessions(&self) -> usize {
        self.bench.host.manager.busy()
    }
}

pub(super) struct Client {
    pub(super) read: BufReader<OwnedReadHalf>,
    pub(super) write: OwnedWriteHalf,
    pub(super) id: u32,
}

impl Client {
    pub(super) async fn send(&mut self, message: Value) {
        let mut line = message.to_string().into_bytes();
        line.push(b'\n');
        self.write.write_all(&line).await.unwrap();
    }

    pub(super) async fn line(&mut self) -> Value {
        let mut line = String::new();
        timeout(SOON, self.read.read_line(&mut line)).await.expect("no answer in time").unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }

    pub(super) async fn begin(&mut self, method: &str, params: Value) -> u32 {
        self.id += 1;
        self.send(json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})).await;
        self.id
    }

    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        let answer = self.line().await;
        assert_eq!(answer["id"], json!(id), "{answer}");
        answer
    }

    pub(super) async fn initialize(&mut self) -> Value {
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
    pub(super) async fn tool(&mut self, name: &str, arguments: Value) -> String {
        let answer = self.ask("tools/call", json!({"name": name, "arguments": arguments})).await;
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub(super) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        timeout(SOON, self.read.read_to_end(&mut rest)).await.is_ok()
    }
}

/// `params` of a stateless request.
pub(super) fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "stateless", "version": "8"}
    });
    params
}

impl Client {
    pub(super) async fn initialize_refused(&mut self) -> Value {
        self.ask(
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}),
        )
        .await
    }
}
