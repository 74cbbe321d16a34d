//! `ebb-test-client (--socket PATH | --bridge EBB | --http ADDRESS --era ERA) --name NAME [--silent] [--hold]
//! [--deaf-after N] [--fleet N] [--open URL] [-- ARGUMENTS OF EBB]`: a client whose process a test can kill at any
//! moment. `ERA` is `stream` (2025-11-25 with its event stream), `quiet` (the same without) or `modern`
//! (2026-07-28); the token is in `EBB_TOKEN`. `--session ID`: it goes on with this id and begins no session.
//! `--host NAME`: what it says in `Host`, where that is not the address.
//!
//! `--hold`: a third process holds both ends of its connection, as a child that inherited them would.
//! `--deaf-after`: after so many messages it closes the end that it reads from, and only that.
//! `--fleet`: so many connections of this one process (see `client_fleet.rs`).
//!
//! Its standard input is a script of JSON lines: `{"id":1,"call":"browser_tabs","args":{...}}`, `{"raw":"..."}`
//! (bytes as they are), `{"id":1,"post":"METHOD","params":{...}}` (modern), `{"do":"initialized"}`, `{"do":"half_close"}`, `{"do":"close"}` (closes the connection
//! and lives on). The end of the script is the end of the process. Standard output has every message of the
//! host as it came, and `{"ended":true}` at the end of its stream.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test client that cannot go on has nothing better to do"
)]

#[path = "client_fleet.rs"]
mod fleet;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    thread,
};

use serde_json::{Value, json};
use support::{call_message, hello_messages, http, modern_headers, modern_message};

/// Where lines go to the host. Dropping a pipe closes it.
enum Up {
    Socket(UnixStream),
    Pipe(Option<std::process::ChildStdin>),
}

impl Up {
    fn write(&mut self, bytes: &[u8]) {
        // A host that is gone is what some tests are about.
        match self {
            Self::Socket(stream) => drop(stream.write_all(bytes)),
            Self::Pipe(Some(pipe)) => drop(pipe.write_all(bytes).and_then(|()| pipe.flush())),
            Self::Pipe(None) => {}
        }
    }

    fn half_close(&mut self) {
        match self {
            Self::Socket(stream) => drop(stream.shutdown(Shutdown::Write)),
            Self::Pipe(pipe) => drop(pipe.take()),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Socket(stream) => drop(stream.shutdown(Shutdown::Both)),
            Self::Pipe(pipe) => drop(pipe.take()),
        }
    }
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().collect();
    // What follows `--` is for the bridge.
    let end = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    let for_bridge: Vec<String> = arguments.drain(end..).skip(1).collect();
    let after =
        |flag: &str, n: usize| arguments.iter().position(|word| word == flag).map(|at| arguments[at + n].clone());
    let name = after("--name", 1).unwrap_or_else(|| "test client".to_owned());
    if let (Some(address), Some(era)) = (after("--http", 1), after("--era", 1)) {
        let address = address.parse().expect("an address and a port");
        let session = Mutex::new(after("--session", 1));
        let host = after("--host", 1);
        return over_http(&Web { address, host, era, name, session }.into());
    }
    let hold = arguments.iter().any(|word| word == "--hold");
    if let Some(count) = after("--fleet", 1) {
        let socket = after("--socket", 1).expect("a fleet needs a socket");
        return fleet::run(&socket, &name, count.parse().unwrap(), after("--open", 1).as_deref());
    }
    let (mut up, down): (Up, Box<dyn Read + Send>) = if let Some(socket) = after("--socket", 1) {
        let stream = UnixStream::connect(socket).expect("the host listens");
        if hold {
            keep(stream.as_fd(), stream.as_fd());
        }
        (Up::Socket(stream.try_clone().unwrap()), Box::new(stream))
    } else {
        let mut bridge = Command::new(after("--bridge", 1).expect("--socket PATH or --bridge EBB is given"));
        bridge.args(for_bridge);
        let mut bridge = bridge.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the bridge starts");
        let ends = (Up::Pipe(bridge.stdin.take()), bridge.stdout.take().unwrap());
        if let (true, Up::Pipe(Some(up))) = (hold, &ends.0) {
            keep(up.as_fd(), ends.1.as_fd());
        }
        // The one who started it waits for it.
        thread::spawn(move || bridge.wait());
        (ends.0, Box::new(ends.1))
    };
    let silent = arguments.iter().any(|word| word == "--silent");
    let (said, heard) = channel::<Value>();
    let reader = said.clone();
    let deaf_after = after("--deaf-after", 1).map_or(usize::MAX, |count| count.parse().unwrap());
    thread::spawn(move || read(down, &reader, deaf_after));
    let [initialize, initialized] = hello_messages(&name);
    if !silent {
        up.write(format!("{initialize}\n").as_bytes());
    }
    thread::spawn(move || {
        let mut out = std::io::stdout().lock();
        for message in heard {
            if writeln!(out, "{message}").and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    });
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let step: Value = serde_json::from_str(&line).expect("the script is JSON lines");
        if let Some(tool) = step["call"].as_str() {
            let id = step["id"].as_u64().unwrap();
            up.write(format!("{}\n", call_message(id, tool, &step["args"])).as_bytes());
        } else if let Some(raw) = step["raw"].as_str() {
            up.write(raw.as_bytes());
        } else {
            match step["do"].as_str().unwrap_or_default() {
                "initialized" => up.write(format!("{initialized}\n").as_bytes()),
                "half_close" => up.half_close(),
                "close" => up.close(),
                other => drop(said.send(json!({"unknown": other}))),
            }
        }
    }
}

