//! What an agent does on an ordinary day.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Answer, Calls, Client, Site, TestHost, Via, procs, wait_for};

/// A client, its host and a site.
struct Day {
    client: Client,
    site: Site,
    host: TestHost,
}

impl Day {
    fn new() -> Self {
        let host = TestHost::start();
        let client = host.client("agent");
        Self { client, site: Site::start(), host }
    }

    /// Opens the large page and waits until its script is done.
    fn open_large(&mut self) {
        self.client.open(&self.site.url("/large.html"));
        let client = &mut self.client;
        wait_for("the large page is ready", Duration::from_mins(1), || match client.evaluate("() => document.title") {
            title if title == "\"large ready\"" => Ok(()),
            title => Err(title),
        });
    }

    fn read(&mut self, arguments: Value) -> Answer {
        self.client.ok("cursor_read", arguments)
    }
}

fn number(answer: &Answer, name: &str) -> u64 {
    answer.meta[name].as_u64().unwrap_or_else(|| panic!("no {name} in {}", answer.meta))
}

#[test]
fn a_long_page_is_read_in_pages_that_do_not_move() {
    let mut day = Day::new();
    day.open_large();
    let first = day.client.ok("browser_snapshot", json!({}));
    let cursor = first.cursor().to_owned();
    let total = number(&first, "total");
    assert!(total > 5_000, "10,000 nodes make {total} lines");
    assert_eq!(number(&first, "from"), 1);
    assert!(first.text.len() < 64 * 1024 && first.must("More").contains(&cursor), "{}", first.must("More"));

    // The page goes on changing; the result does not.
    day.client.evaluate("() => { document.body.innerHTML = '<p>all gone</p>'; return 1; }");
    let (mut pages, mut next) = (vec![first.must("Snapshot").to_owned()], first.meta["next"].as_u64());
    let (mut to, mut ranges) = (number(&first, "to"), Vec::new());
    while let Some(offset) = next {
        let page = day.read(json!({"cursor": cursor, "offset": offset}));
        assert_eq!((number(&page, "from"), offset), (to + 1, to + 1), "no gap, nothing twice");
        to = number(&page, "to");
        ranges.push(offset);
        pages.push(page.must("Result").to_owned());
        next = page.meta["next"].as_u64();
    }
    assert_eq!(to, total);
    let whole = pages.join("\n");
    assert_eq!(whole.lines().count() as u64, total);
    for words in ["Heading 0", "Link 1124", "Press 2249", "End of section 249."] {
        assert!(whole.contains(words), "{words} is missing");
    }

    // Forth and back: the same page is the same page.
    let again = day.read(json!({"cursor": cursor, "offset": ranges[1]}));
    assert_eq!(again.must("Result"), pages[2]);
    let back = day.read(json!({"cursor": cursor, "direction": "previous"}));
    assert_eq!(number(&back, "to"), ranges[1] - 1, "{}", back.must("More"));
    let on = day.read(json!({"cursor": cursor, "direction": "next"}));
    assert_eq!(on.must("Result"), pages[2]);

    let found = day.read(json!({"cursor": cursor, "match": "button \"Press 22[0-9]{2}\""}));
    assert_eq!(found.must("Result").lines().filter(|line| line.contains("[ref=")).count(), 50, "{}", found.text);
    let beyond = day.client.call("cursor_read", json!({"cursor": cursor, "offset": total + 1})).err();
    assert_eq!(beyond.code(), "page_out_of_range");
    assert!(beyond.text.contains(&thousands(total)), "the valid range is named: {}", beyond.text);

    assert!(day.client.ok("cursor_list", json!({})).text.contains(&cursor));
    let closed = day.client.ok("cursor_close", json!({"cursor": cursor}));
    assert!(closed.must("Result").starts_with("Closed 1 cursor ("), "{}", closed.text);
    let unknown = day.client.call("cursor_read", json!({"cursor": cursor})).err();
    assert_eq!(unknown.code(), "cursor_unknown", "{}", unknown.text);
}

fn thousands(n: u64) -> String {
    if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) }
}

