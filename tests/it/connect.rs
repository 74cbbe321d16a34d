//! `ebb connect` and the host that it starts, or does not.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ebb_host::paths::{Endpoint, Environment, PathOptions, Paths};
use rustix::process::Signal;
use serde_json::json;
use support::{Agent, AgentOptions, Calls, Control, Place, TestHost, Via, ms, procs, record, wait_for};

/// What official SDKs leave to a server that they start.
fn six(place: &Place) -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap();
    let home = place.home().display().to_string();
    [
        ("HOME", home.as_str()),
        ("LOGNAME", "somebody"),
        ("PATH", &path),
        ("SHELL", "/bin/sh"),
        ("TERM", "dumb"),
        ("USER", "somebody"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Clients whose bridge knows nothing but these six.
fn bare(place: &Place, name: &str) -> Agent {
    let options = AgentOptions {
        environment: Some(six(place)),
        bridge: Some(vec!["connect".to_owned()]),
        ..AgentOptions::default()
    };
    Agent::spawn(place, Path::new("-"), Via::Bridge, name, &options)
}

/// Where a host for these six variables must be, as the program's own function says.
fn paths(place: &Place) -> Paths {
    let paths = Paths::resolve_in(&Environment::of(six(place)), &PathOptions::default()).unwrap();
    assert!(
        paths.mcp_sock.starts_with(place.path()) || !paths.mcp_sock.exists(),
        "somebody's own Ebb runs at {}: end it first",
        paths.mcp_sock.display()
    );
    paths
}

/// Hosts that were started in this place.
fn hosts(place: &Place) -> Vec<procs::Process> {
    let serves = |process: &procs::Process| process.command.contains("ebb serve");
    place.processes().into_iter().filter(serves).collect()
}

/// Ends a host that a bridge started, by its pid, and checks that it leaves nothing.
fn end(place: &Place, paths: &Paths, pid: u32) {
    procs::signal(pid, Signal::TERM);
    wait_for("the host ends", Duration::from_secs(15), || match hosts(place) {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
    for path in [&paths.mcp_sock, &paths.control_sock, &paths.endpoint_file] {
        assert!(!path.exists(), "{} is left", path.display());
    }
    assert_eq!(procs::names(&paths.run_dir), Vec::<String>::new());
}

#[test]
fn a_client_with_six_variables_gets_a_host() {
    let place = Place::new();
    let paths = paths(&place);
    let began = Instant::now();
    let mut agent = bare(&place, "bare");
    agent.shake_hands();
    record("connect: a host and initialize", began.elapsed(), ms(1_000));
    agent.open("about:blank");
    record("connect: a host and a page", began.elapsed(), ms(3_000));
    let endpoint = Endpoint::read(&paths.endpoint_file).expect("the host says where it is");
    assert_eq!((&endpoint.mcp_sock, &endpoint.data_dir), (&paths.mcp_sock, &paths.data_dir));
    let found = hosts(&place);
    assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [endpoint.pid], "{}", procs::brief(&found));

    // It belongs to nobody: its own process session, no folder of the client, none of its streams.
    let proc = PathBuf::from(format!("/proc/{}", endpoint.pid));
    assert_eq!(fs::read_link(proc.join("cwd")).unwrap(), Path::new("/"));
    let ancestors = procs::below(agent.pid());
    assert!(!ancestors.contains(&found[0]), "it is the client's child: {}", procs::brief(&ancestors));
    let environment = fs::read(proc.join("environ")).unwrap();
    let names: BTreeSet<&str> = environment
        .split(|byte| *byte == 0)
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.split('=').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.is_subset(&BTreeSet::from(["HOME", "LOGNAME", "PATH", "SHELL", "USER"])), "{names:?}");

    // The client goes as any other; the host it started stays for the next one.
    let began = agent.kill();
    let control = Control::connect(&paths.control_sock);
    wait_for("the session ends", Duration::from_secs(5), || match control.snapshot() {
        view if view.sessions.is_empty() && view.clients.is_empty() => Ok(()),
        view => Err(format!("{:?}", view.clients)),
    });
    record("connect: client killed", began.elapsed(), ms(500));
    assert_eq!(hosts(&place), found);
    end(&place, &paths, endpoint.pid);
}

#[test]
fn twenty_at_once_start_exactly_one_host() {
    let place = Place::new();
    let paths = paths(&place);
    let began = Instant::now();
    let mut agents: Vec<Agent> = (0..20).map(|n| bare(&place, &format!("bare {n}"))).collect();
    agents.iter_mut().for_each(Agent::shake_hands);
    record("connect: twenty at once", began.elapsed(), Duration::from_secs(5));
    for agent in &mut agents {
        agent.ok("session_open", json!({}));
    }
    let endpoint = Endpoint::read(&paths.endpoint_file).expect("the host says where it is");
    wait_for("the losers end", Duration::from_secs(10), || match hosts(&place) {
        found if found.len() == 1 && found[0].pid == endpoint.pid => Ok(()),
        found => Err(procs::brief(&found)),
    });
    let control = Control::connect(&paths.control_sock);
    let view = control.snapshot();
    assert_eq!((view.clients.len(), view.sessions.len(), view.host.pid), (20, 20, endpoint.pid));
    for agent in &mut agents {
        agent.kill();
    }
    wait_for("all sessions end", Duration::from_secs(10), || match control.snapshot().sessions.len() {
        0 => Ok(()),
        left => Err(format!("{left} sessions")),
    });
    end(&place, &paths, endpoint.pid);
}

/// The host dies under a living bridge: the call in flight is answered, the bridge starts the next host, and
/// what was lost is unknown there.
#[test]
fn f20_the_bridge_of_a_dead_host_starts_the_next_one() {
    let place = Place::new();
    let paths = paths(&place);
    let mut agent = bare(&place, "survivor");
    agent.shake_hands();
    agent.open("about:blank");
    let cursor = agent.large("survivor", 100).cursor().to_owned();
    let first = Endpoint::read(&paths.endpoint_file).unwrap();
    let control = Control::connect(&paths.control_sock);
    let call = agent.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"}));
    wait_for("the call runs", Duration::from_secs(10), || {
        let running = control.sessions_of("survivor").remove(0).running;
        running.filter(|call| call.tool == "browser_evaluate").ok_or_else(|| "no call runs".to_owned())
    });
    let session = control.session_of("survivor");
    procs::kill(first.pid);
    let told = agent.answer(call, Duration::from_secs(20)).expect("the bridge answers for a dead host").err();
    assert!(told.text.contains("died while this call ran"), "{}", told.text);
    let began = Instant::now();
    let next = agent.call("cursor_list", json!({}));
    record("connect: next host", began.elapsed(), ms(1_000));
    eprintln!("the first call after a crash: {}", next.text);
    assert_eq!(agent.call("cursor_read", json!({"cursor": cursor})).err().code(), "cursor_unknown");
    agent.open("about:blank");
    let second = Endpoint::read(&paths.endpoint_file).unwrap();
    assert_ne!(first.pid, second.pid);
    assert_eq!(procs::names(&paths.run_dir).len(), 1, "only the new browser has a folder");
    let control = Control::connect(&paths.control_sock);
    let reports = control.reports_of(&session);
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].reason.key(), "recovered_at_start");
    agent.kill();
    end(&place, &paths, second.pid);
}

