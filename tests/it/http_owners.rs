//! Who owns a session over HTTP: processes that share an id, handles that are shared or kept, and what each is
//! told after an end.

use std::time::Duration;

use ebb_core::cleanup::AskedBy;
use serde_json::{Value, json};
use support::{Agent, AgentOptions, Calls, HostArgs, Lost, Scene, Via, hello_messages, http, ms, wait_for, within};

use crate::web::{Legacy, bearer, ended, modern, modern_call};

fn scene() -> Scene {
    Scene::with(HostArgs { http: true, ..HostArgs::default() })
}

/// Decisions 12c: any process with the token that uses an id becomes an owner of what it has, and the session
/// goes with the last of them.
#[test]
fn a_second_process_with_the_id_becomes_an_owner() {
    let mut scene = scene();
    let mut first = scene.agent(Via::Quiet, "shared");
    let id = first.session().expect("it has an id").to_owned();
    first.evaluate("() => { window.mark = 'mine'; return 1; }");
    let session = scene.control.session_of("shared");
    let options = AgentOptions {
        http: Some((scene.host.http(), scene.host.token())),
        words: vec!["--session".into(), id],
        ..AgentOptions::default()
    };
    let mut second = Agent::spawn(scene.host.place(), &scene.host.socket(), Via::Quiet, "shared", &options);
    assert_eq!(second.evaluate("() => window.mark"), "\"mine\"");
    first.kill();
    support::holds_for("the second keeps it", Duration::from_secs(2), || {
        scene.control.session(&session).map(drop).map_err(|error| error.to_string())
    });
    assert_eq!(second.evaluate("() => window.mark"), "\"mine\"");
    let began = second.kill();
    scene.gone(&Lost {
        what: "the last owner killed",
        began,
        limit: ms(1_000),
        sessions: &[session],
        reason: "client_died",
        by: None,
    });
}

/// Handles over stateless HTTP: a stranger is told nothing, one that was shared joins, and what is kept for a
/// time outlives its client.
#[test]
fn handles_are_shared_and_kept_over_http() {
    let scene = Scene::with(HostArgs { http: true, idle: Some(6), ..HostArgs::default() });
    let mut owner = scene.agent(Via::Modern, "owner");
    let open = |agent: &mut Agent, arguments: Value| {
        let opened = agent.ok("session_open", arguments);
        opened.meta["session"].as_str().unwrap().to_owned()
    };
    let own = open(&mut owner, json!({}));
    let shared = open(&mut owner, json!({"share": true}));
    let kept = open(&mut owner, json!({"keep": "ttl"}));
    for session in [&own, &shared, &kept] {
        owner.ok(
            "browser_evaluate",
            json!({"function": "() => { window.mark = 'mine'; return 1; }", "session": session}),
        );
    }
    let mark = |agent: &mut Agent, session: &str| {
        agent.call("browser_evaluate", json!({"function": "() => window.mark", "session": session}))
    };
    let mut other = scene.agent(Via::Modern, "other");
    assert_eq!(mark(&mut other, &own).err().code(), "session_unknown");
    for session in [&shared, &kept] {
        assert_eq!(mark(&mut other, session).ok().must("Result"), "\"mine\"");
    }
    // Legacy clients join as well.
    let legacy = Legacy::begin(&scene.host, "legacy");
    let (_, joined) = legacy.call("browser_evaluate", &json!({"function": "() => window.mark", "session": shared}));
    assert_eq!(joined.must("Result"), "\"mine\"");
    assert_eq!(legacy.call("browser_snapshot", &json!({"session": own})).1.code(), "session_unknown");
    assert_eq!(legacy.ask("DELETE", None).status, 204);

    let began = owner.kill();
    within("what only it owned goes", began, ms(1_000), || match scene.control.session(&own) {
        Err(_) => Ok(()),
        Ok(view) => Err(format!("{:?}", view.session.state)),
    });
    assert_eq!(mark(&mut other, &shared).ok().must("Result"), "\"mine\"", "it has an owner left");
    let began = other.kill();
    within("the last owner is gone", began, ms(1_000), || match scene.control.session(&shared) {
        Err(_) => Ok(()),
        Ok(view) => Err(format!("{:?}", view.session.state)),
    });
    assert_eq!(mark(&mut scene.agent(Via::Modern, "later"), &kept).ok().must("Result"), "\"mine\"", "it outlives them");
    ended(&scene.host, &kept);
    assert_eq!(scene.control.reports_of(&kept)[0].reason.key(), "idle_timeout");
}