#[test]
fn console_and_requests_are_listed_in_pages() {
    let mut day = Day::new();
    day.open_large();
    let console = day.client.ok("browser_console_messages", json!({}));
    let cursor = console.cursor().to_owned();
    assert!(
        console.must("Result").starts_with("Total messages: 2000 (Errors: 500, Warnings: 500)"),
        "{}",
        console.text
    );
    assert_eq!((number(&console, "total"), console.meta["unit"].as_str()), (2_000, Some("items")));
    let last = day.read(json!({"cursor": cursor, "offset": 2_000}));
    assert!(last.must("Result").starts_with("[ERROR] line 1999 at level error @ "), "{}", last.text);
    let found = day.read(json!({"cursor": cursor, "match": "line 19\\d\\d at level warn"}));
    assert_eq!(found.must("Result").matches("[WARNING] line 19").count(), 25, "{}", found.text);
    let fields = day.read(json!({"cursor": cursor, "offset": 1, "max_tokens": 500, "fields": ["text"]}));
    assert!(fields.text.contains("line 0 at level log") && !fields.text.contains("large.html"), "{}", fields.text);
    let errors = day.client.ok("browser_console_messages", json!({"level": "error"}));
    assert!(errors.text.contains("Returning 500 messages for level \"error\""), "{}", errors.text);
    assert_eq!(errors.must("Result").matches("[WARNING]").count(), 0);

    let requests = day.client.ok("browser_network_requests", json!({}));
    let cursor = requests.cursor().to_owned();
    let total = number(&requests, "total");
    assert!((1_000..=1_001).contains(&total), "1,000 requests of the page, its own document aside: {total}");
    let last = day.read(json!({"cursor": cursor, "offset": total}));
    assert!(last.must("Result").contains("/item/") && last.must("Result").contains("=> [200] OK"), "{}", last.text);
    let one = day.client.ok("browser_network_requests", json!({"filter": "/item/99[0-9]\\.json$"}));
    assert_eq!(one.must("Result").matches("[GET] ").count(), 10, "{}", one.text);
    assert_eq!(day.site.requests().iter().filter(|path| path.starts_with("/item/")).count(), 1_000);
}

#[test]
fn clicks_and_typing_act_as_a_person_would() {
    let mut day = Day::new();
    let url = day.site.page(
        "/form",
        "<!doctype html><title>form</title><form onsubmit=\"document.title='sent '+q.value; return false\">\
         <label>Query <input id=q></label><button>Go</button></form>\
         <button id=b onclick=\"this.textContent='pressed ' + event.isTrusted + ' ' + event.shiftKey\">Press me</button>\
         <button ondblclick=\"document.title='double'\">Twice</button><p id=keys></p>\
         <script>q.addEventListener('keydown', e => keys.textContent += e.key)</script>",
    );
    let page = day.client.open(&url);
    let pressed = day.client.ok("browser_click", json!({"target": page.reference("Press me"), "modifiers": ["Shift"]}));
    assert!(pressed.must("Snapshot").contains("button \"pressed true true\""), "{}", pressed.text);
    assert!(
        pressed.must("Ran Playwright code").contains("getByRole('button', { name: 'Press me' })"),
        "{}",
        pressed.text
    );
    day.client.ok("browser_click", json!({"target": page.reference("Twice"), "doubleClick": true}));
    assert_eq!(day.client.evaluate("() => document.title"), "\"double\"");

    let field = page.reference("textbox");
    day.client.ok("browser_type", json!({"target": field, "text": "first"}));
    day.client.ok("browser_type", json!({"target": field, "text": "päge 2"}));
    assert_eq!(day.client.evaluate("() => q.value"), "\"päge 2\"", "it replaces");
    day.client.ok("browser_type", json!({"target": field, "text": ""}));
    day.client.evaluate("() => { keys.textContent = ''; return 1; }");
    let sent = day.client.ok("browser_type", json!({"target": field, "text": "abc", "slowly": true, "submit": true}));
    assert!(sent.must("Page").contains("Page Title: sent abc"), "{}", sent.text);
    assert_eq!(day.client.evaluate("() => keys.textContent"), "\"abcEnter\"", "a key a character");

    let gone = day.client.call("browser_click", json!({"target": "e999"})).err();
    assert_eq!(gone.code(), "target_unknown");
    assert!(gone.text.contains("Ref e999 not found in the current page snapshot"), "{}", gone.text);
    let several = day.client.call("browser_click", json!({"target": "button"})).err();
    assert!(
        several.text.contains("strict mode violation: locator('button') resolved to 3 elements"),
        "{}",
        several.text
    );
}

