//! Who is here, what they hold, and how it all goes away.
//!
//! [`SessionManager`] owns the table of sessions and clients. A session ends in one way only:
//! [`SessionManager::remove_session`]. Clients are kept by a [`lease`]; what nobody leases any more the
//! sweeper finds. The table itself is private to this folder.

mod call;
mod census;
mod clients;
mod entry;
mod finish;
pub mod lease;
mod leftovers;
mod limits;
mod manager;
mod opening;
mod refusal;
mod registry;
mod remove;
mod session;
mod spawn;
mod steps;
mod sweeper;
mod text;
mod views;
mod waiting;

#[cfg(test)]
mod tests;

pub use call::Call;
pub use clients::{NewClient, ProcessKey};
pub use lease::Signal;
pub use manager::{Ports, SessionManager};
pub use opening::{Keep, OpenOptions};
pub use session::Session;
pub use text::{clean_text, printable};
