//! What one client was started with: which tools it has, how its answers look, how its pages are made.
//!
//! A host has settings of its own (`ebb_core::settings`); these here travel with the client, in the hello
//! of `ebb connect`, in the query of an HTTP address, or on the command line of `ebb mcp`.

mod caps;
mod client;

pub use caps::{Cap, Caps};
pub use client::{
    ClientOptions, ContextOptions, FilePaths, ImageResponses, OutputOptions, Secrets, SnapshotMode, Timeouts, Viewport,
};
