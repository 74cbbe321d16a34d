//! What is really there, for the census: browser sides without a session, contexts and pages that no
//! session has, run directories that nothing uses.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chromiumoxide::cdp::browser_protocol::target::{
    CloseTargetParams, DisposeBrowserContextParams, GetBrowserContextsParams, GetTargetsParams,
};
use ebb_core::{
    Code, Error, Result,
    ids::SessionId,
    ports::{Disposed, Stray},
};
use parking_lot::Mutex;

use super::{Browsers, chromium::Chromium, session::explain};

/// How long the browser may take to say what it has.
const ANSWER: Duration = Duration::from_secs(2);

const SIDE: &str = "side ";
const CONTEXT: &str = "context ";
const PAGE: &str = "page ";

/// Contexts that are in no session's slot, and rightly so: those being made and those being disposed.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    births: AtomicUsize,
    /// How often each is on its way out.
    leaving: Mutex<HashMap<String, usize>>,
}

impl Contexts {
    /// A context is being made until this is dropped.
    pub(super) fn birth(self: &Arc<Self>) -> Birth {
        self.births.fetch_add(1, Ordering::AcqRel);
        Birth(Arc::clone(self))
    }

    /// This context is on its way out until this is dropped.
    pub(super) fn leaving(self: &Arc<Self>, context: &str) -> Leaving {
        *self.leaving.lock().entry(context.to_owned()).or_default() += 1;
        Leaving(Arc::clone(self), context.to_owned())
    }
}

/// A context that is being made.
pub(super) struct Birth(Arc<Contexts>);

impl Drop for Birth {
    fn drop(&mut self) {
        self.0.births.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A context that is on its way out.
pub(super) struct Leaving(Arc<Contexts>, String);

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut leaving = self.0.leaving.lock();
        if let Some(count) = leaving.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                leaving.remove(&self.1);
            }
        }
    }
}

impl Browsers {
    pub(super) async fn look_for_strays(&self, sessions: &HashSet<SessionId>) -> Result<Vec<Stray>> {
        self.common.run_dirs.check_guardian();
        let mut strays: Vec<Stray> = self
            .all()
            .into_iter()
            .filter(|side| !sessions.contains(side.id()))
            .map(|side| Stray {
                key: format!("{SIDE}{}", side.id()),
                what: format!("the browser side of {}", side.id()),
                session: Some(side.id().clone()),
            })
            .collect();
        for chromium in self.running() {
            strays.extend(self.in_browser(&chromium).await);
        }
        let run_dirs = Arc::clone(&self.common.run_dirs);
        let folders = tokio::task::spawn_blocking(move || run_dirs.strays()).await;
        let folders = folders.map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        strays.extend(folders.into_iter().map(|path| Stray {
            key: path.display().to_string(),
            what: format!("the run folder {} and what runs in it", path.display()),
            session: None,
        }));
        Ok(strays)
    }

    /// Contexts and pages that no session has. A browser that does not answer has a supervisor to see to it.
    async fn in_browser(&self, chromium: &Chromium) -> Vec<Stray> {
        if chromium.is_unresponsive() || self.common.contexts.births.load(Ordering::Acquire) > 0 {
            return Vec::new();
        }
        let (contexts, targets) = (GetBrowserContextsParams::default(), GetTargetsParams::default());
        let (contexts, targets) = tokio::join!(
            chromium.connection.call_within(None, &contexts, ANSWER),
            chromium.connection.call_within(None, &targets, ANSWER),
        );
        let (Ok(contexts), Ok(targets)) = (contexts, targets) else { return Vec::new() };
        // A context that was made while the browser answered is in no slot yet.
        if self.common.contexts.births.load(Ordering::Acquire) > 0 {
            return Vec::new();
        }
        let mut owned: HashSet<String> = self.common.contexts.leaving.lock().keys().cloned().collect();
        owned.extend(self.all().iter().filter_map(|side| Some(side.slot.lock().context.as_ref()?.id.clone())));
        let there = contexts.browser_context_ids.iter().map(|id| id.inner().clone());
        let there: HashSet<String> = there.filter(|id| chromium.may_end(id)).collect();
        let unowned = there.difference(&owned).map(|id| Stray {
            key: format!("{CONTEXT}{id}"),
            what: format!("browser context {id}"),
            session: None,
        });
        let homeless = targets.target_infos.iter().filter(|target| {
            let context = target.browser_context_id.as_ref();
            chromium.pid().is_some()
                && target.r#type == "page"
                && context.is_none_or(|id| !there.contains(id.inner()) && !owned.contains(id.inner()))
        });
        let pages = homeless.map(|target| {
            let id = target.target_id.inner();
            Stray { key: format!("{PAGE}{id}"), what: format!("page {id}"), session: None }
        });
        unowned.chain(pages).collect()
    }

    pub(super) async fn end_stray(&self, stray: &Stray) -> Result<Disposed> {
        if let (Some(_), Some(session)) = (stray.key.strip_prefix(SIDE), &stray.session) {
            return ebb_core::ports::BrowserPort::dispose(self, session).await;
        }
        if let Some(id) = stray.key.strip_prefix(CONTEXT) {
            for chromium in self.running().into_iter().filter(|chromium| chromium.may_end(id)) {
                let dispose = DisposeBrowserContextParams::new(id.to_owned());
                gone(chromium.connection.call_within(None, &dispose, ANSWER).await.map(drop))?;
                chromium.disposed(id);
            }
            return Ok(Disposed::default());
        }
        if let Some(id) = stray.key.strip_prefix(PAGE) {
            for chromium in self.running().into_iter().filter(|chromium| chromium.pid().is_some()) {
                let close = CloseTargetParams::new(id.to_owned());
                gone(chromium.connection.call_within(None, &close, ANSWER).await.map(drop))?;
            }
            return Ok(Disposed::default());
        }
        let (run_dirs, path) = (Arc::clone(&self.common.run_dirs), PathBuf::from(&stray.key));
        let removed = tokio::task::spawn_blocking(move || run_dirs.remove_stray(Path::new(&path))).await;
        removed.map_err(|error| Error::new(Code::Internal, error.to_string()))??;
        Ok(Disposed::default())
    }
}

fn gone(done: std::result::Result<(), super::pipe::CdpError>) -> Result<()> {
    match done {
        Err(error) if !error.is_gone() => Err(explain(&error)),
        _ => Ok(()),
    }
}
