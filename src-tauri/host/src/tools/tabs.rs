//! browser_tabs.

use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{Modal, ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::navigate;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_tabs",
            "Manage tabs",
            "List, open, close or select a tab",
            || {
                Schema::new()
                    .required("action", Kind::Enum(&["list", "new", "close", "select"]))
                    .optional("index", Kind::Number)
                    .optional("url", Kind::String)
            },
            |call, args| async move { tabs(call, &args).await }.boxed(),
        )
        .modal(Modal::Unaffected),
    ]
}

async fn tabs(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let side = page::side(call)?;
    side.tell_lost()?;
    // Tabs that were there before are found first.
    side.found_tab().await?;
    let index = args.number("index");
    match args.must("action") {
        "new" => {
            let address = args.text("url").map(|url| navigate::address(url, call.options())).transpose()?;
            if let Some(address) = &address {
                call.host.browsers.guard().admit(address).await?;
            }
            let tab = side.open_tab().await?;
            if let Some(address) = address {
                navigate::navigate(&tab, &address, call.host.settings.calls.navigation).await?;
                // The list of tabs comes before the page is looked at, and shows its title.
                page::refresh_title(&tab).await;
                call.response.result(page::tab_lines(&side).join("\n"));
                return page::after_action(call, &tab, true).await;
            }
        }
        "close" => {
            let open = side.tabs();
            let tab = match index {
                None => open.iter().find(|(_, current)| *current).or(open.last()),
                Some(index) => Some(open.get(position(index)?).ok_or_else(|| not_found(index))?),
            };
            if let Some((tab, _)) = tab {
                side.close_tab(tab).await?;
            }
        }
        "select" => {
            let index = index.ok_or_else(|| {
                Error::new(Code::InvalidArguments, "Tab index is required")
                    .next("Call browser_tabs {\"action\":\"list\"} to see the indexes.")
            })?;
            side.select(position(index)?).ok_or_else(|| not_found(index))?;
        }
        _ => {}
    }
    page::refresh_titles(&side).await;
    call.response.result(page::tab_lines(&side).join("\n"));
    Ok(())
}

fn position(index: f64) -> Result<usize, Error> {
    if index.fract() == 0.0 && (0.0..1_000_000.0).contains(&index) { Ok(index as usize) } else { Err(not_found(index)) }
}

fn not_found(index: f64) -> Error {
    Error::new(Code::TargetUnknown, format!("Tab {index} not found"))
        .next("Call browser_tabs {\"action\":\"list\"} to see the indexes.")
}
