//! The texts that clients see, byte by byte.

use std::time::Duration;

use serde_json::json;

use super::{World, numbered, settings, text};
use crate::{
    cursors::{Body, CloseWhich, Direction, Page, ReadRequest},
    settings::CursorSettings,
};

fn read(world: &World, offset: i64) -> ReadRequest {
    ReadRequest { cursor: world.cursor().as_str().to_owned(), offset: Some(offset), ..ReadRequest::default() }
}

/// 1,431 items of 268 bytes: 67 tokens and a quarter with the line feed.
fn items() -> Body {
    Body::items((1..=1_431).map(|n| format!("{n:0>268}")).collect())
}

#[tokio::test]
async fn a_small_result_looks_as_before() {
    let world = World::new();
    let page = world.first(text("one\ntwo\n"), 500).await;
    assert_eq!(page, Page::whole("one\ntwo\n".to_owned()));
    let list = Body::List {
        header: Some("Total messages: 1 (Errors: 0, Warnings: 0)".to_owned()),
        items: vec!["[LOG] hi @ http://x/:0".to_owned()],
        footer: Some("Note: 1 static request not shown.".to_owned()),
        fields: None,
    };
    let page = world.first(list, 500).await;
    assert_eq!(
        page.text,
        "Total messages: 1 (Errors: 0, Warnings: 0)\n\n[LOG] hi @ http://x/:0\n\nNote: 1 static request not shown."
    );
    let empty = Body::List { header: Some("None".to_owned()), items: Vec::new(), footer: None, fields: None };
    assert_eq!(world.first(empty, 500).await.text, "None");
    assert_eq!(world.cursors.list(&world.session), []);
}

#[tokio::test]
async fn the_first_page_says_how_to_go_on() {
    let world = World::new();
    let page = world.cursors.first_page(&world.session, &world.gate, "browser_find", "", items(), None).await;
    let id = world.cursor();
    assert_eq!(page.text.lines().count(), 118);
    assert_eq!(
        page.more,
        [
            "- Showing 1-118 of 1,431 items (8% · about 88,000 tokens left)".to_owned(),
            format!(
                "- Continue: cursor_read {{\"cursor\":\"{id}\",\"offset\":119}} · Search: cursor_read \
                 {{\"cursor\":\"{id}\",\"match\":\"error\"}} · Ends with this session. Kept 15 min after each read."
            ),
        ]
    );
    assert_eq!(
        page.meta,
        Some(json!({
            "cursor": id.as_str(),
            "uri": format!("ebb://cursor/{id}"),
            "unit": "items",
            "total": 1_431,
            "from": 1,
            "to": 118,
            "next": 119,
            "previous": null,
            "expiresInSeconds": 900,
        }))
    );
    assert_eq!(page.next, Vec::<String>::new());
}

#[tokio::test]
async fn the_last_page_has_no_continue() {
    let world = World::new();
    world.first(items(), 8_000).await;
    let page = world.cursors.read(&world.session, read(&world, 1_400)).await.unwrap();
    let id = world.cursor();
    assert_eq!(page.more[0], "- Showing 1,400-1,431 of 1,431 items (100%)");
    assert_eq!(
        page.more[1],
        format!(
            "- Search: cursor_read {{\"cursor\":\"{id}\",\"match\":\"error\"}} · Ends with this session. Kept 15 min after each read."
        )
    );
    let meta = page.meta.unwrap();
    assert_eq!((&meta["next"], &meta["previous"]), (&json!(null), &json!(1_282)));
}

#[tokio::test]
async fn a_giant_line_goes_on_inside() {
    let world = World::new();
    let whole = format!("a\nb\nc\nd\ne\nf\n{}\nend", "x".repeat(70_000));
    let first = world.first(text(whole), 8_000).await;
    assert_eq!(first.text, "a\nb\nc\nd\ne\nf");
    let next = ReadRequest { offset: None, direction: Some(Direction::Next), ..read(&world, 1) };
    let page = world.cursors.read(&world.session, next.clone()).await.unwrap();
    let id = world.cursor();
    assert_eq!(page.text, "x".repeat(32_000));
    assert_eq!(page.more[0], "- Showing 7-7 of 8 lines, line 7 to character 32,000 (45% · about 9,500 tokens left)");
    assert!(
        page.more[1]
            .starts_with(&format!("- Continue: cursor_read {{\"cursor\":\"{id}\",\"direction\":\"next\"}} · Search: "))
    );
    let meta = page.meta.unwrap();
    assert_eq!((&meta["next"], &meta["within"]), (&json!(null), &json!({"unit": 7, "character": 32_000})));
    let page = world.cursors.read(&world.session, next.clone()).await.unwrap();
    assert_eq!(page.text, format!("...(line 7, characters 32,001-64,000)\n{}", "x".repeat(32_000)));
    let page = world.cursors.read(&world.session, next.clone()).await.unwrap();
    assert_eq!(page.text, format!("...(line 7, characters 64,001-70,000)\n{}\nend", "x".repeat(6_000)));
    assert_eq!(page.more[0], "- Showing 7-8 of 8 lines (100%)");
    let error = world.cursors.read(&world.session, next).await.unwrap_err();
    assert_eq!(error.message, "No page after the last line: this cursor has lines 1-8");
}

