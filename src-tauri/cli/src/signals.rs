//! Signals that ask a server to stop.

use ebb_core::{Code, Error, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Every polite way to say stop.
pub(crate) struct Signals([tokio::signal::unix::Signal; 3]);

impl Signals {
    /// Hears them from now on.
    pub(crate) fn new() -> Result<Self> {
        let listen = |kind| {
            signal(kind).map_err(|error| Error::new(Code::Internal, format!("signals cannot be heard: {error}")))
        };
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    /// Resolves at the next one.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
