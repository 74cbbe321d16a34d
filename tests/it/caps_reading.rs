//! Reading a page as Markdown, and emulating another machine, through real calls.

use serde_json::json;
use support::{Calls, Site, TestHost, fixtures};

/// A page of `tests/fixtures/read`, served.
fn served(site: &Site, name: &str) -> String {
    let html = std::fs::read_to_string(fixtures().join("read").join(name)).expect("the fixture is there");
    site.page(&format!("/{name}"), &html)
}

#[test]
fn an_article_is_read_without_what_stands_around_it() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    client.open(&served(&site, "article.html"));
    let read = client.ok("browser_read_page", json!({}));
    let text = read.must("Result");
    for there in [
        "# Tides and how they are told",
        "*mud*",
        "**old iron ring**",
        "(https://example.org/minutes?a=1&b=2)",
        "## What moves the water",
        "Neap tides come a week later.",
        "> Never turn your back on the sea",
        "sit on the wall for six hours",
    ] {
        assert!(text.contains(there), "{there} is not in:\n{text}");
    }
    for around in ["Sport", "We use cookies", "Ten harbours", "nobody can see this paragraph"] {
        assert!(!text.contains(around), "{around} is in:\n{text}");
    }
    let plain = client.ok("browser_read_page", json!({"links": false}));
    assert!(!plain.must("Result").contains("example.org") && plain.must("Result").contains("four minutes"));
    let gone = client.call("browser_read_page", json!({"target": "e9999"})).err();
    assert!(gone.text.contains("Ref e9999 not found"), "{}", gone.text);
}

#[test]
fn code_tables_and_lists_of_documentation_stay_what_they_are() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    client.open(&served(&site, "docs.html"));
    let read = client.ok("browser_read_page", json!({}));
    let text = read.must("Result");
    for there in [
        "const gate = await sluice.open({\n  level: 2.5,   // metres < 3\n\n  slow: true,\n});",
        "`open()`",
        "| Option",
        "Third step",
        "Apron",
    ] {
        assert!(text.contains(there), "{there} is not in:\n{text}");
    }
    assert!(!text.contains("Breadcrumb") && !text.contains("Install"), "{text}");
    // A long page is read on with its cursor.
    let long = format!(
        "<!doctype html><title>long</title><main>{}</main>",
        "<p>One of many paragraphs that say little.</p>".repeat(3_000)
    );
    client.open(&site.page("/long", &long));
    let first = client.ok("browser_read_page", json!({"max_tokens": 1_000}));
    let cursor = first.meta["cursor"].as_str().expect("a cursor").to_owned();
    let next = client.ok("cursor_read", json!({"cursor": cursor}));
    assert!(next.text.contains("One of many paragraphs"), "{}", next.text);
}

#[test]
fn one_session_is_somewhere_else_and_comes_back() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &["--caps=emulation"]);
    let mut other = host.client_with("other", &["--caps=emulation"]);
    let url = site.url("/ok");
    client.open(&url);
    other.open(&url);
    let seen = "() => [navigator.userAgent, innerWidth, devicePixelRatio, Intl.DateTimeFormat().resolvedOptions().timeZone, \
                Intl.DateTimeFormat().resolvedOptions().locale].join()";
    let before = other.evaluate(seen);
    client.ok(
        "browser_emulate",
        json!({"userAgent": "Sluice/2", "viewport": "412x915x2,mobile,touch", "timezoneId": "Asia/Tokyo", "locale": "de-DE"}),
    );
    client.open(&url);
    let there = client.evaluate(seen);
    assert!(there.starts_with("\"Sluice/2,") && there.contains(",2,Asia/Tokyo,de-DE"), "{there}");
    client.ok("browser_tabs", json!({"action": "new", "url": url}));
    assert!(client.evaluate(seen).contains("Asia/Tokyo"), "new tabs are there too");
    assert_eq!(other.evaluate(seen), before, "another session is where it was");
    client.ok("browser_emulate", json!({"userAgent": null, "viewport": null, "timezoneId": null, "locale": null}));
    client.open(&url);
    assert!(!client.evaluate(seen).contains("Sluice") && !client.evaluate(seen).contains("Tokyo"));
    let wrong = client.call("browser_emulate", json!({"cpuThrottlingRate": 99})).err();
    assert!(wrong.text.contains("### Error"), "{}", wrong.text);
}
