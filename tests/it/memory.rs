//! What sessions hold: the figures against the processes themselves, the measurement at the end, and F50.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    time::{Duration, Instant},
};

use ebb_core::{cleanup::AskedBy, view::MemoryHistory};
use ebb_host::control::{Command, Reply};
use serde_json::json;
use support::{Agent, Calls, HostArgs, Scene, Via, holds_for, ms, procs, wait_for, within};

const MIB: u64 = 1024 * 1024;

/// How long until the figures are those of the moment: nobody looks, so they may be half a minute old.
const SAMPLED: Duration = Duration::from_secs(40);

/// A figure that somebody asks for is not older than this: a sample's age, and that of an exact weight in it.
const RECENT: Duration = Duration::from_secs(16);

/// A page that holds `mib` MiB of data.
fn heavy(mib: u64) -> String {
    format!(
        "<!doctype html><title>heavy</title><p>heavy</p><script>
        window.held = Array.from({{length: {mib}}}, () => new Uint8Array({MIB}).fill(7));
        </script>"
    )
}

/// A page whose document is large: some 200 MB of elements.
const LARGE_DOM: &str = "<!doctype html><title>large</title><div id=d></div><script>
    const rows = Array.from({length: 15000}, (_, n) => `<p class=x id=r${n}>row <b>${n}</b></p>`);
    document.getElementById('d').innerHTML = rows.join('');
    </script>";

/// The proportional share of every Chromium process.
fn weights(scene: &Scene) -> BTreeMap<u32, u64> {
    scene.host.chromium().iter().filter_map(|process| Some((process.pid, procs::pss(process.pid)?))).collect()
}

/// What the processes weighed in the last moments. Pages free memory when they like, other browsers on the machine
/// share the program's text with these, and a figure may be some seconds old: it is right where it is what the
/// processes weighed at some time of these.
#[derive(Default)]
struct Moments(VecDeque<(Instant, BTreeMap<u32, u64>)>);

impl Moments {
    /// Weighs again, not too often.
    fn look(&mut self, scene: &Scene) {
        if self.0.back().is_none_or(|(at, _)| at.elapsed() > ms(250)) {
            self.0.push_back((Instant::now(), weights(scene)));
        }
        self.0.retain(|(at, _)| at.elapsed() < RECENT);
    }

    /// The least and the most that these processes weighed together.
    fn of(&self, wanted: impl Fn(u32) -> bool) -> (u64, u64) {
        let sum = |(_, weights): &(Instant, BTreeMap<u32, u64>)| -> u64 {
            weights.iter().filter(|(pid, _)| wanted(**pid)).map(|(_, bytes)| bytes).sum()
        };
        let sums = self.0.iter().map(sum);
        (sums.clone().min().unwrap_or_default(), sums.max().unwrap_or_default())
    }
}

/// Within a tenth.
fn near(what: &str, told: u64, (least, most): (u64, u64)) -> Result<(), String> {
    let mib = |bytes: u64| bytes as f64 / MIB as f64;
    if told * 10 >= least * 9 && told * 10 <= most * 11 {
        Ok(())
    } else {
        Err(format!("{what}: {:.1} MiB are told, {:.1} to {:.1} MiB are there", mib(told), mib(least), mib(most)))
    }
}

fn history(scene: &Scene, session: Option<&str>, long: bool) -> MemoryHistory {
    let command = Command::MemoryHistory { session: session.map(str::to_owned), long };
    match scene.control.ask(command) {
        Ok(Reply::Memory(history)) => history,
        other => panic!("no history but {other:?}"),
    }
}

