//! Random kills, freezes and restarts of everything that can be killed, frozen or restarted: clients,
//! bridges, browsers, renderers, hosts, guardians, Redis. Again and again all goes quiet, and nothing may be left.
//!
//! Short by default. `cargo xtask soak --minutes 60 --seed 7` runs long; the same seed makes the same
//! choices, and a failure names its seed and its last steps.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;
use support::{Agent, Calls, HostArgs, Luck, Redis, Site, TestHost, Via, ms, procs, record, wait_for};

/// Seconds of a run that nobody asked to be longer.
const SHORT: u64 = 20;
/// Steps between two moments of quiet.
const STEPS: u64 = 30;
/// Clients at once.
const CLIENTS: usize = 8;
/// How long all may take to be gone: a frozen browser needs three lost probes, a leftover its next try.
const QUIET: Duration = Duration::from_secs(90);
/// Steps that a failure shows.
const SHOWN: usize = 40;

/// What can happen, and how often compared with the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Connect,
    Open,
    Heavy,
    Hang,
    Cursor,
    ReadOn,
    Second,
    KillClient,
    CloseClient,
    HalfClose,
    FreezeClient,
    KillBridge,
    FreezeBridge,
    KillBrowser,
    KillBrowserPart,
    FreezeBrowser,
    FreezeRenderer,
    EndSession,
    RetryLeftovers,
    FreezeHost,
    KillHost,
    KillHostAndGuardian,
    StopHost,
    KillGuardian,
    FreezeGuardian,
    KillRedis,
    RestartRedis,
    FreezeRedis,
}

const ACTS: [(Act, u32); 28] = [
    (Act::Connect, 20),
    (Act::Open, 20),
    (Act::Heavy, 4),
    (Act::Hang, 5),
    (Act::Cursor, 12),
    (Act::ReadOn, 6),
    (Act::Second, 6),
    (Act::KillClient, 12),
    (Act::CloseClient, 4),
    (Act::HalfClose, 3),
    (Act::FreezeClient, 4),
    (Act::KillBridge, 3),
    (Act::FreezeBridge, 2),
    (Act::KillBrowser, 3),
    (Act::KillBrowserPart, 4),
    (Act::FreezeBrowser, 1),
    (Act::FreezeRenderer, 2),
    (Act::EndSession, 5),
    (Act::RetryLeftovers, 1),
    (Act::FreezeHost, 2),
    (Act::KillHost, 2),
    (Act::KillHostAndGuardian, 1),
    (Act::StopHost, 1),
    (Act::KillGuardian, 2),
    (Act::FreezeGuardian, 2),
    (Act::KillRedis, 1),
    (Act::RestartRedis, 1),
    (Act::FreezeRedis, 1),
];

struct Soak {
    luck: Luck,
    seed: u64,
    site: Site,
    clients: Vec<Agent>,
    /// Everything that was stopped.
    frozen: Vec<procs::Process>,
    steps: u64,
    done: BTreeMap<Act, u32>,
    last: VecDeque<String>,
    /// Open descriptors of the running host when it was quiet first.
    descriptors: Option<(u32, usize)>,
    named: u64,
    redis: Redis,
    host: TestHost,
}

#[test]
fn soak() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed = number("EBB_SOAK_SEED").unwrap_or(1);
    let time = Duration::from_secs(number("EBB_SOAK_SECONDS").unwrap_or(SHORT));
    let mut soak = Soak::new(seed);
    let began = Instant::now();
    while began.elapsed() < time {
        for _ in 0..STEPS {
            soak.step();
        }
        soak.quiet();
        soak.change_store();
    }
    record(&format!("soak: seed {seed}, {} steps {:?}", soak.steps, soak.done), began.elapsed(), time + QUIET);
    let (status, _) = soak.host.terminate();
    assert!(status.success(), "{status}");
    assert_eq!(soak.host.files_left(), Vec::<String>::new());
    assert_eq!(procs::brief(&soak.host.place().processes()), procs::brief([]));
}

impl Soak {
    fn new(seed: u64) -> Self {
        Self {
            luck: Luck::new(seed),
            seed,
            site: Site::start(),
            clients: Vec::new(),
            frozen: Vec::new(),
            steps: 0,
            done: BTreeMap::new(),
            last: VecDeque::new(),
            descriptors: None,
            named: 0,
            redis: Redis::start(),
            host: TestHost::with(HostArgs { http: true, ..HostArgs::default() }),
        }
    }

    /// Another store for the hosts to come. Only an orderly end may come between: whoever keeps cursors in
    /// Redis removes what a dead predecessor left there, and nobody else looks.
    fn change_store(&mut self) {
        let (status, _) = self.host.terminate();
        assert!(status.success(), "{}: the host ended with {status}", self.story());
        let store = match self.luck.below(3) {
            0 => "memory".to_owned(),
            1 => "sqlite".to_owned(),
            _ => self.redis.url(),
        };
        self.note(&format!("cursors are kept in {}", store.split(':').next().unwrap_or_default()));
        self.host.next_with(vec!["--cursor-store".to_owned(), store]);
        self.host.restart();
    }

