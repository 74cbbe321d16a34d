use super::support::{MINUTE, SECOND, Sea, settle};
use crate::{cleanup::LeftoverKind, cursors::CursorStore, events::Event, ids::SessionId, ports::Stray};

fn folder() -> Stray {
    Stray { key: "/run/b-x".to_owned(), what: "the folder /run/b-x".to_owned(), session: None }
}

#[tokio::test(start_paused = true)]
async fn a_stray_is_found_told_and_removed() {
    let sea = Sea::swept();
    let (_, session) = sea.session();
    sea.browser.leave_stray(folder());
    sea.browser.keep_strays(true);
    let mut events = sea.manager.subscribe();
    sea.end(&session).await;
    tokio::time::sleep(4 * SECOND).await;
    let left = sea.manager.leftovers();
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].kind, left[0].what.as_str(), &left[0].session),
        (LeftoverKind::Unaccounted, "the folder /run/b-x", &None)
    );
    assert!(left[0].attempts > 0);
    assert_eq!(left[0].last_error, "the stray stays as told");
    assert!(std::iter::from_fn(|| events.try_recv().ok()).any(|event| matches!(event, Event::Leftover(_))));
    assert_eq!(sea.history.records().leftovers[0].id, left[0].id);
    sea.browser.keep_strays(false);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(sea.browser.strays_left(), 0);
    sea.assert_empty();
    assert_eq!(sea.history.records().cleared, [left[0].id.clone()]);
}

/// Between a thing and its entry in the books there is always a moment.
#[tokio::test(start_paused = true)]
async fn what_is_gone_at_the_second_look_was_nothing() {
    let sea = Sea::swept();
    let (_, session) = sea.session();
    sea.browser.leave_stray(folder());
    sea.end(&session).await;
    let looks = sea.browser.censuses();
    while sea.browser.censuses() == looks {
        tokio::time::sleep(SECOND / 10).await;
    }
    settle().await;
    sea.browser.forget_stray("/run/b-x");
    tokio::time::sleep(MINUTE).await;
    assert_eq!(sea.history.records().leftovers, []);
}

#[tokio::test(start_paused = true)]
async fn a_context_and_cursors_of_nobody_are_disposed() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    let (ghost, other) = (SessionId::new(), SessionId::new());
    sea.browser.open_context(&ghost, 3, 1).unwrap();
    let gate = tokio_util::sync::CancellationToken::new();
    let frozen = crate::cursors::Frozen::text("t", "", "x".to_owned()).unwrap();
    sea.cursors
        .create(&other, &gate, crate::cursors::NewCursor { frozen, read: crate::cursors::Span::default() })
        .await
        .unwrap();
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(sea.browser.contexts(), [session.id().clone()], "the session's own stays");
    assert_eq!(sea.cursors.owners().await.unwrap(), [session.id().clone()]);
    assert_eq!((sea.history.records().leftovers.len(), sea.history.records().cleared.len()), (2, 2));
    assert!(sea.manager.leftovers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_census_comes_every_half_minute_and_only_with_sessions() {
    let sea = Sea::swept();
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(sea.browser.censuses(), 1, "once at the start");
    let (_, session) = sea.session();
    tokio::time::sleep(5 * MINUTE + 10 * SECOND).await;
    let seen = sea.browser.censuses();
    assert!((10..=11).contains(&seen), "{seen}");
    sea.end(&session).await;
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(sea.browser.censuses(), seen + 1, "one after the removal, then silence");
}

#[tokio::test(start_paused = true)]
async fn a_leftover_of_a_step_is_not_found_a_second_time() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    sea.browser.script(session.id(), crate::ports::fake::Method::Dispose, crate::ports::fake::Script::Fail);
    sea.end(&session).await;
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(sea.manager.leftovers().len(), 1);
    assert_eq!(sea.manager.leftovers()[0].kind, LeftoverKind::Browser);
}
