//! Getting rid of a browser context: politely, then by force, until nothing carries it any more.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chromiumoxide::cdp::browser_protocol::{
    browser::GetVersionParams,
    target::{CloseTargetParams, DisposeBrowserContextParams, GetTargetsParams},
};
use ebb_core::{Code, Error, Result, cleanup::Rung};

use super::{chromium::Chromium, memory::keys_of, pipe::CdpError, session::Context, tab::Tab};
use crate::{
    run::processes,
    transport::proc::{self, ProcessKey},
};

/// Contexts that one Chromium disposes at once. A hundred clients that die together must not make it answer
/// so late that it looks broken: the deadlines below begin when its turn has come.
pub(super) const AT_ONCE: usize = 8;

/// A browser that disposes and is too busy to say what is left is asked this often.
const ASKED: usize = 3;

/// How long a browser that did not dispose in time may take to say that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_millis(300);

/// How long a browser that lives may take to dispose after all.
const SECOND_CHANCE: Duration = Duration::from_millis(700);

/// How long the processes of closed pages may take to end by themselves.
const STRAGGLE: Duration = Duration::from_millis(250);

/// The rungs of disposal, one after the other until nothing carries the context any more.
pub(super) async fn climb(context: &Context, tabs: &BTreeMap<u32, Arc<Tab>>) -> Result<Rung> {
    let chromium = &context.chromium;
    if !chromium.is_alive() {
        return Ok(Rung::BrowserGone);
    }
    if context.is_default && (chromium.pid().is_none() || leave(context, tabs).await) {
        return Ok(Rung::Disposed);
    }
    if !context.is_default && !chromium.is_unresponsive() {
        // Nobody closes it, so there is always a turn; the step's deadline ends a wait for a browser that hangs.
        let _turn = chromium.disposals.acquire().await;
        if !chromium.is_alive() {
            return Ok(Rung::BrowserGone);
        }
        for tab in tabs.values() {
            chromium.connection.post(None, &CloseTargetParams::new(tab.target.clone()));
        }
        if dispose_context(context).await.is_ok() && verify(context).await {
            return Ok(Rung::Disposed);
        }
        // A browser that answers is busy, not broken: others have their pages in it.
        if answers(chromium).await {
            let renderers = renderers(tabs);
            for key in &renderers {
                processes::kill(key.pid);
            }
            let again = tokio::time::timeout(SECOND_CHANCE, dispose_context(context)).await;
            if matches!(again, Ok(Ok(()))) && verify(context).await {
                return Ok(if renderers.is_empty() { Rung::Disposed } else { Rung::RenderersKilled });
            }
        }
    }
    tracing::warn!(pid = chromium.pid(), "a browser context could not be disposed; the browser is ended");
    chromium.kill();
    tokio::time::timeout(Duration::from_secs(1), chromium.gone()).await.map(|()| Rung::BrowserRecycled).map_err(|_| {
        Error::new(Code::BrowserUnresponsive, format!("the browser (process {:?}) does not end", chromium.pid()))
    })
}

/// Closes the tabs of a context that the browser has by itself; whether they are gone. What they left in the
/// profile stays: that is what it is for.
async fn leave(context: &Context, tabs: &BTreeMap<u32, Arc<Tab>>) -> bool {
    let connection = &context.chromium.connection;
    if context.chromium.is_unresponsive() {
        return false;
    }
    let close = tabs.values().map(|tab| async move {
        let close = CloseTargetParams::new(tab.target.clone());
        match connection.call_within(None, &close, Duration::from_secs(1)).await {
            Err(error) => error.is_gone() || matches!(error, CdpError::Refused { .. }),
            Ok(_) => true,
        }
    });
    futures::future::join_all(close).await.into_iter().all(|closed| closed)
}

/// Ends the renderers of a disposed context that are still there after a moment: Chromium itself gives
/// them two seconds, of which a frozen one takes all.
pub(super) async fn end_stragglers(renderers: Vec<ProcessKey>) {
    tokio::time::sleep(STRAGGLE).await;
    for key in renderers.into_iter().filter(|key| proc::lives(*key)) {
        tracing::debug!(pid = key.pid, "the process of a closed page is ended");
        processes::kill(key.pid);
    }
}

/// The renderers of `tabs` as far as they are known.
pub(super) fn renderers(tabs: &BTreeMap<u32, Arc<Tab>>) -> Vec<ProcessKey> {
    tabs.values().flat_map(|tab| keys_of(tab)).collect()
}

/// Asks for disposal, at most one second.
pub(super) async fn dispose_context(context: &Context) -> Result<(), CdpError> {
    let dispose = DisposeBrowserContextParams::new(context.id.clone());
    match context.chromium.connection.call_within(None, &dispose, Duration::from_secs(1)).await {
        Err(error) if !error.is_gone() => Err(error),
        _ => {
            context.chromium.disposed(&context.id);
            Ok(())
        }
    }
}

/// Whether the browser answers the smallest question there is.
async fn answers(chromium: &Chromium) -> bool {
    chromium.connection.call_within(None, &GetVersionParams::default(), SIGN_OF_LIFE).await.is_ok()
}

/// Whether no target carries the context any more.
async fn verify(context: &Context) -> bool {
    let connection = &context.chromium.connection;
    for _ in 0..ASKED {
        let targets = connection.call_within(None, &GetTargetsParams::default(), Duration::from_millis(300)).await;
        return match targets {
            Ok(targets) => {
                let mut contexts = targets.target_infos.iter().filter_map(|info| info.browser_context_id.as_ref());
                contexts.all(|id| *id.inner() != context.id)
            }
            Err(CdpError::Timeout(_)) => continue,
            Err(error) => error.is_gone(),
        };
    }
    false
}
