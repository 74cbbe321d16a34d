//! Where the pages of `ebb mcp` live: a profile on disk, contexts in memory, a browser that runs already.

use std::time::Duration;

use serde_json::json;
use support::{Calls, Elsewhere, OwnServer, Place, Site, procs, wait_for};

const SOON: Duration = Duration::from_secs(5);

fn end(mut server: OwnServer) {
    server.close_input();
    let (status, _) = server.ended(SOON);
    assert!(status.success());
}

fn profiles(place: &Place) -> Vec<String> {
    let all = procs::names(&place.home().join(".local/share/ebb"));
    all.into_iter().filter(|name| name.starts_with("mcp-")).collect()
}

#[test]
fn the_workspace_has_a_profile_that_stays() {
    let place = Place::new();
    let site = Site::start();
    let page = site.page("/p", "<title>p</title>");
    let mut server = OwnServer::start(&place, &[]);
    server.open(&page);
    server.evaluate("() => { localStorage.setItem('k', 'kept'); document.cookie = 'c=1; max-age=3600'; }");
    // A further session is apart.
    let opened = server.ok("session_open", json!({}));
    let session = opened.meta["session"].as_str().unwrap().to_owned();
    server.ok("browser_navigate", json!({"url": page, "session": session}));
    let read = "() => localStorage.getItem('k')";
    assert_eq!(server.ok("browser_evaluate", json!({"function": read, "session": session})).must("Result"), "null");
    end(server);
    let kept = profiles(&place);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].strip_prefix("mcp-chrome-").is_some_and(|hash| hash.len() == 7), "{kept:?}");

    let mut server = OwnServer::start(&place, &[]);
    server.open(&page);
    assert_eq!(server.evaluate("() => localStorage.getItem('k') + ' ' + document.cookie"), "\"kept c=1\"");
    end(server);
    let mut server = OwnServer::start(&place, &["--isolated"]);
    server.open(&page);
    assert_eq!(server.evaluate("() => localStorage.getItem('k') + ' ' + document.cookie"), "\"null \"");
    end(server);
    assert_eq!(profiles(&place), kept);
    assert!(place.processes().is_empty(), "{}", procs::brief(&place.processes()));
}

#[test]
fn a_second_user_of_a_profile_is_told() {
    let place = Place::new();
    let profile = place.path().join("profile");
    let flag = format!("--user-data-dir={}", profile.display());
    let mut first = OwnServer::start(&place, &[&flag]);
    first.open("about:blank");
    let mut second = OwnServer::start(&place, &[&flag]);
    let answer = second.call("browser_navigate", json!({"url": "about:blank"})).err();
    let expected = format!(
        "Error: Browser is already in use for {}, use --isolated to run multiple instances of the same browser",
        profile.display()
    );
    assert!(answer.must("Error").starts_with(&expected), "{}", answer.text);
    end(first);
    second.open("about:blank");
    end(second);
    // Killed, its lock goes with it.
    let mut third = OwnServer::start(&place, &[&flag]);
    third.open("about:blank");
    third.kill();
    let mut fourth = OwnServer::start(&place, &[&flag]);
    wait_for("the profile is free", Duration::from_secs(20), || {
        let answer = fourth.call("browser_navigate", json!({"url": "about:blank"}));
        if answer.is_error { Err(answer.text) } else { Ok(()) }
    });
}

#[test]
fn a_browser_that_runs_already_keeps_its_pages_and_its_life() {
    let place = Place::new();
    let mut browser = Elsewhere::start();
    let endpoint = format!("http://127.0.0.1:{}", browser.port());
    let site = Site::start();
    let before = site.page("/before", "<title>before</title><h1>Theirs</h1>");
    browser.ask("Target.createTarget", &json!({"url": before}), None);
    let pages = wait_for("their page is there", SOON, || {
        let pages = browser.pages();
        if pages.contains(&before) { Ok(pages) } else { Err(format!("{pages:?}")) }
    });
    let mut server = OwnServer::start(&place, &["--cdp-endpoint", &endpoint, "--user-agent=Told/1.0"]);
    let tabs = server.ok("browser_tabs", json!({"action": "list"}));
    assert!(tabs.text.contains(&before), "{}", tabs.text);
    let index = tabs.must("Result").lines().position(|line| line.contains(&before)).expect("their page is a tab");
    server.ok("browser_tabs", json!({"action": "select", "index": index}));
    assert!(server.ok("browser_snapshot", json!({})).text.contains("Theirs"));
    assert!(!server.evaluate("() => navigator.userAgent").contains("Told"), "it keeps its settings");
    end(server);
    assert_eq!(browser.pages().len(), pages.len());
    assert!(browser.runs());

    // Isolated, nothing of theirs is seen, and nothing of ours stays.
    let mut server = OwnServer::start(&place, &["--isolated", "--cdp-endpoint", &endpoint]);
    server.open("about:blank");
    assert!(!server.ok("browser_tabs", json!({"action": "list"})).text.contains(&before));
    end(server);
    assert_eq!(browser.pages().len(), pages.len());
}
