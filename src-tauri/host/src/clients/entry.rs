//! What stands in a client's file for Ebb.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::known::Shape;

/// The name under which Ebb is entered.
pub(super) const NAME: &str = "ebb";

/// What a file says about Ebb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name it has there.
    pub(super) name: String,
    /// The program that it starts.
    pub(super) command: String,
    /// With which words.
    pub(super) args: Vec<String>,
    /// Whether the client was told not to use it.
    pub(super) off: bool,
}

impl Entry {
    /// Whether it starts `ebb` as it should.
    pub(super) fn starts(&self, ebb: &str) -> bool {
        self.command == ebb && self.args.first().is_some_and(|word| word == "connect") && !self.off
    }

    /// What is wrong with it, in words.
    pub(super) fn problem(&self, ebb: &str) -> Option<String> {
        if self.starts(ebb) {
            return None;
        }
        Some(if self.off {
            "The entry is switched off.".to_owned()
        } else if self.command != ebb && !Path::new(&self.command).is_file() {
            format!("It names {}, which is not there.", shown(&self.command))
        } else if self.command != ebb {
            format!("It names another Ebb: {}.", shown(&self.command))
        } else {
            "It does not start ebb connect.".to_owned()
        })
    }

    /// The entry of Ebb among all servers: the one called so, else the one that starts it.
    pub(super) fn among(servers: &Map<String, Value>) -> Option<Self> {
        let named = servers.get(NAME).and_then(|server| Self::read(NAME, server));
        named.or_else(|| {
            let mut entries = servers.iter().filter_map(|(name, server)| Self::read(name, server));
            entries.find(Self::is_ebb)
        })
    }

    fn is_ebb(&self) -> bool {
        let program = self.command.rsplit(['/', '\\']).next().unwrap_or_default();
        matches!(program, "ebb" | "ebb.exe") && self.args.first().is_some_and(|word| word == "connect")
    }

    fn read(name: &str, server: &Value) -> Option<Self> {
        let server = server.as_object()?;
        let words = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let args = server.get("args").map(words).unwrap_or_default();
        let (command, args) = match server.get("command") {
            Some(Value::Array(_)) => {
                let mut all = words(server.get("command")?).into_iter();
                (all.next().unwrap_or_default(), all.collect())
            }
            Some(Value::String(command)) => (command.clone(), args),
            // Its name alone makes it ours; there is nothing that it could start.
            _ => (String::new(), args),
        };
        let is = |key: &str, wanted: bool| server.get(key).and_then(Value::as_bool) == Some(wanted);
        Some(Self { name: name.to_owned(), command, args, off: is("enabled", false) || is("disabled", true) })
    }
}

fn shown(command: &str) -> String {
    if command.is_empty() { "no program".to_owned() } else { ebb_core::sessions::clean_text(command, 200) }
}

/// What has to stand there, key by key in this order.
pub(super) fn wanted(shape: Shape, ebb: &str) -> Vec<(&'static str, Value)> {
    let (command, args) = (json!(ebb), json!(["connect"]));
    match shape {
        Shape::Plain | Shape::Codex => vec![("command", command), ("args", args)],
        Shape::VsCode => vec![("type", json!("stdio")), ("command", command), ("args", args)],
        Shape::Zed => vec![("command", command), ("args", args), ("env", json!({}))],
        Shape::OpenCode => {
            vec![("type", json!("local")), ("command", json!([ebb, "connect"])), ("enabled", json!(true))]
        }
        Shape::Copilot => {
            vec![("type", json!("local")), ("command", command), ("args", args), ("tools", json!(["*"]))]
        }
    }
}

/// What of an entry that is there is set right; everything else in it is its owner's.
pub(super) fn is_ours(key: &str) -> bool {
    matches!(key, "type" | "command" | "args" | "enabled")
}
