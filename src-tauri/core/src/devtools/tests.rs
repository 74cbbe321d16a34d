use proptest::prelude::*;
use regex::Regex;

use super::{
    Buffers, ConsoleEntry, Dropped, Level, Outcome, RequestStart, Response,
    text::{address, console_body, console_file_line, console_line, request_text, requests_body},
};
use crate::{
    cursors::Body,
    settings::{DevtoolsSettings, Settings},
};

fn settings() -> DevtoolsSettings {
    Settings::default().devtools
}

fn buffers() -> Buffers {
    Buffers::new(&settings())
}

fn entry(kind: &str, text: &str) -> ConsoleEntry {
    ConsoleEntry {
        level: Level::of_kind(kind),
        kind: kind.to_owned(),
        text: text.to_owned(),
        url: "http://x/a.js".to_owned(),
        line: 6,
        at_ms: 1_234.4,
        exception: false,
    }
}

fn start(id: &str, url: &str, resource_type: &str) -> RequestStart {
    RequestStart {
        id: id.to_owned(),
        method: "GET".to_owned(),
        url: url.to_owned(),
        resource_type: resource_type.to_owned(),
        headers: Vec::new(),
        body: None,
        at_ms: 10.0,
    }
}

fn response(status: u16, status_text: &str) -> Response {
    Response { status, status_text: status_text.to_owned(), mime_type: "text/html".to_owned(), headers: Vec::new() }
}

fn answered(buffers: &Buffers, id: &str, url: &str, resource_type: &str, status: u16, status_text: &str) {
    buffers.request_started(1, start(id, url, resource_type));
    buffers.request_response(1, id, response(status, status_text));
    buffers.request_finished(1, id, 96.4);
}

fn parts(body: Body) -> (Option<String>, Vec<String>, Option<String>) {
    match body {
        Body::List { header, items, footer, fields } => {
            assert_eq!(fields.map(|fields| fields.len()), Some(items.len()));
            (header, items, footer)
        }
        Body::Text { text } => (Some(text), Vec::new(), None),
    }
}

#[test]
fn console_texts() {
    let buffers = buffers();
    buffers.console(1, entry("log", "hello"));
    buffers.console(1, entry("warning", "careful"));
    buffers.console(1, ConsoleEntry { exception: true, ..entry("error", "Error: no\n    at f (x:1:2)") });
    buffers.console(1, entry("debug", "fine print"));
    assert_eq!(console_line(&entry("startGroup", "g")), "[STARTGROUP] g @ http://x/a.js:6");
    assert_eq!(console_file_line(&entry("log", "hello"), 1_000.0), "[     234ms] [LOG] hello @ http://x/a.js:6");
    let (header, items, footer) = parts(console_body(&buffers.console_list(1, Level::Info, false), Level::Info));
    assert_eq!(
        header.as_deref(),
        Some("Total messages: 4 (Errors: 1, Warnings: 1)\nReturning 3 messages for level \"info\"")
    );
    assert_eq!(
        items,
        ["[LOG] hello @ http://x/a.js:6", "[WARNING] careful @ http://x/a.js:6", "Error: no\n    at f (x:1:2)",]
    );
    assert_eq!(footer, None);
    let body = console_body(&buffers.console_list(1, Level::Debug, false), Level::Debug);
    assert_eq!(parts(body).0.as_deref(), Some("Total messages: 4 (Errors: 1, Warnings: 1)"));
    let body = console_body(&buffers.console_list(7, Level::Info, true), Level::Info);
    assert_eq!(body.into_text(), "Total messages: 0 (Errors: 0, Warnings: 0)");
}

#[test]
fn kinds_have_levels() {
    for (kind, level) in [
        ("error", Level::Error),
        ("assert", Level::Error),
        ("warning", Level::Warning),
        ("log", Level::Info),
        ("table", Level::Info),
        ("timeEnd", Level::Info),
        ("trace", Level::Debug),
        ("clear", Level::Debug),
        ("startGroupCollapsed", Level::Debug),
    ] {
        assert_eq!(Level::of_kind(kind), level, "{kind}");
    }
    for level in [Level::Error, Level::Warning, Level::Info, Level::Debug] {
        assert_eq!(Level::parse(level.name()), Some(level));
    }
    assert_eq!(Level::parse("verbose"), None);
}

