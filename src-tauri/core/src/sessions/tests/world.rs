use std::{collections::HashMap, time::Duration};

use tokio::{runtime::Runtime, sync::broadcast, task::JoinHandle};

use super::{
    machine::{Port, Step},
    support::{ENDED, SECOND, Sea},
};
use crate::{
    Code, Result,
    cleanup::{CleanupReport, LeftoverKind, Outcome, Step as Part, StepOutcome},
    cursors::{CursorFreed, CursorStore},
    events::Event,
    ids::{ClientId, SessionId},
    ports::fake::{Method, Script},
    sessions::{Call, Keep, NewClient, OpenOptions, ProcessKey, Session, Signal},
    view::{ProcessView, SessionState, Transport},
};

const MAX_SESSIONS: usize = 8;
const MAX_PER_PROCESS: usize = 4;
const MAX_CLIENTS: usize = 8;
const MAX_CLIENTS_PER_PROCESS: usize = 3;
const MAX_CALLS: usize = 3;
const GRACE: Duration = Duration::from_secs(10);
const RENDERERS: u64 = 1_000_000;

/// The manager, its clients, and what they must find.
pub(super) struct World {
    sea: Sea,
    clients: Vec<Person>,
    sessions: Vec<Made>,
    calls: Vec<Caller>,
    answers: Vec<(SessionId, JoinHandle<CleanupReport>)>,
    events: broadcast::Receiver<Event>,
    removed: HashMap<SessionId, CleanupReport>,
    stopped: bool,
    /// Whether sessions wait for clients that left.
    grace: bool,
    /// How often the machine slept; the clock may count two ticks of each.
    gaps: u32,
    /// Last, so that everything above may still use it while it goes.
    runtime: Runtime,
}

struct Person {
    id: ClientId,
    pid: u32,
    place: u8,
    half_closed: bool,
    /// Its default session, as an index, until it is told of its end.
    default: Option<usize>,
}

struct Made {
    session: Session,
    options: OpenOptions,
    is_default: bool,
    pid: u32,
    place: u8,
    /// What it held when it was last filled; nothing is added from `Closing` on.
    cursors: CursorFreed,
    tabs: u32,
    devtools: u64,
}

struct Caller {
    session: usize,
    /// Who called: the session may be another client's by the time of the answer.
    client: ClientId,
    task: Option<JoinHandle<Result<Call>>>,
    call: Option<Call>,
}

fn choose<T>(all: &[T], n: usize) -> Option<usize> {
    (!all.is_empty()).then(|| n % all.len())
}

impl World {
    pub(super) fn new(grace: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let sea = runtime.block_on(async {
            let sea = Sea::with(|settings| {
                let sessions = &mut settings.sessions;
                sessions.max_sessions = MAX_SESSIONS;
                sessions.max_sessions_per_process = MAX_PER_PROCESS;
                sessions.max_clients = MAX_CLIENTS;
                sessions.max_clients_per_process = MAX_CLIENTS_PER_PROCESS;
                sessions.max_calls = MAX_CALLS;
                sessions.idle_timeout = Duration::from_mins(1);
                sessions.idle_timeout_known_process = Duration::from_mins(2);
                sessions.reconnect_grace = if grace { GRACE } else { Duration::ZERO };
                settings.cleanup.parallel = 3;
                settings.cursors.ttl = Duration::from_hours(100);
                settings.cursors.max_age = Duration::from_hours(100);
            });
            sea.manager.start_sweeper();
            sea
        });
        let events = sea.manager.subscribe();
        Self {
            sea,
            clients: Vec::new(),
            sessions: Vec::new(),
            calls: Vec::new(),
            answers: Vec::new(),
            events,
            removed: HashMap::new(),
            stopped: false,
            grace,
            gaps: 0,
            runtime,
        }
    }

