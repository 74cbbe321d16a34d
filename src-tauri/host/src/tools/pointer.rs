//! browser_hover, browser_drag, browser_drop.

use futures::FutureExt;
use serde_json::Value;

use ebb_core::{Code, Error};

use super::{
    acting::{found, locator, settled, unless_opened},
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::{pointer, settle};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_hover",
            "Hover",
            "Move the mouse over an element",
            || Schema::new().target(),
            |call, args| async move { hover(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_drag",
            "Drag",
            "Drag one element onto another",
            || {
                Schema::new()
                    .optional("startElement", Kind::String)
                    .required("startTarget", Kind::String)
                    .optional("endElement", Kind::String)
                    .required("endTarget", Kind::String)
            },
            |call, args| async move { drag(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_drop",
            "Drop",
            "Drop files or data on an element, as if dragged from outside the browser",
            || {
                Schema::new()
                    .target()
                    .optional("paths", Kind::list(Kind::String))
                    .optional("data", Kind::map(Kind::String))
                    .describe("text by MIME type")
            },
            |call, args| async move { drop_on(call, &args).await }.boxed(),
        ),
    ]
}

async fn hover(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (tab, target, locator) = found(call, args).await?;
    unless_opened(pointer::hover(&tab, &target, call.action_timeout()).await)?;
    call.response.code(format!("await page.{locator}.hover();"));
    page::after_action(call, &tab, true).await
}

async fn drag(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let from = page::target(&tab, args.must("startTarget")).await?;
    let to = page::target(&tab, args.must("endTarget")).await?;
    let (from_named, to_named) = tokio::join!(locator(&tab, &from), locator(&tab, &to));
    let before = settle::before(&tab);
    unless_opened(pointer::drag(&tab, &from, &to, call.action_timeout()).await)?;
    call.response.code(format!("await page.{from_named}.dragTo(page.{to_named});"));
    settled(call, &tab, before).await;
    page::after_action(call, &tab, true).await
}

async fn drop_on(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let paths = args.texts("paths").unwrap_or_default();
    let data: Vec<(String, String)> = args
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(mime, text)| (mime.clone(), text.as_str().unwrap_or_default().to_owned()))
        .collect();
    if paths.is_empty() && data.is_empty() {
        return Err(Error::new(Code::InvalidArguments, "Either paths or data must be provided")
            .next("Give paths of files, or data such as {\"text/plain\":\"x\"}.")
            .into());
    }
    let files = readable(call, &paths).await?;
    let (tab, target, locator) = found(call, args).await?;
    let before = settle::before(&tab);
    unless_opened(pointer::drop_on(&tab, &target, &files, &data, call.action_timeout()).await)?;
    let members: Vec<String> =
        data.iter().map(|(mime, text)| format!("    {}: {}", page::quoted(mime), page::quoted(text))).collect();
    let names: Vec<String> = paths.iter().map(|path| page::quoted(path)).collect();
    let what = page::object(&[
        ("data", (!members.is_empty()).then(|| format!("{{\n{}\n  }}", members.join(",\n")))),
        ("files", (!names.is_empty()).then(|| format!("[{}]", names.join(", ")))),
    ]);
    call.response.code(format!("await page.{locator}.drop({what});"));
    settled(call, &tab, before).await;
    page::after_action(call, &tab, true).await
}

/// The real files behind `paths`, which the client may read.
async fn readable(call: &ToolCall, paths: &[&str]) -> Result<Vec<String>, Error> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let files = call.files().await?;
    paths.iter().map(|path| Ok(files.existing(path)?.display().to_string())).collect()
}
