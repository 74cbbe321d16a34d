//! The settings file: one TOML file is the source of truth, and what is wrong in it is said, not guessed.
//!
//! [`KEYS`] is the one table of everything that can be set; the file, `ebb config` and `docs/settings.md`
//! come from it. A key that is unknown, of another type or out of its range keeps its default; a file that
//! is no TOML, or larger than a megabyte, keeps all of them.

mod edit;
mod keys;
mod load;
mod read;
mod view;

pub use edit::{reset, set, set_plain, unset};
pub use keys::{KEYS, Key, find};
pub use load::{Loaded, Problem, load, near, parse};
pub(crate) use read::text_of;
pub use view::{SettingKind, SettingProblem, SettingView, SettingsView, view};