#[tokio::test]
async fn ranges_outside_are_named() {
    let world = World::new();
    world.first(items(), 8_000).await;
    let id = world.cursor();
    for offset in [0, -1, 1_432, i64::MAX, i64::MIN] {
        let error = world.cursors.read(&world.session, read(&world, offset)).await.unwrap_err();
        assert_eq!(error.code, crate::Code::PageOutOfRange);
        assert_eq!(error.message, format!("offset {offset} is out of range: this cursor has items 1-1,431"));
        assert_eq!(
            error.next,
            Some(format!("Read from the start with cursor_read {{\"cursor\":\"{id}\",\"offset\":1}}."))
        );
    }
    let before = ReadRequest { offset: None, direction: Some(Direction::Previous), ..read(&world, 1) };
    let error = world.cursors.read(&world.session, before).await.unwrap_err();
    assert_eq!(error.message, "No page before the first item: this cursor has items 1-1,431");
}

#[tokio::test]
async fn without_a_store_the_page_is_cut_and_says_so() {
    let world = World::with(CursorSettings { max_total_bytes: 1_000, ..settings() });
    let page = world.first(text(numbered(2_000, 9)), 500).await;
    assert_eq!(page.text, numbered(200, 9));
    assert_eq!(
        page.more,
        [
            "- Showing 1-200 of 2,000 lines (10% · about 4,500 tokens left)",
            "- The rest is cut off: The cursors of all sessions are at their limit of 1 KB",
        ]
    );
    assert_eq!(page.next, ["Close cursors with cursor_close {\"all\":true}, then call again."]);
    assert_eq!(page.meta.unwrap()["code"], "limit_reached");
    world.gate.cancel();
    let page = world.first(text(numbered(2_000, 9)), 500).await;
    assert_eq!(page.more[1], "- The rest is cut off: Session ended");
    let page = World::with(CursorSettings { max_session_bytes: 1_000, ..settings() })
        .first(text(numbered(2_000, 9)), 500)
        .await;
    assert_eq!(
        page.more[1],
        "- The rest is cut off: This result of 36 KB is over the limit of 1 KB for the cursors of a session"
    );
}

#[tokio::test]
async fn header_and_footer_stand_on_the_first_page_only() {
    let world = World::new();
    let list = Body::List {
        header: Some("Total".to_owned()),
        items: (1..=600).map(|n| format!("{n:>9}")).collect(),
        footer: Some("Note".to_owned()),
        fields: None,
    };
    let page = world.first(list, 500).await;
    assert_eq!(page.text, format!("Total\n\n{}\n\nNote", numbered(198, 9)));
    assert!(page.more[0].starts_with("- Showing 1-198 of 600 items (33% · "));
    let page = world.cursors.read(&world.session, ReadRequest { max_tokens: Some(500), ..read(&world, 599) }).await;
    assert_eq!(page.unwrap().text, "      599\n      600");
}

#[tokio::test]
async fn lists_and_closings_are_short() {
    let world = World::new();
    assert_eq!(world.cursors.list_text(&world.session), "No open cursors");
    let close_all = || world.cursors.close_text(&world.session, CloseWhich::All);
    assert_eq!(close_all().await.unwrap(), "No open cursors");
    world.first(text(numbered(1_431, 60)), 2_000).await;
    let one = world.cursor();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(
        world.cursors.list_text(&world.session),
        format!("- {one} browser_snapshot 1,431 lines 99 KB, at 132, expires in 14 min")
    );
    world.first(text("x".repeat(9_000)), 500).await;
    let two = world.cursor();
    assert_eq!(
        world.cursors.list_text(&world.session).lines().nth(1),
        Some(format!("- {two} browser_snapshot 1 line 9 KB, at 1, expires in 15 min").as_str())
    );
    let closed = world.cursors.close_text(&world.session, CloseWhich::One(two.as_str().to_owned())).await;
    assert_eq!(closed.unwrap(), "Closed 1 cursor (9 KB)");
    world.first(text(numbered(1_431, 60)), 2_000).await;
    assert_eq!(close_all().await.unwrap(), "Closed 2 cursors (197 KB)");
    for gone in [one.as_str(), "../../etc/passwd", ""] {
        let error = world.cursors.close_text(&world.session, CloseWhich::One(gone.to_owned())).await.unwrap_err();
        assert_eq!(error.message, "Cursor not found");
        assert_eq!(
            error.next.as_deref(),
            Some("Call the tool that gave the result again; cursor_list shows the open cursors of this session.")
        );
    }
}
