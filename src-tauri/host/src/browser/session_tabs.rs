//! The tabs of a session: opened, selected, closed, and found when a page opened them itself.

use std::{sync::Arc, time::Duration};

use chromiumoxide::cdp::browser_protocol::target::{CloseTargetParams, CreateTargetParams};
use ebb_core::{Code, Error, Result};

use super::{
    chromium::Chromium,
    pipe::CALL,
    session::{Context, SessionBrowser, closing, explain},
    tab::Tab,
    tab_calls::browser_lost,
};

/// The size of a new tab's viewport, in CSS pixels.
const VIEWPORT: (i64, i64) = (1280, 720);

impl SessionBrowser {
    /// Opens a tab and makes it the current one.
    ///
    /// # Errors
    /// As [`Self::context`]; too many tabs.
    pub(crate) async fn open_tab(self: &Arc<Self>) -> Result<Arc<Tab>> {
        let context = self.context().await?;
        if self.slot.lock().tabs.len() >= self.max_tabs {
            return Err(Error::new(
                Code::LimitReached,
                format!("this session has {} tabs, which is the limit", self.max_tabs),
            )
            .next("Close one with browser_tabs {\"action\":\"close\",\"index\":0}."));
        }
        let this = Arc::clone(self);
        let opening = self.pool.tasks().spawn(async move {
            let chromium = Arc::clone(&context.chromium);
            let opened = this.open_target(&context).await;
            match &opened {
                Ok(_) => chromium.opened_a_page(),
                Err(error) if error.code == Code::BrowserUnresponsive => return Err(chromium.opened_no_page()),
                Err(_) => {}
            }
            opened
        });
        let tab = opening
            .await
            .unwrap_or_else(|error| Err(Error::new(Code::Internal, format!("opening a tab failed: {error}"))))?;
        self.slot.lock().current = Some(tab.number);
        self.changed();
        Ok(tab)
    }

    async fn open_target(&self, context: &Context) -> Result<Arc<Tab>> {
        let mut create = CreateTargetParams::new("about:blank");
        create.browser_context_id = context.named();
        // A window that people see has its own size.
        if !self.pool.shows_windows() {
            let size = self.look.viewport.map_or(VIEWPORT, |size| (i64::from(size.width), i64::from(size.height)));
            (create.width, create.height) = (Some(size.0), Some(size.1));
        }
        let connection = &context.chromium.connection;
        let target = connection.call(None, &create).await.map_err(|error| explain(&error))?.target_id;
        let opened = self.wait_for_target(target.inner(), CALL).await;
        if opened.is_err() {
            // Half a tab is none.
            connection.post(None, &CloseTargetParams::new(target));
        }
        opened
    }

    /// A tab that is in no list: whoever asked for it closes it.
    ///
    /// # Errors
    /// As [`Self::open_tab`].
    pub(super) async fn hidden_tab(self: &Arc<Self>) -> Result<Arc<Tab>> {
        let context = self.context().await?;
        let this = Arc::clone(self);
        let opening = self.pool.tasks().spawn(async move {
            let opened = this.open_target(&context).await;
            if let Ok(tab) = &opened {
                let mut slot = this.slot.lock();
                slot.tabs.remove(&tab.number);
                slot.current = slot.current.filter(|current| *current != tab.number);
                drop(slot);
                this.devtools.drop_tab(tab.number);
                this.changed();
            }
            opened
        });
        opening.await.unwrap_or_else(|error| Err(Error::new(Code::Internal, format!("opening a tab failed: {error}"))))
    }

    async fn wait_for_target(&self, target: &str, deadline: Duration) -> Result<Arc<Tab>> {
        let mut changes = self.changes.subscribe();
        let find = || self.slot.lock().tabs.values().find(|tab| tab.target == target).cloned();
        let found = async {
            loop {
                if let Some(tab) = find() {
                    tokio::select! {
                        () = tab.ready.cancelled() => return Ok(tab),
                        () = tab.closed.cancelled() => return Err(tab.gone()),
                    }
                }
                if changes.changed().await.is_err() {
                    return Err(closing());
                }
            }
        };
        tokio::select! {
            found = found => found,
            () = self.gate.cancelled() => Err(closing()),
            () = tokio::time::sleep(deadline) => Err(Error::new(Code::BrowserUnresponsive, "the browser did not open a tab in time")
                .next("Call again; a browser that stays silent is restarted.")),
        }
    }

    /// Says once that the browser was lost since the last call. A client with a browser of its own finds a fresh
    /// one; there only a call that ran is told.
    ///
    /// # Errors
    /// [`Code::BrowserLost`].
    pub(crate) fn tell_lost(&self) -> Result<()> {
        if self.take_lost() && !self.pool.common.plan.own { Err(browser_lost()) } else { Ok(()) }
    }

