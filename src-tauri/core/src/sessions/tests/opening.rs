use super::support::{ENDED, Sea, named, settle};
use crate::{
    Code,
    cleanup::{AskedBy, Outcome, Reason},
    ids::SessionId,
    ports::{HistoryPort, OpenSession},
    sessions::{Ports, SessionManager},
    settings::Settings,
};

#[tokio::test(start_paused = true)]
async fn the_default_session_is_made_once() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    assert_eq!(sea.manager.default_session(&client).unwrap().id(), session.id());
    assert_eq!((sea.manager.busy(), session.name()), (1, None));
    assert_eq!(sea.history.records().opened[0].session, *session.id());
}

#[tokio::test(start_paused = true)]
async fn after_an_end_the_next_call_is_told_once() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    let ending = sea.manager.remove_session(session.id(), ENDED);
    let told = sea.manager.default_session(&client).unwrap_err();
    assert_eq!(told.code, Code::SessionEnded);
    assert_eq!(
        told.message,
        "Session ended: ended from the dashboard. Its tabs and cursors are gone; call again to start a new session."
    );
    let next = sea.manager.default_session(&client).unwrap();
    assert_ne!(next.id(), session.id());
    assert_eq!(ending.await.outcome, Outcome::Clean);
    assert!(next.is_live());
}

