//! Pages that want to hang, flood or exhaust: every call answers in its time, the session goes on, memory stays.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, Calls, Client, Site, TestHost, procs};

/// What a host may take more than before, once a page did its worst, in bytes.
const GROWTH: u64 = 400 * 1024 * 1024;

/// Longer than an ordinary question to a page may take, with what is done around it.
const ANSWER: Duration = Duration::from_secs(20);

struct Scene {
    client: Client,
    site: Site,
    host: TestHost,
}

impl Scene {
    fn new() -> Self {
        let host = TestHost::start();
        let (client, site) = (host.client("agent"), Site::start());
        Self { client, site, host }
    }

    fn page(&mut self, path: &str, html: &str) -> String {
        self.site.page(path, &format!("<!doctype html><title>hostile</title><h1>Here</h1>{html}"))
    }

    /// Calls a tool; whatever it says, it says within `deadline`.
    fn within(&mut self, deadline: Duration, tool: &str, arguments: Value) -> Answer {
        let began = Instant::now();
        let answer = self.client.call(tool, arguments);
        let elapsed = began.elapsed();
        assert!(elapsed < deadline, "{tool} took {elapsed:?}: {}", answer.text);
        answer
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        self.within(ANSWER, tool, arguments)
    }

    /// The session works as if nothing had been.
    fn goes_on(&mut self) {
        let url = self.site.url("/ok");
        let mut seen = self.call("browser_navigate", json!({"url": url}));
        if seen.is_error {
            // A page that spins or asks is left by its tab.
            self.call("browser_tabs", json!({"action": "close"}));
            self.call("browser_tabs", json!({"action": "new"}));
            seen = self.call("browser_navigate", json!({"url": url}));
        }
        assert!(seen.text.contains("All is well"), "{}", seen.text);
        let pressed = self.call("browser_click", json!({"target": "getByRole('button', { name: 'Press' })"}));
        assert!(!pressed.is_error, "{}", pressed.text);
    }
}

#[test]
fn a_page_that_computes_for_ever_is_left() {
    let mut scene = Scene::new();
    let url = scene.page("/loop", "<button onclick='for (;;) {}'>Spin</button>");
    scene.call("browser_navigate", json!({"url": url}));
    // The click is done; what it started never ends.
    let clicked = scene.call("browser_click", json!({"target": "getByText('Spin')"}));
    let looked = scene.call("browser_snapshot", json!({}));
    assert!(clicked.is_error || looked.is_error, "a spinning page cannot be read: {}", looked.text);
    scene.goes_on();
}

#[test]
fn dialogs_without_end_block_no_call() {
    let mut scene = Scene::new();
    let url = scene.page("/dialogs", "<script>setTimeout(() => { for (;;) alert('again'); }, 0)</script>");
    scene.call("browser_navigate", json!({"url": url}));
    for round in 0..10 {
        let looked = scene.call("browser_snapshot", json!({}));
        assert!(looked.text.contains("\"alert\" dialog with message \"again\""), "round {round}: {}", looked.text);
        scene.call("browser_handle_dialog", json!({"accept": round % 2 == 0}));
    }
    let closed = scene.call("browser_tabs", json!({"action": "close"}));
    assert!(!closed.is_error, "{}", closed.text);
    scene.call("browser_tabs", json!({"action": "new"}));
    scene.goes_on();
}

#[test]
fn a_page_that_will_not_be_left_is_asked_once() {
    let mut scene = Scene::new();
    let url = scene.page(
        "/stay",
        "<button>Touch</button><script>addEventListener('beforeunload', (event) => event.preventDefault())</script>",
    );
    scene.call("browser_navigate", json!({"url": url}));
    scene.call("browser_click", json!({"target": "getByText('Touch')"}));
    let ok = scene.site.url("/ok");
    let asked = scene.call("browser_navigate", json!({"url": ok}));
    assert!(asked.text.contains("\"beforeunload\" dialog"), "{}", asked.text);
    let left = scene.call("browser_handle_dialog", json!({"accept": true}));
    assert!(!left.is_error, "{}", left.text);
    scene.goes_on();
}