#[test]
fn evaluation_returns_what_the_page_says() {
    let mut day = Day::new();
    day.client.open(&day.site.url("/ok"));
    for (function, result) in [
        ("() => 6 * 7", "42"),
        ("() => undefined", "undefined"),
        (
            "async () => { await new Promise(r => setTimeout(r, 20)); return {a: [1, null]}; }",
            "{\n  \"a\": [\n    1,\n    null\n  ]\n}",
        ),
        ("document.title", "\"ok\""),
        // What the page calls like what Ebb wraps around it.
        ("() => { window.text = 'T'; window.value = 'V'; window.made = 'M'; return 1; }", "1"),
        ("() => text + value + made", "\"TVM\""),
        ("() => 'ä\\u0000\u{1F30A}'", "\"ä\\u0000\u{1F30A}\""),
    ] {
        assert_eq!(day.client.evaluate(function), result, "{function}");
    }
    let page = day.client.ok("browser_snapshot", json!({}));
    let button =
        json!({"function": "(element) => element.tagName", "target": page.reference("Press"), "element": "the button"});
    assert_eq!(day.client.ok("browser_evaluate", button).must("Result"), "\"BUTTON\"");
    let thrown =
        day.client.call("browser_evaluate", json!({"function": "() => { throw new Error('of the page'); }"})).err();
    assert!(thrown.text.contains("Error: of the page"), "{}", thrown.text);
    let wrong = day.client.call("browser_evaluate", json!({})).err();
    assert!(
        wrong.text.contains("✖ Invalid input: expected string, received undefined\n  → at function"),
        "{}",
        wrong.text
    );
    assert_eq!(day.client.evaluate("() => 1"), "1", "and the page is well");
}

#[test]
fn dialogs_wait_for_their_answer() {
    let mut day = Day::new();
    let url = day.site.page(
        "/dialogs",
        "<!doctype html><title>dialogs</title><button onclick=\"alert('first'); document.title='after'\">Alert</button>\
         <button onclick=\"document.title = String(confirm('sure?'))\">Confirm</button>\
         <button onclick=\"document.title = String(prompt('name?', 'x'))\">Prompt</button>",
    );
    let page = day.client.open(&url);
    let open = day.client.ok("browser_click", json!({"target": page.reference("Alert")}));
    assert!(
        open.must("Modal state")
            .contains("[\"alert\" dialog with message \"first\"]: can be handled by browser_handle_dialog"),
        "{}",
        open.text
    );
    let blocked = day.client.call("browser_snapshot", json!({})).err();
    assert!(blocked.text.contains("Tool \"browser_snapshot\" does not handle the modal state."), "{}", blocked.text);
    assert!(blocked.must("Modal state").contains("first"));
    let after = day.client.ok("browser_handle_dialog", json!({"accept": true}));
    assert!(after.must("Page").contains("Page Title: after"), "{}", after.text);
    for (button, answer, title) in [
        ("Confirm", json!({"accept": false}), "false"),
        ("Confirm", json!({"accept": true}), "true"),
        ("Prompt", json!({"accept": true, "promptText": "Ebb"}), "Ebb"),
        ("Prompt", json!({"accept": false}), "null"),
    ] {
        let page = day.client.ok("browser_snapshot", json!({}));
        day.client.ok("browser_click", json!({"target": page.reference(button)}));
        let after = day.client.ok("browser_handle_dialog", answer);
        assert!(after.must("Page").contains(&format!("Page Title: {title}")), "{button}: {}", after.text);
    }
    let none = day.client.call("browser_handle_dialog", json!({"accept": true})).err();
    assert!(none.text.contains("can only be used when there is related modal state present"), "{}", none.text);
    // A session with an open dialog ends like any other.
    let page = day.client.ok("browser_snapshot", json!({}));
    day.client.ok("browser_click", json!({"target": page.reference("Alert")}));
    let session = day.host.control().session_of("agent");
    let report = day.host.control().end(&session, ebb_core::cleanup::AskedBy::Tray).unwrap();
    assert!(report.ms < 2_000.0, "{report:?}");
}