    /// The current tab; the first use makes one.
    ///
    /// # Errors
    /// The browser was lost since the last call (said once), or as [`Self::open_tab`].
    pub(crate) async fn current_tab(self: &Arc<Self>) -> Result<Arc<Tab>> {
        self.tell_lost()?;
        let current = {
            let slot = self.slot.lock();
            slot.current.and_then(|number| slot.tabs.get(&number).cloned())
        };
        match current {
            Some(tab) => Ok(tab),
            None => match self.found_tab().await? {
                Some(tab) => Ok(tab),
                None => self.open_tab().await,
            },
        }
    }

    /// The current one of the tabs that were there before this session, in a browser that somebody else runs.
    ///
    /// # Errors
    /// As [`Self::context`]; the browser did not let it be used in time.
    pub(crate) async fn found_tab(self: &Arc<Self>) -> Result<Option<Arc<Tab>>> {
        if !self.pool.common.plan.joins {
            return Ok(None);
        }
        self.context().await?;
        let Some(tab) = self.tab_if_any() else { return Ok(None) };
        tokio::select! {
            () = tab.ready.cancelled() => Ok(Some(tab)),
            () = tab.closed.cancelled() => Ok(None),
            () = tokio::time::sleep(CALL) => {
                Err(Error::new(Code::BrowserUnresponsive, "the browser did not answer for its tab in time")
                    .next("Call again, or open a tab of your own with browser_tabs."))
            }
        }
    }

    /// The current tab, if there is one; makes nothing.
    pub(crate) fn tab_if_any(&self) -> Option<Arc<Tab>> {
        let slot = self.slot.lock();
        slot.current.and_then(|number| slot.tabs.get(&number).cloned())
    }

    /// All tabs in order of their numbers; the flag marks the current one.
    pub(crate) fn tabs(&self) -> Vec<(Arc<Tab>, bool)> {
        let mut slot = self.slot.lock();
        self.notice_loss(&mut slot);
        slot.tabs.values().map(|tab| (Arc::clone(tab), slot.current == Some(tab.number))).collect()
    }

    /// Makes the tab at `index` the current one; tells whether there is one.
    pub(crate) fn select(&self, index: usize) -> Option<Arc<Tab>> {
        let mut slot = self.slot.lock();
        let tab = slot.tabs.values().nth(index).cloned()?;
        slot.current = Some(tab.number);
        drop(slot);
        self.changed();
        Some(tab)
    }

    /// Closes a tab; its `beforeunload` does not get to ask.
    ///
    /// # Errors
    /// When the browser did not close it in time.
    pub(crate) async fn close_tab(&self, tab: &Arc<Tab>) -> Result<()> {
        let close = CloseTargetParams::new(tab.target.clone());
        match tab.chromium.connection.call(None, &close).await {
            Ok(_) => {}
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(tab.explain(&error)),
        }
        if tokio::time::timeout(Duration::from_secs(2), tab.closed.cancelled()).await.is_err() {
            return Err(
                Error::new(Code::BrowserUnresponsive, "the browser did not close the tab in time").next("Call again.")
            );
        }
        Ok(())
    }

    /// A target of this session's context was attached. None when the session may not have it.
    pub(crate) fn adopt(
        &self,
        target: &str,
        cdp: &str,
        opener: Option<&str>,
        chromium: &Arc<Chromium>,
    ) -> Option<Arc<Tab>> {
        let mut slot = self.slot.lock();
        if slot.closed || slot.tabs.len() >= self.max_tabs {
            return None;
        }
        slot.last_number += 1;
        let number = slot.last_number;
        // A browser of somebody else keeps the settings that its own pages have.
        let kept = self.pool.owns_default(self.id()) && chromium.pid().is_none();
        let look = (!kept).then(|| Arc::clone(&self.look));
        let (target, cdp) = (target.to_owned(), cdp.to_owned());
        let overrides = Arc::clone(&self.overrides);
        let tab = Tab::attach(number, target, cdp, Arc::clone(chromium), Arc::clone(&self.devtools), look, overrides);
        slot.tabs.insert(number, Arc::clone(&tab));
        // A popup does not become current.
        if opener.is_none() && slot.current.is_none() {
            slot.current = Some(number);
        }
        drop(slot);
        self.changed();
        Some(tab)
    }

    /// Whether the tab is one of this session's.
    pub(crate) fn has(&self, tab: &Tab) -> bool {
        self.slot.lock().tabs.get(&tab.number).is_some_and(|own| own.target == tab.target)
    }

    /// A tab is gone: its neighbour becomes current.
    pub(crate) fn forget(&self, tab: &Tab) {
        if !self.has(tab) {
            return;
        }
        let mut slot = self.slot.lock();
        slot.tabs.remove(&tab.number);
        if slot.current == Some(tab.number) {
            let after = slot.tabs.range(tab.number..).next().map(|(number, _)| *number);
            slot.current = after.or_else(|| slot.tabs.keys().next_back().copied());
        }
        drop(slot);
        self.devtools.drop_tab(tab.number);
        self.changed();
    }
}
