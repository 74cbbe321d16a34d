use super::support::{MINUTE, SECOND, Sea, ms, named};
use crate::{
    Code,
    cleanup::{Step, StepOutcome},
    cursors::CursorStore,
    ports::fake::{Method, Script},
    view::{SessionState, StepView},
};

#[tokio::test(start_paused = true)]
async fn a_session_shows_what_it_holds() {
    let sea = Sea::new();
    let (client, session) = sea.full_session().await;
    sea.browser.set_lost(session.id(), true);
    let view = sea.manager.view(session.id()).unwrap();
    let (cursors, devtools) = (sea.cursors.usage_now(None).bytes, session.devtools().view());
    assert_eq!((view.client.id, view.tabs.len(), view.cursors), (client, 2, 1));
    assert_eq!(
        (view.held.cursors, view.held.devtools, view.held.renderers),
        (cursors, devtools.bytes, Some(1_000_000))
    );
    assert_eq!(view.held.total, cursors + devtools.bytes + 1_000_000);
    assert!(view.browser_lost && view.steps.is_empty());
    let detail = sea.manager.detail(session.id()).unwrap();
    assert_eq!((detail.session.id, detail.cursors.len()), (session.id().clone(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_connected_working_idle_closing_and_gone() {
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    let state = || sea.manager.view(session.id()).map(|view| view.state);
    assert_eq!(state(), Some(SessionState::Connected));
    let call = session.begin_call("browser_navigate", "{}").await.unwrap();
    tokio::time::sleep(6 * MINUTE).await;
    assert_eq!(state(), Some(SessionState::Working));
    call.finish(false);
    assert_eq!(state(), Some(SessionState::Connected));
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(state(), Some(SessionState::Idle));
    sea.browser.script(session.id(), Method::Dispose, Script::Slow(SECOND));
    let removal = sea.manager.remove_session(session.id(), super::support::ENDED);
    tokio::time::sleep(ms(500)).await;
    assert_eq!(state(), Some(SessionState::Closing));
    let strip = [
        StepView { step: Step::Devtools, outcome: Some(StepOutcome::Done) },
        StepView { step: Step::Cursors, outcome: Some(StepOutcome::Done) },
        StepView { step: Step::Browser, outcome: None },
    ];
    assert_eq!(sea.manager.view(session.id()).unwrap().steps, strip);
    removal.await;
    assert_eq!(state(), None);
    assert!(sea.manager.detail(session.id()).is_none());
}

#[tokio::test(start_paused = true)]
async fn lists_are_in_the_order_of_coming() {
    let sea = Sea::new();
    let clients: Vec<_> = (1..=5).map(|pid| sea.try_client(pid).unwrap()).collect();
    let sessions: Vec<_> =
        clients.iter().map(|client| sea.manager.default_session(client).unwrap().id().clone()).collect();
    assert_eq!(sea.manager.clients().into_iter().map(|client| client.id).collect::<Vec<_>>(), clients);
    assert_eq!(sea.manager.list().into_iter().map(|session| session.id).collect::<Vec<_>>(), sessions);
    assert_eq!(sea.manager.list_of(&clients[2]).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_found_by_id_beginning_or_name() {
    let sea = Sea::new();
    let client = sea.client();
    let session = sea.manager.open(&client, named("shop")).unwrap();
    let id = session.id().as_str();
    for text in [id, &id[..8], &id[4..8], &id[4..], "shop", " shop "] {
        assert_eq!(sea.manager.find(text).as_ref(), Ok(session.id()), "{text}");
    }
    for text in ["", "ses_", &id[..7], &id[4..7], "sho", "nobody"] {
        assert_eq!(sea.manager.find(text).unwrap_err().code, Code::SessionUnknown, "{text}");
    }
    let other = sea.manager.open(&sea.client(), named("shop")).unwrap();
    let several = sea.manager.find("shop").unwrap_err();
    assert_eq!(several.code, Code::InvalidArguments);
    assert!(several.message.contains(id) && several.message.contains(other.id().as_str()), "{several}");
}
