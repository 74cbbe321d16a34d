//! browser_console_messages, browser_network_requests: what the page said and asked for.

use ebb_core::{
    Code, Error,
    cursors::Body,
    devtools::{Level, text},
};
use futures::FutureExt;
use regex::RegexBuilder;
use serde_json::{Value, json};

use super::{
    args::Args,
    call::ToolCall,
    catalog::{Modal, ToolError, ToolSpec},
    page,
    response::Section,
    saving,
    schema::{Kind, Schema},
};

/// A filter's compiled size, in bytes: more is not a filter but an attack.
const FILTER_SIZE: usize = 1024 * 1024;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_console_messages",
            "Console messages",
            "Console messages of the current page",
            || {
                Schema::new()
                    .default("level", Kind::Enum(&["error", "warning", "info", "debug"]), json!("info"))
                    .optional("all", Kind::Bool)
                    .filename()
            },
            |call, args| async move { console(call, &args).await }.boxed(),
        )
        .read_only()
        .modal(Modal::Unaffected),
        ToolSpec::browser(
            "browser_network_requests",
            "Network requests",
            "Requests since the page was opened; filter is a regular expression on the URL",
            || Schema::new().default("static", Kind::Bool, json!(false)).optional("filter", Kind::String).filename(),
            |call, args| async move { network(call, &args).await }.boxed(),
        )
        .read_only()
        .modal(Modal::Unaffected),
    ]
}

async fn console(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let level = Level::parse(args.text("level").unwrap_or("info")).unwrap_or(Level::Info);
    let list = call.session.devtools().console_list(tab.number, level, args.flag("all"));
    listed(call, args, "Console", text::console_body(&list, level)).await
}

async fn network(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let filter =
        args.text("filter").map(|pattern| RegexBuilder::new(pattern).size_limit(FILTER_SIZE).build()).transpose();
    let filter = filter.map_err(|_| {
        Error::new(
            Code::InvalidArguments,
            "Invalid arguments for tool \"browser_network_requests\":\n✖ Invalid regular expression\n  → at filter",
        )
        .next("Give a regular expression such as \"/api/.*\".")
    })?;
    let tab = page::tab(call).await?;
    let list = call.session.devtools().requests(tab.number, args.flag("static"), filter.as_ref());
    listed(call, args, "Network", text::requests_body(&list)).await
}

/// The list in the answer, or in the file that the arguments name.
async fn listed(call: &mut ToolCall, args: &Value, label: &str, body: Body) -> Result<(), ToolError> {
    if args.text("filename").is_none_or(str::is_empty) {
        call.response.large(Section::Result, body);
        return Ok(());
    }
    saving::saved(call, args, label, &body.into_text()).await.map(drop)
}