/// The same while nothing runs: the first call that needs the session says what was lost, once.
#[test]
fn f20_an_idle_client_of_a_dead_host_is_told_once() {
    let place = Place::new();
    let paths = paths(&place);
    let mut agent = bare(&place, "survivor");
    agent.shake_hands();
    agent.open("about:blank");
    agent.evaluate("() => { window.mark = 1; return 1; }");
    let first = Endpoint::read(&paths.endpoint_file).unwrap().pid;
    procs::kill(first);
    let second = wait_for("the next host says where it is", Duration::from_secs(5), || {
        let pid = Endpoint::read(&paths.endpoint_file).map(|endpoint| endpoint.pid);
        pid.filter(|pid| *pid != first).ok_or_else(|| format!("{pid:?}"))
    });
    let told = agent.call("browser_evaluate", json!({"function": "() => window.mark"}));
    let after = agent.call("browser_evaluate", json!({"function": "() => 1"}));
    agent.kill();
    end(&place, &paths, second);
    assert!(told.is_error && told.code() == "session_ended", "a page that nobody had opened answered: {}", told.text);
    assert!(!after.is_error, "told twice: {}", after.text);
}

/// Ten hosts in a row die under one idle bridge, which starts the next one each time.
#[test]
fn f20_ten_deaths_under_one_bridge_that_starts_hosts() {
    let place = Place::new();
    let paths = paths(&place);
    let mut agent = bare(&place, "survivor");
    agent.shake_hands();
    let bridge = agent.bridge();
    let mut pids = BTreeSet::new();
    for round in 0..10 {
        let opened = agent.call("session_open", json!({}));
        assert!(!opened.is_error, "round {round}: {}", opened.text);
        let pid = Endpoint::read(&paths.endpoint_file).expect("the host says where it is").pid;
        assert!(pids.insert(pid), "another host each time: {pids:?}");
        procs::kill(pid);
        // A call into the last moment of a host is answered for by the bridge, which is another test.
        wait_for("the next host says where it is", Duration::from_secs(10), || {
            let next = Endpoint::read(&paths.endpoint_file).map(|endpoint| endpoint.pid);
            if next.is_some_and(|next| next != pid) { Ok(()) } else { Err(format!("{next:?}")) }
        });
    }
    let began = Instant::now();
    agent.ok("session_open", json!({}));
    record("connect: the eleventh host", began.elapsed(), ms(1_000));
    assert_eq!(agent.bridge(), bridge);
    let last = Endpoint::read(&paths.endpoint_file).unwrap().pid;
    wait_for("one host runs", Duration::from_secs(5), || match hosts(&place) {
        found if found.len() == 1 && found[0].pid == last => Ok(()),
        found => Err(procs::brief(&found)),
    });
    agent.kill();
    end(&place, &paths, last);
}

