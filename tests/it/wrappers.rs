//! F03, F04, F17: what stands between a client and its session, and lives on or stands still when it goes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;
use support::{Agent, AgentOptions, Calls, Lost, Scene, Via, holds_for, ms, procs, record, wait_for};

/// What starts the bridge, with the words before `ebb connect ...`.
type Wrapper = (&'static str, PathBuf, Vec<String>);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A script of `node` in the place, which passes on what it is called with.
fn script(scene: &Scene, name: &str, text: &str) -> String {
    let path = scene.host.path().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A program under another name, by which it is known.
fn renamed(scene: &Scene, program: &str, name: &str) -> PathBuf {
    let path = scene.host.path().join(name);
    fs::copy(program, &path).unwrap();
    path
}

/// Package runners as they really are: pipes handed through, ends of input ignored.
fn wrappers(scene: &Scene) -> Vec<Wrapper> {
    let inherits = "const { spawn } = require('child_process');
        const [program, ...rest] = process.argv.slice(2);
        const child = spawn(program, rest, { stdio: 'inherit' });
        child.on('exit', (code) => process.exit(code ?? 1));
        setInterval(() => {}, 1000);";
    let pipes = "const { spawn } = require('child_process');
        process.title = 'npm exec ebb connect';
        const child = spawn('sh', ['-c', '\"$0\" \"$@\"; exit $?', ...process.argv.slice(2)], {
          stdio: ['pipe', 'inherit', 'inherit'],
        });
        process.stdin.on('data', (bytes) => child.stdin.write(bytes));
        child.on('exit', (code) => process.exit(code ?? 1));
        setInterval(() => {}, 1000);";
    let node = || PathBuf::from("node");
    vec![
        ("sh", "/bin/sh".into(), words(&["-c", "\"$0\" \"$@\"; exit $?"])),
        ("sh, exec", "/bin/sh".into(), words(&["-c", "exec \"$0\" \"$@\""])),
        ("bash", "/bin/bash".into(), words(&["-c", "\"$0\" \"$@\"; true"])),
        ("bash, exec", "/bin/bash".into(), words(&["-c", "exec \"$0\" \"$@\""])),
        ("env", "env".into(), words(&["FORCE_COLOR=0"])),
        ("timeout", "timeout".into(), words(&["600"])),
        ("npx", node(), vec![script(scene, "npx", inherits)]),
        ("npm exec", node(), vec![script(scene, "npm-cli.js", pipes)]),
        ("a package's own script", node(), vec![script(scene, "ebb.js", inherits)]),
        ("uvx", renamed(scene, "/bin/sh", "uvx"), words(&["-c", "\"$0\" \"$@\"; exit $?"])),
    ]
}

fn wrapped(scene: &Scene, name: &str, (_, program, before): &Wrapper) -> Agent {
    let options = AgentOptions { wrapper: Some((program.clone(), before.clone())), ..AgentOptions::default() };
    let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), Via::Bridge, name, &options);
    agent.shake_hands();
    agent
}

#[test]
fn f03_killed_behind_every_wrapper() {
    let mut scene = Scene::new();
    for (n, wrapper) in wrappers(&scene).into_iter().enumerate() {
        let name = format!("victim {n}");
        let mut agent = wrapped(&scene, &name, &wrapper);
        agent.open(&scene.site.url("/ok"));
        let session = scene.control.session_of(&name);
        let shown = scene.control.session(&session).unwrap().session.client.process.expect("its process is known");
        assert_eq!(shown.pid, agent.pid(), "{}: the agent is the client, not {}", wrapper.0, shown.name);
        let began = agent.kill();
        scene.gone(&Lost {
            what: &format!("f03 {}", wrapper.0),
            began,
            limit: ms(500),
            sessions: &[session],
            reason: "client_died",
            by: None,
        });
    }
}

/// Clients end what they started, not what that started: the wrapper is killed and the client lives.
#[test]
fn f03_killed_wrapper_of_a_living_client() {
    let mut scene = Scene::new();
    let wrapper = ("sh", "/bin/sh".into(), words(&["-c", "\"$0\" \"$@\"; exit $?"]));
    let mut agent = wrapped(&scene, "victim", &wrapper);
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let below = procs::below(agent.pid());
    let shell = below.iter().find(|process| process.command.starts_with("/bin/sh")).expect("the wrapper runs");
    let began = Instant::now();
    procs::kill(shell.pid);
    scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
    scene.gone(&Lost {
        what: "f03 wrapper only",
        began,
        limit: ms(500),
        sessions: &[session],
        reason: "client_died",
        by: None,
    });
}

