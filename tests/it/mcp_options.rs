//! What `ebb mcp` is told reaches the pages and the answers: each option against a real page.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use serde_json::json;
use support::{Calls, OwnServer, Place, Site, procs, wait_for};

/// A server that answers everything with the head of the request.
fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut reading = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reading.read_line(&mut head).is_ok_and(|count| count > 0) {}
                let body = format!("<title>mirror</title><pre>{}</pre>", head.replace('<', "&lt;"));
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let mut writing = stream;
                drop(writing.write_all(answer.as_bytes()));
            });
        }
    });
    format!("http://{address}")
}

/// A configuration file in the project of `place`.
fn config(place: &Place, value: &serde_json::Value) -> String {
    let path = place.project().join("config.json");
    fs::write(&path, format!("\u{feff}{value}")).unwrap();
    path.display().to_string()
}

#[test]
fn a_page_is_made_as_the_configuration_says() {
    let place = Place::new();
    let mirror = mirror();
    let script = place.project().join("first.js");
    fs::write(&script, "window.first = 'first ' + document.readyState;").unwrap();
    let config = config(
        &place,
        &json!({
            "browser": {
                "isolated": true,
                "initScript": [script],
                "contextOptions": {
                    "viewport": {"width": 801, "height": 602}, "userAgent": "Told/1.0", "locale": "de-DE",
                    "timezoneId": "Asia/Tokyo", "geolocation": {"latitude": 52.5, "longitude": 13.4},
                    "permissions": ["geolocation"], "colorScheme": "dark", "deviceScaleFactor": 2, "hasTouch": true,
                    "extraHTTPHeaders": {"X-Told": "yes"}, "serviceWorkers": "block",
                    "storageState": {
                        "cookies": [{"name": "crumb", "value": "1", "domain": "127.0.0.1", "path": "/", "expires": -1}],
                        "origins": [{"origin": mirror, "localStorage": [{"name": "stored", "value": "before"}]}],
                    },
                },
            },
            "testIdAttribute": "data-qa",
        }),
    );
    let mut server = OwnServer::start(&place, &["--config", &config]);
    server.open(&mirror);
    let head = server.evaluate("() => document.body.innerText");
    for part in ["X-Told: yes", "Told/1.0", "Accept-Language: de-DE", "crumb=1"] {
        assert!(head.to_lowercase().contains(&part.to_lowercase()), "{part}: {head}");
    }
    for (function, expected) in [
        ("() => `${innerWidth}x${innerHeight} ${devicePixelRatio} ${screen.width}`", "\"801x602 2 801\""),
        ("() => navigator.userAgent + ' ' + navigator.language", "\"Told/1.0 de-DE\""),
        ("() => new Intl.NumberFormat().format(1234.5)", "\"1.234,5\""),
        ("() => Intl.DateTimeFormat().resolvedOptions().timeZone", "\"Asia/Tokyo\""),
        ("() => matchMedia('(prefers-color-scheme: dark)').matches", "true"),
        ("() => navigator.maxTouchPoints > 0", "true"),
        ("() => navigator.webdriver", "false"),
        ("() => window.first", "\"first loading\""),
        ("() => localStorage.getItem('stored')", "\"before\""),
        ("() => new Promise(done => navigator.geolocation.getCurrentPosition(p => done(p.coords.latitude)))", "52.5"),
        ("() => navigator.serviceWorker.register('/sw.js').then(w => String(w))", "\"undefined\""),
    ] {
        assert_eq!(server.evaluate(function), expected, "{function}");
    }
    // A second tab, and what a page stores stays stored when it is opened again.
    server.evaluate("() => localStorage.setItem('stored', 'after')");
    server.ok("browser_tabs", json!({"action": "new", "url": mirror}));
    assert_eq!(server.evaluate("() => `${innerWidth} ${localStorage.getItem('stored')}`"), "\"801 after\"");
}

