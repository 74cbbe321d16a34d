use super::support::{MINUTE, SECOND, Sea};
use crate::{
    cleanup::{LeftoverKind, Outcome},
    cursors::{CursorFreed, CursorStore},
    events::Event,
    ports::fake::{Method, Script},
};

#[tokio::test(start_paused = true)]
async fn a_leftover_is_tried_again_ever_more_rarely() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    sea.browser.script(session.id(), Method::Dispose, Script::Fail);
    sea.end(&session).await;
    let mut tried = Vec::new();
    let mut seen = 1;
    for second in 1..=300 {
        tokio::time::sleep(SECOND).await;
        let calls = sea.browser.calls(session.id(), Method::Dispose);
        if calls > seen {
            seen = calls;
            tried.push(second);
        }
    }
    let waits: Vec<_> = tried.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, expected) in waits.iter().zip([2, 4, 8, 16, 32, 60, 60]) {
        assert!((expected..=expected + 1).contains(wait), "{waits:?}");
    }
    let left = sea.manager.leftovers().remove(0);
    assert_eq!((left.kind, left.attempts), (LeftoverKind::Browser, seen - 1));
    assert_eq!(left.last_error, "Dispose failed as told");
    assert!(left.what.contains(session.id().as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_success_clears_it_and_completes_the_report() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    let bytes = sea.cursors.usage_now(None).bytes;
    sea.cursors.script(session.id(), Script::Fail);
    let report = sea.end(&session).await;
    assert_eq!((report.outcome, report.cleared_at, report.freed.held_after), (Outcome::WithProblems, None, bytes));
    let mut events = sea.manager.subscribe();
    sea.cursors.script(session.id(), Script::Ok);
    tokio::time::sleep(2 * SECOND).await;
    sea.assert_empty();
    let completed = sea.end(&session).await;
    assert!(completed.cleared_at.is_some());
    assert_eq!((completed.freed.cursors, completed.freed.cursor_bytes, completed.freed.held_after), (1, bytes, 0));
    assert_eq!(sea.history.records().cleared, [report.leftovers[0].id.clone()]);
    assert!(matches!(events.try_recv().unwrap(), Event::LeftoverCleared(id) if id == report.leftovers[0].id));
}

#[tokio::test(start_paused = true)]
async fn the_report_is_complete_only_with_its_last_leftover() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    sea.cursors.script(session.id(), Script::Hang);
    sea.browser.script(session.id(), Method::Dispose, Script::Hang);
    sea.end(&session).await;
    sea.cursors.script(session.id(), Script::Ok);
    assert_eq!(sea.manager.retry_leftovers().await, 1);
    assert_eq!(sea.manager.report(session.id().as_str()).unwrap().cleared_at, None);
    assert_eq!(sea.cursors.usage_now(None), CursorFreed::default());
    sea.browser.script(session.id(), Method::Dispose, Script::Ok);
    assert_eq!(sea.manager.retry_leftovers().await, 1);
    let report = sea.manager.report(session.id().as_str()).unwrap();
    assert!(report.cleared_at.is_some());
    assert_eq!(report.freed.tabs, 2);
    sea.assert_empty();
    assert_eq!(sea.manager.retry_leftovers().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_hangs_or_panics_is_one_more_attempt() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    for (attempt, script) in [Script::Hang, Script::Panic, Script::Hang].into_iter().enumerate() {
        sea.browser.script(session.id(), Method::Dispose, script);
        if attempt == 0 {
            sea.end(&session).await;
        } else {
            assert_eq!(sea.manager.retry_leftovers().await, 0);
            assert_eq!(sea.manager.leftovers()[0].attempts as usize, attempt);
        }
    }
    sea.browser.script(session.id(), Method::Dispose, Script::Ok);
    tokio::time::sleep(MINUTE).await;
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn leftovers_keep_the_sweeper_awake_without_sessions() {
    let sea = Sea::swept();
    let (client, session) = sea.full_session().await;
    sea.browser.script(session.id(), Method::StopCapture, Script::Fail);
    sea.manager.signal(&client, crate::sessions::Signal::HungUp { killed: true });
    sea.manager.client_gone(&client).await;
    assert_eq!((sea.manager.busy(), sea.manager.leftovers().len()), (0, 1));
    sea.browser.script(session.id(), Method::StopCapture, Script::Ok);
    tokio::time::sleep(2 * SECOND).await;
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_leftover_is_tried_by_one_at_a_time() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    sea.browser.script(session.id(), Method::Dispose, Script::Fail);
    sea.end(&session).await;
    sea.browser.script(session.id(), Method::Dispose, Script::Slow(2 * SECOND));
    let tried = tokio::join!(sea.manager.retry_leftovers(), sea.manager.retry_leftovers());
    assert_eq!(tried, (1, 0));
    assert_eq!(sea.browser.calls(session.id(), Method::Dispose), 2);
    sea.assert_empty();
}
