//! What must always be true in Ebb: who is here, what they hold, and how it all goes away.
//!
//! This crate knows no Chromium, MCP, SQL, sockets or Tauri. It meets them through the traits in
//! [`ports`]. Start reading at [`sessions::SessionManager`]; the one way a session ends is
//! [`sessions::SessionManager::remove_session`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod cleanup;
pub mod cursors;
pub mod devtools;
pub mod error;
pub mod events;
pub mod ids;
pub mod ports;
pub mod sessions;
pub mod settings;
pub mod text;
pub mod view;

pub use error::{Code, Error, Result};
pub use sessions::clean_text;
