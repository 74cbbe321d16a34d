//! Snapshots: what the page script saw, distilled and printed as YAML for a model to read and point at.
//!
//! `page/` runs inside the page and returns a flat [`Tree`]; everything after that is plain Rust without a browser.

mod diff;
mod distill;
mod interactive;
mod print;
mod script;
mod tree;
mod yaml;

pub(crate) use diff::diff;
pub(crate) use print::{RenderOptions, Rendered, render};
pub(crate) use script::PAGE_SCRIPT;
pub(crate) use tree::Tree;
