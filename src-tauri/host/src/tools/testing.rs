//! A host without a browser, and tools that need none, for the tests of calls and connections.

use std::{sync::Arc, time::Duration};

use ebb_core::{
    Code, Error,
    cursors::{Body, Cursors, MemoryStore},
    ids::{ClientId, InstanceId},
    ports::{
        Clock, TokioClock,
        fake::{FakeBrowser, FakeHistory},
    },
    sessions::{NewClient, Ports, SessionManager},
    settings::Settings,
    view::Transport,
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{
    args::Args as _,
    call::ToolHost,
    catalog::{Catalog, Modal, ToolSpec, all},
    response::{Answer, Section},
    schema::{Kind, Schema},
    setups::Setups,
};
use crate::{
    browser::Browsers,
    options::ClientOptions,
    run::{Guardian, RunDirs},
};

/// A host and what it stands on.
pub(crate) struct Bench {
    pub(crate) host: Arc<ToolHost>,
    pub(crate) history: Arc<FakeHistory>,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = Arc::new(MemoryStore::new(settings.cursors.clone(), Arc::clone(&clock)));
        let history = Arc::new(FakeHistory::new());
        let cursors = Arc::new(Cursors::new(store.clone(), settings.cursors.clone(), Arc::clone(&clock)));
        let ports = Ports { clock, browser: Arc::new(FakeBrowser::new()), cursors: store, history: history.clone() };
        let manager = SessionManager::new(settings.clone(), ports);
        manager.start_sweeper();
        let run_dirs = RunDirs::new(folder.path().to_path_buf(), &InstanceId::new(), Guardian::none());
        let browsers = Browsers::new(&settings, run_dirs).unwrap();
        let tools = all().into_iter().chain(tools()).collect();
        let host = Arc::new(ToolHost {
            manager,
            cursors,
            browsers,
            setups: Arc::new(Setups::with(ClientOptions::default(), Arc::new(Catalog::of(tools)))),
            usage: crate::tools::usage::Usage::default(),
            shared: parking_lot::Mutex::default(),
            roots: Arc::default(),
            settings: Arc::new(settings),
            stopping: CancellationToken::new(),
        });
        Self { host, history, _folder: folder }
    }

    pub(crate) fn client(&self) -> ClientId {
        let new = NewClient {
            transport: Transport::Socket,
            process: None,
            process_view: None,
            project: None,
            stateless: false,
        };
        self.host.manager.connect(new).unwrap()
    }

    pub(crate) async fn call(&self, client: &ClientId, name: &str, arguments: Value) -> Answer {
        self.host.call(client, name, object(arguments), CancellationToken::new()).await
    }

    /// The call in a task of its own, begun.
    pub(crate) async fn start(&self, client: &ClientId, name: &'static str, arguments: Value) -> Running {
        let cancel = CancellationToken::new();
        let (host, client, token) = (self.host.clone(), client.clone(), cancel.clone());
        #[expect(clippy::disallowed_methods, reason = "awaited by the test")]
        let task = tokio::spawn(async move { host.call(&client, name, object(arguments), token).await });
        tokio::time::sleep(Duration::from_millis(5)).await;
        Running { task, cancel }
    }
}

/// A call in a task of its own.
pub(crate) struct Running {
    pub(crate) task: tokio::task::JoinHandle<Answer>,
    pub(crate) cancel: CancellationToken,
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Tools that need no browser.
fn tools() -> Vec<ToolSpec> {
    let tool = |name, input, run| ToolSpec::browser(name, "Test", "Test", input, run).modal(Modal::Unaffected);
    vec![
        tool("browser_test_wait", Schema::new, |_, _| Box::pin(std::future::pending())),
        tool("browser_test_panic", Schema::new, |_, _| Box::pin(async { panic!("a tool's own fault") })),
        tool("browser_test_fail", Schema::new, |call, _| {
            Box::pin(async {
                call.response.result("half a result");
                Err(Error::new(Code::TargetUnknown, "Ref e5 not found").next("Take a new snapshot.").into())
            })
        }),
        tool("browser_test_roots", Schema::new, |call, _| {
            Box::pin(async {
                call.files().await?.existing("/etc/passwd")?;
                Ok(())
            })
        }),
        tool(
            "browser_test_lines",
            || Schema::new().required("count", Kind::at_least(0)),
            |call, args| {
                Box::pin(async move {
                    let items =
                        (1..=args.integer("count").unwrap_or_default()).map(|n| format!("item {n} of many")).collect();
                    call.response.result("Total: many\n");
                    call.response.large(Section::Result, Body::items(items));
                    Ok(())
                })
            },
        ),
    ]
}
