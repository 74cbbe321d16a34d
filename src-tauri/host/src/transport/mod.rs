//! How clients come in: the local socket and HTTP, who is at the other end, and when they are gone.
//!
//! This folder accepts and identifies; it cleans nothing up. On the end of a connection it tells the
//! session manager, nothing else. The client's side of the socket, `ebb connect`, is [`bridge`].

#[cfg(unix)]
pub(crate) mod accept;
mod bad;
#[cfg(unix)]
pub mod bridge;
#[cfg(unix)]
pub(crate) mod connection;
#[cfg(unix)]
mod fd;
#[cfg(unix)]
pub mod hangup;
mod heartbeat;
pub mod hello;
#[cfg(unix)]
pub mod http;
pub mod lines;
mod mcp;
mod outbox;
pub mod peer;
pub mod proc;
mod progress;
#[cfg(unix)]
pub mod unix;
#[cfg(unix)]
pub mod watch;
mod wire;
