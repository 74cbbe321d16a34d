use std::time::Duration;

use super::support::{HOUR, MINUTE, SECOND, Sea, ms};
use crate::{
    cleanup::{Outcome, Reason},
    cursors::{CursorFreed, CursorStore},
    ports::fake::{Method, Script},
    sessions::Signal,
};

#[tokio::test(start_paused = true)]
async fn a_session_of_an_unknown_process_ends_after_half_an_hour_without_a_call() {
    let sea = Sea::swept();
    let client = sea.try_client(0).unwrap();
    let session = sea.manager.default_session(&client).unwrap();
    sea.fill(&session).await;
    assert_eq!(sea.manager.view(session.id()).unwrap().ends_in_s, Some(30 * 60));
    tokio::time::sleep(29 * MINUTE + 59 * SECOND).await;
    assert!(session.is_live());
    tokio::time::sleep(3 * SECOND).await;
    let report = sea.manager.recent(1).remove(0);
    assert_eq!((report.reason, report.outcome), (Reason::IdleTimeout, Outcome::Clean));
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_session_of_a_process_known_to_live_has_eight_hours() {
    let sea = Sea::swept();
    let (_, session) = sea.session();
    assert_eq!(sea.manager.view(session.id()).unwrap().ends_in_s, Some(8 * 3_600));
    tokio::time::sleep(7 * HOUR + 59 * MINUTE + 59 * SECOND).await;
    assert!(session.is_live());
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::IdleTimeout);
}

#[tokio::test(start_paused = true)]
async fn idle_time_counts_from_the_end_of_the_last_call_and_a_running_one_is_activity() {
    let sea = Sea::swept();
    let client = sea.try_client(0).unwrap();
    let session = sea.manager.default_session(&client).unwrap();
    tokio::time::sleep(20 * MINUTE).await;
    let call = session.begin_call("browser_wait_for", "{}").await.unwrap();
    tokio::time::sleep(2 * HOUR).await;
    let view = sea.manager.view(session.id()).unwrap();
    assert_eq!((view.idle_s, view.ends_in_s), (0, None));
    call.finish(false);
    tokio::time::sleep(29 * MINUTE).await;
    assert!(session.is_live());
    assert_eq!(sea.manager.view(session.id()).unwrap().idle_s, 29 * 60);
    tokio::time::sleep(2 * MINUTE).await;
    assert!(!session.is_live());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_never_comes() {
    let sea = Sea::with(|settings| {
        settings.sessions.idle_timeout = std::time::Duration::ZERO;
        settings.sessions.sweep_interval = MINUTE;
    });
    sea.manager.start_sweeper();
    let client = sea.try_client(0).unwrap();
    let session = sea.manager.default_session(&client).unwrap();
    tokio::time::sleep(100 * HOUR).await;
    assert!(session.is_live());
    assert_eq!(sea.manager.view(session.id()).unwrap().ends_in_s, None);
}

#[tokio::test(start_paused = true)]
async fn a_gap_between_ticks_is_held_against_nobody() {
    let sea = Sea::swept();
    let client = sea.try_client(0).unwrap();
    let session = sea.manager.default_session(&client).unwrap();
    sea.cursor(&session).await.unwrap();
    tokio::time::sleep(10 * MINUTE).await;
    let before = sea.manager.clock().now();
    // The machine sleeps: time goes on, nothing runs.
    tokio::time::advance(8 * HOUR).await;
    tokio::time::sleep(5 * SECOND).await;
    assert!(session.is_live());
    assert!(sea.since(before) <= 8 * SECOND);
    assert_eq!(sea.cursors.usage_now(Some(session.id())).count, 1, "cursors slept too");
    tokio::time::sleep(19 * MINUTE).await;
    assert!(session.is_live());
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::IdleTimeout);
}

#[tokio::test(start_paused = true)]
async fn a_gap_does_not_end_a_draining_half_close() {
    let sea = Sea::swept();
    let (client, session) = sea.full_session().await;
    let call = session.begin_call("browser_navigate", "{}").await.unwrap();
    sea.manager.signal(&client, Signal::HalfClosed);
    tokio::time::sleep(SECOND).await;
    tokio::time::advance(HOUR).await;
    tokio::time::sleep(ms(100)).await;
    assert!(session.is_live());
    drop(call);
}

