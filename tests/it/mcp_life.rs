//! `ebb mcp`: how it comes, and that nothing of it stays, whatever ends it.

use std::{path::Path, process::Command, time::Duration};

use rustix::process::Signal;
use serde_json::json;
use support::{Calls, OwnServer, Place, Site, modern_message, procs, wait_for};

/// From its end to nothing being left.
const SOON: Duration = Duration::from_secs(2);

/// Nothing runs any more and no file is left but the profile of the workspace.
pub(crate) fn nothing_is_left(place: &Place) {
    wait_for("nothing is left", Duration::from_secs(5), || {
        let processes = place.processes();
        let files = procs::names(&place.path().join("tmp"));
        if processes.is_empty() && files.is_empty() {
            Ok(())
        } else {
            Err(format!("{} {files:?}", procs::brief(&processes)))
        }
    });
    let sockets = procs::names(&place.path().join("run"));
    assert!(sockets.is_empty(), "{sockets:?}");
}

fn working(place: &Place) -> OwnServer {
    let mut server = OwnServer::start(place, &["--isolated"]);
    let answer = server.open(&Site::start().page("/own", "<title>Own</title><h1>Here</h1>"));
    assert!(answer.must("Page").contains("- Page Title: Own"), "{}", answer.text);
    assert!(!procs::names(&place.path().join("tmp")).is_empty(), "it works in a folder of its own");
    server
}

#[test]
fn the_end_of_its_input_ends_everything() {
    let place = Place::new();
    let mut server = working(&place);
    server.close_input();
    let (status, took) = server.ended(SOON);
    assert!(status.success(), "{status} after {took:?}");
    nothing_is_left(&place);
}

#[test]
fn signals_end_everything_in_order_even_in_a_call() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let place = Place::new();
        let mut server = working(&place);
        let id = server.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"}));
        procs::signal(server.pid(), signal);
        let (status, took) = server.ended(SOON);
        assert!(status.success(), "{status} after {took:?}");
        drop(server.answer(id, SOON));
        nothing_is_left(&place);
    }
}

#[test]
fn killed_its_guardian_ends_the_rest() {
    let place = Place::new();
    let mut server = working(&place);
    server.kill();
    nothing_is_left(&place);
}

/// The one that started it is killed, and something else still holds its input open.
#[test]
fn it_ends_with_whoever_started_it() {
    let place = Place::new();
    let mut command = Command::new("python3");
    let program = "import subprocess, sys, time\nsubprocess.Popen([sys.argv[1], 'mcp', '--isolated'])\ntime.sleep(600)";
    let own = place.run(Path::new("python3"));
    command.args(["-c", program]).arg(support::bin("ebb")).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(place.project());
    let mut server = OwnServer::run(&mut command);
    server.shake_hands();
    server.open("about:blank");
    server.kill();
    nothing_is_left(&place);
}

#[test]
fn both_eras_and_nothing_but_mcp_on_standard_output() {
    let place = Place::new();
    let mut server = OwnServer::run(place.command("ebb").args(["mcp", "--isolated"]));
    let list = modern_message(1, "tools/list", &json!({}), "modern");
    server.say(&list);
    let tools = server.message(1, SOON).unwrap();
    let tools = tools["result"]["tools"].as_array().expect("tools").clone();
    assert!(tools.iter().any(|tool| tool["name"] == "browser_navigate"));
    // A second client of the older era would be another process; the same stream may speak both.
    let call = json!({"name": "browser_navigate", "arguments": {"url": "about:blank"}});
    server.say(&modern_message(2, "tools/call", &call, "modern"));
    let answer = server.message(2, Duration::from_secs(20)).unwrap();
    assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
    server.close_input();
    assert!(server.ended(SOON).0.success());
    nothing_is_left(&place);
}

#[test]
fn mistakes_are_one_line_and_the_help_is_whole() {
    let place = Place::new();
    for arguments in [&["mcp", "--extension"][..], &["mcp", "--nonsense"], &["mcp", "--browser=firefox"]] {
        let output = place.command("ebb").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.lines().count(), output.stdout.len()), (Some(1), 1, 0), "{said}");
    }
    let output = place.command("ebb").args(["mcp", "--help"]).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--viewport-size WxH"));
    nothing_is_left(&place);
}
