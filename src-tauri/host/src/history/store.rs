//! [`History`]: what the rest of the host sees.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ebb_core::{
    Code, Error, Result,
    cleanup::{CleanupReport, Leftover, Outcome},
    ids::{InstanceId, LeftoverId, SessionId},
    ports::{HistoryPort, OpenSession},
    settings::HistorySettings,
};
use parking_lot::Mutex;
use rusqlite::{Connection, InterruptHandle};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, oneshot, watch};

use super::{
    database, query,
    queue::{Job, Queue},
    recent::{HELD, Recent},
    recover, writer,
};
use crate::control::{HistoryPage, HistoryQuery};

/// How long an answer may take.
const QUERY: Duration = Duration::from_secs(5);
/// How long a question waits for what was just written.
const CATCH_UP: Duration = Duration::from_millis(300);
/// How long an orderly stop waits for the writer.
const FLUSH: Duration = Duration::from_secs(3);
/// Questions that read the file at once.
const READERS: usize = 4;

/// Every cleanup, kept.
///
/// Opening never fails and writing never blocks: what cannot be written is written later, what cannot
/// be kept is counted, and [`History::problem`] says so.
#[derive(Debug)]
pub struct History {
    shared: Arc<Shared>,
}

/// What the callers and the writer thread share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) instance: InstanceId,
    /// How long reports are kept.
    pub(super) keep: HistorySettings,
    pub(super) queue: Queue,
    recent: Mutex<Recent>,
    buried: Mutex<Vec<InstanceId>>,
    status: Mutex<Status>,
    readers: Semaphore,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Status {
    /// The file was damaged at this start.
    notice: Option<String>,
    /// Writing does not work now.
    trouble: Option<String>,
}

impl Shared {
    /// Opens the file, takes over what dead hosts left once, and reads the last reports into memory.
    pub(super) fn open(&self) -> Option<Connection> {
        let opened = match database::open(&self.path) {
            Ok(opened) => opened,
            Err(failure) => {
                self.set_trouble(Some(failure.to_string()));
                return None;
            }
        };
        if opened.notice.is_some() {
            self.status.lock().notice = opened.notice;
        }
        if let Err(error) = recover::register(&opened.connection, &self.instance) {
            // Then another host with this data directory might take our sessions for dead ones.
            tracing::warn!(%error, "this host could not be written into the history");
        }
        self.set_trouble(None);
        match query::newest(&opened.connection, HELD) {
            Ok(reports) => self.recent.lock().add_older(reports),
            Err(error) => tracing::warn!(%error, "the last reports could not be read"),
        }
        Some(opened.connection)
    }

    /// Notes that writing works or not; said in the log when it changes.
    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        let mut status = self.status.lock();
        if let Some(trouble) = trouble.as_ref().filter(|_| status.trouble.is_none()) {
            tracing::warn!(path = %self.path.display(), trouble, "the history cannot be written");
        }
        let changed = status.trouble != trouble;
        status.trouble = trouble;
        drop(status);
        if changed {
            self.changed.send_replace(());
        }
    }

    fn push(&self, job: Job) {
        if self.queue.push(job) {
            tracing::error!("the history cannot keep up: entries are lost from now on; the count is in the dashboard");
            self.changed.send_replace(());
        }
    }
}

