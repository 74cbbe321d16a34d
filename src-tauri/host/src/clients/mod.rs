//! The configuration files of MCP clients: looked at, shown as a change, changed, and put back.
//!
//! A change touches one entry and nothing else: comments, other servers and the order of a file stay. What
//! cannot be read is never written. Nothing is written that was not shown before: a change carries the mark of
//! the text that it was made from, and a file that differs meanwhile is refused.

mod backup;
mod diff;
mod disk;
mod entry;
mod jsonc;
mod known;
mod place;
mod setup;
mod toml;
mod view;

#[cfg(test)]
mod tests;

pub use known::{Known, find, name_for_people};
pub use setup::ClientFiles;
pub use view::{Act, DiffLine, DiffMark, PlanView, SetupState, SetupView};
