//! Files of sessions: where a client may read and write, what its tools write, and what of it goes again.
//!
//! A client has a workspace W (its project) and an output folder O. Files it names lie in one of them, links
//! resolved. Files nobody named lie in O; in a folder that Ebb chose itself they go with the session.

mod disk;
#[expect(clippy::module_inception, reason = "the type that tools use is what the folder is about")]
mod files;
mod held;
mod inside;
pub(crate) mod journal;
pub(crate) mod names;
mod roots;
mod source;

pub(crate) use files::Files;
pub(crate) use files::Place;
pub(crate) use held::Held;
pub(crate) use roots::{PATIENCE, Roots};
pub(crate) use source::Source;

#[cfg(test)]
mod tests;
