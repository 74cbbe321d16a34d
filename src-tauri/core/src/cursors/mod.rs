//! Cursors: large results, frozen, in pages that do not move.
//!
//! [`Cursors`] is what tools use: it cuts a [`Body`] to a first [`Page`] and reads on. Behind it a
//! [`CursorStore`] keeps the payloads; [`MemoryStore`] is the one that ships with the core. A cursor
//! has exactly one owning session, and the store itself refuses everybody else.

mod arena;
pub mod budget;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod errors;
mod fields;
mod first;
mod frozen;
mod handle;
mod ledger;
mod matches;
mod memory;
mod more;
mod page;
mod plan;
mod read;
mod search;
mod shard;
mod source;
mod store;
mod words;

#[cfg(test)]
mod tests;

pub use frozen::{Column, Frozen, Outline, Payload, Unit, UnitIndex};
pub use handle::Cursors;
pub use ledger::{Admitted, Ledger, Released};
pub use memory::MemoryStore;
pub use page::{Body, CloseWhich, Direction, Page, ReadRequest};
pub use plan::{Span, Spot};
pub use store::{Chunk, CursorFreed, CursorStore, Found, NewCursor};
