//! The command line: `status`, `sessions`, `end`, `history`, `doctor`.

use std::{
    net::{SocketAddr, TcpStream},
    process::Output,
    time::Duration,
};

use serde_json::{Value, json};
use support::{Calls, Place, Site, TestHost, Via, http, wait_for};

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    fn ok(self) -> Self {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in: {}", self.out))
    }
}

fn ebb(host: &TestHost, words: &[&str]) -> Said {
    Said::of(&host.ebb(words).output().unwrap())
}

#[test]
fn a_running_host_gives_a_link_to_its_dashboard() {
    let mut host = TestHost::start();
    let link = |words: &[&str]| ebb(&host, words).ok();
    let first = link(&["dashboard"]).out;
    assert!(first.starts_with("dashboard at http://127.0.0.1:") && first.contains(" (works once,"), "{first}");
    let second = link(&["dashboard", "--json"]).json()["url"].as_str().unwrap().to_owned();
    let url = first.split(' ').nth(2).unwrap();
    let (base, code) = url.split_once("#code=").unwrap();
    assert!(
        second.starts_with(base) && code.len() > 20 && !second.ends_with(code),
        "one server, a code each: {second}"
    );
    let target: SocketAddr = base.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let page = format!("GET / HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    assert_eq!(http::raw(target, page.as_bytes()).unwrap().status, 200);
    let (status, _) = host.terminate();
    assert!(status.success() && TcpStream::connect(target).is_err(), "it ends with its host: {status}");
}

#[test]
fn questions_to_a_running_host() {
    let (host, site) = (TestHost::start(), Site::start());
    let empty = ebb(&host, &["status"]).ok();
    assert!(empty.out.starts_with("No sessions. Nothing is left behind.\n"), "{}", empty.out);
    assert_eq!(ebb(&host, &["sessions"]).ok().out, "No sessions\n");
    assert_eq!(ebb(&host, &["history"]).ok().out, "No cleanups\n");

    let mut agent = host.agent(Via::Bridge, "Test Agent");
    agent.open(&site.url("/ok"));
    agent.large("text", 100);
    let named = agent.ok("session_open", json!({"name": "second one"}));
    let named = named.meta["session"].as_str().unwrap().to_owned();
    let session = host.control().snapshot().sessions.iter().find(|view| view.name.is_none()).unwrap().id.to_string();

    let status = ebb(&host, &["status"]).ok();
    assert!(status.out.starts_with("2 sessions hold "), "{}", status.out);
    for words in [
        &format!("(pid {})", host.pid()),
        "clients   1\n",
        "Chrome/",
        &format!("socket    {}", host.socket().display()),
    ] {
        assert!(status.out.contains(words), "{words} is not in: {}", status.out);
    }
    let view = ebb(&host, &["status", "--json"]).ok().json();
    assert_eq!(
        (&view["host"]["pid"], view["sessions"].as_array().map(Vec::len)),
        (&json!(host.pid()), Some(2)),
        "{view}"
    );

    let sessions = ebb(&host, &["sessions"]).ok();
    let lines: Vec<&str> = sessions.out.lines().collect();
    assert!(lines[0].starts_with("SESSION") && lines.len() == 3, "{}", sessions.out);
    assert!(lines[1].contains(&session[..12]) && lines[1].contains("Test Agent"), "{}", sessions.out);
    assert!(lines[2].contains(&named[..12]) && lines[2].contains("second one"), "{}", sessions.out);
    let list = ebb(&host, &["sessions", "--json"]).ok().json();
    assert_eq!(
        (&list[0]["id"], &list[0]["cursors"], &list[1]["name"]),
        (&json!(session), &json!(1), &json!("second one"))
    );

    // By a prefix, by a name; what cannot be meant is refused with what to do.
    for (words, code) in
        [("ses_", "session_unknown"), ("no such name", "session_unknown"), ("ses_abc", "session_unknown")]
    {
        let refused = ebb(&host, &["end", words, "--json"]);
        assert_eq!(
            (refused.code, &refused.json()["error"]["code"]),
            (Some(1), &json!(code)),
            "{words}: {}",
            refused.out
        );
        let refused = ebb(&host, &["end", words]);
        assert!(
            refused.code == Some(1) && refused.err.starts_with("ebb: ") && refused.err.lines().count() == 2,
            "{}",
            refused.err
        );
    }
    let ended = ebb(&host, &["end", &session[..12]]).ok();
    assert!(ended.out.starts_with(&format!("Session {session} ended in ")), "{}", ended.out);
    assert!(ended.out.contains("cursors done (1), browser done, state done\nFreed "), "{}", ended.out);
    let ended = ebb(&host, &["end", "second one", "--json"]).ok().json();
    assert_eq!((&ended["session"], &ended["outcome"]), (&json!(named), &json!("clean")));

    let history = ebb(&host, &["history"]).ok();
    let lines: Vec<&str> = history.out.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("ENDED"), "{}", history.out);
    assert!(lines[1].contains("second one") && lines[2].contains(&session[..12]), "newest first: {}", history.out);
    assert!(lines[1].contains("ended by ebb end") && lines[1].contains("Clean, "), "{}", history.out);
    let page = ebb(&host, &["history", "--limit", "1", "--json"]).ok().json();
    assert_eq!(
        (page["reports"].as_array().map(Vec::len), &page["more"], &page["totals"]["count"]),
        (Some(1), &json!(true), &json!(2))
    );
    assert_eq!(ebb(&host, &["history", "--reason", "client_died"]).ok().out, "No cleanups\n");
    let wrong = ebb(&host, &["history", "--reason", "boredom"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("client_died"), "the reasons are named: {}", wrong.err);

    let doctor = ebb(&host, &["doctor"]);
    assert_eq!(doctor.code, Some(0), "{}{}", doctor.out, doctor.err);
    for check in ["chromium", "start", "room", "left", "settings", "cursors"] {
        let well = format!("ok    {check}");
        assert!(doctor.out.lines().any(|line| line.starts_with(&well)), "{check}: {}", doctor.out);
    }
    assert!(
        doctor.out.lines().any(|line| line.contains("host") && line.contains(&host.pid().to_string())),
        "{}",
        doctor.out
    );
    let checks = ebb(&host, &["doctor", "--json"]).json();
    let of_checks: Vec<&str> = checks.as_array().unwrap().iter().filter_map(|check| check["name"].as_str()).collect();
    assert!(["chromium", "sandbox", "data", "sockets"].iter().all(|name| of_checks.contains(name)), "{of_checks:?}");
}

#[test]
fn questions_where_no_host_runs() {
    let place = Place::new();
    let ask = |words: &[&str]| Said::of(&place.command("ebb").args(words).output().unwrap());
    for words in [&["status"][..], &["sessions"], &["history"], &["end", "ses_abcdef"]] {
        let said = ask(words);
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{words:?}: {}", said.err);
        assert!(said.err.starts_with("ebb: Ebb is not running (no socket: "), "{words:?}: {}", said.err);
        assert!(said.err.contains("`ebb serve`"), "what to do: {}", said.err);
        let said = ask(&[words, &["--json"]].concat());
        assert_eq!((said.code, said.err.as_str()), (Some(1), ""), "{words:?}");
        assert!(said.json()["error"]["message"].as_str().unwrap().starts_with("Ebb is not running"), "{}", said.out);
    }
    let doctor = ask(&["doctor"]);
    assert_eq!(doctor.code, Some(0), "a machine without a running Ebb is well: {}", doctor.out);
    assert!(doctor.out.lines().any(|line| line.starts_with("ok    windows")), "{}", doctor.out);
    let doctor = ask(&["doctor", "--browser", "/no/such/browser"]);
    assert!(doctor.code == Some(1) && doctor.out.contains("FAIL  chromium"), "{}", doctor.out);
    assert_eq!(procs_names(&place), Vec::<String>::new(), "asking makes no file");
}

fn procs_names(place: &Place) -> Vec<String> {
    ["home", "run", "tmp"].iter().flat_map(|part| support::procs::names(&place.path().join(part))).collect()
}

#[test]
fn answers_for_people_about_the_program_itself() {
    let place = Place::new();
    let ask = |words: &[&str]| Said::of(&place.command("ebb").args(words).output().unwrap());
    assert_eq!(ask(&["--version"]).ok().out, format!("ebb {}\n", env!("CARGO_PKG_VERSION")));
    let help = ask(&["--help"]).ok().out;
    for command in ["connect", "serve", "status", "sessions", "end", "history", "doctor"] {
        assert!(help.contains(&format!("\n  {command}")), "{help}");
    }
    let wrong = ask(&["sesions"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("sessions"), "{}", wrong.err);
}

#[test]
fn cursors_are_listed_and_closed() {
    let host = TestHost::start();
    assert_eq!(run(&host, &["cursors"]).0, "No open cursors\n");
    let mut agent = host.agent(Via::Socket, "reader");
    let one = agent.large("one", 50).cursor().to_owned();
    let two = agent.large("two", 60).cursor().to_owned();
    let session = host.control().session_of("reader");
    let (text, ok) = run(&host, &["cursors"]);
    assert!(ok && text.contains(&one) && text.contains(&two), "{text}");
    assert!(text.contains("2 cursors, ") && text.contains("in the memory store"), "{text}");
    let (json, _) = run(&host, &["cursors", "--session", &session, "--json"]);
    let list: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((list["count"].as_u64(), list["store"].as_str()), (Some(2), Some("memory")));
    assert_eq!(run(&host, &["cursors", "close", &one]), ("Closed 1 cursor\n".to_owned(), true));
    assert_eq!(agent.call("cursor_read", json!({"cursor": one})).err().code(), "cursor_unknown");
    agent.ok("cursor_read", json!({"cursor": two}));
    assert_eq!(run(&host, &["cursors", "close", "--session", &session]), ("Closed 1 cursor\n".to_owned(), true));
    assert!(!run(&host, &["cursors", "close", &two]).1, "it is gone");
    assert!(!run(&host, &["cursors", "close"]).1, "which ones?");
    assert!(!run(&host, &["cursors", "--session", "nobody"]).1);
}

#[test]
fn history_is_filtered_shown_and_exported() {
    let host = TestHost::start();
    for name in ["alpha", "=beta,\"x\"", "gamma"] {
        let mut agent = host.agent(Via::Socket, name);
        agent.open("about:blank");
        agent.large("held", 200);
        let session = host.control().session_of(name);
        if name == "gamma" {
            host.control().end(&session, ebb_core::cleanup::AskedBy::Cli).unwrap();
        }
        agent.kill();
        wait_for("its row is written", Duration::from_secs(5), || match host.rows().reports(&session) {
            1 => Ok(()),
            seen => Err(format!("{seen} reports")),
        });
    }
    let count = |words: &[&str]| {
        let (json, ok) = run(&host, &[&["history", "--json"], words].concat());
        assert!(ok, "{words:?}: {json}");
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["totals"]["count"].as_u64().unwrap()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--reason", "manual"]), 1);
    assert_eq!(count(&["--client", "ALPHA"]), 1);
    assert_eq!(count(&["--client", "alph"]), 0, "the whole name");
    assert_eq!(count(&["--text", "eta"]), 1);
    assert_eq!(count(&["--outcome", "with_problems"]), 0);
    assert_eq!(count(&["--since", "1h"]), 3);
    assert_eq!(count(&["--until", "1h"]), 0);
    assert_eq!(count(&["--freed", "100000"]), 0);
    assert_eq!(count(&["--project", "project"]), 3);
    let (steps, _) = run(&host, &["history", "--steps", "--reason", "manual"]);
    for words in
        ["gamma", "ended by ebb end (asked by cli)", "DevTools", "cursors", "browser", "state", "freed", "1 tab"]
    {
        assert!(steps.contains(words), "{words}: {steps}");
    }
    let session = host.control().history(ebb_host::control::HistoryQuery::default()).reports[0].session.to_string();
    assert!(run(&host, &["history", &session]).0.contains(&session));
    assert!(!run(&host, &["history", "rep_nothing"]).1);
    let (csv, ok) = run(&host, &["history", "--export", "csv"]);
    assert!(ok);
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines.len(), 5, "a head, three rows, the end: {csv}");
    assert!(lines[0].starts_with("report,session,") && csv.contains("\"'=beta,\"\"x\"\"\""), "{csv}");
    let (json, _) = run(&host, &["history", "--export", "json", "--reason", "client_died"]);
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&json).unwrap().len(), 2);
    assert!(!run(&host, &["history", "--since", "yesterday"]).1);
}

