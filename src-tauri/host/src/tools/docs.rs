//! `docs/tools.md`, written from the catalogue.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::catalog::{Catalog, ToolSpec};
use crate::options::{Cap, Caps};

/// What the page begins with.
const HEAD: &str = "# Tools

<!-- Written by `cargo xtask codegen` from the catalogue; a test compares. -->

`*` marks what must be given. Every `browser_*` tool also takes `session` (handle or name of a session of this client).
Targets are refs of a snapshot (`e12`, `f2e7`) or selectors; `ref`, `startRef` and `endRef` are taken as well.
Capabilities are chosen with `--caps=a,b` (`all` for everything; `-read`, `-cursors`, `-sessions` leave one out).
";

/// The page as it must be.
#[must_use]
pub fn tools_page() -> String {
    let mut page = HEAD.to_owned();
    let catalog = Catalog::with(&Caps::all());
    let tools: Vec<&ToolSpec> = catalog.iter().map(|tool| &tool.spec).collect();
    let mut caps: Vec<Option<Cap>> = Vec::new();
    for tool in &tools {
        if !caps.contains(&tool.cap) {
            caps.push(tool.cap);
        }
    }
    caps.sort();
    for cap in caps {
        let (name, note) = match cap {
            None => ("core", "always there"),
            Some(cap) if Caps::default().has(cap) => (cap.name(), "on by default"),
            Some(cap) => (cap.name(), "on request"),
        };
        // Writing to a string cannot fail.
        let _ = write!(page, "\n## {name} ({note})\n");
        for tool in tools.iter().filter(|tool| tool.cap == cap) {
            let read_only = if tool.read_only { " Changes nothing." } else { "" };
            let _ = write!(page, "\n### {}\n\n{}.{read_only}\n", tool.name, tool.description);
            let schema = (tool.input)().to_json();
            let lines = arguments(&schema);
            if !lines.is_empty() {
                let _ = write!(page, "\n{}\n", lines.join("\n"));
            }
        }
    }
    page
}

/// The names of the tools that every client has.
#[must_use]
pub fn core_tools() -> Vec<&'static str> {
    let catalog = Catalog::with(&Caps::all());
    catalog.iter().filter(|tool| tool.spec.cap.is_none()).map(|tool| tool.spec.name).collect()
}

/// One line an argument.
fn arguments(schema: &Map<String, Value>) -> Vec<String> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let line = |(name, property): (&String, &Value)| {
        let star = if required.contains(&name.as_str()) { "*" } else { "" };
        let default = property.get("default").map(|value| format!(" (default `{value}`)")).unwrap_or_default();
        let said = property.get("description").and_then(Value::as_str).map(|text| format!(": {text}"));
        format!("- `{name}`{star} {}{default}{}", kind(property), said.unwrap_or_default())
    };
    properties.into_iter().flatten().map(line).collect()
}

/// What an argument can be, in words.
fn kind(property: &Value) -> String {
    if let Some(words) = property.get("enum").and_then(Value::as_array) {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    let name = property.get("type").and_then(Value::as_str).unwrap_or_default();
    if let Some(items) = property.get("items") {
        return format!("list of {}", kind(items));
    }
    if let Some(values) = property.get("additionalProperties").filter(|values| values.is_object()) {
        return format!("object of {}", kind(values));
    }
    if let ("object", Some(schema)) = (name, property.as_object()) {
        let members: Vec<String> =
            arguments(schema).iter().map(|line| line.trim_start_matches("- ").to_owned()).collect();
        return format!("object ({})", members.join("; "));
    }
    name.to_owned()
}
