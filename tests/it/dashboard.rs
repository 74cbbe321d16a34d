//! The dashboard over HTTP in a real Chromium: clients come, are killed and ended by its buttons, Redis goes and comes
//! back, the host dies. What is on the screen is read from the screen.

use std::time::Duration;

use serde_json::json;
use support::{Agent, Calls, HostArgs, Library, Reach, Redis, Site, TestHost, Via, http, wait_for};

/// A change is on the screen in far less; two cores may have other work.
const SEEN: Duration = Duration::from_secs(30);

/// A browser that looks at a dashboard: a client of another host, whose sessions are none of this one's.
struct Eye {
    agent: Agent,
    _host: TestHost,
}

impl Eye {
    fn on(dashboard: &str) -> Self {
        let host = TestHost::start();
        let mut agent = host.agent(Via::Socket, "eye");
        agent.ok("browser_resize", json!({"width": 1200, "height": 900}));
        agent.open(dashboard);
        Self { agent, _host: host }
    }

    fn text(&mut self) -> String {
        self.agent.evaluate("() => document.body.innerText.replace(/\\s+/g, ' ')")
    }

    fn shows(&mut self, words: &str) {
        wait_for(&format!("the screen shows {words:?}"), SEEN, || {
            let text = self.text();
            if text.contains(words) { Ok(()) } else { Err(text) }
        });
    }

    fn shows_no(&mut self, words: &str) {
        wait_for(&format!("the screen does not show {words:?} any more"), SEEN, || {
            let text = self.text();
            if text.contains(words) { Err(text) } else { Ok(()) }
        });
    }

    /// The row of a client in the table of sessions, once it reads so.
    fn row(&mut self, client: &str, what: &str, good: impl Fn(&str) -> bool) {
        let function = format!(
            "() => [...document.querySelectorAll('[data-row]')].map((row) => row.innerText.replace(/\\s+/g, ' ')).find((text) => text.includes('{client}')) ?? ''"
        );
        wait_for(&format!("the row of {client} shows {what}"), SEEN, || {
            let row = self.agent.evaluate(&function);
            if good(&row) { Ok(()) } else { Err(row) }
        });
    }

    /// A press of the mouse on what is found there.
    fn click(&mut self, selector: &str) {
        wait_for(&format!("{selector} can be pressed"), SEEN, || {
            let answer = self.agent.call("browser_click", json!({"target": selector}));
            if answer.is_error { Err(answer.text) } else { Ok(()) }
        });
    }

    fn go(&mut self, hash: &str) {
        self.agent.evaluate(&format!("() => {{ location.hash = '{hash}'; return 1 }}"));
    }
}

#[test]
fn the_dashboard_shows_clients_from_their_coming_to_their_reports() {
    let (mut redis, site) = (Redis::start(), Site::start());
    let more = ["--dashboard", "--cursor-store", &redis.url()].map(str::to_owned).into();
    let mut host = TestHost::with(HostArgs { more, ..HostArgs::default() });
    let mut eye = Eye::on(&host.dashboard());
    eye.shows("No client has connected yet.");
    eye.shows("Listening");

    // The official Rust library over the bridge, and two plain clients.
    let library = Library::Rmcp.all().into_iter().find(|real| real.reach == Reach::Stdio).unwrap();
    let mut shopper = library.start(&host, "Shopper");
    shopper.open(&site.url("/ok"));
    let mut second = host.agent(Via::Bridge, "Second");
    second.open(&site.url("/ok"));
    let mut reader = host.agent(Via::Socket, "Reader");
    reader.open(&site.url("/ok"));
    for client in ["Shopper", "Second", "Reader"] {
        eye.row(client, "one tab", |row| row.contains(" 1 ") && row.contains("pid "));
    }
    eye.shows("3 sessions");

    // Killed, as a terminal that is closed kills.
    shopper.kill();
    eye.row("Shopper", "its end", |row| row.contains("Ended") && row.contains("View report"));
    eye.shows("Nothing is left behind.");

    // A call that runs is seen, and ending that session asks.
    let call = second.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"}));
    eye.row("Second", "the running call", |row| row.contains("Working") && row.contains("browser_evaluate"));
    eye.click("button[aria-label^='End session of Second']");
    eye.shows("End Second");
    assert_eq!(host.control().snapshot().sessions.len(), 2, "a question ends nothing");
    eye.click("[role=alertdialog] button:last-child");
    eye.shows("ended cleanly");
    eye.row("Second", "its end", |row| row.contains("Ended"));
    let told = second.answer(call, SEEN).unwrap();
    assert!(told.is_error && told.text.contains("ended from the dashboard"), "{}", told.text);

    // Its store goes, and comes back.
    redis.stop();
    let cut = reader.ok("browser_evaluate", json!({"function": "() => 'a long line\\n'.repeat(9000)"}));
    assert_eq!(cut.code(), "store_unavailable", "{}", cut.text);
    eye.shows("Large results are cut.");
    redis.restart();
    eye.shows_no("Large results are cut.");
    reader.large("kept", 60);
    eye.go("#/cursors");
    eye.shows("1 cursor");
    eye.shows("browser_evaluate");

    // The session from within: a picture of its page over HTTP, and one of its tabs closed.
    reader.ok("browser_tabs", json!({"action": "new", "url": site.url("/ok")}));
    eye.go(&format!("#/sessions/{}", host.control().session_of("Reader")));
    wait_for("a picture of the page is drawn", SEEN, || {
        let drawn = eye.agent.evaluate(
            "() => [...document.querySelectorAll('img')].filter((image) => image.src.includes('/thumb/') && image.naturalWidth > 100).length",
        );
        if drawn == "2" { Ok(()) } else { Err(format!("{drawn} pictures")) }
    });
    eye.click("button[aria-label='Close tab 2']");
    eye.shows("Close tab 2?");
    eye.click("[role=alertdialog] button:last-child");
    wait_for("the tab is closed in the browser", SEEN, || match host.control().snapshot().sessions[0].tabs.len() {
        1 => Ok(()),
        other => Err(format!("{other} tabs")),
    });
    reader.kill();
    eye.shows("This session ended at");

    eye.go("#/history");
    eye.shows("3 cleanups");
    eye.shows("Ended by hand");
    eye.click("button[title='Remove every report']");
    eye.shows("Clear all 3 reports?");
    eye.click("[role=alertdialog] button:last-child");
    eye.shows("Cleanups will appear here. None has run yet.");
    eye.go("#/");
    eye.shows("Nothing is left behind.");

    host.kill();
    eye.shows("Not connected");
    eye.shows("Reconnecting…");
    host.next_with(Vec::new());
    host.restart();
}

#[test]
fn the_dashboard_gives_pictures_to_nobody_else() {
    let site = Site::start();
    let host = TestHost::with(HostArgs { more: vec!["--dashboard".to_owned()], ..HostArgs::default() });
    let mut agent = host.agent(Via::Socket, "painter");
    agent.open(&site.url("/ok"));
    let session = host.control().session_of("painter");
    let tab = host.control().snapshot().sessions[0].tabs[0].id;
    let address = host.dashboard();
    let port = address.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap();
    let target = format!("127.0.0.1:{port}").parse().unwrap();
    let request = format!("GET /thumb/{session}/{tab} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let answer = http::raw(target, request.as_bytes()).unwrap();
    assert_eq!(answer.status, 401);
    let text = answer.text();
    assert!(text.contains("not logged in") && !text.contains("JFIF"), "{text}");
}