    fn step(&mut self) {
        self.steps += 1;
        let sum: u32 = ACTS.iter().map(|(_, weight)| weight).sum();
        let mut at = self.luck.below(sum as usize) as u32;
        let act = ACTS.iter().find(|(_, weight)| {
            let hit = at < *weight;
            at = at.saturating_sub(*weight);
            hit
        });
        let Some((act, _)) = act else { return };
        let luck = self.luck.next();
        self.note(&format!("{act:?} ({})", luck % 1_000));
        *self.done.entry(*act).or_default() += 1;
        self.act(*act, luck as usize);
        // What comes next may find this in any stage.
        std::thread::sleep(ms(luck % 120));
    }

    fn note(&mut self, text: &str) {
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(format!("{}: {text}", self.steps));
    }

    fn act(&mut self, act: Act, luck: usize) {
        match act {
            Act::Connect => self.connect(luck),
            Act::Open => {
                let url = self.site.url(["/ok", "/other", "/ok?again"][luck % 3]);
                self.call(luck, "browser_navigate", &json!({"url": url}), ms(luck as u64 % 900));
            }
            Act::Heavy => {
                let url = self.site.url("/ok?heavy");
                self.call(luck, "browser_navigate", &json!({"url": url}), ms(500));
                let fill = "() => { window.held = Array.from({length: 200000}, (_, n) => ({n})); return 1; }";
                self.call(luck, "browser_evaluate", &json!({"function": fill}), ms(300));
            }
            Act::Hang => {
                let url = self.site.url(&format!("/hang?{}", self.steps));
                self.call(luck, "browser_navigate", &json!({"url": url}), Duration::ZERO);
            }
            Act::Cursor => {
                let large = "() => Array.from({length: 900}, (_, n) => `${n} `.padEnd(100, 'x'))";
                self.call(luck, "browser_evaluate", &json!({"function": large}), ms(luck as u64 % 700));
            }
            Act::ReadOn => self.call(luck, "cursor_list", &json!({}), ms(200)),
            Act::Second => self.call(luck, "session_open", &json!({}), ms(200)),
            Act::KillClient => {
                if let Some(mut client) = self.take_client(luck) {
                    client.kill();
                }
            }
            Act::CloseClient => {
                if let Some(client) = self.client(luck) {
                    client.close();
                }
            }
            Act::HalfClose => {
                if let Some(client) = self.client(luck) {
                    client.half_close();
                }
            }
            Act::FreezeClient => {
                let pid = self.client(luck).map(|client| client.pid());
                self.freeze(pid);
            }
            Act::KillBridge => {
                if let Some(bridge) = self.bridge(luck) {
                    procs::kill(bridge);
                }
            }
            Act::FreezeBridge => {
                let bridge = self.bridge(luck);
                self.freeze(bridge);
            }
            Act::KillBrowser => self.browser().into_iter().for_each(procs::kill),
            Act::KillBrowserPart => {
                let parts = self.host.chromium();
                if let Some(part) = parts.get(luck % parts.len().max(1)) {
                    procs::kill(part.pid);
                }
            }
            Act::FreezeBrowser => {
                let browser = self.browser();
                self.freeze(browser);
            }
            Act::FreezeRenderer => {
                let pages = self.host.renderers();
                self.freeze(pages.get(luck % pages.len().max(1)).map(|page| page.pid));
            }
            Act::EndSession => {
                let control = self.host.control();
                let sessions = control.snapshot().sessions;
                if let Some(session) = sessions.get(luck % sessions.len().max(1)) {
                    drop(control.end(session.id.as_str(), ebb_core::cleanup::AskedBy::Dashboard));
                }
            }
            Act::RetryLeftovers => drop(self.host.control().ask(ebb_host::control::Command::RetryLeftovers)),
            Act::FreezeHost => {
                procs::freeze(self.host.pid());
                std::thread::sleep(ms(200 + luck as u64 % 1_500));
                procs::signal(self.host.pid(), Signal::CONT);
            }
            Act::KillHost => {
                self.host.kill();
                self.host.restart();
            }
            Act::KillHostAndGuardian => {
                let guardians = self.host.guardians();
                procs::freeze(self.host.pid());
                for guardian in &guardians {
                    procs::kill(guardian.pid);
                }
                self.host.kill();
                self.host.restart();
            }
            Act::StopHost => {
                let (status, _) = self.host.terminate();
                assert!(status.success(), "{}: the host ended with {status}", self.story());
                self.host.restart();
            }
            Act::KillGuardian => self.host.guardians().iter().for_each(|guardian| procs::kill(guardian.pid)),
            Act::FreezeGuardian => {
                let guardian = self.host.guardians().first().map(|guardian| guardian.pid);
                self.freeze(guardian);
            }
            Act::KillRedis => {
                self.redis.thaw();
                self.redis.stop();
                self.redis.forget();
                self.redis.restart();
            }
            Act::RestartRedis => {
                self.redis.thaw();
                self.redis.save();
                self.redis.stop();
                self.redis.restart();
            }
            Act::FreezeRedis => self.redis.freeze(),
        }
    }

