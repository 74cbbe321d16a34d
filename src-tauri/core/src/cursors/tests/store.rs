use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{World, new, settings};
use crate::{
    Code,
    cursors::{CursorFreed, Frozen},
    ids::{CursorId, InstanceId, SessionId},
    settings::CursorSettings,
};

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

fn code<T>(result: crate::Result<T>) -> Option<Code> {
    result.err().map(|error| error.code)
}

#[tokio::test]
async fn bytes_are_payload_and_eight_a_unit() {
    let world = World::new();
    let store = world.cursors.store();
    let view = store.create(&world.session, &world.gate, new("one\ntwo\nthree")).await.unwrap();
    assert_eq!(view.bytes, 13 + 3 * 8);
    assert_eq!((view.items, view.unit.as_str(), view.position), (3, "lines", 0));
    assert_eq!(store.usage_now(Some(&world.session)), CursorFreed { count: 1, bytes: 37 });
    assert_eq!(store.usage_now(None), CursorFreed { count: 1, bytes: 37 });
    let fields = [serde_json::json!({"a": 1}), serde_json::json!({"a": 2})];
    let list = Frozen::list("t", "", &["x".to_owned(), "y".to_owned()], Some(&fields)).unwrap();
    assert_eq!(list.outline.bytes(), 3 + 15 + 4 * 8);
    assert_eq!(list.payload.as_str(), "x\ny{\"a\":1}\n{\"a\":2}");
    assert_eq!(store.kind(), "memory");
    assert_eq!(store.health().await, Ok(()));
    assert_eq!(store.purge_instance(&InstanceId::new()).await, Ok(CursorFreed::default()));
}

#[tokio::test]
async fn only_the_owner_reads() {
    let world = World::new();
    let store = world.cursors.store();
    let view = store.create(&world.session, &world.gate, new("secret")).await.unwrap();
    let stranger = SessionId::new();
    store.create(&stranger, &world.gate, new("other")).await.unwrap();
    let unknown = store.find(&stranger, &CursorId::new()).unwrap_err();
    assert_eq!(unknown.code, Code::CursorUnknown);
    assert_eq!(store.find(&stranger, &view.id).unwrap_err(), unknown);
    assert_eq!(store.read(&stranger, &view.id, 0..6).await.unwrap_err(), unknown);
    assert_eq!(store.remember(&stranger, &view.id, super::Span::default()).unwrap_err(), unknown);
    assert_eq!(store.close(&stranger, Some(&view.id)).await.unwrap_err(), unknown);
    assert_eq!(store.list(&stranger).len(), 1);
    assert_eq!(store.read(&world.session, &view.id, 0..6).await.unwrap().as_str(), "secret");
}

#[tokio::test]
async fn a_cursor_lives_15_minutes_after_each_read_and_2_hours_at_most() {
    let world = World::new();
    let store = world.cursors.store();
    let create = || store.create(&world.session, &world.gate, new("x"));
    let (unread, read) = (create().await.unwrap().id, create().await.unwrap().id);
    for _ in 0..8 {
        world.clock.advance(14 * MINUTE);
        assert!(store.read(&world.session, &read, 0..1).await.is_ok());
    }
    let error = store.find(&world.session, &unread).unwrap_err();
    assert_eq!(error.message, "Cursor expired: it was not read for 15 min");
    world.clock.advance(8 * MINUTE);
    let error = store.find(&world.session, &read).unwrap_err();
    assert_eq!(error.message, "Cursor expired: no result is kept longer than 2 h");
    assert_eq!(error.next.as_deref(), Some("Call browser_snapshot again for a fresh result."));
    assert_eq!(store.list(&world.session), []);
    // Held until the sweep, and told so.
    assert_eq!(store.usage_now(None).count, 2);
    assert_eq!(store.sweep().await.unwrap().count, 2);
    assert_eq!(store.usage_now(None), CursorFreed::default());
    // The tombstone tells the owner, nobody else, and not for ever.
    assert_eq!(code(store.find(&world.session, &read)), Some(Code::CursorExpired));
    assert_eq!(code(store.find(&SessionId::new(), &read)), Some(Code::CursorUnknown));
    world.clock.advance(2 * HOUR);
    assert_eq!(code(store.find(&world.session, &read)), Some(Code::CursorUnknown));
}

#[tokio::test]
async fn a_sweep_takes_nothing_that_lives() {
    let world = World::new();
    let store = world.cursors.store();
    for _ in 0..100 {
        store.create(&SessionId::new(), &world.gate, new("x")).await.unwrap();
    }
    assert_eq!(store.sweep().await, Ok(CursorFreed::default()));
    world.clock.advance(15 * MINUTE);
    let late = store.create(&world.session, &world.gate, new("x")).await.unwrap();
    assert_eq!(store.sweep().await, Ok(CursorFreed { count: 100, bytes: 900 }));
    assert!(store.find(&world.session, &late.id).is_ok());
}

