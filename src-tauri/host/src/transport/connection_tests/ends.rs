//! Every way a client can go.

#![expect(clippy::disallowed_methods, reason = "these processes are the test's own clients")]

use std::{
    os::fd::OwnedFd,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ebb_core::{cleanup::Reason, settings::Settings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    time::timeout,
};

use super::{super::*, world::*};

#[tokio::test]
async fn a_hang_up_in_the_middle_of_a_call_ends_everything_at_once() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    for _ in 0..3 {
        client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    }
    while place.sessions() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let began = Instant::now();
    drop(client);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
    eprintln!("gone {:?} after the hang-up", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_killed_client_is_told_from_one_that_left() {
    let place = Place::new();
    for busy in [false, true] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = theirs.into_std().unwrap();
        let held = OwnedFd::from(theirs.try_clone().unwrap());
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(held)).spawn().unwrap();
        place.tasks.spawn(serve(ours, Some(child.id()), place.shared.clone()));
        let (read, write) = UnixStream::from_std(theirs).unwrap().into_split();
        let mut client = Client { read: BufReader::new(read), write, id: 0 };
        client.initialize().await;
        client.tool("browser_test_lines", json!({"count": 1})).await;
        if busy {
            client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
        }
        assert_eq!(place.bench.host.manager.clients()[0].process.as_ref().unwrap().pid, child.id());
        // Only the child holds the client's end now: a drop of the writing half would half-close it.
        let Client { read, write, .. } = client;
        let whole = read.into_inner().reunite(write).unwrap().into_std().unwrap();
        drop(whole);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(place.sessions(), 1);
        let began = Instant::now();
        child.kill().unwrap();
        assert_eq!(place.emptied().await, Some(Reason::ClientDied));
        eprintln!("gone {:?} after kill -9 (busy: {busy})", began.elapsed());
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_death_behind_a_stream_that_somebody_else_holds_is_noticed() {
    let place = Place::new();
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let mut client = place.connect_as(Some(child.id()));
    client.initialize().await;
    client.tool("browser_test_lines", json!({"count": 1})).await;
    child.kill().unwrap();
    assert_eq!(place.emptied().await, Some(Reason::ClientDied));
    assert!(client.is_closed().await);
    child.wait().unwrap();
}

#[tokio::test]
async fn a_half_close_gets_its_last_answers() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    client.begin("tools/call", json!({"name": "browser_test_lines", "arguments": {"count": 1}})).await;
    let last = client.begin("tools/call", json!({"name": "session_list", "arguments": {}})).await;
    client.write.shutdown().await.unwrap();
    let mut ids = vec![client.line().await["id"].clone(), client.line().await["id"].clone()];
    ids.sort_by_key(Value::as_u64);
    assert_eq!(ids, [json!(last - 1), json!(last)]);
    assert!(client.is_closed().await);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
}

#[tokio::test]
async fn a_half_close_with_a_call_that_hangs_ends_after_its_grace() {
    let mut settings = Settings::default();
    settings.sessions.half_close_grace = Duration::from_millis(300);
    let place = Place::with(settings);
    let mut client = place.connect();
    client.initialize().await;
    client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    client.write.shutdown().await.unwrap();
    let began = Instant::now();
    assert!(client.is_closed().await);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
    assert!(began.elapsed() >= Duration::from_millis(250), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stop_answers_what_runs() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    let id = client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    while place.sessions() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    place.shared.stop.cancel();
    let answer = client.line().await;
    assert_eq!(answer["id"], json!(id));
    assert!(
        answer["result"]["content"][0]["text"].as_str().unwrap().starts_with("### Error\nError: Ebb is stopping\n"),
        "{answer}"
    );
    assert!(client.is_closed().await);
    place.emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_read_holds_up_nothing() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    // Some hundred answers of up to 30 KB, unread: far more than the socket takes.
    for _ in 0..500 {
        client.id += 1;
        let call = json!({"name": "browser_test_lines", "arguments": {"count": 3_000}});
        let line =
            json!({"jsonrpc": "2.0", "id": client.id, "method": "tools/call", "params": call}).to_string() + "\n";
        if timeout(Duration::from_millis(200), client.write.write_all(line.as_bytes())).await.is_err() {
            break;
        }
    }
    let session = place.bench.host.manager.list()[0].id.clone();
    let began = Instant::now();
    timeout(SOON, place.bench.host.manager.remove_session(&session, Reason::IdleTimeout)).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    let mut other = place.connect();
    other.initialize().await;
    assert!(other.tool("browser_test_lines", json!({"count": 1})).await.starts_with("### Result"));
    drop(other);
    drop(client);
    place.emptied().await;
}

#[tokio::test]
async fn many_clients_that_go_at_once_leave_nothing() {
    let mut settings = Settings::default();
    settings.sessions.max_sessions_per_process = 64;
    let place = Place::with(settings);
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = place.connect();
        client.initialize().await;
        client.tool("browser_test_lines", json!({"count": 3_000})).await;
        client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
        clients.push(client);
    }
    assert_eq!(place.sessions(), 40);
    drop(clients);
    place.emptied().await;
    let reports = place.bench.history.records().closed;
    assert_eq!(reports.len(), 40);
    assert!(reports.iter().all(|report| report.freed.cursors == 1));
    assert_eq!(place.bench.host.cursors.store().usage_now(None).count, 0);
}