/// Several sessions: data, a large document, a popup, an iframe of another site, two tabs. Each figure is
/// compared with the processes that the end of its session takes away, the sum with all of Chromium.
#[test]
fn figures_are_those_of_the_processes() {
    let scene = Scene::new();
    let foreign = scene.site.page("/foreign", &heavy(40)).replace("127.0.0.1", "localhost");
    let around = format!("<!doctype html><title>around</title><iframe src='{foreign}'></iframe>");
    let pages = [
        ("data", scene.site.page("/data", &heavy(120))),
        ("document", scene.site.page("/document", LARGE_DOM)),
        ("popup", scene.site.page("/opener", &heavy(30))),
        ("iframe", scene.site.page("/around", &around)),
        ("tabs", scene.site.page("/first", &heavy(20))),
    ];
    let second = scene.site.page("/second", &heavy(60));
    let mut agents: Vec<Agent> = Vec::new();
    for (name, url) in &pages {
        let mut agent = scene.agent(Via::Socket, name);
        agent.open(url);
        match *name {
            "popup" => drop(agent.evaluate(&format!("() => {{ window.open('{second}'); return 1; }}"))),
            "tabs" => {
                agent.ok("browser_tabs", json!({"action": "new"}));
                agent.open(&second);
            }
            _ => {}
        }
        agents.push(agent);
    }
    let mut moments = Moments::default();
    let snapshot = wait_for("the figures are those of the processes", SAMPLED, || {
        moments.look(&scene);
        let snapshot = scene.control.snapshot();
        let measured = snapshot.sessions.iter().all(|session| session.held.renderers.is_some());
        let popup = snapshot.sessions.iter().any(|session| session.client.name == "popup" && session.tabs.len() == 2);
        if !measured || !popup {
            return Err("not everything is there".to_owned());
        }
        let renderers: u64 = snapshot.sessions.iter().filter_map(|session| session.held.renderers).sum();
        let told = renderers + snapshot.host.shared_browser.unwrap_or_default();
        near("Chromium", told, moments.of(|_| true))?;
        Ok(snapshot)
    });
    for session in &snapshot.sessions {
        let held = &session.held;
        assert_eq!(held.total, held.cursors + held.devtools + held.renderers.unwrap_or_default(), "{held:?}");
        assert!(held.js_heap.is_some_and(|heap| heap > 0), "{held:?}");
    }
    let data = snapshot.sessions.iter().find(|session| session.client.name == "data").unwrap();
    wait_for("the session has a history", Duration::from_secs(30), || {
        let (own, all) = (history(&scene, Some(data.id.as_str()), false), history(&scene, None, false));
        let peak = own.held.iter().max().copied().unwrap_or_default();
        let both = own.shared.is_empty() && all.held.len() > own.held.len() && all.held.iter().any(|sum| *sum > peak);
        if peak > 100 * MIB && both { Ok(()) } else { Err(format!("{own:?} of {all:?}")) }
    });
    assert_eq!((history(&scene, None, true).step_s, history(&scene, None, false).step_s), (120, 10));

    for (session, (name, _)) in snapshot.sessions.iter().skip(1).zip(&pages) {
        assert_eq!(session.client.name, *name);
        let before = scene.host.renderers();
        scene.control.end(session.id.as_str(), AskedBy::Dashboard).unwrap();
        let told = session.held.renderers.unwrap();
        let compare = || {
            let gone: Vec<u32> = before.iter().filter(|process| !process.runs()).map(|process| process.pid).collect();
            let real = moments.of(|pid| gone.contains(&pid));
            near(name, told, real).map(|()| real)
        };
        let real = wait_for("what it held goes with it", Duration::from_secs(10), compare);
        eprintln!("{name}: {} MiB told, {} MiB real", told / MIB, real.1 / MIB);
        holds_for("and nothing else", ms(200), || compare().map(drop));
    }
}

/// With the full browser an iframe of another site is a process of its own, and part of its session.
#[test]
fn a_frame_in_a_process_of_its_own_counts() {
    let scene = Scene::with(HostArgs { browser: Some(full_browser()), ..HostArgs::default() });
    let foreign = scene.site.page("/foreign", &heavy(150)).replace("127.0.0.1", "localhost");
    let around = format!("<!doctype html><title>around</title><iframe src='{foreign}'></iframe>");
    let mut agent = scene.agent(Via::Socket, "around");
    agent.open(&scene.site.page("/around", &around));
    wait_for("the frame counts", SAMPLED, || {
        let heaviest = weights(&scene).into_values().max().unwrap_or_default();
        let session = scene.control.sessions_of("around").remove(0);
        let told = session.held.renderers.unwrap_or_default();
        // Its own page is a process too, and much lighter.
        let both = heaviest > 150 * MIB && told > heaviest && told < heaviest + 80 * MIB;
        if both { Ok(()) } else { Err(format!("{} of {} MiB", told / MIB, heaviest / MIB)) }
    });
}

