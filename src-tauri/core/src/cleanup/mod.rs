//! The vocabulary of a cleanup. Nothing here performs IO.

mod leftovers;
mod report;
mod step;

pub use leftovers::{Leftover, LeftoverKind};
pub use report::{AskedBy, CleanupReport, Freed, Outcome, Reason};
pub use step::{Rung, Step, StepOutcome, StepReport};
