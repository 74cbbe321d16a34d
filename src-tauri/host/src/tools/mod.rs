//! What agents can call. A tool parses nothing and keeps nothing: it gets checked arguments and a
//! session, and shapes an answer.
//!
//! [`catalog`] lists the tools, [`call`] runs one, [`response`] writes its answer.

pub(crate) mod args;
pub(crate) mod call;
pub(crate) mod catalog;
mod console;
mod cursors;
mod dialogs;
mod evaluate;
mod input;
mod navigation;
mod page;
mod paging;
pub(crate) mod response;
pub(crate) mod schema;
mod sessions;
pub(crate) mod setups;
mod snapshot;
mod tabs;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod usage;