/// The agent's own folder is what it may upload from, links resolved.
#[test]
fn files_are_uploaded_from_the_clients_folder_only() {
    for via in Via::BOTH {
        let host = TestHost::start();
        let site = Site::start();
        let project = host.project();
        std::fs::write(project.join("note.txt"), "from the project").unwrap();
        std::fs::write(host.path().join("secret.txt"), "not yours").unwrap();
        std::os::unix::fs::symlink(host.path().join("secret.txt"), project.join("link.txt")).unwrap();
        let url = site.page(
            "/upload",
            "<!doctype html><title>upload</title><input type=file id=f aria-label=\"Your file\" \
             onchange=\"f.files[0].text().then(t => document.title = t)\">",
        );
        let mut agent = host.agent(via, "agent");
        let page = agent.open(&url);
        let choose = json!({"target": page.reference("Your file")});
        let open = agent.ok("browser_click", choose.clone());
        assert!(
            open.must("Modal state").contains("[File chooser]: can be handled by browser_file_upload"),
            "{}",
            open.text
        );
        let outside = host.path().join("secret.txt");
        for path in [outside.to_str().unwrap(), "../secret.txt", "link.txt", "/etc/passwd"] {
            let denied = agent.call("browser_file_upload", json!({"paths": [path]})).err();
            assert_eq!(denied.code(), "file_denied", "{path}: {}", denied.text);
            assert!(denied.text.contains("outside allowed roots"), "{path}: {}", denied.text);
        }
        std::fs::write(project.join("other.txt"), "another one").unwrap();
        for (path, text) in
            [(project.join("note.txt").to_str().unwrap(), "from the project"), ("other.txt", "another one")]
        {
            if agent.call("browser_snapshot", json!({})).section("Modal state").is_none() {
                agent.ok("browser_click", choose.clone());
            }
            agent.ok("browser_file_upload", json!({"paths": [path]}));
            wait_for("the page has read the file", Duration::from_secs(5), || {
                let title = agent.evaluate("() => document.title");
                if title == format!("\"{text}\"") { Ok(()) } else { Err(title) }
            });
        }
        agent.kill();
    }
}

#[test]
fn tabs_are_opened_selected_and_closed() {
    let mut day = Day::new();
    let opener = day.site.page("/opener", "<!doctype html><title>opener</title><a href=\"/ok\" target=_blank>Pop</a>");
    let none = day.client.ok("browser_tabs", json!({"action": "list"}));
    assert!(none.must("Result").starts_with("No open tabs"), "{}", none.text);
    let page = day.client.open(&opener);
    let new = day.client.ok("browser_tabs", json!({"action": "new", "url": day.site.url("/ok")}));
    let lines: Vec<&str> = new.must("Result").lines().collect();
    assert_eq!(lines, [format!("- 0: [opener]({opener})"), format!("- 1: (current) [ok]({})", day.site.url("/ok"))]);
    day.client.ok("browser_tabs", json!({"action": "select", "index": 0}));
    assert_eq!(day.client.evaluate("() => document.title"), "\"opener\"");
    day.client.ok("browser_click", json!({"target": page.reference("Pop")}));
    let client = &mut day.client;
    wait_for("the popup is a tab", Duration::from_secs(10), || {
        let list = client.ok("browser_tabs", json!({"action": "list"})).must("Result").to_owned();
        if list.lines().count() == 3 && list.matches("[ok]").count() == 2 { Ok(()) } else { Err(list) }
    });
    assert_eq!(day.client.evaluate("() => document.title"), "\"opener\"", "a popup does not become current");
    let closed = day.client.ok("browser_tabs", json!({"action": "close", "index": 1}));
    assert_eq!(closed.must("Result").lines().count(), 2, "{}", closed.text);
    let missing = day.client.call("browser_tabs", json!({"action": "select", "index": 7})).err();
    assert!(missing.text.contains("Tab 7 not found"), "{}", missing.text);
    let closed = day.client.ok("browser_close", json!({}));
    assert!(closed.must("Result").starts_with("No open tabs"), "{}", closed.text);
    wait_for("the last page takes the browser with it", Duration::from_secs(5), || {
        let (left, folders) = (day.host.chromium(), day.host.run_folders());
        if left.is_empty() && folders.is_empty() { Ok(()) } else { Err(format!("{} {folders:?}", procs::brief(&left))) }
    });
    day.client.open(&opener);
}

#[test]
fn navigation_says_what_went_wrong() {
    let mut day = Day::new();
    let status = day.client.open(&day.site.url("/status?code=503"));
    assert!(status.must("Page").contains("- HTTP status: 503"), "{}", status.text);
    let refused = day.client.call("browser_navigate", json!({"url": "http://127.0.0.1:1/"})).err();
    assert_eq!(refused.code(), "navigation_failed", "{}", refused.text);
    assert!(refused.text.contains("ERR_"), "{}", refused.text);
    for url in ["file:///etc/passwd", "chrome://version", "view-source:http://127.0.0.1/", "javascript:alert(1)"] {
        let denied = day.client.call("browser_navigate", json!({"url": url})).err();
        assert_eq!(denied.code(), "navigation_denied", "{url}: {}", denied.text);
    }
    assert!(day.client.open(&day.site.url("/ok")).must("Snapshot").contains("All is well"));
}