#[tokio::test(start_paused = true)]
async fn who_lost_a_session_with_a_dead_host_is_told_once() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    sea.manager.default_lost(&client, SessionId::new(), Reason::RecoveredAtStart);
    assert_eq!(sea.manager.default_session(&client).unwrap().id(), session.id(), "a live session is not lost");
    sea.manager.remove_session(session.id(), Reason::Manual(AskedBy::Tool)).await;
    sea.manager.default_lost(&client, SessionId::new(), Reason::RecoveredAtStart);
    let told = sea.manager.default_session(&client).unwrap_err();
    assert!(told.message.starts_with("Session ended: Ebb itself had died."), "{told}");
    assert!(sea.manager.default_session(&client).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_notice_waits_for_the_next_call_however_late() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    sea.manager.remove_session(session.id(), Reason::IdleTimeout).await;
    tokio::time::sleep(super::support::HOUR).await;
    let told = sea.manager.default_session(&client).unwrap_err();
    assert!(told.message.starts_with("Session ended: nobody used it for too long."), "{told}");
    assert!(sea.manager.default_session(&client).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_cut_off_by_the_end_is_the_notice() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    let call = session.begin_call("browser_navigate", "{}").await.unwrap();
    drop(sea.manager.remove_session(session.id(), ENDED));
    let told = session.ended();
    assert!(told.message.ends_with("call again to start a new session."), "{told}");
    call.finish(true);
    assert!(sea.manager.default_session(&client).is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_closed_its_session_itself_needs_no_notice() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    sea.manager.remove_session(session.id(), Reason::Manual(AskedBy::Tool)).await;
    assert!(sea.manager.default_session(&client).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_name_in_use_is_refused_with_its_handle_but_only_among_ones_own() {
    let sea = Sea::new();
    let (mine, other) = (sea.client(), sea.client());
    let session = sea.manager.open(&mine, named("shop")).unwrap();
    let refused = sea.manager.open(&mine, named(" shop\u{200b} ")).unwrap_err();
    assert_eq!(refused.code, Code::InvalidArguments);
    assert!(refused.message.contains(session.id().as_str()), "{refused}");
    assert!(sea.manager.open(&other, named("shop")).is_ok());
    drop(sea.manager.remove_session(session.id(), ENDED));
    assert!(sea.manager.open(&mine, named("shop")).is_ok(), "the name is free from Closing on");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_visible_short_and_no_handle() {
    let sea = Sea::new();
    let client = sea.client();
    for name in ["", " \u{200b}", "ses_mine", &"x".repeat(65)] {
        assert_eq!(sea.manager.open(&client, named(name)).unwrap_err().code, Code::InvalidArguments, "{name:?}");
    }
    let longest = "x".repeat(64);
    let session = sea.manager.open(&client, named(&longest)).unwrap();
    assert_eq!(sea.manager.session(&client, &longest).unwrap().id(), session.id());
    assert_eq!(sea.manager.busy(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_strangers_handle_answers_exactly_like_an_unknown_one() {
    let sea = Sea::new();
    let (mine, stranger) = (sea.client(), sea.try_client(8).unwrap());
    let session = sea.manager.open(&mine, named("shop")).unwrap();
    let unknown = sea.manager.session(&stranger, SessionId::new().as_str()).unwrap_err();
    assert_eq!(unknown.code, Code::SessionUnknown);
    let handle = session.id().as_str();
    let live = sea.manager.session(&stranger, handle).unwrap_err();
    let name = sea.manager.session(&stranger, "shop").unwrap_err();
    sea.end(&session).await;
    let ended = sea.manager.session(&stranger, handle).unwrap_err();
    let nonsense = sea.manager.session(&stranger, "../../etc/passwd").unwrap_err();
    assert!([live, name, ended, nonsense].iter().all(|error| *error == unknown));
    assert!(sea.manager.list_of(&stranger).is_empty());
}

#[tokio::test(start_paused = true)]
async fn ones_own_ended_session_says_when_and_why() {
    let sea = Sea::new();
    let client = sea.client();
    let session = sea.manager.open(&client, named("shop")).unwrap();
    sea.end(&session).await;
    tokio::time::sleep(3 * super::support::MINUTE).await;
    for key in [session.id().as_str(), "shop"] {
        let ended = sea.manager.session(&client, key).unwrap_err();
        assert_eq!(ended.code, Code::SessionEnded);
        let text = format!(
            "Session {} ended 3 min ago: ended from the dashboard. Its tabs and cursors are gone.",
            session.id()
        );
        assert_eq!(ended.message, text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_host_refuses_sessions_and_leaves_the_living() {
    let sea = Sea::new();
    let (client, session) = sea.session();
    sea.manager.set_accepting(false);
    assert!(!sea.manager.is_accepting());
    let refused = sea.manager.open(&client, named("shop")).unwrap_err();
    assert_eq!(refused.code, Code::Paused);
    assert_eq!(refused.message, "Ebb is paused. Turn on \"Accept new sessions\" in the tray.");
    assert_eq!(sea.manager.default_session(&client).unwrap().id(), session.id());
    let other = sea.client();
    assert_eq!(sea.manager.default_session(&other).unwrap_err().code, Code::Paused);
    sea.manager.set_accepting(true);
    assert!(sea.manager.default_session(&other).is_ok());
}

/// Ends every session while it is being opened.
#[derive(Default)]
struct Hasty(parking_lot::Mutex<Option<SessionManager>>, parking_lot::Mutex<Vec<&'static str>>);

impl HistoryPort for Hasty {
    fn opened(&self, session: OpenSession) {
        if let Some(manager) = self.0.lock().as_ref() {
            drop(manager.remove_session(&session.session, ENDED));
        }
        self.1.lock().push("opened");
    }
    fn closed(&self, _: &crate::cleanup::CleanupReport) {
        self.1.lock().push("closed");
    }
    fn leftover(&self, _: &crate::cleanup::Leftover) {}
    fn cleared(&self, _: &crate::ids::LeftoverId, _: Option<&SessionId>, _: time::OffsetDateTime) {}
}

#[tokio::test(start_paused = true)]
async fn a_removal_while_opening_waits_for_the_opening_and_wins() {
    let sea = Sea::new();
    let history = std::sync::Arc::new(Hasty::default());
    let ports = Ports {
        clock: sea.manager.clock().clone(),
        browser: sea.browser.clone(),
        cursors: sea.cursors.clone(),
        history: history.clone(),
    };
    let manager = SessionManager::new(Settings::default(), ports);
    *history.0.lock() = Some(manager.clone());
    let sea = Sea { manager, ..sea };
    let client = sea.client();
    let refused = sea.manager.open(&client, named("shop")).unwrap_err();
    assert_eq!(refused.code, Code::SessionEnded);
    settle().await;
    sea.assert_empty();
    assert_eq!(*history.1.lock(), ["opened", "closed"]);
    assert_eq!(sea.manager.recent(9).len(), 1);
    history.0.lock().take();
}

#[test]
fn without_a_runtime_opening_is_refused_not_a_panic() {
    let sea = {
        // The store and the clock want a runtime's time; the manager is made outside of it.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sea = runtime.block_on(async { Sea::new() });
        let ports = Ports {
            clock: sea.manager.clock().clone(),
            browser: sea.browser.clone(),
            cursors: sea.cursors.clone(),
            history: sea.history.clone(),
        };
        Sea { manager: SessionManager::new(Settings::default(), ports), ..sea }
    };
    let client = sea.client();
    assert_eq!(sea.manager.default_session(&client).unwrap_err().code, Code::Internal);
}

/// Never comes back from an opening.
struct Stuck(parking_lot::Mutex<std::sync::mpsc::Receiver<()>>, std::sync::mpsc::SyncSender<SessionId>);

impl HistoryPort for Stuck {
    fn opened(&self, session: OpenSession) {
        self.1.send(session.session).unwrap();
        self.0.lock().recv().unwrap();
    }
    fn closed(&self, _: &crate::cleanup::CleanupReport) {}
    fn leftover(&self, _: &crate::cleanup::Leftover) {}
    fn cleared(&self, _: &crate::ids::LeftoverId, _: Option<&SessionId>, _: time::OffsetDateTime) {}
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_never_ends_holds_no_shutdown() {
    let sea = Sea::new();
    let (release, stuck) = std::sync::mpsc::sync_channel(1);
    let (began, opening) = std::sync::mpsc::sync_channel(1);
    let ports = Ports {
        clock: sea.manager.clock().clone(),
        browser: sea.browser.clone(),
        cursors: sea.cursors.clone(),
        history: std::sync::Arc::new(Stuck(parking_lot::Mutex::new(stuck), began)),
    };
    let sea = Sea { manager: SessionManager::new(Settings::default(), ports), ..sea };
    let client = sea.client();
    let (manager, id) = (sea.manager.clone(), client.clone());
    let opener = std::thread::spawn(move || manager.default_session(&id).map(drop));
    let session = opening.recv().unwrap();
    let reports = sea.manager.shutdown().await;
    assert_eq!((reports.len(), sea.manager.busy()), (1, 0));
    assert_eq!((&reports[0].session, reports[0].outcome), (&session, Outcome::WithProblems));
    assert_eq!(reports[0].leftovers.len(), 3, "steps that did not run leave something behind");
    release.send(()).unwrap();
    assert_eq!(opener.join().unwrap().unwrap_err().code, Code::SessionEnded);
    assert_eq!(sea.manager.retry_leftovers().await, 3);
    sea.assert_empty();
}
