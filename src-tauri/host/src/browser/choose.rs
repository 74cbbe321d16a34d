//! Choosing in forms: options of a select, boxes that are checked or not.

use std::{sync::Arc, time::Duration};

use ebb_core::{Code, Error, Result};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    input::{self, Button, Click},
    tab::Tab,
    target::{self, Target},
};

/// Between looks for an option that is not there yet.
const LATE_OPTION: Duration = Duration::from_millis(100);

/// Selects options by value or label, and waits for those that come late.
///
/// # Errors
/// As [`input::ready`]; an element that is no select; options that do not come.
pub(crate) async fn select(tab: &Arc<Tab>, target: &Target, values: &[&str], deadline: Duration) -> Result<()> {
    let end = Instant::now() + deadline;
    input::ready(tab, target, "select", deadline).await?;
    loop {
        let answer = target.ask(tab, "(t, v) => __ebb.selectOptions(t, v)", &[json!(values)]).await?;
        let reason = match answer.get("error").and_then(Value::as_str) {
            Some("no_option") => "did not find some options",
            Some("disabled_option") => "option being selected is not enabled",
            _ => return target::refused(target, &answer),
        };
        if Instant::now() + LATE_OPTION >= end {
            let text = format!("TimeoutError: Timeout {}ms exceeded.\nCall log:\n- {reason}", deadline.as_millis());
            return Err(
                Error::new(Code::Timeout, text).next("Take a new snapshot: it lists the options that can be selected.")
            );
        }
        tokio::time::sleep(LATE_OPTION).await;
    }
}

/// Checks or unchecks a box or a radio button, by a click where it is not so already.
///
/// # Errors
/// As [`input::click`]; an element that cannot be checked; one that stays as it was.
pub(crate) async fn set_checked(tab: &Arc<Tab>, target: &Target, wanted: bool, deadline: Duration) -> Result<()> {
    let Some(now) = checked(tab, target, deadline).await? else {
        return Err(Error::new(Code::InvalidArguments, "Not a checkbox or radio button")
            .next("Use browser_click, or another type for this field."));
    };
    if now == wanted {
        return Ok(());
    }
    input::click(tab, target, Click { button: Button::Left, double: false, modifiers: 0 }, deadline).await?;
    if tab.modal().is_some() || checked(tab, target, deadline).await.is_ok_and(|now| now != Some(!wanted)) {
        return Ok(());
    }
    Err(Error::new(Code::InvalidArguments, "Clicking the checkbox did not change its state")
        .next("Take a new snapshot; a radio button is unchecked by checking another one."))
}

/// Whether it is checked; none for what cannot be.
async fn checked(tab: &Arc<Tab>, target: &Target, deadline: Duration) -> Result<Option<bool>> {
    let about = input::ready(tab, target, "plain", deadline).await?.about;
    let text = |name: &str| about.get(name).and_then(Value::as_str).unwrap_or_default();
    let roles = ["checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio", "option", "treeitem"];
    Ok(roles.contains(&text("role")).then(|| text("checked") == "true"))
}
