//! Ids across starts, on files of every kind.

use std::os::unix::fs::PermissionsExt as _;

use rmcp::model::InitializeRequestParams;

use super::*;

fn state(name: &str) -> SessionState {
    let params: InitializeRequestParams = serde_json::from_value(serde_json::json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": name, "version": "1"}}))
    .unwrap();
    SessionState::new(params)
}

async fn open(path: &std::path::Path) -> Arc<Revivals> {
    Revivals::open(Some(path.to_owned()), Box::new(|_| Box::pin(std::future::ready(Some(Reason::Shutdown))))).await
}

fn name(revivals: &Revivals, principal: &Principal, id: &str) -> Option<String> {
    revivals.state(principal, id).map(|state| state.initialize_params.client_info.name)
}

#[tokio::test]
async fn ids_outlive_a_start_and_goodbyes_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http-sessions.db");
    let (user, token) = (Principal::user(), Principal::token("t"));
    let revivals = open(&path).await;
    assert!(!path.exists(), "no client, no file");
    revivals.put(&user, "a", &state("one")).await;
    revivals.put(&token, "b", &state("two")).await;
    revivals.put(&user, "c", &state("three")).await;
    let session = SessionId::new();
    revivals.note("a", Some(&session));
    revivals.forget("c");
    revivals.stop().await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains("\"t\""));

    let revivals = open(&path).await;
    assert_eq!(name(&revivals, &user, "a").as_deref(), Some("one"));
    assert_eq!(name(&revivals, &token, "b").as_deref(), Some("two"));
    assert_eq!(revivals.lost(&user, "a").await, Some((session, Reason::Shutdown)));
    assert_eq!(revivals.lost(&token, "b").await, None);
    for (principal, id) in [(&user, "c"), (&user, "b"), (&token, "a"), (&Principal::token("u"), "b")] {
        assert!(!revivals.knows(principal, id), "{id}");
    }
    // What was said again changes nothing, and the session stays known.
    revivals.put(&user, "a", &state("one")).await;
    assert!(revivals.lost(&user, "a").await.is_some());
    revivals.note("a", None);
    revivals.stop().await;
    assert!(open(&path).await.lost(&user, "a").await.is_none());
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_and_the_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http-sessions.db");
    for bytes in [&b""[..], b"no database at all", &[0; 8192]] {
        std::fs::write(&path, bytes).unwrap();
        let revivals = open(&path).await;
        let user = Principal::user();
        revivals.put(&user, "a", &state("one")).await;
        assert!(revivals.knows(&user, "a"));
        revivals.stop().await;
        assert!(open(&path).await.knows(&user, "a"), "{} bytes", bytes.len());
    }
    let aside = std::fs::read_dir(folder.path()).unwrap().flatten();
    let aside = aside.filter(|entry| entry.file_name().to_string_lossy().contains(".corrupt-")).count();
    assert!(aside >= 3, "{aside}");
}

#[tokio::test]
async fn where_nothing_can_be_written_ids_live_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody can make a file below a file, root neither.
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let path = file.join("http-sessions.db");
    let revivals = open(&path).await;
    let user = Principal::user();
    let began = std::time::Instant::now();
    for n in 0..20 {
        revivals.put(&user, &n.to_string(), &state("one")).await;
    }
    assert!(began.elapsed() < WRITE * 3, "{:?}", began.elapsed());
    assert!(revivals.knows(&user, "7"));
    revivals.forget("7");
    assert!(!revivals.knows(&user, "7"));
    let began = std::time::Instant::now();
    revivals.stop().await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_goodbye_that_cannot_be_written_takes_the_file_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http-sessions.db");
    let user = Principal::user();
    let revivals = open(&path).await;
    revivals.put(&user, "a", &state("one")).await;
    revivals.stop().await;
    let revivals = open(&path).await;
    // Another program holds the file for longer than anybody waits.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    revivals.forget("a");
    revivals.stop().await;
    drop(other);
    assert!(!open(&path).await.knows(&user, "a"));
}
