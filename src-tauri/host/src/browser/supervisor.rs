//! Sees a browser's end, freeze or decay, and to it that nothing of it stays.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};

use super::chromium::Chromium;
use crate::{
    run::{RunDir, processes},
    transport::{
        proc::{self, Stat},
        watch::ProcessWatch,
    },
};

/// How long a killed process may take until it can be reaped.
const REAPED: Duration = Duration::from_secs(1);

/// Runs until the browser is gone; calls `changed` whenever its state changes.
pub(super) async fn supervise(
    chromium: Arc<Chromium>,
    mut child: tokio::process::Child,
    run_dir: RunDir,
    changed: impl Fn(),
) {
    let leader = chromium.pid().unwrap_or_default();
    tokio::select! {
        () = chromium.connection.closed() => {}
        ended = child.wait() => tracing::info!(pid = leader, status = ?ended.ok(), "the browser ended"),
        () = chromium.silent(&changed) => {
            tracing::warn!(pid = leader, "the browser did not answer three times in a row; it is ended");
        }
        () = a_zygote_ends(leader) => {
            tracing::warn!(pid = leader, "the browser lost the process it makes pages from; it is ended");
        }
    }
    chromium.connection.close();
    changed();
    clear(leader, child, &run_dir).await;
    chromium.is_gone();
    changed();
}

/// Runs until the connection to somebody else's browser is gone. One that is silent is let go; what was made
/// over the connection goes with it.
pub(super) async fn stay_attached(chromium: Arc<Chromium>, changed: impl Fn()) {
    tokio::select! {
        () = chromium.connection.closed() => {}
        () = chromium.silent(&changed) => {
            tracing::warn!("the browser at the endpoint did not answer three times in a row; it is let go");
        }
    }
    chromium.connection.close();
    chromium.is_gone();
    changed();
}

/// Ends every process of a browser, reaps its main one and removes its directory.
pub(super) async fn clear(leader: u32, mut child: tokio::process::Child, run_dir: &RunDir) {
    processes::kill_group(leader);
    if tokio::time::timeout(REAPED, child.wait()).await.is_err() {
        tracing::error!(pid = leader, "the browser's process could not be reaped");
    }
    if let Err(error) = run_dir.remove().await {
        tracing::warn!(path = %run_dir.path().display(), %error, "a run directory could not be removed; it is a leftover now");
    }
}

/// Resolves when one of the processes ends that Chromium forks its pages from: it answers on, but never
/// makes a page again. Pending for ever where there are none.
async fn a_zygote_ends(leader: u32) {
    let found = tokio::task::spawn_blocking(move || zygotes(leader)).await.unwrap_or_default();
    let watches: Vec<ProcessWatch> =
        found.iter().filter_map(|stat| ProcessWatch::open(stat.key.pid, stat.key.start_time).ok()).collect();
    let mut ends: FuturesUnordered<_> = watches.iter().map(ProcessWatch::exited).collect();
    if ends.next().await.is_none() {
        std::future::pending::<()>().await;
    }
}

fn zygotes(leader: u32) -> Vec<Stat> {
    let is_zygote = |pid: u32| proc::cmdline(pid).iter().any(|word| word.contains("--type=zygote"));
    let group: Vec<Stat> =
        proc::all().into_iter().filter(|stat| stat.group == leader && is_zygote(stat.key.pid)).collect();
    // A page that was just forked still looks like the zygote it comes from.
    let forked = |stat: &Stat| group.iter().any(|other| other.key.pid == stat.ppid);
    group.iter().filter(|stat| !forked(stat)).cloned().collect()
}
