//! Ebb beside two other browser servers that many agents use, on the same machine, with the same Chromium, one after
//! the other. They are started as their users start them and never looked into.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Calls, Era, Library, Place, Reach, Real, Site, TestHost, bin, clients, procs, procs::Process};

use crate::{
    report::{Report, Table},
    sessions::alive,
    stdio::StdioServer,
    timing::{Times, until},
};

/// Where the table stands in the README.
pub(crate) const MARKER: &str = "peers";

/// Starts of a server with a browser.
const STARTS: usize = 7;
/// Calls of each quick kind.
const CALLS: usize = 30;
/// Snapshots of a large page.
const LARGE: usize = 7;
/// Elements of the large page.
const NODES: usize = 10_000;
/// Clients killed, each way.
const KILLS: usize = 5;
/// Agents whose memory is measured together.
const AGENTS: usize = 5;
/// What is still there after this long stays.
const STAYS: Duration = Duration::from_secs(20);
const DEADLINE: Duration = Duration::from_mins(1);

/// The browser of all three.
const CHROMIUM: &str = "/usr/bin/chromium";

const SMALL: &str = "<!doctype html><title>small</title><p>All is well</p>\
                     <button onclick=\"window.n = (window.n || 0) + 1\">Press</button>";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    /// `ebb connect` to a host that runs.
    Ebb,
    /// `@playwright/mcp`.
    Playwright,
    /// `chrome-devtools-mcp`.
    DevTools,
}

/// A place in which a server is started, and what has to be there before.
enum Around {
    Host(Box<TestHost>),
    Alone(Place),
}

impl Around {
    fn place(&self) -> &Place {
        match self {
            Self::Host(host) => host.place(),
            Self::Alone(place) => place,
        }
    }

    /// Everything that runs here but what stays by design: Ebb's host and its guardian.
    fn processes(&self) -> Vec<Process> {
        match self {
            Self::Host(host) => host.processes().into_iter().filter(|process| process.pid != host.pid()).collect(),
            Self::Alone(place) => place.processes(),
        }
    }

    /// What is left in the folder for temporary files.
    fn files(&self) -> usize {
        match self {
            Self::Host(host) => host.files_left().len(),
            Self::Alone(place) => procs::names(&place.path().join("tmp")).len(),
        }
    }
}

impl Server {
    const ALL: [Self; 3] = [Self::Ebb, Self::Playwright, Self::DevTools];

    fn around(self) -> Around {
        match self {
            Self::Ebb => {
                let args = support::HostArgs { browser: Some(PathBuf::from(CHROMIUM)), ..support::HostArgs::default() };
                Around::Host(Box::new(TestHost::with(args)))
            }
            _ => Around::Alone(Place::impatient()),
        }
    }

    /// What a client starts.
    fn words(self, around: &Around) -> Vec<String> {
        let packed = |name: &str| clients::peers().join(".bin").join(name).display().to_string();
        let words = match (self, around) {
            (Self::Ebb, Around::Host(host)) => {
                let (ebb, socket) = (bin("ebb").display().to_string(), host.socket().display().to_string());
                return vec![ebb, "connect".to_owned(), "--socket".to_owned(), socket, "--no-start".to_owned()];
            }
            (Self::Playwright, _) => {
                (packed("playwright-mcp"), vec!["--headless", "--isolated", "--executable-path", CHROMIUM])
            }
            _ => {
                let quiet = ["--no-usage-statistics", "--no-performance-crux", "--no-page-id-routing"];
                let words = ["--headless", "--isolated", "--executablePath", CHROMIUM].into_iter().chain(quiet);
                (packed("chrome-devtools-mcp"), words.collect())
            }
        };
        let mut all: Vec<String> = [clients::node_program().display().to_string(), words.0]
            .into_iter()
            .chain(words.1.into_iter().map(str::to_owned))
            .collect();
        // As root no Chromium has its sandbox; Ebb's own finds that out by itself.
        if ebb_host::browser::sandbox_problem(&ebb_core::settings::BrowserSettings::default()).is_some() {
            all.push(if self == Self::Playwright { "--no-sandbox" } else { "--chromeArg=--no-sandbox" }.to_owned());
        }
        all
    }

