//! The standard streams of a server that has its one client right there.

use std::os::unix::net::UnixStream;

use super::{
    pump::{Pump, Stop},
    watch::Watch,
};

/// Why the copying ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalEnd {
    /// The client said everything and has every answer.
    Done,
    /// The client is gone.
    ClientGone,
    /// The server closed its side.
    ServerGone,
}

/// Copies between the standard streams and `server` until one side is done, or whoever started this process
/// is gone. Blocks.
pub(crate) fn copy(server: &UnixStream) -> LocalEnd {
    let Some(watch) = Watch::ancestors() else { return LocalEnd::ClientGone };
    match Pump::default().run(server, &watch) {
        Stop::Done => LocalEnd::Done,
        Stop::ClientGone => LocalEnd::ClientGone,
        Stop::HostGone | Stop::HostSilent => LocalEnd::ServerGone,
    }
}
