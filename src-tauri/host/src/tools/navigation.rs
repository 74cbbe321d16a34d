//! browser_navigate, browser_navigate_back, browser_close.

use futures::FutureExt;

use super::{
    acting::unless_opened,
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
            "browser_navigate_back",
            "Go back",
            "Go back to the page before in the history",
            Schema::new,
            |call, _| back(call).boxed(),
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
    let address = navigate::address(url, call.options())?;
    call.host.browsers.guard().admit(&address).await?;
    let tab = page::tab_as_it_is(call).await?;
    let gone = navigate::navigate(&tab, &address, call.navigation_timeout()).await;
    // A dialog in the way of the load: the page is there and waits for its answer.
    unless_opened(gone)?;
    call.response.code(format!("await page.goto({});", page::quoted(&spelled(url, &address))));
    page::after_action(call, &tab, true).await
}

/// The address with the scheme it got, and otherwise as it was given.
fn spelled(given: &str, address: &str) -> String {
    let given = given.trim();
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    let has_it = given.get(..=scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(&format!("{scheme}:")));
    if scheme.is_empty() || has_it { given.to_owned() } else { format!("{scheme}://{given}") }
}

async fn back(call: &mut ToolCall) -> Result<(), super::catalog::ToolError> {
    let tab = page::tab(call).await?;
    unless_opened(navigate::back(&tab, call.navigation_timeout()).await)?;
    call.response.code("await page.goBack();");
    page::after_action(call, &tab, true).await
}

async fn close(call: &mut ToolCall) -> Result<(), super::catalog::ToolError> {
    page::side(call)?.close_browser().await?;
    call.response.result("No open tabs. Navigate to a URL to create one.");
    call.response.code("await page.close()");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_shows_the_scheme_that_was_meant() {
        for (given, address, shown) in [
            ("http://a/b", "http://a/b", "http://a/b"),
            ("HTTP://a", "http://a/", "HTTP://a"),
            ("localhost:3000", "http://localhost:3000/", "http://localhost:3000"),
            ("example.com", "https://example.com/", "https://example.com"),
            ("about:blank", "about:blank", "about:blank"),
            ("ü", "https://xn--tda/", "https://ü"),
        ] {
            assert_eq!(spelled(given, address), shown);
        }
    }
}
