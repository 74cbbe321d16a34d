//! Every option of `ebb mcp` and `ebb connect`: one row each for flag, variable, configuration key and manual.

use serde_json::Value;

use super::{ServerOptions, Viewport, kind::Kind};

/// What a client has and is told.
mod answers;
/// Its pages.
mod context;
/// The server and its browser.
mod server;

/// Whose an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One client's: `ebb connect` takes it too.
    Client,
    /// The server's.
    Server,
}

/// What a row does with a value.
pub(super) type Set = fn(&mut ServerOptions, &Value) -> Result<(), String>;

/// One option.
pub struct Row {
    /// Without its dashes; empty for none.
    pub flag: &'static str,
    /// In a configuration file; empty for none.
    pub key: &'static str,
    /// What follows the prefix of a variable, where that is not the flag.
    pub(super) variable: Option<&'static str>,
    /// Its value.
    pub kind: Kind,
    /// Whose it is.
    pub scope: Scope,
    /// What holds without it, for the manual.
    pub default: &'static str,
    /// One line for the manual.
    pub about: &'static str,
    pub(super) set: Set,
}

impl Row {
    /// The variables it is read from, the first that is set.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        if self.flag.is_empty() {
            return Vec::new();
        }
        let name = self.variable.map_or_else(|| self.flag.replace('-', "_").to_uppercase(), str::to_owned);
        vec![format!("EBB_{name}"), format!("PLAYWRIGHT_MCP_{name}")]
    }
}

const fn row(flag: &'static str, key: &'static str, kind: Kind, scope: Scope, about: &'static str, set: Set) -> Row {
    Row { flag, key, variable: None, kind, scope, default: "", about, set }
}

impl Row {
    const fn otherwise(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }
}

/// All rows, in the order of the manual.
#[must_use]
pub fn rows() -> Vec<Row> {
    server::rows().into_iter().chain(answers::rows()).chain(context::rows()).collect()
}

/// What is refused at the start, and why.
pub(super) const REFUSED: [(&str, &str); 3] = [
    ("extension", "Ebb does not use a browser extension; use --cdp-endpoint for a browser that runs already"),
    ("endpoint", "Ebb speaks the DevTools protocol only; use --cdp-endpoint"),
    ("init-page", "Ebb runs no code of others in its own process; use --init-script for code in the page"),
];

/// What says nothing here.
pub(super) const IGNORED: [&str; 1] = ["no-webmcp"];

/// How a size is kept.
pub(super) const fn viewport(width: u32, height: u32) -> Viewport {
    Viewport { width, height }
}
