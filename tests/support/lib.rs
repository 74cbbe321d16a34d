//! What the tests stand on: a host in a place of its own, clients that are real processes, a site that
//! misbehaves on request, and counting of everything that must not be left behind.
//!
//! Nothing here waits for time to pass instead of for a condition, and everything that was started ends
//! by its own pid.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is test code: what cannot be set up fails the test with its reason"
)]

mod agent;
mod bin;
mod browser_relay;
mod bystander;
mod client;
mod control;
mod elsewhere;
mod host;
pub mod http;
mod kept;
mod luck;
mod mcp;
mod mount;
mod own;
mod place;
pub mod procs;
mod real;
mod redis;
mod rows;
mod scene;
mod screen;
mod site;
mod swallower;
mod wait;

pub use agent::{Agent, AgentOptions, Via};
pub use bin::{bin, fixtures};
pub use browser_relay::{BrowserRelay, Mischief};
pub use bystander::Bystander;
pub use client::Client;
pub use control::Control;
pub use elsewhere::Elsewhere;
pub use host::{HostArgs, TestHost};
pub use kept::{Kept, cursor_files};
pub use luck::Luck;
pub use mcp::{Answer, Calls, call_message, hello_messages, modern_headers, modern_message};
pub use mount::Mount;
pub use own::OwnServer;
pub use place::Place;
pub use real::{Era, Library, Reach, Real, clients};
pub use redis::{Redis, Relay};
pub use rows::Rows;
pub use scene::{Baseline, Lost, Scene};
pub use screen::Screen;
pub use site::Site;
pub use swallower::Swallower;
pub use wait::{SLOW, holds_for, ms, record, wait_for, within};
