//! Whose requests are whose, and whether they are still here.
//!
//! A client of a revision up to 2025-11-25 has an `Mcp-Session-Id` ([`with_id`]); it is here while a process that
//! used the id lives, and may name it from several. A client of 2026-07-28 has nothing but its process
//! ([`stateless`]). Where the process cannot be seen, only what the client says and the clock are left.

mod all;
mod exits;
mod in_flight;
mod stateless;
#[cfg(test)]
mod tests;
mod with_id;

pub(super) use all::Closer;
pub(crate) use all::{Asked, HttpClients};
pub(super) use in_flight::InFlight;
pub(super) use with_id::Admitted;
