//! F54, F58: lines that are no message, and arguments that are none.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    os::unix::net::UnixStream,
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Answer, Calls as _, Place, TestHost, hello_messages, procs, wait_for};

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(20);
/// What a host may take more than before, in bytes.
const GROWTH: u64 = 64 << 20;

/// Somebody who writes whatever he likes.
struct Talker {
    write: Box<dyn Write>,
    lines: Receiver<String>,
    child: Option<Child>,
}

impl Drop for Talker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Talker {
    fn of(write: impl Write + 'static, read: impl Read + Send + 'static, child: Option<Child>) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(read).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut talker = Self { write: Box::new(write), lines, child };
        let [initialize, initialized] = hello_messages("talker");
        talker.say(format!("{initialize}\n").as_bytes());
        assert!(talker.message()["result"].is_object());
        talker.say(format!("{initialized}\n").as_bytes());
        talker
    }

    fn socket(host: &TestHost) -> Self {
        let stream = UnixStream::connect(host.socket()).unwrap();
        let read = stream.try_clone().unwrap();
        Self::of(stream, read, None)
    }

    fn process(mut command: std::process::Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (write, read) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::of(write, read, Some(child))
    }

    fn say(&mut self, bytes: &[u8]) {
        self.write.write_all(bytes).unwrap();
        self.write.flush().unwrap();
    }

    fn message(&mut self) -> Value {
        let line = self.lines.recv_timeout(SOON).expect("an answer");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Still answers.
    fn lives(&mut self, after: &str) {
        self.say(b"{\"jsonrpc\":\"2.0\",\"id\":\"alive\",\"method\":\"ping\"}\n");
        let message = self.message();
        assert_eq!((&message["id"], &message["result"]), (&json!("alive"), &json!({})), "after {after}: {message}");
    }
}

