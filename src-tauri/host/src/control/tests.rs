//! The control socket from both of its ends, and what commands do.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use ebb_core::{
    Code,
    cleanup::{AskedBy, Reason},
};
use futures::StreamExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

use super::{
    Answer, Command, HistoryQuery, Numbered, Reply, UiEvent, client::Client, socket::ControlSocket, testing::Bench,
};
use crate::{paths::HostLock, transport::unix::Listener};

const SOON: Duration = Duration::from_secs(5);

struct Place {
    bench: Bench,
    server: ControlSocket,
    path: PathBuf,
    _lock: HostLock,
    _folder: tempfile::TempDir,
}

impl Place {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lock = HostLock::acquire(&folder.path().join("host.lock")).unwrap();
        let path = folder.path().join("control.sock");
        let listener = Listener::bind(&path, &lock).unwrap();
        let bench = Bench::new();
        let server = ControlSocket::start(listener, bench.control.clone());
        Self { bench, server, path, _lock: lock, _folder: folder }
    }

    async fn raw(&self) -> BufReader<UnixStream> {
        BufReader::new(UnixStream::connect(&self.path).await.unwrap())
    }
}

async fn line(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    timeout(SOON, stream.read_line(&mut line)).await.unwrap().unwrap();
    line
}

fn end(session: &str) -> Command {
    Command::EndSession { session: session.to_owned(), by: AskedBy::Cli }
}

#[tokio::test]
async fn commands_are_answered_and_the_socket_is_ours_alone() {
    let place = Place::start();
    assert_eq!(std::fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o600);
    let client = Client::connect(&place.path).await.unwrap();
    let session = place.bench.open("mine");
    let Ok(Reply::Snapshot(snapshot)) = client.call(Command::Snapshot).await else { panic!("no snapshot") };
    assert_eq!((snapshot.sessions.len(), snapshot.clients.len(), snapshot.memory.held.len()), (1, 1, 1));
    let prefix = session.as_str()[..10].to_owned();
    let Ok(Reply::Session(detail)) = client.call(Command::Session { session: prefix }).await else {
        panic!("no session")
    };
    assert_eq!(detail.session.id, session);

    let Ok(Reply::Report(report)) = client.call(end("mine")).await else { panic!("no report") };
    assert_eq!(report.reason, Reason::Manual(AskedBy::Cli));
    let again = client.call(end(session.as_str())).await;
    assert_eq!(again, Ok(Reply::Report(report.clone())), "asked twice, both get the one report");
    assert_eq!(client.call(end("mine")).await.unwrap_err().code, Code::SessionUnknown);
    let asked = Command::Report { report: report.id.to_string() };
    assert_eq!(client.call(asked).await, Ok(Reply::Report(report.clone())));
    let missing = client.call(Command::Report { report: "rep_none".to_owned() }).await.unwrap_err();
    assert_eq!(missing.code, Code::SessionUnknown);
    let query = HistoryQuery::default();
    let Ok(Reply::History(page)) = client.call(Command::History { query }).await else { panic!("no history") };
    assert_eq!((page.reports.as_slice(), page.totals.count), (&[*report][..], 1));

    assert_eq!(client.call(Command::ClearHistory).await, Ok(Reply::Done(1)));
    let Ok(Reply::Snapshot(snapshot)) = client.call(Command::Snapshot).await else { panic!("no snapshot") };
    assert!(snapshot.recent.is_empty());
    let other = place.bench.open("other");
    let close = |tab| Command::CloseTab { session: other.to_string(), tab };
    assert_eq!(client.call(close(1)).await, Ok(Reply::Done(1)));
    assert_eq!(client.call(close(9)).await.unwrap_err().code, Code::TargetUnknown);
    assert!(client.call(end("other")).await.is_ok());

    assert_eq!(client.call(Command::Accept { accepting: false }).await, Ok(Reply::Done(1)));
    assert_eq!(client.call(Command::Accept { accepting: false }).await, Ok(Reply::Done(0)));
    assert!(!place.bench.manager.is_accepting());
    assert_eq!(client.call(Command::RetryLeftovers).await, Ok(Reply::Done(0)));
    let route = Some("#/history".to_owned());
    assert_eq!(client.call(Command::ShowWindow { route: route.clone() }).await, Ok(Reply::Done(1)));
    assert_eq!(*place.bench.asked.route.lock(), route);
    let route = Some("https://evil.example".to_owned());
    assert_eq!(client.call(Command::ShowWindow { route }).await.unwrap_err().code, Code::InvalidArguments);
    assert_eq!(client.call(Command::Quit { by: AskedBy::Cli }).await, Ok(Reply::Done(0)));
    assert_eq!(*place.bench.asked.quit.lock(), Some(AskedBy::Cli));
    assert_eq!(client.call(end(&"x".repeat(300))).await.unwrap_err().code, Code::InvalidArguments);
}

#[tokio::test]
async fn a_subscription_shows_a_session_from_its_opening_to_its_report() {
    let place = Place::start();
    let client = Client::connect(&place.path).await.unwrap();
    let (snapshot, mut events) = client.subscribe().await.unwrap();
    assert!(snapshot.sessions.is_empty());
    drop(client);
    let session = place.bench.open("mine");
    let other = Client::connect(&place.path).await.unwrap();
    assert!(other.call(end("mine")).await.is_ok());
    place.bench.control.announce_memory();
    let (mut last, mut opened, mut steps, mut memory) = (snapshot.seq, false, 0, false);
    let mut removed = None;
    while removed.is_none() || !memory {
        let Numbered { seq, event } = timeout(SOON, events.next()).await.unwrap().unwrap();
        assert_eq!(seq, last + 1, "no gap");
        last = seq;
        match event {
            UiEvent::Session(view) => {
                assert!(removed.is_none(), "nothing after the report");
                opened = true;
                steps = steps.max(view.steps.len());
            }
            UiEvent::Removed(report) => removed = Some(report),
            UiEvent::Memory(history) => memory = history.step_s == 10,
            _ => {}
        }
    }
    assert!(opened);
    assert_eq!(removed.map(|report| report.session), Some(session));
    assert!((1..=4).contains(&steps), "{steps}");
    place.server.stop().await;
    assert!(timeout(SOON, events.collect::<Vec<_>>()).await.is_ok(), "the stream ends with the host");
}

