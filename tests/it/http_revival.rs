//! F16 over restarts: an `Mcp-Session-Id` is good for as long as its client lives, and the client is told once
//! what it lost.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use ebb_core::cleanup::AskedBy;
use serde_json::json;
use support::{Calls, HostArgs, Rows, Site, TestHost, Via, wait_for};

use crate::web::{Legacy, free_address};

/// A host that is at the same address after each start.
fn host() -> TestHost {
    TestHost::with(HostArgs { http_at: Some(free_address()), ..HostArgs::default() })
}

/// Three hosts in a row: one is killed, one quits in order. Who had a session is told once which of the two
/// it was; who had none is told nothing; who said goodbye does not come back.
#[test]
fn f16_ids_outlive_the_host() {
    let (mut host, site) = (host(), Site::start());
    let url = json!({"url": site.url("/ok")});
    let mut stream = host.agent(Via::Stream, "streamer");
    let mut quiet = host.agent(Via::Quiet, "quiet");
    let mut idler = host.agent(Via::Quiet, "idler");
    let leaver = Legacy::begin(&host, "leaver");
    assert!(!leaver.call("browser_navigate", &url).1.is_error);
    assert_eq!(leaver.ask("DELETE", None).status, 204);
    idler.ok("cursor_list", json!({}));
    for (round, why) in [(0, "Ebb itself had died"), (1, "Ebb stopped")] {
        for agent in [&mut stream, &mut quiet] {
            agent.open(&site.url("/ok"));
            agent.evaluate("() => { window.mark = 'mine'; return 1; }");
        }
        let before: Vec<String> = ["streamer", "quiet"].map(|name| host.control().session_of(name)).to_vec();
        let file = host.data().join("http-sessions.db");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        if round == 0 {
            host.kill();
        } else {
            host.terminate();
        }
        host.restart();
        for (agent, before) in [&mut stream, &mut quiet].into_iter().zip(&before) {
            let first = agent.ok("browser_navigate", json!({"url": site.url("/ok")}));
            let said = format!("Your earlier session ended because {why}; this is a fresh one");
            assert!(first.must("Next").contains(&said), "round {round}: {}", first.text);
            assert_eq!(agent.evaluate("() => typeof window.mark"), "\"undefined\"");
            let next = agent.ok("browser_snapshot", json!({}));
            assert!(!next.text.contains("earlier session"), "told once: {}", next.text);
            assert_ne!(&host.control().session_of(agent.name()), before);
        }
        // Nothing was lost, so nothing is told.
        let list = idler.ok("cursor_list", json!({}));
        assert!(!list.text.contains("earlier session"), "{}", list.text);
        assert_eq!(leaver.call("browser_snapshot", &json!({})).0, 404, "a goodbye is for good");
    }
    // Its process is dead: nobody speaks for the id any more.
    let began = stream.kill();
    let session = host.control().sessions_of("streamer").first().map(|view| view.id.to_string());
    support::within("f16: killed after the restarts", began, Duration::from_secs(1), || {
        match host.control().sessions_of("streamer").len() {
            0 => Ok(()),
            more => Err(format!("{more} sessions")),
        }
    });
    if let Some(session) = session {
        assert_eq!(host.control().reports_of(&session)[0].reason.key(), "client_died");
    }
    drop((quiet, idler));
}

/// A manual end that the client did not hear of before the restart is an error, once; the call after that
/// begins anew.
#[test]
fn f16_a_manual_end_is_told_after_a_restart() {
    let (mut host, site) = (host(), Site::start());
    let url = json!({"url": site.url("/ok")});
    let client = Legacy::begin(&host, "client");
    assert!(!client.call("browser_navigate", &url).1.is_error);
    let session = host.control().session_of("client");
    host.control().end(&session, AskedBy::Dashboard).unwrap();
    wait_for("the end is written down", Duration::from_secs(5), || {
        Rows::open(&host.data()).reason(&session).map(drop).ok_or_else(|| "no report".to_owned())
    });
    host.kill();
    host.restart();
    let (status, told) = client.call("browser_snapshot", &json!({}));
    assert!(status == 200 && told.is_error, "{}", told.text);
    assert!(told.text.contains("Session ended: ended from the dashboard"), "{}", told.text);
    assert!(host.control().snapshot().sessions.is_empty(), "the call that was told did nothing");
    assert!(!client.call("browser_navigate", &url).1.is_error);
    // Another token is another principal.
    host.terminate();
    fs::remove_file(host.data().join("http-token")).unwrap();
    host.restart();
    let other = client.with_token(&host);
    assert_eq!(other.call("browser_snapshot", &json!({})).0, 404);
}

/// The file is damaged, a folder, or cannot be written: the host starts and serves; only what it held is lost.
#[test]
fn f16_the_file_is_never_needed() {
    let (mut host, site) = (host(), Site::start());
    let url = json!({"url": site.url("/ok")});
    let file = host.data().join("http-sessions.db");
    let breaks: [(&str, &dyn Fn()); 3] = [
        ("damaged", &|| fs::write(&file, vec![0x5a; 20_000]).unwrap()),
        ("empty", &|| fs::write(&file, "").unwrap()),
        ("a folder", &|| {
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
        }),
    ];
    for (what, damage) in breaks {
        let client = Legacy::begin(&host, what);
        assert!(!client.call("browser_navigate", &url).1.is_error);
        host.terminate();
        for ending in ["-wal", "-shm"] {
            drop(fs::remove_file(host.data().join(format!("http-sessions.db{ending}"))));
        }
        damage();
        host.restart();
        assert_eq!(client.call("browser_snapshot", &json!({})).0, 404, "{what}: begin anew");
        let next = Legacy::begin(&host, what);
        assert!(!next.call("browser_navigate", &url).1.is_error, "{what}");
        assert_eq!(next.ask("DELETE", None).status, 204, "{what}");
    }
    assert!(host.log().contains("HTTP clients was damaged"), "the log says it");
    assert!(host.log().contains("HTTP clients are kept in memory only"), "the log says it");
    fs::remove_dir(&file).unwrap();
}
