//! Offsets, directions, matches and fields.

use std::sync::Arc;

use serde_json::json;

use super::{Maker, World, text};
use crate::{
    Code,
    cursors::{Body, Direction, Page, ReadRequest},
};

/// 2,000 requests; every tenth failed.
fn requests() -> Body {
    let status = |n: u32| if n.is_multiple_of(10) { 500 } else { 200 };
    Body::List {
        header: None,
        items: (1..=2_000).map(|n| format!("{n}. [GET] https://example.org/{n} => [{}]", status(n))).collect(),
        footer: None,
        fields: Some(
            (1..=2_000).map(|n| json!({"url": format!("https://example.org/{n}"), "status": status(n)})).collect(),
        ),
    }
}

async fn world(maker: &Arc<dyn Maker>, body: Body) -> World {
    let world = World::of(maker).await;
    world.first(body, 1_000).await;
    world
}

fn ask(world: &World) -> ReadRequest {
    ReadRequest { cursor: world.cursor().as_str().to_owned(), max_tokens: Some(500), ..ReadRequest::default() }
}

async fn read(world: &World, request: ReadRequest) -> Page {
    world.cursors.read(&world.session, request).await.unwrap()
}

fn range(page: &Page) -> (u64, u64) {
    let meta = page.meta.as_ref().unwrap();
    (meta["from"].as_u64().unwrap(), meta["to"].as_u64().unwrap())
}

pub async fn directions_are_relative_to_the_range_read_last(maker: Arc<dyn Maker>) {
    let world = world(&maker, text(super::numbered(1_000, 9))).await;
    let plain = ask(&world);
    assert_eq!(range(&read(&world, plain.clone()).await), (401, 600));
    let previous = ReadRequest { direction: Some(Direction::Previous), ..plain.clone() };
    assert_eq!(range(&read(&world, previous.clone()).await), (201, 400));
    assert_eq!(range(&read(&world, previous.clone()).await), (1, 200));
    assert_eq!(range(&read(&world, plain.clone()).await), (201, 400));
    let before = ReadRequest { offset: Some(901), ..previous };
    assert_eq!(range(&read(&world, before).await), (701, 900));
    let at = ReadRequest { offset: Some(950), ..plain };
    assert_eq!(range(&read(&world, at).await), (950, 1_000));
    world.finish().await;
}

pub async fn matches_keep_their_numbers_and_go_on(maker: Arc<dyn Maker>) {
    let world = world(&maker, requests()).await;
    let position = world.cursors.list(&world.session)[0].position;
    let search = ReadRequest { match_: Some(r"=> \[500\]".to_owned()), ..ask(&world) };
    let page = read(&world, search.clone()).await;
    let id = world.cursor();
    assert!(page.text.starts_with(
        "Found 200 matches for /=> \\[500\\]/:\n\n10: 10. [GET] https://example.org/10 => [500]\n20: 20. [GET] "
    ));
    assert_eq!(page.more[0], "- Showing 37 of 200 matches in 2,000 items");
    assert_eq!(
        page.more[1],
        format!(
            "- Continue: cursor_read {{\"cursor\":\"{id}\",\"match\":\"=> \\\\[500\\\\]\",\"offset\":380}} · \
             Ends with this session. Kept 15 min after each read."
        )
    );
    let mut seen = page.text.lines().skip(2).count();
    let mut next = page.meta.unwrap()["next"].as_i64();
    while let Some(offset) = next {
        let page = read(&world, ReadRequest { offset: Some(offset), ..search.clone() }).await;
        assert!(
            page.text.contains(
                &format!(" in items {offset}-2,000:\n")
                    .replace(&offset.to_string(), &crate::cursors::words::thousands(offset as u64))
            )
        );
        seen += page.text.lines().skip(2).count();
        next = page.meta.unwrap()["next"].as_i64();
    }
    assert_eq!(seen, 200);
    // A search does not move the place of plain reading.
    assert_eq!(world.cursors.list(&world.session)[0].position, position);
    world.finish().await;
}

pub async fn matches_can_be_searched_backwards(maker: Arc<dyn Maker>) {
    let world = world(&maker, requests()).await;
    let search = ReadRequest { match_: Some("500".to_owned()), ..ask(&world) };
    let last = ReadRequest { offset: Some(2_000), direction: Some(Direction::Previous), ..search };
    let page = read(&world, last.clone()).await;
    let numbers = |page: &Page| -> Vec<u32> {
        page.text.lines().skip(2).map(|line| line.split(':').next().unwrap().parse().unwrap()).collect()
    };
    let mut all = numbers(&page);
    assert_eq!(all.last(), Some(&1_990));
    let mut before = page.meta.unwrap()["previous"].as_i64();
    while let Some(offset) = before {
        let page = read(&world, ReadRequest { offset: Some(offset), ..last.clone() }).await;
        let mut more = numbers(&page);
        more.append(&mut all);
        all = more;
        before = page.meta.unwrap()["previous"].as_i64();
    }
    let expected: Vec<u32> = (1..2_000_u32).filter(|n| n.is_multiple_of(10) || n.to_string().contains("500")).collect();
    assert_eq!(all, expected);
    world.finish().await;
}

