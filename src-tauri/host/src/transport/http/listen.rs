//! Connections of HTTP clients: who is at the other end of each, and bounds on all of them together.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::transport::{peer::ClientProcess, unix};

/// After an error of the system (no file descriptors left), so that it is not asked in a busy loop.
const BREATH: Duration = Duration::from_millis(50);

/// Who sends the requests of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The client's process; none where it cannot be seen: a container, another namespace, already gone.
    pub(crate) process: Option<Arc<ClientProcess>>,
    /// Whether the connection came over TCP, where a token is asked for.
    pub(crate) over_tcp: bool,
}

/// A connection of this user.
pub(super) enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Where connections come from.
pub(super) enum Source {
    Tcp { listener: TcpListener, address: SocketAddr, finder: Arc<Finder> },
    Unix(unix::Listener),
}

#[cfg(target_os = "linux")]
pub(super) use super::peer::Finder;

/// Elsewhere the peer of a TCP connection is not known yet, and what is not known is never guessed.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Default)]
pub(super) struct Finder;

impl Source {
    /// Where it listens on TCP.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { address, .. } => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The next connection of this user. Connections of others are dropped before a byte is read.
    pub(super) async fn accept(&mut self, home: Option<&PathBuf>) -> (Connection, Caller) {
        loop {
            match self {
                Self::Unix(listener) => {
                    let (stream, peer) = listener.accept().await;
                    let process =
                        peer.pid.and_then(|pid| ClientProcess::identify(pid, None, home.map(PathBuf::as_path)));
                    let caller = Caller { process: process.map(Arc::new), over_tcp: false };
                    return (Connection::Unix(stream), caller);
                }
                Self::Tcp { listener, address, finder } => match listener.accept().await {
                    Ok((stream, theirs)) => {
                        // The one it listens at may stand for all of them.
                        let ours = stream.local_addr().unwrap_or(*address);
                        if let Some(process) = identify(finder, theirs, ours, home).await {
                            let caller = Caller { process: process.map(Arc::new), over_tcp: true };
                            return (Connection::Tcp(stream), caller);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the HTTP port cannot accept a connection");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
    }
}

/// The process at the other end; `None` when the connection is another user's and must be dropped.
#[cfg(target_os = "linux")]
async fn identify(
    finder: &Arc<Finder>,
    theirs: SocketAddr,
    ours: SocketAddr,
    home: Option<&PathBuf>,
) -> Option<Option<ClientProcess>> {
    let (finder, home) = (Arc::clone(finder), home.cloned());
    let found = tokio::task::spawn_blocking(move || {
        let Some(holder) = finder.find(theirs, ours) else { return Some(None) };
        if holder.uid != super::peer::own_uid() {
            tracing::warn!(uid = holder.uid, "refused another user's connection");
            return None;
        }
        let pid = holder.pids.first().copied();
        Some(pid.and_then(|pid| ClientProcess::identify(pid, None, home.as_deref())))
    });
    found.await.unwrap_or(Some(None))
}

#[cfg(not(target_os = "linux"))]
async fn identify(
    _finder: &Arc<Finder>,
    _theirs: SocketAddr,
    _ours: SocketAddr,
    _home: Option<&PathBuf>,
) -> Option<Option<ClientProcess>> {
    std::future::ready(Some(None)).await
}
