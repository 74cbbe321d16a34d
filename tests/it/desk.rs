//! Client programs and settings, changed over the control socket and on the command line; pictures of tabs.

use std::{fs, process::Output, time::Duration};

use ebb_core::Code;
use ebb_host::{
    clients::{Act, SetupState, SetupView},
    config::SettingsView,
    control::{Command, Reply, SecretText},
};
use serde_json::json;
use support::{Calls, Control, Site, TestHost, Via, wait_for};

fn setups(control: &Control, command: Command) -> Vec<SetupView> {
    match control.ask(command).unwrap() {
        Reply::Setups(all) => all,
        other => panic!("{other:?}"),
    }
}

fn one(all: &[SetupView], id: &str) -> SetupView {
    all.iter().find(|view| view.id == id).unwrap().clone()
}

fn settings(control: &Control, command: Command) -> SettingsView {
    match control.ask(command).unwrap() {
        Reply::Settings(view) => *view,
        other => panic!("{other:?}"),
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_client_is_set_up_turns_green_and_is_put_back() {
    let host = TestHost::start();
    let (control, home) = (host.control(), host.place().home());
    let file = home.join(".cursor/mcp.json");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let before = "{\n  // mine\n  \"mcpServers\": {\n    \"a\": { \"command\": \"x\" },\n  },\n}\n";
    fs::write(&file, before).unwrap();
    assert_eq!(one(&setups(&control, Command::Setups), "cursor").state, SetupState::NotSetUp);

    let plan = |act| match control.ask(Command::PlanSetup { client: "cursor".to_owned(), act }).unwrap() {
        Reply::Plan(plan) => plan,
        other => panic!("{other:?}"),
    };
    let change =
        |act, mark: &str| control.ask(Command::ChangeSetup { client: "cursor".to_owned(), act, mark: mark.to_owned() });
    // Whoever did not look may not write, whatever sends the command.
    assert_eq!(change(Act::Add, "").unwrap_err().code, Code::InvalidArguments);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    let shown = plan(Act::Add);
    change(Act::Add, &shown.mark).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let ebb = support::bin("ebb").display().to_string();
    assert!(text.contains("// mine") && text.contains(&ebb) && text.contains("\"connect\""), "{text}");
    change(Act::Remove, &shown.mark).unwrap_err();

    let green = one(&setups(&control, Command::Setups), "cursor");
    assert_eq!((green.state, green.connected), (SetupState::SetUp, 0));
    let mut agent = host.agent(Via::Bridge, "cursor-vscode");
    wait_for("it is seen to be connected", Duration::from_secs(10), || {
        match one(&setups(&control, Command::Setups), "cursor").connected {
            1 => Ok(()),
            other => Err(format!("{other} connected")),
        }
    });
    agent.kill();
    let back = setups(&control, Command::UndoSetup { client: "cursor".to_owned() });
    assert_eq!(
        (one(&back, "cursor").state, fs::read_to_string(&file).unwrap().as_str()),
        (SetupState::NotSetUp, before)
    );
}

#[test]
fn clients_on_the_command_line() {
    let host = TestHost::start();
    let home = host.place().home();
    let ask = |words: &[&str]| {
        let output = host.ebb(&[&["clients"], words].concat()).output().unwrap();
        (said(&output), output.status.success())
    };
    let (list, ok) = ask(&[]);
    assert!(ok && list.contains("claude-code") && list.contains("not installed"), "{list}");
    let (shown, ok) = ask(&["show", "codex"]);
    assert!(ok && shown.contains("+ [mcp_servers.ebb]"), "{shown}");
    assert!(!home.join(".codex").exists(), "looking writes nothing");
    let (refused, ok) = ask(&["add", "codex"]);
    assert!(!ok && refused.contains("--yes"), "{refused}");
    let (added, ok) = ask(&["add", "codex", "--yes"]);
    assert!(ok && added.contains("is changed"), "{added}");
    let text = fs::read_to_string(home.join(".codex/config.toml")).unwrap();
    assert!(text.starts_with("[mcp_servers.ebb]\ncommand = "), "{text}");
    assert!(ask(&["add", "codex"]).0.contains("needs no change"));
    assert!(ask(&["list", "--json"]).0.contains("\"set_up\""));
    assert!(ask(&["remove", "codex", "--yes"]).1 && ask(&["undo", "codex"]).1);
    assert_eq!(fs::read_to_string(home.join(".codex/config.toml")).unwrap(), text);
    fs::write(home.join(".codex/config.toml"), "model = ").unwrap();
    let (broken, ok) = ask(&["add", "codex", "--yes"]);
    assert!(!ok && broken.contains("line 1"), "{broken}");
    assert_eq!(fs::read_to_string(home.join(".codex/config.toml")).unwrap(), "model = ");
    assert!(!ask(&["add", "emacs", "--yes"]).1);
}

#[test]
fn settings_are_the_file_both_ways() {
    let host = TestHost::start();
    let control = host.control();
    let of = |view: &SettingsView, key: &str| view.settings.iter().find(|one| one.key == key).unwrap().clone();
    let set = |key: &str, value: Option<&str>| Command::Set {
        key: key.to_owned(),
        value: value.map(|value| SecretText(value.to_owned())),
    };
    let view = settings(&control, set("sessions.max", Some("12")));
    let max = of(&view, "sessions.max");
    assert_eq!((max.value.as_str(), max.running.as_deref(), max.restart, max.set), ("12", Some("256"), true, true));
    assert!(!of(&settings(&control, set("notifications.idle", Some("true"))), "notifications.idle").restart);
    assert_eq!(control.ask(set("sessions.max", Some("0"))).unwrap_err().code, Code::InvalidArguments);

    let file = std::path::PathBuf::from(&view.file);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# by hand\n{text}")).unwrap();
    let output = host.command("ebb").args(["config", "set", "history.days", "7"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(of(&settings(&control, Command::Settings), "history.days").value, "7", "what others write is seen");
    fs::write(&file, "[sessions]\nmax = 0\n").unwrap();
    let broken = settings(&control, Command::Settings);
    assert_eq!((broken.problems.len(), broken.problems[0].line), (1, Some(2)));
    fs::write(&file, "[sessions]\nmax = 9 # nine\n").unwrap();
    assert_eq!(control.ask(Command::ResetSettings { changed: 3 }).unwrap_err().code, Code::InvalidArguments);
    assert!(!of(&settings(&control, Command::ResetSettings { changed: 1 }), "sessions.max").set);
}

#[test]
fn a_tab_has_a_small_picture_and_a_stranger_has_none() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut agent = host.agent(Via::Socket, "painter");
    agent.open(&site.url("/ok"));
    let control = host.control();
    let session = control.session_of("painter");
    let tab = control.snapshot().sessions[0].tabs[0].id;
    let thumb = |session: &str, tab| control.ask(Command::Thumbnail { session: session.to_owned(), tab });
    let mut picture = None;
    // A page that is just being loaded has none yet.
    wait_for("the tab has a picture", Duration::from_secs(20), || match thumb(&session, tab) {
        Ok(Reply::Thumbnail(found)) => {
            picture = found.bytes();
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
    let picture = picture.unwrap();
    assert!(picture.starts_with(&[0xff, 0xd8, 0xff]) && picture.len() < 200_000, "{} bytes", picture.len());
    assert_eq!(thumb(&session, 999).unwrap_err().code, Code::TargetUnknown);
    thumb("ses_aaaaaaaaaaaaaaaaaaaaaaaaaa", tab).unwrap_err();
    // Looking is no call of the agent.
    assert_eq!(control.snapshot().sessions[0].calls, 1);
}

#[test]
fn calls_say_what_came_of_them_and_keep_secrets() {
    let (host, site) = (TestHost::start(), Site::start());
    let control = host.control();
    let mut agent = host.client_with("teller", &["--caps=storage"]);
    agent.open(&site.page("/told", "<title>A page\u{202e} of hostile words</title><h1>Hello</h1>"));
    agent.ok("browser_evaluate", json!({"function": "() => 'line one\\npassword: hunter2'"}));
    let failed = agent.call("browser_click", json!({"target": "e999"})).err();
    agent.ok("browser_cookie_set", json!({"name": "sid", "value": "crumbs"}));
    agent.ok("browser_cookie_list", json!({}));
    let session = control.session_of("teller");
    let calls = control.session(&session).unwrap().calls;
    let of = |tool: &str| calls.iter().find(|call| call.tool == tool).unwrap_or_else(|| panic!("{tool}: {calls:?}"));
    let result = |tool: &str| of(tool).result.clone().unwrap_or_default();
    let navigated = result("browser_navigate");
    assert!(
        navigated.starts_with(&format!("Page URL: {}\nPage Title: A page of hostile words", site.url("/told"))),
        "{navigated}"
    );
    let evaluated = result("browser_evaluate");
    assert!(evaluated.contains("line one") && !evaluated.contains("hunter2"), "{evaluated}");
    let clicked = of("browser_click");
    let said = clicked.result.as_deref().unwrap_or_default();
    assert!(
        clicked.failed == Some(true) && failed.text.contains(said.lines().next().unwrap()),
        "{said} {}",
        failed.text
    );
    assert_eq!(of("browser_cookie_list").failed, Some(false));
    let all = serde_json::to_string(&calls).unwrap();
    assert!(!result("browser_cookie_list").contains("crumbs"), "{all}");
    assert_eq!(control.snapshot().sessions[0].running, None);
}

#[test]
fn a_tab_is_closed_and_history_is_cleared_from_outside() {
    let (host, site) = (TestHost::start(), Site::start());
    let control = host.control();
    let mut agent = host.agent(Via::Socket, "closer");
    agent.ok("browser_navigate", json!({"url": site.url("/ok")}));
    agent.ok("browser_tabs", json!({"action": "new", "url": site.url("/ok")}));
    let session = control.session_of("closer");
    let tabs = || control.snapshot().sessions[0].tabs.iter().map(|tab| tab.id).collect::<Vec<_>>();
    let open = tabs();
    assert_eq!(open.len(), 2);
    let close = |tab| control.ask(Command::CloseTab { session: session.clone(), tab });
    assert_eq!(close(open[1]).unwrap(), Reply::Done(1));
    wait_for("one tab is left", Duration::from_secs(10), || match tabs() {
        left if left == open[..1] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(close(open[1]).unwrap_err().code, Code::TargetUnknown);
    // The session goes on in the tab that is left.
    agent.ok("browser_snapshot", json!({}));

    agent.kill();
    wait_for("its report is there", Duration::from_secs(20), || match control.snapshot().recent.len() {
        1 => Ok(()),
        other => Err(format!("{other} reports")),
    });
    assert_eq!(control.ask(Command::ClearHistory).unwrap(), Reply::Done(1));
    assert!(control.snapshot().recent.is_empty());
    assert_eq!(control.ask(Command::ClearHistory).unwrap(), Reply::Done(0));
}