    pub(super) fn apply(&mut self, step: Step) {
        let handle = self.runtime.handle().clone();
        let _inside = handle.enter();
        match step {
            Step::Connect { pid, place } => self.connect(pid, place),
            Step::Keep { session } => self.keep(session),
            Step::Default { client } => self.default(client),
            Step::Open { client, options } => self.open(client, options),
            Step::Present { client, session } => self.present(client, session),
            Step::BeginCall { session } => {
                let Some(index) = choose(&self.sessions, session) else { return };
                let session = self.sessions[index].session.clone();
                let client = session.client().clone();
                let task = handle.spawn(async move { session.begin_call("browser_click", "{}").await });
                self.calls.push(Caller { session: index, client, task: Some(task), call: None });
            }
            Step::GiveUp { call } => {
                let Some(index) = choose(&self.calls, call) else { return };
                let caller = self.calls.swap_remove(index);
                if let Some(task) = caller.task {
                    task.abort();
                }
            }
            Step::EndCall { call } => {
                let Some(index) = choose(&self.calls, call) else { return };
                if let Some(call) = self.calls[index].call.take() {
                    call.finish(false);
                    self.calls.swap_remove(index);
                }
            }
            Step::Cursor { session } => {
                let Some(index) = choose(&self.sessions, session) else { return };
                let (sea, made) = (&self.sea, &mut self.sessions[index]);
                let made_one = self.runtime.block_on(sea.cursor(&made.session));
                assert_eq!(made_one.is_ok(), made.session.is_live(), "a cursor exactly while its session lives");
                if made_one.is_ok() {
                    made.cursors = sea.cursors.usage_now(Some(made.session.id()));
                }
            }
            Step::Context { session, tabs } => {
                let Some(index) = choose(&self.sessions, session) else { return };
                let made = &mut self.sessions[index];
                // As the host does: the gate first, then the browser.
                if !made.session.closing().is_cancelled() {
                    self.sea.browser.open_context(made.session.id(), tabs, RENDERERS).unwrap();
                    made.tabs = tabs;
                }
            }
            Step::Log { session } => {
                let Some(index) = choose(&self.sessions, session) else { return };
                let made = &mut self.sessions[index];
                if made.session.is_live() {
                    Sea::log(&made.session);
                    made.devtools = made.session.devtools().view().bytes;
                }
            }
            Step::Tell { client, signal } => self.tell(client, signal),
            Step::End { session, wait } => {
                let Some(index) = choose(&self.sessions, session) else { return };
                let id = self.sessions[index].session.id().clone();
                let first = self.sea.manager.remove_session(&id, ENDED);
                drop(self.sea.manager.remove_session(&id, ENDED));
                assert!(!self.sessions[index].session.is_live());
                if wait {
                    self.answers.push((id, handle.spawn(first)));
                }
            }
            Step::Fault { session, port, script } => {
                let Some(index) = choose(&self.sessions, session) else { return };
                let id = self.sessions[index].session.id().clone();
                self.fault(&id, port, script);
            }
            Step::Sleep { ms } => self.runtime.block_on(tokio::time::sleep(Duration::from_millis(ms))),
            Step::Gap { s } => self.gap(s),
            Step::Run { turns } => self.turns(turns),
            Step::Accept { accepting } => self.sea.manager.set_accepting(accepting),
            Step::Retry => drop(self.runtime.block_on(self.sea.manager.retry_leftovers())),
            Step::Shutdown => {
                let reports = self.runtime.block_on(self.sea.manager.shutdown());
                assert_eq!(self.sea.manager.busy(), 0);
                assert!(reports.iter().all(|report| report.outcome != Outcome::NotFound));
                self.stopped = true;
            }
        }
        self.observe();
    }

    fn connect(&mut self, pid: u32, place: u8) {
        // Callers that wait are told of an end by the client they had then.
        self.turns(64);
        let new = NewClient {
            transport: Transport::Stdio,
            process: (pid > 0).then_some(ProcessKey { pid, start_time: 1 }),
            process_view: (pid > 0).then(|| ProcessView {
                pid,
                name: "agent".to_owned(),
                exe: Some("/bin/agent".to_owned()),
                cwd: None,
            }),
            project: Some(format!("~/{place}")),
            stateless: false,
        };
        match self.sea.manager.connect(new) {
            Ok(id) => {
                self.sea.manager.introduce(&id, Some("agent"), None, None);
                self.clients.push(Person { id, pid, place, half_closed: false, default: None });
                self.come_back();
            }
            Err(error) => assert!(matches!(error.code, Code::LimitReached | Code::ShuttingDown), "{error}"),
        }
    }

