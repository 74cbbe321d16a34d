//! What a session changed about all its pages, and how each tab gets it: before its page runs anything, and
//! at once when it changes.

use std::{collections::BTreeSet, sync::Arc};

use ebb_core::{Code, Error, Result};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    SessionBrowser, emulation::Emulation, intercept, pipe::CALL, routes::Routes, tab::Tab, tab_state::TabState,
};
use crate::options::ContextOptions;

/// Origins that one session remembers.
const MAX_ORIGINS: usize = 200;

/// What Chromium says where another tab of the same process was told the same first.
const TOLD_ALREADY: [&str; 2] =
    ["Another locale override is already in effect", "Timezone override is already in effect"];

/// A command of the DevTools protocol for a page.
pub(crate) type PageCommand = (&'static str, Value);

/// What one session changed. Shared with its tabs.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    /// Requests that are answered or changed.
    pub(crate) routes: Routes,
    /// How its pages are when nothing was changed, and how they are now.
    emulation: Mutex<(Emulation, Emulation)>,
    /// Origins whose pages it had: they may have stored something.
    origins: Mutex<BTreeSet<String>>,
}

impl Overrides {
    /// Of a session whose pages are made as `options` say.
    pub(crate) fn of(options: &ContextOptions) -> Self {
        let beginning = Emulation::of(options);
        Self { emulation: Mutex::new((beginning.clone(), beginning)), ..Self::default() }
    }

    /// What a new page is told before it runs. `kept`: where the browser keeps its own settings, only what was
    /// changed since.
    pub(crate) fn commands(&self, agent: &str, kept: bool) -> Vec<PageCommand> {
        let (beginning, now) = self.emulation.lock().clone();
        let mut commands = if kept { now.changes(&beginning, agent) } else { now.whole(agent) };
        if !self.routes.is_empty() {
            commands.push(intercept::cache(&self.routes));
        }
        commands.push(intercept::waits());
        commands
    }

    /// What is emulated now.
    pub(crate) fn emulation(&self) -> Emulation {
        self.emulation.lock().1.clone()
    }

    /// How the session's pages are from their beginning, and again after its browser was closed.
    pub(crate) fn beginning(&self) -> Emulation {
        self.emulation.lock().0.clone()
    }

    /// A page of this address was opened.
    pub(crate) fn visited(&self, url: &str) {
        let Some(origin) = origin(url) else { return };
        let mut origins = self.origins.lock();
        if origins.len() < MAX_ORIGINS {
            origins.insert(origin);
        }
    }

    /// Origins whose pages were opened.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.origins.lock().iter().cloned().collect()
    }

    /// Back to how the session began.
    pub(crate) fn reset(&self) {
        self.routes.remove(None);
        let mut emulation = self.emulation.lock();
        emulation.1 = emulation.0.clone();
        self.origins.lock().clear();
    }
}

/// The origin of a page that can store something.
pub(crate) fn origin(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.origin().ascii_serialization())
}

impl SessionBrowser {
    /// Changes what is emulated, in every tab, and for those to come. What a browser refuses changes nothing.
    ///
    /// # Errors
    /// As [`Tab::send`]; [`Code::InvalidArguments`] for what the browser refuses.
    pub(crate) async fn emulate(self: &Arc<Self>, change: impl FnOnce(&mut Emulation) + Send) -> Result<Emulation> {
        let before = self.overrides.emulation();
        let mut after = before.clone();
        change(&mut after);
        self.overrides.emulation.lock().1 = after.clone();
        let told = self.tell_emulation(&before, &after).await;
        if let Err(error) = told {
            self.overrides.emulation.lock().1 = before.clone();
            // The error is what counts; what cannot be taken back is gone with its tab.
            drop(self.tell_emulation(&after, &before).await);
            return Err(match error.code {
                Code::Internal => Error::new(Code::InvalidArguments, error.message).next("Check the values."),
                _ => error,
            });
        }
        Ok(after)
    }

    async fn tell_emulation(self: &Arc<Self>, before: &Emulation, after: &Emulation) -> Result<()> {
        let tabs = self.tabs();
        let agent = tabs.first().map(|(tab, _)| tab.chromium.user_agent.clone()).unwrap_or_default();
        self.tell_tabs(&after.changes(before, &agent)).await?;
        if after.geolocation.is_some() != before.geolocation.is_some() {
            // Nobody can be asked: who asked for a place wants pages to see it.
            let context = self.context().await?;
            let setting = if after.geolocation.is_some() { "granted" } else { "prompt" };
            let mut params = json!({"permission": {"name": "geolocation"}, "setting": setting});
            if let Some(id) = context.named() {
                params["browserContextId"] = json!(id);
            }
            let set = context.chromium.connection.raw(None, "Browser.setPermission", &params, CALL).await;
            set.map_err(|error| super::session::explain(&error))?;
        }
        Ok(())
    }

    /// Tells all tabs whether they may answer requests out of their cache.
    ///
    /// # Errors
    /// As [`Tab::send`].
    pub(crate) async fn routes_changed(&self) -> Result<()> {
        self.tell_tabs(&[intercept::cache(&self.overrides.routes)]).await
    }

    /// Sends the same commands to every tab, side by side. A tab that closed or crashed meanwhile is no error.
    pub(super) async fn tell_tabs(&self, commands: &[PageCommand]) -> Result<()> {
        let tabs: Vec<Arc<Tab>> = self.tabs().into_iter().map(|(tab, _)| tab).collect();
        let told = tabs.iter().map(|tab| async move {
            for (method, params) in commands {
                // Frames in processes of their own follow; what such a process does not know is its page's matter.
                for session in tab.peek(TabState::frame_sessions) {
                    tab.chromium.connection.post_raw(Some(&session), method, params);
                }
                let sent = tab.send(method, params).await;
                let gone = || tab.closed.is_cancelled() || tab.peek(|state| state.crashed);
                match sent {
                    Err(error) if TOLD_ALREADY.iter().any(|known| error.message.contains(known)) => {}
                    Err(error) if !gone() => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        });
        futures::future::join_all(told).await.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_remembered_up_to_a_bound() {
        let overrides = Overrides::default();
        for n in 0..500 {
            overrides.visited(&format!("http://h{n}.example:8080/path?q#f"));
        }
        for other in ["about:blank", "data:text/html,x", "chrome-error://chromewebdata/", ""] {
            overrides.visited(other);
        }
        assert_eq!(overrides.origins().len(), MAX_ORIGINS);
        assert!(overrides.origins().contains(&"http://h7.example:8080".to_owned()));
        overrides.reset();
        assert!(overrides.origins().is_empty());
    }
}
