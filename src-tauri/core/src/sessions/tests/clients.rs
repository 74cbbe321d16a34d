use super::support::{ENDED, SECOND, Sea, ms, named, settle};
use crate::{
    Code,
    cleanup::{Outcome, Reason},
    ports::fake::{Method, Script},
    sessions::{Keep, NewClient, OpenOptions, Signal},
    view::{ProcessView, Transport},
};

#[tokio::test(start_paused = true)]
async fn connecting_costs_no_session() {
    let sea = Sea::new();
    let client = sea.client();
    assert_eq!((sea.manager.busy(), sea.manager.clients().len()), (0, 1));
    sea.manager.signal(&client, Signal::HungUp { killed: false });
    sea.manager.client_gone(&client).await;
    assert!(sea.manager.clients().is_empty());
    assert!(sea.history.records().closed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn hostile_client_info_is_cleaned() {
    let sea = Sea::new();
    let process = ProcessView { pid: 9, name: "node".to_owned(), exe: None, cwd: None };
    let new = NewClient {
        transport: Transport::Stdio,
        process: None,
        process_view: Some(process),
        project: Some("~/shop\u{7}".to_owned()),
        stateless: false,
    };
    let client = sea.manager.connect(new).unwrap();
    let session = sea.manager.default_session(&client).unwrap();
    assert_eq!(sea.manager.client(&client).unwrap().name, "node");
    sea.manager.introduce(&client, Some("Claude\u{202e}\nCode\u{200b}"), Some(&"9".repeat(99)), None);
    let view = sea.manager.client(&client).unwrap();
    assert_eq!((view.name.as_str(), view.project.as_deref()), ("Claude Code", Some("~/shop")));
    assert_eq!(view.version.as_ref().unwrap().chars().count(), 32);
    sea.manager.introduce(&client, Some(" \u{200b}"), None, Some("2025-11-25"));
    let view = sea.manager.client(&client).unwrap();
    assert_eq!((view.name.as_str(), view.protocol.as_deref()), ("Claude Code", Some("2025-11-25")));
    assert_eq!(sea.manager.view(session.id()).unwrap().client, view);
    assert_eq!(sea.end(&session).await.client, view);
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_removes_everything_at_once_even_while_a_call_runs() {
    let sea = Sea::new();
    let (client, session) = sea.full_session().await;
    let second = sea.manager.open(&client, named("second")).unwrap();
    sea.fill(&second).await;
    let running = session.begin_call("browser_navigate", "{}").await.unwrap();
    let began = tokio::time::Instant::now();
    sea.manager.signal(&client, Signal::HungUp { killed: true });
    assert!(session.closing().is_cancelled() && second.closing().is_cancelled());
    sea.manager.client_gone(&client).await;
    assert!(began.elapsed() < ms(10));
    sea.assert_empty();
    let reasons: Vec<_> = sea.manager.recent(9).iter().map(|report| report.reason).collect();
    assert_eq!(reasons, [Reason::ClientDied, Reason::ClientDied]);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn an_orderly_hang_up_is_a_disconnect() {
    let sea = Sea::new();
    let (client, _) = sea.full_session().await;
    sea.manager.signal(&client, Signal::HungUp { killed: false });
    sea.manager.client_gone(&client).await;
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn a_dead_process_ends_it_though_the_stream_is_open() {
    let sea = Sea::new();
    let (client, _) = sea.full_session().await;
    sea.manager.signal(&client, Signal::ProcessExited { killed: true });
    sea.manager.client_gone(&client).await;
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::ClientDied);
}

#[tokio::test(start_paused = true)]
async fn a_half_close_lets_calls_drain_for_five_seconds_at_most() {
    let sea = Sea::swept();
    let (client, session) = sea.full_session().await;
    let running = session.begin_call("browser_navigate", "{}").await.unwrap();
    sea.manager.signal(&client, Signal::HalfClosed);
    tokio::time::sleep(ms(4_990)).await;
    assert!(session.is_live());
    tokio::time::sleep(ms(20)).await;
    assert!(!session.is_live());
    sea.manager.client_gone(&client).await;
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::Disconnected);
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn a_half_close_ends_when_the_answers_are_out() {
    let sea = Sea::swept();
    let (client, session) = sea.full_session().await;
    let running = session.begin_call("browser_navigate", "{}").await.unwrap();
    sea.manager.signal(&client, Signal::HalfClosed);
    tokio::time::sleep(2 * SECOND).await;
    running.finish(false);
    assert!(session.is_live(), "more requests may lie unread");
    sea.manager.signal(&client, Signal::Drained);
    assert!(!session.is_live());
    sea.manager.client_gone(&client).await;
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_half_close_without_calls_ends_though_nobody_says_drained() {
    let sea = Sea::swept();
    let (client, session) = sea.full_session().await;
    sea.manager.signal(&client, Signal::HalfClosed);
    tokio::time::sleep(ms(900)).await;
    let call = session.begin_call("browser_navigate", "{}").await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    call.finish(false);
    tokio::time::sleep(ms(900)).await;
    assert!(session.is_live());
    tokio::time::sleep(ms(200)).await;
    assert!(!session.is_live());
}

#[tokio::test(start_paused = true)]
async fn a_half_close_is_over_at_hang_up_or_death() {
    for (signal, reason) in [
        (Signal::HungUp { killed: false }, Reason::Disconnected),
        (Signal::ProcessExited { killed: true }, Reason::ClientDied),
    ] {
        let sea = Sea::swept();
        let (client, session) = sea.full_session().await;
        let _running = session.begin_call("browser_navigate", "{}").await.unwrap();
        sea.manager.signal(&client, Signal::HalfClosed);
        settle().await;
        assert!(session.is_live());
        sea.manager.signal(&client, signal);
        assert!(!session.is_live());
        sea.manager.client_gone(&client).await;
        assert_eq!(sea.manager.recent(1)[0].reason, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn client_gone_waits_for_the_removals_too() {
    let sea = Sea::new();
    let (client, session) = sea.full_session().await;
    sea.browser.script(session.id(), Method::Dispose, Script::Slow(SECOND));
    let began = tokio::time::Instant::now();
    tokio::join!(sea.manager.client_gone(&client), async {
        tokio::time::sleep(SECOND).await;
        sea.manager.signal(&client, Signal::HungUp { killed: false });
    });
    assert!((2 * SECOND..2 * SECOND + ms(50)).contains(&began.elapsed()));
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_left_gets_no_session() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    sea.manager.signal(&client, Signal::HungUp { killed: false });
    assert_eq!(sea.manager.default_session(&client).unwrap_err().code, Code::SessionEnded);
    assert_eq!(sea.manager.open(&client, OpenOptions::default()).unwrap_err().code, Code::SessionEnded);
    assert_eq!(sea.manager.session(&client, session.id().as_str()).unwrap_err().code, Code::SessionEnded);
    sea.manager.client_gone(&client).await;
    // Signals that come late are no harm.
    sea.manager.signal(&client, Signal::ProcessExited { killed: true });
    sea.manager.introduce(&client, Some("late"), None, None);
    assert_eq!(sea.manager.recent(9).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_ttl_session_outlives_its_client_until_the_idle_timeout() {
    let sea = Sea::swept();
    let client = sea.client();
    let session = sea.manager.open(&client, OpenOptions { keep: Keep::Ttl, ..named("cli") }).unwrap();
    sea.fill(&session).await;
    sea.manager.signal(&client, Signal::HungUp { killed: false });
    sea.manager.client_gone(&client).await;
    assert!(session.is_live());

    // The next command is another process; the handle makes it an owner.
    let next = sea.try_client(8).unwrap();
    let again = sea.manager.session(&next, session.id().as_str()).unwrap();
    again.begin_call("browser_snapshot", "{}").await.unwrap().finish(false);
    assert_eq!((again.id(), again.client()), (session.id(), &next));
    assert_eq!(sea.manager.list_of(&next).len(), 1);
    sea.manager.signal(&next, Signal::HungUp { killed: false });
    sea.manager.client_gone(&next).await;

    tokio::time::sleep(29 * super::support::MINUTE).await;
    assert!(session.is_live());
    tokio::time::sleep(2 * super::support::MINUTE).await;
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::IdleTimeout);
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_shared_session_goes_with_its_last_owner() {
    let sea = Sea::new();
    let (first, second) = (sea.client(), sea.try_client(8).unwrap());
    sea.manager.introduce(&second, Some("Second"), None, None);
    let session = sea.manager.open(&first, OpenOptions { share: true, ..named("ours") }).unwrap();
    assert!(sea.manager.session(&second, "ours").is_err(), "a name is not a handle");
    let joined = sea.manager.session(&second, session.id().as_str()).unwrap();
    sea.manager.signal(&first, Signal::HungUp { killed: false });
    sea.manager.client_gone(&first).await;
    assert!(joined.is_live());
    assert_eq!(sea.manager.view(session.id()).unwrap().client.name, "Second");
    sea.manager.signal(&second, Signal::HungUp { killed: true });
    sea.manager.client_gone(&second).await;
    let report = &sea.manager.recent(1)[0];
    assert_eq!((report.reason, report.outcome), (Reason::ClientDied, Outcome::Clean));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_clients_that_die_at_once_leave_nothing() {
    let sea = Sea::new();
    let mut clients = Vec::new();
    for pid in 1..=100 {
        let client = sea.try_client(pid).unwrap();
        let session = sea.manager.default_session(&client).unwrap();
        sea.fill(&session).await;
        clients.push(client);
    }
    for client in &clients {
        sea.manager.signal(client, Signal::HungUp { killed: true });
    }
    for client in &clients {
        sea.manager.client_gone(client).await;
    }
    sea.assert_empty();
    assert_eq!(sea.history.records().closed.len(), 100);
    assert!(
        sea.history.records().closed.iter().all(|report| report.reason != ENDED && report.outcome == Outcome::Clean)
    );
}

#[tokio::test(start_paused = true)]
async fn a_half_close_wakes_a_sweeper_that_had_nothing_to_look_at() {
    let sea = Sea::swept();
    let client = sea.client();
    tokio::time::sleep(super::support::HOUR).await;
    sea.manager.signal(&client, Signal::HalfClosed);
    tokio::time::sleep(ms(1_010)).await;
    assert!(sea.manager.clients().is_empty());
}
