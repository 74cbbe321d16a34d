//! The browser side of one session: its context and tabs, made lazily, disposed once and for all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chromiumoxide::cdp::browser_protocol::{
    browser::{BrowserContextId, CancelDownloadParams, SetDownloadBehaviorBehavior, SetDownloadBehaviorParams},
    target::{CreateBrowserContextParams, GetBrowserContextsParams},
};
use ebb_core::{
    Code, Error, Result, cleanup::Rung, devtools::Buffers, ids::SessionId, ports::Disposed, sessions::Session,
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    census::Leaving,
    chromium::Chromium,
    disposal::{climb, dispose_context, end_stragglers, renderers},
    downloads::Downloads,
    overrides::Overrides,
    pipe::{CALL, CdpError},
    plan::bypass_list,
    pool::Pool,
    profile,
    seed::seed,
    tab::Tab,
    tab_calls::browser_lost,
};
use crate::{
    files::{Held, Place},
    options::ContextOptions,
};

/// Longer than any call: the wait ends with the connection.
const FOREVER: Duration = Duration::from_hours(24);

/// A browser context in a Chromium.
#[derive(Clone)]
pub(crate) struct Context {
    /// The browser it lives in.
    pub(crate) chromium: Arc<Chromium>,
    /// Its id in the DevTools protocol.
    pub(crate) id: String,
    /// Whether the browser has it by itself: then it can be left, but not disposed.
    pub(crate) is_default: bool,
}

impl Context {
    /// How commands name it: the browser's own one by saying nothing.
    pub(super) fn named(&self) -> Option<BrowserContextId> {
        (!self.is_default).then(|| self.id.clone().into())
    }
}

/// A context that is being made: everybody who needs it waits for the same one.
type Making = Shared<BoxFuture<'static, Result<Context>>>;

#[derive(Default)]
pub(super) struct Slot {
    /// Nothing may be made any more.
    pub(super) closed: bool,
    making: Option<Making>,
    pub(super) context: Option<Context>,
    pub(super) tabs: BTreeMap<u32, Arc<Tab>>,
    pub(super) current: Option<u32>,
    pub(super) last_number: u32,
    /// The browser ended under the session and its client was not told yet.
    pub(super) lost: bool,
    /// What the client was last told about the page.
    told: Vec<String>,
}

/// The browser side of one session.
pub struct SessionBrowser {
    id: SessionId,
    pub(super) gate: CancellationToken,
    pub(super) devtools: Arc<Buffers>,
    /// What it changed about its pages.
    pub(crate) overrides: Arc<Overrides>,
    pub(super) pool: Arc<Pool>,
    pub(super) max_tabs: usize,
    /// How its pages are made.
    pub(crate) look: Arc<ContextOptions>,
    /// Whether it has a context of its own wherever others have the browser's.
    apart: bool,
    pub(super) slot: Mutex<Slot>,
    pub(super) changes: watch::Sender<()>,
    files: Arc<Held>,
    /// What its pages download.
    pub(crate) downloads: Arc<Downloads>,
    /// The file that says what it did.
    pub(crate) record: Mutex<Option<Place>>,
}

impl SessionBrowser {
    /// The browser side of `session`, whose pages are made as `look` says; makes nothing yet. `apart`: in a
    /// context of its own even where its client has the browser's.
    pub(crate) fn new(
        session: &Session,
        pool: Arc<Pool>,
        max_tabs: usize,
        look: ContextOptions,
        apart: bool,
    ) -> Arc<Self> {
        let files = Held::new(Arc::clone(&pool.common.run_dirs));
        let downloads = Downloads::new(Arc::clone(&files), &pool.common.settings);
        Arc::new(Self {
            id: session.id().clone(),
            gate: session.closing().clone(),
            devtools: Arc::clone(session.devtools()),
            overrides: Arc::new(Overrides::of(&look)),
            pool,
            max_tabs,
            look: Arc::new(look),
            apart,
            slot: Mutex::default(),
            changes: watch::Sender::new(()),
            files,
            downloads,
            record: Mutex::default(),
        })
    }

    /// The session's files.
    pub(crate) fn files(&self) -> &Arc<Held> {
        &self.files
    }