#[test]
fn the_console_counts_since_the_last_navigation() {
    let buffers = buffers();
    buffers.console(1, entry("error", "old"));
    buffers.console(2, entry("error", "another tab"));
    buffers.navigated(1);
    buffers.console(1, entry("warning", "new"));
    assert_eq!(buffers.counts(1), (0, 1));
    let list = buffers.console_list(1, Level::Debug, false);
    assert_eq!((list.total, list.errors, list.warnings, list.entries.len()), (1, 0, 1, 1));
    let list = buffers.console_list(1, Level::Debug, true);
    assert_eq!((list.total, list.errors, list.warnings, list.entries.len()), (2, 1, 1, 2));
    let news = buffers.console_since(1, 1);
    assert_eq!((news.last, news.errors, news.warnings, news.lost), (2, 0, 1, 0));
    assert_eq!(
        news.entries.iter().map(|(number, entry)| (*number, entry.text.as_str())).collect::<Vec<_>>(),
        [(2, "new")]
    );
    assert_eq!(buffers.console_since(1, 2).entries, []);
    assert_eq!(buffers.console_since(1, u64::MAX).entries, []);
}

#[test]
fn lost_messages_are_counted_and_told() {
    let buffers = Buffers::new(&DevtoolsSettings { max_console: 3, ..settings() });
    buffers.console(1, entry("error", "1"));
    buffers.navigated(1);
    for n in 2..=6 {
        buffers.console(1, entry(if n == 2 { "error" } else { "log" }, &n.to_string()));
    }
    let list = buffers.console_list(1, Level::Debug, false);
    assert_eq!((list.total, list.errors, list.lost, list.entries.len()), (5, 1, 2, 3));
    assert_eq!(
        parts(console_body(&list, Level::Debug)).0.as_deref(),
        Some(
            "Total messages: 5 (Errors: 1, Warnings: 0)\nReturning 3 messages for level \"debug\"\nThe oldest 2 messages are no longer kept"
        )
    );
    assert_eq!(buffers.console_list(1, Level::Debug, true).lost, 3);
    let news = buffers.console_since(1, 1);
    assert_eq!((news.last, news.lost, news.entries.len()), (6, 2, 3));
    let view = buffers.view();
    assert_eq!((view.console, view.console_errors, view.dropped), (3, 0, 3));
}

#[test]
fn long_messages_are_clipped() {
    let buffers = Buffers::new(&DevtoolsSettings { max_message_chars: 5, ..settings() });
    buffers.console(1, entry("log", "äöü漢🦀xyz"));
    let list = buffers.console_list(1, Level::Info, false);
    assert_eq!(list.entries[0].text, "äöü漢🦀... (3 more characters)");
}

#[test]
fn request_texts() {
    let buffers = buffers();
    answered(&buffers, "1", "https://x/", "document", 200, "OK");
    answered(&buffers, "2", "https://x/favicon.ico", "other", 404, "Not Found");
    answered(&buffers, "3", "https://x/api", "fetch", 200, "");
    answered(&buffers, "4", "https://x/missing.css", "stylesheet", 404, "Not Found");
    buffers.request_started(1, start("5", "https://x/slow", "image"));
    buffers.request_started(1, start("6", "https://x/lost", "script"));
    buffers.request_failed(1, "6", "net::ERR_ABORTED", 12.0);
    answered(&buffers, "7", "data:image/png;base64,AAAA", "image", 200, "OK");
    let (header, items, footer) = parts(requests_body(&buffers.requests(1, false, None)));
    assert_eq!(header, None);
    assert_eq!(
        items,
        [
            "2. [GET] https://x/api => [200] ",
            "3. [GET] https://x/missing.css => [404] Not Found",
            "4. [GET] https://x/slow",
            "5. [GET] https://x/lost => [FAILED] net::ERR_ABORTED",
        ]
    );
    assert_eq!(footer.as_deref(), Some("Note: 2 static requests not shown, run with \"static\" option to see them."));
    let (_, items, footer) = parts(requests_body(&buffers.requests(1, true, None)));
    assert_eq!(items[0], "1. [GET] https://x/ => [200] OK");
    assert_eq!(items[5], "6. [GET] data:image/png;base64,… => [200] OK");
    assert_eq!(footer, None);
    let filter = Regex::new("^data:").unwrap();
    let body = requests_body(&buffers.requests(1, false, Some(&filter)));
    assert_eq!(body.into_text(), "Note: 1 static request not shown, run with \"static\" option to see it.");
    assert_eq!(address("DATA:,"), "DATA:,…");
    assert_eq!(address("https://x/a,b"), "https://x/a,b");
    assert_eq!(buffers.in_flight(1), 1);
}