    fn start(self, around: &Around) -> StdioServer {
        let words = self.words(around);
        let mut command: Command = around.place().run(std::path::Path::new(&words[0]));
        command.args(&words[1..]);
        StdioServer::start(command)
    }

    fn navigate(self, url: &str) -> (&'static str, Value) {
        match self {
            Self::DevTools => ("navigate_page", json!({"type": "url", "url": url})),
            _ => ("browser_navigate", json!({"url": url})),
        }
    }

    fn snapshot(self) -> &'static str {
        if self == Self::DevTools { "take_snapshot" } else { "browser_snapshot" }
    }

    fn evaluate(self) -> &'static str {
        if self == Self::DevTools { "evaluate_script" } else { "browser_evaluate" }
    }

    fn open(self, server: &mut StdioServer, url: &str) -> String {
        let (tool, arguments) = self.navigate(url);
        server.call(tool, &arguments);
        server.call(self.snapshot(), &json!({}))
    }

    /// A click on the button of the small page, from its snapshot.
    fn click(self, snapshot: &str) -> (&'static str, Value) {
        let line =
            snapshot.lines().find(|line| line.contains("button \"Press\"")).expect("the button is in the snapshot");
        let after = |mark: &str, end: char| {
            line.split_once(mark).and_then(|(_, rest)| rest.split(end).next()).expect("it has a name").to_owned()
        };
        match self {
            Self::DevTools => ("click", json!({"uid": after("uid=", ' ')})),
            _ => ("browser_click", json!({"element": "Press", "target": after("[ref=", ']')})),
        }
    }
}

pub(crate) fn measure(report: &mut Report) {
    let site = Site::start();
    let small = site.page("/small", SMALL);
    let rows: String = (0..NODES / 4)
        .fold(String::new(), |rows, n| rows + &format!("<li><a href='#{n}'>link {n}</a> <b>text {n}</b></li>"));
    let large = site.page("/large", &format!("<!doctype html><title>large</title><ul>{rows}</ul>"));
    let columns = Server::ALL.map(|server| {
        eprintln!("  {server:?} ...");
        let mut column = work(server, &small, &large);
        column.extend(memory(server, &small));
        column.extend([false, true].map(|calling| gone(server, &site, calling)));
        column
    });
    let mut table =
        Table::new(MARKER, &["Measure", "Ebb (`ebb connect`)", "@playwright/mcp 0.0.83", "chrome-devtools-mcp 1.11.0"]);
    let [ebb, playwright, devtools] = columns;
    for (index, (measure, value)) in ebb.iter().enumerate() {
        table.row(vec![measure.clone(), value.clone(), playwright[index].1.clone(), devtools[index].1.clone()]);
    }
    report.table(table);
}

type Cell = (String, String);

fn shown(measure: &str, times: &Times) -> Cell {
    let time = times.p50();
    let digits = usize::from(time < 100.0);
    (format!("{measure}, p50 of {}", times.len()), format!("{time:.digits$} ms"))
}

fn work(server: Server, small: &str, large: &str) -> Vec<Cell> {
    let around = server.around();
    let (mut initialize, mut first) = (Times::default(), Times::default());
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut started = server.start(&around);
        initialize.push(began.elapsed());
        let snapshot = server.open(&mut started, small);
        first.push(began.elapsed());
        assert!(snapshot.contains("All is well"), "{server:?}: {snapshot}");
        drop(started);
        until("everything ends", Instant::now(), DEADLINE, || around.processes().is_empty());
    }
    let mut started = server.start(&around);
    let snapshot = server.open(&mut started, small);
    let (mut evaluate, mut click, mut look) = (Times::default(), Times::default(), Times::default());
    let (tool, arguments) = server.click(&snapshot);
    for _ in 0..CALLS {
        let one = evaluate.time(|| started.call(server.evaluate(), &json!({"function": "() => 1"})));
        assert!(one.contains('1'), "{server:?}: {one}");
        click.time(|| started.call(tool, &arguments));
    }
    let pressed = started.call(server.evaluate(), &json!({"function": "() => window.n"}));
    assert!(pressed.contains(&CALLS.to_string()), "{server:?}: not every click arrived: {pressed}");
    let snapshot = server.open(&mut started, large);
    assert!(snapshot.contains("link 0"), "{server:?}: {}", snapshot.chars().take(300).collect::<String>());
    for _ in 0..LARGE {
        look.time(|| started.call(server.snapshot(), &json!({})));
    }
    vec![
        shown("start to `initialize` answered", &initialize),
        shown("start to the first page's snapshot, no browser running", &first),
        shown("evaluate `() => 1`", &evaluate),
        shown("click a button", &click),
        shown("snapshot of a page with 10,000 elements", &look),
    ]
}

