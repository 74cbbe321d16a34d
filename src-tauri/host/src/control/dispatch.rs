//! [`Control`]: does what a [`Command`] says, whoever sent it.

use std::{future::Future, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ebb_core::{
    Code, Error, Result,
    cleanup::{AskedBy, CleanupReport, Reason},
    events::Event,
    ids::SessionId,
    sessions::SessionManager,
    settings::StoreChoice,
    view::{ClientView, HostView, MemoryHistory, SessionView, Snapshot},
};
use futures::{FutureExt, future::BoxFuture};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Command, CursorList, Reply, Thumbnail, UiEvent,
    feed::{Events, Feed, Scene},
};
use crate::{desk::Desk, history::History};

/// A removal is over in less than 5 s; this is for a host that can hardly run.
const END: Duration = Duration::from_secs(20);
/// Trying every leftover again.
const RETRY: Duration = Duration::from_mins(1);
/// Closing cursors; a store has deadlines of its own.
const CLOSE: Duration = Duration::from_secs(10);
/// Looking into a user's files and changing them; a home on a network may be slow.
const DESK: Duration = Duration::from_secs(10);
/// Cursors of one answer.
const MAX_CURSORS: usize = 10_000;
/// Cleanups in a snapshot.
const RECENT: usize = 20;
/// Characters of a session, a report or a route that are looked at.
const MAX_TEXT: usize = 256;

/// What the host itself knows and does.
pub trait HostInfo: Send + Sync {
    /// The host as the dashboard shows it.
    fn view(&self) -> HostView;

    /// Ends every session and stops; returns at once.
    fn request_quit(&self, by: AskedBy);

    /// Opens or raises the window at a hash route of the dashboard.
    ///
    /// # Errors
    /// Where the host has no window to show.
    fn show_window(&self, route: Option<String>) -> Result<()>;

    /// A link to the dashboard over HTTP, which is served from now on; `control` is what it speaks to.
    ///
    /// # Errors
    /// No port can be had, or the host stops.
    fn dashboard(&self, control: &Control) -> Result<String>;

    /// Memory over the last hour, or over the last day (`long`), of all sessions and the shared browser.
    fn memory(&self, long: bool) -> MemoryHistory;

    /// The same of one session; empty before its first sample.
    fn memory_of(&self, session: &SessionId, long: bool) -> MemoryHistory;

    /// Resolves once the memory figures are recent, or after a moment as they are.
    fn measured(&self) -> BoxFuture<'_, ()> {
        futures::future::ready(()).boxed()
    }

    /// The user's files that the dashboard may change.
    fn desk(&self) -> Arc<Desk>;

    /// A small picture of a tab, as JPEG, within a deadline of its own.
    fn thumbnail(&self, session: SessionId, tab: u32) -> BoxFuture<'_, Result<Bytes>>;

    /// Closes a tab, within a deadline of its own.
    fn close_tab(&self, session: SessionId, tab: u32) -> BoxFuture<'_, Result<()>>;

    /// Tries a cursor store, within a deadline of its own.
    fn test_store(&self, store: StoreChoice) -> BoxFuture<'static, Result<()>>;
}

/// What [`Control`] speaks for.
pub struct ControlParts {
    /// The sessions.
    pub manager: SessionManager,
    /// The past ones.
    pub history: Arc<History>,
    /// The host around them.
    pub host: Arc<dyn HostInfo>,
}

/// The one API of the application. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    scene: Arc<Parts>,
    feed: Arc<Feed>,
    /// Ends the feed with the last clone.
    _stop: Arc<DropGuard>,
}

/// The parts behind a lock-free door; the feed looks through it too.
struct Parts {
    manager: SessionManager,
    history: Arc<History>,
    host: Arc<dyn HostInfo>,
}

impl Scene for Parts {
    fn session(&self, session: &SessionId) -> Option<SessionView> {
        self.manager.view(session)
    }

