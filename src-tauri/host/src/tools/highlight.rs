//! browser_highlight, browser_hide_highlight: boxes for people who look at the page.

use std::time::Duration;

use futures::{FutureExt, future::join_all};
use serde_json::{Value, json};
use tokio::time::timeout;

use ebb_core::{Code, Error};

use super::{
    acting::locator,
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::options::Cap;

/// How long a frame may take to hide its boxes.
const FRAME: Duration = Duration::from_secs(3);

/// Characters of a style.
const MAX_STYLE: usize = 2_000;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let all = [
        ToolSpec::browser(
            "browser_highlight",
            "Highlight an element",
            "Draw a box around an element that stays until it is hidden",
            || Schema::new().target().optional("style", Kind::String).describe("CSS, such as outline: 3px solid blue"),
            |call, args| async move { show(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_hide_highlight",
            "Hide highlights",
            "Hide the box of an element, or all boxes",
            || Schema::new().optional("element", Kind::String).optional("target", Kind::String),
            |call, args| async move { hide(call, &args).await }.boxed(),
        ),
    ];
    all.into_iter().map(|spec| spec.cap(Cap::Devtools).read_only()).collect()
}

async fn show(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let target = page::target(&tab, args.must("target")).await?;
    let style: String = args.text("style").unwrap_or_default().chars().take(MAX_STYLE).collect();
    let locator = locator(&tab, &target).await;
    let shown = target.ask(&tab, "(t, s) => __ebb.highlight(t, s)", &[json!(style)]).await?;
    if shown != Value::Bool(true) {
        return Err(Error::new(Code::LimitReached, "the element is gone, or the page has 200 boxes already")
            .next("Call browser_hide_highlight, or take a new snapshot.")
            .into());
    }
    let options = if style.is_empty() { String::new() } else { page::literal(&json!({"style": style})) };
    call.response.result(format!("Highlighted {locator}"));
    call.response.code(format!("await page.{locator}.highlight({options});"));
    Ok(())
}

async fn hide(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    if let Some(given) = args.text("target") {
        let target = page::target(&tab, given).await?;
        let locator = locator(&tab, &target).await;
        target.ask(&tab, "(t) => __ebb.unhighlight(t)", &[]).await?;
        call.response.result(format!("Hid highlight for {locator}"));
        call.response.code(format!("await page.{locator}.hideHighlight();"));
        return Ok(());
    }
    let frames = tab.peek(|state| state.frames.keys().cloned().collect::<Vec<_>>());
    // A frame that went took its boxes along; one that hangs takes them away when it can.
    let hide = |frame: String| {
        let tab = &tab;
        async move { drop(timeout(FRAME, tab.ask(Some(&frame), "() => __ebb.unhighlight(null)", &[])).await) }
    };
    join_all(frames.into_iter().map(hide)).await;
    call.response.result("Hid page highlight");
    call.response.code("await page.hideHighlight();");
    Ok(())
}
