//! One Chromium, one browser context a session, nothing left after a crash.

pub mod locate;

mod browsers;
mod budget;
mod capture;
mod census;
mod chromium;
mod display;
mod disposal;
mod endpoint;
mod hub;
pub(crate) mod input;
mod launch;
pub(crate) mod look;
mod memory;
pub(crate) mod navigate;
mod pipe;
mod pool;
mod pulse;
mod scale;
mod session;
mod session_tabs;
mod session_views;
pub(crate) mod settle;
pub(crate) mod snapshot;
mod supervisor;
mod tab;
mod tab_frames;
mod tab_state;
pub(crate) mod target;
mod websocket;
mod words;

pub use browsers::Browsers;
pub use endpoint::shown as endpoint_shown;
pub use launch::sandbox_problem;
pub(crate) use memory::Sampler;
pub use session::SessionBrowser;
pub(crate) use tab::{Returns, Tab, browser_lost as lost, checked, function_call};
pub(crate) use tab_state::Modal;
