//! Run directories: what a browser or a cursor store writes lies in a folder that carries its owner's
//! mark, and everything that uses such a folder can be found and ended by it.
//!
//! Three look after them. [`RunDirs`] makes and removes them while the host lives. The guardian, a
//! process of its own ([`guard`]), ends and removes them when the host dies. [`reap`] does it at the next
//! start when both died.

mod dir;
mod end;
mod guard;
mod guardian;
mod private;
pub(crate) mod processes;
mod reap;

pub(crate) use dir::{RunDir, RunDirs};
pub(crate) use end::{Ended, end, remove_tree};
pub use guard::guard;
pub(crate) use guardian::Guardian;
pub(crate) use private::{PrivateFolder, reap_private};
pub use reap::abandoned;
pub(crate) use reap::reap;
