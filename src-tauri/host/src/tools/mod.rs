//! What agents can call. A tool parses nothing and keeps nothing: it gets checked arguments and a
//! session, and shapes an answer.
//!
//! [`catalog`] lists the tools, [`call`] runs one, [`response`] writes its answer.

mod acting;
pub(crate) mod args;
pub(crate) mod call;
pub(crate) mod catalog;
mod console;
mod cookies;
mod cursors;
mod dialogs;
pub(crate) mod docs;
mod emulate;
mod evaluate;
mod events;
mod find;
mod forms;
mod highlight;
mod input;
mod keyboard;
mod mouse;
mod navigation;
mod page;
mod paging;
mod pdf;
mod pointer;
mod read_page;
mod record;
mod request;
pub(crate) mod response;
mod routes;
mod saving;
pub(crate) mod schema;
mod sessions;
mod settings;
pub(crate) mod setups;
mod shots;
mod snapshot;
mod storage_state;
mod tabs;
#[cfg(test)]
pub(crate) mod testing;
mod told;
pub(crate) mod usage;
mod verify;
mod viewing;
mod waiting;
mod web_storage;
