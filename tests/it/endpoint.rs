//! A browser that somebody else runs: what is ours in it goes as everywhere, what is not is left alone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Agent, Calls, Elsewhere, HostArgs, SLOW, Site, TestHost, Via, bin, ms, procs, record, wait_for, within};

/// A page and a context that belong to somebody else, attached to by them.
struct Stranger {
    session: String,
    context: String,
}

impl Stranger {
    fn in_browser(other: &Elsewhere) -> Self {
        let context = other.ask("Target.createBrowserContext", &json!({}), None)["browserContextId"].clone();
        let page = json!({"url": "about:blank#stranger", "browserContextId": context});
        let target = other.ask("Target.createTarget", &page, None)["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = other.ask("Target.attachToTarget", &attach, None)["sessionId"].as_str().unwrap().to_owned();
        let stranger = Self { session, context: context.as_str().unwrap().to_owned() };
        stranger.evaluate(other, "window.mark = 'theirs'");
        stranger
    }

    fn evaluate(&self, other: &Elsewhere, expression: &str) -> Value {
        other.ask("Runtime.evaluate", &json!({"expression": expression}), Some(&self.session))["result"]["value"]
            .clone()
    }

    /// Asserts that nothing of it was touched.
    fn is_untouched(&self, other: &Elsewhere) {
        assert_eq!(self.evaluate(other, "window.mark"), "theirs");
        assert!(other.contexts().contains(&self.context));
        let pages = other.pages();
        for page in ["about:blank#stranger", "about:blank"] {
            assert!(pages.iter().any(|url| url == page), "{page} is gone: {pages:?}");
        }
    }

    /// Waits until the browser has nothing but what is theirs.
    fn is_alone(&self, other: &Elsewhere, what: &str, began: Instant, limit: Duration) {
        within(what, began, limit, || {
            let (contexts, pages) = (other.contexts(), other.pages());
            if contexts == [self.context.clone()] && pages.len() == 2 {
                Ok(())
            } else {
                Err(format!("{contexts:?} {pages:?}"))
            }
        });
        self.is_untouched(other);
    }
}

fn host_with(endpoint: &str) -> TestHost {
    TestHost::with(HostArgs { more: vec!["--browser-endpoint".to_owned(), endpoint.to_owned()], ..HostArgs::default() })
}

#[test]
fn sessions_live_in_somebody_elses_browser_and_leave_nothing_there() {
    let mut other = Elsewhere::start();
    let stranger = Stranger::in_browser(&other);
    let site = Site::start();
    let host = host_with(&format!("http://user:secret@127.0.0.1:{}/?token=secret", other.port()));
    let control = host.control();
    let mut agents: Vec<Agent> = Via::BOTH.into_iter().map(|via| host.agent(via, via.name())).collect();
    let popup = site.page("/popup", "<title>popup</title>");
    for agent in &mut agents {
        let page = agent.open(&site.url("/ok"));
        assert!(page.must("Snapshot").contains("All is well"));
        agent.evaluate("() => { document.cookie = 'mine=1'; return 1; }");
        // A page of a page is the session's too, and console and requests are seen.
        agent.evaluate(&format!("() => {{ window.open({popup:?}); console.error('heard'); return 1; }}"));
        wait_for("the popup is a tab", Duration::from_secs(10), || {
            let list = agent.ok("browser_tabs", json!({"action": "list"})).text;
            if list.contains("popup") { Ok(()) } else { Err(list) }
        });
        let heard = agent.ok("browser_console_messages", json!({})).text;
        assert!(heard.contains("heard"), "{heard}");
        let said = agent.evaluate("() => navigator.userAgent");
        assert!(said.contains("Chrome/") && !said.contains("Headless"), "{said}");
    }
    assert_eq!(other.contexts().len(), 3, "one a session, and the stranger's");
    stranger.is_untouched(&other);
    assert_eq!(host.chromium().len(), 0, "Ebb started one of its own");
    // Folders of files that sessions wrote are none of a browser.
    let browsers: Vec<String> = host.run_folders().into_iter().filter(|name| !name.starts_with("f-")).collect();
    assert_eq!(browsers, Vec::<String>::new());

    // It is said which browser that is, and never with what it is opened.
    let status = host.ebb(&["status"]).output().unwrap();
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains(&format!("at http://127.0.0.1:{}", other.port())), "{status}");
    for text in [&status, &host.log(), &format!("{:?}", control.snapshot())] {
        assert!(!text.contains("secret"), "{text}");
    }
    let refused = agents[0].call("session_open", json!({"headed": true})).err();
    assert_eq!(refused.code(), "invalid_arguments", "{}", refused.text);

    let sessions = Via::BOTH.map(|via| control.session_of(via.name()));
    let began = agents[0].kill();
    within("endpoint: context of a killed client", began, ms(1_000), || {
        let contexts = other.contexts().len();
        if contexts == 2 { Ok(()) } else { Err(format!("{contexts} contexts")) }
    });
    agents[1].ok("browser_snapshot", json!({}));
    let began = agents[1].kill();
    stranger.is_alone(&other, "endpoint: everything of ours", began, ms(1_000));
    for session in sessions {
        wait_for("its report", Duration::from_secs(5), || {
            let reports = control.reports_of(&session);
            if reports.len() == 1 { Ok(()) } else { Err(format!("{reports:?}")) }
        });
        let report = control.reports_of(&session).remove(0);
        assert_eq!((report.outcome, report.freed.tabs), (ebb_core::cleanup::Outcome::Clean, 2), "{report:#?}");
    }
    assert!(other.runs(), "it is not ours to end");
}

