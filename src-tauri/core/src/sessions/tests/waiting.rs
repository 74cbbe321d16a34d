use super::support::{ENDED, MINUTE, SECOND, Sea, ms, named, settle};
use crate::{
    Code,
    cleanup::{Outcome, Reason},
    ids::ClientId,
    sessions::{NewClient, OpenOptions, ProcessKey, Signal},
    view::{ProcessView, SessionState, Transport},
};

const GRACE: std::time::Duration = SECOND.saturating_mul(20);

fn sea() -> Sea {
    let sea = Sea::with(|settings| settings.sessions.reconnect_grace = GRACE);
    sea.manager.start_sweeper();
    sea
}

/// A client that says who it is.
fn agent(sea: &Sea, pid: u32, exe: &str, cwd: &str, name: &str) -> ClientId {
    let process = ProcessView { pid, name: "agent".to_owned(), exe: Some(exe.to_owned()), cwd: Some(cwd.to_owned()) };
    let new = NewClient {
        transport: Transport::Stdio,
        process: Some(ProcessKey { pid, start_time: 1 }),
        process_view: Some(process),
        project: Some(cwd.to_owned()),
        stateless: false,
    };
    let client = sea.manager.connect(new).unwrap();
    sea.manager.introduce(&client, Some(name), Some("1.0"), None);
    client
}

fn usual(sea: &Sea, pid: u32) -> ClientId {
    agent(sea, pid, "/bin/agent", "~/shop", "agent")
}