#[test]
fn one_request_as_text_hides_secrets() {
    let buffers = buffers();
    let headers =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    buffers.request_started(
        1,
        RequestStart {
            headers: headers(&[("Accept", "*/*"), ("authorization", "Bearer abc"), ("Cookie", "sid=abc")]),
            ..start("1", "https://x/", "document")
        },
    );
    assert_eq!(
        request_text(&buffers.request(1, 1).unwrap()),
        "#1 [GET] https://x/\n\n  General\n    type:      document\n\n  Request headers\n    Accept: */*\n    \
         authorization: <secret>authorization</secret>\n    Cookie: <secret>Cookie</secret>"
    );
    let set = Response { headers: headers(&[("Set-Cookie", "sid=abc")]), ..response(200, "OK") };
    buffers.request_response(1, "1", set);
    buffers.request_finished(1, "1", 96.4);
    let text = request_text(&buffers.request(1, 1).unwrap());
    assert!(text.starts_with(
        "#1 [GET] https://x/\n\n  General\n    status:    [200] OK\n    duration:  86ms\n    type:      document\n    \
         mimeType:  text/html\n\n  Request headers\n"
    ));
    assert!(text.ends_with(
        "\n\n  Response headers\n    Set-Cookie: <secret>Set-Cookie</secret>\n\n\
         Call browser_network_request with part=\"response-body\" to read the response body."
    ));
    assert_eq!(buffers.request(1, 2), None);
    assert_eq!(buffers.request(1, 0), None);
}

#[test]
fn redirects_get_numbers_of_their_own() {
    let buffers = buffers();
    buffers.request_started(1, start("1", "https://x/old", "fetch"));
    buffers.request_redirected(
        1,
        "1",
        response(302, "Found"),
        RequestStart { at_ms: 15.0, ..start("1", "https://x/new", "fetch") },
    );
    assert_eq!(buffers.in_flight(1), 1);
    buffers.request_response(1, "1", response(200, "OK"));
    buffers.request_finished(1, "1", 20.0);
    let (_, items, _) = parts(requests_body(&buffers.requests(1, false, None)));
    assert_eq!(items, ["1. [GET] https://x/old => [302] Found", "2. [GET] https://x/new => [200] OK"]);
    assert_eq!(buffers.in_flight(1), 0);
    // Of a request that does not count, neither do the redirects.
    buffers.request_started(1, start("2", "https://x/favicon.ico", "other"));
    buffers.request_redirected(1, "2", response(302, "Found"), start("2", "https://x/icon.png", "other"));
    assert_eq!(buffers.view().network, 2);
}

#[test]
fn numbers_restart_with_the_document_that_navigated() {
    let buffers = buffers();
    answered(&buffers, "1", "https://x/", "document", 200, "OK");
    answered(&buffers, "2", "https://x/api", "fetch", 200, "OK");
    buffers.request_started(1, start("3", "https://y/", "document"));
    buffers.request_started(1, start("4", "https://y/early", "fetch"));
    buffers.navigated_by(1, "3");
    buffers.request_response(1, "4", response(200, "OK"));
    let list = buffers.requests(1, true, None);
    let numbers: Vec<_> = list.entries.iter().map(|request| (request.number, request.url.as_str())).collect();
    assert_eq!(numbers, [(1, "https://y/"), (2, "https://y/early")]);
    assert_eq!(list.lost, 0);
    assert_eq!(
        buffers.request(1, 2).unwrap().outcome(),
        Outcome::Answered { status: 200, status_text: "OK".to_owned() }
    );
    assert_eq!(buffers.in_flight(1), 2);
    buffers.navigated(1);
    assert_eq!((buffers.in_flight(1), buffers.view().network, buffers.view().bytes), (0, 0, 0));
    buffers.request_failed(1, "3", "net::ERR_ABORTED", 1.0);
    answered(&buffers, "5", "https://z/", "document", 200, "OK");
    assert_eq!(buffers.request(1, 1).unwrap().start.url, "https://z/");
}