    fn connect(&mut self, luck: usize) {
        if self.clients.len() >= CLIENTS {
            let oldest = self.clients.remove(0);
            drop(oldest);
        }
        self.named += 1;
        let via = [Via::Socket, Via::Bridge, Via::Socket, Via::Bridge, Via::Stream, Via::Quiet, Via::Modern][luck % 7];
        let client = self.host.agent(via, &format!("{} {}", via.name(), self.named));
        self.clients.push(client);
    }

    /// Calls a tool and waits a moment; whatever comes, an error too, is an answer.
    fn call(&mut self, luck: usize, tool: &str, arguments: &serde_json::Value, patience: Duration) {
        let arguments = arguments.clone();
        if let Some(client) = self.client(luck) {
            let id = client.send(tool, arguments);
            drop(client.answer(id, patience));
        }
    }

    fn client(&mut self, luck: usize) -> Option<&mut Agent> {
        let count = self.clients.len();
        self.clients.get_mut(luck % count.max(1))
    }

    fn take_client(&mut self, luck: usize) -> Option<Agent> {
        (!self.clients.is_empty()).then(|| self.clients.remove(luck % self.clients.len()))
    }

    fn bridge(&mut self, luck: usize) -> Option<u32> {
        let pid = self.client(luck)?.pid();
        procs::below(pid).into_iter().find(|process| process.command.contains(" connect")).map(|process| process.pid)
    }

    fn browser(&self) -> Option<u32> {
        self.host.chromium().into_iter().find(|process| process.kind().is_empty()).map(|process| process.pid)
    }

    fn freeze(&mut self, pid: Option<u32>) {
        if let Some(process) = pid.and_then(procs::of) {
            procs::signal(process.pid, Signal::STOP);
            self.frozen.push(process);
        }
    }

    fn story(&self) -> String {
        let last: Vec<&str> = self.last.iter().map(String::as_str).collect();
        format!("seed {}, the last steps: {}", self.seed, last.join("; "))
    }

    /// Clients go, whether they run or are frozen; what Ebb itself has to get out of stays as it is. Then
    /// everything must be gone.
    fn quiet(&mut self) {
        self.clients.clear();
        // A bridge is its client's process: it ends once it can run again. All of Ebb's own stays frozen.
        for process in self.frozen.drain(..).filter(|process| process.command.contains(" connect ")) {
            procs::signal(process.pid, Signal::CONT);
        }
        self.redis.thaw();
        let began = Instant::now();
        let what = self.story();
        let (host, redis) = (&self.host, &self.redis);
        wait_for(&what, QUIET, || {
            let snapshot = host.control().snapshot();
            let (sessions, clients, left) = (snapshot.sessions.len(), snapshot.clients.len(), snapshot.leftovers.len());
            let others: Vec<_> = host.processes().into_iter().filter(|process| process.pid != host.pid()).collect();
            let (files, guardians, rows) = (host.files_left(), host.guardians(), host.rows());
            let (open, leftovers) = (rows.open_sessions(), rows.leftovers());
            let keys = redis.keys();
            if !keys.is_empty() {
                return Err(format!("keys in Redis: {keys:?}"));
            }
            let all_gone = (sessions, clients, left, open, leftovers) == (0, 0, 0, 0, 0);
            if all_gone && others.is_empty() && files.is_empty() && guardians.len() == 1 {
                Ok(())
            } else {
                Err(format!(
                    "{sessions} sessions, {clients} clients, leftovers {:?}, rows {open} open and {leftovers} left, files {files:?}, guardians {}, {}",
                    snapshot.leftovers,
                    procs::brief(&guardians),
                    procs::brief(&others)
                ))
            }
        });
        let (pid, now) = (self.host.pid(), procs::descriptors(self.host.pid()));
        match self.descriptors {
            Some((same, before)) if same == pid => {
                assert!(
                    now <= before + 8,
                    "{what}: {now} descriptors, {before} before: {:?}",
                    procs::descriptor_list(pid)
                );
            }
            _ => self.descriptors = Some((pid, now)),
        }
        record(&format!("soak: quiet after {} steps", self.steps), began.elapsed(), QUIET);
    }
}