    /// The client that came last may have what another of its kind left, all of it.
    fn come_back(&mut self) {
        let Some(person) = self.clients.last_mut() else { return };
        for view in self.sea.manager.list_of(&person.id) {
            let index = self.sessions.iter().position(|made| *made.session.id() == view.id).unwrap();
            let made = &mut self.sessions[index];
            assert!(self.grace && made.options.keep == Keep::Client && made.place == person.place && made.pid > 0);
            made.session = self.sea.manager.session(&person.id, view.id.as_str()).unwrap();
            made.pid = person.pid;
            if made.is_default {
                person.default = Some(index);
            }
        }
    }

    fn keep(&mut self, session: usize) {
        let Some(index) = choose(&self.sessions, session) else { return };
        let id = self.sessions[index].session.id().clone();
        let waits = self.sea.manager.view(&id).is_some_and(|view| view.state == SessionState::Waiting);
        assert_eq!(self.sea.manager.keep(&id).is_ok(), waits, "kept exactly while it waits");
    }

    fn is_here(&self, client: &ClientId) -> bool {
        self.sea.manager.client(client).is_some()
    }

    fn refusal(&self, person: usize, code: Code) {
        let expected = match code {
            Code::SessionEnded => !self.is_here(&self.clients[person].id),
            Code::Paused => !self.sea.manager.is_accepting(),
            Code::ShuttingDown => self.stopped,
            Code::LimitReached | Code::InvalidArguments => true,
            _ => false,
        };
        assert!(expected, "refused with {code:?}");
    }

    fn default(&mut self, client: usize) {
        // Callers that wait are told of an end too, and being told once is enough.
        self.turns(64);
        let Some(person) = choose(&self.clients, client) else { return };
        let known = self.clients[person].default;
        let result = self.sea.manager.default_session(&self.clients[person].id);
        match (known, result) {
            (Some(index), Ok(session)) => {
                assert_eq!(session.id(), self.sessions[index].session.id());
                assert!(session.is_live());
            }
            (Some(index), Err(error)) => {
                assert_eq!(error.code, Code::SessionEnded);
                // That of a client that left may wait, or be another's by now.
                assert!(!self.sessions[index].session.is_live() || !self.is_here(&self.clients[person].id));
                self.clients[person].default = None;
            }
            (None, Ok(session)) => {
                self.clients[person].default = Some(self.sessions.len());
                self.made(person, session, OpenOptions::default(), true);
            }
            (None, Err(error)) => self.refusal(person, error.code),
        }
    }

    fn open(&mut self, client: usize, options: OpenOptions) {
        let Some(person) = choose(&self.clients, client) else { return };
        match self.sea.manager.open(&self.clients[person].id, options.clone()) {
            Ok(session) => self.made(person, session, options, false),
            Err(error) => self.refusal(person, error.code),
        }
    }

    fn made(&mut self, person: usize, session: Session, options: OpenOptions, is_default: bool) {
        let Person { pid, place, .. } = self.clients[person];
        assert!(self.is_here(&self.clients[person].id) && !self.stopped);
        let cursors = CursorFreed::default();
        self.sessions.push(Made { session, options, is_default, pid, place, cursors, tabs: 0, devtools: 0 });
    }

    fn present(&mut self, client: usize, session: usize) {
        let (Some(person), Some(index)) = (choose(&self.clients, client), choose(&self.sessions, session)) else {
            return;
        };
        let (person, made) = (&self.clients[person], &self.sessions[index]);
        let shared = made.options.share || made.options.keep == Keep::Ttl;
        let own = *made.session.client() == person.id;
        match self.sea.manager.session(&person.id, made.session.id().as_str()) {
            Ok(found) => assert!(found.is_live() && self.is_here(&person.id) && (own || shared)),
            Err(error) if error.code == Code::SessionUnknown => assert!(!own || !self.is_here(&person.id)),
            Err(error) => assert_eq!(error.code, Code::SessionEnded),
        }
    }

    fn tell(&mut self, client: usize, signal: Signal) {
        let Some(person) = choose(&self.clients, client) else { return };
        let id = self.clients[person].id.clone();
        self.sea.manager.signal(&id, signal);
        if signal == Signal::HalfClosed {
            self.clients[person].half_closed = true;
            return;
        }
        assert!(!self.is_here(&id), "{signal:?} ends the lease at once");
        for made in &self.sessions {
            let alone = !made.options.share && made.options.keep == Keep::Client;
            if alone && *made.session.client() == id && made.session.is_live() {
                let view = self.sea.manager.view(made.session.id()).unwrap();
                let waits = self.grace && made.pid > 0 && view.state == SessionState::Waiting;
                assert!(waits, "it goes with its client, or waits for it");
            }
        }
    }

