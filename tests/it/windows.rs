//! Sessions with a window: a second, full browser beside the headless one, and both go as they came.

use std::time::{Duration, Instant};

use ebb_core::{settings::BrowserSettings, view::BrowserView};
use ebb_host::browser::locate;
use serde_json::json;
use support::{Agent, AgentOptions, Calls, HostArgs, Screen, Site, TestHost, Via, ms, procs, record, wait_for, within};

/// How long a window may take to appear or to go on a slow machine.
const SHOWN: Duration = Duration::from_secs(20);

fn host_on(screen: &Screen, more: &[&str]) -> TestHost {
    TestHost::with(HostArgs {
        environment: vec![("DISPLAY".to_owned(), screen.display().to_owned())],
        more: more.iter().map(|&word| word.to_owned()).collect(),
        ..HostArgs::default()
    })
}

/// A client behind `ebb connect` with options of its own.
fn connect_with(host: &TestHost, name: &str, options: &[&str]) -> Agent {
    let socket = host.socket().display().to_string();
    let words = ["connect", "--socket", &socket, "--no-start"].into_iter().chain(options.iter().copied());
    let bridge = Some(words.map(str::to_owned).collect());
    let options = AgentOptions { bridge, ..AgentOptions::default() };
    let mut agent = Agent::spawn(host.place(), &host.socket(), Via::Bridge, name, &options);
    agent.shake_hands();
    agent
}

fn shows(screen: &Screen, what: &str, titles: &[&str]) {
    wait_for(what, SHOWN, || {
        let windows = screen.windows();
        let all = windows.len() == titles.len()
            && titles.iter().all(|title| windows.iter().any(|window| window.contains(title)));
        if all { Ok(()) } else { Err(format!("{windows:?}")) }
    });
}

/// The main processes of the host's browsers: those with windows, and those without.
fn browsers(host: &TestHost) -> (Vec<procs::Process>, Vec<procs::Process>) {
    let main = host.chromium().into_iter().filter(|process| process.kind().is_empty() && process.runs());
    main.partition(|process| {
        !process.command.contains("headless-shell")
            && !process.command.contains("headless_shell")
            && !process.command.contains("--headless")
    })
}

fn nothing_left(host: &TestHost) {
    wait_for("nothing is left", Duration::from_secs(8), || {
        let (left, files) = (host.chromium(), host.files_left());
        if left.is_empty() && files.is_empty() { Ok(()) } else { Err(format!("{} {files:?}", procs::brief(&left))) }
    });
}

#[test]
fn a_window_comes_and_goes_with_its_session_beside_the_headless_browser() {
    let screen = Screen::start();
    let site = Site::start();
    let host = host_on(&screen, &[]);
    let control = host.control();
    let mut plain = host.client("plain");
    plain.open(&site.page("/plain", "<title>plain page</title>"));
    assert_eq!(control.snapshot().host.window_browser, None);

    // One client asks with an option of its bridge, one for a session of its own.
    let mut headed = connect_with(&host, "headed", &["--headed"]);
    headed.open(&site.page("/headed", "<title>headed page</title><h1>Seen</h1>"));
    shows(&screen, "the window of the client", &["headed page"]);
    let session = plain.ok("session_open", json!({"name": "seen", "headed": true}));
    let session = session.meta["session"].as_str().unwrap().to_owned();
    let url = site.page("/seen", "<title>seen page</title>");
    plain.ok("browser_navigate", json!({"url": url, "session": session}));
    shows(&screen, "the window of the session", &["headed page", "seen page"]);
    let (with, without) = browsers(&host);
    assert_eq!((with.len(), without.len()), (1, 1), "{with:?} {without:?}");
    let view = control.snapshot().host;
    let pid = |view: &Option<BrowserView>| match view {
        Some(BrowserView::Running { pid, .. }) => Some(*pid),
        _ => None,
    };
    assert_eq!(pid(&view.window_browser), Some(with[0].pid), "{view:?}");
    assert_eq!(pid(&Some(view.browser.clone())), Some(without[0].pid), "{view:?}");
    let status = host.ebb(&["status"]).output().unwrap();
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains(&with[0].pid.to_string()) && status.contains(&without[0].pid.to_string()), "{status}");

    // Neither says that nobody looks, on the page, in a worker or on the wire.
    for agent in [&mut headed as &mut dyn Calls, &mut plain] {
        let began = Instant::now();
        let said = agent.evaluate(
            "async () => { const blob = new Blob(['postMessage(navigator.userAgent)']); \
             const worker = new Worker(URL.createObjectURL(blob)); \
             const told = await new Promise((done) => { worker.onmessage = (event) => done(event.data); }); \
             const brands = JSON.stringify(navigator.userAgentData?.brands ?? []); \
             return [navigator.userAgent, brands, told].join(' | '); }",
        );
        record("headed: a worker's word", began.elapsed(), ms(1_000));
        assert!(said.contains("Chrome/") && !said.contains("Headless"), "{said}");
    }

    // A window of one session goes alone.
    plain.ok("session_close", json!({"session": session}));
    shows(&screen, "one window is left", &["headed page"]);
    headed.ok("browser_snapshot", json!({}));

    // Its client is killed: the window, and with it the whole browser, is gone; the other one is not.
    let began = headed.kill();
    within("headed: window gone", began, ms(1_000), || {
        let windows = screen.windows();
        if windows.is_empty() { Ok(()) } else { Err(format!("{windows:?}")) }
    });
    within("headed: browser gone", began, Duration::from_secs(2), || {
        let (with, without) = browsers(&host);
        if with.is_empty() && without.len() == 1 { Ok(()) } else { Err(format!("{with:?} {without:?}")) }
    });
    wait_for("it is shown no more", Duration::from_secs(5), || {
        let view = control.snapshot().host.window_browser;
        if view.is_none() { Ok(()) } else { Err(format!("{view:?}")) }
    });
    plain.ok("browser_snapshot", json!({}));
    wait_for("its folder is gone", Duration::from_secs(5), || {
        let folders = host.run_folders();
        if folders.len() == 1 { Ok(()) } else { Err(format!("{folders:?}")) }
    });
    drop(plain);
    nothing_left(&host);
}

