//! Creations and readings against removals, all at once.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Maker, World, new};
use crate::{Code, cursors::CursorFreed, ids::SessionId};

/// Rounds, and creations in each (F44).
const ROUNDS: usize = 500;
const CREATORS: usize = 100;

/// Creates and reads against an invalidation: each is done or refused, and nothing is left.
pub async fn nothing_appears_after_an_invalidation(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let bystander = SessionId::new();
    let kept = world.cursors.store().create(&bystander, &world.gate, new("kept")).await.unwrap();
    let refused = Arc::new(AtomicU32::new(0));
    for round in 0..ROUNDS {
        let (session, gate) = (SessionId::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        for _ in 0..CREATORS {
            let store = Arc::clone(world.cursors.store());
            let (session, gate, refused) = (session.clone(), gate.clone(), Arc::clone(&refused));
            tasks.spawn(async move {
                match store.create(&session, &gate, new("mine")).await {
                    Ok(view) => match store.read(&session, &view.id, 0..4).await {
                        Ok(chunk) => assert_eq!(chunk.as_str(), "mine"),
                        Err(error) => assert_eq!(error.code, Code::CursorUnknown),
                    },
                    Err(error) => {
                        assert_eq!(error.code, Code::SessionEnded);
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for _ in 0..round % 8 {
            tokio::task::yield_now().await;
        }
        gate.cancel();
        let store = world.cursors.store();
        world.invalidate(&session).await;
        assert_eq!(store.usage_now(Some(&session)), CursorFreed::default());
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!(store.usage_now(Some(&session)), CursorFreed::default());
        assert_eq!(store.usage_now(None), CursorFreed { count: 1, bytes: kept.bytes });
        if round % 50 == 49 {
            assert_eq!(
                store.owners().await.unwrap(),
                std::slice::from_ref(&bystander),
                "the backend has no more either"
            );
        }
    }
    world.finish().await;
}

/// Sessions on all shards at once; the sums stay right.
pub async fn many_creators_at_once_add_up(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(world.cursors.store());
        tasks.spawn(async move {
            let (session, gate) = (SessionId::new(), CancellationToken::new());
            for n in 0..50_usize {
                store.create(&session, &gate, new(&"x".repeat(n))).await.unwrap();
                if n % 3 == 0 {
                    store.sweep().await.unwrap();
                }
            }
            store.usage_now(Some(&session))
        });
    }
    let mut sum = CursorFreed::default();
    while let Some(usage) = tasks.join_next().await {
        sum += usage.unwrap();
    }
    assert_eq!(sum.count, 64 * 50);
    assert_eq!(world.cursors.store().usage_now(None), sum);
    world.finish().await;
}

/// A reading that meets the end of its session gets all it asked for, or hears that there is none (F45).
pub async fn a_read_is_whole_or_refused(maker: Arc<dyn Maker>) {
    let world = World::of(&maker).await;
    let store = world.cursors.store();
    let other = SessionId::new();
    store.create(&other, &world.gate, new(&"b".repeat(50_000))).await.unwrap();
    for _ in 0..100 {
        let (session, gate) = (SessionId::new(), CancellationToken::new());
        let id = store.create(&session, &gate, new(&"a".repeat(50_000))).await.unwrap().id;
        let mut tasks = JoinSet::new();
        for at in 0..20_u32 {
            let (store, session, id) = (Arc::clone(store), session.clone(), id.clone());
            tasks.spawn(async move {
                match store.read(&session, &id, at * 2_000..(at + 1) * 2_000).await {
                    Ok(chunk) => assert_eq!(chunk.as_str(), "a".repeat(2_000)),
                    Err(error) => assert_eq!(error.code, Code::CursorUnknown),
                }
            });
        }
        gate.cancel();
        world.invalidate(&session).await;
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!(store.read(&session, &id, 0..10).await.unwrap_err().code, Code::CursorUnknown);
    }
    world.finish().await;
}
