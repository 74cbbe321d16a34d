//! Ids that nobody uses, and a house that is full.

use std::{sync::Arc, time::Duration};

use ebb_core::{Code, sessions::Signal, settings::Settings};
use rmcp::transport::streamable_http_server::session::{SessionState, SessionStore as _};

use super::*;
use crate::{
    tools::testing::Bench,
    transport::http::{Revivals, listen::Caller, revivals::Principal},
};

/// Longer than an unused id stays.
const UNUSED: Duration = Duration::from_secs(2 * 60 + 16);

fn unseen() -> Caller {
    Caller { process: None, over_tcp: true }
}

async fn clients(bench: &Bench) -> Arc<HttpClients> {
    let revivals = Revivals::open(None, Box::new(|_| Box::pin(std::future::ready(None)))).await;
    HttpClients::new(Arc::clone(&bench.host), revivals, Principal::user(), None)
}

/// A client with this id that has said hello.
async fn begin(clients: &Arc<HttpClients>, id: &str) {
    let admitted = clients.admit(&unseen()).unwrap();
    clients.bind(id, &admitted, &unseen());
    let hello = serde_json::json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": id, "version": "1"}});
    clients.store(id, &SessionState::new(serde_json::from_value(hello).unwrap())).await.unwrap();
}

/// Who never calls a tool and says nothing leaves its place to others after two minutes, and loses nothing by it.
#[tokio::test(start_paused = true)]
async fn an_unused_id_gives_up_its_place_and_is_known_all_the_same() {
    let bench = Bench::new();
    let clients = clients(&bench).await;
    let here = |id: &str| clients.with_id(id).is_some();
    for id in ["unused", "asking", "listening", "calling", "deleted"] {
        begin(&clients, id).await;
    }
    clients.stream("listening", true);
    clients.called("calling");
    for _ in 0..4 {
        tokio::time::sleep(UNUSED / 4).await;
        clients.seen("asking", &unseen());
    }
    assert_eq!((here("unused"), here("asking"), here("listening"), here("calling")), (false, true, true, true));
    assert_eq!(bench.host.manager.clients().len(), 3, "two places are free again: nobody asked for `deleted` either");
    assert!(
        clients.knows("unused") && clients.load("unused").await.unwrap().is_some(),
        "it is revived when it is used"
    );
    assert!(clients.delete("deleted").await, "who sleeps can say goodbye");
    assert!(!clients.knows("deleted"));
    clients.stream("listening", false);
    tokio::time::sleep(UNUSED).await;
    assert_eq!((here("asking"), here("listening"), here("calling")), (false, false, true));
    // A client whose process cannot be seen has no more than the idle time.
    tokio::time::sleep(bench.host.settings.sessions.idle_timeout).await;
    assert!(!here("calling"));
    assert_eq!(bench.host.manager.clients().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_house_says_so_and_has_room_again() {
    let mut settings = Settings::default();
    settings.sessions.max_clients_per_process = settings.sessions.max_clients + 1;
    let bench = Bench::with(settings);
    let clients = clients(&bench).await;
    let mut guests: Vec<_> = (0..1_024).map(|_| clients.admit(&unseen()).unwrap()).collect();
    let refused = clients.admit(&unseen()).err().expect("the house is full");
    assert_eq!((refused.code, &*refused.message), (Code::LimitReached, "Too many clients (1024)"));
    assert!(refused.next.unwrap().contains("end a client"));
    // One that got no id goes when its request does.
    drop(guests.pop());
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(clients.admit(&unseen()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_is_given_up_is_gone_with_its_id() {
    let bench = Bench::new();
    let clients = clients(&bench).await;
    begin(&clients, "mute").await;
    let request = axum::http::Request::builder().header("mcp-session-id", "mute").body(()).unwrap();
    let (parts, ()) = request.into_parts();
    clients.give_up(Some(&parts));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(clients.with_id("mute").is_none() && !clients.knows("mute"));
    assert!(bench.host.manager.clients().is_empty());
    // Of somebody else's id there is nothing to give up.
    begin(&clients, "other").await;
    clients.give_up(Some(&parts));
    bench.host.manager.signal(&clients.with_id("other").unwrap(), Signal::StreamFound);
    assert!(clients.with_id("other").is_some());
}
