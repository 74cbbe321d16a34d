//! The storage of a session as a file: cookies, and what each origin keeps in `localStorage`.
//!
//! An origin that no tab shows is visited by a page that nobody sees and that reaches no network: every
//! request of it is answered here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chromiumoxide::cdp::browser_protocol::{page::NavigateParams, target::CloseTargetParams};
use ebb_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    SessionBrowser,
    cookies::Cookie,
    overrides::origin,
    routes::{Route, Routes},
    tab::Tab,
    web_storage::{self, Area},
};

/// Origins of one file.
const MAX_ORIGINS: usize = 200;

/// How long the hidden page may take to reach an origin; there is no network in it.
const VISIT: Duration = Duration::from_secs(5);

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StorageState {
    /// All cookies.
    #[serde(default)]
    pub(crate) cookies: Vec<Cookie>,
    /// What origins keep.
    #[serde(default)]
    pub(crate) origins: Vec<OriginState>,
}

/// What one origin keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OriginState {
    /// `https://example.com`.
    pub(crate) origin: String,
    /// Its `localStorage`.
    #[serde(default)]
    pub(crate) local_storage: Vec<Item>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Its key.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
}

impl StorageState {
    /// From a file's text.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for what is none.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        // A list would do for an object here, but nobody means one.
        let read = serde_json::from_str::<serde_json::Map<String, Value>>(text);
        let read = read.and_then(|members| serde_json::from_value(Value::Object(members)));
        let state: Self = read.map_err(|error| {
            Error::new(Code::InvalidArguments, format!("this is no storage state: {error}"))
                .next("Use a file that browser_storage_state wrote.")
        })?;
        if state.origins.len() > MAX_ORIGINS {
            return Err(Error::new(Code::LimitReached, format!("the file has more than {MAX_ORIGINS} origins"))
                .next("Leave some out."));
        }
        if let Some(wrong) = state.origins.iter().find(|state| origin(&state.origin).is_none()) {
            return Err(Error::new(Code::InvalidArguments, format!("\"{}\" is no origin", wrong.origin))
                .next("Origins look like https://example.com."));
        }
        Ok(state)
    }
}

/// A page that is in no list, and is closed with this.
struct Hidden(Arc<Tab>);

impl Drop for Hidden {
    fn drop(&mut self) {
        self.0.chromium.connection.post(None, &CloseTargetParams::new(self.0.target.clone()));
    }
}

impl Hidden {
    async fn open(side: &Arc<SessionBrowser>) -> Result<Self> {
        let tab = side.hidden_tab().await?;
        let hidden = Self(Arc::clone(&tab));
        let routes = Routes::default();
        let mut all = Route::new("**")?;
        (all.body, all.content_type) = (Some("<!doctype html>".to_owned()), Some("text/html".to_owned()));
        routes.add(all)?;
        tab.answer_by(routes);
        // A worker of the site must not answer in our stead.
        tab.send("Network.setBypassServiceWorker", &json!({"bypass": true})).await?;
        Ok(hidden)
    }

    async fn visit(&self, origin: &str) -> Result<&Arc<Tab>> {
        let tab = &self.0;
        let failed = || Error::new(Code::NavigationFailed, format!("the storage of {origin} cannot be reached"));
        let answer = tab.call_within(&NavigateParams::new(format!("{origin}/")), VISIT).await?;
        let loader = answer.loader_id.filter(|_| answer.error_text.is_none()).ok_or_else(failed)?;
        let loader = loader.inner().clone();
        let there = tab.until(VISIT, |state| state.loader == loader && state.lifecycle.content_loaded).await;
        if there { Ok(tab) } else { Err(failed().next("Call again.")) }
    }
}

impl SessionBrowser {
    /// The session's cookies and what its origins keep.
    ///
    /// # Errors
    /// As [`Self::cookies`]; an origin that cannot be reached.
    pub(crate) async fn storage_state(self: &Arc<Self>) -> Result<StorageState> {
        let cookies = self.cookies().await?;
        let shown = self.tabs_by_origin();
        let mut origins = Vec::new();
        let mut hidden = None;
        let all: BTreeSet<String> = self.known_origins(&shown).collect();
        for origin in all {
            let read = match shown.get(&origin) {
                Some(tab) => web_storage::list(tab, Area::Local).await.ok(),
                None => None,
            };
            let items = if let Some(items) = read {
                items
            } else {
                let hidden = hide(&mut hidden, self).await?;
                web_storage::list(hidden.visit(&origin).await?, Area::Local).await?
            };
            if !items.is_empty() {
                let local_storage = items.into_iter().map(|(name, value)| Item { name, value }).collect();
                origins.push(OriginState { origin, local_storage });
            }
        }
        Ok(StorageState { cookies, origins })
    }

