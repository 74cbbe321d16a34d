//! A server on standard streams with nothing between it and the clock.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use support::{call_message, hello_messages};

/// A running server. Dropping it ends its input and waits for it.
pub(crate) struct StdioServer {
    child: Child,
    up: Option<ChildStdin>,
    down: BufReader<ChildStdout>,
    next: u64,
}

impl StdioServer {
    /// Starts one; its `initialize` is answered when this returns.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let (up, down) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut server = Self { child, up, down, next: 1 };
        let [initialize, initialized] = hello_messages("bench");
        server.send(&initialize);
        server.answer(0);
        server.send(&initialized);
        server
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Calls a tool that must work; the text of its answer.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> String {
        let id = self.next;
        self.next += 1;
        self.send(&call_message(id, tool, arguments));
        let answer = self.answer(id);
        let result = &answer["result"];
        assert!(result["content"].is_array() && result["isError"] != true, "{tool} failed: {answer}");
        result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }

    fn send(&mut self, message: &Value) {
        let up = self.up.as_mut().unwrap();
        up.write_all(format!("{message}\n").as_bytes()).and_then(|()| up.flush()).expect("it reads");
    }

    fn answer(&mut self, id: u64) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.down.read_line(&mut line).expect("it writes") > 0, "it ended");
            let message: Value = serde_json::from_str(&line).expect("lines of JSON");
            if message.get("method").is_none() && message["id"] == id {
                return message;
            }
            // A question of the server (its client's roots, say): this client has nothing to say to it.
            if let (Some(_), Some(asked)) = (message.get("method"), message.get("id")) {
                let error = json!({"code": -32601, "message": "Method not found"});
                self.send(&json!({"jsonrpc": "2.0", "id": asked, "error": error}));
            }
        }
    }
}

impl Drop for StdioServer {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.up.take());
        drop(self.child.wait());
    }
}