    /// Tells everybody that looks at the session that it changed.
    pub(crate) fn changed(&self) {
        self.changes.send_replace(());
        self.pool.session_changed(&self.id);
    }

    /// Whether the browser ended since the last call. Says so once.
    pub(crate) fn take_lost(&self) -> bool {
        let mut slot = self.slot.lock();
        self.notice_loss(&mut slot);
        std::mem::take(&mut slot.lost)
    }

    /// A call that ran into the loss said so: the next one need not.
    pub(crate) fn told_lost(&self) {
        self.take_lost();
    }

    /// Drops what a dead browser left in the slot.
    pub(super) fn notice_loss(&self, slot: &mut Slot) {
        let dead = slot.context.as_ref().is_some_and(|context| !context.chromium.is_alive());
        if dead {
            slot.context = None;
            slot.lost = !slot.tabs.is_empty() || slot.lost;
            slot.current = None;
            for (number, tab) in std::mem::take(&mut slot.tabs) {
                tab.closed.cancel();
                self.devtools.drop_tab(number);
            }
            self.pool.release(&self.id);
        }
    }

    /// The session's context, made now if it has none.
    ///
    /// # Errors
    /// No browser, a browser that does not start, or a session that is closing.
    pub(crate) async fn context(self: &Arc<Self>) -> Result<Context> {
        let making = {
            let mut slot = self.slot.lock();
            if slot.closed || self.gate.is_cancelled() {
                return Err(closing());
            }
            self.notice_loss(&mut slot);
            if let Some(context) = &slot.context {
                return Ok(context.clone());
            }
            slot.making.get_or_insert_with(|| self.start_making()).clone()
        };
        making.await
    }

    /// Makes a context in a task that owns the result: whoever asked may vanish, the context still
    /// ends up in the slot, or disposed when the slot closed meanwhile.
    fn start_making(self: &Arc<Self>) -> Making {
        let this = Arc::clone(self);
        self.pool.acquire(&self.id);
        let birth = self.pool.common.contexts.birth();
        let task = self.pool.tasks().spawn(async move {
            let _birth = birth;
            let made = this.make().await;
            let refused = {
                let mut slot = this.slot.lock();
                slot.making = None;
                match &made {
                    Ok(context) if !slot.closed => {
                        slot.context = Some(context.clone());
                        None
                    }
                    Ok(context) => Some(context.clone()),
                    Err(_) => None,
                }
            };
            if let Some(context) = refused {
                this.pool.hub_of(&context.chromium).inspect(|hub| hub.unroute(&context.id));
                this.drop_unused(&context).await;
                this.pool.release(&this.id);
                return Err(closing());
            }
            if made.is_err() {
                this.pool.release(&this.id);
            }
            this.changed();
            made
        });
        async move {
            task.await.unwrap_or_else(|error| {
                Err(Error::new(Code::Internal, format!("making a browser context failed: {error}")))
            })
        }
        .boxed()
        .shared()
    }

    async fn make(self: &Arc<Self>) -> Result<Context> {
        // A session that ends while its browser starts has nothing there yet to wait for.
        let (chromium, hub) = tokio::select! {
            biased;
            () = self.gate.cancelled() => return Err(closing()),
            started = self.pool.chromium() => started?,
        };
        let context = if self.has_default().await? {
            chromium.uses_its_own();
            Context { id: default_context(&chromium).await?, chromium, is_default: true }
        } else {
            let id = match self.create(&chromium).await {
                Ok(id) => id,
                Err(CdpError::Closed) if chromium.is_unused() => return Err(chromium.ended_early().await),
                Err(error) => return Err(explain(&error)),
            };
            chromium.made(id.inner());
            Context { chromium, id: id.inner().clone(), is_default: false }
        };
        if self.settings_of(&context).is_some()
            && let Err(error) = seed(&context, &hub, &self.look).await
        {
            self.drop_unused(&context).await;
            return Err(error);
        }
        hub.route(&context, self);
        if context.is_default && context.chromium.pid().is_none() {
            hub.adopt_pages(&context).await?;
        }
        self.pool.common.plan.say("create context");
        self.allow_downloads(&context);
        Ok(context)
    }

