//! More than one session, who ended one, and what its client is told.

use std::time::Duration;

use ebb_core::cleanup::{AskedBy, Reason};
use serde_json::json;
use support::{Calls, Site, TestHost, Via, wait_for};

#[test]
fn sessions_of_one_client_are_apart() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    assert_eq!(client.ok("session_list", json!({})).must("Result"), "No sessions");
    client.open(&site.url("/ok"));
    client.evaluate("() => { document.cookie = 'who=default'; localStorage.who = 'default'; return 1; }");
    let opened = client.ok("session_open", json!({"name": "second"}));
    let session = opened.meta["session"].as_str().unwrap().to_owned();
    assert_eq!(opened.must("Result"), format!("Session {session} opened (name: second)"));
    for handle in [session.as_str(), "second"] {
        client.ok("browser_navigate", json!({"url": site.url("/ok"), "session": handle}));
        let seen = json!({"function": "() => document.cookie + localStorage.who", "session": handle});
        assert_eq!(
            client.ok("browser_evaluate", seen).must("Result"),
            "\"undefined\"",
            "no cookie, no storage of the other"
        );
    }
    let taken = client.call("session_open", json!({"name": "second"})).err();
    assert!(taken.text.contains(&session), "a name in use is refused with its handle: {}", taken.text);
    let list = client.ok("session_list", json!({})).must("Result").to_owned();
    assert!(list.lines().count() == 2 && list.contains(&format!("- {session} (second) 1 tab, 0 cursors,")), "{list}");

    let closed = client.ok("session_close", json!({"session": "second"}));
    assert!(closed.must("Result").starts_with(&format!("Session {session} ended in ")), "{}", closed.text);
    assert!(closed.must("Result").ends_with("browser done, state done"), "{}", closed.text);
    let gone = client.call("browser_snapshot", json!({"session": session})).err();
    assert_eq!(gone.code(), "session_ended", "{}", gone.text);
    assert_eq!(client.evaluate("() => document.cookie"), "\"who=default\"", "the default session did not notice");
    let reports = host.control().reports_of(&session);
    assert_eq!((reports.len(), reports[0].reason), (1, Reason::Manual(AskedBy::Tool)));
    assert_eq!(reports[0].session_name.as_deref(), Some("second"));
}

#[test]
fn the_report_says_who_asked() {
    let host = TestHost::start();
    let control = host.control();
    let mut client = host.client("agent");
    let mut open =
        |name: &str| client.ok("session_open", json!({"name": name})).meta["session"].as_str().unwrap().to_owned();
    for by in [AskedBy::Dashboard, AskedBy::Tray, AskedBy::Cli] {
        let session = open(by.label());
        assert_eq!(control.end(&session, by).unwrap().reason, Reason::Manual(by));
        // Asked again, by somebody else: the same report.
        let again = control.end(&session, AskedBy::Dashboard).unwrap();
        assert_eq!((again.reason, again.session.as_str()), (Reason::Manual(by), session.as_str()));
        assert_eq!(control.reports_of(&session).len(), 1);
    }
    let session = open("by command line");
    let output = host.ebb(&["end", &session[..12], "--json"]).output().unwrap();
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(report["reason"], json!({"kind": "manual", "by": "cli"}), "{report}");
    assert_eq!(report["session"], session.as_str());
    let session = open("by tool");
    client.ok("session_close", json!({"session": session}));
    assert_eq!(control.reports_of(&session)[0].reason, Reason::Manual(AskedBy::Tool));
}

/// Told once, then a new default session.
#[test]
fn a_client_is_told_once_that_its_session_ended() {
    let (host, site) = (TestHost::start(), Site::start());
    let control = host.control();
    for via in Via::BOTH {
        for (by, phrase) in [
            (AskedBy::Dashboard, "ended from the dashboard"),
            (AskedBy::Tray, "ended from the tray"),
            (AskedBy::Cli, "ended by ebb end"),
        ] {
            let name = format!("agent {} {}", via.name(), by.label());
            let mut agent = host.agent(via, &name);
            agent.open(&site.url("/ok"));
            let cursor = agent.large("mine", 40).cursor().to_owned();
            let session = control.session_of(&name);
            control.end(&session, by).unwrap();
            let before = site.asked("/told");
            let told = agent.call("browser_navigate", json!({"url": site.url("/told")})).err();
            let words = format!(
                "Error: Session ended: {phrase}. Its tabs and cursors are gone; call again to start a new session."
            );
            assert_eq!((told.must("Error"), told.code()), (words.as_str(), "session_ended"));
            assert_eq!(site.asked("/told"), before, "the call that is told does nothing");
            assert_eq!(control.sessions_of(&name).len(), 0, "nor does it open a session");
            agent.open(&site.url("/ok"));
            assert_ne!(control.session_of(&name), session);
            assert_eq!(agent.call("cursor_read", json!({"cursor": cursor})).err().code(), "cursor_unknown");
            agent.kill();
        }
    }
}

/// A call that runs when its session is ended is answered so, and that was the one time.
#[test]
fn a_running_call_is_answered_when_its_session_ends() {
    let (host, site) = (TestHost::start(), Site::start());
    let control = host.control();
    let mut client = host.client("agent");
    let call = client.send("browser_navigate", json!({"url": site.url("/hang")}));
    wait_for("the page hangs", Duration::from_secs(20), || {
        if site.hanging() == 1 { Ok(()) } else { Err("it does not".to_owned()) }
    });
    let session = control.session_of("agent");
    let report = control.end(&session, AskedBy::Dashboard).unwrap();
    assert!(report.ms < 3_000.0, "{report:?}");
    let told = client.answer(call, Duration::from_secs(10)).expect("an answer").err();
    assert!(told.text.contains("Session ended: ended from the dashboard."), "{}", told.text);
    wait_for("the request is aborted", Duration::from_secs(5), || {
        if site.aborted() == 1 { Ok(()) } else { Err(format!("{} hang", site.hanging())) }
    });
    client.open(&site.url("/ok"));
    assert_ne!(control.session_of("agent"), session);
}
