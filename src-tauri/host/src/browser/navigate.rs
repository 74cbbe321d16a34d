//! Navigations: to an address until its document is there, and back.

use std::{sync::Arc, time::Duration};

use chromiumoxide::cdp::{
    browser_protocol::page::{GetNavigationHistoryParams, NavigateParams, NavigateToHistoryEntryParams},
    js_protocol::runtime::{EvaluateParams, TerminateExecutionParams},
};
use ebb_core::{Code, Error, Result};

use super::{tab::Tab, tab_script::Returns, tab_state::TabState};
use crate::options::ClientOptions;

/// After the document's content is there, its `load` may take this much longer.
const LOAD_GRACE: Duration = Duration::from_secs(5);

/// How often a navigation is asked for that the browser drops.
const ATTEMPTS: u32 = 5;

/// A navigation that the browser ended may this long still show its document.
const COMMIT_GRACE: Duration = Duration::from_secs(1);

/// An element with `autofocus` gets the focus with the next frame that is drawn; without one, and in a tab that
/// draws none, nothing is waited for in vain.
const FOCUSED: &str = "() => {
  if (document.activeElement !== document.body || !document.querySelector('[autofocus]')) return true;
  return new Promise((done) => {
    requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
    setTimeout(() => done(true), 200);
  });
}";

/// How long that may take where the page computes.
const FOCUS: Duration = Duration::from_millis(500);

/// A page that does not answer for this long is stopped before the next one takes its place.
const ANSWER: Duration = Duration::from_secs(1);

/// The address that was meant: without a scheme it is `https://`, for localhost `http://`.
///
/// # Errors
/// An address that cannot be read, or that the client may not open.
pub(crate) fn address(given: &str, options: &ClientOptions) -> Result<String> {
    let given = given.trim();
    let local = given.starts_with("localhost") || given.starts_with("127.0.0.1") || given.starts_with("[::1]");
    let has_scheme = given.split_once(':').is_some_and(|(scheme, rest)| {
        let word = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        // `localhost:3000` and `shop.example:80/x` are a host and a port, not a scheme.
        let port = rest
            .split(['/', '?', '#'])
            .next()
            .is_some_and(|port| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()));
        word && !port
    });
    let full = match (has_scheme, local) {
        (true, _) => given.to_owned(),
        (false, true) => format!("http://{given}"),
        (false, false) => format!("https://{given}"),
    };
    let parsed = url::Url::parse(&full).map_err(|error| {
        Error::new(Code::InvalidArguments, format!("cannot navigate to invalid URL \"{given}\": {error}"))
            .next("Give a whole address such as https://example.com/.")
    })?;
    if !options.context.origins.admit(&parsed) {
        return Err(Error::new(Code::NavigationDenied, format!("net::ERR_BLOCKED_BY_CLIENT at {full}"))
            .next("This origin is kept out by --allowed-origins or --blocked-origins."));
    }
    match parsed.scheme() {
        "http" | "https" => Ok(parsed.into()),
        "about" if parsed.path() == "blank" => Ok(parsed.into()),
        // A server of one's own is as safe as whoever started it.
        "about" | "data" | "javascript" if options.own_server => Ok(parsed.into()),
        "file" if options.unrestricted_files => Ok(parsed.into()),
        scheme => Err(Error::new(
            Code::NavigationDenied,
            format!("Access to \"{scheme}:\" protocol is blocked. Attempted URL: \"{given}\""),
        )
        .next("Only http:, https: and about:blank pages can be opened.")),
    }
}