#[test]
fn numbers_do_not_shift_when_old_requests_are_lost() {
    let buffers = Buffers::new(&DevtoolsSettings { max_network: 2, ..settings() });
    for n in 1..=5 {
        buffers.request_started(1, start(&n.to_string(), &format!("https://x/{n}"), "fetch"));
    }
    let list = buffers.requests(1, false, None);
    assert_eq!(list.entries.iter().map(|request| request.number).collect::<Vec<_>>(), [4, 5]);
    assert_eq!((list.lost, buffers.in_flight(1), buffers.view().dropped), (3, 2, 3));
    assert_eq!(buffers.request(1, 3), None);
    let body = requests_body(&list);
    assert_eq!(
        body.into_text(),
        "4. [GET] https://x/4\n5. [GET] https://x/5\n\nNote: the oldest 3 requests are no longer kept."
    );
}

#[test]
fn bodies_and_headers_are_bounded() {
    let buffers = buffers();
    let big = RequestStart {
        body: Some("ä".repeat(3 * 1024 * 1024)),
        headers: vec![("a".to_owned(), "b".to_owned()); 1_000],
        ..start("1", &"u".repeat(100_000), "fetch")
    };
    buffers.request_started(1, big);
    let request = buffers.request(1, 1).unwrap();
    assert!(request.body_cut);
    assert_eq!(request.start.body.map(|body| body.len()), Some(4 * 1024 * 1024));
    assert_eq!(request.start.headers.len(), 256);
    assert!(request.start.url.len() < 33_000);
}

#[test]
fn the_oldest_of_all_tabs_go_over_the_byte_cap() {
    let buffers = Buffers::new(&DevtoolsSettings { max_session_bytes: 2_000, ..settings() });
    buffers.console(1, entry("log", "oldest"));
    for n in 0..20 {
        buffers.request_started(2, start(&n.to_string(), &"x".repeat(100), "fetch"));
    }
    buffers.console(3, entry("log", "newest"));
    let view = buffers.view();
    assert!(view.bytes <= 2_000 && view.bytes > 1_000, "{}", view.bytes);
    assert_eq!(buffers.console_list(1, Level::Info, true).lost, 1);
    assert_eq!(buffers.console_list(3, Level::Info, true).entries.len(), 1);
    assert_eq!(u64::from(view.console + view.network) + view.dropped, 22);
}

#[test]
fn dialogs_wait_until_they_close() {
    let buffers = buffers();
    buffers.dialog_opened(1, "prompt", "Name?", Some("you"));
    let dialog = buffers.dialog(1).unwrap();
    assert_eq!(
        (dialog.kind.as_str(), dialog.message.as_str(), dialog.default_prompt.as_deref()),
        ("prompt", "Name?", Some("you"))
    );
    assert_eq!(buffers.view().dialogs, 1);
    assert_eq!(buffers.dialog(2), None);
    buffers.dialog_closed(1);
    buffers.dialog_closed(2);
    assert_eq!(buffers.dialog(1), None);
    assert_eq!(buffers.view().bytes, 0);
}

#[test]
fn closed_buffers_take_nothing() {
    let buffers = buffers();
    buffers.console(1, entry("log", "x"));
    buffers.request_started(1, start("1", "https://x/", "fetch"));
    buffers.dialog_opened(2, "alert", "x", None);
    let bytes = buffers.view().bytes;
    assert_eq!(buffers.close(), Dropped { entries: 3, bytes });
    buffers.console(1, entry("log", "x"));
    buffers.request_started(1, start("1", "https://x/", "fetch"));
    buffers.request_finished(1, "1", 0.0);
    buffers.dialog_opened(2, "alert", "x", None);
    buffers.navigated(1);
    assert_eq!(buffers.close(), Dropped::default());
    assert_eq!(buffers.view(), crate::view::DevtoolsView::default());
}