#[test]
fn a_hundred_thousand_nodes_are_read_to_the_limit_and_it_is_said() {
    let mut scene = Scene::new();
    let url = scene.page(
        "/nodes",
        "<script>document.body.append(...Array.from({length: 120_000}, (_, i) => {
            const p = document.createElement('p'); p.textContent = 'n' + i; return p; }))</script>",
    );
    scene.within(Duration::from_secs(65), "browser_navigate", json!({"url": url}));
    let looked = scene.within(Duration::from_secs(35), "browser_snapshot", json!({}));
    assert!(looked.must("Next").contains("stops early"), "{}", looked.must("Next"));
    scene.goes_on();
}

#[test]
fn pages_that_go_on_and_on_can_be_looked_at_and_left() {
    let mut scene = Scene::new();
    let ring = scene.site.url("/redirect");
    let lost = scene.call("browser_navigate", json!({"url": ring})).err();
    assert!(lost.text.contains("net::ERR_TOO_MANY_REDIRECTS"), "{}", lost.text);
    let again = scene.page("/again", "<script>setTimeout(() => location.reload(), 20)</script>");
    scene.call("browser_navigate", json!({"url": again}));
    for _ in 0..5 {
        scene.call("browser_snapshot", json!({}));
        scene.call("browser_evaluate", json!({"function": "() => document.title"}));
    }
    scene.goes_on();

    // The page leaves in the middle of a question.
    let ok = scene.site.url("/ok?left");
    let left = scene.call(
        "browser_evaluate",
        json!({"function": format!("() => {{ location.href = '{ok}'; return new Promise(() => {{}}); }}")}),
    );
    assert!(left.text.contains("Error") || left.text.contains(&ok), "{}", left.text);
    scene.goes_on();
}

#[test]
fn frames_that_come_and_go_under_the_eyes() {
    let mut scene = Scene::new();
    let elsewhere = scene.site.elsewhere("/ok");
    let url = scene.page(
        "/frames",
        &format!(
            "<div id=d></div><script>setInterval(() => {{
                const frame = document.createElement('iframe');
                frame.src = Math.random() < 0.5 ? '/ok' : '{elsewhere}';
                d.append(frame);
                if (d.children.length > 6) d.firstChild.remove();
            }}, 15)</script>"
        ),
    );
    scene.call("browser_navigate", json!({"url": url}));
    for _ in 0..12 {
        let looked = scene.call("browser_snapshot", json!({}));
        assert!(looked.text.contains("heading \"Here\""), "{}", looked.text);
    }
    scene.goes_on();
}

#[test]
fn floods_of_requests_messages_and_downloads_are_counted_and_bounded() {
    let mut scene = Scene::new();
    let port = scene.site.url("").rsplit(':').next().unwrap_or_default().to_owned();
    let url = scene.page(
        "/flood",
        &format!(
            "<a download id=a href='/download'>d</a><script>
            setInterval(() => {{ for (let i = 0; i < 50; i++) console.log('line ' + i); }}, 5);
            setInterval(() => {{ for (let i = 0; i < 5; i++) fetch('/item/' + i).catch(() => 0); }}, 10);
            setInterval(() => {{ try {{ new WebSocket('ws://127.0.0.1:{port}/item/ws'); }} catch {{}} }}, 10);
            setInterval(() => a.click(), 20);
            const channel = new MessageChannel(); channel.port1.onmessage = () => channel.port2.postMessage('x'.repeat(10000)); channel.port2.postMessage(1);
            </script>"
        ),
    );
    let before = procs::pss(scene.host.pid()).unwrap_or_default();
    scene.call("browser_navigate", json!({"url": url}));
    for _ in 0..5 {
        let looked = scene.call("browser_snapshot", json!({}));
        assert!(looked.text.contains("heading \"Here\""), "{}", looked.text);
        scene.call("browser_evaluate", json!({"function": "() => 1 + 1"}));
    }
    let lines = scene.call("browser_console_messages", json!({}));
    assert!(lines.text.len() < 300 * 1024 && !lines.is_error, "{} bytes", lines.text.len());
    scene.goes_on();
    let after = procs::pss(scene.host.pid()).unwrap_or_default();
    assert!(after < before + GROWTH, "{} MB became {} MB", before >> 20, after >> 20);
}