pub async fn context_is_marked_and_windows_are_parted(maker: Arc<dyn Maker>) {
    let lines: Vec<String> =
        (1..=500).map(|n| if [3, 5, 40].contains(&n) { format!("hit {n}") } else { format!("line {n}") }).collect();
    let world = world(&maker, text(lines.join("\n"))).await;
    let page = read(&world, ReadRequest { match_: Some("^hit".to_owned()), context: Some(1), ..ask(&world) }).await;
    assert_eq!(
        page.text,
        "Found 3 matches for /^hit/:\n\n2- line 2\n3: hit 3\n4- line 4\n5: hit 5\n6- line 6\n----\n39- line 39\n40: hit 40\n41- line 41"
    );
    assert_eq!(page.more[0], "- Showing 3 of 3 matches in 500 lines");
    assert_eq!(page.more[1], "- Ends with this session. Kept 15 min after each read.");
    let page = read(&world, ReadRequest { match_: Some("absent".to_owned()), ..ask(&world) }).await;
    assert_eq!(page.text, "No matches found for /absent/.");
    world.finish().await;
}

pub async fn giant_matches_are_excerpts(maker: Arc<dyn Maker>) {
    let giant = format!("{}needle{}", "a".repeat(100_000), "b".repeat(100_000));
    let world = world(&maker, text(format!("one\n{giant}\nneedle"))).await;
    let page =
        read(&world, ReadRequest { match_: Some("needle$|needleb".to_owned()), context: Some(20), ..ask(&world) })
            .await;
    let lines: Vec<&str> = page.text.lines().skip(2).collect();
    assert_eq!(lines[0], "1- one");
    assert_eq!(
        lines[1],
        format!("2: ...(line 2, characters 99,701-100,600) {}needle{}", "a".repeat(300), "b".repeat(594))
    );
    assert_eq!(lines[2], "3: needle");
    world.finish().await;
}

pub async fn a_window_larger_than_the_page_shows_the_match(maker: Arc<dyn Maker>) {
    let lines: Vec<String> = (1..=60).map(|n| format!("{}{n}", "x".repeat(480))).collect();
    let world = world(&maker, text(lines.join("\n"))).await;
    let page = read(&world, ReadRequest { match_: Some("x30$".to_owned()), context: Some(20), ..ask(&world) }).await;
    assert_eq!(page.text, format!("Found 1 match for /x30$/:\n\n30: {}30", "x".repeat(480)));
    world.finish().await;
}

pub async fn fields_select_and_page(maker: Arc<dyn Maker>) {
    let world = world(&maker, requests()).await;
    let fields = ReadRequest { fields: Some(vec!["status".to_owned(), "url".to_owned()]), ..ask(&world) };
    let page = read(&world, ReadRequest { offset: Some(9), ..fields.clone() }).await;
    assert!(page.text.starts_with(
        "{\"status\":200,\"url\":\"https://example.org/9\"}\n{\"status\":500,\"url\":\"https://example.org/10\"}\n"
    ));
    let (from, to) = range(&page);
    assert_eq!((from, page.text.lines().count() as u64), (9, to - 8));
    assert!(page.more[1].contains(&format!(",\"fields\":[\"status\",\"url\"],\"offset\":{}}}", to + 1)));
    assert!(!page.more[1].contains("Search"));
    let next = read(&world, fields.clone()).await;
    assert_eq!(range(&next).0, to + 1);
    let back = read(&world, ReadRequest { direction: Some(Direction::Previous), ..fields.clone() }).await;
    assert_eq!(range(&back).1, to);
    let found = read(&world, ReadRequest { match_: Some("/77 ".to_owned()), ..fields }).await;
    assert_eq!(
        found.text,
        "Found 1 match for /\\/77 /:\n\n77: {\"status\":200,\"url\":\"https://example.org/77\"}".replace("\\/", "/")
    );
    world.finish().await;
}

pub async fn wrong_arguments_name_the_field(maker: Arc<dyn Maker>) {
    let lines = world(&maker, text(super::numbered(1_000, 9))).await;
    let list = world(&maker, requests()).await;
    let fields = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let cases = [
        (
            &lines,
            ReadRequest { max_tokens: Some(-5), ..ask(&lines) },
            "✖ Too small: expected number to be >=1\n  → at max_tokens",
        ),
        (
            &lines,
            ReadRequest { context: Some(-1), ..ask(&lines) },
            "✖ Too small: expected number to be >=0\n  → at context",
        ),
        (
            &lines,
            ReadRequest { match_: Some("(".to_owned()), ..ask(&lines) },
            "✖ Invalid regular expression: unclosed group\n  → at match",
        ),
        (
            &lines,
            ReadRequest { fields: fields(&["a"]), ..ask(&lines) },
            "✖ Invalid input: fields are for lists, this cursor holds lines\n  → at fields",
        ),
        (
            &list,
            ReadRequest { fields: fields(&["url", "stat"]), ..ask(&list) },
            "✖ Invalid option: expected one of \"status\"|\"url\"\n  → at fields[1]",
        ),
    ];
    for (world, request, problem) in cases {
        let error = world.cursors.read(&world.session, request).await.unwrap_err();
        assert_eq!(error.code, Code::InvalidArguments);
        assert_eq!(error.message, format!("Invalid arguments for tool \"cursor_read\":\n{problem}"));
    }
    lines.finish().await;
    list.finish().await;
}

pub async fn fifty_megabytes_are_a_page_and_a_cursor(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let page = world
        .cursors
        .first_page(&world.session, &world.gate, "browser_evaluate", "", text("漢".repeat(16_000_000)), Some(20_000))
        .await;
    assert_eq!(page.text.chars().count(), 20_000);
    assert!(page.text.len() <= 256 * 1_024);
    let next = ReadRequest { direction: Some(Direction::Next), max_tokens: Some(20_000), ..ask(&world) };
    let page = read(&world, next).await;
    assert!(page.text.starts_with("...(line 1, characters 20,001-40,000)\n漢"));
    let page = read(&world, ReadRequest { match_: Some("字".to_owned()), ..ask(&world) }).await;
    assert!(page.text.starts_with("No matches found for /字/"));
    world.finish().await;
}