/// A third process that inherited the client's ends of the connection keeps nothing alive.
#[test]
fn f04_ends_held_by_a_third_process() {
    let mut scene = Scene::new();
    for via in Via::BOTH {
        let options = AgentOptions { words: words(&["--hold"]), ..AgentOptions::default() };
        let name = format!("victim {}", via.name());
        let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), via, &name, &options);
        agent.shake_hands();
        agent.open(&scene.site.url("/ok"));
        let session = scene.control.session_of(&name);
        let below = procs::below(agent.pid());
        let holder = below.into_iter().find(|process| process.command == "sleep 600").expect("somebody holds it");
        scene.base.processes.insert(holder.clone());
        let began = agent.kill();
        let lost = Lost {
            what: &format!("f04 {}", via.name()),
            began,
            limit: ms(500),
            sessions: &[session],
            reason: "client_died",
            by: None,
        };
        scene.gone(&lost);
        assert!(holder.runs(), "it still holds the ends");
        procs::kill(holder.pid);
    }
}

/// The other way round: who only holds the ends may go as it likes.
#[test]
fn f04_a_third_process_that_ends_takes_nothing_along() {
    let scene = Scene::new();
    for via in Via::BOTH {
        let options = AgentOptions { words: words(&["--hold"]), ..AgentOptions::default() };
        let name = format!("owner {}", via.name());
        let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), via, &name, &options);
        agent.shake_hands();
        agent.evaluate("() => { window.mark = 1; return 1; }");
        let session = scene.control.session_of(&name);
        let below = procs::below(agent.pid());
        procs::kill(below.iter().find(|process| process.command == "sleep 600").expect("somebody holds it").pid);
        holds_for("the session stays", ms(1_500), || match scene.control.session(&session) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        assert_eq!(agent.evaluate("() => window.mark"), "1");
        agent.kill();
    }
}

/// The bridge cannot act, so the host does; the bridge goes as soon as it can.
#[test]
fn f04_client_of_a_frozen_bridge_killed() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Bridge, "victim");
    agent.open(&scene.site.url("/ok"));
    let session = scene.control.session_of("victim");
    let bridge = agent.bridge();
    procs::freeze(bridge);
    let began = agent.kill();
    let sessions = [session];
    let lost =
        Lost { what: "f04 frozen bridge", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None };
    scene.sessions_go(&lost);
    assert_eq!(procs::of(bridge).expect("it is still there").state, 'T');
    let thawed = Instant::now();
    procs::signal(bridge, Signal::CONT);
    scene.gone(&Lost { began: thawed, what: "f04 frozen bridge, thawed", ..lost });
}

/// A client that stands still is a client. Real clients stand still for as long as a laptop is closed; here it
/// is as long as a test may take.
#[test]
fn f17_frozen_clients_keep_their_sessions() {
    const FROZEN: Duration = Duration::from_secs(25);
    let mut scene = Scene::new();
    let mut agents: Vec<Agent> = Vec::new();
    for via in Via::BOTH {
        for n in 0..2 {
            let mut agent = scene.agent(via, &format!("{} {n}", via.name()));
            agent.open(&scene.site.url("/ok"));
            agent.evaluate("() => { window.mark = 'mine'; return 1; }");
            agents.push(agent);
        }
    }
    for agent in &agents {
        procs::freeze(agent.pid());
    }
    let sessions: Vec<String> = agents.iter().map(|agent| scene.control.session_of(agent.name())).collect();
    holds_for("frozen clients are clients", FROZEN, || {
        let there = scene.control.snapshot().sessions.len();
        if there == 1 + sessions.len() { Ok(()) } else { Err(format!("{there} sessions")) }
    });
    // One of each thaws and goes on, the other never gets to.
    let mut killed = Vec::new();
    let mut began = Instant::now();
    for (n, agent) in agents.iter_mut().enumerate() {
        if n % 2 == 0 {
            procs::signal(agent.pid(), Signal::CONT);
            assert_eq!(agent.evaluate("() => window.mark"), "\"mine\"");
            scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| {
                process.pid == agent.pid() || procs::below(agent.pid()).iter().any(|below| below == process)
            }));
        } else {
            killed.push(sessions[n].clone());
            began = agent.kill();
        }
    }
    let lost = Lost {
        what: "f17 frozen and killed",
        began,
        limit: ms(500),
        sessions: &killed,
        reason: "client_died",
        by: None,
    };
    scene.sessions_go(&lost);
    scene.bystander.assert_untouched(&scene.control);
    agents.clear();
}

/// What starts the agent, and lives longer or shorter than it, is not the client.
fn real_client(scene: &Scene, name: &str) -> procs::Process {
    wait_for("the client runs", Duration::from_secs(10), || {
        let wanted = format!("--name {name} ");
        let all = scene.host.processes();
        let is_client = |process: &&procs::Process| {
            process.command.split(' ').next().is_some_and(|program| program.ends_with("/ebb-test-client"))
                && process.command.contains(&wanted)
        };
        all.iter().find(is_client).cloned().ok_or_else(|| procs::brief(&all))
    })
}

fn started_by(scene: &Scene, name: &str, via: Via, parent: (PathBuf, Vec<String>)) -> Agent {
    let options = AgentOptions { parent: Some(parent), ..AgentOptions::default() };
    let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), via, name, &options);
    agent.shake_hands();
    agent.evaluate("() => { window.mark = 'mine'; return 1; }");
    agent
}