#[test]
fn pages_without_scripts_network_or_certificates() {
    let place = Place::new();
    let site = Site::start();
    let page = site.page("/script", "<title>still</title><script>document.title = 'ran'</script>");
    let config = config(&place, &json!({"browser": {"contextOptions": {"javaScriptEnabled": false}}}));
    let mut server = OwnServer::start(&place, &["--isolated", "--config", &config]);
    assert!(server.open(&page).must("Page").contains("Page Title: still"));

    let place = Place::new();
    let config = self::config(&place, &json!({"browser": {"contextOptions": {"offline": true}}}));
    let mut server = OwnServer::start(&place, &["--isolated", "--config", &config]);
    let answer = server.call("browser_navigate", json!({"url": page})).err();
    assert!(answer.text.contains("net::ERR_INTERNET_DISCONNECTED"), "{}", answer.text);
}

#[test]
fn a_proxy_has_everything_even_of_this_machine() {
    let place = Place::new();
    let proxy = mirror();
    let mut server = OwnServer::start(&place, &["--isolated", "--proxy-server", &proxy]);
    server.open("http://example.test/through");
    let head = server.evaluate("() => document.body.innerText");
    assert!(head.contains("GET http://example.test/through"), "{head}");

    // A context's own; and a host that goes around it.
    let place = Place::new();
    let site = Site::start();
    let config =
        config(&place, &json!({"browser": {"contextOptions": {"proxy": {"server": proxy, "bypass": "127.0.0.1"}}}}));
    let mut server = OwnServer::start(&place, &["--isolated", "--config", &config]);
    server.open("http://example.test/context");
    assert!(server.evaluate("() => document.body.innerText").contains("GET http://example.test/context"));
    server.open(&site.url("/ok"));
    assert_eq!(server.evaluate("() => document.title"), "\"ok\"");
}

#[test]
fn a_device_and_old_words() {
    let place = Place::new();
    let mut server = OwnServer::start(&place, &["--isolated", "--device", "iPhone 15", "--vision", "--no-webmcp"]);
    server.say(&json!({"jsonrpc": "2.0", "id": 900, "method": "tools/list", "params": {}}));
    server.message(900, Duration::from_secs(5)).unwrap();
    server.open(&Site::start().page("/page", "<meta name=viewport content='width=device-width'><p>x"));
    assert_eq!(
        server.evaluate("() => `${innerWidth} ${devicePixelRatio} ${/iPhone/.test(navigator.userAgent)}`"),
        "\"393 3 true\""
    );
}

#[test]
fn answers_are_as_the_options_say() {
    let place = Place::new();
    let secrets = place.project().join("secrets.env");
    fs::write(&secrets, "PASSWORD='hunter22'\nEMPTY=\n").unwrap();
    let arguments = ["--isolated", "--codegen=none", "--structured", "--page-tokens=500"];
    let secrets = format!("--secrets={}", secrets.display());
    let mut server = OwnServer::start(&place, &[&arguments[..], &[&secrets]].concat());
    let answer = server.open(&Site::start().page("/page", "<title>hunter22</title><p>it is hunter22</p>"));
    assert_eq!(answer.section("Ran Playwright code"), None);
    assert!(answer.must("Page").contains("<secret>PASSWORD</secret>") && !answer.text.contains("hunter22"));
    let answer = server.ok("browser_snapshot", json!({}));
    assert!(answer.text.contains("it is <secret>PASSWORD</secret>") && !answer.text.contains("hunter22"));
    // What waits in a cursor is masked too.
    let function = "() => Array.from({length: 400}, (_, n) => `line ${n} hunter22`)";
    let answer = server.ok("browser_evaluate", json!({"function": function}));
    let page = server.ok("cursor_read", json!({"cursor": answer.cursor(), "offset": 300}));
    assert!(page.text.contains("<secret>PASSWORD</secret>") && !page.text.contains("hunter22"), "{}", page.text);
    assert!(answer.text.len() < 4_000, "a page has 500 tokens: {}", answer.text.len());
}

