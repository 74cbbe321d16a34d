//! Calls against a host without a browser: texts, order, cancellation, paging, sessions.

use std::time::Duration;

use ebb_core::{
    cleanup::{AskedBy, Reason},
    settings::Settings,
};
use serde_json::{Value, json};

use super::super::testing::Bench;

const SOON: Duration = Duration::from_secs(5);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.unwrap()
}

#[tokio::test]
async fn wrong_names_and_arguments_are_said_and_open_no_session() {
    let bench = Bench::new();
    let client = bench.client();
    let answer = bench.call(&client, "cursor_reed", json!({})).await;
    assert_eq!(answer.text, "### Error\nTool \"cursor_reed\" not found\n### Next\n- Did you mean cursor_read?");
    let answer = bench.call(&client, "x\0\u{202e}y", json!({})).await;
    assert!(answer.text.starts_with("### Error\nTool \"xy\" not found\n### Next\n- "), "{}", answer.text);
    let answer = bench.call(&client, "browser_test_lines", json!({"count": "3"})).await;
    assert_eq!(
        answer.text,
        "### Error\nInvalid arguments for tool \"browser_test_lines\":\n\
         ✖ Invalid input: expected number, received string\n  → at count"
    );
    assert!(answer.is_error);
    assert_eq!(answer.meta, Some(json!({"code": "invalid_arguments"})));
    assert!(bench.host.manager.list_of(&client).is_empty());
}

#[tokio::test]
async fn unknown_arguments_are_ignored_and_named() {
    let bench = Bench::new();
    let answer = bench.call(&bench.client(), "browser_test_lines", json!({"count": 1, "page": 2, "size": 3})).await;
    assert_eq!(
        answer.text,
        "### Result\nTotal: many\n\nitem 1 of many\n### Next\n- Ignored unknown arguments: page, size"
    );
    assert!(!answer.is_error);
}

#[tokio::test]
async fn a_thrown_error_and_a_panic_leave_the_session_usable() {
    let bench = Bench::new();
    let client = bench.client();
    let answer = bench.call(&client, "browser_test_fail", json!({})).await;
    assert_eq!(answer.text, "### Error\nError: Ref e5 not found\n### Next\n- Take a new snapshot.");
    let answer = bench.call(&client, "browser_test_panic", json!({})).await;
    assert!(answer.text.starts_with("### Error\nError: Internal error\n### Next\n"), "{}", answer.text);
    let answer = bench.call(&client, "browser_test_lines", json!({"count": 0})).await;
    assert!(!answer.is_error);
    let sessions = bench.host.manager.list_of(&client);
    assert_eq!((sessions.len(), sessions[0].calls), (1, 3));
}

