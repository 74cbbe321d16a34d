//! Ports for tests: a browser that can be told to fail, hang or panic, a history that remembers, and a
//! clock that is set by hand.

use std::{
    collections::{HashMap, HashSet},
    panic::resume_unwind,
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use time::OffsetDateTime;

use super::{BrowserPort, Clock, Disposed, HistoryPort, OpenSession, Stray};
use crate::{
    Code, Error, Result,
    cleanup::{CleanupReport, Leftover, Rung},
    ids::{LeftoverId, SessionId},
    view::{HeldView, TabView},
};

/// How many awaits a slow method consists of.
const PARTS: u32 = 10;

/// A method of the browser that can be scripted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// [`BrowserPort::stop_capture`].
    StopCapture,
    /// [`BrowserPort::measure`].
    Measure,
    /// [`BrowserPort::dispose`].
    Dispose,
}

/// What a scripted method does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Script {
    /// Its work.
    #[default]
    Ok,
    /// Its work, after this long.
    Slow(Duration),
    /// Nothing but an error.
    Fail,
    /// Nothing, for ever.
    Hang,
    /// Panics.
    Panic,
}

/// A context as the fake browser keeps it.
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    tabs: u32,
    renderers: u64,
    /// What the next measurement finds.
    grown: Option<u64>,
}

#[derive(Default)]
struct Browser {
    contexts: HashMap<SessionId, Context>,
    /// Sessions whose disposal was asked for: they never get a context again.
    ended: HashSet<SessionId>,
    lost: HashSet<SessionId>,
    scripts: HashMap<(SessionId, Method), Script>,
    fallback: HashMap<Method, Script>,
    calls: HashMap<(SessionId, Method), u32>,
    strays: HashMap<String, Stray>,
    censuses: u32,
    strays_stay: bool,
}

/// A browser without a browser.
#[derive(Default)]
pub struct FakeBrowser {
    state: Mutex<Browser>,
}

impl FakeBrowser {
    /// A browser without contexts that does what it is asked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `method` does this for `session`.
    pub fn script(&self, session: &SessionId, method: Method, script: Script) {
        self.state.lock().scripts.insert((session.clone(), method), script);
    }

    /// From now on `method` does this for every session without a script of its own.
    pub fn script_all(&self, method: Method, script: Script) {
        self.state.lock().fallback.insert(method, script);
    }

    /// What the next measurement of the session's renderers finds.
    pub fn grow(&self, session: &SessionId, renderers: u64) {
        if let Some(context) = self.state.lock().contexts.get_mut(session) {
            context.grown = Some(renderers);
        }
    }

    /// Gives the session a context with `tabs` tabs whose renderers hold `renderers` bytes.
    ///
    /// # Errors
    /// `SessionEnded` once its disposal was asked for.
    pub fn open_context(&self, session: &SessionId, tabs: u32, renderers: u64) -> Result<()> {
        let mut state = self.state.lock();
        if state.ended.contains(session) {
            return Err(Error::new(Code::SessionEnded, "the session's browser side is disposed"));
        }
        state.contexts.insert(session.clone(), Context { tabs, renderers, grown: None });
        Ok(())
    }

    /// Marks the session's browser as lost, or as found again.
    pub fn set_lost(&self, session: &SessionId, lost: bool) {
        let mut state = self.state.lock();
        if lost {
            state.lost.insert(session.clone());
        } else {
            state.lost.remove(session);
        }
    }

    /// Puts something there that nobody owns.
    pub fn leave_stray(&self, stray: Stray) {
        self.state.lock().strays.insert(stray.key.clone(), stray);
    }

    /// Takes it away again, as if it had gone by itself.
    pub fn forget_stray(&self, key: &str) {
        self.state.lock().strays.remove(key);
    }

    /// Whether strays cannot be removed.
    pub fn keep_strays(&self, keep: bool) {
        self.state.lock().strays_stay = keep;
    }

    /// How often somebody looked for strays.
    pub fn censuses(&self) -> u32 {
        self.state.lock().censuses
    }

    /// How many strays there are.
    pub fn strays_left(&self) -> usize {
        self.state.lock().strays.len()
    }

    /// The sessions that have a context.
    pub fn contexts(&self) -> Vec<SessionId> {
        self.state.lock().contexts.keys().cloned().collect()
    }

    /// How many contexts there are.
    pub fn live(&self) -> usize {
        self.state.lock().contexts.len()
    }

    /// How often `method` was called for `session`.
    pub fn calls(&self, session: &SessionId, method: Method) -> u32 {
        self.state.lock().calls.get(&(session.clone(), method)).copied().unwrap_or_default()
    }

