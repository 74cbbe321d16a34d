//! Nothing that is made in a browser is lost sight of, however late it comes and whoever left meanwhile.

use std::{
    collections::BTreeMap,
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use ebb_core::cleanup::{AskedBy, CleanupReport, Outcome};
use serde_json::json;
use support::{
    Agent, BrowserRelay, Calls, Control, Elsewhere, HostArgs, Luck, Mischief, SLOW, Scene, Site, TestHost, Via, ms,
    procs, record, wait_for, within,
};

/// A host whose browser is asked through a relay, so that it can be asked what is in it.
struct Watched {
    host: TestHost,
    control: Control,
    relay: BrowserRelay,
    other: Elsewhere,
}

impl Watched {
    fn new() -> Self {
        let other = Elsewhere::start();
        let relay = BrowserRelay::start(other.socket());
        let more = vec!["--browser-endpoint".to_owned(), relay.endpoint()];
        let host = TestHost::with(HostArgs { more, ..HostArgs::default() });
        let control = host.control();
        Self { host, control, relay, other }
    }

    /// Waits until the browser has nothing of ours: no context, and no page but its own.
    fn is_empty(&self, what: &str) {
        wait_for(what, Duration::from_secs(8), || {
            let (contexts, pages) = (self.other.contexts(), self.other.pages());
            let left = self.control.snapshot().leftovers;
            if contexts.is_empty() && pages.len() == 1 && left.is_empty() {
                Ok(())
            } else {
                Err(format!("{contexts:?} {pages:?} {left:?}"))
            }
        });
    }

    /// Opens a page with `method` made late, and kills the client while it is under way.
    fn killed_during(&self, method: &str, late: Duration) -> (CleanupReport, Instant) {
        self.relay.play(method, Mischief::Late(late));
        let mut agent = self.host.agent(Via::Socket, "victim");
        let before = self.relay.seen(method);
        agent.send("browser_navigate", json!({"url": "about:blank"}));
        wait_for("it is under way", Duration::from_secs(10), || {
            if self.relay.seen(method) > before { Ok(()) } else { Err("not yet".to_owned()) }
        });
        let session = self.control.session_of("victim");
        let began = agent.kill();
        wait_for("the session is gone", Duration::from_secs(5) * SLOW, || {
            if self.control.reports_of(&session).is_empty() { Err("it is there".to_owned()) } else { Ok(()) }
        });
        record(&format!("{method} {} ms late: registry", late.as_millis()), began.elapsed(), Duration::from_secs(3));
        self.relay.behave();
        (self.control.reports_of(&session).remove(0), began)
    }
}

#[test]
fn a_client_that_goes_while_its_context_or_page_is_made() {
    let watched = Watched::new();
    for method in ["Target.createBrowserContext", "Target.createTarget"] {
        for late in [0, 30, 600] {
            let (report, _) = watched.killed_during(method, ms(late));
            assert_eq!(report.outcome, Outcome::Clean, "{method} {late}: {report:#?}");
            watched.is_empty(&format!("{method} {late} ms late: nothing is left"));
        }
    }
}

/// Made so late that no removal waits for it: what is left behind is known, and gone once it came.
#[test]
fn a_context_that_comes_after_its_sessions_removal() {
    let watched = Watched::new();
    let (report, began) = watched.killed_during("Target.createBrowserContext", Duration::from_secs(5));
    assert_eq!(report.outcome, Outcome::WithProblems, "{report:#?}");
    // It is made only now.
    wait_for("the context comes", Duration::from_secs(10), || {
        if began.elapsed() > Duration::from_secs(5) { Ok(()) } else { Err("not yet".to_owned()) }
    });
    watched.is_empty("nothing is left of what came late");
    wait_for("the report is complete", Duration::from_secs(20), || {
        let report = watched.control.reports_of(report.session.as_str()).remove(0);
        if report.cleared_at.is_some() { Ok(()) } else { Err(format!("{report:#?}")) }
    });
}

/// Made later than its call waits: the call says so, and nobody keeps what came.
#[test]
fn a_context_that_comes_after_its_call() {
    let watched = Watched::new();
    watched.relay.play("Target.createBrowserContext", Mischief::Late(Duration::from_secs(12)));
    let mut agent = watched.host.agent(Via::Bridge, "patient");
    let began = Instant::now();
    let late = agent.call("browser_navigate", json!({"url": "about:blank"})).err();
    record("a context 12 s late: the call", began.elapsed(), Duration::from_secs(11));
    assert_eq!(late.code(), "browser_unresponsive", "{}", late.text);
    watched.relay.behave();
    // The session goes on, with a context of its own and no second one.
    agent.open("about:blank");
    wait_for("the late one is gone", Duration::from_secs(15), || {
        let contexts = watched.other.contexts();
        if contexts.len() == 1 && began.elapsed() > Duration::from_secs(12) {
            Ok(())
        } else {
            Err(format!("{contexts:?}"))
        }
    });
    agent.ok("browser_snapshot", json!({}));
    agent.kill();
    watched.is_empty("nothing is left");
}

/// A disposal that is never answered: the session goes in time, and the context with the connection.
#[test]
fn a_disposal_that_hangs() {
    let watched = Watched::new();
    let mut agent = watched.host.agent(Via::Socket, "victim");
    agent.open("about:blank");
    let session = watched.control.session_of("victim");
    watched.relay.play("Target.disposeBrowserContext", Mischief::Lost);
    let began = Instant::now();
    let report = watched.control.end(&session, AskedBy::Dashboard).unwrap();
    record("a disposal that hangs: the report", began.elapsed(), Duration::from_secs(3));
    assert_eq!(report.outcome, Outcome::Clean, "{report:#?}");
    watched.relay.behave();
    watched.is_empty("nothing is left");
    assert!(agent.call("browser_snapshot", json!({})).is_error);
    agent.open("about:blank");
    agent.kill();
    watched.is_empty("nothing is left of the second one");
}

/// Pages open pages while their session is ended: none of them outlives it.
#[test]
fn popups_while_the_session_closes() {
    let mut scene = Scene::new();
    let watched = Watched::new();
    for host in [&scene.host, &watched.host] {
        let control = host.control();
        for round in 0..6 {
            let mut agent = host.agent(Via::Socket, "victim");
            agent.open(&scene.site.url("/ok"));
            // Twenty popups, all at once and while the removal is at work.
            let open =
                "() => { for (let n = 0; n < 20; n++) setTimeout(() => window.open('/ok?' + n), n * 3); return 1; }";
            agent.evaluate(open);
            sleep(ms(10 * round));
            let session = control.session_of("victim");
            let report = control.end(&session, AskedBy::Dashboard).unwrap();
            assert_eq!(report.outcome, Outcome::Clean, "{report:#?}");
            agent.kill();
        }
    }
    watched.is_empty("no popup is left elsewhere");
    wait_for("no page is left", Duration::from_secs(8), || match scene.more_processes() {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
    scene.bystander.assert_untouched(&scene.control);
    scene.settled("popups");
}

/// Two hundred sessions, each ended at a random moment of its first half second by whoever comes first.
fn storm(host: &TestHost, site: &Site, seed: u64) {
    const AGENTS: usize = 10;
    const ROUNDS: usize = 20;
    let (control, began) = (host.control(), Instant::now());
    let sessions: Vec<String> = scope(|threads| {
        let agents: Vec<_> = (0..AGENTS)
            .map(|n| {
                threads.spawn(move || {
                    let mut luck = Luck::new(seed * 1_000 + n as u64);
                    let mut sessions = Vec::new();
                    let mut agent = None;
                    for _ in 0..ROUNDS {
                        let agent: &mut Option<Agent> = &mut agent;
                        let via = Via::BOTH[luck.below(2)];
                        let client = agent.get_or_insert_with(|| host.agent(via, &format!("storm {n}")));
                        let opened = client.ok("session_open", json!({}));
                        let session = opened.meta["session"].as_str().unwrap().to_owned();
                        client.send("browser_navigate", json!({"url": site.url("/ok"), "session": session}));
                        sleep(ms(luck.below(500) as u64));
                        match luck.below(3) {
                            0 => drop(agent.take().map(|mut agent| agent.kill())),
                            1 => drop(client.call("session_close", json!({"session": session}))),
                            _ => drop(host.control().end(&session, AskedBy::Cli)),
                        }
                        sessions.push(session);
                    }
                    sessions
                })
            })
            .collect();
        agents.into_iter().flat_map(|agent| agent.join().expect("an agent")).collect()
    });
    assert_eq!(sessions.len(), AGENTS * ROUNDS);
    record(&format!("storm: 200 sessions, seed {seed}"), began.elapsed(), Duration::from_mins(1));
    wait_for("every session has its one report", Duration::from_secs(30), || {
        let mut wrong = BTreeMap::new();
        for session in &sessions {
            let reports = control.reports_of(session);
            if reports.len() != 1 {
                wrong.insert(session.clone(), reports.len());
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?}")) }
    });
    let problems: Vec<CleanupReport> = sessions
        .iter()
        .map(|session| control.reports_of(session).remove(0))
        .filter(|report| report.outcome != Outcome::Clean)
        .collect();
    assert!(problems.is_empty(), "seed {seed}: {problems:#?}");
}

fn seed() -> u64 {
    std::env::var("EBB_STORM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

#[test]
fn two_hundred_sessions_that_hardly_live() {
    let mut scene = Scene::new();
    storm(&scene.host, &scene.site, seed());
    scene.bystander.assert_untouched(&scene.control);
    within("storm: processes", Instant::now(), Duration::from_secs(2), || match scene.more_processes() {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
    assert_eq!(scene.control.snapshot().sessions.len(), 1, "the bystander's");
    scene.settled("storm");
}

/// The same where the browser itself can be asked what is left in it.
#[test]
fn two_hundred_sessions_that_hardly_live_elsewhere() {
    let watched = Watched::new();
    let site = Site::start();
    storm(&watched.host, &site, seed());
    watched.is_empty("no context and no page is left");
    assert_eq!(watched.control.snapshot().sessions.len(), 0);
}
