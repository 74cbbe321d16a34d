//! A host without a browser, for the tests of everything that speaks to [`Control`].

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use ebb_core::{
    Code, Error, Result,
    cleanup::{AskedBy, Leftover, LeftoverKind},
    cursors::MemoryStore,
    ids::{InstanceId, LeftoverId, SessionId},
    ports::{Clock, TokioClock, fake::FakeBrowser},
    sessions::{NewClient, OpenOptions, Ports, SessionManager},
    settings::{Settings, StoreChoice},
    view::{
        BrowserView, ClientView, DevtoolsView, HeldView, HostView, MemoryHistory, SessionState, SessionView, StoreView,
        Transport,
    },
};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use time::OffsetDateTime;

use super::{Control, ControlParts, HostInfo};
use crate::{desk::Desk, history::History, paths::Environment};

/// A host view without news.
pub(crate) fn host_view() -> HostView {
    HostView {
        version: "0.0.0".to_owned(),
        pid: 1,
        socket: "/run/ebb/mcp.sock".to_owned(),
        data_dir: "/var/ebb".to_owned(),
        ebb: "/usr/bin/ebb".to_owned(),
        started_at: OffsetDateTime::UNIX_EPOCH,
        accepting: true,
        stopping: false,
        browser: BrowserView::Stopped { executable: None },
        window_browser: None,
        shared_browser: None,
        recovered: 0,
        history_problem: None,
        guardian: None,
        guardian_problem: None,
        config_problem: None,
        store: StoreView { kind: "memory".to_owned(), place: "memory".to_owned(), problem: None, refused: 0 },
    }
}

/// A session without news.
pub(crate) fn session_view(id: &SessionId) -> SessionView {
    SessionView {
        id: id.clone(),
        name: None,
        client: ClientView::unknown(),
        state: SessionState::Connected,
        opened_at: OffsetDateTime::UNIX_EPOCH,
        idle_s: 0,
        ends_in_s: None,
        waiting_s: None,
        calls: 0,
        running: None,
        tabs: Vec::new(),
        cursors: 0,
        devtools: DevtoolsView::default(),
        held: HeldView::default(),
        steps: Vec::new(),
        browser_lost: false,
    }
}

/// Something left behind.
pub(crate) fn leftover() -> Leftover {
    Leftover {
        id: LeftoverId::new(),
        kind: LeftoverKind::Browser,
        what: "context 7".to_owned(),
        session: Some(SessionId::new()),
        since: OffsetDateTime::UNIX_EPOCH,
        attempts: 0,
        last_error: "no answer".to_owned(),
    }
}

/// What the host was asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) quit: Mutex<Option<AskedBy>>,
    pub(crate) route: Mutex<Option<String>>,
    pub(crate) store: Mutex<Option<StoreChoice>>,
}

impl HostInfo for Asked {
    fn view(&self) -> HostView {
        host_view()
    }

    fn request_quit(&self, by: AskedBy) {
        *self.quit.lock() = Some(by);
    }

    fn show_window(&self, route: Option<String>) -> Result<()> {
        match route {
            Some(route) => {
                *self.route.lock() = Some(route);
                Ok(())
            }
            None => Err(Error::new(Code::Internal, "this host has no window")),
        }
    }

    fn test_store(&self, store: StoreChoice) -> BoxFuture<'static, Result<()>> {
        *self.store.lock() = Some(store);
        Box::pin(std::future::ready(Ok(())))
    }

    fn desk(&self) -> Arc<Desk> {
        let folder = std::env::temp_dir();
        let environment = Environment::of([("HOME", folder.join("ebb-no-home"))]);
        let config = folder.join("ebb-no-home/config.toml");
        Arc::new(Desk::new(
            &environment,
            &folder.join("ebb-no-home"),
            Path::new("/usr/bin/ebb"),
            &config,
            Settings::default(),
        ))
    }

    fn dashboard(&self, _: &Control) -> Result<String> {
        Err(Error::new(Code::Internal, "no dashboard here"))
    }

    fn thumbnail(&self, _: SessionId, tab: u32) -> BoxFuture<'_, Result<Bytes>> {
        Box::pin(std::future::ready(match tab {
            1 => Ok(Bytes::from_static(b"\xff\xd8\xff")),
            _ => Err(Error::new(Code::TargetUnknown, "there is no such tab")),
        }))
    }

    fn close_tab(&self, _: SessionId, tab: u32) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(match tab {
            1 => Ok(()),
            _ => Err(Error::new(Code::TargetUnknown, "there is no such tab")),
        }))
    }

    fn memory_of(&self, _: &SessionId, long: bool) -> MemoryHistory {
        MemoryHistory { shared: Vec::new(), ..self.memory(long) }
    }

    fn memory(&self, _: bool) -> MemoryHistory {
        MemoryHistory { step_s: 10, held: vec![1], shared: vec![2] }
    }
}

/// A host with a client named `Cursor`.
pub(crate) struct Bench {
    pub(crate) control: Control,
    pub(crate) manager: SessionManager,
    pub(crate) asked: Arc<Asked>,
    client: ebb_core::ids::ClientId,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let history =
            Arc::new(History::open(&folder.path().join("history.db"), &InstanceId::new(), Settings::default().history));
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let settings = Settings::default();
        let ports = Ports {
            clock: Arc::clone(&clock),
            browser: Arc::new(FakeBrowser::default()),
            cursors: Arc::new(MemoryStore::new(settings.cursors.clone(), clock)),
            history: Arc::clone(&history) as _,
        };
        let manager = SessionManager::new(settings, ports);
        let new = NewClient {
            transport: Transport::Socket,
            process: None,
            process_view: None,
            project: None,
            stateless: false,
        };
        let client = manager.connect(new).unwrap();
        manager.introduce(&client, Some("Cursor"), None, None);
        let asked = Arc::new(Asked::default());
        let host = Arc::clone(&asked) as _;
        let control = Control::new(ControlParts { manager: manager.clone(), history, host });
        Self { control, manager, asked, client, _folder: folder }
    }

    /// Opens a session.
    pub(crate) fn open(&self, name: &str) -> SessionId {
        let options = OpenOptions { name: Some(name.to_owned()), ..OpenOptions::default() };
        self.manager.open(&self.client, options).unwrap().id().clone()
    }
}