#[test]
fn completions_and_the_manual_need_no_host() {
    let host = TestHost::start();
    for shell in ["bash", "zsh", "fish"] {
        let output = host.command("ebb").args(["completions", shell]).output().unwrap();
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("cursors"), "{shell}");
    }
    let output = host.command("ebb").arg("man").output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b".ie") || output.stdout.starts_with(b".TH"));
}

/// What `ebb` says on standard output, and whether all was well.
fn run(host: &TestHost, words: &[&str]) -> (String, bool) {
    let output = host.ebb(words).output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

/// F70 from outside: the file's good settings hold, its mistakes are named everywhere, the host runs.
#[test]
fn f70_settings_file() {
    let mut host = TestHost::start();
    host.terminate();
    let file = host.home().join(".config/ebb/config.toml");
    assert_eq!(run_bare(&host, &["config", "path"]), (format!("{}\n", file.display()), true));
    assert_eq!(run_bare(&host, &["config", "get", "sessions.max"]), ("256\n".to_owned(), true));
    assert!(run_bare(&host, &["config", "set", "sessions.max", "2"]).1);
    assert!(!run_bare(&host, &["config", "set", "sessions.max", "none"]).1);
    assert!(!run_bare(&host, &["config", "set", "sessions.mx", "2"]).1);
    assert!(run_bare(&host, &["config", "check"]).1);
    let mut text = std::fs::read_to_string(&file).unwrap();
    text += "max_tabs = \"many\"\nshoe_size = 43\n";
    std::fs::write(&file, text).unwrap();
    let (told, well) = run_bare(&host, &["config", "check"]);
    assert!(!well && told.contains("line 3: sessions.max_tabs: expected a whole number"), "{told}");
    assert!(told.contains("line 4: sessions.shoe_size: no setting is called so"), "{told}");
    host.restart();
    let problem = host.control().snapshot().host.config_problem.expect("the window says so");
    assert!(problem.contains("shoe_size") && problem.contains("config.toml"), "{problem}");
    assert!(run(&host, &["status"]).0.contains("settings  "));
    let mut agent = host.agent(Via::Socket, "greedy");
    for n in 0..2 {
        agent.ok("session_open", json!({"name": format!("{n}")}));
    }
    let refused = agent.call("session_open", json!({})).err();
    assert_eq!(refused.code(), "limit_reached", "{}", refused.text);
    assert!(run_bare(&host, &["config", "unset", "sessions.max"]).1);
    assert!(run_bare(&host, &["config", "list"]).0.contains("sessions.idle_minutes"));
    let (told, well) = run_bare(&host, &["config", "check", "--config", "/nowhere/x.toml"]);
    assert!(!well && told.contains("does not exist"), "a file that was named is expected to be there: {told}");
    let path: Value = serde_json::from_str(&run_bare(&host, &["config", "path", "--json"]).0).unwrap();
    assert_eq!(path["file"], file.display().to_string());
    let level = host.command("ebb").args(["config", "get", "log.level"]).env("RUST_LOG", "trace").output().unwrap();
    assert!(String::from_utf8_lossy(&level.stdout).contains("trace"), "the environment wins: {level:?}");
}

/// `ebb` without a host in mind.
fn run_bare(host: &TestHost, words: &[&str]) -> (String, bool) {
    let output = host.command("ebb").args(words).output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}
