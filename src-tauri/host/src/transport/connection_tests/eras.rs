//! What a client asks and is answered, in both eras.

use std::time::Duration;

use ebb_core::{cleanup::Reason, settings::Settings};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::world::*;

#[tokio::test]
async fn a_client_with_a_handshake_is_served() {
    let place = Place::new();
    let mut client = place.connect();
    let hello = client.initialize().await;
    let info = &hello["result"]["serverInfo"];
    assert_eq!((&info["name"], &info["title"]), (&json!("ebb"), &json!("Ebb")));
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25");
    assert!(hello["result"]["capabilities"].get("prompts").is_none());
    let known = place.bench.host.manager.clients();
    assert_eq!((known[0].name.as_str(), known[0].version.as_deref()), ("A fake client", Some("7")));
    assert_eq!(known[0].protocol.as_deref(), Some("2025-11-25"));

    let list = client.ask("tools/list", json!({})).await;
    let names: Vec<&str> =
        list["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"cursor_read") && names.contains(&"session_open"), "{names:?}");
    assert_eq!(place.sessions(), 0, "a session is made by the first call that needs one");

    let opened = client.tool("session_open", json!({"name": "a"})).await;
    assert!(opened.contains(" opened (name: a)\n### Next\n"), "{opened}");
    assert!(client.tool("session_list", json!({})).await.contains(" (a) 0 tabs"));
    assert!(client.tool("session_close", json!({"session": "a"})).await.contains("state done"));
    assert_eq!(client.tool("session_list", json!({})).await, "### Result\nNo sessions");
    drop(client);
    place.emptied().await;
}

/// Asked once, at the first call, and only a client that has some; the call that needs them waits.
#[tokio::test]
async fn a_client_is_asked_for_its_roots_once() {
    let place = Place::new();
    let project = tempfile::tempdir().unwrap();
    let real = project.path().canonicalize().unwrap();
    let roots = json!([{"uri": "https://no.folder/"}, {"uri": format!("file://{}", project.path().display())}]);
    let hello = |capabilities: Value| {
        json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
               "clientInfo": {"name": "rooted", "version": "1"}})
    };
    let mut client = place.connect();
    client.ask("initialize", hello(json!({"roots": {}}))).await;
    client.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    let call = client.begin("tools/call", json!({"name": "browser_test_roots", "arguments": {}})).await;
    let question = client.line().await;
    assert_eq!(question["method"], "roots/list", "{question}");
    client.send(json!({"jsonrpc": "2.0", "id": question["id"], "result": {"roots": roots}})).await;
    let answer = client.line().await;
    assert_eq!(answer["id"], json!(call), "{answer}");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    let allowed = format!("Allowed roots: {0}/.ebb, {0}\n", real.display());
    assert!(text.contains(&allowed), "{text} instead of {allowed}");
    assert!(client.tool("browser_test_roots", json!({})).await.contains(&allowed), "and never again");
    drop(client);
    place.emptied().await;

    // One that has none, and one that says nothing.
    let mut plain = place.connect();
    plain.initialize().await;
    assert!(plain.tool("browser_test_roots", json!({})).await.contains("outside allowed roots"));
    let mut silent = place.connect();
    silent.ask("initialize", hello(json!({"roots": {"listChanged": true}}))).await;
    silent.begin("tools/call", json!({"name": "browser_test_lines", "arguments": {"count": 1}})).await;
    let lines = [silent.line().await, silent.line().await];
    assert!(lines.iter().any(|line| line["method"] == "roots/list"), "{lines:?}");
    assert!(lines.iter().any(|line| line["result"].is_object()), "a call that needs no files waits for nothing");
}

