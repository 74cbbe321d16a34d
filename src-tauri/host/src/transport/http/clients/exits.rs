//! How a client's process ends.

use crate::transport::{
    proc::{self, ExitKind, ProcessKey},
    watch::ProcessWatch,
};

pub(super) async fn exit_of(key: ProcessKey) -> ExitKind {
    match ProcessWatch::open(key.pid, key.start_time) {
        Ok(watch) => watch.exited().await,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => proc::exited(key).unwrap_or(ExitKind::Gone),
        Err(error) => {
            tracing::warn!(%error, pid = key.pid, "a client's process cannot be watched");
            std::future::pending().await
        }
    }
}

pub(super) async fn exit_or_never(key: Option<ProcessKey>) -> ExitKind {
    match key {
        Some(key) => exit_of(key).await,
        None => std::future::pending().await,
    }
}
