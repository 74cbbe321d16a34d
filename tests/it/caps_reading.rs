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
    let text = &read.text;
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
    let text = &read.text;
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

#[test]
fn null_is_how_the_client_was_started() {
    let (host, site) = (TestHost::start(), Site::start());
    let config = host.project().join("config.json");
    let context = json!({"offline": true, "locale": "fr-FR", "timezoneId": "Asia/Tokyo", "userAgent": "Own/1",
        "viewport": {"width": 500, "height": 400}, "colorScheme": "dark", "extraHTTPHeaders": {"x-own": "yes"}});
    std::fs::write(&config, json!({"browser": {"contextOptions": context}}).to_string()).unwrap();
    let config = format!("--config={}", config.display());
    let mut client = host.client_with("agent", &["--caps=emulation,network", &config]);
    let url = site.url("/headers");
    let offline = client.call("browser_navigate", json!({"url": url})).err();
    assert!(offline.text.contains("net::ERR_INTERNET_DISCONNECTED"), "{}", offline.text);
    assert_eq!(
        client.ok("browser_network_state_set", json!({"state": "online"})).must("Result"),
        "Network is now online"
    );
    let seen = "() => { const { locale, timeZone } = Intl.DateTimeFormat().resolvedOptions(); \
        return [navigator.userAgent, innerWidth, locale, timeZone, matchMedia('(prefers-color-scheme: dark)').matches, \
        /x-own: yes/.test(document.body.innerText)].join(); }";
    let began = "\"Own/1,500,fr-FR,Asia/Tokyo,true,true\"";
    client.open(&url);
    assert_eq!(client.evaluate(seen), began);
    let changed = json!({"userAgent": "Else/2", "viewport": "600x500x1", "locale": "de-DE", "timezoneId": "Europe/Berlin",
        "extraHttpHeaders": {}});
    let told = client.ok("browser_emulate", changed);
    assert_eq!(
        told.must("Result"),
        "Emulating:\n- Network: Online\n- User agent: Else/2\n- Viewport: 600x500x1\n- Extra headers: none\n- Locale: de-DE\n\
         - Time zone: Europe/Berlin"
    );
    client.open(&url);
    assert_eq!(client.evaluate(seen), "\"Else/2,600,de-DE,Europe/Berlin,true,false\"");
    let nulls =
        json!({"userAgent": null, "viewport": null, "locale": null, "timezoneId": null, "extraHttpHeaders": null});
    assert_eq!(client.ok("browser_emulate", nulls).must("Result"), "Emulating:\n- Network: Online");
    client.open(&url);
    assert_eq!(client.evaluate(seen), began);
    // Media that are emulated later leave the scheme it began with, in new tabs too.
    client.ok("browser_emulate_media", json!({"media": "print"}));
    assert_eq!(client.evaluate(seen), began);
    client.ok("browser_tabs", json!({"action": "new", "url": url}));
    assert_eq!(client.evaluate(seen), began);
    // A new browser begins as the first did.
    client.ok("browser_close", json!({}));
    let offline = client.call("browser_navigate", json!({"url": url})).err();
    assert!(offline.text.contains("net::ERR_INTERNET_DISCONNECTED"), "{}", offline.text);
}

#[test]
fn a_further_session_is_another_device() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    let url = site.page("/device", "<meta name=viewport content='width=device-width'><p>device");
    let opened = client.ok("session_open", json!({"name": "phone", "device": "iPhone 15", "colorScheme": "dark"}));
    let session = opened.meta["session"].as_str().unwrap().to_owned();
    let seen = "() => [innerWidth, devicePixelRatio, navigator.maxTouchPoints, /iPhone/.test(navigator.userAgent), \
        matchMedia('(prefers-color-scheme: dark)').matches].join()";
    client.ok("browser_navigate", json!({"url": url, "session": session}));
    let there = client.ok("browser_evaluate", json!({"function": seen, "session": session}));
    assert_eq!(there.must("Result"), "\"393,3,1,true,true\"");
    client.open(&url);
    assert_eq!(client.evaluate(seen), "\"1280,1,0,false,false\"");
    let sized = client.ok("session_open", json!({"viewport": "700x300", "userAgent": "Own/3", "locale": "it-IT"}));
    let session = sized.meta["session"].as_str().unwrap().to_owned();
    client.ok("browser_navigate", json!({"url": url, "session": session}));
    let seen = "() => [innerWidth, innerHeight, navigator.userAgent, navigator.language].join()";
    let there = client.ok("browser_evaluate", json!({"function": seen, "session": session}));
    assert_eq!(there.must("Result"), "\"700,300,Own/3,it-IT\"");
    for (arguments, error) in [
        (json!({"device": "Nokia 3310"}), "\"Nokia 3310\" is no device that is known here; there are iPhone 15, "),
        (json!({"viewport": "wide"}), "\"wide\" is no viewport"),
        (json!({"viewport": "400x300x2"}), "\"400x300x2\" is no width and height"),
    ] {
        let refused = client.call("session_open", arguments).err();
        assert!(refused.must("Error").starts_with(&format!("Error: {error}")), "{}", refused.text);
    }
    assert_eq!(client.ok("session_list", json!({})).must("Result").lines().count(), 3);
}