    fn fault(&self, id: &SessionId, port: Port, script: Script) {
        match port {
            Port::Capture => self.sea.browser.script(id, Method::StopCapture, script),
            Port::Dispose => self.sea.browser.script(id, Method::Dispose, script),
            Port::Cursors => self.sea.cursors.script(id, script),
        }
    }

    fn gap(&mut self, s: u64) {
        self.turns(64);
        self.gaps += 1;
        let half_closed = self.clients.iter().any(|client| client.half_closed);
        let far: Vec<_> = self
            .sea
            .manager
            .list()
            .into_iter()
            .filter(|view| view.ends_in_s.or(view.waiting_s).is_some_and(|s| s > 5))
            .collect();
        self.runtime.block_on(tokio::time::advance(Duration::from_secs(s)));
        self.turns(64);
        for view in far.into_iter().filter(|_| !half_closed) {
            let now = self.sea.manager.view(&view.id).map(|view| view.state);
            assert!(now.is_some_and(|state| state != SessionState::Closing), "sleep ends no session");
        }
    }

    fn turns(&mut self, turns: u8) {
        self.runtime.block_on(async {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
        });
        self.observe();
    }

    /// Collects what happened since the last step.
    fn observe(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(Event::SessionRemoved(report)) => self.removal(*report),
                Ok(_) => {}
                Err(broadcast::error::TryRecvError::Lagged(missed)) => panic!("missed {missed} events"),
                Err(_) => break,
            }
        }
        for caller in &mut self.calls {
            if caller.task.as_ref().is_none_or(|task| !task.is_finished()) {
                continue;
            }
            let Some(task) = caller.task.take() else { continue };
            match self.runtime.block_on(task) {
                Ok(Ok(call)) => caller.call = Some(call),
                Ok(Err(error)) => {
                    let session = &self.sessions[caller.session].session;
                    if error.code == Code::SessionEnded {
                        assert!(!session.is_live());
                        for client in self.clients.iter_mut().filter(|client| client.id == caller.client) {
                            client.default = client.default.filter(|index| *index != caller.session);
                        }
                    } else {
                        assert_eq!(error.code, Code::LimitReached);
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
        self.calls.retain(|caller| caller.task.is_some() || caller.call.is_some());
    }

    /// A report came: exactly one, and its sums are right.
    fn removal(&mut self, report: CleanupReport) {
        let made = self.sessions.iter().find(|made| *made.session.id() == report.session).unwrap();
        let clean = |part| report.outcome_of(part).is_clean();
        let freed = &report.freed;
        let renderers = if made.tabs > 0 { RENDERERS } else { 0 };
        assert_eq!(report.outcome_of(Part::State), StepOutcome::Done);
        assert_eq!(report.steps.iter().map(|step| step.step).collect::<Vec<_>>(), Part::ALL);
        assert_eq!(freed.held_before, made.cursors.bytes + made.devtools + renderers, "held before");
        assert_eq!(freed.devtools_bytes, made.devtools, "buffers always go");
        let cursors = if clean(Part::Cursors) { made.cursors } else { CursorFreed::default() };
        assert_eq!((freed.cursors, freed.cursor_bytes), (cursors.count, cursors.bytes), "cursors freed");
        assert_eq!(freed.tabs, if clean(Part::Browser) { made.tabs } else { 0 }, "tabs closed");
        let left = made.cursors.bytes - cursors.bytes + if clean(Part::Browser) { 0 } else { renderers };
        assert_eq!(freed.held_after, left, "held after");
        let problems = report.steps.iter().filter(|step| !step.outcome.is_clean()).count();
        assert_eq!(report.leftovers.len(), problems, "each problem is a leftover");
        assert_eq!(report.outcome == Outcome::Clean, problems == 0);
        let longest = 4_200.0 + 2_000.0 * f64::from(self.gaps);
        assert!(report.ms < longest, "deadlines hold: {}", report.ms);
        assert!(self.removed.insert(report.session.clone(), report).is_none(), "one report for an end");
    }

    /// What must hold at any moment.
    pub(super) fn check(&self) {
        // Outside the runtime the clock would be the real one.
        let _inside = self.runtime.enter();
        let manager = &self.sea.manager;
        let (list, clients, leftovers) = (manager.list(), manager.clients(), manager.leftovers());
        let is_listed = |id: &SessionId| list.iter().any(|view| view.id == *id);
        let is_left =
            |id: &SessionId, kind| leftovers.iter().any(|left| left.session.as_ref() == Some(id) && left.kind == kind);

        // No session without owner.
        for view in list.iter().filter(|view| view.state != SessionState::Closing) {
            let made = self.sessions.iter().find(|made| *made.session.id() == view.id).unwrap();
            let owned = clients.iter().any(|client| client.id == view.client.id);
            let waits = view.state == SessionState::Waiting;
            assert!(owned != waits || made.options.keep == Keep::Ttl, "owned, or waiting, or told to outlive");
            assert!(!waits || self.grace, "nothing waits without a grace");
            assert!(view.waiting_s.is_none_or(|s| waits && s <= GRACE.as_secs()), "the countdown is the grace");
        }
        // No context without session, no cursor without session, but for what is written down.
        for id in self.sea.browser.contexts() {
            assert!(is_listed(&id) || is_left(&id, LeftoverKind::Browser), "a context without session");
        }
        let mut held = CursorFreed::default();
        for made in &self.sessions {
            let (id, usage) = (made.session.id(), self.sea.cursors.usage_now(Some(made.session.id())));
            held += usage;
            let known = is_listed(id) || is_left(id, LeftoverKind::Cursors);
            assert!(usage == CursorFreed::default() || known, "a cursor without session");
            // Exactly one report for each end, and none for the living.
            assert_eq!(self.removed.contains_key(id), !is_listed(id), "listed or reported");
            assert_eq!(made.session.is_live(), !made.session.closing().is_cancelled(), "the gate");
        }
        assert_eq!(self.sea.cursors.usage_now(None), held, "sums of bytes");
        let records = self.sea.history.records();
        assert_eq!((records.opened.len(), records.closed.len()), (self.sessions.len(), self.removed.len()));
        // Caps.
        assert_eq!(manager.busy(), list.len());
        assert!(list.len() <= MAX_SESSIONS && clients.len() <= MAX_CLIENTS);
        for pid in 0..4 {
            let sessions = self.sessions.iter().filter(|made| made.pid == pid && is_listed(made.session.id())).count();
            let here = |person: &&Person| person.pid == pid && clients.iter().any(|client| client.id == person.id);
            let clients = self.clients.iter().filter(here).count();
            assert!(sessions <= MAX_PER_PROCESS && clients <= MAX_CLIENTS_PER_PROCESS);
        }
        for index in 0..self.sessions.len() {
            let running = self.calls.iter().filter(|caller| caller.session == index && caller.call.is_some()).count();
            assert!(running <= 1, "one call runs");
        }
    }

    /// Faults end, everybody goes, and nothing is left.
    pub(super) fn end(mut self) {
        for made in &self.sessions {
            for port in [Port::Capture, Port::Cursors, Port::Dispose] {
                self.fault(made.session.id(), port, Script::Ok);
            }
        }
        let handle = self.runtime.handle().clone();
        let _inside = handle.enter();
        self.runtime.block_on(self.sea.manager.shutdown());
        for (id, answer) in std::mem::take(&mut self.answers) {
            let report = self.runtime.block_on(answer).unwrap();
            self.observe();
            assert_eq!(report.id, self.removed[&id].id, "everybody gets the one report");
        }
        // Tries that hang from before end by their deadlines; then one more clears everything.
        self.runtime.block_on(async {
            tokio::time::sleep(4 * SECOND).await;
            self.sea.manager.retry_leftovers().await;
        });
        self.observe();
        self.check();
        self.sea.assert_empty();
        assert_eq!(self.removed.len(), self.sessions.len());
        for made in &self.sessions {
            let report = self.sea.manager.report(made.session.id().as_str()).unwrap();
            assert_eq!(report.cleared_at.is_some(), !report.leftovers.is_empty());
            assert_eq!((report.freed.cursors, report.freed.cursor_bytes), (made.cursors.count, made.cursors.bytes));
            assert_eq!(report.freed.tabs, made.tabs);
        }
        self.calls.clear();
    }
}
