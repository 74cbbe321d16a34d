//! What one client was started with: which tools it has, how its answers look, how its pages are made.
//!
//! A host has settings of its own (`ebb_core::settings`); these here travel with the client, in the hello
//! of `ebb connect`, in the query of an HTTP address, or on the command line of `ebb mcp`. Every option is one row
//! of `table.rs`: flag, variable, configuration key and manual come from there.

mod caps;
mod client;
mod config;
mod devices;
mod kind;
mod manual;
mod origins;
mod parse;
mod secrets;
mod server;
mod set;
mod table;

pub use caps::{Cap, Caps};
pub use client::{
    ClientOptions, ContextOptions, FilePaths, ImageResponses, OutputOptions, SnapshotMode, Timeouts, Viewport,
};
pub(crate) use devices::apply_device;
pub use kind::Kind;
pub use manual::{help, markdown};
pub use origins::Origins;
pub use parse::{Parsed, Travelling, parse, travelling};
pub use secrets::Secrets;
pub use server::{BrowserOptions, ProxyOptions, ServerOptions};
pub use table::{Row, Scope, rows};