fn leave(sea: &Sea, client: &ClientId) {
    sea.manager.signal(client, Signal::HungUp { killed: true });
    assert!(sea.manager.client(client).is_none());
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_in_time_has_everything_again() {
    let sea = sea();
    let first = usual(&sea, 7);
    let default = sea.manager.default_session(&first).unwrap();
    let second = sea.manager.open(&first, named("second")).unwrap();
    sea.fill(&default).await;
    let held = sea.cursors_of(&default);
    leave(&sea, &first);
    sea.manager.client_gone(&first).await;
    let view = sea.manager.view(default.id()).unwrap();
    assert_eq!((view.state, view.waiting_s, view.ends_in_s), (SessionState::Waiting, Some(20), None));
    tokio::time::sleep(SECOND.saturating_mul(19)).await;
    assert_eq!(sea.manager.view(second.id()).unwrap().waiting_s, Some(1));

    let next = usual(&sea, 8);
    assert_eq!(sea.manager.default_session(&next).unwrap().id(), default.id());
    assert_eq!(sea.manager.session(&next, "second").unwrap().id(), second.id());
    assert_eq!(sea.cursors_of(&default), held);
    let view = sea.manager.view(default.id()).unwrap();
    assert_eq!((view.state, view.waiting_s, view.client.id), (SessionState::Connected, None, next.clone()));
    tokio::time::sleep(2 * GRACE).await;
    assert!(default.is_live() && second.is_live());
    // And it can leave and come back again.
    leave(&sea, &next);
    assert_eq!(sea.manager.default_session(&usual(&sea, 9)).unwrap().id(), default.id());
    assert!(sea.manager.recent(9).is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_is_gone_for_the_reason_it_left() {
    let sea = sea();
    for (signal, reason) in
        [(Signal::HungUp { killed: true }, Reason::ClientDied), (Signal::Drained, Reason::Disconnected)]
    {
        let client = usual(&sea, 7);
        let session = sea.manager.default_session(&client).unwrap();
        sea.fill(&session).await;
        sea.manager.signal(&client, signal);
        tokio::time::sleep(ms(19_900)).await;
        assert!(session.is_live());
        tokio::time::sleep(ms(200)).await;
        settle().await;
        let report = sea.manager.recent(1).remove(0);
        assert_eq!((report.session, report.reason, report.outcome), (session.id().clone(), reason, Outcome::Clean));
        sea.assert_empty();
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_else_gets_it() {
    let sea = sea();
    let client = usual(&sea, 7);
    let session = sea.manager.default_session(&client).unwrap();
    leave(&sea, &client);
    for (pid, exe, cwd, name) in [
        (8, "/bin/other", "~/shop", "agent"),
        (9, "/bin/agent", "~/mail", "agent"),
        (10, "/bin/agent", "~/shop", "another"),
    ] {
        let other = agent(&sea, pid, exe, cwd, name);
        assert_ne!(sea.manager.default_session(&other).unwrap().id(), session.id());
        assert_eq!(sea.manager.session(&other, session.id().as_str()).unwrap_err().code, Code::SessionUnknown);
    }
    // One that has something did not just come back, whoever it is.
    let busy = sea.manager.connect(NewClient {
        transport: Transport::Stdio,
        process: None,
        process_view: Some(ProcessView {
            pid: 11,
            name: "agent".to_owned(),
            exe: Some("/bin/agent".to_owned()),
            cwd: None,
        }),
        project: Some("~/shop".to_owned()),
        stateless: false,
    });
    let busy = busy.unwrap();
    sea.manager.default_session(&busy).unwrap();
    sea.manager.introduce(&busy, Some("agent"), Some("1.0"), None);
    assert_eq!(sea.manager.list_of(&busy).len(), 1);
    assert!(session.is_live());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_process_is_not_waited_for() {
    let sea = sea();
    let (client, session) = sea.full_session().await;
    leave(&sea, &client);
    assert!(!session.is_live());
}

#[tokio::test(start_paused = true)]
async fn what_left_last_comes_back_first_and_whole() {
    let sea = sea();
    let (one, two) = (usual(&sea, 7), usual(&sea, 8));
    let of_one = sea.manager.default_session(&one).unwrap();
    let of_two = sea.manager.default_session(&two).unwrap();
    leave(&sea, &two);
    leave(&sea, &one);
    assert_eq!(sea.manager.default_session(&usual(&sea, 9)).unwrap().id(), of_one.id());
    assert_eq!(sea.manager.default_session(&usual(&sea, 10)).unwrap().id(), of_two.id());
    assert_eq!(sea.manager.busy(), 2);
}

#[tokio::test(start_paused = true)]
async fn kept_it_stays_until_the_idle_limit_and_for_the_next_of_its_kind() {
    let sea = sea();
    let client = usual(&sea, 7);
    let session = sea.manager.default_session(&client).unwrap();
    assert_eq!(sea.manager.keep(session.id()).unwrap_err().code, Code::InvalidArguments);
    // Idle for longer than a client that is gone may be: the grace counts all the same.
    tokio::time::sleep(60 * MINUTE).await;
    leave(&sea, &client);
    tokio::time::sleep(GRACE / 2).await;
    sea.manager.keep(session.id()).unwrap();
    let view = sea.manager.view(session.id()).unwrap();
    assert_eq!((view.state, view.waiting_s, view.ends_in_s), (SessionState::Waiting, None, Some(30 * 60)));
    tokio::time::sleep(29 * MINUTE).await;
    let next = usual(&sea, 8);
    assert_eq!(sea.manager.default_session(&next).unwrap().id(), session.id());
    leave(&sea, &next);
    sea.manager.keep(session.id()).unwrap();
    tokio::time::sleep(31 * MINUTE).await;
    assert_eq!(sea.manager.recent(1)[0].reason, Reason::IdleTimeout);
    assert_eq!(sea.manager.keep(session.id()).unwrap_err().code, Code::SessionUnknown);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_ended_at_once_and_the_host_does_not_wait() {
    let sea = sea();
    let client = usual(&sea, 7);
    let session = sea.manager.default_session(&client).unwrap();
    leave(&sea, &client);
    assert_eq!(sea.end(&session).await.reason, ENDED);
    let client = usual(&sea, 7);
    sea.manager.default_session(&client).unwrap();
    leave(&sea, &client);
    let reports = sea.manager.shutdown().await;
    assert_eq!(reports.iter().map(|report| report.reason).collect::<Vec<_>>(), [Reason::Shutdown]);
    sea.assert_empty();
}

#[tokio::test(start_paused = true)]
async fn a_shared_one_that_waits_goes_to_whoever_has_the_handle() {
    let sea = sea();
    let client = usual(&sea, 7);
    let session = sea.manager.open(&client, OpenOptions { share: true, ..named("ours") }).unwrap();
    leave(&sea, &client);
    let other = agent(&sea, 8, "/bin/other", "~/mail", "other");
    assert_eq!(sea.manager.session(&other, session.id().as_str()).unwrap().id(), session.id());
    tokio::time::sleep(2 * GRACE).await;
    assert!(session.is_live());
}

#[tokio::test(start_paused = true)]
async fn a_process_gets_back_no_more_than_it_may_have() {
    let sea = Sea::with(|settings| {
        settings.sessions.reconnect_grace = GRACE;
        settings.sessions.max_sessions_per_process = 2;
    });
    let first = usual(&sea, 7);
    let kept = sea.manager.default_session(&first).unwrap();
    sea.manager.open(&first, named("more")).unwrap();
    leave(&sea, &first);
    let other = agent(&sea, 8, "/bin/agent", "~/mail", "agent");
    sea.manager.default_session(&other).unwrap();
    let same_process = usual(&sea, 8);
    assert!(sea.manager.list_of(&same_process).is_empty());
    let next = usual(&sea, 9);
    assert_eq!(sea.manager.default_session(&next).unwrap().id(), kept.id());
    assert_eq!(sea.manager.open(&next, named("third")).unwrap_err().code, Code::LimitReached);
}

#[tokio::test(start_paused = true)]
async fn sleep_is_not_held_against_who_is_waited_for() {
    let sea = sea();
    let client = usual(&sea, 7);
    let session = sea.manager.default_session(&client).unwrap();
    leave(&sea, &client);
    tokio::time::sleep(5 * SECOND).await;
    tokio::time::advance(60 * MINUTE).await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(sea.manager.default_session(&usual(&sea, 8)).unwrap().id(), session.id());
}
