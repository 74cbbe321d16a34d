//! The official libraries as real clients, in every era each can speak, over both transports: what they do on an
//! ordinary day, how they leave in order, and that nothing stays when they are killed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Agent, Calls, Era, HostArgs, Library, Lost, Reach, Real, Scene, ms, procs, wait_for, within};

const PATIENCE: Duration = Duration::from_secs(30);

fn scene() -> Scene {
    Scene::with(HostArgs { http: true, ..HostArgs::default() })
}

/// The limit of the design from a death to nothing left.
const fn limit(reach: Reach) -> Duration {
    match reach {
        Reach::Stdio => ms(500),
        Reach::Http | Reach::Sse => ms(1_000),
    }
}

/// A client with a page, and its session.
fn busy(scene: &Scene, real: Real) -> (Agent, String) {
    let mut agent = real.start(&scene.host, "victim");
    let page = agent.open(&scene.site.url("/ok"));
    assert!(page.must("Snapshot").contains("All is well"), "{}: {}", real.name(), page.text);
    agent.large("victim", 100);
    let session = scene.control.session_of("victim");
    (agent, session)
}

/// Lists the tools, opens a page, looks at it, and leaves as the library's own `close` does.
fn in_order(library: Library) {
    let mut scene = scene();
    for real in library.all() {
        let mut agent = real.start(&scene.host, "visitor");
        let id = agent.step("tools");
        let listed = agent.raw_answer(id, PATIENCE).unwrap();
        let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{}: {listed}", real.name()));
        let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
        assert!(names.contains(&"browser_navigate") && names.contains(&"cursor_read"), "{names:?}");
        assert!(tools.iter().all(|tool| tool["inputSchema"]["type"] == "object"), "{listed}");

        let page = agent.open(&scene.site.url("/ok"));
        assert!(page.must("Snapshot").contains("All is well"), "{}: {}", real.name(), page.text);
        let snapshot = agent.ok("browser_snapshot", json!({}));
        assert!(snapshot.must("Snapshot").contains("All is well"), "{}: {}", real.name(), snapshot.text);
        let error = agent.call("browser_navigate", json!({"url": 7})).err();
        assert!(error.text.contains("url"), "{}: {}", real.name(), error.text);

        let session = scene.control.session_of("visitor");
        let (what, sessions) = (format!("{}: closed", real.name()), [session]);
        let began = Instant::now();
        agent.close();
        assert_eq!(agent.said("closed", PATIENCE), Value::Bool(true));
        // Who has an id can say goodbye; without one the process does by going.
        let deleted = real.reach == Reach::Http && real.era == Era::Legacy;
        let reason = if deleted { "deleted" } else { "disconnected" };
        scene.gone(&Lost { what: &what, began, limit: ms(1_000), sessions: &sessions, reason, by: None });
    }
}

fn killed_idle(library: Library) {
    let mut scene = scene();
    for real in library.all() {
        let (mut agent, session) = busy(&scene, real);
        let (what, sessions) = (format!("{}: killed", real.name()), [session]);
        let began = agent.kill();
        let lost =
            Lost { what: &what, began, limit: limit(real.reach), sessions: &sessions, reason: "client_died", by: None };
        let reports = scene.gone(&lost);
        assert_eq!((reports[0].freed.tabs, reports[0].freed.cursors), (1, 1), "{what}: {:?}", reports[0].freed);
    }
}

fn killed_calling(library: Library) {
    let mut scene = scene();
    for real in library.all() {
        let (mut agent, session) = busy(&scene, real);
        let before = scene.site.aborted();
        agent.send("browser_navigate", json!({"url": scene.site.url("/hang")}));
        wait_for("the page hangs", PATIENCE, || match scene.site.hanging() {
            1 => Ok(()),
            seen => Err(format!("{seen} hang; {}", procs::brief(&procs::below(agent.pid())))),
        });
        let (what, sessions) = (format!("{}: killed while calling", real.name()), [session]);
        let began = agent.kill();
        within(&format!("{what}: request aborted"), began, ms(1_000), || match scene.site.aborted() - before {
            1 => Ok(()),
            seen => Err(format!("{seen} aborted")),
        });
        scene.gone(&Lost {
            what: &what,
            began,
            limit: ms(1_000),
            sessions: &sessions,
            reason: "client_died",
            by: None,
        });
    }
}

#[test]
fn python_lists_calls_and_closes() {
    in_order(Library::Python);
}

#[test]
fn python_killed_idle() {
    killed_idle(Library::Python);
}

#[test]
fn python_killed_calling() {
    killed_calling(Library::Python);
}

#[test]
fn typescript_1_lists_calls_and_closes() {
    in_order(Library::TypeScript1);
}

#[test]
fn typescript_1_killed_idle() {
    killed_idle(Library::TypeScript1);
}

#[test]
fn typescript_1_killed_calling() {
    killed_calling(Library::TypeScript1);
}

#[test]
fn typescript_2_lists_calls_and_closes() {
    in_order(Library::TypeScript2);
}

#[test]
fn typescript_2_killed_idle() {
    killed_idle(Library::TypeScript2);
}

#[test]
fn typescript_2_killed_calling() {
    killed_calling(Library::TypeScript2);
}

#[test]
fn rmcp_lists_calls_and_closes() {
    in_order(Library::Rmcp);
}

#[test]
fn rmcp_killed_idle() {
    killed_idle(Library::Rmcp);
}

#[test]
fn rmcp_killed_calling() {
    killed_calling(Library::Rmcp);
}