/// F16 with handles: one that ended answers when and why, to its owner only.
#[test]
fn f16_ended_handles() {
    let scene = scene();
    let mut owner = scene.agent(Via::Modern, "owner");
    let handle = owner.ok("session_open", json!({})).meta["session"].as_str().unwrap().to_owned();
    owner.ok("browser_navigate", json!({"url": scene.site.url("/ok"), "session": handle}));
    scene.control.end(&handle, AskedBy::Cli).unwrap();
    for _ in 0..2 {
        let told = owner.call("browser_snapshot", json!({"session": handle})).err();
        assert_eq!(told.code(), "session_ended");
        assert!(told.text.contains(&format!("Session {handle} ended ")), "{}", told.text);
        assert!(told.text.contains("ended by ebb end"), "{}", told.text);
    }
    let stranger = modern_call(&scene.host, "browser_snapshot", &json!({"session": handle})).err();
    let unknown = json!({"session": "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa"});
    let unknown = modern_call(&scene.host, "browser_snapshot", &unknown).err();
    assert_eq!((stranger.text, stranger.meta), (unknown.text, unknown.meta));
}

/// F67: an id of one principal is nothing to another: what has the token, and who comes to the local socket.
#[test]
fn f67_an_id_of_another_principal() {
    let scene = scene();
    let legacy = Legacy::begin(&scene.host, "legacy");
    assert!(!legacy.call("browser_navigate", &json!({"url": scene.site.url("/ok")})).1.is_error);
    let socket = scene.host.path().join("run/e.http.sock");
    for method in ["POST", "GET", "DELETE"] {
        let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let body = (method == "POST").then_some(&list);
        let status = http::over_socket(&socket, method, &[("Mcp-Session-Id", &legacy.id)], body).unwrap().status;
        assert_eq!(status, 404, "{method}");
    }
    assert!(!legacy.call("browser_snapshot", &json!({})).1.is_error, "and it was not harmed");
}

/// Sessions of one process count together however it comes: over the socket, with an id and without.
#[test]
fn f51_sessions_of_one_process_over_all_transports() {
    let scene = Scene::with(HostArgs { http: true, ..HostArgs::default() });
    // The bystander is this process too, and has one.
    let mut sessions = Vec::new();
    let legacy = Legacy::begin(&scene.host, "legacy");
    let mut socket = scene.host.client("socket");
    for n in 0..15 {
        let answer = match n % 3 {
            0 => legacy.call("session_open", &json!({})).1,
            1 => socket.call("session_open", json!({})),
            _ => modern_call(&scene.host, "session_open", &json!({})),
        };
        sessions.push(answer.ok().meta["session"].as_str().unwrap().to_owned());
    }
    let refusals = [
        legacy.call("session_open", &json!({})).1,
        socket.call("session_open", json!({})),
        modern_call(&scene.host, "session_open", &json!({})),
        modern_call(&scene.host, "browser_navigate", &json!({"url": "about:blank"})),
    ];
    for refused in refusals {
        assert_eq!(refused.clone().err().code(), "limit_reached");
        assert!(refused.text.contains("(16)") && refused.text.contains("session_close"), "{}", refused.text);
    }
    assert!(!legacy.call("session_close", &json!({"session": sessions[0]})).1.is_error);
    let again = modern_call(&scene.host, "session_open", &json!({}));
    assert!(!again.is_error, "{}", again.text);
}

/// Connected clients of one process have a limit over HTTP as well: 503 with the way out, and a goodbye makes
/// room. Stateless requests need no place of their own.
#[test]
fn f51_clients_of_one_process_over_http() {
    let scene = scene();
    let mut clients = Vec::new();
    let refused = loop {
        match Legacy::try_begin(&scene.host, "many") {
            Ok(client) => clients.push(client),
            Err(refused) => break refused,
        }
        assert!(clients.len() <= 64);
    };
    // The bystander is this process too.
    assert_eq!(clients.len(), 63);
    assert_eq!(refused.0, 503);
    assert!(refused.1.contains("Too many connections of one process (64)"), "{}", refused.1);
    assert!(refused.1.contains("close a connection"), "{}", refused.1);
    let answer = http::request(
        scene.host.http(),
        "POST",
        &[("Authorization", &bearer(&scene.host))],
        Some(&hello_messages("one more")[0]),
    );
    assert!(answer.unwrap().header("retry-after").is_some(), "when to come again");
    assert_eq!(modern(&scene.host, "tools/list", &json!({})).0, 200);
    assert_eq!(clients.pop().unwrap().ask("DELETE", None).status, 204);
    clients.push(Legacy::begin(&scene.host, "next"));
    // Another process has its own places.
    let mut agent = scene.agent(Via::Quiet, "another");
    agent.open("about:blank");
    for client in &clients {
        assert_eq!(client.ask("DELETE", None).status, 204);
    }
    wait_for("all are gone", Duration::from_secs(5), || match scene.control.snapshot().clients.len() {
        2 => Ok(()),
        seen => Err(format!("{seen} clients")),
    });
}
