//! browser_press_key.

use futures::FutureExt;
use serde_json::Value;

use super::{
    acting::{settled, unless_opened},
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::{keys, settle};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![ToolSpec::browser(
        "browser_press_key",
        "Press a key",
        "Press a key where the focus is: a, Enter, ArrowLeft, Control+a",
        || Schema::new().required("key", Kind::String),
        |call, args| async move { press(call, &args).await }.boxed(),
    )]
}

async fn press(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let key = args.must("key");
    let strokes = keys::parse(key)?;
    let tab = page::tab(call).await?;
    let before = settle::before(&tab);
    unless_opened(keys::press(&tab, &strokes).await)?;
    call.response.code(format!("// Press {key}"));
    call.response.code(format!("await page.keyboard.press({});", page::quoted(key)));
    let enter = key == "Enter";
    if enter {
        settled(call, &tab, before).await;
    }
    page::after_action(call, &tab, enter).await
}
