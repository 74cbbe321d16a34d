//! The pages of `fixtures/snapshot` through real calls. Conditions: the README there.

use std::{ffi::OsStr, fs, path::Path, time::Duration};

use serde_json::{Value, json};
use support::{Answer, Calls, Client, Site, TestHost, fixtures, wait_for};

/// What a page's comment asks for.
fn options(html: &str) -> Option<Value> {
    let (_, rest) = html.split_once("<!-- snapshot: ")?;
    serde_json::from_str(rest.split_once(" -->")?.0).ok()
}

/// The page's snapshot. Refs count from the first snapshot of a document, so one with options must be the
/// document's first: it is opened by a script, which takes none.
fn snapshot(client: &mut Client, url: &str, options: Option<&Value>) -> String {
    let shown = |answer: Answer| answer.section("Snapshot").unwrap_or_default().to_owned();
    let Some(options) = options else { return shown(client.open(url)) };
    client.evaluate(&format!("() => {{ location.href = {}; return 1; }}", json!(url)));
    wait_for("the page is loaded", Duration::from_secs(10), || {
        let seen =
            client.call("browser_evaluate", json!({"function": "() => location.href + ' ' + document.readyState"}));
        if seen.text.contains(&format!("{url} complete")) { Ok(()) } else { Err(seen.text) }
    });
    let mut arguments = json!({});
    for (option, argument) in [("root", "target"), ("depth", "depth"), ("boxes", "boxes")] {
        if let Some(value) = options.get(option) {
            arguments[argument] = value.clone();
        }
    }
    shown(client.ok("browser_snapshot", arguments))
}

#[test]
fn every_page_looks_as_its_rule_says() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    let folder = fixtures().join("snapshot");
    let mut names: Vec<String> = support::procs::names(&folder);
    names.retain(|name| Path::new(name).extension() == Some(OsStr::new("html")));
    assert!(names.len() >= 150, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let html = fs::read_to_string(folder.join(name)).unwrap();
        let expected = fs::read_to_string(folder.join(name.replace(".html", ".yml"))).unwrap();
        // A tab of its own: frames are numbered from 1 in each.
        client.ok("browser_tabs", json!({"action": "new"}));
        let seen = snapshot(&mut client, &site.url(&format!("/snapshot/{name}")), options(&html).as_ref());
        if seen.trim_end() != expected.trim_end() {
            wrong.push(format!("{name}\n--- expected\n{}\n--- seen\n{seen}", expected.trim_end()));
        }
        client.ok("browser_tabs", json!({"action": "close"}));
    }
    assert!(wrong.is_empty(), "{} of {} pages differ:\n{}", wrong.len(), names.len(), wrong.join("\n\n"));
}
