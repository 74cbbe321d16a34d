//! MCP over HTTP: on 127.0.0.1 where it is asked for, and always on a local socket of its own.
//!
//! [`listen`] accepts connections and learns which process is at the other end. [`door`] refuses what is
//! not asked by a client of this user. [`clients`] knows whose requests are whose, in both eras of the
//! protocol, and tells the lease what it learns; nothing is cleaned up here.

mod clients;
mod door;
mod elsewhere;
mod listen;
mod options;
#[cfg(target_os = "linux")]
mod peer;
mod places;
mod refuse;
mod revivals;
mod server;
mod sse;
mod token;
mod track;

pub(crate) use clients::{Asked, HttpClients};
pub use options::{AllowedHosts, HttpOptions, Told};
pub(crate) use revivals::Revivals;
pub(crate) use server::{Address, HttpServer};
pub use token::Token;