#[tokio::test]
async fn a_stateless_client_over_a_stream_is_the_streams_client() {
    let place = Place::new();
    let mut client = place.connect();
    let found = client.ask("server/discover", modern(json!({}))).await;
    assert!(found["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{found}");
    let list = client.ask("tools/list", modern(json!({}))).await;
    assert!(list["result"]["ttlMs"].as_u64().unwrap() > 0, "{}", list["result"]["ttlMs"]);
    let call = modern(json!({"name": "browser_test_lines", "arguments": {"count": 1}}));
    let answer = client.ask("tools/call", call.clone()).await;
    assert_eq!(answer["result"]["content"][0]["text"], "### Result\nTotal: many\n\nitem 1 of many");
    assert_eq!(answer["result"]["resultType"], "complete");
    client.ask("tools/call", call).await;
    assert_eq!(place.sessions(), 1, "the second call is the same client's");
    let known = place.bench.host.manager.clients();
    assert_eq!((known[0].name.as_str(), known[0].protocol.as_deref()), ("stateless", Some("2026-07-28")));
    drop(client);
    assert_eq!(place.emptied().await, Some(Reason::Disconnected));
}

#[tokio::test]
async fn unknown_methods_and_wrong_params_are_errors_of_the_protocol() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    for (method, params, code) in [
        ("prompts/list", json!({}), -32601),
        ("prompts/get", json!({"name": "x"}), -32601),
        ("no/such", json!({}), -32601),
        ("tools/call", json!({"name": 7}), -32602),
        ("tools/call", json!({"name": "browser_test_lines", "arguments": []}), -32602),
        ("resources/read", json!({"uri": "file:///etc/passwd"}), -32002),
    ] {
        let answer = client.ask(method, params).await;
        assert_eq!(answer["error"]["code"], json!(code), "{method}: {answer}");
    }
    client.write.write_all(b"half json {\n").await.unwrap();
    assert_eq!(client.line().await["error"]["code"], -32700);
    let lone = "{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"tools/call\",\"params\":{\"name\":\"browser_test_lines\",\"arguments\":{\"count\":\"\\ud800\"}}}\n";
    client.write.write_all(lone.as_bytes()).await.unwrap();
    let answer = client.line().await;
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(77), &json!(true)), "{answer}");
    assert!(!client.tool("session_list", json!({})).await.is_empty());
}

#[tokio::test]
async fn cursors_are_resources_of_their_owner() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    client.tool("browser_test_lines", json!({"count": 20_000})).await;
    let list = client.ask("resources/list", json!({})).await;
    let uri = list["result"]["resources"][0]["uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with("ebb://cursor/cur_"));
    let read = client.ask("resources/read", json!({"uri": uri})).await;
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().starts_with("item 1 of many\n"), "{read}");
    let read = client.ask("resources/read", json!({"uri": format!("{uri}?offset=19990")})).await;
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().starts_with("item 19990 of many\n"));
    let mut stranger = place.connect();
    stranger.initialize().await;
    assert_eq!(stranger.ask("resources/list", json!({})).await["result"]["resources"], json!([]));
    assert_eq!(stranger.ask("resources/read", json!({"uri": uri})).await["error"]["code"], -32002);
}

#[tokio::test]
async fn silence_noise_and_half_lines_are_no_clients() {
    let mut settings = Settings::default();
    settings.sessions.silent_connection = Duration::from_millis(150);
    let place = Place::with(settings);
    let mut silent = place.connect();
    let mut noisy = place.connect();
    noisy.write.write_all(b"GET / HTTP/1.1\n").await.unwrap();
    let mut half = place.connect();
    half.write.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"").await.unwrap();
    drop(half);
    assert!(place.bench.host.manager.clients().is_empty());
    assert!(silent.is_closed().await);
    assert!(noisy.is_closed().await);
    place.emptied().await;
    assert!(place.bench.history.records().opened.is_empty());

    let mut probe = place.connect();
    assert_eq!(probe.ask("ping", json!({})).await["result"], json!({}));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(place.bench.host.manager.clients().len(), 1, "who has spoken may be silent");
    drop(probe);
    place.emptied().await;
}

#[tokio::test]
async fn a_cancelled_call_stops_and_the_session_stays() {
    let place = Place::new();
    let mut client = place.connect();
    client.initialize().await;
    let id = client.begin("tools/call", json!({"name": "browser_test_wait", "arguments": {}})).await;
    while place.sessions() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    client.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id, "reason": "enough"}})).await;
    // The session's turn is free again: a call that would have waited is answered.
    assert!(client.tool("browser_test_lines", json!({"count": 1})).await.starts_with("### Result"));
    assert_eq!(place.sessions(), 1);
}

#[tokio::test]
async fn a_client_too_many_is_told_why() {
    let mut settings = Settings::default();
    settings.sessions.max_clients = 1;
    let place = Place::with(settings);
    let mut first = place.connect();
    first.initialize().await;
    let mut second = place.connect();
    let refused = second.initialize_refused().await;
    assert_eq!(refused["error"]["code"], -32000);
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("Too many clients (1)"), "{refused}");
    assert!(second.is_closed().await);
    drop(first);
    place.emptied().await;
    assert!(place.connect().initialize().await.get("result").is_some());
}

#[tokio::test]
async fn a_hello_is_no_message_and_is_not_seen_by_mcp() {
    let place = Place::new();
    let mut client = place.connect();
    let hello = crate::transport::hello::Hello { version: "1".to_owned(), ..Default::default() };
    client.write.write_all(&hello.to_line()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(place.bench.host.manager.clients().is_empty());
    assert!(client.initialize().await.get("result").is_some());
}
