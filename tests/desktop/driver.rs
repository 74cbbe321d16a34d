use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use support::{bin, wait_for};

use crate::{SOON, desk::Desk};

/// A window of the real program under WebDriver.
pub(crate) struct Driver {
    process: Child,
    port: u16,
    session: String,
}

impl Driver {
    /// Starts the driver and lets it start the program.
    pub(crate) fn open(desk: &Desk, words: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = desk.program("WebKitWebDriver");
        command.arg(format!("--port={port}")).env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process =
            command.spawn().unwrap_or_else(|error| panic!("WebKitWebDriver: {error}; `cargo xtask setup` installs it"));
        let mut driver = Self { process, port, session: String::new() };
        wait_for("WebKitWebDriver listens", SOON, || {
            TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string())
        });
        let options = json!({"binary": bin("ebb-desktop"), "args": words});
        let wanted = json!({"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}});
        let answer = driver.ask("POST", "/session", &wanted).unwrap();
        let session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        session.clone_into(&mut driver.session);
        driver
    }

    /// Waits until the page contains a text.
    pub(crate) fn shows(&self, text: &str, deadline: Duration) {
        wait_for(&format!("the window shows {text:?}"), deadline, || self.has(text));
    }

    /// Whether the page contains a text; else what it does.
    pub(crate) fn has(&self, text: &str) -> Result<(), String> {
        let page = self.run("return document.body.innerText")?;
        let page = page.as_str().unwrap_or_default();
        if page.contains(text) { Ok(()) } else { Err(page.to_owned()) }
    }

    /// Waits until a script returns true.
    pub(crate) fn becomes(&self, what: &str, deadline: Duration, script: &str) {
        wait_for(&format!("the window shows {what}"), deadline, || match self.run(script)? {
            Value::Bool(true) => Ok(()),
            other => Err(other.to_string()),
        });
    }

    /// Presses the mouse button on an element.
    pub(crate) fn click(&self, selector: &str) {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.command("POST", "/element", &wanted).unwrap();
        let element = found.as_object().and_then(|one| one.values().next()).and_then(Value::as_str).unwrap();
        self.command("POST", &format!("/element/{element}/click"), &json!({})).unwrap();
    }

    /// Waits until a row of a table is as it should be.
    pub(crate) fn has_row(&self, what: &str, deadline: Duration, is_it: impl Fn(&str) -> bool) {
        wait_for(&format!("the window shows {what}"), deadline, || {
            let rows =
                self.run("return [...document.querySelectorAll('tr, [role=row]')].map((row) => row.innerText)")?;
            let found = rows.as_array().is_some_and(|rows| rows.iter().filter_map(Value::as_str).any(&is_it));
            if found { Ok(()) } else { Err(rows.to_string()) }
        });
    }

    /// Saves a picture into the target folder.
    pub(crate) fn screenshot(&self, name: &str) {
        // WebKit takes a picture with the next frame, and a page where nothing moves has none.
        self.run(
            "window.moving = document.body.animate([{opacity: 1}, {opacity: 0.999}], {duration: 100, iterations: Infinity})",
        )
        .unwrap();
        let picture = self.command("GET", "/screenshot", &Value::Null).unwrap();
        self.run("window.moving.cancel()").unwrap();
        let folder = bin("ebb-desktop").ancestors().nth(2).unwrap().to_path_buf();
        fs::write(folder.join(format!("{name}.png")), decode(picture.as_str().unwrap())).unwrap();
    }

    /// Closes the window, which ends its process.
    pub(crate) fn close(&mut self) {
        let session = std::mem::take(&mut self.session);
        self.ask("DELETE", &format!("/session/{session}"), &Value::Null).unwrap();
    }

    fn run(&self, script: &str) -> Result<Value, String> {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        self.ask(method, &format!("/session/{}{path}", self.session), body)
    }

    /// One request of HTTP 1.1, a connection each.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let said = |error: std::io::Error| format!("{method} {path}: {error}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(said)?;
        stream.set_read_timeout(Some(SOON)).map_err(said)?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).map_err(said)?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).map_err(said)?;
            if line.trim().is_empty() {
                break;
            }
            let header = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            length = header.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(length);
        }
        let mut text = vec![0; length];
        answer.read_exact(&mut text).map_err(said)?;
        let mut answer: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        if value.get("error").is_some() { Err(value.to_string()) } else { Ok(value) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // The window has to go even when the test failed; its place looks for what stays.
            drop(self.ask("DELETE", &format!("/session/{}", self.session), &Value::Null));
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Base64, which is all that a picture needs.
fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte| ALPHABET.iter().position(|letter| *letter == byte).map(|digit| digit as u32);
    let digits: Vec<u32> = text.bytes().filter_map(digit).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        [bits >> 16, bits >> 8, bits].map(|byte| byte as u8).into_iter().take(four.len() * 6 / 8)
    });
    bytes.collect()
}
