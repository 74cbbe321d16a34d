//! The application's one API over `control.sock`, for tests that wait.

use std::path::Path;

use ebb_core::{
    Error,
    cleanup::{AskedBy, CleanupReport},
    view::{SessionDetail, SessionView, Snapshot},
};
use ebb_host::control::{Command, HistoryPage, HistoryQuery, Reply, client};
use tokio::runtime::Runtime;

/// One connection to `control.sock`.
pub struct Control {
    runtime: Runtime,
    client: client::Client,
}

impl Control {
    /// Connects.
    #[must_use]
    pub fn connect(socket: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(client::Client::connect(socket)).unwrap_or_else(|error| panic!("{error}"));
        Self { runtime, client }
    }

    /// Asks anything.
    pub fn ask(&self, command: Command) -> Result<Reply, Error> {
        self.runtime.block_on(self.client.call(command))
    }

    /// The picture now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        match self.ask(Command::Snapshot) {
            Ok(Reply::Snapshot(snapshot)) => *snapshot,
            other => panic!("no snapshot but {other:?}"),
        }
    }

    /// The sessions of the client that calls itself `name`.
    #[must_use]
    pub fn sessions_of(&self, name: &str) -> Vec<SessionView> {
        self.snapshot().sessions.into_iter().filter(|session| session.client.name == name).collect()
    }

    /// The one session of that client.
    #[must_use]
    pub fn session_of(&self, name: &str) -> String {
        let sessions = self.sessions_of(name);
        assert_eq!(sessions.len(), 1, "sessions of {name}: {sessions:?}");
        sessions[0].id.to_string()
    }

    /// One session with everything about it.
    pub fn session(&self, session: &str) -> Result<SessionDetail, Error> {
        match self.ask(Command::Session { session: session.to_owned() })? {
            Reply::Session(detail) => Ok(*detail),
            other => panic!("no session but {other:?}"),
        }
    }

    /// Ends a session.
    pub fn end(&self, session: &str, by: AskedBy) -> Result<CleanupReport, Error> {
        match self.ask(Command::EndSession { session: session.to_owned(), by })? {
            Reply::Report(report) => Ok(*report),
            other => panic!("no report but {other:?}"),
        }
    }

    /// Past cleanups.
    #[must_use]
    pub fn history(&self, query: HistoryQuery) -> HistoryPage {
        match self.ask(Command::History { query }) {
            Ok(Reply::History(page)) => *page,
            other => panic!("no history but {other:?}"),
        }
    }

    /// The reports of one session; exactly one is right.
    #[must_use]
    pub fn reports_of(&self, session: &str) -> Vec<CleanupReport> {
        let query = HistoryQuery { text: Some(session.to_owned()), limit: Some(200), ..HistoryQuery::default() };
        let mut reports = self.history(query).reports;
        reports.retain(|report| report.session.as_str() == session);
        reports
    }
}
