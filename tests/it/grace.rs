//! The reconnect grace: a client that comes back in time finds everything as it was.

use std::time::{Duration, Instant};

use ebb_core::{cleanup::AskedBy, view::SessionState};
use ebb_host::control::Command;
use serde_json::json;
use support::{Agent, AgentOptions, Calls, HostArgs, Scene, Via, holds_for, ms, procs, record, wait_for};

const GRACE: u64 = 6;

fn scene() -> Scene {
    Scene::with(HostArgs { grace: Some(GRACE), ..HostArgs::default() })
}

/// A client with a mark in its page and a cursor.
fn marked(scene: &Scene, via: Via, name: &str) -> (Agent, String, String) {
    let mut agent = scene.agent(via, name);
    agent.open(&scene.site.url("/ok"));
    agent.evaluate("() => { window.mark = 'mine'; return 1; }");
    let cursor = agent.large(name, 40).cursor().to_owned();
    let session = scene.control.session_of(name);
    (agent, session, cursor)
}

fn waits(scene: &Scene, session: &str) -> u64 {
    wait_for("the session waits", Duration::from_secs(2), || {
        let view = scene.control.session(session).map_err(|error| error.to_string())?.session;
        let seen = format!("{:?} {:?}", view.state, view.waiting_s);
        view.waiting_s.filter(|_| view.state == SessionState::Waiting).ok_or(seen)
    })
}

fn gone(scene: &Scene, session: &str, deadline: Duration) {
    wait_for("the session ends", deadline, || match scene.control.session(session) {
        Err(_) => Ok(()),
        Ok(detail) => Err(format!("{:?}", detail.session)),
    });
}

#[test]
fn a_client_that_comes_back_finds_its_tabs_and_cursors() {
    let scene = scene();
    for via in Via::BOTH {
        let name = format!("returner {}", via.name());
        let (mut agent, session, cursor) = marked(&scene, via, &name);
        agent.kill();
        assert!(waits(&scene, &session) <= GRACE);
        // A stranger and one that works elsewhere get their own.
        let mut other = scene.agent(via, "somebody else");
        assert_eq!(other.evaluate("() => typeof window.mark"), "\"undefined\"");
        let elsewhere = AgentOptions { folder: Some(scene.host.home()), ..AgentOptions::default() };
        let mut elsewhere = Agent::spawn(scene.host.place(), &scene.host.socket(), via, &name, &elsewhere);
        elsewhere.shake_hands();
        assert_eq!(elsewhere.evaluate("() => typeof window.mark"), "\"undefined\"");
        assert!(waits(&scene, &session) < GRACE);

        let mut again = scene.agent(via, &name);
        assert_eq!(again.evaluate("() => window.mark"), "\"mine\"");
        again.ok("cursor_read", json!({"cursor": cursor}));
        let view = scene.control.session(&session).unwrap().session;
        assert_eq!((view.state == SessionState::Waiting, view.waiting_s), (false, None));
        assert_eq!(view.client.process.unwrap().pid, again.pid());
        holds_for("it waits no more", Duration::from_secs(GRACE + 2), || match scene.control.session(&session) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        for agent in [&mut other, &mut elsewhere, &mut again] {
            agent.kill();
        }
        gone(&scene, &session, Duration::from_secs(4 * GRACE));
    }
}

#[test]
fn one_that_does_not_come_back_ends_as_it_left() {
    let mut scene = scene();
    let mut lost = Vec::new();
    for (via, kill) in [(Via::Socket, true), (Via::Bridge, true), (Via::Socket, false), (Via::Bridge, false)] {
        let name = format!("leaver {} {kill}", via.name());
        let (mut agent, session, _) = marked(&scene, via, &name);
        let began = Instant::now();
        if kill {
            agent.kill();
        } else {
            agent.close();
        }
        waits(&scene, &session);
        lost.push((agent, session, began, if kill { "client_died" } else { "disconnected" }));
    }
    for (agent, session, began, reason) in &mut lost {
        gone(&scene, session, Duration::from_secs(4 * GRACE));
        record("grace: end", began.elapsed(), Duration::from_secs(GRACE) + ms(500));
        let report = scene.control.reports_of(session).remove(0);
        assert_eq!((report.reason.key(), report.freed.tabs, report.freed.cursors), (*reason, 1, 1));
        agent.kill();
    }
    wait_for("the processes end", Duration::from_secs(5), || match scene.more_processes() {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("grace");
}

#[test]
fn a_waiting_session_can_be_kept_or_ended() {
    let scene = scene();
    let (mut agent, kept, _) = marked(&scene, Via::Bridge, "keeper");
    let keep = |session: &str| scene.control.ask(Command::Keep { session: session.to_owned() });
    assert_eq!(keep(&kept).unwrap_err().code, ebb_core::Code::InvalidArguments, "it does not wait yet");
    agent.kill();
    waits(&scene, &kept);
    keep(&kept).unwrap();
    let (mut agent, ended, _) = marked(&scene, Via::Socket, "ender");
    agent.kill();
    waits(&scene, &ended);
    let output = scene.host.ebb(&["end", &ended]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report = scene.control.reports_of(&ended).remove(0);
    assert_eq!(report.reason, ebb_core::cleanup::Reason::Manual(AskedBy::Cli));

    holds_for("kept beyond the grace", Duration::from_secs(GRACE + 2), || match scene.control.session(&kept) {
        Ok(detail) if detail.session.waiting_s.is_none() && detail.session.ends_in_s.is_some() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let mut again = scene.agent(Via::Bridge, "keeper");
    assert_eq!(again.evaluate("() => window.mark"), "\"mine\"");
}