#[derive(Debug, Clone)]
enum Op {
    Console(u32, String),
    Start(u32, u8, String),
    Redirect(u32, u8),
    Respond(u32, u8, String),
    Finish(u32, u8),
    Fail(u32, u8, String),
    Dialog(u32, String),
    Answer(u32),
    Navigate(u32),
    NavigateBy(u32, u8),
    Drop(u32),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let tab = 0..3_u32;
    prop_oneof![
        6 => (tab.clone(), "\\PC{0,40}").prop_map(|(tab, text)| Op::Console(tab, text)),
        6 => (tab.clone(), 0..12_u8, "\\PC{0,40}").prop_map(|(tab, id, url)| Op::Start(tab, id, url)),
        2 => (tab.clone(), 0..12_u8).prop_map(|(tab, id)| Op::Redirect(tab, id)),
        3 => (tab.clone(), 0..12_u8, "\\PC{0,40}").prop_map(|(tab, id, text)| Op::Respond(tab, id, text)),
        2 => (tab.clone(), 0..12_u8).prop_map(|(tab, id)| Op::Finish(tab, id)),
        2 => (tab.clone(), 0..12_u8, "\\PC{0,40}").prop_map(|(tab, id, text)| Op::Fail(tab, id, text)),
        1 => (tab.clone(), "\\PC{0,40}").prop_map(|(tab, text)| Op::Dialog(tab, text)),
        1 => tab.clone().prop_map(Op::Answer),
        1 => tab.clone().prop_map(Op::Navigate),
        1 => (tab.clone(), 0..12_u8).prop_map(|(tab, id)| Op::NavigateBy(tab, id)),
        1 => tab.prop_map(Op::Drop),
        1 => Just(Op::Clear),
    ]
}

proptest! {
    /// Whatever happens, the bytes counted are those held, and within the cap.
    #[test]
    fn bytes_are_exact(ops in prop::collection::vec(op(), 1..120), cap in 500..8_000_u64) {
        let limits = DevtoolsSettings { max_console: 7, max_network: 5, max_session_bytes: cap, ..settings() };
        let buffers = Buffers::new(&limits);
        for op in ops {
            let dialogs_before = buffers.view().dialogs;
            match op {
                Op::Console(tab, text) => buffers.console(tab, entry("log", &text)),
                Op::Start(tab, id, url) => buffers.request_started(tab, start(&id.to_string(), &url, "fetch")),
                Op::Redirect(tab, id) => {
                    let next = start(&id.to_string(), "https://x/next", "fetch");
                    buffers.request_redirected(tab, &id.to_string(), response(302, "Found"), next);
                }
                Op::Respond(tab, id, text) => buffers.request_response(tab, &id.to_string(), response(200, &text)),
                Op::Finish(tab, id) => buffers.request_finished(tab, &id.to_string(), 1.0),
                Op::Fail(tab, id, text) => buffers.request_failed(tab, &id.to_string(), &text, 1.0),
                Op::Dialog(tab, text) => buffers.dialog_opened(tab, "alert", &text, None),
                Op::Answer(tab) => buffers.dialog_closed(tab),
                Op::Navigate(tab) => buffers.navigated(tab),
                Op::NavigateBy(tab, id) => buffers.navigated_by(tab, &id.to_string()),
                Op::Drop(tab) => {
                    buffers.drop_tab(tab);
                }
                Op::Clear => {
                    buffers.clear();
                }
            }
            let view = buffers.view();
            prop_assert_eq!(view.bytes, buffers.recount());
            // Dialogs are few and not dropped for room.
            prop_assert!(view.bytes <= cap || dialogs_before + view.dialogs > 0);
            for tab in 0..3 {
                let list = buffers.requests(tab, true, None);
                prop_assert!(list.entries.windows(2).all(|pair| pair[0].number + 1 == pair[1].number));
                for request in &list.entries {
                    prop_assert_eq!(buffers.request(tab, request.number).map(|found| found.number), Some(request.number));
                }
                prop_assert!(buffers.in_flight(tab) <= list.entries.len());
                let console = buffers.console_list(tab, Level::Debug, true);
                prop_assert_eq!(console.total, console.lost + console.entries.len() as u64);
            }
        }
        let bytes = buffers.view().bytes;
        prop_assert_eq!(buffers.close().bytes, bytes);
        prop_assert_eq!(buffers.recount(), 0);
    }
}
