//! `ebb connect`: the client's side of the local socket.
//!
//! Copies bytes between standard streams and the host, and goes when either side goes. It waits with
//! plain `poll`: nothing has to be started before the first byte can move, inherited streams keep
//! their mode, and no read is left hanging at the end.

mod dial;
mod local;
mod pump;
mod queue;
mod run;
mod scan;
mod start;
mod track;
mod watch;

pub(crate) use local::{LocalEnd, copy};
pub use run::{Ending, Options, run};
pub use start::detach;