    async fn act(&self, session: &SessionId, method: Method) -> Result<()> {
        let script = {
            let mut state = self.state.lock();
            *state.calls.entry((session.clone(), method)).or_default() += 1;
            let own = state.scripts.get(&(session.clone(), method));
            own.or_else(|| state.fallback.get(&method)).copied().unwrap_or_default()
        };
        match script {
            Script::Ok => Ok(()),
            Script::Slow(time) => {
                // In parts, as real work is: a process that slept has the rest still before it.
                for _ in 0..PARTS {
                    tokio::time::sleep(time / PARTS).await;
                }
                Ok(())
            }
            Script::Fail => Err(Error::new(Code::BrowserUnresponsive, format!("{method:?} failed as told"))),
            Script::Hang => std::future::pending().await,
            // A panic like any other, but quiet: thousands of them are asked for.
            Script::Panic => resume_unwind(Box::new(format!("{method:?} panicked as told"))),
        }
    }
}

#[async_trait]
impl BrowserPort for FakeBrowser {
    async fn stop_capture(&self, session: &SessionId) -> Result<()> {
        self.act(session, Method::StopCapture).await
    }

    async fn measure(&self, session: &SessionId) {
        // Its outcome does not matter: a measurement that fails changes no figure.
        if self.act(session, Method::Measure).await.is_ok()
            && let Some(context) = self.state.lock().contexts.get_mut(session)
        {
            context.renderers = context.grown.take().unwrap_or(context.renderers);
        }
    }

    async fn dispose(&self, session: &SessionId) -> Result<Disposed> {
        self.state.lock().ended.insert(session.clone());
        self.act(session, Method::Dispose).await?;
        let context = self.state.lock().contexts.remove(session);
        Ok(context.map_or_else(Disposed::default, |context| Disposed {
            tabs: context.tabs,
            rung: Some(Rung::Disposed),
            ..Disposed::default()
        }))
    }

    async fn strays(&self, sessions: &HashSet<SessionId>) -> Result<Vec<Stray>> {
        let mut state = self.state.lock();
        state.censuses += 1;
        let unowned = state.contexts.keys().filter(|session| !sessions.contains(*session));
        let contexts = unowned.map(|session| Stray {
            key: format!("context {session}"),
            what: format!("a browser context of {session}"),
            session: Some(session.clone()),
        });
        Ok(contexts.chain(state.strays.values().cloned()).collect())
    }

    async fn remove_stray(&self, stray: &Stray) -> Result<Disposed> {
        let mut state = self.state.lock();
        if state.strays_stay {
            return Err(Error::new(Code::BrowserUnresponsive, "the stray stays as told"));
        }
        state.strays.remove(&stray.key);
        let context = stray.session.as_ref().and_then(|session| state.contexts.remove(session));
        Ok(Disposed { tabs: context.map_or(0, |context| context.tabs), ..Disposed::default() })
    }

    fn tabs(&self, session: &SessionId) -> Vec<TabView> {
        let tabs = self.state.lock().contexts.get(session).map_or(0, |context| context.tabs);
        let tab = |id| TabView {
            id,
            title: format!("Tab {id}"),
            url: "about:blank".to_owned(),
            current: id == 1,
            crashed: false,
            loading: false,
            bytes: None,
        };
        (1..=tabs).map(tab).collect()
    }

    fn held(&self, session: &SessionId) -> HeldView {
        let renderers = self.state.lock().contexts.get(session).map(|context| context.renderers);
        HeldView { renderers, ..HeldView::default() }
    }

    fn lost(&self, session: &SessionId) -> bool {
        self.state.lock().lost.contains(session)
    }
}

/// A history in memory.
#[derive(Default)]
pub struct FakeHistory {
    records: Mutex<Records>,
}

/// What a [`FakeHistory`] was told, in order.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// Sessions opened.
    pub opened: Vec<OpenSession>,
    /// Reports.
    pub closed: Vec<CleanupReport>,
    /// Leftovers found or tried again.
    pub leftovers: Vec<Leftover>,
    /// Leftovers gone.
    pub cleared: Vec<LeftoverId>,
}

impl FakeHistory {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything it was told so far.
    pub fn records(&self) -> Records {
        self.records.lock().clone()
    }
}

impl HistoryPort for FakeHistory {
    fn opened(&self, session: OpenSession) {
        self.records.lock().opened.push(session);
    }

    fn closed(&self, report: &CleanupReport) {
        self.records.lock().closed.push(report.clone());
    }

    fn leftover(&self, leftover: &Leftover) {
        self.records.lock().leftovers.push(leftover.clone());
    }

    fn cleared(&self, leftover: &LeftoverId, _: Option<&SessionId>, _: OffsetDateTime) {
        self.records.lock().cleared.push(leftover.clone());
    }
}

/// A clock that moves only when told.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: Mutex<Duration>,
}

impl ManualClock {
    /// A clock at zero, which on the wall is the first second of 1970.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves on by `time`.
    pub fn advance(&self, time: Duration) {
        *self.now.lock() += time;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        *self.now.lock()
    }

    fn wall(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + *self.now.lock()
    }
}
