//! `localStorage` and `sessionStorage` of a page, read and written in Ebb's own world: what a page did to
//! the prototypes does not matter there.

use std::sync::Arc;

use ebb_core::{Code, Error, Result};
use serde_json::{Value, json};

use super::tab::Tab;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// Kept by the browser.
    Local,
    /// Kept by the tab.
    Session,
}

impl Area {
    /// The name that scripts use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Local => "localStorage",
            Self::Session => "sessionStorage",
        }
    }
}

const SCRIPT: &str = "(area, what, key, value) => {
  const fine = (text) => (text.toWellFormed ? text.toWellFormed() : text);
  try {
    const store = area === 'localStorage' ? localStorage : sessionStorage;
    if (what === 'set') for (const [k, v] of value) store.setItem(k, v);
    else if (what === 'replace') {
      store.clear();
      for (const [k, v] of value) store.setItem(k, v);
    } else if (what === 'delete') store.removeItem(key);
    else if (what === 'clear') store.clear();
    else if (what === 'get') {
      const found = store.getItem(key);
      return { found: found === null ? null : fine(found) };
    } else {
      const items = [];
      for (let i = 0; i < store.length; i++) {
        const name = store.key(i);
        items.push([fine(name), fine(store.getItem(name) ?? '')]);
      }
      return { items };
    }
    return {};
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}";

async fn ask(tab: &Arc<Tab>, area: Area, what: &str, key: &str, value: Value) -> Result<Value> {
    let arguments = [json!(area.name()), json!(what), json!(key), value];
    let answer = tab.ask(None, SCRIPT, &arguments).await?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(Error::new(Code::InvalidArguments, error)
            .next("Open a page with browser_navigate first: storage belongs to an origin.")),
        None => Ok(answer),
    }
}

/// Everything in it, in the page's order.
///
/// # Errors
/// A page without storage, such as about:blank; as [`Tab::ask`].
pub(crate) async fn list(tab: &Arc<Tab>, area: Area) -> Result<Vec<(String, String)>> {
    let answer = ask(tab, area, "list", "", Value::Null).await?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let items = answer.get("items").and_then(Value::as_array);
    Ok(items.into_iter().flatten().map(|item| (text(item.get(0)), text(item.get(1)))).collect())
}

/// One value.
///
/// # Errors
/// As [`list`].
pub(crate) async fn get(tab: &Arc<Tab>, area: Area, key: &str) -> Result<Option<String>> {
    let answer = ask(tab, area, "get", key, Value::Null).await?;
    Ok(answer.get("found").and_then(Value::as_str).map(str::to_owned))
}

/// Sets values.
///
/// # Errors
/// As [`list`]; a page whose room is used up.
pub(crate) async fn set(tab: &Arc<Tab>, area: Area, items: &[(String, String)]) -> Result<()> {
    ask(tab, area, "set", "", json!(items)).await.map(drop)
}

/// Puts these values in place of all others.
///
/// # Errors
/// As [`list`]; a page whose room is used up.
pub(crate) async fn replace(tab: &Arc<Tab>, area: Area, items: &[(String, String)]) -> Result<()> {
    ask(tab, area, "replace", "", json!(items)).await.map(drop)
}

/// Removes one value.
///
/// # Errors
/// As [`list`].
pub(crate) async fn delete(tab: &Arc<Tab>, area: Area, key: &str) -> Result<()> {
    ask(tab, area, "delete", key, Value::Null).await.map(drop)
}

/// Removes everything.
///
/// # Errors
/// As [`list`].
pub(crate) async fn clear(tab: &Arc<Tab>, area: Area) -> Result<()> {
    ask(tab, area, "clear", "", Value::Null).await.map(drop)
}
