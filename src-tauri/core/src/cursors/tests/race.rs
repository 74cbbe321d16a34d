use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{World, new};
use crate::{Code, cursors::CursorFreed, ids::SessionId};

/// Creates and reads against an invalidation: each is done or refused, and nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_appears_after_an_invalidation() {
    let world = World::new();
    let bystander = SessionId::new();
    let kept = world.cursors.store().create(&bystander, &world.gate, new("kept")).await.unwrap();
    let refused = Arc::new(AtomicU32::new(0));
    for _ in 0..200 {
        let (session, gate) = (SessionId::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
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
        tokio::task::yield_now().await;
        gate.cancel();
        let store = world.cursors.store();
        store.invalidate_session(&session).await.unwrap();
        assert_eq!(store.usage_now(Some(&session)), CursorFreed::default());
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!(store.usage_now(Some(&session)), CursorFreed::default());
        assert_eq!(store.usage_now(None), CursorFreed { count: 1, bytes: kept.bytes });
    }
}

/// Sessions on all shards at once; the sums stay right.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_creators_at_once_add_up() {
    let world = World::new();
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
}
