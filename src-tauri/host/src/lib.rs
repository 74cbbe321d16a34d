//! How Ebb meets the world: Chromium, MCP, sockets, files. No Tauri.
//!
//! [`Host::start`] composes everything and [`Host::stop`] takes it apart in order.
#![warn(missing_docs)]

pub mod autostart;
pub mod browser;
pub mod clients;
pub mod config;
pub mod control;
pub mod cursors;
pub mod dashboard;
pub mod desk;
pub mod history;
pub mod logging;
pub mod options;
pub mod paths;
pub mod transport;

pub mod run;

mod files;
#[cfg(unix)]
mod host;
#[cfg(unix)]
mod standalone;
mod tools;

#[cfg(unix)]
pub use host::{Host, HostOptions, ShowWindow, ebb_executable};
#[cfg(unix)]
pub use standalone::Standalone;
pub use tools::docs::{core_tools, tools_page};
