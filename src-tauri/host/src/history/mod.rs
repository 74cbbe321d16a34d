//! The history: every cleanup report, kept in SQLite and never on the removal path.
//!
//! [`History`] takes what the core tells it into a bounded queue and into memory; a thread of its own
//! writes. Whatever happens to the file, removals go on, the last reports stay readable, and
//! [`History::problem`] says in words what is wrong.

pub(crate) mod database;
mod query;
mod queue;
mod recent;
mod recover;
mod retention;
mod store;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use store::History;