    fn clients(&self) -> Vec<ClientView> {
        self.manager.clients()
    }

    fn host(&self) -> HostView {
        self.host.view()
    }

    fn memory(&self) -> MemoryHistory {
        self.host.memory(false)
    }
}

impl Control {
    /// Starts to follow the core's events. Call it inside a tokio runtime.
    pub fn new(parts: ControlParts) -> Self {
        let ControlParts { manager, history, host } = parts;
        let events = manager.subscribe();
        let scene = Arc::new(Parts { manager, history, host });
        let feed = Arc::new(Feed::new());
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        drop(tasks.spawn(tell_problems(scene.history.problem_changes(), scene.manager.clone(), stop.clone())));
        drop(tasks.spawn(Arc::clone(&feed).run(events, Arc::downgrade(&scene), stop.clone())));
        Self { scene, feed, _stop: Arc::new(stop.drop_guard()) }
    }

    /// Does what the command says. Every command ends within its deadline, and a removal goes on
    /// even when nobody waits for this answer any more.
    ///
    /// # Errors
    /// Those of the command, each with a code and what to do next.
    pub async fn dispatch(&self, command: Command) -> Result<Reply> {
        let Parts { manager, history, host } = &*self.scene;
        match command {
            // Over this door nobody listens to events; whoever can, calls `subscribe`.
            Command::Snapshot | Command::Subscribe => {
                host.measured().await;
                Ok(Reply::Snapshot(Box::new(self.snapshot())))
            }
            Command::Session { session } => {
                let id = manager.find(checked(&session)?)?;
                host.measured().await;
                let detail = manager.detail(&id).ok_or_else(|| unknown("session"))?;
                Ok(Reply::Session(Box::new(detail)))
            }
            Command::Cursors { session } => {
                let only = session.as_deref().map(checked).transpose()?.map(|text| manager.find(text)).transpose()?;
                Ok(Reply::Cursors(Box::new(cursors(manager, only.as_ref()))))
            }
            Command::CloseCursors { session, cursor } => {
                let id = manager.find(checked(&session)?)?;
                let freed = within(CLOSE, "closing the cursors", manager.close_cursors(&id, cursor.as_ref())).await??;
                Ok(Reply::Done(freed.count))
            }
            Command::CloseTab { session, tab } => {
                host.close_tab(manager.find(checked(&session)?)?, tab).await?;
                Ok(Reply::Done(1))
            }
            Command::EndSession { session, by } => self.end(checked(&session)?, by).await,
            Command::Keep { session } => {
                manager.keep(&manager.find(checked(&session)?)?)?;
                Ok(Reply::Done(1))
            }
            Command::History { query } => Ok(Reply::History(Box::new(history.query(&query).await?))),
            Command::Report { report } => {
                let text = checked(&report)?;
                let found = match manager.report(text) {
                    Some(report) => Some(report),
                    None => history.report(text).await?,
                };
                found.map(|report| Reply::Report(Box::new(report))).ok_or_else(|| unknown("report"))
            }
            Command::ClearHistory => {
                let removed = history.clear().await?;
                self.feed.send(UiEvent::HistoryCleared);
                Ok(Reply::Done(removed))
            }
            Command::MemoryHistory { session, long } => Ok(Reply::Memory(match session {
                Some(session) => host.memory_of(&manager.find(checked(&session)?)?, long),
                None => host.memory(long),
            })),
            Command::RetryLeftovers => {
                let cleared = within(RETRY, "trying the leftovers again", manager.retry_leftovers()).await?;
                Ok(Reply::Done(cleared))
            }
            Command::Accept { accepting } => {
                let changed = manager.is_accepting() != accepting;
                manager.set_accepting(accepting);
                Ok(Reply::Done(changed.into()))
            }
            Command::ShowWindow { route } => {
                host.show_window(route.map(checked_route).transpose()?)?;
                Ok(Reply::Done(1))
            }
            Command::Dashboard => Ok(Reply::Link(host.dashboard(self)?)),
            Command::TestStore { store } => {
                host.test_store(store.0.parse()?).await?;
                Ok(Reply::Done(1))
            }
            Command::Setups => self.setups(|_| Ok(())).await,
            Command::PlanSetup { client, act } => {
                let plan = self.at_desk(move |desk| desk.plan(&client, act)).await?;
                Ok(Reply::Plan(Box::new(plan)))
            }
            Command::ChangeSetup { client, act, mark } => {
                tracing::info!(client, ?act, "changing the file of a client");
                self.setups(move |desk| desk.change(&client, act, &mark)).await
            }
            Command::UndoSetup { client } => self.setups(move |desk| desk.undo(&client)).await,
            Command::Settings => self.settings(|_| Ok(())).await,
            Command::Set { key, value } => {
                self.settings(move |desk| desk.set(&key, value.as_ref().map(|text| text.0.as_str()))).await
            }
            Command::ResetSettings { changed } => self.settings(move |desk| desk.reset(changed).map(drop)).await,
            Command::StartAtLogin { on } => self.settings(move |desk| desk.login(on)).await,
            Command::Thumbnail { session, tab } => {
                let picture = host.thumbnail(manager.find(checked(&session)?)?, tab).await?;
                Ok(Reply::Thumbnail(Thumbnail { jpeg: STANDARD.encode(picture) }))
            }
            Command::Quit { by } => {
                let sessions = u32::try_from(manager.list().len()).unwrap_or(u32::MAX);
                host.request_quit(by);
                Ok(Reply::Done(sessions))
            }
        }
    }

