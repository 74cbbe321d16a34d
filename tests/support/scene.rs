//! A host, a site and a bystander, and the asserts that every fault ends with.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use ebb_core::cleanup::{AskedBy, CleanupReport, Outcome};
use serde_json::json;

use crate::{
    Agent, Bystander, Calls, Control, HostArgs, Rows, Site, TestHost, Via, procs,
    procs::Process,
    wait::{SLOW, record, wait_for},
};

/// How long what follows a removal may take: rows are written behind, descriptors closed by tasks.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Where a fault happens.
pub struct Scene {
    /// Who must not notice.
    pub bystander: Bystander,
    /// The host's API.
    pub control: Control,
    /// The pages.
    pub site: Site,
    /// The rows on disk.
    pub rows: Rows,
    /// What was there before the fault's own client came.
    pub base: Baseline,
    /// The host; last, so that it outlives what speaks to it.
    pub host: TestHost,
}

/// What was there at one moment.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// Pages' processes.
    pub renderers: BTreeSet<Process>,
    /// Everything below the place's mark.
    pub processes: BTreeSet<Process>,
    /// Run folders and temporary files.
    pub files: Vec<String>,
    /// Open descriptors of the host.
    pub descriptors: Vec<String>,
}

/// What a fault takes away.
pub struct Lost<'a> {
    /// For messages and times.
    pub what: &'a str,
    /// When it happened.
    pub began: Instant,
    /// The design's limit.
    pub limit: Duration,
    /// The sessions that must go.
    pub sessions: &'a [String],
    /// The key of the reason in the report.
    pub reason: &'a str,
    /// Who asked, where the reason is `manual`.
    pub by: Option<AskedBy>,
}

impl Scene {
    /// A host with a bystander whose browser runs.
    #[must_use]
    pub fn new() -> Self {
        Self::with(HostArgs::default())
    }

    /// The same with arguments for the host.
    #[must_use]
    pub fn with(args: HostArgs) -> Self {
        Self::around(TestHost::with(args))
    }

    /// The same around a host that runs.
    #[must_use]
    pub fn around(host: TestHost) -> Self {
        let site = Site::start();
        let control = host.control();
        let bystander = Bystander::new(&host, &site);
        let base = Baseline::of(&host);
        let rows = host.rows();
        let scene = Self { bystander, control, site, rows, base, host };
        scene.rows_say(true, scene.bystander.session());
        scene
    }

    /// A client that is about to suffer.
    #[must_use]
    pub fn agent(&self, via: Via, name: &str) -> Agent {
        self.host.agent(via, name)
    }

    /// Asserts everything that must hold after a fault; returns the reports of the lost sessions.
    pub fn gone(&mut self, lost: &Lost) -> Vec<CleanupReport> {
        self.sessions_go(lost);
        self.processes_go(lost);
        self.bystander.assert_untouched(&self.control);
        self.rows_say(true, self.bystander.session());
        let reports = self.reports(lost);
        self.settled(lost.what);
        reports
    }

    /// Waits until the registry has none of the sessions; says how long it took since the fault.
    pub fn sessions_go(&self, lost: &Lost) {
        let left = (lost.limit * SLOW).saturating_sub(lost.began.elapsed());
        wait_for(&format!("{}: the sessions end", lost.what), left, || {
            let there: Vec<_> = self.control.snapshot().sessions;
            let still: Vec<String> = there
                .iter()
                .filter(|view| lost.sessions.iter().any(|id| view.id.as_str() == id))
                .map(|view| format!("{} {:?} {:?}", view.id, view.state, view.steps))
                .collect();
            if still.is_empty() { Ok(()) } else { Err(still.join(", ")) }
        });
        record(&format!("{}: registry", lost.what), lost.began.elapsed(), lost.limit);
    }

    /// Waits until no process is left that was not there before.
    pub fn processes_go(&self, lost: &Lost) {
        let left = (lost.limit * SLOW).saturating_sub(lost.began.elapsed());
        wait_for(&format!("{}: the processes end", lost.what), left, || {
            let more = self.more_processes();
            if more.is_empty() { Ok(()) } else { Err(procs::brief(&more)) }
        });
        record(&format!("{}: processes", lost.what), lost.began.elapsed(), lost.limit);
    }

    /// Processes that were not there before the fault's client came. Chromium's own helpers (network,
    /// storage, a spare renderer) come and go as it likes, one of each kind.
    #[must_use]
    pub fn more_processes(&self) -> Vec<Process> {
        let now = self.host.processes();
        let is_page = |process: &&Process| process.kind() == "renderer";
        let before = self.base.renderers.len();
        let pages: Vec<&Process> = now.iter().filter(is_page).collect();
        let new_pages = pages.iter().filter(|process| !self.base.renderers.contains(process)).copied();
        let excess: Vec<Process> = if pages.len() > before { new_pages.cloned().collect() } else { Vec::new() };
        let helpers = ["utility", "zygote", "gpu-process", "broker"];
        let others = now.iter().filter(|process| !is_page(process) && !helpers.contains(&process.kind()));
        excess.into_iter().chain(others.filter(|process| !self.base.processes.contains(process)).cloned()).collect()
    }