/// Navigates `tab` and waits until the new document's content is there, then a little for its `load`.
/// A link into the same document and a download end it too.
///
/// # Errors
/// The network's error, no answer within `deadline`, a dialog that opened, a crash, the browser's end.
pub(crate) async fn navigate(tab: &Arc<Tab>, address: &str, deadline: Duration) -> Result<()> {
    // A crashed renderer is replaced by the navigation itself.
    let crashed = tab.poke(|state| {
        state.status = None;
        state.ended_because = None;
        std::mem::take(&mut state.crashed)
    });
    let navigation = async {
        // The empty document of a new tab computes nothing.
        if !crashed && tab.peek(|state| state.commits > 0) {
            make_way(tab).await;
        }
        for attempt in 1..=ATTEMPTS {
            match ask(tab, address, deadline).await? {
                Asked::Done => return Ok(()),
                // It may be what the new document wants.
                Asked::Back if attempt == ATTEMPTS => return Ok(()),
                Asked::Back | Asked::Dropped => {
                    tracing::debug!(tab = tab.number, attempt, "the browser dropped a navigation");
                }
            }
        }
        Err(Error::new(Code::NavigationFailed, format!("net::ERR_ABORTED at {address}"))
            .next("The page before may go somewhere itself: navigate again, or open a new tab with browser_tabs."))
    };
    tokio::time::timeout(deadline, tab.unless_modal(navigation)).await.unwrap_or_else(|_| Err(late(address, deadline)))
}

/// What became of one navigation that was asked for.
enum Asked {
    /// The new document is there, or nothing more will come: the same document, a download, no content.
    Done,
    /// The browser let it go without a word: the old document is still there.
    Dropped,
    /// The page before reloaded itself meanwhile and is there again.
    Back,
}

/// Asks for `address` once and waits until its document's content is there, then a little for its `load`.
async fn ask(tab: &Arc<Tab>, address: &str, deadline: Duration) -> Result<Asked> {
    let before = tab.peek(|state| state.url().to_owned());
    let elsewhere = without_fragment(&before) != without_fragment(address);
    let back = |state: &TabState| elsewhere && state.url() == before;
    let answer = tab.call_within(&NavigateParams::new(address.to_owned()), deadline).await?;
    if let Some(error) = answer.error_text.filter(|error| !error.is_empty()) {
        if error == "net::ERR_BLOCKED_BY_CLIENT" {
            return Err(Error::new(Code::NavigationDenied, format!("{error} at {address}"))
                .next("Its name or a redirect leads to an address or origin that pages may not open."));
        }
        if error != "net::ERR_ABORTED" {
            return Err(Error::new(Code::NavigationFailed, format!("{error} at {address}"))
                .next("Check the address, and that its server runs."));
        }
        // A download or an answer without content, and the old document stays. Where the renderer before was
        // killed, or the old page goes somewhere itself, Chromium ends the navigation with the same words.
        let dropped =
            answer.is_download != Some(true) && !tab.peek(|state| matches!(state.status, Some((204 | 205, _))));
        return Ok(if dropped { Asked::Dropped } else { Asked::Done });
    }
    let Some(loader) = answer.loader_id.map(|loader| loader.inner().clone()) else {
        return Ok(if tab.peek(back) { Asked::Back } else { Asked::Done });
    };
    let stops = tab.peek(|state| state.stops);
    // A document that sends its reader on at once is never seen loaded; the one after it is. But the page before
    // may still show another document of its own first.
    let came = |state: &TabState| state.loaders.contains(&loader);
    let dropped = async {
        tab.until(deadline, |state| state.stops > stops && !came(state)).await;
        // The end of the old document may be told before the beginning of the new one.
        !tab.until(COMMIT_GRACE, came).await
    };
    let there = tab.until(deadline, |state| state.crashed || (came(state) && state.lifecycle.content_loaded));
    tokio::pin!(there);
    let there = tokio::select! {
        biased;
        there = &mut there => there,
        dropped = dropped => if dropped && !gone(tab) { return Ok(Asked::Dropped) } else { there.await },
    };
    if tab.peek(|state| state.crashed) {
        return Err(tab.crash());
    }
    if !there {
        return Err(if gone(tab) { super::tab_calls::browser_lost() } else { late(address, deadline) });
    }
    let shown = tab.peek(|state| state.loader.clone());
    tab.until(LOAD_GRACE, |state| state.crashed || state.loader != shown || state.lifecycle.loaded).await;
    if tab.peek(|state| state.lifecycle.loaded) {
        drop(tab.script(None, FOCUSED, &[], Returns::Value, FOCUS).await);
    }
    Ok(if tab.peek(|state| state.loader != loader && back(state)) { Asked::Back } else { Asked::Done })
}

