//! What Ebb adds to a question: a tool call beside the same question to Chromium itself.

use serde_json::json;
use support::{Calls, Site, TestHost};

use crate::{
    raw::Raw,
    report::{Report, Unit},
    timing::Times,
};

/// Calls of each kind.
const CALLS: usize = 300;

/// Snapshots of a large page.
const LARGE: usize = 10;

/// Elements of the large page.
const NODES: usize = 10_000;

pub(crate) fn measure(report: &mut Report) {
    let host = TestHost::start();
    let site = Site::start();
    let url = site.page("/small", "<!doctype html><title>small</title><p>small");
    let mut client = host.client("calls");
    client.open(&url);
    let mut raw = Raw::start();
    raw.open(&url);
    let (mut floor, mut snapshot, mut nothing) = (Times::default(), Times::default(), Times::default());
    // Side by side, so that whatever else the machine does hits all of them.
    for _ in 0..CALLS {
        floor.time(|| raw.evaluate("1"));
        snapshot.time(|| client.ok("browser_snapshot", json!({})));
        nothing.time(|| client.ok("cursor_list", json!({})));
    }
    let own = snapshot.p50() - floor.p50();
    report.row("a tool call's own cost over raw CDP, p50", Unit::Ms, own).goal(1.0);
    report.row("- browser_snapshot of a small page, p50", Unit::Ms, snapshot.p50()).floor(floor.p50());
    report.row("- a call that asks the browser nothing, p50", Unit::Ms, nothing.p50());

    let rows: String = (0..NODES / 4)
        .fold(String::new(), |rows, n| rows + &format!("<li><a href='#{n}'>link {n}</a> <b>text {n}</b></li>"));
    let large = site.page("/large", &format!("<!doctype html><title>large</title><ul>{rows}</ul>"));
    client.open(&large);
    raw.open(&large);
    let (mut floor, mut snapshot) = (Times::default(), Times::default());
    for _ in 0..LARGE {
        floor.time(|| raw.ax_tree());
        snapshot.time(|| client.ok("browser_snapshot", json!({})));
    }
    let row = report.row("browser_snapshot of a page with 10,000 nodes, p50", Unit::Ms, snapshot.p50());
    row.floor(floor.p50());
}
