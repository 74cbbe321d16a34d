//! MCP as a client speaks it, over whatever carries lines.

use std::time::Duration;

use serde_json::{Value, json};

/// How long an answer may take: longer than any deadline of the host.
const PATIENCE: Duration = Duration::from_secs(150);

/// What a client says first; the first of the lines is answered.
#[must_use]
pub fn hello_messages(name: &str) -> [Value; 2] {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": name, "version": "1.0"},
    });
    [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized", "params": {}}),
    ]
}

/// One call of a tool.
#[must_use]
pub fn call_message(id: u64, tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
}

/// A request of revision 2026-07-28: it says everything about itself.
#[must_use]
pub fn modern_message(id: u64, method: &str, params: &Value, name: &str) -> Value {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": name, "version": "1.0"},
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// The headers that go with it.
#[must_use]
pub fn modern_headers(message: &Value) -> Vec<(&'static str, String)> {
    let method = message["method"].as_str().unwrap_or_default().to_owned();
    let mut headers = vec![("MCP-Protocol-Version", "2026-07-28".to_owned()), ("Mcp-Method", method)];
    if let Some(name) = message["params"]["name"].as_str() {
        headers.push(("Mcp-Name", name.to_owned()));
    }
    headers
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The text of the first block; the message where the protocol itself refused.
    pub text: String,
    /// The MIME types of the pictures after it.
    pub images: Vec<String>,
    /// Whether the tool failed, or the protocol did.
    pub is_error: bool,
    /// `_meta["ebb/result"]`, null without.
    pub meta: Value,
}

impl Answer {
    /// From a message with a result or an error.
    #[must_use]
    pub fn of(message: &Value) -> Self {
        if let Some(error) = message.get("error") {
            return Self {
                text: error["message"].as_str().unwrap_or_default().to_owned(),
                images: Vec::new(),
                is_error: true,
                meta: error.clone(),
            };
        }
        let result = &message["result"];
        let parts = result["content"].as_array().into_iter().flatten();
        Self {
            images: parts.filter_map(|part| part["mimeType"].as_str().map(str::to_owned)).collect(),
            text: result["content"][0]["text"].as_str().unwrap_or_default().to_owned(),
            is_error: result["isError"].as_bool().unwrap_or_default(),
            meta: result["_meta"]["ebb/result"].clone(),
        }
    }

    /// The answer, which must not be an error.
    #[must_use]
    pub fn ok(self) -> Self {
        assert!(!self.is_error, "the call failed: {}", self.text);
        self
    }

    /// The answer, which must be an error.
    #[must_use]
    pub fn err(self) -> Self {
        assert!(self.is_error, "the call did not fail: {}", self.text);
        self
    }

    /// The code of an error.
    #[must_use]
    pub fn code(&self) -> &str {
        self.meta["code"].as_str().unwrap_or_default()
    }

    /// The cursor that holds the rest.
    #[must_use]
    pub fn cursor(&self) -> &str {
        self.meta["cursor"].as_str().unwrap_or_else(|| panic!("no cursor in: {} {}", self.meta, self.text))
    }

    /// The body of a section, its fence taken off; none where the section is missing.
    #[must_use]
    pub fn section(&self, title: &str) -> Option<&str> {
        let head = format!("### {title}\n");
        let at = if self.text.starts_with(&head) { 0 } else { self.text.find(&format!("\n{head}"))? + 1 };
        let rest = &self.text[at + head.len()..];
        let body = match rest.strip_prefix("```").and_then(|fenced| fenced.split_once('\n')) {
            Some((_, fenced)) => return Some(fenced.split_once("\n```").map_or(fenced, |(body, _)| body)),
            None => rest,
        };
        Some(body.split_once("\n### ").map_or(body, |(body, _)| body))
    }

    /// The section, which must be there.
    #[must_use]
    pub fn must(&self, title: &str) -> &str {
        self.section(title).unwrap_or_else(|| panic!("no section {title} in: {}", self.text))
    }

    /// The ref of the first line of the snapshot that contains `words`; of one that says what changed, not of what
    /// went.
    #[must_use]
    pub fn reference(&self, words: &str) -> String {
        let snapshot = self.must("Snapshot");
        let is_diff = snapshot.starts_with("# Changes since");
        let stands = |line: &&str| line.contains(words) && !(is_diff && line.starts_with('-'));
        let line = snapshot.lines().find(stands);
        let line = line.unwrap_or_else(|| panic!("no {words} in: {}", self.text));
        let rest = line.split_once("[ref=").unwrap_or_else(|| panic!("no ref: {line}")).1;
        rest.split(']').next().unwrap_or_default().to_owned()
    }
}

/// Whatever calls tools.
pub trait Calls {
    /// Sends a call and does not wait.
    fn send(&mut self, tool: &str, arguments: Value) -> u64;

    /// Waits for the answer to a call; an error says that the connection ended, or the time.
    fn answer(&mut self, id: u64, deadline: Duration) -> Result<Answer, String>;

    /// Calls a tool and waits for whatever it says.
    fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        let id = self.send(tool, arguments);
        self.answer(id, PATIENCE).unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    /// Calls a tool that must work.
    fn ok(&mut self, tool: &str, arguments: Value) -> Answer {
        let id = self.send(tool, arguments);
        let answer = self.answer(id, PATIENCE).unwrap_or_else(|error| panic!("{tool}: {error}"));
        assert!(!answer.is_error, "{tool} failed: {}", answer.text);
        answer
    }

    /// Opens a page.
    fn open(&mut self, url: &str) -> Answer {
        self.ok("browser_navigate", json!({"url": url}))
    }

    /// What a function in the page returns, as the tool prints it.
    fn evaluate(&mut self, function: &str) -> String {
        self.ok("browser_evaluate", json!({"function": function})).must("Result").to_owned()
    }

    /// A cursor over a text of `kilobytes` KB and more, and its first page.
    fn large(&mut self, mark: &str, kilobytes: usize) -> Answer {
        // Lines of 100 characters, each with its number: a mix-up would show.
        let lines = kilobytes * 10 + 30;
        let function = format!("() => Array.from({{length: {lines}}}, (_, n) => `{mark} ${{n}} `.padEnd(100, 'x'))");
        let answer = self.ok("browser_evaluate", json!({"function": function}));
        assert!(answer.meta["cursor"].is_string(), "{kilobytes} KB made no cursor: {}", answer.text);
        answer
    }
}
