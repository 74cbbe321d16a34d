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

/// How long it may take to find out who is at the other end; a look takes milliseconds.
const LOOK: Duration = Duration::from_secs(5);

/// A connection, of nobody in particular yet.
pub(super) enum Connection {
    Tcp { stream: TcpStream, theirs: SocketAddr, finder: Arc<Finder> },
    Unix { stream: UnixStream, pid: Option<u32> },
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

    /// The next connection. Who is at its other end is found out beside it, so that no connection waits for
    /// another's.
    pub(super) async fn accept(&mut self) -> Connection {
        loop {
            match self {
                Self::Unix(listener) => {
                    let (stream, peer) = listener.accept().await;
                    return Connection::Unix { stream, pid: peer.pid };
                }
                Self::Tcp { listener, finder, .. } => match listener.accept().await {
                    Ok((stream, theirs)) => return Connection::Tcp { stream, theirs, finder: Arc::clone(finder) },
                    Err(error) => {
                        tracing::warn!(%error, "the HTTP port cannot accept a connection");
                        tokio::time::sleep(BREATH).await;
                    }
                },
            }
        }
    }
}

impl Connection {
    /// Who is at the other end; `None` when the connection is another user's, or nobody can say in time, and
    /// must be dropped before a byte is read.
    pub(super) async fn caller(&self, home: Option<PathBuf>) -> Option<Caller> {
        let over_tcp = matches!(self, Self::Tcp { .. });
        let look = async {
            match self {
                Self::Tcp { stream, theirs, finder } => {
                    // The address that is listened at may stand for all of them.
                    let ours = stream.local_addr().ok()?;
                    identify(finder, *theirs, ours, home).await
                }
                Self::Unix { pid: None, .. } => Some(None),
                Self::Unix { pid: Some(pid), .. } => {
                    let pid = *pid;
                    blocking(move || Some(ClientProcess::identify(pid, None, home.as_deref()))).await
                }
            }
        };
        let Ok(found) = tokio::time::timeout(LOOK, look).await else {
            tracing::warn!("nobody could say in {LOOK:?} whose HTTP connection this is; it is dropped");
            return None;
        };
        found.map(|process| Caller { process: process.map(Arc::new), over_tcp })
    }
}

/// Off the threads that serve: looking at processes waits for the kernel.
async fn blocking(
    look: impl FnOnce() -> Option<Option<ClientProcess>> + Send + 'static,
) -> Option<Option<ClientProcess>> {
    tokio::task::spawn_blocking(look).await.unwrap_or(Some(None))
}

/// The process at the other end; `None` when the connection is another user's.
#[cfg(target_os = "linux")]
async fn identify(
    finder: &Arc<Finder>,
    theirs: SocketAddr,
    ours: SocketAddr,
    home: Option<PathBuf>,
) -> Option<Option<ClientProcess>> {
    let finder = Arc::clone(finder);
    blocking(move || {
        let Some(holder) = finder.find(theirs, ours) else { return Some(None) };
        if holder.uid != super::peer::own_uid() {
            tracing::warn!(uid = holder.uid, "refused another user's connection");
            return None;
        }
        let pid = holder.pids.first().copied();
        Some(pid.and_then(|pid| ClientProcess::identify(pid, None, home.as_deref())))
    })
    .await
}

#[cfg(not(target_os = "linux"))]
async fn identify(
    _finder: &Arc<Finder>,
    _theirs: SocketAddr,
    _ours: SocketAddr,
    _home: Option<PathBuf>,
) -> Option<Option<ClientProcess>> {
    std::future::ready(Some(None)).await
}
