use super::support::{ENDED, SECOND, Sea, ms, settle};
use crate::{Code, view::SessionState};

#[tokio::test(start_paused = true)]
async fn calls_run_one_by_one_in_the_order_they_came() {
    let sea = Sea::new();
    let (_, session) = sea.session();
    let first = session.begin_call("browser_navigate", "{}").await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..7 {
        let session = session.clone();
        waiting.spawn(async move {
            let call = session.begin_call("browser_click", "{}").await.unwrap();
            tokio::time::sleep(ms(10)).await;
            let number = call.number();
            call.finish(false);
            number
        });
        settle().await;
    }
    assert_eq!(first.number(), 1);
    drop(first);
    let mut order = Vec::new();
    while let Some(number) = waiting.join_next().await {
        order.push(number.unwrap());
    }
    assert_eq!(order, [2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test(start_paused = true)]
async fn the_ninth_call_is_refused_and_a_freed_place_is_taken() {
    let sea = Sea::new();
    let (_, session) = sea.session();
    let running = session.begin_call("browser_navigate", "{}").await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..7 {
        let session = session.clone();
        waiting.spawn(async move { session.begin_call("browser_click", "{}").await.map(|call| call.finish(false)) });
    }
    settle().await;
    let refused = session.begin_call("browser_click", "{}").await.err().unwrap();
    assert_eq!((refused.code, refused.message.as_str()), (Code::LimitReached, "Too many calls in flight (8)"));
    drop(running);
    assert!(waiting.join_all().await.into_iter().all(|call| call.is_ok()));
    assert!(session.begin_call("browser_click", "{}").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_waiting_gives_its_place_back() {
    let sea = Sea::with(|settings| settings.sessions.max_calls = 2);
    let (_, session) = sea.session();
    let _running = session.begin_call("browser_navigate", "{}").await.unwrap();
    for _ in 0..5 {
        let waited = tokio::time::timeout(ms(1), session.begin_call("browser_click", "{}")).await;
        assert!(waited.is_err(), "it waits, it is not refused");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_answers_those_who_wait_and_those_who_come() {
    let sea = Sea::new();
    let client = sea.client();
    let session = sea.manager.open(&client, super::support::named("shop")).unwrap();
    let running = session.begin_call("browser_navigate", "{}").await.unwrap();
    let waiting = {
        let session = session.clone();
        async move { session.begin_call("browser_click", "{}").await.err().unwrap() }
    };
    let (waited, ()) = tokio::join!(waiting, async {
        settle().await;
        drop(sea.manager.remove_session(session.id(), ENDED));
    });
    assert_eq!(waited.code, Code::SessionEnded);
    assert_eq!(waited.message, "Session ended: ended from the dashboard. Its tabs and cursors are gone.");
    assert_eq!(session.begin_call("browser_click", "{}").await.err().unwrap(), waited);
    // The running call sees the gate; the removal does not wait for it.
    assert!(session.closing().is_cancelled());
    settle().await;
    assert_eq!(sea.manager.busy(), 0);
    running.finish(false);
}

#[tokio::test(start_paused = true)]
async fn the_list_of_calls_is_clean_clipped_and_bounded() {
    let sea = Sea::new();
    let (_, session) = sea.session();
    let call =
        session.begin_call("browser_type\u{202e}", &format!("{{\"text\":\"{}\n\"}}", "x".repeat(500))).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let view = sea.manager.view(session.id()).unwrap();
    let running = view.running.unwrap();
    assert_eq!((view.state, running.number, running.ms, running.failed), (SessionState::Working, 1, None, None));
    assert_eq!((running.tool.as_str(), running.arguments.chars().count()), ("browser_type", 300));
    call.finish(false);
    let mut told = session.begin_call("browser_close", "{}").await.unwrap();
    told.tell(&format!("one\u{202e}\r\n\n\u{1b}[2Jtwo {}\n{}", "y".repeat(500), "z\n".repeat(90)));
    drop(told);
    let closed = sea.manager.detail(session.id()).unwrap().calls.swap_remove(0);
    let result = closed.result.unwrap();
    assert!(result.starts_with("one\n[2Jtwo yyy") && closed.failed == Some(true), "{result}");
    assert_eq!((result.lines().count(), result.lines().map(str::len).max()), (16, Some(222)));
    for _ in 0..120 {
        session.begin_call("browser_snapshot", "{}").await.unwrap().finish(false);
    }
    let detail = sea.manager.detail(session.id()).unwrap();
    assert_eq!((detail.session.calls, detail.session.running), (122, None));
    assert_eq!(detail.calls.len(), 100);
    assert_eq!((detail.calls[0].number, detail.calls[99].number), (122, 23));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_timed_and_a_dropped_one_has_failed() {
    let sea = Sea::new();
    let (_, session) = sea.session();
    let call = session.begin_call("browser_wait_for", "{}").await.unwrap();
    tokio::time::sleep(SECOND).await;
    call.finish(false);
    drop(session.begin_call("browser_wait_for", "{}").await.unwrap());
    let calls = sea.manager.detail(session.id()).unwrap().calls;
    assert_eq!((calls[1].failed, calls[0].failed), (Some(false), Some(true)));
    assert!((1_000.0..1_010.0).contains(&calls[1].ms.unwrap()));
}