impl History {
    /// Opens the history at `path`, making the file (not its folder) where there is none. A damaged
    /// file is moved aside and replaced. Where nothing works, the program runs on with the last 200
    /// reports in memory, and opening is tried again with every entry.
    pub fn open(path: &Path, instance: &InstanceId, keep: HistorySettings) -> Self {
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            instance: instance.clone(),
            keep,
            queue: Queue::new(),
            recent: Mutex::default(),
            buried: Mutex::default(),
            status: Mutex::default(),
            readers: Semaphore::new(READERS),
            changed: watch::Sender::new(()),
        });
        let connection = shared.open();
        if let Err(error) = writer::start(&shared, connection) {
            shared.set_trouble(Some(format!("its thread did not start: {error}")));
        }
        Self { shared }
    }

    /// What is wrong with the history, for people; none when all is well.
    pub fn problem(&self) -> Option<String> {
        let path = self.shared.path.display();
        let status = self.shared.status.lock();
        let trouble = status.trouble.as_ref().map(|trouble| {
            format!("Cleanups are kept in memory only for now, because the history cannot be written ({trouble}). Once there is room and permission for {path}, they are written by themselves.")
        });
        let lost = match self.shared.queue.lost() {
            0 => None,
            lost => Some(format!("{lost} entries of the history were lost while it could not be written.")),
        };
        let sentences: Vec<String> = [trouble, lost, status.notice.clone()].into_iter().flatten().collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    /// Hears whenever [`History::problem`] may have another answer.
    pub fn problem_changes(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }

    /// Sessions that a host which died had open. Each gets a report with the reason
    /// `recovered_at_start`; their rows go. Call it once, after start-up reaping.
    pub fn recover(&self) -> Vec<OpenSession> {
        let found = database::connect(&self.shared.path).and_then(|mut connection| {
            recover::recover(&mut connection, &self.shared.instance, OffsetDateTime::now_utc())
        });
        match found {
            Ok((found, buried)) => {
                *self.shared.buried.lock() = buried;
                let mut recent = self.shared.recent.lock();
                found
                    .into_iter()
                    .map(|recovered| {
                        recent.push(recovered.report);
                        recovered.session
                    })
                    .collect()
            }
            Err(error) => {
                tracing::warn!(%error, "sessions of a dead host, if any, will be reported at a later start");
                Vec::new()
            }
        }
    }

    /// The instances that [`recover`](Self::recover) found dead: what they left in a shared place is nobody's.
    pub fn buried(&self) -> Vec<InstanceId> {
        self.shared.buried.lock().clone()
    }

    /// The newest reports, newest first, from memory: at most 200, those of earlier runs included.
    pub fn recent(&self, count: usize) -> Vec<CleanupReport> {
        self.shared.recent.lock().newest(count)
    }

    /// A page of reports, newest first. Where the file cannot be read, the page comes from memory.
    ///
    /// # Errors
    /// `invalid_arguments` for filters that do not exist.
    pub async fn query(&self, query: &HistoryQuery) -> Result<HistoryPage> {
        let filter = query::Filter::parse(query)?;
        let from_memory = filter.clone();
        // Not to wait for it is right where the file cannot be written: memory has the newest ones.
        let caught_up = self.shared.queue.flush(CATCH_UP).await;
        let healthy = caught_up && self.shared.status.lock().trouble.is_none();
        let page = if healthy {
            self.read(move |connection| query::page(connection, &filter)).await
        } else {
            Err(Error::new(Code::StoreUnavailable, "the history cannot be written"))
        };
        match page {
            // A place in memory means nothing in the file, and the other way round.
            Ok(_) if matches!(from_memory.place, Some(query::PagePlace::Memory(_))) => Err(moved()),
            Ok(page) => Ok(page),
            Err(_) if matches!(from_memory.place, Some(query::PagePlace::File(_))) => Err(moved()),
            Err(error) => {
                tracing::debug!(%error, "the history answers from memory");
                Ok(self.shared.recent.lock().page(&from_memory))
            }
        }
    }

    /// One report by its id or that of its session.
    ///
    /// # Errors
    /// `store_unavailable` where memory does not have it and the file cannot be read.
    pub async fn report(&self, text: &str) -> Result<Option<CleanupReport>> {
        let held = self.shared.recent.lock().find(text).cloned();
        if held.is_some() {
            return Ok(held);
        }
        let text = text.to_owned();
        self.read(move |connection| query::report(connection, &text)).await
    }

    /// Removes every report that there is now; how many. Open sessions and leftovers stay. Where the file cannot
    /// be written just now, memory is empty at once and the file as soon as it can be written.
    ///
    /// # Errors
    /// None but those of [`Self::query`], which counts.
    pub async fn clear(&self) -> Result<u32> {
        let count = self.query(&HistoryQuery { limit: Some(1), ..HistoryQuery::default() }).await?.totals.count;
        self.shared.recent.lock().clear();
        self.shared.push(Job::Clear);
        self.shared.queue.flush(FLUSH).await;
        Ok(count)
    }

    /// Waits until everything said so far is written, at most 3 s. Whether it is.
    pub async fn flush(&self) -> bool {
        self.shared.queue.flush(FLUSH).await
    }

    /// Reads on a thread that may block, with a deadline that also ends the statement.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let unavailable = |error: &dyn std::fmt::Display| {
            Error::new(Code::StoreUnavailable, format!("the history cannot be read: {error}"))
                .next("Try again, or see `ebb doctor`")
        };
        let work = async {
            let _permit = self.shared.readers.acquire().await.map_err(|error| unavailable(&error))?;
            let path = self.shared.path.clone();
            let (send_handle, handle) = oneshot::channel::<InterruptHandle>();
            let mut stop = Interrupt(Some(handle));
            let done = tokio::task::spawn_blocking(move || {
                let mut connection = database::open_for_reading(&path)?;
                drop(send_handle.send(connection.get_interrupt_handle()));
                read(&mut connection)
            })
            .await;
            stop.0 = None;
            match done {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(unavailable(&error)),
                Err(error) => Err(unavailable(&error)),
            }
        };
        match tokio::time::timeout(QUERY, work).await {
            Ok(answer) => answer,
            Err(_) => Err(unavailable(&"it took longer than 5 s")),
        }
    }
}

/// Ends the statement of a question that nobody waits for any more.
struct Interrupt(Option<oneshot::Receiver<InterruptHandle>>);

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(Ok(handle)) = self.0.take().map(|mut handle| handle.try_recv()) {
            handle.interrupt();
        }
    }
}

impl HistoryPort for History {
    fn opened(&self, session: OpenSession) {
        self.shared.push(Job::Opened(Box::new(session)));
    }

    fn closed(&self, report: &CleanupReport) {
        if report.outcome == Outcome::NotFound {
            return;
        }
        self.shared.recent.lock().push(report.clone());
        self.shared.push(Job::Closed(Box::new(report.clone())));
    }

    fn leftover(&self, leftover: &Leftover) {
        if let Some(session) = &leftover.session {
            self.shared.recent.lock().leftover(&leftover.id, session);
        }
        self.shared.push(Job::Leftover(Box::new(leftover.clone())));
    }

    fn cleared(&self, leftover: &LeftoverId, session: Option<&SessionId>, at: OffsetDateTime) {
        if let Some(session) = session {
            self.shared.recent.lock().cleared(leftover, session, at);
        }
        self.shared.push(Job::Cleared { leftover: leftover.clone(), session: session.cloned(), at });
    }
}

impl Drop for History {
    /// The writer finishes what waits and ends; nobody waits for it here. An orderly stop calls
    /// [`History::flush`] before.
    fn drop(&mut self) {
        self.shared.queue.stop();
    }
}

/// For a page that another source began.
fn moved() -> Error {
    Error::new(Code::StoreUnavailable, "the history's file went or came back between two pages").next("Begin again")
}
