//! From the start of `ebb connect` to its first answers, as an agent's program sees it.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Calls, Site, TestHost, call_message, hello_messages};

use crate::{
    raw::Raw,
    report::{Report, Unit},
    timing::{Times, until},
};

/// Bridges started, each way.
const ROUNDS: usize = 30;

pub(crate) fn measure(report: &mut Report) {
    let host = TestHost::start();
    let site = Site::start();
    let url = site.url("/ok");
    let mut floor = Times::default();
    for _ in 0..ROUNDS {
        floor.time(|| host.ebb(&["--version"]).env_remove("EBB_SOCKET").output().expect("ebb runs"));
    }

    let mut initialize = Times::default();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let bridge = Bridge::start(&host);
        initialize.push(began.elapsed());
        drop(bridge);
    }
    let row = report.row("bridge start to initialize answered, p50", Unit::Ms, initialize.p50());
    row.goal(20.0).floor(floor.p50());
    report.row(format!("- the same, p99 of {ROUNDS}"), Unit::Ms, initialize.p99());

    // No browser runs: each round starts one, and it ends with its session.
    let mut cold = Times::default();
    for _ in 0..ROUNDS / 2 {
        let began = Instant::now();
        let mut bridge = Bridge::start(&host);
        bridge.navigate(&url);
        cold.push(began.elapsed());
        drop(bridge);
        let began = Instant::now();
        until("the browser ends", began, Duration::from_secs(20), || host.chromium().is_empty());
    }
    report.row("bridge start to the first page's snapshot, no Chromium yet, p50", Unit::Ms, cold.p50()).goal(350.0);
    report.row(format!("- the same, worst of {}", cold.len()), Unit::Ms, cold.worst());

    let mut other = host.client("other");
    other.open(&url);
    let pages = host.renderers().len();
    let mut raw = Raw::start();
    let (mut warm, mut floor) = (Times::default(), Times::default());
    for _ in 0..ROUNDS {
        floor.push(raw.first_page(&url));
        let began = Instant::now();
        let mut bridge = Bridge::start(&host);
        bridge.navigate(&url);
        warm.push(began.elapsed());
        drop(bridge);
        // The next one is not measured against the end of this one.
        until("the page ends", Instant::now(), Duration::from_secs(20), || host.renderers().len() <= pages);
    }
    let row = report.row("bridge start to the first page's snapshot, Chromium runs, p50", Unit::Ms, warm.p50());
    row.goal(60.0).floor(floor.p50());
    report.row(format!("- the same, p99 of {ROUNDS}"), Unit::Ms, warm.p99());
}

/// `ebb connect` with nothing between it and the clock.
struct Bridge {
    child: Child,
    up: Option<ChildStdin>,
    down: BufReader<ChildStdout>,
}

impl Bridge {
    /// Starts one; its `initialize` is answered when this returns.
    fn start(host: &TestHost) -> Self {
        let mut command = host.ebb(&["connect", "--no-start"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("ebb starts");
        let (up, down) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut bridge = Self { child, up, down };
        let [initialize, initialized] = hello_messages("bench");
        bridge.send(&initialize);
        bridge.answer(0);
        bridge.send(&initialized);
        bridge
    }

    fn navigate(&mut self, url: &str) {
        self.send(&call_message(1, "browser_navigate", &json!({"url": url})));
        let answer = self.answer(1);
        let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains("All is well"), "no snapshot: {answer}");
    }

    fn send(&mut self, message: &Value) {
        let up = self.up.as_mut().unwrap();
        up.write_all(format!("{message}\n").as_bytes()).and_then(|()| up.flush()).expect("the bridge reads");
    }

    fn answer(&mut self, id: u64) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.down.read_line(&mut line).expect("the bridge writes") > 0, "the bridge ended");
            let message: Value = serde_json::from_str(&line).expect("lines of JSON");
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.up.take());
        drop(self.child.wait());
    }
}