/// Quit by the user: the bridge says so and starts nothing.
#[test]
fn after_an_orderly_quit_nothing_is_started() {
    let mut host = TestHost::start();
    let connect = ["connect", "--socket", host.socket().to_str().unwrap()].map(str::to_owned).to_vec();
    let options = AgentOptions { bridge: Some(connect), ..AgentOptions::default() };
    let mut agent = Agent::spawn(host.place(), &host.socket(), Via::Bridge, "agent", &options);
    agent.shake_hands();
    agent.open("about:blank");
    let call = agent.send("browser_evaluate", json!({"function": "() => new Promise(() => {})"}));
    let control = host.control();
    wait_for("the call runs", Duration::from_secs(10), || {
        control.sessions_of("agent").remove(0).running.ok_or_else(|| "no call runs".to_owned())
    });
    let session = control.session_of("agent");
    let (status, took) = host.terminate();
    record("quit with a running call", took, Duration::from_secs(3));
    assert!(status.success(), "{status}");
    let told = agent.answer(call, Duration::from_secs(10)).expect("an answer").err();
    assert!(
        told.text.contains("Ebb is stopping")
            || told.text.contains("Ebb stopped")
            || told.text.contains("quit by the user"),
        "{}",
        told.text
    );
    agent.ended(Duration::from_secs(10));
    assert_eq!(hosts(host.place()), Vec::new());
    assert_eq!(host.chromium(), Vec::new());
    let rows = host.rows();
    assert_eq!(
        (rows.reports(&session), rows.reason(&session).as_deref(), rows.is_open(&session)),
        (1, Some("shutdown"), false)
    );
}

#[test]
fn without_a_host_and_without_leave_to_start_one_it_says_so() {
    let place = Place::new();
    let mut connect = place.command("ebb");
    let output = connect.args(["connect", "--no-start"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no Ebb is running at") && said.contains("ebb serve"), "{said}");
    assert!(output.stdout.is_empty(), "standard output carries MCP and nothing else");
    assert_eq!(hosts(&place), Vec::new());
}
