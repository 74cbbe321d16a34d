//! From kill -9 of a client to nothing left of it: every client, transport and revision, while it idles and while it
//! calls.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Agent, Calls, Client, Control, HostArgs, Library, Real, Site, TestHost, Via, procs};

use crate::{
    report::{Report, Table},
    sessions::{alive, pages_end, removed},
    timing::{Times, until},
};

/// Clients killed, each way.
const ROUNDS: usize = 7;

/// Longer than anything here may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where the table stands in the README.
pub(crate) const MARKER: &str = "disconnects";

/// One kind of client.
#[derive(Clone, Copy)]
enum Way {
    /// The tests' own, which adds next to nothing to the times.
    Own(Via),
    /// One of an official library.
    Library(Real),
}

impl Way {
    fn all() -> Vec<Self> {
        let own = [Via::Socket, Via::Bridge, Via::Stream, Via::Quiet, Via::Modern];
        let libraries = [Library::Rmcp, Library::TypeScript1, Library::TypeScript2, Library::Python];
        let libraries = libraries.into_iter().flat_map(Library::all);
        own.into_iter().map(Self::Own).chain(libraries.map(Self::Library)).collect()
    }

    /// Client, revision and transport.
    fn cells(self) -> [String; 3] {
        let own = |revision: &str, transport: &str| ["bare".to_owned(), revision.to_owned(), transport.to_owned()];
        match self {
            Self::Own(Via::Socket) => own("2025-11-25", "local socket"),
            Self::Own(Via::Bridge) => own("2025-11-25", "stdio (`ebb connect`)"),
            Self::Own(Via::Stream) => own("2025-11-25", "HTTP, event stream open"),
            Self::Own(Via::Quiet) => own("2025-11-25", "HTTP, no stream"),
            Self::Own(Via::Modern) => own("2026-07-28", "HTTP"),
            Self::Library(real) => {
                let transport = if real.reach == support::Reach::Http { "HTTP" } else { "stdio (`ebb connect`)" };
                [real.library.name().to_owned(), real.era.revision().to_owned(), transport.to_owned()]
            }
        }
    }

    fn start(self, host: &TestHost, name: &str) -> Agent {
        match self {
            Self::Own(via) => host.agent(via, name),
            Self::Library(real) => real.start(host, name),
        }
    }
}

pub(crate) fn measure(report: &mut Report) {
    let host = TestHost::with(HostArgs { http: true, ..HostArgs::default() });
    let (site, control) = (Site::start(), host.control());
    // Its browser stays: only what the killed client had is measured.
    let mut bystander: Client = host.client("bystander");
    bystander.open(&site.url("/ok"));
    let folders = host.files_left();
    let mut table =
        Table::new(MARKER, &["Client", "Revision", "Transport", "Idle: p50", "worst", "While calling: p50", "worst"]);
    for way in Way::all() {
        let [client, revision, transport] = way.cells();
        let mut cells = vec![client, revision, transport];
        for calling in [false, true] {
            let mut times = Times::default();
            for round in 0..ROUNDS {
                times.push(killed(&host, &control, &site, way, calling, round));
            }
            cells.extend([times.p50(), times.worst()].map(|time| format!("{time:.1} ms")));
        }
        table.row(cells);
    }
    assert_eq!(host.files_left(), folders, "files are left behind");
    assert_eq!(bystander.evaluate("() => 1"), "1");
    report.table(table);
}

fn killed(host: &TestHost, control: &Control, site: &Site, way: Way, calling: bool, round: usize) -> Duration {
    let before = alive(&host.renderers());
    let name = format!("round {round}");
    let mut agent = way.start(host, &name);
    agent.open(&site.url("/ok"));
    agent.large(&name, 100);
    let aborted = site.aborted();
    if calling {
        agent.send("browser_navigate", json!({"url": site.url("/hang")}));
        until("the page hangs", Instant::now(), DEADLINE, || site.hanging() == 1);
    }
    let session = control.session_of(&name);
    let (known, below) = (host.renderers(), procs::below(agent.pid()));
    let began = agent.kill();
    until("its bridge ends", began, DEADLINE, || alive(&below) == 0);
    pages_end(&known, before, began);
    if calling {
        until("its request ends", began, DEADLINE, || site.aborted() > aborted);
    }
    until("the report is there", began, DEADLINE, || removed(control, &session).is_some());
    let took = began.elapsed();
    let report = removed(control, &session).expect("it was just there");
    assert_eq!(report.reason.key(), "client_died", "{report:?}");
    took
}