/// A line, and the code it gets; none where nothing may be answered.
fn bad_lines() -> Vec<(&'static str, Vec<u8>, Option<i64>)> {
    let text = |name, line: &str, code| (name, line.as_bytes().to_vec(), code);
    let mut deep = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":".to_vec();
    deep.extend_from_slice(&vec![b'['; 200_000]);
    let long_method = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, "m".repeat(1 << 20));
    vec![
        text("no JSON", "hello", Some(-32700)),
        text("half JSON", r#"{"jsonrpc":"2.0","id":1,"#, Some(-32700)),
        text("HTTP", "GET / HTTP/1.1", Some(-32700)),
        text("two on a line", r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {"jsonrpc":"2.0","id":2}"#, Some(-32700)),
        ("NUL", b"{\"jsonrpc\":\"2.0\",\0\"id\":1,\"method\":\"ping\"}".to_vec(), Some(-32700)),
        ("only NUL", vec![0; 64], Some(-32700)),
        ("no UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}".to_vec(), Some(-32700)),
        ("deep", deep, Some(-32700)),
        text("a huge number as JSON", r#"{"jsonrpc":"2.0","id":1e999,"method":"ping"}"#, Some(-32700)),
        text("a large number as id", r#"{"jsonrpc":"2.0","id":1e30,"method":"ping"}"#, Some(-32600)),
        text("an object as id", r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, Some(-32600)),
        text("an empty batch", "[]", Some(-32600)),
        text("a batch", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, Some(-32600)),
        text("a text", "\"ping\"", Some(-32600)),
        text("a number", "7", Some(-32600)),
        text("null", "null", Some(-32600)),
        text("an empty object", "{}", Some(-32600)),
        text("version 1", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, Some(-32600)),
        text("no version", r#"{"id":1,"method":"ping"}"#, Some(-32600)),
        text("no method", r#"{"jsonrpc":"2.0","id":1}"#, Some(-32600)),
        text("a number as method", r#"{"jsonrpc":"2.0","id":1,"method":7}"#, Some(-32600)),
        text("an unknown method", r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#, Some(-32601)),
        ("a method of 1 MB", long_method.into_bytes(), Some(-32601)),
        text("a list as params", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1]}"#, Some(-32602)),
        text("no name", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#, Some(-32602)),
        text("a number as name", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#, Some(-32602)),
        text("an empty line", "", None),
        text("spaces", "   \t ", None),
        text("an unknown notification", r#"{"jsonrpc":"2.0","method":"notifications/none"}"#, None),
        text("an answer nobody asked for", r#"{"jsonrpc":"2.0","id":77,"result":{}}"#, None),
        text("an error nobody asked for", r#"{"jsonrpc":"2.0","id":78,"error":{"code":1,"message":"x"}}"#, None),
    ]
}

fn go_through(talker: &mut Talker, what: &str) {
    for (name, line, code) in bad_lines() {
        talker.say(&[line.as_slice(), b"\n"].concat());
        if let Some(code) = code {
            let message = talker.message();
            assert_eq!(message["error"]["code"], code, "{what}: {name}: {message}");
            assert!(message.to_string().len() < 4_096, "{what}: {name}: {} bytes", message.to_string().len());
        }
        talker.lives(name);
    }
}

#[test]
fn f54_bad_lines_get_their_code_and_the_connection_lives() {
    let (host, place) = (TestHost::start(), Place::new());
    let mut own = place.command("ebb");
    own.args(["mcp", "--isolated", "--headless"]);
    let mut connect = host.ebb(&["connect", "--no-start"]);
    connect.current_dir(host.project());
    let talkers =
        [("socket", Talker::socket(&host)), ("bridge", Talker::process(connect)), ("ebb mcp", Talker::process(own))];
    for (what, mut talker) in talkers {
        go_through(&mut talker, what);
    }
}

#[test]
fn f54_a_line_of_32_mib_ends_its_connection_with_a_reason_and_costs_no_memory() {
    let host = TestHost::start();
    let mut bystander = host.client("bystander");
    let before = procs::resident(host.pid());
    for bridge in [false, true] {
        let mut connect = host.ebb(&["connect", "--no-start"]);
        connect.current_dir(host.project());
        let mut talker = if bridge { Talker::process(connect) } else { Talker::socket(&host) };
        // No line end ever comes. Whoever is cut off cannot write it all.
        let piece = vec![b'x'; 1 << 20];
        let mut write = std::mem::replace(&mut talker.write, Box::new(std::io::sink()));
        let writing = (0..32).try_for_each(|_| write.write_all(&piece)).is_ok();
        let said = talker.message();
        assert_eq!(said["error"]["code"], -32600, "bridge: {bridge}: {said}");
        assert!(said["error"]["message"].as_str().unwrap().contains("16 MiB"), "{said}");
        let grown = procs::resident(host.pid()).saturating_sub(before);
        assert!(grown <= GROWTH, "bridge: {bridge}: {} MiB more, written: {writing}", grown >> 20);
        drop(write);
        if let Some(child) = &mut talker.child {
            let began = Instant::now();
            wait_for("the bridge ends", SOON, || match child.try_wait() {
                Ok(Some(_)) => Ok(()),
                other => Err(format!("{other:?} after {:?}", began.elapsed())),
            });
        }
        bystander.ok("session_list", json!({}));
    }
}

fn at<'a>(answer: &'a Answer, field: &str, what: &str) -> &'a str {
    assert!(answer.is_error, "{what}: {}", answer.text);
    assert!(answer.text.contains(field), "{what}: the field {field} is not named: {}", answer.text);
    assert!(answer.text.len() < 8_192, "{what}: {} bytes", answer.text.len());
    &answer.text
}

#[test]
fn f58_bad_arguments_name_their_field() {
    let host = TestHost::start();
    let mut client = host.client("agent");
    client.open("about:blank");
    let long = "x".repeat(1 << 20);
    let cursor = client.large("rows", 40).cursor().to_owned();
    for (tool, arguments, field) in [
        // Of a wrong kind, and missing.
        ("browser_navigate", json!({}), "url"),
        ("browser_navigate", json!({"url": 7}), "url"),
        ("browser_navigate", json!({"url": null}), "url"),
        ("browser_navigate", json!({"url": ["http://a"]}), "url"),
        ("browser_click", json!({"element": "x"}), "target"),
        ("browser_click", json!({"target": {}}), "target"),
        ("browser_click", json!({"target": "e1", "button": "sideways"}), "button"),
        ("browser_click", json!({"target": "e1", "modifiers": "Shift"}), "modifiers"),
        ("browser_click", json!({"target": "e1", "modifiers": [7]}), "modifiers[0]"),
        ("browser_click", json!({"target": "e1", "doubleClick": "yes"}), "doubleClick"),
        ("browser_type", json!({"target": "e1"}), "text"),
        ("browser_fill_form", json!({"fields": "x"}), "fields"),
        ("browser_fill_form", json!({"fields": [{"name": 1}]}), "fields[0].name"),
        ("browser_resize", json!({"width": "wide", "height": 1}), "width"),
        ("browser_tabs", json!({"action": "explode"}), "action"),
        ("browser_wait_for", json!({"time": "long"}), "time"),
        ("browser_file_upload", json!({"paths": "x"}), "paths"),
        ("cursor_read", json!({}), "cursor"),
        ("cursor_read", json!({"cursor": "cur_x", "direction": "up"}), "direction"),
        // Limits that are none.
        ("cursor_read", json!({"cursor": cursor, "max_tokens": -1}), "max_tokens"),
        ("cursor_read", json!({"cursor": cursor, "max_tokens": 1e300}), "max_tokens"),
        ("cursor_read", json!({"cursor": cursor, "max_tokens": 1.5}), "max_tokens"),
        ("cursor_read", json!({"cursor": cursor, "offset": -1}), "offset"),
        ("cursor_read", json!({"cursor": cursor, "offset": -9_007_199_254_740_993_i64}), "offset"),
        ("cursor_read", json!({"cursor": cursor, "offset": 9_007_199_254_740_993_i64}), "offset"),
        ("cursor_read", json!({"cursor": cursor, "context": -1}), "context"),
        // Long, with NUL, with half characters: whatever it is, it is named.
        ("browser_tabs", json!({"action": long}), "action"),
        ("browser_navigate", json!({"url": "http://a\u{0}b/"}), "URL"),
        ("browser_press_key", json!({"key": "\u{0}"}), "key"),
        ("browser_press_key", json!({"key": long}), "key"),
        ("browser_file_upload", json!({"paths": ["a\u{0}b"]}), "modal state"),
    ] {
        let answer = client.call(tool, arguments.clone());
        let shown: String = arguments.to_string().chars().take(100).collect();
        at(&answer, field, &format!("{tool} {shown}"));
    }
    // 1 MB where texts are welcome does no harm.
    let answer = client.call("browser_click", json!({"target": long}));
    assert!(answer.is_error && answer.text.len() < 8_192, "{} bytes", answer.text.len());
    let answer = client.call("browser_evaluate", json!({"function": format!("() => '{long}'.length")}));
    assert!(answer.text.contains("1048576"), "{}", &answer.text[..answer.text.len().min(200)]);

    // What a tool does not know is left out, and said.
    let answer = client.ok("browser_tabs", json!({"action": "list", "colour": "red", "__proto__": {"a": 1}}));
    assert!(answer.must("Next").contains("Ignored unknown arguments:"), "{}", answer.text);
    assert!(answer.must("Next").contains("colour"), "{}", answer.text);
}

#[test]
fn f58_halves_of_characters_become_the_sign_for_them() {
    let host = TestHost::start();
    let mut talker = Talker::socket(&host);
    let call = |tool: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        )
    };
    talker.say(format!("{}\n", call("browser_tabs", r#"{"action":"\ud83d"}"#)).as_bytes());
    let answer = Answer::of(&talker.message());
    at(&answer, "action", "half a character");
    talker.say(format!("{}\n", call("cursor_read", r#"{"cursor":"cur_\udc00"}"#)).as_bytes());
    assert_eq!(Answer::of(&talker.message()).code(), "cursor_unknown");
    talker.lives("half characters");
}