    /// Puts `state` in place of all cookies and of what origins keep.
    ///
    /// # Errors
    /// As [`Self::cookies`]; an origin that cannot be reached.
    pub(crate) async fn set_storage_state(self: &Arc<Self>, state: &StorageState) -> Result<()> {
        self.clear_cookies().await?;
        self.set_cookies(&state.cookies).await?;
        let wanted: BTreeMap<String, &[Item]> = state
            .origins
            .iter()
            .filter_map(|state| Some((origin(&state.origin)?, state.local_storage.as_slice())))
            .collect();
        let shown = self.tabs_by_origin();
        let all: BTreeSet<String> = self.known_origins(&shown).chain(wanted.keys().cloned()).collect();
        let mut hidden = None;
        for origin in all {
            let items = wanted.get(&origin).copied().unwrap_or_default();
            let items: Vec<(String, String)> =
                items.iter().map(|item| (item.name.clone(), item.value.clone())).collect();
            let tab = match shown.get(&origin) {
                Some(tab) => tab,
                None => hide(&mut hidden, self).await?.visit(&origin).await?,
            };
            web_storage::replace(tab, Area::Local, &items).await?;
            self.overrides.visited(&origin);
        }
        Ok(())
    }

    /// Origins that may have stored something: shown now or before, or there from the beginning.
    fn known_origins(&self, shown: &BTreeMap<String, Arc<Tab>>) -> impl Iterator<Item = String> {
        let given = self.look.storage_state.as_ref().and_then(|state| state.get("origins")?.as_array());
        let given = given.into_iter().flatten().filter_map(|state| origin(state.get("origin")?.as_str()?));
        let given: Vec<String> = given.take(MAX_ORIGINS).collect();
        self.overrides.origins().into_iter().chain(shown.keys().cloned()).chain(given)
    }

    /// A tab for each origin that tabs show. Not frames: what one of another site stores belongs to the site around it
    /// as well, and is not what a page of the origin sees.
    fn tabs_by_origin(&self) -> BTreeMap<String, Arc<Tab>> {
        let mut shown = BTreeMap::new();
        for (tab, _) in self.tabs() {
            let usable = tab.modal().is_none() && !tab.peek(|state| state.crashed);
            if let Some(origin) = tab.peek(|state| origin(state.url())).filter(|_| usable) {
                shown.entry(origin).or_insert(tab);
            }
        }
        shown
    }
}

async fn hide<'a>(hidden: &'a mut Option<Hidden>, side: &Arc<SessionBrowser>) -> Result<&'a Hidden> {
    if hidden.is_none() {
        *hidden = Some(Hidden::open(side).await?);
    }
    hidden.as_ref().ok_or_else(|| Error::new(Code::Internal, "no hidden page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_usual_form_are_read_and_written() {
        let text = json!({
            "cookies": [{"name": "a", "value": "1", "domain": "h", "path": "/", "expires": -1, "httpOnly": false,
                         "secure": false, "sameSite": "Lax"}],
            "origins": [{"origin": "https://h", "localStorage": [{"name": "k", "value": "v"}]}],
        });
        let state = StorageState::parse(&text.to_string()).unwrap();
        assert_eq!(
            serde_json::to_value(&state).unwrap(),
            json!({
                "cookies": [{"name": "a", "value": "1", "domain": "h", "path": "/", "expires": -1.0, "httpOnly": false,
                             "secure": false, "sameSite": "Lax"}],
                "origins": [{"origin": "https://h", "localStorage": [{"name": "k", "value": "v"}]}],
            })
        );
        assert_eq!(StorageState::parse("{}").unwrap(), StorageState::default());
        for wrong in ["", "[]", "{\"origins\":[{\"origin\":\"file:///x\"}]}", "{\"cookies\":[{\"name\":1}]}"] {
            assert_eq!(StorageState::parse(wrong).unwrap_err().code, Code::InvalidArguments, "{wrong}");
        }
    }
}
