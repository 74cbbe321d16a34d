//! What tools that act share: the element they act on, how code names it, waiting until it is over.

use std::sync::Arc;

use ebb_core::{Code, Error, Result};
use serde_json::Value;

use super::{args::Args, call::ToolCall, catalog::ToolError, page};
use crate::browser::{
    self, Tab,
    settle::{self, Before},
    target::Target,
};

/// The current tab, the element that `target` names in it, and how code names that.
pub(crate) async fn found(call: &mut ToolCall, args: &Value) -> Result<(Arc<Tab>, Target, String), ToolError> {
    let tab = page::tab(call).await?;
    let target = page::target(&tab, args.must("target")).await?;
    let locator = locator(&tab, &target).await;
    Ok((tab, target, locator))
}

/// How code names an element: for people, so a page that does not answer costs only the name.
pub(crate) async fn locator(tab: &Arc<Tab>, target: &Target) -> String {
    let named = browser::target::locator(tab, target).await;
    named.unwrap_or_else(|| format!("locator({})", page::quoted(&target.given)))
}

/// What is typed for `given`, and how code says it: the name of a secret stands for its value.
pub(crate) fn secret(call: &ToolCall, given: &str) -> (String, String) {
    match call.options().secrets.value(given).filter(|value| !value.is_empty()) {
        Some(value) => (value.to_owned(), format!("process.env[{}]", page::quoted(given))),
        None => (given.to_owned(), page::quoted(given)),
    }
}

/// An action that opened a dialog or a file chooser worked: what opened is told with the page.
pub(crate) fn unless_opened(done: Result<()>) -> Result<(), Error> {
    match done {
        Err(error) if error.code == Code::ModalState => Ok(()),
        other => other,
    }
}

/// Waits until the action that began at `before` is over: as the page shows, or for the client's fixed time.
pub(crate) async fn settled(call: &ToolCall, tab: &Arc<Tab>, before: Before) {
    match call.options().timeouts.settle {
        Some(wait) => settle::fixed(tab, before, wait).await,
        None => settle::settle(tab, before).await,
    }
}
