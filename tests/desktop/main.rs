//! The real desktop program on a screen of its own: its window under WebDriver, its tray over D-Bus.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

/// Shows notifications, and clicks on them.
mod daemon;
/// A display, a session bus and the desktop program on them.
mod desk;
/// WebKitWebDriver, which drives the real window.
mod driver;
/// The tray's menu as the panel reads it.
mod menu;

use std::time::Duration;

use serde_json::json;
use support::{Agent, Calls, Control, Site, Via, wait_for};

use daemon::Daemon;
use desk::Desk;
use driver::Driver;
use menu::Menu;

/// Debug builds, a cold WebKit and two cores: a minute is a lot, and only a failure waits for it.
const SOON: Duration = Duration::from_mins(1);

#[test]
fn the_window_shows_a_client_from_its_session_to_its_report() {
    let mut desk = Desk::new();
    desk.start();
    let mut window = Driver::open(&desk, &["window"]);
    window.shows("No client has connected yet.", SOON);

    let site = Site::start();
    let url = site.page("/shop", "<title>The shop</title><body style='background:#0a7'><h1>Everything must go</h1>");
    let mut agent = Agent::start(desk.place(), &desk.mcp_socket(), Via::Socket, "Shopping Agent");
    drop(agent.call("browser_navigate", json!({"url": url})).ok());
    let live = |row: &str| row.contains("Shopping Agent") && row.contains("End") && !row.contains("Ended");
    window.has_row("a live session", SOON, live);
    window.screenshot("desktop-live");

    // What its page looks like comes over a scheme of the window's own.
    let session = Control::connect(&desk.control_socket()).session_of("Shopping Agent");
    assert!(desk.run(&["window", "--route", &format!("#/sessions/{session}")]).success());
    window.becomes(
        "a picture of the tab",
        SOON,
        "const picture = document.querySelector('main img[src^=\"thumb:\"]'); \
         return Boolean(picture && picture.complete && picture.naturalWidth >= 200)",
    );
    window.screenshot("desktop-session");
    window.click("[role=tab][data-value=activity]");
    window.has_row("what came of the call", SOON, |row| {
        row.contains("browser_navigate") && row.contains("The shop") && row.contains(&url)
    });
    window.screenshot("desktop-activity");
    assert!(desk.run(&["window", "--route", "#/"]).success());
    window.has_row("the live session again", SOON, live);

    agent.kill();
    window.has_row("its report", SOON, |row| {
        row.contains("Shopping Agent") && row.contains("Ended") && row.contains("View report")
    });
    window.shows("Nothing is left behind.", SOON);
    window.screenshot("desktop-ended");
    for (place, words) in
        [("connect", "On this machine"), ("settings", "Start at login"), ("cursors", "No cursor is open.")]
    {
        assert!(desk.run(&["window", "--route", &format!("#/{place}")]).success());
        window.shows(words, SOON);
        window.screenshot(&format!("desktop-{place}"));
    }
    assert!(desk.run(&["window", "--route", "#/"]).success());

    // The window outlives its host, and finds the next one.
    desk.kill();
    window.shows("Not connected", SOON);
    desk.start();
    window.shows("Listening", SOON);
    window.close();
    desk.stop();
}

#[test]
fn a_click_on_a_notification_opens_the_window_where_it_leads() {
    let mut desk = Desk::new();
    desk.configure("[notifications]\nclients = true\n");
    let daemon = Daemon::start(desk.bus());
    desk.start();
    let mut window = Driver::open(&desk, &["window", "--route", "#/settings"]);
    window.shows("Start at login", SOON);

    let mut agent = Agent::start(desk.place(), &desk.mcp_socket(), Via::Socket, "Secret Project");
    let joined = daemon.next();
    assert_eq!(
        (joined.summary.as_str(), joined.actions.as_slice()),
        ("1 client connected", &["default", "Open"].map(str::to_owned)[..])
    );
    assert!(!format!("{joined:?}").contains("Secret"), "{joined:?}");
    // A window that is open goes there.
    wait_for("the window goes home", SOON, || {
        daemon.click(joined.id);
        window.has("1 client is connected, no session is open.")
    });
    window.close();
    wait_for("the window is closed", SOON, || if desk.has_window() { Err("it runs".to_owned()) } else { Ok(()) });

    // Without one, it is opened there; a click on what somebody else shows opens nothing.
    drop(agent.call("session_open", json!({})).ok());
    agent.kill();
    let left = daemon.next();
    assert_eq!((left.summary.as_str(), left.body.as_str()), ("1 client left", "What they held is cleaned up."));
    wait_for("a window opens at the history", SOON, || {
        daemon.click(left.id + 100);
        daemon.click(left.id);
        match desk.window_commands() {
            all if all.len() == 1 && all[0].ends_with("--route #/history") => Ok(()),
            all => Err(format!("{all:?}")),
        }
    });
    desk.stop();
}

#[test]
fn the_tray_follows_the_sessions_and_quits() {
    let mut desk = Desk::new();
    desk.start_panel();
    desk.start();
    let menu = Menu::find(&desk, SOON);
    menu.has("No sessions", SOON);
    assert!(!menu.read().unwrap().iter().any(|line| line.text == "End session"));

    let mut agent = Agent::start(desk.place(), &desk.mcp_socket(), Via::Socket, "A&B_agent");
    drop(agent.call("session_open", json!({})).ok());
    menu.has("1 session · 0 B held", SOON);
    // What marks keys in menus is doubled on its way: `_` is `__` there and one on the screen.
    menu.has("A&B__agent — project", SOON);
    // Nothing would be lost: no question, and the client lives on.
    menu.click("End session", SOON);
    menu.has("No sessions", SOON);
    assert!(agent.runs());

    drop(agent.call("session_open", json!({})).ok());
    menu.has("1 session · 0 B held", SOON);
    agent.kill();
    menu.has("No sessions", SOON);
    for line in ["Connect a client…", "Settings…", "Open dashboard"] {
        menu.has(line, SOON);
    }
    menu.click("Quit", SOON);
    desk.ended();
}

#[test]
fn a_second_start_shows_the_window_of_the_first_and_quitting_takes_it_along() {
    let mut desk = Desk::new();
    desk.start();
    assert!(desk.run(&["--background"]).success());
    assert!(!desk.has_window(), "nobody asked for a window");
    assert!(desk.run(&[]).success());
    wait_for("the window listens", SOON, || if desk.window_listens() { Ok(()) } else { Err("it does not".to_owned()) });
    // A third start raises it: there is one window.
    assert!(desk.run(&["window", "--route", "#/history"]).success());
    assert_eq!(desk.windows(), 1);
    desk.stop();
    wait_for(
        "the window ends with its host",
        SOON,
        || if desk.has_window() { Err("it runs".to_owned()) } else { Ok(()) },
    );
}

#[test]
fn without_a_display_it_says_what_to_do() {
    let desk = Desk::new();
    for display in [None, Some(":60999")] {
        let mut command = desk.command(&["--background"]);
        command.env_remove("DISPLAY").envs(display.map(|display| ("DISPLAY", display)));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("No display: start `ebb serve --dashboard` instead"), "{said}");
    }
}