#[test]
fn an_idle_browser_closes_and_the_session_goes_on() {
    let place = Place::new();
    let mut server = OwnServer::start(&place, &["--isolated", "--idle-timeout", "700"]);
    server.open(&Site::start().page("/page", "<title>first</title>"));
    let browsers =
        || place.processes().into_iter().filter(|process| process.command.contains("--user-data-dir")).count();
    assert!(browsers() > 0);
    // A call that runs longer than that is no idleness.
    server.evaluate("() => new Promise(done => setTimeout(() => done(1), 1500))");
    assert!(browsers() > 0);
    wait_for("the browser closes", Duration::from_secs(10), || match browsers() {
        0 => Ok(()),
        left => Err(format!("{left} processes")),
    });
    let answer = server.open(&Site::start().page("/page", "<title>second</title>"));
    assert!(answer.must("Page").contains("Page Title: second"));
}

#[test]
fn a_browser_that_dies_fails_the_running_call_and_the_next_has_another() {
    let (place, site) = (Place::new(), Site::start());
    let mut server = OwnServer::start(&place, &["--isolated"]);
    server.open(&site.url("/ok"));
    let main = |place: &Place| {
        let all = place.processes();
        all.into_iter().find(|process| process.command.contains("--remote-debugging-pipe") && process.kind().is_empty())
    };
    let hold = "() => { fetch('/held'); return new Promise(() => {}); }";
    let running = server.send("browser_evaluate", json!({"function": hold}));
    wait_for("the call to be in the page", Duration::from_secs(10), || {
        if site.asked("/held") > 0 { Ok(()) } else { Err(site.requests().join(" ")) }
    });
    procs::kill(main(&place).expect("a browser runs").pid);
    let answer = server.answer(running, Duration::from_secs(20)).unwrap().err();
    assert_eq!(answer.code(), "browser_lost", "{}", answer.text);
    server.open(&site.url("/ok"));
    // One that dies while nobody calls costs nothing, from the moment that its death is known: then its
    // folder goes.
    let second = main(&place).expect("another one runs");
    let profile = second.command.split_whitespace().find_map(|word| word.strip_prefix("--user-data-dir="));
    let profile = std::path::PathBuf::from(profile.expect("it has a profile"));
    assert!(profile.exists());
    procs::kill(second.pid);
    wait_for("its folder is gone", Duration::from_secs(10), || {
        if profile.exists() { Err(profile.display().to_string()) } else { Ok(()) }
    });
    let answer = server.open(&site.page("/page", "<title>again</title>"));
    assert!(answer.must("Page").contains("Page Title: again"));
}

#[test]
fn origins_are_kept_out_of_addresses_and_pages() {
    let place = Place::new();
    let site = Site::start();
    let blocked = mirror();
    let page = site.page("/both", "<title>both</title>");
    let mut server = OwnServer::start(&place, &["--isolated", &format!("--blocked-origins={blocked};https://x.test")]);
    let answer = server.call("browser_navigate", json!({"url": blocked})).err();
    assert!(answer.must("Error").contains(&format!("net::ERR_BLOCKED_BY_CLIENT at {blocked}")), "{}", answer.text);
    server.open(&page);
    let fetch = |url: &str| format!("() => fetch({url:?}, {{mode: 'no-cors'}}).then(() => 'loaded', () => 'kept out')");
    assert_eq!(server.evaluate(&fetch(&blocked)), "\"kept out\"");
    assert_eq!(server.evaluate(&fetch(&site.url("/ok"))), "\"loaded\"");

    let place = Place::new();
    let allowed = format!("--allowed-origins={}", site.url(""));
    let mut server = OwnServer::start(&place, &["--isolated", &allowed]);
    server.open(&page);
    assert_eq!(server.evaluate(&fetch(&blocked)), "\"kept out\"");
    assert_eq!(server.evaluate(&fetch(&site.url("/ok"))), "\"loaded\"");
    let answer = server.call("browser_navigate", json!({"url": "https://x.test/"})).err();
    assert!(answer.text.contains("net::ERR_BLOCKED_BY_CLIENT"), "{}", answer.text);
}