/// A client over HTTP.
struct Web {
    address: SocketAddr,
    host: Option<String>,
    era: String,
    name: String,
    session: Mutex<Option<String>>,
}

impl Web {
    /// Sends one message and passes on what comes back.
    fn send(&self, method: &str, message: Option<&Value>, said: &Sender<Value>) {
        let token = format!("Bearer {}", std::env::var("EBB_TOKEN").unwrap_or_default());
        let mut headers = vec![("Authorization", token)];
        headers.extend(self.host.clone().map(|host| ("Host", host)));
        if let Some(session) = self.session.lock().unwrap().clone() {
            headers.push(("Mcp-Session-Id", session));
        }
        if let (true, Some(message)) = (self.era == "modern", message) {
            headers.extend(modern_headers(message));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        match http::request(self.address, method, &headers, message) {
            Ok(answer) => {
                if let Some(id) = answer.header("mcp-session-id") {
                    *self.session.lock().unwrap() = Some(id.to_owned());
                    drop(said.send(json!({"session": id})));
                }
                drop(said.send(json!({"status": answer.status})));
                answer.messages(|message| drop(said.send(message)));
            }
            Err(error) => drop(said.send(json!({"failed": error.to_string()}))),
        }
    }
}

fn over_http(web: &Arc<Web>) {
    let (said, heard) = channel::<Value>();
    thread::spawn(move || {
        let mut out = std::io::stdout().lock();
        for message in heard {
            if writeln!(out, "{message}").and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    });
    let modern = web.era == "modern";
    let [initialize, initialized] = hello_messages(&web.name);
    let first = if modern { modern_message(0, "server/discover", &json!({}), &web.name) } else { initialize };
    // Who has an id already does not begin.
    let known = web.session.lock().unwrap().is_some();
    if !known {
        web.send("POST", Some(&first), &said);
    }
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let step: Value = serde_json::from_str(&line).expect("the script is JSON lines");
        let (web, said) = (Arc::clone(web), said.clone());
        if let Some(tool) = step["call"].as_str() {
            let id = step["id"].as_u64().unwrap();
            let params = json!({"name": tool, "arguments": step["args"]});
            let message = if modern {
                modern_message(id, "tools/call", &params, &web.name)
            } else {
                call_message(id, tool, &step["args"])
            };
            thread::spawn(move || web.send("POST", Some(&message), &said));
            continue;
        }
        if let (true, Some(method)) = (modern, step["post"].as_str()) {
            let message = modern_message(step["id"].as_u64().unwrap(), method, &step["params"], &web.name);
            thread::spawn(move || web.send("POST", Some(&message), &said));
            continue;
        }
        match step["do"].as_str().unwrap_or_default() {
            "initialized" if !modern => {
                web.send("POST", Some(&initialized), &said);
                if web.era == "stream" {
                    thread::spawn(move || {
                        web.send("GET", None, &said);
                        drop(said.send(json!({"ended": true})));
                    });
                }
            }
            "close" if !modern => web.send("DELETE", None, &said),
            "initialized" => {}
            other => drop(said.send(json!({"unknown": other}))),
        }
    }
}

/// Starts a third process that has both ends and does nothing with them.
fn keep(up: BorrowedFd<'_>, down: BorrowedFd<'_>) {
    let [up, down] = [up, down].map(|fd| Stdio::from(fd.try_clone_to_owned().unwrap()));
    let mut holder = Command::new("sleep").arg("600").stdin(down).stdout(up).spawn().expect("sleep can be started");
    thread::spawn(move || holder.wait());
}

fn read(down: Box<dyn Read + Send>, said: &Sender<Value>, deaf_after: usize) {
    let mut lines = BufReader::new(down).lines().map_while(Result::ok).take(deaf_after);
    for line in lines.by_ref() {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if said.send(message).is_err() {
            return;
        }
    }
    drop(said.send(json!({"ended": true})));
}
