//! Capabilities that a client over HTTP asks for in the address: the list of tools depends on it and on nothing else.

use serde_json::{Value, json};
use support::{HostArgs, TestHost, call_message, hello_messages, http, modern_headers, modern_message};

use crate::web::bearer;

const MOUSE: &str = "browser_mouse_click_xy";
const PDF: &str = "browser_pdf_save";
const OPEN: &str = "session_open";

/// One message to one address; the status, and what came back.
fn post(host: &TestHost, target: &str, id: Option<&str>, message: &Value) -> (u16, Option<String>, Vec<Value>) {
    let mut headers = vec![("Authorization", bearer(host))];
    match id {
        Some(id) => headers.push(("Mcp-Session-Id", id.to_owned())),
        None if message["method"] != "initialize" => headers.extend(modern_headers(message)),
        None => {}
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = http::request_at(host.http(), "POST", target, &headers, Some(message)).unwrap();
    let (status, id) = (answer.status, answer.header("mcp-session-id").map(str::to_owned));
    let mut messages = Vec::new();
    answer.messages(|message| messages.push(message));
    (status, id, messages)
}

/// Which of these tools are listed there.
fn listed(host: &TestHost, target: &str, id: Option<&str>) -> [bool; 3] {
    let list = match id {
        Some(_) => json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}),
        None => modern_message(2, "tools/list", &json!({}), "modern"),
    };
    let (status, _, messages) = post(host, target, id, &list);
    assert_eq!(status, 200, "{target}: {messages:?}");
    let answer = messages.iter().find(|message| message["id"] == 2).expect("an answer");
    let tools = answer["result"]["tools"].as_array().expect("tools");
    [MOUSE, PDF, OPEN].map(|name| tools.iter().any(|tool| tool["name"] == name))
}

#[test]
fn an_address_asks_for_capabilities_in_both_eras() {
    let host = TestHost::with(HostArgs { http: true, ..HostArgs::default() });
    let addresses = [
        ("/mcp", [false, false, true]),
        ("/mcp?caps=", [false, false, true]),
        ("/mcp?caps=vision", [true, false, true]),
        ("/mcp?other=1&caps=vision%2Cpdf&caps=-sessions", [true, true, false]),
        ("/mcp?caps=all", [true, true, true]),
    ];
    for (target, expected) in addresses {
        // One process is many clients here: each address has what it asks for.
        assert_eq!(listed(&host, target, None), expected, "{target}, modern");
        let (status, id, _) = post(&host, target, None, &hello_messages("legacy")[0]);
        assert_eq!(status, 200, "{target}");
        let id = id.expect("an id");
        assert_eq!(post(&host, target, Some(&id), &hello_messages("legacy")[1]).0, 202);
        assert_eq!(listed(&host, target, Some(&id)), expected, "{target}, legacy");
        let (_, _, messages) = post(&host, target, Some(&id), &call_message(3, MOUSE, &json!({"x": -1})));
        let answer = support::Answer::of(messages.iter().find(|message| message["id"] == 3).expect("an answer"));
        assert!(answer.is_error);
        assert_eq!(answer.code() == "tool_unknown", !expected[0], "{target}: {}", answer.text);
        // A call changes nothing.
        assert_eq!(listed(&host, target, Some(&id)), expected, "{target}, after a call");
    }
    for message in [&hello_messages("x")[0], &modern_message(9, "tools/list", &json!({}), "x")] {
        let (status, _, messages) = post(&host, "/mcp?caps=vision,coffee%0A", None, message);
        let said = messages[0]["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{messages:?}");
        assert!(said.contains("No capability is called \"coffee\"") && said.contains("known are read, "), "{said}");
    }
}