#[tokio::test]
async fn the_ninth_call_is_refused() {
    let bench = Bench::new();
    let client = bench.client();
    let mut running = Vec::new();
    for _ in 0..8 {
        running.push(bench.start(&client, "browser_test_wait", json!({})).await);
    }
    let answer = soon(bench.call(&client, "browser_test_lines", json!({"count": 1}))).await;
    assert!(answer.text.starts_with("### Error\nError: Too many calls in flight (8)\n### Next\n"), "{}", answer.text);
    for call in &running {
        call.cancel.cancel();
    }
    for call in running {
        assert_eq!(soon(call.task).await.unwrap().text, "### Error\nError: Cancelled");
    }
    assert!(!soon(bench.call(&client, "browser_test_lines", json!({"count": 1}))).await.is_error);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_end_is_ended() {
    let bench = Bench::new();
    let answer = bench.call(&bench.client(), "browser_test_wait", json!({})).await;
    assert!(
        answer.text.starts_with("### Error\nError: The call took longer than 120 s and was stopped\n"),
        "{}",
        answer.text
    );
    assert_eq!(answer.meta, Some(json!({"code": "timeout"})));
}

#[tokio::test]
async fn the_end_of_a_session_answers_its_calls_at_once_and_is_told_once() {
    let bench = Bench::new();
    let client = bench.client();
    let running = bench.start(&client, "browser_test_wait", json!({})).await;
    let waiting = bench.start(&client, "browser_test_wait", json!({})).await;
    let session = bench.host.manager.list_of(&client)[0].id.clone();
    let report = bench.host.manager.remove_session(&session, Reason::Manual(AskedBy::Dashboard));
    let told = "### Error\nError: Session ended: ended from the dashboard. \
                Its tabs and cursors are gone; call again to start a new session.";
    assert_eq!(soon(running.task).await.unwrap().text, told);
    assert_eq!(soon(waiting.task).await.unwrap().text, told);
    soon(report).await;
    // Those answers told it already.
    assert!(!soon(bench.call(&client, "browser_test_lines", json!({"count": 1}))).await.is_error);
    let session = bench.host.manager.list_of(&client)[0].id.clone();
    soon(bench.host.manager.remove_session(&session, Reason::IdleTimeout)).await;
    let answer = soon(bench.call(&client, "browser_test_lines", json!({"count": 1}))).await;
    assert_eq!(
        answer.text,
        "### Error\nError: Session ended: nobody used it for too long. \
         Its tabs and cursors are gone; call again to start a new session."
    );
    assert!(!soon(bench.call(&client, "browser_test_lines", json!({"count": 1}))).await.is_error);
}

#[tokio::test]
async fn a_long_result_is_read_on_searched_listed_and_closed() {
    let bench = Bench::new();
    let client = bench.client();
    let answer = bench.call(&client, "browser_test_lines", json!({"count": 20_000})).await;
    assert!(answer.text.starts_with("### Result\nTotal: many\n\nitem 1 of many\n"), "{}", &answer.text[..200]);
    assert!(answer.text.contains("\n### More\n- Showing 1-"), "no More");
    let meta = answer.meta.unwrap();
    let cursor = meta["cursor"].as_str().unwrap().to_owned();
    let next = meta["next"].as_u64().unwrap();

    let page = bench.call(&client, "cursor_read", json!({"cursor": cursor, "offset": next, "max_tokens": 500})).await;
    assert!(page.text.starts_with(&format!("### Result\nitem {next} of many\n")), "{}", &page.text[..100]);
    assert_eq!(page.meta.unwrap()["from"], json!(next));
    let found = bench.call(&client, "cursor_read", json!({"cursor": cursor, "match": "^item 19999 "})).await;
    assert!(found.text.contains("item 19999 of many"), "{}", found.text);
    let list = bench.call(&client, "cursor_list", json!({})).await;
    assert!(
        list.text.starts_with(&format!("### Result\n- {cursor} browser_test_lines 20,000 items ")),
        "{}",
        list.text
    );

    let wrong = bench.call(&client, "cursor_read", json!({"cursor": cursor, "max_tokens": -1})).await;
    assert!(wrong.text.starts_with("### Error\nInvalid arguments for tool \"cursor_read\":\n✖ "), "{}", wrong.text);
    assert!(wrong.text.contains("→ at max_tokens"), "{}", wrong.text);

    let stranger = bench.client();
    bench.call(&stranger, "browser_test_lines", json!({"count": 1})).await;
    let refused = bench.call(&stranger, "cursor_read", json!({"cursor": cursor})).await;
    let nonsense = bench.call(&stranger, "cursor_read", json!({"cursor": "'; DROP TABLE"})).await;
    assert_eq!(refused.text, nonsense.text);
    assert!(refused.text.starts_with("### Error\nError: Cursor not found\n"), "{}", refused.text);
    assert_eq!(bench.call(&stranger, "cursor_list", json!({})).await.text, "### Result\nNo open cursors");

    let closed = bench.call(&client, "cursor_close", json!({"all": true})).await;
    assert!(closed.text.starts_with("### Result\nClosed 1 cursor ("), "{}", closed.text);
    let nothing = bench.call(&client, "cursor_close", json!({"all": true})).await;
    assert_eq!(nothing.text, "### Result\nNo open cursors");
    let neither = bench.call(&client, "cursor_close", json!({})).await;
    assert!(neither.text.starts_with("### Error\nError: Either cursor or all must be provided\n"), "{}", neither.text);
    let all = bench.host.manager.list_of(&client);
    assert_eq!(all.len(), 1, "reading on opens no session");
}

#[tokio::test]
async fn sessions_are_opened_listed_used_and_closed() {
    let bench = Bench::new();
    let client = bench.client();
    assert_eq!(bench.call(&client, "session_list", json!({})).await.text, "### Result\nNo sessions");
    let opened = bench.call(&client, "session_open", json!({"name": "shop"})).await;
    let id = opened.meta.as_ref().unwrap()["session"].as_str().unwrap().to_owned();
    assert_eq!(
        opened.text,
        format!(
            "### Result\nSession {id} opened (name: shop)\n### Next\n- Pass \"session\":\"{id}\" to browser tools to use it"
        )
    );
    let twice = bench.call(&client, "session_open", json!({"name": "shop"})).await;
    assert!(twice.text.contains(&format!("already open: {id}")), "{}", twice.text);
    let unnamed = bench.call(&client, "session_open", json!({})).await;
    assert!(unnamed.text.lines().nth(1).unwrap().ends_with(" opened"), "{}", unnamed.text);

    for handle in ["shop", id.as_str()] {
        assert!(!bench.call(&client, "browser_test_lines", json!({"count": 1, "session": handle})).await.is_error);
    }
    let list = bench.call(&client, "session_list", json!({})).await;
    let first = list.text.lines().nth(1).unwrap();
    assert_eq!(first, format!("- {id} (shop) 0 tabs, 0 cursors, 0 B, idle 0 s"));
    assert_eq!(list.text.lines().count(), 3, "no default session was opened:\n{}", list.text);

    let stranger = bench.client();
    let refused = bench.call(&stranger, "browser_test_lines", json!({"count": 1, "session": id})).await;
    assert!(refused.text.starts_with("### Error\nError: Unknown session\n"), "{}", refused.text);
    let refused = bench.call(&stranger, "session_close", json!({"session": id})).await;
    assert!(refused.text.starts_with("### Error\nError: Unknown session\n"), "{}", refused.text);

    let closed = bench.call(&client, "session_close", json!({"session": "shop"})).await;
    let text = closed.text.strip_prefix(&format!("### Result\nSession {id} ended in ")).unwrap();
    assert_eq!(text.split_once(" ms: ").unwrap().1, "DevTools nothing, cursors nothing, browser nothing, state done");
    let gone = bench.call(&client, "browser_test_lines", json!({"count": 1, "session": id})).await;
    assert!(gone.text.contains("closed by session_close"), "{}", gone.text);
}

#[tokio::test]
async fn a_client_closes_its_own_session_under_a_running_call() {
    let bench = Bench::new();
    let client = bench.client();
    let running = bench.start(&client, "browser_test_wait", json!({})).await;
    let session = bench.host.manager.list_of(&client)[0].id.clone();
    let closed = soon(bench.call(&client, "session_close", json!({"session": session.as_str()}))).await;
    assert!(closed.text.starts_with(&format!("### Result\nSession {session} ended in ")), "{}", closed.text);
    assert!(soon(running.task).await.unwrap().text.contains("Session ended: closed by session_close"));
    // Who closed it knows: the next call just begins anew.
    assert!(!bench.call(&client, "browser_test_lines", json!({"count": 1})).await.is_error);
    assert_eq!(bench.history.records().closed.len(), 1);
}

#[tokio::test]
async fn hostile_arguments_are_answered() {
    let bench = Bench::new();
    let client = bench.client();
    let hostile: [Value; 6] = [
        json!({"count": -5}),
        json!({"count": 1e300}),
        json!({"count": null}),
        json!({"count": 1, "session": "x".repeat(1_000_000)}),
        json!({"count": 1, "session": "\0\u{fffd}"}),
        json!({"count": 1, "session": 7}),
    ];
    for arguments in hostile {
        let answer = bench.call(&client, "browser_test_lines", arguments).await;
        assert!(answer.is_error && answer.text.len() < 2_000, "{}", answer.text);
    }
    assert!(bench.host.manager.list_of(&client).is_empty());
}

#[tokio::test]
async fn a_paused_host_says_so() {
    let bench = Bench::with(Settings::default());
    bench.host.manager.set_accepting(false);
    let answer = bench.call(&bench.client(), "browser_test_lines", json!({"count": 1})).await;
    assert_eq!(answer.text, "### Error\nError: Ebb is paused. Turn on \"Accept new sessions\" in the tray.");
}