#[test]
fn one_of_two_browsers_dies_and_the_other_lives() {
    let screen = Screen::start();
    let site = Site::start();
    let host = host_on(&screen, &["--headed"]);
    let mut headed = host.agent(Via::Socket, "headed");
    headed.open(&site.url("/ok"));
    shows(&screen, "the setting shows a window", &["ok"]);
    let opened = headed.ok("session_open", json!({"headed": false}));
    let unseen = opened.meta["session"].as_str().unwrap().to_owned();
    headed.ok("browser_navigate", json!({"url": site.url("/ok"), "session": unseen}));
    let (with, without) = browsers(&host);
    assert_eq!((with.len(), without.len(), screen.windows().len()), (1, 1, 1));

    procs::kill(without[0].pid);
    let lost = headed.call("browser_snapshot", json!({"session": unseen})).err();
    assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
    headed.ok("browser_snapshot", json!({}));
    headed.ok("browser_navigate", json!({"url": site.url("/ok"), "session": unseen}));

    procs::kill(with[0].pid);
    let lost = headed.call("browser_snapshot", json!({})).err();
    assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
    headed.ok("browser_snapshot", json!({"session": unseen}));
    headed.open(&site.url("/ok"));
    shows(&screen, "a new window", &["ok"]);

    // A person closes the window: the tab is gone, the session is not.
    let (with, _) = browsers(&host);
    headed.ok("browser_tabs", json!({"action": "close", "index": 0}));
    shows(&screen, "the window is closed", &[]);
    headed.open(&site.url("/ok"));
    shows(&screen, "and another one opened", &["ok"]);
    assert_eq!(browsers(&host).0, with, "in the same browser");
    headed.kill();
    nothing_left(&host);
}

#[test]
fn host_killed_with_both_browsers() {
    let screen = Screen::start();
    let mut host = host_on(&screen, &[]);
    let mut agent = host.agent(Via::Socket, "both");
    agent.open("about:blank");
    let opened = agent.ok("session_open", json!({"headed": true}));
    agent.ok("browser_navigate", json!({"url": "about:blank", "session": opened.meta["session"]}));
    let chromium = host.chromium();
    assert!(chromium.iter().filter(|process| process.kind().is_empty()).count() == 2, "{}", procs::brief(&chromium));
    let began = host.kill();
    within("headed: host killed", began, ms(1_000), || {
        let left: Vec<_> = chromium.iter().filter(|process| process.runs()).collect();
        if left.is_empty() && screen.windows().is_empty() { Ok(()) } else { Err(procs::brief(left)) }
    });
    drop(agent);
    host.restart();
    assert_eq!(host.run_folders(), Vec::<String>::new());
}

#[test]
fn without_a_display_or_a_full_browser_it_says_so() {
    // No display at all.
    let host = TestHost::start();
    let mut agent = host.agent(Via::Socket, "no display");
    let opened = agent.ok("session_open", json!({"headed": true}));
    let call = json!({"url": "about:blank", "session": opened.meta["session"]});
    let failed = agent.call("browser_navigate", call).err();
    assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
    assert!(failed.text.contains("DISPLAY") && failed.text.contains("### Next"), "{}", failed.text);
    agent.open("about:blank");
    agent.kill();
    nothing_left(&host);

    // One that nobody serves.
    let environment = vec![("DISPLAY".to_owned(), ":9999".to_owned())];
    let host = TestHost::with(HostArgs { environment, ..HostArgs::default() });
    let mut agent = host.agent(Via::Socket, "dead display");
    let opened = agent.ok("session_open", json!({"headed": true}));
    let call = json!({"url": "about:blank", "session": opened.meta["session"]});
    let failed = agent.call("browser_navigate", call).err();
    assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
    assert!(failed.text.contains("did not start") && failed.text.contains("### Next"), "{}", failed.text);
    eprintln!("{}", failed.text);
    agent.kill();
    nothing_left(&host);
}

/// No headless shell is installed: the full browser does for everything. (The other way round is a test of `locate`.)
#[test]
fn a_full_browser_alone_does_for_everything() {
    let screen = Screen::start();
    let full = locate::find_full(&BrowserSettings::default()).expect("a full browser is installed").path;
    let host = TestHost::with(HostArgs {
        browser: Some(full),
        environment: vec![("DISPLAY".to_owned(), screen.display().to_owned())],
        ..HostArgs::default()
    });
    let mut agent = host.agent(Via::Socket, "full");
    agent.open("about:blank");
    let said = agent.evaluate("() => navigator.userAgent");
    assert!(said.contains("Chrome/") && !said.contains("Headless"), "{said}");
    let opened = agent.ok("session_open", json!({"headed": true}));
    agent.ok("browser_navigate", json!({"url": "about:blank", "session": opened.meta["session"]}));
    let (with, without) = browsers(&host);
    assert_eq!((with.len(), without.len()), (1, 1), "{with:?} {without:?}");
    assert!(without[0].command.contains("--headless=new"), "{}", without[0].command);
    assert_eq!(screen.windows().len(), 1);
    agent.kill();
    nothing_left(&host);
}