    /// Lets the pages of `context` download into a folder of the session's own beside the browser's profile. What
    /// somebody else's browser downloads lies on its own machine, so it may not.
    fn allow_downloads(&self, context: &Context) {
        let folder = context.chromium.folder().map(|folder| folder.join("downloads").join(self.id.as_str()));
        let behavior = match &folder {
            Some(_) => SetDownloadBehaviorBehavior::AllowAndName,
            None => SetDownloadBehaviorBehavior::Deny,
        };
        let mut downloads = SetDownloadBehaviorParams::new(behavior);
        downloads.browser_context_id = context.named();
        if let Some(folder) = folder {
            downloads.download_path = Some(folder.display().to_string());
            downloads.events_enabled = Some(true);
            self.downloads.write_to(folder);
        }
        context.chromium.connection.post(None, &downloads);
    }

    /// Stops one of its downloads; what came of it goes.
    pub(super) fn cancel_download(&self, guid: &str) {
        let context = self.slot.lock().context.clone();
        if let Some(context) = context {
            let mut cancel = CancelDownloadParams::new(guid);
            cancel.browser_context_id = context.named();
            context.chromium.connection.post(None, &cancel);
        }
    }

    /// Whether this session has the context that the browser has by itself.
    ///
    /// # Errors
    /// Another client has it, and there is no other with the profile on disk.
    async fn has_default(&self) -> Result<bool> {
        if self.apart || !self.pool.keeps_default() {
            return Ok(false);
        }
        for _ in 0..profile::TRIES {
            if self.pool.claim_default(&self.id) {
                return Ok(true);
            }
            let Some(path) = &self.pool.common.plan.profile else { return Ok(false) };
            tokio::select! {
                () = self.gate.cancelled() => return Err(closing()),
                () = tokio::time::sleep(profile::PAUSE) => {}
            }
            tracing::debug!(path = %path.display(), "another client has the profile");
        }
        Err(profile::in_use(self.pool.common.plan.profile.as_deref().unwrap_or(std::path::Path::new(""))))
    }

    /// How pages of `context` are made; none in a context that somebody else's browser has by itself: it keeps
    /// its settings.
    pub(super) fn settings_of(&self, context: &Context) -> Option<Arc<ContextOptions>> {
        let theirs = context.is_default && context.chromium.pid().is_none();
        (!theirs).then(|| Arc::clone(&self.look))
    }

    /// A context that nobody had yet goes again.
    async fn drop_unused(&self, context: &Context) {
        if context.is_default {
            self.pool.leave_default(&self.id);
        } else {
            drop(dispose_context(context).await);
        }
    }

    /// Creates a context, at most [`CALL`]. An answer that comes later finds nobody, and what it brings is
    /// disposed: it would be nobody's for as long as the browser runs.
    async fn create(&self, chromium: &Arc<Chromium>) -> Result<BrowserContextId, CdpError> {
        let (answer, mut answered) = oneshot::channel();
        let (birth, chromium) = (self.pool.common.contexts.birth(), Arc::clone(chromium));
        let look = Arc::clone(&self.look);
        self.pool.tasks().spawn(async move {
            let mut create = CreateBrowserContextParams::builder().dispose_on_detach(true).build();
            if let Some((server, bypass)) = &look.proxy {
                create.proxy_server = Some(server.clone());
                create.proxy_bypass_list = Some(bypass_list(bypass.as_deref()));
            }
            let created = chromium.connection.call_within(None, &create, FOREVER).await;
            let created = created.map(|created| created.browser_context_id);
            if let Err(Ok(id)) = answer.send(created) {
                drop(dispose_context(&Context { chromium, id: id.inner().clone(), is_default: false }).await);
            }
            drop(birth);
        });
        if let Ok(created) = tokio::time::timeout(CALL, &mut answered).await {
            return created.unwrap_or(Err(CdpError::Closed));
        }
        // From here on nothing can be sent any more; what was sent at the last moment counts.
        answered.close();
        answered.try_recv().unwrap_or_else(|_| Err(CdpError::Timeout("Target.createBrowserContext".to_owned())))
    }

