//! The store that the settings choose, and its care.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ebb_core::{
    Code, Error, Result,
    cursors::{CursorStore, Frozen, MemoryStore, NewCursor, Span},
    events::Event,
    ids::{InstanceId, SessionId},
    ports::{Clock, TokioClock},
    sessions::SessionManager,
    settings::{CursorSettings, Settings, StoreChoice},
    view::StoreView,
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{RedisStore, SqliteStore, status::Status};
use crate::run::{Guardian, RunDirs};

/// Between two looks at a store that does not work.
const AGAIN: Duration = Duration::from_secs(1);
/// Between two signs of life while there are sessions.
const REGULAR: Duration = Duration::from_secs(15);
/// How long the test of a store may take.
const TEST: Duration = Duration::from_secs(5);

/// Where a store is, and in whose name.
pub(crate) struct Place {
    /// Where files can be.
    pub(crate) run_dirs: Arc<RunDirs>,
    /// The host's run.
    pub(crate) instance: InstanceId,
    /// The host's clock.
    pub(crate) clock: Arc<dyn Clock>,
}

/// A store and what the host needs to know of it.
pub struct Backend {
    store: Arc<dyn CursorStore>,
    place: String,
    status: Option<Arc<Status>>,
    redis: Option<Arc<RedisStore>>,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("view", &self.view()).finish_non_exhaustive()
    }
}

impl Backend {
    /// Makes the store that `settings` choose. One that cannot be reached now is made all the same:
    /// until it can be, results are cut and say so.
    ///
    /// # Errors
    /// `InvalidArguments` for a URL that is none, `StoreUnavailable` when the system gives no thread.
    pub(crate) fn open(settings: &CursorSettings, place: Place) -> Result<Self> {
        let Place { run_dirs, instance, clock } = place;
        let shown = settings.store.shown();
        let settings = settings.clone();
        Ok(match settings.store.clone() {
            StoreChoice::Memory => {
                let store = Arc::new(MemoryStore::new(settings, clock));
                Self { store, place: shown, status: None, redis: None }
            }
            StoreChoice::Sqlite => {
                let store = Arc::new(SqliteStore::within(settings, clock, run_dirs)?);
                Self { status: Some(Arc::clone(store.status())), store, place: shown, redis: None }
            }
            StoreChoice::Redis(url) => {
                let store = Arc::new(RedisStore::new(settings, clock, &url, &instance)?);
                let status = Some(Arc::clone(store.status()));
                Self { store: Arc::clone(&store) as Arc<dyn CursorStore>, place: shown, status, redis: Some(store) }
            }
        })
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn CursorStore> {
        &self.store
    }

    /// The store as people see it.
    #[must_use]
    pub fn view(&self) -> StoreView {
        let status = self.status.as_ref();
        StoreView {
            kind: self.store.kind().to_owned(),
            place: self.place.clone(),
            problem: status.and_then(|status| status.problem()),
            refused: status.map_or(0, |status| status.refusals()),
        }
    }

    /// Looks after the store while there are sessions or a problem stands; tells watchers of the host
    /// when it fails or works again, and has leftovers tried again then. What the dead instances left
    /// in a shared place goes first, or as soon as the place answers. For ever.
    pub async fn keep(&self, manager: SessionManager, mut dead: Vec<InstanceId>) {
        let Some(status) = &self.status else { return };
        let mut events = manager.subscribe();
        let mut changes = status.changes();
        // A Redis that is not there is known before the first client is, and dead hosts are tidied up after.
        if self.redis.is_some() {
            self.look().await;
        } else {
            dead.clear();
        }
        let mut failing = false;
        loop {
            let problem = status.problem().is_some();
            if !problem {
                self.bury(&mut dead).await;
            }
            if failing && !problem {
                let cleared = manager.retry_leftovers().await;
                tracing::debug!(cleared, "tried what the store could not free");
            }
            failing = problem;
            let regular = self.redis.is_some() && !manager.list().is_empty();
            let nap = async {
                match (failing || !dead.is_empty(), regular) {
                    (true, _) => sleep(AGAIN).await,
                    (false, true) => sleep(REGULAR).await,
                    (false, false) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = nap => self.look().await,
                told = changes.changed() => {
                    if told.is_err() {
                        return;
                    }
                    manager.emit(Event::Host);
                }
                event = wanted(&mut events) => if event.is_none() { return },
            }
        }
    }

    /// Removes what dead instances left in a shared place; keeps in the list what is still there.
    async fn bury(&self, dead: &mut Vec<InstanceId>) {
        for instance in std::mem::take(dead) {
            match self.store.purge_instance(&instance).await {
                Ok(freed) if freed.count > 0 => {
                    tracing::info!(%instance, cursors = freed.count, "removed what a dead host had left in Redis");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%instance, %error, "what a dead host left stays for now");
                    dead.push(instance);
                }
            }
        }
    }

    /// Says goodbye to a shared place, once every session is removed. Bounded.
    pub async fn stop(&self) {
        if let Some(redis) = &self.redis {
            redis.leave().await;
        }
    }

    async fn look(&self) {
        if let Err(error) = self.store.health().await {
            tracing::debug!(%error, "the cursor store is looked at again in a moment");
        }
    }
}

/// Waits until a session opens or ends; none when nothing will.
async fn wanted(events: &mut tokio::sync::broadcast::Receiver<Event>) -> Option<()> {
    loop {
        match events.recv().await {
            Ok(Event::SessionOpened(_) | Event::SessionRemoved(_)) | Err(RecvError::Lagged(_)) => return Some(()),
            Ok(_) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

/// Writes, reads and removes a cursor in the store of `choice`, as a host would.
///
/// # Errors
/// `InvalidArguments` for a URL that is none; `StoreUnavailable` with the reason.
pub async fn test(choice: &StoreChoice, run_dir: PathBuf) -> Result<()> {
    let settings = CursorSettings { store: choice.clone(), ..Settings::default().cursors };
    let instance = InstanceId::new();
    let run_dirs = RunDirs::new(run_dir, &instance, Guardian::none());
    let place = Place { run_dirs, instance, clock: Arc::new(TokioClock::start()) };
    let backend = Backend::open(&settings, place)?;
    let tried = timeout(TEST, round_trip(&**backend.store())).await;
    backend.stop().await;
    tried.unwrap_or_else(|_| {
        let message = format!("the store does not take and give a result within {} s", TEST.as_secs());
        Err(Error::new(Code::StoreUnavailable, message).next("Check that it runs and can be reached from here."))
    })
}

async fn round_trip(store: &dyn CursorStore) -> Result<()> {
    const TEXT: &str = "written by Ebb to test the store";
    let (session, gate) = (SessionId::new(), CancellationToken::new());
    let frozen = Frozen::text("ebb", "", TEXT.to_owned())?;
    let result = async {
        store.health().await?;
        let made = store.create(&session, &gate, NewCursor { frozen, read: Span::default() }).await?;
        let chunk = store.read(&session, &made.id, 0..TEXT.len() as u32).await?;
        if chunk.as_str() == TEXT {
            Ok(())
        } else {
            Err(super::status::unavailable("it gives back something else than was written"))
        }
    };
    let result = result.await;
    gate.cancel();
    let removed = store.invalidate_session(&session).await;
    result.and(removed.map(drop))
}