    /// The process of the page of a client that came after the baseline: the one that a spinning script
    /// keeps busy.
    #[must_use]
    pub fn page_of(&self, agent: &mut Agent) -> u32 {
        let pages: Vec<_> =
            self.host.renderers().into_iter().filter(|page| !self.base.renderers.contains(page)).collect();
        let times = || pages.iter().map(|page| procs::cpu_ticks(page.pid)).collect::<Vec<_>>();
        let before = times();
        agent.evaluate("() => { const end = Date.now() + 300; while (Date.now() < end); return 1; }");
        let spent: Vec<u64> = times().iter().zip(&before).map(|(now, before)| now - before).collect();
        let (busiest, _) = pages.iter().zip(&spent).max_by_key(|(_, spent)| **spent).expect("the client has a page");
        busiest.pid
    }

    /// The bystander shared a browser that is lost: its cursors are there, it is told at most once, works
    /// again, and nothing of the old browser is left. Processes and files of the baseline are the new one's.
    pub fn bystander_goes_on(&mut self) {
        self.bystander.assert_cursors();
        let url = self.site.url("/bystander");
        let next = self.bystander.client().call("browser_navigate", json!({"url": url}));
        if next.is_error {
            assert_eq!(next.code(), "browser_lost", "{}", next.text);
            self.bystander.client().open(&url);
        }
        self.bystander.client().evaluate("() => { window.mark = 'mine'; return 1; }");
        self.bystander.assert_untouched(&self.control);
        wait_for("the old browser's folder is gone", AFTERMATH, || {
            let (folders, left) = (self.host.run_folders(), self.control.snapshot().leftovers);
            if folders.len() == 1 && left.is_empty() { Ok(()) } else { Err(format!("{folders:?}, {left:?}")) }
        });
        // Descriptors are the host's own: another browser needs no more of them.
        let descriptors = std::mem::take(&mut self.base.descriptors);
        self.base = Baseline { descriptors, ..Baseline::of(&self.host) };
    }

    /// Exactly one report each, with the reason, and rows to match.
    fn reports(&self, lost: &Lost) -> Vec<CleanupReport> {
        let mut all = Vec::new();
        for session in lost.sessions {
            let reports = self.control.reports_of(session);
            assert_eq!(reports.len(), 1, "{}: reports of {session}: {reports:#?}", lost.what);
            let report = &reports[0];
            assert_eq!(report.reason.key(), lost.reason, "{}: the reason of {report:#?}", lost.what);
            if let Some(by) = lost.by {
                assert_eq!(report.reason, ebb_core::cleanup::Reason::Manual(by), "{}", lost.what);
            }
            assert_eq!(report.outcome, Outcome::Clean, "{}: {report:#?}", lost.what);
            self.rows_say(false, session);
            assert_eq!(self.rows.reports(session), 1, "{}: rows of {session}", lost.what);
            assert_eq!(self.rows.reason(session).as_deref(), Some(lost.reason), "{}: row of {session}", lost.what);
            all.extend(reports);
        }
        all
    }

    /// Waits until the rows say so: they are written behind.
    fn rows_say(&self, open: bool, session: &str) {
        wait_for("the row of the session", AFTERMATH, || {
            let (is_open, reports) = (self.rows.is_open(session), self.rows.reports(session));
            let right = is_open == open && reports == u32::from(!open);
            if right { Ok(()) } else { Err(format!("{session}: open {is_open}, {reports} reports")) }
        });
    }

    /// Nothing is left behind: no file, no descriptor, no leftover.
    pub fn settled(&self, what: &str) {
        wait_for(&format!("{what}: nothing is left"), AFTERMATH, || {
            let now = Baseline::of(&self.host);
            let new: Vec<&String> = now.files.iter().filter(|file| !self.base.files.contains(file)).collect();
            let (fds, before) = (now.descriptors.len(), self.base.descriptors.len());
            let leftovers = self.control.snapshot().leftovers;
            if !new.is_empty() {
                return Err(format!("new files {new:?}"));
            }
            if fds.abs_diff(before) > 3 {
                return Err(format!("{fds} descriptors, {before} before: {:?}", now.descriptors));
            }
            if leftovers.is_empty() && self.rows.leftovers() == 0 {
                Ok(())
            } else {
                Err(format!("leftovers {leftovers:?}"))
            }
        });
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Baseline {
    /// What is there now.
    #[must_use]
    pub fn of(host: &TestHost) -> Self {
        Self {
            renderers: host.renderers().into_iter().collect(),
            processes: host.processes().into_iter().collect(),
            files: host.files_left(),
            descriptors: procs::descriptor_list(host.pid()),
        }
    }
}
