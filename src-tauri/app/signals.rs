//! SIGTERM, SIGINT and SIGHUP end this process in order. Never SIGUSR1: JavaScriptCore owns it.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Cancelled by the first signal. Call it inside the runtime.
pub(crate) fn stop(tasks: &TaskTracker) -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int, mut hup) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    let stop = CancellationToken::new();
    let asked = stop.clone();
    drop(tasks.spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            _ = hup.recv() => {}
            () = asked.cancelled() => {}
        }
        asked.cancel();
    }));
    Ok(stop)
}
