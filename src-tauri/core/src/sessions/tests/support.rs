use std::{collections::HashMap, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    Code, Error, Result,
    cleanup::{AskedBy, CleanupReport, Reason},
    cursors::{Chunk, CursorFreed, CursorStore, Found, Frozen, MemoryStore, NewCursor, Span, Spot},
    devtools::{ConsoleEntry, Level},
    ids::{ClientId, CursorId, InstanceId, SessionId},
    ports::{
        TokioClock,
        fake::{FakeBrowser, FakeHistory, Script},
    },
    sessions::{NewClient, OpenOptions, Ports, ProcessKey, Session, SessionManager},
    settings::Settings,
    view::{CursorView, Transport},
};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const ENDED: Reason = Reason::Manual(AskedBy::Dashboard);

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A manager with its fakes.
pub(super) struct Sea {
    pub(super) manager: SessionManager,
    pub(super) browser: Arc<FakeBrowser>,
    pub(super) cursors: Arc<FaultyCursors>,
    pub(super) history: Arc<FakeHistory>,
}

impl Sea {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let clock = Arc::new(TokioClock::start());
        let browser = Arc::new(FakeBrowser::new());
        let history = Arc::new(FakeHistory::new());
        let memory = MemoryStore::new(settings.cursors.clone(), clock.clone());
        let cursors = Arc::new(FaultyCursors { memory, scripts: Mutex::default() });
        let ports = Ports { clock, browser: browser.clone(), cursors: cursors.clone(), history: history.clone() };
        Self { manager: SessionManager::new(settings, ports), browser, cursors, history }
    }

    /// The same with its sweeper at work.
    pub(super) fn swept() -> Self {
        let sea = Self::new();
        sea.manager.start_sweeper();
        sea
    }

    /// A client of process `pid`; of none that is known for 0.
    pub(super) fn try_client(&self, pid: u32) -> Result<ClientId> {
        self.manager.connect(NewClient {
            transport: Transport::Socket,
            process: (pid > 0).then_some(ProcessKey { pid, start_time: 1 }),
            process_view: None,
            project: None,
            stateless: false,
        })
    }

    pub(super) fn client(&self) -> ClientId {
        self.try_client(7).unwrap()
    }

    /// A client and its default session.
    pub(super) fn session(&self) -> (ClientId, Session) {
        let client = self.client();
        let session = self.manager.default_session(&client).unwrap();
        (client, session)
    }

    /// A session that holds something of everything.
    pub(super) async fn full_session(&self) -> (ClientId, Session) {
        let (client, session) = self.session();
        self.fill(&session).await;
        (client, session)
    }

    pub(super) async fn fill(&self, session: &Session) {
        self.browser.open_context(session.id(), 2, 1_000_000).unwrap();
        Self::log(session);
        self.cursor(session).await.unwrap();
    }

    pub(super) fn log(session: &Session) {
        session.devtools().console(
            1,
            ConsoleEntry {
                level: Level::Info,
                kind: "log".to_owned(),
                text: "hello".to_owned(),
                url: String::new(),
                line: 1,
                at_ms: 0.0,
                exception: false,
            },
        );
    }

    pub(super) async fn cursor(&self, session: &Session) -> Result<CursorView> {
        let frozen = Frozen::text("browser_snapshot", "", "one\ntwo\nthree\n".to_owned())?;
        let read = Span { from: Spot::before(0), to: Spot::before(1) };
        self.cursors.create(session.id(), session.closing(), NewCursor { frozen, read }).await
    }

    /// The clock's time since `before`.
    pub(super) fn since(&self, before: Duration) -> Duration {
        self.manager.clock().now().saturating_sub(before)
    }

    pub(super) async fn end(&self, session: &Session) -> CleanupReport {
        self.manager.remove_session(session.id(), ENDED).await
    }

    pub(super) fn cursors_of(&self, session: &Session) -> CursorFreed {
        self.cursors.usage_now(Some(session.id()))
    }

    /// Nothing is left of anything.
    pub(super) fn assert_empty(&self) {
        assert_eq!(self.manager.busy(), 0, "sessions");
        assert_eq!(self.browser.live(), 0, "contexts");
        assert_eq!(self.cursors.usage_now(None), CursorFreed::default(), "cursors");
        assert!(self.manager.leftovers().is_empty(), "leftovers");
    }
}

pub(super) fn named(name: &str) -> OpenOptions {
    OpenOptions { name: Some(name.to_owned()), ..OpenOptions::default() }
}

/// Lets every task that can run do so, without time passing.
pub(super) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// The memory store, whose invalidations can be told to fail, hang or panic.
pub(super) struct FaultyCursors {
    memory: MemoryStore,
    scripts: Mutex<HashMap<SessionId, Script>>,
}

impl FaultyCursors {
    pub(super) fn script(&self, session: &SessionId, script: Script) {
        self.scripts.lock().insert(session.clone(), script);
    }
}

#[async_trait]
impl CursorStore for FaultyCursors {
    fn kind(&self) -> &'static str {
        "faulty"
    }

    async fn create(&self, session: &SessionId, gate: &CancellationToken, new: NewCursor) -> Result<CursorView> {
        self.memory.create(session, gate, new).await
    }

    fn find(&self, session: &SessionId, cursor: &CursorId) -> Result<Found> {
        self.memory.find(session, cursor)
    }

    async fn read(&self, session: &SessionId, cursor: &CursorId, bytes: Range<u32>) -> Result<Chunk> {
        self.memory.read(session, cursor, bytes).await
    }

    fn remember(&self, session: &SessionId, cursor: &CursorId, read: Span) -> Result<Duration> {
        self.memory.remember(session, cursor, read)
    }

    async fn close(&self, session: &SessionId, cursor: Option<&CursorId>) -> Result<CursorFreed> {
        self.memory.close(session, cursor).await
    }

    async fn invalidate_session(&self, session: &SessionId) -> Result<CursorFreed> {
        let script = self.scripts.lock().get(session).copied().unwrap_or_default();
        match script {
            Script::Ok => {}
            Script::Slow(time) => tokio::time::sleep(time).await,
            Script::Fail => return Err(Error::new(Code::StoreUnavailable, "the store is locked")),
            Script::Hang => std::future::pending().await,
            Script::Panic => std::panic::resume_unwind(Box::new("the store panicked as told")),
        }
        self.memory.invalidate_session(session).await
    }

    async fn sweep(&self) -> Result<CursorFreed> {
        self.memory.sweep().await
    }

    fn usage_now(&self, session: Option<&SessionId>) -> CursorFreed {
        self.memory.usage_now(session)
    }

    fn list(&self, session: &SessionId) -> Vec<CursorView> {
        self.memory.list(session)
    }

    async fn owners(&self) -> Result<Vec<SessionId>> {
        self.memory.owners().await
    }

    async fn health(&self) -> Result<()> {
        self.memory.health().await
    }

    async fn purge_instance(&self, instance: &InstanceId) -> Result<CursorFreed> {
        self.memory.purge_instance(instance).await
    }
}
