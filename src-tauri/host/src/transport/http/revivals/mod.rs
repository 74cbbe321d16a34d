//! Clients whose `Mcp-Session-Id` works again after it went for its silence, and after Ebb itself was started anew.
//!
//! Many clients never ask for a new id when the old one is refused. What they said when they began is kept
//! here, in memory and in a file, so that the old one can be answered for. The file is never needed: where
//! it cannot be read or written, ids last as long as the host.

mod file;
mod held;
mod keeper;
mod writer;

pub(crate) use held::Principal;
pub(crate) use keeper::Revivals;