#[test]
fn host_ends_and_what_it_had_elsewhere_is_gone() {
    let mut other = Elsewhere::start();
    let stranger = Stranger::in_browser(&other);
    let mut host = host_with(&other.socket());
    for kill in [true, false] {
        let mut agents: Vec<Agent> = (0..3).map(|n| host.agent(Via::Socket, &format!("agent {n}"))).collect();
        for agent in &mut agents {
            agent.open("about:blank#ours");
        }
        assert_eq!(other.contexts().len(), 4);
        let began = Instant::now();
        if kill {
            host.kill();
        } else {
            host.terminate();
        }
        stranger.is_alone(
            &other,
            if kill { "endpoint: host killed" } else { "endpoint: host ended" },
            began,
            ms(3_000),
        );
        assert!(other.runs(), "it is not ours to end");
        drop(agents);
        host.restart();
    }
}

#[test]
fn connection_lost_is_told_once_and_made_again() {
    let mut other = Elsewhere::start();
    let host = host_with(&format!("http://127.0.0.1:{}", other.port()));
    let mut agents: Vec<Agent> = Via::BOTH.into_iter().map(|via| host.agent(via, via.name())).collect();
    for agent in &mut agents {
        agent.open("about:blank");
    }
    let cursor = agents[0].large("mine", 100).cursor().to_owned();
    other.kill();
    for agent in &mut agents {
        let lost = agent.call("browser_snapshot", json!({})).err();
        assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
        // While it is away that is said, with its name.
        let away = agent.call("browser_navigate", json!({"url": "about:blank"})).err();
        assert_eq!(away.code(), "browser_failed", "{}", away.text);
        assert!(away.text.contains(&format!("127.0.0.1:{}", other.port())), "{}", away.text);
        assert!(away.text.contains("### Next"), "{}", away.text);
    }
    agents[0].ok("cursor_read", json!({"cursor": cursor}));
    other.restart();
    for agent in &mut agents {
        agent.open("about:blank");
    }
    assert_eq!(other.contexts().len(), 2);
    for agent in &mut agents {
        agent.kill();
    }
    wait_for("nothing of ours is left there", Duration::from_secs(5), || {
        let contexts = other.contexts();
        if contexts.is_empty() { Ok(()) } else { Err(format!("{contexts:?}")) }
    });
    assert!(host.control().snapshot().leftovers.is_empty());
}

/// The other browser is frozen: sessions end in time, and what they had goes when it thaws.
#[test]
fn frozen_elsewhere() {
    let mut other = Elsewhere::start();
    let stranger = Stranger::in_browser(&other);
    let host = host_with(&other.socket());
    let control = host.control();
    let mut agents: Vec<Agent> = (0..2).map(|n| host.agent(Via::Socket, &format!("agent {n}"))).collect();
    for agent in &mut agents {
        agent.open("about:blank");
    }
    let session = control.session_of("agent 0");
    procs::freeze(other.pid());
    let began = agents[0].kill();
    within("endpoint frozen: the session", began, Duration::from_secs(5), || {
        let there = control.snapshot().sessions.iter().any(|view| view.id.as_str() == session);
        if there { Err("it is there".to_owned()) } else { Ok(()) }
    });
    let began = Instant::now();
    let told = agents[1].call("browser_navigate", json!({"url": "about:blank"})).err();
    record("endpoint frozen: a call", began.elapsed(), Duration::from_secs(30));
    assert!(began.elapsed() < Duration::from_secs(30) * SLOW);
    assert!(
        ["browser_lost", "browser_failed", "browser_unresponsive", "timeout"].contains(&told.code()),
        "{}",
        told.text
    );
    procs::thaw(other.pid());
    assert!(other.runs());
    let began = agents[1].kill();
    stranger.is_alone(&other, "endpoint frozen: thawed", began, Duration::from_secs(5));
}

#[test]
fn an_endpoint_that_is_none_is_a_clear_error() {
    // Somebody listens, and is no browser.
    let site = Site::start();
    let host = host_with(&site.url("/"));
    let mut agent = host.agent(Via::Socket, "caller");
    let failed = agent.call("browser_navigate", json!({"url": "about:blank"})).err();
    assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
    assert!(failed.text.contains("127.0.0.1") && failed.text.contains("### Next"), "{}", failed.text);
    drop(agent);

    // What is no address is said at once, without what it may hold.
    for wrong in ["wss://user:secret@host/", "file:///secret", "secret"] {
        let mut serve = std::process::Command::new(bin("ebb"));
        let place = tempfile::tempdir_in("/tmp").unwrap();
        serve.arg("serve").arg("--socket").arg(place.path().join("e.sock")).arg("--data-dir").arg(place.path());
        let output = serve.env_clear().env("HOME", place.path()).env("EBB_BROWSER_ENDPOINT", wrong).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("endpoint") && !said.contains("secret"), "{said}");
    }
}
