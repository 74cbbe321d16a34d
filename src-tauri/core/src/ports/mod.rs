//! What the core needs from outside, as traits. The host implements them; [`fake`] is for tests.

mod browser;
mod clock;
pub mod fake;
mod history;

pub use browser::{BrowserPort, Disposed, Stray};
pub use clock::{Clock, TokioClock};
pub use history::{HistoryPort, OpenSession};