#[test]
fn f03_an_editor_that_outlives_its_agent_is_not_the_client() {
    let mut scene = Scene::new();
    let editor = renamed(&scene, "/bin/sh", "editor");
    for via in Via::BOTH {
        let name = format!("agent-{}", via.name());
        let parent = (editor.clone(), words(&["-c", "\"$0\" \"$@\"; read line; exit 0"]));
        let mut agent = started_by(&scene, &name, via, parent);
        let client = real_client(&scene, &name);
        let session = scene.control.session_of(&name);
        assert_ne!(client.pid, agent.pid());
        let shown = scene.control.session(&session).unwrap().session.client.process.expect("its process is known");
        assert_eq!(shown.pid, client.pid, "the agent is the client, not {}", shown.name);
        scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
        let began = Instant::now();
        procs::kill(client.pid);
        scene.gone(&Lost {
            what: &format!("f03 editor {}", via.name()),
            began,
            limit: ms(500),
            sessions: &[session],
            reason: "client_died",
            by: None,
        });
        assert!(agent.runs(), "the editor lives on");
        agent.kill();
    }
}

#[test]
fn f03_a_daemonised_client_is_not_ended_with_its_parent() {
    let mut scene = Scene::new();
    for via in Via::BOTH {
        let name = format!("daemon-{}", via.name());
        let parent = (PathBuf::from("/bin/sh"), words(&["-c", "exec 3<&0; \"$0\" \"$@\" <&3 3<&- & exit 0"]));
        let mut agent = started_by(&scene, &name, via, parent);
        let client = real_client(&scene, &name);
        assert!(!agent.runs(), "its parent is gone");
        let session = scene.control.session_of(&name);
        holds_for("the session stays", Duration::from_secs(3), || match scene.control.session(&session) {
            Ok(_) if client.runs() => Ok(()),
            other => Err(format!("{other:?}")),
        });
        assert_eq!(agent.evaluate("() => window.mark"), "\"mine\"");
        let began = Instant::now();
        procs::kill(client.pid);
        scene.gone(&Lost {
            what: &format!("f03 daemon {}", via.name()),
            began,
            limit: ms(500),
            sessions: &[session],
            reason: "client_died",
            by: None,
        });
    }
}

/// A launcher that ends in order after it has started the bridge let go of it: the client still counts.
#[test]
fn f03_a_launcher_that_lets_go_takes_nothing_along() {
    let mut scene = Scene::new();
    let gate = scene.host.path().join("gate");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &gate,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let lets_go = format!("exec 3<&0; \"$0\" \"$@\" <&3 3<&- & read line <{}; exit 0", gate.display());
    let wrapper = ("launcher", PathBuf::from("/bin/sh"), words(&["-c", &lets_go]));
    let mut agent = wrapped(&scene, "agent", &wrapper);
    agent.evaluate("() => { window.mark = 'mine'; return 1; }");
    let session = scene.control.session_of("agent");
    let launcher = procs::below(agent.pid()).into_iter().find(|process| process.command.starts_with("/bin/sh"));
    let launcher = launcher.expect("the launcher waits");
    fs::write(&gate, "go\n").unwrap();
    wait_for(
        "the launcher ends",
        Duration::from_secs(5),
        || if launcher.runs() { Err(launcher.brief()) } else { Ok(()) },
    );
    fs::remove_file(&gate).unwrap();
    holds_for("the session stays", Duration::from_secs(2), || match scene.control.session(&session) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    assert_eq!(agent.evaluate("() => window.mark"), "\"mine\"");
    let began = agent.kill();
    scene.gone(&Lost {
        what: "f03 launcher gone, client killed",
        began,
        limit: ms(500),
        sessions: &[session],
        reason: "client_died",
        by: None,
    });
}

/// Nobody is left who could read an answer, though everybody is still there.
#[test]
fn f10_a_client_that_takes_no_more_answers() {
    let mut scene = Scene::new();
    let options = AgentOptions { words: words(&["--deaf-after", "2"]), ..AgentOptions::default() };
    let mut agent = Agent::spawn(scene.host.place(), &scene.host.socket(), Via::Bridge, "deaf", &options);
    agent.shake_hands();
    // The answer to this one is the last that it reads.
    let began = Instant::now();
    let opened = agent.ok("browser_navigate", json!({"url": scene.site.url("/ok")}));
    assert!(!opened.is_error);
    record("f10 deaf: a page", began.elapsed(), Duration::from_secs(3));
    let began = Instant::now();
    scene.base.processes.extend(scene.host.processes().into_iter().filter(|process| process.pid == agent.pid()));
    wait_for("its session ends", ms(2_000), || match scene.control.sessions_of("deaf") {
        none if none.is_empty() => Ok(()),
        some => Err(format!("{some:?}")),
    });
    record("f10 deaf: session", began.elapsed(), ms(500));
    assert!(agent.runs());
    let folder: &Path = scene.host.place().path();
    wait_for("its bridge ends", ms(2_000), || match procs::below(agent.pid()) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{} in {}", procs::brief(&left), folder.display())),
    });
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("f10 deaf");
}
