//! When browsers were last used: a server of one's own closes one that nobody uses for long.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, watch},
    time::Instant,
};

/// The calls that use browsers, as a whole.
#[derive(Debug)]
pub(crate) struct Usage {
    calls: Arc<RwLock<()>>,
    ended: watch::Sender<Instant>,
}

impl Default for Usage {
    fn default() -> Self {
        Self { calls: Arc::default(), ended: watch::Sender::new(Instant::now()) }
    }
}

/// A call that runs. Its end is when the time without any begins.
pub(crate) struct Used {
    _call: OwnedRwLockReadGuard<()>,
    ended: watch::Sender<Instant>,
}

impl Drop for Used {
    fn drop(&mut self) {
        self.ended.send_replace(Instant::now());
    }
}

impl Usage {
    /// A call begins. Waits for a moment where a browser is being closed.
    pub(crate) async fn begin(&self) -> Used {
        let call = Arc::clone(&self.calls).read_owned().await;
        Used { _call: call, ended: self.ended.clone() }
    }

    /// Resolves when no call ran for `limit`, with what keeps new ones out while it is held.
    pub(crate) async fn idle_for(&self, limit: Duration) -> OwnedRwLockWriteGuard<()> {
        let mut ended = self.ended.subscribe();
        loop {
            let at = *ended.borrow_and_update() + limit;
            tokio::time::sleep_until(at).await;
            if ended.has_changed().unwrap_or_default() {
                continue;
            }
            if let Ok(nobody) = Arc::clone(&self.calls).try_write_owned() {
                return nobody;
            }
            // One that runs says when it ends.
            if ended.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Resolves at the next end of a call.
    pub(crate) async fn next(&self) {
        if self.ended.subscribe().changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);
    const BEFORE: Duration = Duration::from_secs(59);

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_the_end_of_the_last_call() {
        let usage = Usage::default();
        let call = usage.begin().await;
        assert!(timeout(LIMIT * 10, usage.idle_for(LIMIT)).await.is_err(), "a call runs");
        drop(call);
        assert!(timeout(BEFORE, usage.idle_for(LIMIT)).await.is_err());
        drop(usage.begin().await);
        assert!(timeout(BEFORE, usage.idle_for(LIMIT)).await.is_err());
        let nobody = timeout(LIMIT, usage.idle_for(LIMIT)).await.unwrap();
        assert!(timeout(LIMIT, usage.begin()).await.is_err(), "it is kept out meanwhile");
        drop(nobody);
        drop(timeout(LIMIT, usage.begin()).await.unwrap());
    }
}