fn full_browser() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "google-chrome-stable", "google-chrome", "chromium-browser"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let found = found.into_iter().find(|file| file.is_file());
    found.expect("no full browser is installed: run `cargo xtask setup`")
}

/// The report says what the session held when it closed, not what it held at the last sample.
#[test]
fn freed_is_measured_when_the_session_closes() {
    let scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "grows");
    agent.open(&scene.site.page("/light", "<!doctype html><title>light</title><p>light</p>"));
    let session = scene.control.session_of("grows");
    let before = wait_for("it is measured", SAMPLED, || {
        let held = scene.control.sessions_of("grows").remove(0).held;
        held.renderers.ok_or_else(|| format!("{held:?}"))
    });
    // More than the first samples of a new document would catch by chance.
    agent.evaluate(&format!(
        "() => {{ window.held = Array.from({{length: 150}}, () => new Uint8Array({MIB}).fill(7)); return 1; }}"
    ));
    let report = scene.control.end(&session, AskedBy::Dashboard).unwrap();
    let grown = report.freed.held_before.saturating_sub(before);
    near("what it held at its end", grown, (150 * MIB, 150 * MIB)).unwrap();
    assert_eq!((report.freed.held_after, report.freed.bytes()), (0, report.freed.held_before));
}

#[test]
fn f50_a_page_that_takes_too_much_is_ended() {
    let args = HostArgs { more: vec!["--max-session-memory".to_owned(), "300".to_owned()], ..HostArgs::default() };
    let mut scene = Scene::with(args);
    let mut agent = scene.agent(Via::Socket, "greedy");
    agent.open(&scene.site.page("/light", "<!doctype html><title>light</title><p>light</p>"));
    agent.evaluate("() => { window.mark = 'light'; return 1; }");
    agent.ok("browser_tabs", json!({"action": "new"}));
    let greedy = "<!doctype html><title>greedy</title><p>greedy</p><script>
        window.held = [];
        window.grow = () => { held.push(new Uint8Array(4 * 1024 * 1024).fill(7)); setTimeout(grow, 20); };
        </script>";
    agent.open(&scene.site.page("/greedy", greedy));
    agent.evaluate("() => { grow(); return 1; }");
    let began = Instant::now();
    // 280 MB take 1.4 s to grow, the look comes once a second, and the page must be dead by the next one.
    within("f50: the page is ended", began, Duration::from_secs(4), || {
        let tabs = scene.control.sessions_of("greedy").remove(0).tabs;
        let crashed: Vec<bool> = tabs.iter().map(|tab| tab.crashed).collect();
        if crashed == [false, true] { Ok(()) } else { Err(format!("{tabs:?}")) }
    });
    let told = agent.call("browser_evaluate", json!({"function": "() => 1"})).err();
    assert_eq!(told.code(), "page_crashed", "{}", told.text);
    assert!(told.text.contains("the limit is 300 MB (browser.max_session_mb)"), "{}", told.text);
    scene.bystander.assert_untouched(&scene.control);
    agent.ok("browser_tabs", json!({"action": "select", "index": 0}));
    assert_eq!(agent.evaluate("() => window.mark"), "\"light\"", "the light page went too");
    // And the tab itself can be used again.
    agent.ok("browser_tabs", json!({"action": "select", "index": 1}));
    agent.open(&scene.site.url("/ok"));
    assert_eq!(agent.evaluate("() => 2"), "2");
    let log = scene.host.log();
    let said = log.lines().filter(|line| line.contains("the heaviest is ended")).count();
    assert_eq!(said, 1, "{log}");
    let sessions = [scene.control.session_of("greedy")];
    let began = agent.kill();
    let lost =
        support::Lost { what: "f50", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None };
    scene.gone(&lost);
}
