//! The official Inspector: its command line, a process a call, and its daemon, which keeps connections until somebody
//! kills it.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{Era, HostArgs, Lost, Reach, Scene, bin, clients, ms, procs, record, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);
const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];
const REACHES: [Reach; 2] = [Reach::Stdio, Reach::Http];

fn scene() -> Scene {
    Scene::with(HostArgs { http: true, ..HostArgs::default() })
}

/// A program of the Inspector's package.
fn inspector(scene: &Scene, program: &str) -> Command {
    let mut command = scene.host.run(&clients::node_program());
    command.arg(clients::packages().join("@modelcontextprotocol/inspector/clients").join(program));
    // No keychain: a test has no session bus.
    command.env("MCP_INSPECTOR_SECRET_STORE", "memory").stdin(Stdio::null());
    command
}

/// The way to Ebb, as the last arguments.
fn server(scene: &Scene, reach: Reach) -> Vec<String> {
    match reach {
        Reach::Stdio => {
            let (ebb, socket) = (bin("ebb").display().to_string(), scene.host.socket().display().to_string());
            vec!["--".to_owned(), ebb, "connect".to_owned(), "--socket".to_owned(), socket, "--no-start".to_owned()]
        }
        Reach::Http | Reach::Sse => {
            let (url, token) = (format!("http://{}/mcp", scene.host.http()), scene.host.token());
            let header = format!("Authorization: Bearer {token}");
            ["--transport", "http", "--server-url", &url, "--header", &header].map(str::to_owned).to_vec()
        }
    }
}

/// Runs it to its end; what it printed.
fn run(mut command: Command, what: &str) -> Value {
    let out = command.output().unwrap_or_else(|error| panic!("{what}: {error}"));
    let (text, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{what}: {}: {text} {errors}", out.status);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{what}: {error}: {text} {errors}"))
}

/// One question of the command line.
fn ask(scene: &Scene, era: Era, reach: Reach, words: &[&str]) -> Value {
    let mut command = inspector(scene, "launcher/build/index.js");
    command.args(["--cli", "--protocol-era", era.word(), "--format", "json", "-q"]).args(words);
    command.args(server(scene, reach));
    run(command, &format!("inspector {words:?} {era:?} {reach:?}"))
}

/// The strict check of the Inspector finds nothing wrong with the schemas, a call works, and its session goes with it.
#[test]
fn command_line_lists_and_calls() {
    let scene = scene();
    let url = serde_json::json!({"url": scene.site.url("/ok")}).to_string();
    for (era, reach) in ERAS.into_iter().flat_map(|era| REACHES.map(|reach| (era, reach))) {
        let listed = ask(&scene, era, reach, &["--method", "tools/list", "--strict"]);
        let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}"));
        assert!(tools.iter().any(|tool| tool["name"] == "browser_navigate"), "{listed}");
        let began = Instant::now();
        let words = ["--method", "tools/call", "--tool-name", "browser_navigate", "--tool-args-json", &url];
        let called = ask(&scene, era, reach, &words);
        let text = called["result"]["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains("All is well"), "{called}");
        let what = format!("inspector, {}, {reach:?}: a call and nothing left", era.revision());
        wait_for(&what, PATIENCE, || {
            let (sessions, more) = (scene.control.snapshot().sessions.len(), scene.more_processes());
            // The bystander's stays.
            if sessions == 1 && more.is_empty() { Ok(()) } else { Err(format!("{sessions}, {}", procs::brief(&more))) }
        });
        record(&what, began.elapsed(), Duration::from_secs(5));
    }
    scene.settled("inspector");
}

/// The daemon with a connection of this kind; its pid.
fn daemon(scene: &Scene, era: Era, reach: Reach) -> u32 {
    let mut connect = inspector(scene, "mcpdo/build/mcp-bin.js");
    connect.args(["--format", "json", "@victim", "connect", "--era", era.word()]).args(server(scene, reach));
    // The daemon it starts keeps the ends of these: they are files and not pipes.
    let out = connect.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(out.success(), "mcpdo connect: {out}");
    let mut status = inspector(scene, "mcpdo/build/mcp-bin.js");
    status.args(["--format", "json", "daemon", "status"]);
    let status = run(status, "mcpdo daemon status");
    let pid = status["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    pid.unwrap_or_else(|| panic!("no pid: {status}"))
}

fn call(scene: &Scene, url: &str) -> Command {
    let mut call = inspector(scene, "mcpdo/build/mcp-bin.js");
    call.args(["--format", "json", "@victim", "tools/call", "browser_navigate"]);
    call.arg(serde_json::json!({"url": url}).to_string());
    call
}

fn killed(calling: bool) {
    for (era, reach) in ERAS.into_iter().flat_map(|era| REACHES.map(|reach| (era, reach))) {
        let mut scene = scene();
        let pid = daemon(&scene, era, reach);
        let before = scene.control.snapshot().sessions;
        let answer = run(call(&scene, &scene.site.url("/ok")), "mcpdo tools/call");
        assert!(answer.to_string().contains("All is well"), "{answer}");
        let now = scene.control.snapshot().sessions;
        let mut new = now.into_iter().filter(|session| before.iter().all(|old| old.id != session.id));
        let sessions = [new.next().expect("it has a session").id.to_string()];
        let mut waiting = calling.then(|| {
            let mut call = call(&scene, &scene.site.url("/hang"));
            let waiting = call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            wait_for("the page hangs", PATIENCE, || match scene.site.hanging() {
                1 => Ok(()),
                seen => Err(format!("{seen} hang")),
            });
            waiting
        });
        let began = Instant::now();
        procs::kill(pid);
        if let Some(waiting) = &mut waiting {
            // Whoever waits for the daemon's answer is told that it is gone, and goes.
            procs::kill(waiting.id());
            waiting.wait().unwrap();
        }
        let what = format!("inspector daemon, {}, {reach:?}, calling {calling}", era.revision());
        let lost = Lost { what: &what, began, limit: ms(1_000), sessions: &sessions, reason: "client_died", by: None };
        scene.gone(&lost);
    }
}

#[test]
fn daemon_killed_idle() {
    killed(false);
}

#[test]
fn daemon_killed_calling() {
    killed(true);
}