#[tokio::test]
async fn a_second_subscription_replaces_the_first_and_calls_go_on_beside_it() {
    let place = Place::start();
    let client = Client::connect(&place.path).await.unwrap();
    let (_, first) = client.subscribe().await.unwrap();
    let (snapshot, mut second) = client.subscribe().await.unwrap();
    place.bench.open("mine");
    let event = timeout(SOON, second.next()).await.unwrap().unwrap();
    assert_eq!(event.seq, snapshot.seq + 1);
    assert!(timeout(SOON, first.collect::<Vec<_>>()).await.unwrap().is_empty());
    assert!(client.call(Command::Snapshot).await.is_ok());
}

#[tokio::test]
async fn noise_is_answered_and_other_versions_are_told_to_restart() {
    let place = Place::start();
    let mut stream = place.raw().await;
    stream.write_all(b"\n  \nhello\n{\"v\":2,\"id\":5,\"command\":{}}\n{\"v\":1,\"id\":6,\"command\":{\"command\":\"dance\"}}\n\xff\xfe\n").await.unwrap();
    for (id, part) in [(0, "this is no command"), (5, "version 2"), (6, "dance"), (0, "this is no command")] {
        let text = line(&mut stream).await;
        let Ok(Answer::Error { id: found, error }) = serde_json::from_str(&text) else { panic!("{text}") };
        assert_eq!(found, id, "{text}");
        assert!(error.message.contains(part) && error.next.is_some(), "{text}");
    }
    stream.write_all(b"{\"v\":1,\"id\":8,\"command\":{\"command\":\"snapshot\"}}\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(
        line(&mut stream).await.starts_with("{\"id\":8,\"reply\":{\"reply\":\"snapshot\""),
        "answered after a half-close"
    );
    assert_eq!(line(&mut stream).await, "", "then it ends");
}

#[tokio::test]
async fn a_line_without_end_is_cut_and_others_go_on() {
    let place = Place::start();
    let mut stream = place.raw().await;
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..64 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut rest = Vec::new();
    // The host may have closed with bytes of ours unread; then there is no answer to read.
    drop(timeout(SOON, stream.read_to_end(&mut rest)).await.unwrap());
    let client = Client::connect(&place.path).await.unwrap();
    assert!(client.call(Command::Snapshot).await.is_ok());
}

#[tokio::test]
async fn there_are_64_connections_and_the_next_is_told() {
    let place = Place::start();
    let mut held = Vec::new();
    for _ in 0..64 {
        let client = Client::connect(&place.path).await.unwrap();
        assert!(client.call(Command::Snapshot).await.is_ok());
        held.push(client);
    }
    let refused = Client::connect(&place.path).await.unwrap();
    let error = refused.call(Command::Snapshot).await.unwrap_err();
    assert!(matches!(error.code, Code::LimitReached | Code::ShuttingDown), "{error:?}");
    held.clear();
    let again = async {
        loop {
            let client = Client::connect(&place.path).await.unwrap();
            if client.call(Command::Snapshot).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(SOON, again).await.is_ok(), "slots come back");
}

#[tokio::test]
async fn a_watcher_that_does_not_read_delays_nobody() {
    let place = Place::start();
    let mut lazy = place.raw().await;
    lazy.write_all(b"{\"v\":1,\"id\":1,\"command\":{\"command\":\"subscribe\"}}\n").await.unwrap();
    let client = Client::connect(&place.path).await.unwrap();
    for _ in 0..2_000 {
        place.bench.control.announce_memory();
    }
    assert!(timeout(SOON, client.call(Command::Snapshot)).await.is_ok_and(|reply| reply.is_ok()));
}

#[tokio::test]
async fn without_a_host_the_error_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = Client::connect(&folder.path().join("control.sock")).await.unwrap_err();
    assert!(error.message.contains("not running") && error.next.is_some());
    let place = Place::start();
    let client = Client::connect(&place.path).await.unwrap();
    let path = place.path.clone();
    place.server.stop().await;
    let error = client.call(Command::Snapshot).await.unwrap_err();
    assert_eq!(error.code, Code::ShuttingDown);
    assert!(client.is_closed());
    assert!(Client::connect(&path).await.is_err());
}

#[test]
fn every_line_reads_back_as_it_was_written() {
    let report = crate::history::tests::report("Cursor");
    for event in [
        UiEvent::Lagged,
        UiEvent::HistoryCleared,
        UiEvent::Removed(Box::new(report)),
        UiEvent::Session(Box::new(super::testing::session_view(&ebb_core::ids::SessionId::new()))),
        UiEvent::Host(Box::new(super::testing::host_view())),
        UiEvent::Leftover(Box::new(super::testing::leftover())),
    ] {
        let answer = Answer::Event(Numbered { seq: 7, event });
        let text = serde_json::to_string(&answer).unwrap();
        assert!(text.starts_with(r#"{"seq":7,"event":""#), "{text}");
        assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
    }
}
