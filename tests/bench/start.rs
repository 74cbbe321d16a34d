//! From the start of `ebb connect` to its first answers, as an agent's program sees it.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Calls, Site, TestHost};

use crate::{
    raw::Raw,
    report::{Report, Unit},
    stdio::StdioServer,
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
        let started = bridge(&host);
        initialize.push(began.elapsed());
        drop(started);
    }
    let row = report.row("bridge start to initialize answered, p50", Unit::Ms, initialize.p50());
    row.goal(20.0).floor(floor.p50());
    report.row(format!("- the same, p99 of {ROUNDS}"), Unit::Ms, initialize.p99());

    // No browser runs: each round starts one, and it ends with its session.
    let mut cold = Times::default();
    for _ in 0..ROUNDS / 2 {
        let began = Instant::now();
        let mut started = bridge(&host);
        navigate(&mut started, &url);
        cold.push(began.elapsed());
        drop(started);
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
        let mut started = bridge(&host);
        navigate(&mut started, &url);
        warm.push(began.elapsed());
        drop(started);
        // The next one is not measured against the end of this one.
        until("the page ends", Instant::now(), Duration::from_secs(20), || host.renderers().len() <= pages);
    }
    let row = report.row("bridge start to the first page's snapshot, Chromium runs, p50", Unit::Ms, warm.p50());
    row.goal(60.0).floor(floor.p50());
    report.row(format!("- the same, p99 of {ROUNDS}"), Unit::Ms, warm.p99());
}

/// `ebb connect` with nothing between it and the clock.
fn bridge(host: &TestHost) -> StdioServer {
    StdioServer::start(host.ebb(&["connect", "--no-start"]))
}

fn navigate(bridge: &mut StdioServer, url: &str) {
    let text = bridge.call("browser_navigate", &json!({"url": url}));
    assert!(text.contains("All is well"), "no snapshot: {text}");
}