#[tokio::test]
async fn over_a_cap_the_least_recently_read_of_the_same_session_goes() {
    let world = World::with(CursorSettings { max_per_session: 3, ..settings() });
    let store = world.cursors.store();
    let stranger = SessionId::new();
    let other = store.create(&stranger, &world.gate, new("x")).await.unwrap().id;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(store.create(&world.session, &world.gate, new("x")).await.unwrap().id);
    }
    store.read(&world.session, &ids[0], 0..1).await.unwrap();
    ids.push(store.create(&world.session, &world.gate, new("x")).await.unwrap().id);
    let error = store.find(&world.session, &ids[1]).unwrap_err();
    assert_eq!(error.code, Code::CursorEvicted);
    assert_eq!(error.message, "Cursor evicted: newer results of this session took its place");
    for id in [&ids[0], &ids[2], &ids[3]] {
        assert!(store.find(&world.session, id).is_ok());
    }
    assert!(store.find(&stranger, &other).is_ok());
    assert_eq!(store.usage_now(None), CursorFreed { count: 4, bytes: 36 });
}

#[tokio::test]
async fn byte_caps_evict_in_the_session_and_refuse_over_all() {
    let world = World::with(CursorSettings { max_session_bytes: 100, max_total_bytes: 150, ..settings() });
    let store = world.cursors.store();
    let create = |session: SessionId, bytes: usize| {
        let payload = "x".repeat(bytes - 8);
        async move { store.create(&session, &CancellationToken::new(), new(&payload)).await }
    };
    let mine = &world.session;
    assert_eq!(code(create(mine.clone(), 101).await), Some(Code::LimitReached));
    let first = create(mine.clone(), 60).await.unwrap().id;
    create(mine.clone(), 60).await.unwrap();
    assert_eq!(code(store.find(mine, &first)), Some(Code::CursorEvicted));
    let other = SessionId::new();
    create(other.clone(), 90).await.unwrap();
    // 150 of 150 are held: a new one for me must free as much of mine.
    let kept = store.list(mine);
    let error = create(mine.clone(), 61).await.unwrap_err();
    assert_eq!(error.message, "The cursors of all sessions are at their limit of 150 B");
    assert_eq!(store.list(mine), kept, "a refused cursor evicts nothing");
    assert!(create(mine.clone(), 60).await.is_ok());
    assert_eq!(store.usage_now(None).bytes, 150);
    store.close(&other, None).await.unwrap();
    assert!(create(mine.clone(), 61).await.is_ok(), "after one close the next is accepted");
}

#[tokio::test]
async fn closing_and_invalidating_free_exactly_what_was_held() {
    let world = World::new();
    let store = world.cursors.store();
    let stranger = SessionId::new();
    store.create(&stranger, &world.gate, new("bystander")).await.unwrap();
    let one = store.create(&world.session, &world.gate, new("abc")).await.unwrap();
    store.create(&world.session, &world.gate, new("defg")).await.unwrap();
    store.create(&world.session, &world.gate, new("h")).await.unwrap();
    assert_eq!(store.close(&world.session, Some(&one.id)).await, Ok(CursorFreed { count: 1, bytes: 11 }));
    assert_eq!(code(store.find(&world.session, &one.id)), Some(Code::CursorUnknown));
    world.gate.cancel();
    assert_eq!(store.invalidate_session(&world.session).await, Ok(CursorFreed { count: 2, bytes: 21 }));
    assert_eq!(store.invalidate_session(&world.session).await, Ok(CursorFreed::default()));
    assert_eq!(code(store.create(&world.session, &world.gate, new("late")).await), Some(Code::SessionEnded));
    assert_eq!(store.usage_now(Some(&world.session)), CursorFreed::default());
    assert_eq!(store.usage_now(None), CursorFreed { count: 1, bytes: 17 });
}

#[tokio::test]
async fn tombstones_are_bounded() {
    let world = World::with(CursorSettings { max_per_session: 1, ..settings() });
    let store = world.cursors.store();
    let mut ids = Vec::new();
    for _ in 0..600 {
        ids.push(store.create(&world.session, &world.gate, new("x")).await.unwrap().id);
    }
    assert_eq!(code(store.find(&world.session, &ids[0])), Some(Code::CursorUnknown));
    assert_eq!(code(store.find(&world.session, &ids[100])), Some(Code::CursorEvicted));
    assert_eq!(code(store.find(&world.session, &ids[598])), Some(Code::CursorEvicted));
    assert!(store.find(&world.session, &ids[599]).is_ok());
}

#[tokio::test]
async fn chunks_hold_whole_characters() {
    let world = World::new();
    let store = world.cursors.store();
    let text = "aä漢🦀";
    let id = store.create(&world.session, &world.gate, new(text)).await.unwrap().id;
    for start in 0..12 {
        for end in start..12 {
            let memory = store.read(&world.session, &id, start..end).await.unwrap();
            let bytes = text.as_bytes();
            let range = (start as usize).min(bytes.len())..(end as usize).min(bytes.len());
            let fetched = crate::cursors::Chunk::fetched(bytes[range].to_vec());
            assert_eq!(memory.as_str(), fetched.as_str(), "{start}..{end}");
            assert!(text.contains(memory.as_str()));
        }
    }
}
