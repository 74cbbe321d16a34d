//! browser_navigate, browser_close.

use futures::FutureExt;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{Modal, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::navigate;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_navigate",
            "Navigate to a URL",
            "Open a URL in the current tab and show the page",
            || Schema::new().required("url", Kind::String),
            |call, args| async move { go(call, args.must("url")).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_close",
            "Close browser",
            "Close all tabs of the session; its cursors stay readable",
            Schema::new,
            |call, _| close(call).boxed(),
        )
        .modal(Modal::Unaffected),
    ]
}

async fn go(call: &mut ToolCall, url: &str) -> Result<(), super::catalog::ToolError> {
    let address = navigate::address(url)?;
    let tab = page::tab(call).await?;
    let gone = navigate::navigate(&tab, &address, call.navigation_timeout()).await;
    match gone {
        // A dialog in the way of the load: the page is there and waits for its answer.
        Err(error) if error.code == ebb_core::Code::ModalState => {}
        other => other?,
    }
    call.response.code(format!("await page.goto({});", page::quoted(url)));
    page::after_action(call, &tab, true).await
}

async fn close(call: &mut ToolCall) -> Result<(), super::catalog::ToolError> {
    page::side(call)?.close_browser().await?;
    call.response.result("No open tabs. Navigate to a URL to create one.");
    call.response.code("await page.close()");
    Ok(())
}