    /// Frees tabs and context; the session can get new ones. Part of `browser_close`.
    ///
    /// # Errors
    /// When something of it is still there.
    pub(crate) async fn close_browser(&self) -> Result<u32> {
        let (context, tabs) = {
            let mut slot = self.slot.lock();
            self.notice_loss(&mut slot);
            slot.current = None;
            (self.take(&mut slot), std::mem::take(&mut slot.tabs))
        };
        // What comes next is a new browser in every way.
        self.overrides.reset();
        let Some((context, _leaving)) = context else { return Ok(0) };
        let count = tabs.len() as u32;
        let rung = self.let_go(&context, &tabs).await;
        self.changed();
        rung.map(|_| count)
    }

    /// The last thing that happens to this side of a session: see `BrowserPort::dispose`.
    pub(crate) async fn dispose(&self) -> Result<Disposed> {
        let (making, context, tabs) = {
            let mut slot = self.slot.lock();
            slot.closed = true;
            (slot.making.clone(), self.take(&mut slot), std::mem::take(&mut slot.tabs))
        };
        let mut disposed = Disposed::default();
        if let Some(making) = making {
            // It sees the closed slot and disposes of itself; only its end is of interest.
            drop(making.await);
            disposed.rung = Some(Rung::Disposed);
        }
        let mut stays = None;
        if let Some((context, _leaving)) = context {
            disposed.tabs = tabs.len() as u32;
            match self.let_go(&context, &tabs).await {
                Ok(rung) => disposed.rung = Some(rung),
                Err(error) => {
                    // Still there: the next try must find it again.
                    self.slot.lock().context = Some(context);
                    stays = Some(error);
                }
            }
        }
        self.downloads.end().await;
        // Nothing writes any more, or never will again: files go even where the browser does not.
        let ended = self.files.end().await;
        if let Some(error) = stays {
            return Err(error);
        }
        let ended = ended?;
        (disposed.files, disposed.kept_files) = (ended.files, ended.kept);
        Ok(disposed)
    }

    /// Takes the context out of the slot; until the mark is dropped it is known to be on its way out.
    fn take(&self, slot: &mut Slot) -> Option<(Context, Leaving)> {
        let context = slot.context.take()?;
        let leaving = self.pool.common.contexts.leaving(&context.id);
        Some((context, leaving))
    }

    /// Closes tabs and context, by force where it must be, and gives the browser back.
    async fn let_go(&self, context: &Context, tabs: &BTreeMap<u32, Arc<Tab>>) -> Result<Rung> {
        for (number, tab) in tabs {
            tab.closed.cancel();
            self.devtools.drop_tab(*number);
        }
        let renderers = renderers(tabs);
        let rung = climb(context, tabs).await;
        if matches!(rung, Ok(Rung::Disposed)) && !renderers.is_empty() {
            self.pool.tasks().spawn(end_stragglers(renderers));
        }
        if let Some(hub) = self.pool.hub_of(&context.chromium) {
            hub.unroute(&context.id);
        }
        self.pool.common.plan.say("close context");
        self.pool.release(&self.id);
        rung
    }

    /// Notes what the client is told about the page; tells whether it is new to it.
    pub(crate) fn told(&self, lines: &[String]) -> bool {
        let mut slot = self.slot.lock();
        let new = slot.told != lines;
        slot.told = lines.to_vec();
        new
    }

    /// Whose it is.
    pub(crate) fn id(&self) -> &SessionId {
        &self.id
    }
}

/// The context that a browser has by itself.
async fn default_context(chromium: &Chromium) -> Result<String> {
    let contexts = chromium.connection.call(None, &GetBrowserContextsParams::default()).await;
    let id = contexts.map_err(|error| explain(&error))?.default_browser_context_id;
    id.map(|id| id.inner().clone()).ok_or_else(|| {
        Error::new(Code::BrowserFailed, "this browser does not say which context is its own")
            .next("Use --isolated, or a newer browser.")
    })
}

pub(super) fn explain(error: &CdpError) -> Error {
    match error {
        CdpError::Closed => browser_lost(),
        CdpError::Timeout(_) => Error::new(Code::BrowserUnresponsive, "the browser does not answer")
            .next("Call again in a moment; a browser that stays silent is restarted."),
        other => Error::new(Code::BrowserFailed, other.to_string()).next("Call again."),
    }
}

pub(super) fn closing() -> Error {
    Error::new(Code::SessionEnded, "the session is ending").next("Call again to start a new session.")
}
