//! browser_wait_for.

use std::{sync::Arc, time::Duration};

use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::Tab;

/// The longest wait for time alone, in seconds.
const LONGEST: f64 = 30.0;

/// Between two looks at the page.
const LOOK: Duration = Duration::from_millis(100);

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_wait_for",
            "Wait for",
            "Wait for text to appear or to go, or for some seconds (30 at most)",
            || {
                Schema::new()
                    .optional("time", Kind::Number)
                    .optional("text", Kind::String)
                    .optional("textGone", Kind::String)
            },
            |call, args| async move { wait(call, &args).await }.boxed(),
        )
        .read_only(),
    ]
}

async fn wait(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (time, text, gone) = (args.number("time"), args.text("text"), args.text("textGone"));
    if time.is_none() && text.is_none() && gone.is_none() {
        return Err(Error::new(Code::InvalidArguments, "Either time, text or textGone must be provided")
            .next("Give what to wait for.")
            .into());
    }
    let tab = page::tab(call).await?;
    if let Some(seconds) = time {
        let seconds = seconds.clamp(0.0, LONGEST);
        call.response.code(format!("await new Promise(f => setTimeout(f, {seconds} * 1000));"));
        let pause = async {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            Ok(())
        };
        match tab.unless_modal(pause).await {
            Err(error) if error.code == Code::ModalState => {}
            other => other?,
        }
    }
    for (text, visible) in [(gone, false), (text, true)] {
        let Some(text) = text else { continue };
        let state = if visible { "visible" } else { "hidden" };
        let locator = format!("getByText({}).first()", page::json_quoted(text));
        until(&tab, text, visible, call.action_timeout(), &locator).await?;
        call.response.code(format!("await page.{locator}.waitFor({{ state: '{state}' }});"));
    }
    let waited = text.or(gone).map_or_else(|| format!("{} seconds", time.unwrap_or_default()), str::to_owned);
    call.response.result(format!("Waited for {waited}"));
    page::after_action(call, &tab, true).await
}

/// Looks again and again until the text is there, or not.
async fn until(tab: &Arc<Tab>, text: &str, visible: bool, deadline: Duration, locator: &str) -> Result<(), Error> {
    let end = Instant::now() + deadline;
    loop {
        let shown = tab.ask(None, "(t) => __ebb.textShown(t)", &[json!(text)]).await;
        match shown {
            Ok(shown) if shown.as_bool() == Some(visible) => return Ok(()),
            // A dialog keeps the page from showing anything: it is what there is to tell.
            Err(error) if error.code == Code::ModalState => return Ok(()),
            Err(error) if error.code != Code::Timeout => return Err(error),
            _ => {}
        }
        if Instant::now() + LOOK >= end {
            let state = if visible { "visible" } else { "hidden" };
            let text = format!(
                "TimeoutError: Timeout {}ms exceeded.\nCall log:\n- waiting for {locator} to be {state}",
                deadline.as_millis()
            );
            return Err(Error::new(Code::Timeout, text)
                .next("Take a new snapshot with browser_snapshot to see what the page shows now."));
        }
        tokio::time::sleep(LOOK).await;
    }
}