fn without_fragment(address: &str) -> &str {
    address.split('#').next().unwrap_or_default()
}

fn gone(tab: &Tab) -> bool {
    tab.closed.is_cancelled() || !tab.chromium.is_alive()
}

fn late(address: &str, deadline: Duration) -> Error {
    Error::new(Code::Timeout, format!("Timeout {}ms exceeded while waiting for {address}", deadline.as_millis()))
        .next("Take a snapshot of what is there, or navigate again.")
}

/// Goes back in the history of `tab` until the document before is there; without one nothing happens.
///
/// # Errors
/// As [`navigate`].
pub(crate) async fn back(tab: &Arc<Tab>, deadline: Duration) -> Result<()> {
    let history = tab.call(&GetNavigationHistoryParams::default()).await?;
    let before = usize::try_from(history.current_index - 1).ok().and_then(|index| history.entries.get(index));
    let Some(entry) = before else { return Ok(()) };
    let moves = tab.peek(|state| state.moves);
    let going = async {
        tab.call_within(&NavigateToHistoryEntryParams::new(entry.id), deadline).await?;
        if tab.until(deadline, |state| state.crashed || state.moves != moves).await {
            return Ok(());
        }
        Err(Error::new(Code::Timeout, format!("TimeoutError: Timeout {}ms exceeded.", deadline.as_millis()))
            .next("Take a snapshot of what is there, or navigate with browser_navigate."))
    };
    tab.unless_modal(going).await?;
    tab.until(LOAD_GRACE, |state| state.crashed || state.lifecycle.content_loaded).await;
    Ok(())
}

/// Stops the script of a page that computes for ever: the next document may need its main thread. Before
/// the navigation, because Chromium keeps such commands back once the next document is on its way.
async fn make_way(tab: &Arc<Tab>) {
    let answer = tab.call_within(&EvaluateParams::new("0"), ANSWER).await;
    if answer.is_err_and(|error| error.code == Code::Timeout) {
        tracing::debug!(tab = tab.number, "a page that spins is stopped for the next one");
        // What does not help either: the navigation's own deadline says so.
        drop(tab.call_within(&TerminateExecutionParams::default(), ANSWER).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_scheme_get_one() {
        for (given, meant) in [
            ("example.com", "https://example.com/"),
            ("localhost:3000/a", "http://localhost:3000/a"),
            ("127.0.0.1:80", "http://127.0.0.1/"),
            ("http://a/b?c#d", "http://a/b?c#d"),
            ("about:blank", "about:blank"),
            ("shop.example:8443/x", "https://shop.example:8443/x"),
        ] {
            assert_eq!(address(given, &ClientOptions::default()).as_deref(), Ok(meant), "{given}");
        }
    }

    #[test]
    fn other_schemes_are_refused_by_name() {
        for given in [
            "file:///etc/passwd",
            "chrome://settings",
            "view-source:http://a",
            "javascript:alert(1)",
            "data:text/html,x",
            "FILE:///x",
            "about:config",
        ] {
            let error = address(given, &ClientOptions::default()).unwrap_err();
            assert_eq!(error.code, Code::NavigationDenied, "{given}");
            assert!(error.message.starts_with("Access to \""), "{}", error.message);
        }
    }

    #[test]
    fn a_server_of_ones_own_opens_more_and_origins_are_kept_out() {
        let mut options = ClientOptions { own_server: true, ..ClientOptions::default() };
        for given in ["data:text/html,<p>x", "about:srcdoc", "javascript:1", "http://10.0.0.1/"] {
            address(given, &options).unwrap();
        }
        let error = address("file:///etc/hosts", &options).unwrap_err();
        assert_eq!(error.message, "Access to \"file:\" protocol is blocked. Attempted URL: \"file:///etc/hosts\"");
        options.unrestricted_files = true;
        address("file:///etc/hosts", &options).unwrap();
        options.context.origins.blocked = vec!["https://example.com".to_owned()];
        let error = address("example.com/x", &options).unwrap_err();
        assert_eq!(error.message, "net::ERR_BLOCKED_BY_CLIENT at https://example.com/x");
    }
}