#[tokio::test(start_paused = true)]
async fn a_gap_does_not_time_a_step_out() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    sea.browser.script(session.id(), Method::Dispose, Script::Slow(2 * SECOND));
    let removal = sea.manager.remove_session(session.id(), super::support::ENDED);
    tokio::time::sleep(SECOND).await;
    tokio::time::advance(HOUR).await;
    assert_eq!(removal.await.outcome, Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn expired_cursors_are_swept_while_their_session_lives() {
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    tokio::time::sleep(16 * MINUTE).await;
    assert_eq!(sea.cursors.usage_now(None), CursorFreed::default());
    assert!(session.is_live());
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_look_at_the_sweeper_sleeps_until_there_is() {
    let sea = Sea::swept();
    let (_, session) = sea.session();
    tokio::time::sleep(3 * SECOND).await;
    sea.end(&session).await;
    tokio::time::sleep(3 * SECOND).await;
    // Only a sweeper that does not tick leaves the clock unwatched, and then gaps count.
    let before = sea.manager.clock().now();
    tokio::time::advance(HOUR).await;
    assert_eq!(sea.since(before), HOUR);
    let client = sea.try_client(0).unwrap();
    let session = sea.manager.default_session(&client).unwrap();
    tokio::time::sleep(31 * MINUTE).await;
    assert!(!session.is_live(), "it woke up");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_removal_does_not_stop_the_sweeper() {
    let sea = Sea::swept();
    let stuck = sea.manager.default_session(&sea.try_client(0).unwrap()).unwrap();
    sea.browser.script(stuck.id(), Method::Dispose, Script::Hang);
    tokio::time::sleep(ms(500)).await;
    let next = sea.manager.default_session(&sea.try_client(0).unwrap()).unwrap();
    tokio::time::sleep(30 * MINUTE + SECOND).await;
    assert!(!stuck.is_live() && !next.is_live());
    assert_eq!(sea.manager.list().len(), 1, "the second is gone while the first still hangs");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_manager_ends_its_sweeper() {
    let sea = Sea::swept();
    sea.manager.start_sweeper();
    tokio::time::sleep(SECOND).await;
    let tasks = sea.manager.inner.tasks.clone();
    assert_eq!(tasks.len(), 1, "started twice, it is one");
    drop(sea);
    tokio::time::sleep(SECOND).await;
    assert_eq!(tasks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_owner_is_swept() {
    let sea = Sea::swept();
    let (client, session) = sea.full_session().await;
    // No call of ours can do this: an owner leaves only through its lease.
    drop(sea.manager.inner.registry.lock().clients.remove(&client));
    tokio::time::sleep(2 * SECOND).await;
    assert!(!session.is_live());
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::Swept);
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn after_shutdown_the_clock_goes_on() {
    let sea = Sea::swept();
    let (_, _session) = sea.session();
    tokio::time::sleep(SECOND).await;
    sea.manager.shutdown().await;
    tokio::time::sleep(SECOND).await;
    let before = sea.manager.clock().now();
    tokio::time::sleep(HOUR).await;
    assert_eq!(sea.since(before), HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_begins_as_the_idle_time_runs_out_saves_its_session() {
    let sea = Sea::new();
    let (_, session) = sea.session();
    tokio::time::sleep(HOUR).await;
    let call = session.begin_call("browser_navigate", "{}").await.unwrap();
    sea.manager.inner.end_if_idle(session.id(), MINUTE);
    assert!(session.is_live());
    call.finish(false);
    sea.manager.inner.end_if_idle(session.id(), MINUTE);
    assert!(session.is_live());
    tokio::time::sleep(MINUTE).await;
    sea.manager.inner.end_if_idle(session.id(), MINUTE);
    assert!(!session.is_live());
}

/// Between a client's departure and the removal of its sessions the sweeper may find them without owner: it
/// gives the reason that the client left for.
#[tokio::test(start_paused = true)]
async fn the_sweeper_that_comes_between_knows_why_the_client_left() {
    let sea = Sea::swept();
    let (client, session) = sea.full_session().await;
    {
        let mut registry = sea.manager.inner.registry.lock();
        registry.clients.get_mut(&client).unwrap().lease.apply(Signal::HungUp { killed: true }, Duration::ZERO);
        drop(registry.judge(&client, Duration::ZERO, Duration::ZERO));
    }
    tokio::time::sleep(3 * SECOND).await;
    sea.assert_empty();
    assert_eq!(sea.manager.report(session.id().as_str()).unwrap().reason, Reason::ClientDied);
}
