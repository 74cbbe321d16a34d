//! What a page said and did, in bounded memory: console, network, dialogs of each tab of a session.
//!
//! [`Buffers`] belong to one session. Everything here has a bound and a byte count; what a bound
//! pushed out is counted, so that it can be told. Nothing here knows the DevTools protocol.

mod buffers;
mod console;
mod dialogs;
mod network;
mod ring;
mod tab;
pub mod text;

#[cfg(test)]
mod tests;

pub use buffers::{Buffers, Dropped};
pub use console::{ConsoleEntry, ConsoleList, ConsoleNews, Level};
pub use dialogs::Dialog;
pub use network::{NumberedRequest, Outcome, RequestList, RequestRecord, RequestStart, Response};
