//! The contract, method by method.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Maker, World, new, settings};
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

pub async fn bytes_are_payload_and_eight_a_unit(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
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
    assert_eq!(store.kind(), maker.kind());
    assert_eq!(store.health().await, Ok(()));
    assert_eq!(store.purge_instance(&InstanceId::new()).await, Ok(CursorFreed::default()));
    world.finish().await;
}

pub async fn only_the_owner_reads(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
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
    world.finish().await;
}

pub async fn a_cursor_lives_15_minutes_after_each_read_and_2_hours_at_most(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
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
    world.finish().await;
}

pub async fn a_sweep_takes_nothing_that_lives(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let store = world.cursors.store();
    let sessions: Vec<SessionId> = (0..100).map(|_| SessionId::new()).collect();
    for session in &sessions {
        store.create(session, &world.gate, new("x")).await.unwrap();
    }
    assert_eq!(store.sweep().await, Ok(CursorFreed::default()));
    world.clock.advance(15 * MINUTE);
    let late = store.create(&world.session, &world.gate, new("x")).await.unwrap();
    assert_eq!(store.sweep().await, Ok(CursorFreed { count: 100, bytes: 900 }));
    assert!(store.find(&world.session, &late.id).is_ok());
    for session in &sessions {
        world.invalidate(session).await;
    }
    world.finish().await;
}

pub async fn over_a_cap_the_least_recently_read_of_the_same_session_goes(maker: Arc<dyn Maker>) {
    let world = World::limited(&maker, CursorSettings { max_per_session: 3, ..settings() }).await;
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
    world.finish().await;
}

pub async fn byte_caps_evict_in_the_session_and_refuse_over_all(maker: Arc<dyn Maker>) {
    let world =
        World::limited(&maker, CursorSettings { max_session_bytes: 100, max_total_bytes: 150, ..settings() }).await;
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
    world.invalidate(&other).await;
    world.finish().await;
}

pub async fn closing_and_invalidating_free_exactly_what_was_held(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let store = world.cursors.store();
    let stranger = SessionId::new();
    store.create(&stranger, &world.gate, new("bystander")).await.unwrap();
    let one = store.create(&world.session, &world.gate, new("abc")).await.unwrap();
    store.create(&world.session, &world.gate, new("defg")).await.unwrap();
    store.create(&world.session, &world.gate, new("h")).await.unwrap();
    assert_eq!(store.close(&world.session, Some(&one.id)).await, Ok(CursorFreed { count: 1, bytes: 11 }));
    assert_eq!(code(store.find(&world.session, &one.id)), Some(Code::CursorUnknown));
    world.gate.cancel();
    let freed = store.invalidate_session(&world.session).await;
    // A backend that is slow now is asked again, as a leftover is; the cursors are gone either way.
    assert!(freed.is_err() || freed == Ok(CursorFreed { count: 2, bytes: 21 }), "{freed:?}");
    world.invalidate(&world.session).await;
    assert_eq!(store.invalidate_session(&world.session).await, Ok(CursorFreed::default()));
    assert_eq!(code(store.create(&world.session, &world.gate, new("late")).await), Some(Code::SessionEnded));
    assert_eq!(store.usage_now(Some(&world.session)), CursorFreed::default());
    assert_eq!(store.usage_now(None), CursorFreed { count: 1, bytes: 17 });
    world.finish().await;
}

pub async fn tombstones_are_bounded(maker: Arc<dyn Maker>) {
    let world = World::limited(&maker, CursorSettings { max_per_session: 1, ..settings() }).await;
    let store = world.cursors.store();
    let mut ids = Vec::new();
    for _ in 0..600 {
        ids.push(store.create(&world.session, &world.gate, new("x")).await.unwrap().id);
    }
    assert_eq!(code(store.find(&world.session, &ids[0])), Some(Code::CursorUnknown));
    assert_eq!(code(store.find(&world.session, &ids[100])), Some(Code::CursorEvicted));
    assert_eq!(code(store.find(&world.session, &ids[598])), Some(Code::CursorEvicted));
    assert!(store.find(&world.session, &ids[599]).is_ok());
    world.finish().await;
}

pub async fn chunks_hold_whole_characters(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
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
    world.finish().await;
}

/// Pieces of a payload much larger than a page, wherever they lie.
pub async fn a_large_payload_is_read_in_pieces(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let store = world.cursors.store();
    let text = super::numbered(300_000, 9);
    let id = store.create(&world.session, &world.gate, new(&text)).await.unwrap().id;
    let other = store.create(&world.session, &world.gate, new("another")).await.unwrap().id;
    let all = text.len() as u32;
    for (start, end) in
        [(0, 10), (262_100, 262_200), (262_143, 262_145), (500_000, 1_500_000), (all - 9, all), (0, all)]
    {
        let chunk = store.read(&world.session, &id, start..end).await.unwrap();
        assert_eq!(chunk.as_str(), &text[start as usize..end as usize], "{start}..{end}");
    }
    assert_eq!(store.read(&world.session, &id, all + 5..all + 9).await.unwrap().as_str(), "");
    store.close(&world.session, Some(&id)).await.unwrap();
    assert_eq!(store.read(&world.session, &other, 0..u32::MAX).await.unwrap().as_str(), "another");
    world.finish().await;
}

/// Whoever stops waiting for a creation, at any moment, leaves neither books nor bytes.
pub async fn a_cancelled_create_leaves_nothing(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let store = world.cursors.store();
    let text = "x".repeat(100_000);
    let mut held = 0;
    for polls in 0..40_usize {
        let create = store.create(&world.session, &world.gate, new(&text));
        let mut create = std::pin::pin!(create);
        let mut left = polls;
        let cut = std::future::poll_fn(|cx| {
            if left == 0 {
                return std::task::Poll::Ready(None);
            }
            left -= 1;
            create.as_mut().poll(cx).map(Some)
        });
        if let Some(made) = cut.await {
            made.unwrap();
            held += 1;
        }
    }
    assert_eq!(store.usage_now(None).count, held, "what was not finished is not there");
    assert_eq!(store.list(&world.session).len(), held as usize);
    store.close(&world.session, None).await.unwrap();
    assert_eq!(store.usage_now(None), CursorFreed::default());
    world.finish().await;
}

/// Ids that this store never gave out: one constant answer, and it goes on.
pub async fn foreign_ids_are_unknown(maker: Arc<dyn Maker>) {
    let (world, elsewhere) = (World::of(&maker).await, World::of(&maker).await);
    let (store, other) = (world.cursors.store(), elsewhere.cursors.store());
    let mine = store.create(&world.session, &world.gate, new("mine")).await.unwrap().id;
    let foreign = other.create(&world.session, &elsewhere.gate, new("theirs")).await.unwrap().id;
    let unknown = store.find(&world.session, &CursorId::new()).unwrap_err();
    assert_eq!(store.read(&world.session, &foreign, 0..9).await.unwrap_err(), unknown);
    assert_eq!(other.read(&world.session, &mine, 0..9).await.unwrap_err(), unknown);
    // Removing the session of one instance touches nothing of the other's, even under the same name.
    elsewhere.invalidate(&world.session).await;
    assert_eq!(store.read(&world.session, &mine, 0..9).await.unwrap().as_str(), "mine");
    elsewhere.finish().await;
    world.finish().await;
}
