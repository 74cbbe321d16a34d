//! Where cursors are kept: memory, throw-away SQLite files, or Redis.
//!
//! [`Backend::open`] makes what the settings choose, [`Backend::keep`] looks after it while the host
//! runs, and [`Backend::problem`] says what is wrong with it. The rules of cursors are the core's
//! (`ebb_core::cursors::Ledger`); a store here decides only where the bytes of payloads lie.

mod backend;
mod redis;
mod sqlite;
mod status;
mod trim;

pub(crate) use backend::Place;
pub use backend::{Backend, test};
pub use redis::RedisStore;
pub use sqlite::SqliteStore;
pub(crate) use trim::give_back;
