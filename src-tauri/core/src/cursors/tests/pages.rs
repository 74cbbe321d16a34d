//! Pages put together give the result, whatever it is, in both directions, and do not move.

use proptest::prelude::*;

use super::World;
use crate::{
    Code,
    cursors::{Body, Direction, Page, ReadRequest, budget},
};

/// Lines of any length and script; some larger than the smallest page of 500 tokens.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => "[ -~]{0,120}",
        2 => "\\PC{0,60}",
        1 => (any::<char>(), 1..6_000_usize).prop_map(|(c, n)| c.to_string().repeat(n).replace('\n', " ")),
        1 => "[aä漢🦀\r]{0,3000}",
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The content of a page without the marker, and whether it begins inside a unit.
fn content(page: &Page) -> (bool, &str) {
    let at_start = page.text.starts_with("...(line ") || page.text.starts_with("...(item ");
    match page.text.split_once('\n') {
        Some((marker, rest)) if at_start && marker.ends_with(')') => (true, rest),
        _ => (false, &page.text),
    }
}

fn request(world: &World, direction: Direction, max_tokens: i64) -> ReadRequest {
    ReadRequest {
        cursor: world.cursor().as_str().to_owned(),
        direction: Some(direction),
        max_tokens: Some(max_tokens),
        ..ReadRequest::default()
    }
}

async fn walk(world: &World, first: &Page, whole: &str, max_tokens: i64) {
    let mut together = first.text.clone();
    let (mut last_inside, mut last_text) = (false, first.text.clone());
    let mut pages = 1;
    loop {
        let page = world.cursors.read(&world.session, request(world, Direction::Next, max_tokens)).await;
        let page = match page {
            Err(error) => {
                assert_eq!(error.code, Code::PageOutOfRange);
                break;
            }
            Ok(page) => page,
        };
        let (inside, text) = content(&page);
        assert!(budget::weigh(text) <= max_tokens as u64 * 4, "a page larger than asked for");
        if !inside {
            together.push('\n');
        }
        together.push_str(text);
        (last_inside, last_text) = (inside, text.to_owned());
        pages += 1;
    }
    assert_eq!(together, whole);
    // And back again.
    let mut back: Vec<String> = Vec::new();
    let last = ReadRequest { offset: None, ..request(world, Direction::Previous, max_tokens) };
    let mut begins_inside = last_inside;
    while let Ok(page) = world.cursors.read(&world.session, last.clone()).await {
        let (inside, text) = content(&page);
        let mut text = text.to_owned();
        if !begins_inside {
            text.push('\n');
        }
        begins_inside = inside;
        back.push(text);
        assert!(back.len() <= 3 * pages + 3, "walking back does not end");
    }
    assert!(!begins_inside);
    back.reverse();
    assert_eq!(back.concat() + &last_text, whole, "the way back shows another text");
    let span = world.cursors.store().find(&world.session, &world.cursor()).unwrap().last;
    assert_eq!(span.from, crate::cursors::Spot::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pages_of_a_text_concatenate_to_it(
        lines in prop::collection::vec(line(), 1..60),
        end in prop::sample::select(vec!["", "\n", "\r\n"]),
        max_tokens in 500..1_500_i64,
    ) {
        let whole = lines.join("\n") + end;
        // A line that looks like the marker would confuse this test, not a reader.
        prop_assume!(!whole.contains("...("));
        block_on(async {
            let world = World::new();
            let page = world.first(Body::Text { text: whole.clone() }, max_tokens as u32).await;
            if page.more.is_empty() {
                assert_eq!(page.text, whole);
                assert_eq!(world.cursors.list(&world.session), []);
            } else {
                walk(&world, &page, &whole, max_tokens).await;
            }
        });
    }

    #[test]
    fn pages_of_a_list_concatenate_to_it(
        items in prop::collection::vec("[ -~\n]{0,200}", 30..120),
        max_tokens in 500..900_i64,
    ) {
        prop_assume!(!items.iter().any(|item| item.contains("...(")));
        block_on(async {
            let world = World::new();
            let whole = items.join("\n");
            let page = world.first(Body::items(items), max_tokens as u32).await;
            if page.more.is_empty() {
                assert_eq!(page.text, whole);
            } else {
                walk(&world, &page, &whole, max_tokens).await;
            }
        });
    }

    #[test]
    fn a_page_read_twice_is_the_same_page(
        lines in prop::collection::vec(line(), 40..80),
        offsets in prop::collection::vec(1..40_i64, 1..6),
        max_tokens in 500..900_i64,
    ) {
        block_on(async {
            let world = World::new();
            let page = world.first(Body::Text { text: lines.join("\n") }, 500).await;
            if page.more.is_empty() {
                return;
            }
            for offset in offsets {
                let at = ReadRequest { direction: None, offset: Some(offset), ..request(&world, Direction::Next, max_tokens) };
                let once = world.cursors.read(&world.session, at.clone()).await.unwrap();
                world.cursors.read(&world.session, ReadRequest { offset: Some(1), ..at.clone() }).await.unwrap();
                let twice = world.cursors.read(&world.session, at).await.unwrap();
                assert_eq!(once, twice);
            }
        });
    }

    #[test]
    fn malformed_ids_get_one_constant_answer(id in "\\PC{0,64}|cur_[a-z2-7]{20,30}|cur_[a-z2-7]{26}['\";. /-]{0,8}") {
        block_on(async {
            let world = World::new();
            world.first(super::text(super::numbered(1_000, 8)), 500).await;
            let error = world.cursors.read(&world.session, ReadRequest { cursor: id, ..ReadRequest::default() }).await;
            assert_eq!(error.unwrap_err(), crate::cursors::errors::unknown());
        });
    }
}

#[tokio::test]
async fn bit_flips_of_a_real_id_get_the_same_answer() {
    let world = World::new();
    world.first(super::text(super::numbered(1_000, 8)), 500).await;
    let id = world.cursor();
    for at in 0..id.as_str().len() {
        for bit in 0..7 {
            let mut bytes = id.as_str().as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let cursor = String::from_utf8(bytes).unwrap();
            let error = world.cursors.read(&world.session, ReadRequest { cursor, ..ReadRequest::default() }).await;
            assert_eq!(error.unwrap_err(), crate::cursors::errors::unknown());
        }
    }
}
