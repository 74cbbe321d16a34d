//! browser_read_page.

use ebb_core::cursors::Body;
use futures::FutureExt;
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    response::Section,
    saving::saved,
    schema::{Kind, Schema},
};
use crate::{
    browser::read::{self, Reading},
    options::Cap,
};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let tool = ToolSpec::browser(
        "browser_read_page",
        "Read the page",
        "The page's main content as Markdown; for reading, not for acting",
        || {
            Schema::new()
                .optional("target", Kind::String)
                .filename()
                .default("links", Kind::Bool, true)
                .optional("max_tokens", Kind::integer())
        },
        |call, args| async move { read_page(call, &args).await }.boxed(),
    );
    vec![tool.cap(Cap::Read).read_only()]
}

async fn read_page(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let target = match args.text("target") {
        Some(given) => Some(page::target(&tab, given).await?),
        None => None,
    };
    let reading = Reading { target, links: args.flag("links") };
    let (read, ()) = tokio::join!(read::read(&tab, &reading), page::refresh_title(&tab));
    let read = read?;
    if let Some(note) = read.note {
        call.response.next(format!("The text stops early: {note}"));
    }
    let side = page::side(call)?;
    page::tell_page(call, &side, &tab, false);
    if !saved(call, args, "Page", &read.text).await? {
        call.response.large(Section::Result, Body::Text { text: read.text });
    }
    Ok(())
}
