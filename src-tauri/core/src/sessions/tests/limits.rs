use std::sync::Arc;

use super::support::{Sea, named};
use crate::{
    Code,
    ports::fake::{Method, Script},
    sessions::{OpenOptions, Signal},
};

#[tokio::test(start_paused = true)]
async fn a_process_has_sixteen_sessions_over_all_its_clients_and_one_end_makes_room() {
    let sea = Sea::new();
    let (first, second) = (sea.client(), sea.client());
    let session = sea.manager.open(&first, named("mine")).unwrap();
    for n in 1..16 {
        sea.manager.open(if n % 2 == 0 { &first } else { &second }, OpenOptions::default()).unwrap();
    }
    let refused = sea.manager.default_session(&first).unwrap_err();
    assert_eq!(refused.code, Code::LimitReached);
    assert!(refused.message.starts_with("Too many sessions of one client (16); yours: ses_"), "{refused}");
    assert!(refused.message.contains(session.id().as_str()));
    let of_second = sea.manager.list_of(&second);
    assert!(
        of_second.iter().all(|other| !refused.message.contains(other.id.as_str())),
        "handles of others stay theirs"
    );
    let other = sea.try_client(8).unwrap();
    assert!(sea.manager.default_session(&other).is_ok(), "another process has its own");

    sea.end(&session).await;
    assert!(sea.manager.default_session(&first).is_ok());
    assert!(sea.manager.open(&second, OpenOptions::default()).is_err());
}

#[tokio::test(start_paused = true)]
async fn all_sessions_together_have_a_limit_and_closing_ones_count() {
    let sea = Sea::with(|settings| settings.sessions.max_sessions = 3);
    let sessions: Vec<_> = (1..=3)
        .map(|pid| {
            let client = sea.try_client(pid).unwrap();
            sea.manager.default_session(&client).unwrap()
        })
        .collect();
    let client = sea.try_client(4).unwrap();
    let refused = sea.manager.default_session(&client).unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (Code::LimitReached, "Too many sessions (3)"));
    sea.browser.script(sessions[0].id(), Method::Dispose, Script::Hang);
    let ending = sea.manager.remove_session(sessions[0].id(), super::support::ENDED);
    assert!(sea.manager.default_session(&client).is_err(), "it still holds what it held");
    ending.await;
    assert!(sea.manager.default_session(&client).is_ok());
}

#[tokio::test(start_paused = true)]
async fn clients_have_limits_in_all_and_per_process_and_one_that_leaves_makes_room() {
    let sea = Sea::with(|settings| {
        settings.sessions.max_clients = 4;
        settings.sessions.max_clients_per_process = 2;
    });
    let first = sea.try_client(1).unwrap();
    sea.try_client(1).unwrap();
    let refused = sea.try_client(1).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::LimitReached, "Too many connections of one process (2)")
    );
    sea.try_client(0).unwrap();
    sea.try_client(0).unwrap();
    assert_eq!(sea.try_client(2).unwrap_err().message, "Too many clients (4)");
    sea.manager.signal(&first, Signal::HungUp { killed: false });
    assert!(sea.try_client(2).is_ok());
}

#[tokio::test(start_paused = true)]
async fn processes_that_nobody_can_name_share_one_cap() {
    let sea = Sea::with(|settings| settings.sessions.max_sessions_per_process = 1);
    let (first, second) = (sea.try_client(0).unwrap(), sea.try_client(0).unwrap());
    assert!(sea.manager.default_session(&first).is_ok());
    assert_eq!(sea.manager.default_session(&second).unwrap_err().code, Code::LimitReached);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn limits_hold_however_many_ask_at_once() {
    let sea = Arc::new(Sea::new());
    let client = sea.client();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (sea, client) = (Arc::clone(&sea), client.clone());
        asking.spawn(async move { sea.manager.open(&client, OpenOptions::default()).is_ok() });
    }
    let opened = asking.join_all().await.into_iter().filter(|opened| *opened).count();
    assert_eq!((opened, sea.manager.busy()), (16, 16));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_behind_has_a_limit_too() {
    let sea = Sea::new();
    sea.browser.script_all(Method::StopCapture, Script::Fail);
    sea.browser.script_all(Method::Dispose, Script::Fail);
    let client = sea.client();
    let mut opened = 0;
    let refused = loop {
        match sea.manager.open(&client, OpenOptions::default()) {
            Ok(session) => drop(sea.end(&session).await),
            Err(error) => break error,
        }
        opened += 1;
    };
    assert_eq!((opened, refused.code), (512, Code::LimitReached));
    assert_eq!(refused.message, "Too much is left behind by ended sessions (1024)");
    sea.browser.script_all(Method::StopCapture, Script::Ok);
    assert_eq!(sea.manager.retry_leftovers().await, 512);
    assert!(sea.manager.open(&client, OpenOptions::default()).is_ok());
}