/// What one agent, and what several at once hold, each with a page: servers and browsers.
fn memory(server: Server, small: &str) -> Vec<Cell> {
    let around = server.around();
    let held = |around: &Around| {
        let mut processes = around.place().processes();
        processes.retain(|process| process.pid != std::process::id());
        processes.iter().filter_map(|process| procs::pss(process.pid)).sum::<u64>() as f64 / (1024.0 * 1024.0)
    };
    let rest = |around: &Around| {
        let mut last = 0.0;
        support::wait_for("memory is at rest", DEADLINE, || {
            let now = held(around);
            let still = f64::abs(now - last) < 2.0;
            last = now;
            std::thread::sleep(Duration::from_millis(500));
            if still { Ok(now) } else { Err(format!("{now:.0} MB")) }
        })
    };
    let mut running = vec![server.start(&around)];
    server.open(&mut running[0], small);
    let one = rest(&around);
    while running.len() < AGENTS {
        let mut next = server.start(&around);
        server.open(&mut next, small);
        running.push(next);
    }
    let all = rest(&around);
    assert!(running.iter().all(|server| procs::of(server.pid()).is_some_and(|process| process.runs())));
    vec![
        ("one agent with a page, server and browser, PSS".to_owned(), format!("{one:.0} MB")),
        (format!("{AGENTS} agents with a page each, PSS"), format!("{all:.0} MB")),
    ]
}

/// From kill -9 of the client to nothing left, or what stays.
fn gone(server: Server, site: &Site, calling: bool) -> Cell {
    let mut times = Times::default();
    let (mut stayed, mut most, mut files) = (0, 0, 0);
    for round in 0..KILLS {
        let around = server.around();
        let before = (around.processes().len(), around.files());
        let real = Real { library: Library::Rmcp, era: Era::Legacy, reach: Reach::Stdio };
        let mut agent = real.start_in(around.place(), &format!("round {round}"), &server.words(&around));
        let (tool, arguments) = server.navigate(&site.url("/small"));
        agent.ok(tool, arguments);
        if calling {
            let (tool, arguments) = server.navigate(&site.url("/hang"));
            agent.send(tool, arguments);
            until("the page hangs", Instant::now(), DEADLINE, || site.hanging() == 1);
        }
        let known: Vec<Process> = around.processes().into_iter().filter(|process| process.pid != agent.pid()).collect();
        let began = agent.kill();
        while alive(&known) > before.0 && began.elapsed() < STAYS {
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push(began.elapsed());
        let left = alive(&known).saturating_sub(before.0);
        stayed += usize::from(left > 0);
        most = most.max(left);
        // Folders go behind the processes; what is there for two seconds more is left.
        let end = Instant::now() + Duration::from_secs(2);
        while around.files() > before.1 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        files = files.max(around.files().saturating_sub(before.1));
        for process in around.processes() {
            procs::kill(process.pid);
        }
        until("what stayed is ended", Instant::now(), DEADLINE, || around.processes().len() <= before.0);
        drop(agent);
    }
    let what = if calling { "while it calls" } else { "idle" };
    let time = format!("{:.0} ms (worst {:.0} ms)", times.p50(), times.worst());
    let stays = format!("{most} processes still there after {} s ({stayed} of {KILLS} times)", STAYS.as_secs());
    let litter = if files > 0 { format!("; {files} temporary folders or files stay") } else { String::new() };
    let cell = format!("{}{litter}", if stayed > 0 { stays } else { time });
    (format!("client killed {what}: until everything of it is gone, p50 of {KILLS}"), cell)
}
