//! What agents can call. A tool parses nothing and keeps nothing: it gets checked arguments and a
//! session, and shapes an answer.
//!
//! [`catalog`] lists the tools, [`call`] runs one, [`response`] writes its answer.

mod acting;
pub(crate) mod args;
pub(crate) mod call;
pub(crate) mod catalog;
mod console;
mod cursors;
mod dialogs;
pub(crate) mod docs;
mod evaluate;
mod find;
mod forms;
mod input;
mod keyboard;
mod navigation;
mod page;
mod paging;
mod pointer;
mod request;
pub(crate) mod response;
mod saving;
pub(crate) mod schema;
mod sessions;
pub(crate) mod setups;
mod shots;
mod snapshot;
mod tabs;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod usage;
mod viewing;
mod waiting;