    /// The picture now, and everything that changes after it. Never blocks the host: who reads too
    /// slowly gets [`UiEvent::Lagged`], then the stream ends, and another subscription begins anew.
    pub fn subscribe(&self) -> (Snapshot, Events) {
        let (seq, events) = self.feed.subscribe();
        (self.picture(seq), events)
    }

    /// Whether somebody looks: a window, a dashboard, a tray.
    pub fn is_watched(&self) -> bool {
        self.feed.is_watched()
    }

    /// Tells every watcher that there is a new memory sample.
    pub fn announce_memory(&self) {
        if self.feed.is_watched() {
            self.feed.send(UiEvent::Memory(self.scene.memory()));
        }
    }

    fn snapshot(&self) -> Snapshot {
        let (seq, _) = self.feed.subscribe();
        self.picture(seq)
    }

    fn picture(&self, seq: u64) -> Snapshot {
        let Parts { manager, history, host } = &*self.scene;
        Snapshot {
            seq,
            at: OffsetDateTime::now_utc(),
            host: host.view(),
            clients: manager.clients(),
            sessions: manager.list(),
            leftovers: manager.leftovers(),
            // The history's own memory: it knows the cleanups of earlier runs as well.
            recent: history.recent(RECENT),
            memory: host.memory(false),
        }
    }

    /// A small picture of a tab, as JPEG.
    ///
    /// # Errors
    /// No such session or tab, or a page that does not answer in time.
    pub async fn thumbnail(&self, session: &str, tab: u32) -> Result<Bytes> {
        let id = self.scene.manager.find(checked(session)?)?;
        self.scene.host.thumbnail(id, tab).await
    }

    /// Does `work` with the user's files, off the threads that serve clients.
    async fn at_desk<T: Send + 'static>(&self, work: impl FnOnce(&Desk) -> Result<T> + Send + 'static) -> Result<T> {
        let desk = self.scene.host.desk();
        let done = within(DESK, "reading your files", tokio::task::spawn_blocking(move || work(&desk))).await?;
        done.map_err(|_| Error::new(Code::Internal, "reading your files failed").next("Look into the log of Ebb"))?
    }

    async fn setups(&self, act: impl FnOnce(&Desk) -> Result<()> + Send + 'static) -> Result<Reply> {
        let names: Vec<String> = self.scene.manager.clients().into_iter().map(|client| client.name).collect();
        let setups = self.at_desk(move |desk| act(desk).and_then(|()| desk.setups(&names))).await?;
        Ok(Reply::Setups(setups))
    }

    async fn settings(&self, act: impl FnOnce(&Desk) -> Result<()> + Send + 'static) -> Result<Reply> {
        let settings = self.at_desk(move |desk| act(desk).map(|()| desk.settings())).await?;
        Ok(Reply::Settings(Box::new(settings)))
    }

    async fn end(&self, session: &str, by: AskedBy) -> Result<Reply> {
        let manager = &self.scene.manager;
        let id = match manager.find(session) {
            Ok(id) => id,
            // Asked twice, both get the one report.
            Err(error) => return self.ended_before(session).map(Reply::Report).ok_or(error),
        };
        let removal = manager.remove_session(&id, Reason::Manual(by));
        let report = within(END, "ending the session", removal).await?;
        Ok(Reply::Report(Box::new(report)))
    }

    fn ended_before(&self, session: &str) -> Option<Box<CleanupReport>> {
        let id = SessionId::parse(session)?;
        self.scene.manager.report(id.as_str()).map(Box::new)
    }
}

/// The open cursors of all sessions or of one.
fn cursors(manager: &SessionManager, only: Option<&SessionId>) -> CursorList {
    let sessions = match only {
        Some(session) => vec![session.clone()],
        None => manager.list().into_iter().map(|session| session.id).collect(),
    };
    let mut list = CursorList { store: manager.cursor_store().to_owned(), cursors: Vec::new(), count: 0, bytes: 0 };
    for session in sessions {
        for cursor in manager.cursors(&session) {
            list.count += 1;
            list.bytes += cursor.bytes;
            if list.cursors.len() < MAX_CURSORS {
                list.cursors.push(cursor);
            }
        }
    }
    list
}

/// The host's view names the history's problem: it changed when that did.
async fn tell_problems(mut changes: watch::Receiver<()>, manager: SessionManager, stop: CancellationToken) {
    while let Some(Ok(())) = stop.run_until_cancelled(changes.changed()).await {
        manager.emit(Event::Host);
    }
}

/// Waits for it, not for ever.
async fn within<T>(deadline: Duration, what: &str, work: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(deadline, work).await.map_err(|_| {
        let message = format!("{what} takes longer than {} s", deadline.as_secs());
        Error::new(Code::Timeout, message).next("It goes on in the background; look at the history in a moment")
    })
}

fn unknown(what: &str) -> Error {
    Error::new(Code::SessionUnknown, format!("no such {what}"))
        .next("List what there is with `ebb sessions` or `ebb history`")
}

fn checked(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_TEXT {
        return Err(Error::new(Code::InvalidArguments, "an id or a name has 1 to 256 characters")
            .next("List the sessions with `ebb sessions`"));
    }
    Ok(text)
}

/// A route is a place inside the dashboard, and can be nothing else: no address, no script.
fn checked_route(route: String) -> Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-?=&.%".contains(c);
    let rest = route.strip_prefix("#/").filter(|rest| rest.len() <= MAX_TEXT && rest.chars().all(plain));
    match rest {
        Some(_) => Ok(route),
        None => Err(Error::new(Code::InvalidArguments, "this is no route of the dashboard")
            .next("Use one such as #/sessions/ses_...")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_routes_of_the_dashboard_are_routes() {
        for route in ["#/", "#/sessions/ses_abc", "#/history?outcome=clean"] {
            assert_eq!(checked_route(route.to_owned()).as_deref(), Ok(route));
        }
        for route in ["", "https://example.com", "#", "#/<script>", "#/a b", "javascript:alert(1)", "#/\u{202e}"] {
            assert!(checked_route(route.to_owned()).is_err(), "{route}");
        }
    }
}
