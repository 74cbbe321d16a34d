//! One entry of a JSON file with comments, changed in place.

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstRootNode},
};
use serde_json::{Map, Value};

use super::{
    entry::{self, Entry, NAME},
    known::Shape,
};

/// Why a file cannot be used: where, and what.
pub(super) type Refusal = String;

/// The byte order mark that some editors write.
const BOM: char = '\u{feff}';

fn options() -> ParseOptions {
    // What the clients themselves read, and no more: comments and a comma too many.
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn parse(text: &str) -> Result<CstRootNode, Refusal> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let root = CstRootNode::parse(text, &options())
        .map_err(|error| format!("line {}: {}", error.line_display(), error.kind()))?;
    match root.value() {
        Some(value) if value.as_object().is_none() => Err("line 1: expected an object".to_owned()),
        _ => Ok(root),
    }
}

fn value_of(root: &CstRootNode) -> Map<String, Value> {
    match root.to_serde_value() {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// The entry of Ebb in this text.
pub(super) fn find(shape: Shape, text: &str) -> Result<Option<Entry>, Refusal> {
    let whole = value_of(&parse(text)?);
    match whole.get(shape.section()) {
        None => Ok(None),
        Some(Value::Object(servers)) => Ok(Entry::among(servers)),
        Some(_) => Err(format!("{} is not an object there", shape.section())),
    }
}

/// The text with Ebb in it.
pub(super) fn add(shape: Shape, text: &str, ebb: &str) -> Result<String, Refusal> {
    let there = find(shape, text)?;
    let root = parse(text)?;
    let object = root.object_value_or_set();
    let servers = object.object_value_or_set(shape.section());
    let wanted = entry::wanted(shape, ebb);
    let name = there.map_or_else(|| NAME.to_owned(), |entry| entry.name);
    if let Some(server) = servers.object_value(&name) {
        set_right(&server, &wanted);
    } else {
        let fields = wanted.iter().map(|(key, value)| ((*key).to_owned(), input(value))).collect();
        match servers.get(&name) {
            Some(property) => property.set_value(CstInputValue::Object(fields)),
            None => drop(servers.append(&name, CstInputValue::Object(fields))),
        }
    }
    finish(shape, text, &root, &name)
}

/// Changes what must be changed; keys that the owner added stay.
fn set_right(server: &CstObject, wanted: &[(&str, Value)]) {
    for (key, value) in wanted.iter().filter(|(key, _)| entry::is_ours(key)) {
        match server.get(key) {
            Some(property) => {
                if property.value().and_then(|there| there.to_serde_value()).as_ref() != Some(value) {
                    property.set_value(input(value));
                }
            }
            None => drop(server.append(key, input(value))),
        }
    }
    if let Some(disabled) = server.get("disabled") {
        disabled.remove();
    }
}

/// The text without Ebb; a section that becomes empty stays, as its owner may have made it.
pub(super) fn remove(shape: Shape, text: &str) -> Result<String, Refusal> {
    let Some(there) = find(shape, text)? else { return Ok(text.to_owned()) };
    let root = parse(text)?;
    let property = root
        .object_value()
        .and_then(|object| object.object_value(shape.section()))
        .and_then(|servers| servers.get(&there.name));
    if let Some(property) = property {
        property.remove();
    }
    finish(shape, text, &root, &there.name)
}

/// The new text, if nothing but the entry differs. A surprise of the parser must not cost anybody a server.
fn finish(shape: Shape, before: &str, root: &CstRootNode, name: &str) -> Result<String, Refusal> {
    let mut after = root.to_string();
    if before.starts_with(BOM) {
        after.insert(0, BOM);
    }
    if before.trim_start_matches(BOM).trim().is_empty() && !after.ends_with('\n') {
        after.push('\n');
    }
    let rest = |text: &str| -> Result<Map<String, Value>, Refusal> {
        let mut whole = value_of(&parse(text)?);
        let section = shape.section();
        if let Some(Value::Object(servers)) = whole.get_mut(section) {
            servers.remove(name);
            if servers.is_empty() {
                whole.remove(section);
            }
        }
        Ok(whole)
    };
    let same_comments = comments(before)? == comments(&after)? || removed_with_entry(before, &after)?;
    if rest(before)? == rest(&after)? && same_comments {
        Ok(after)
    } else {
        Err("the change would touch something else; nothing was changed".to_owned())
    }
}

fn comments(text: &str) -> Result<Vec<String>, Refusal> {
    let mut found = Vec::new();
    let mut nodes: Vec<_> = parse(text)?.children();
    while let Some(node) = nodes.pop() {
        if let Some(comment) = node.as_comment() {
            found.push(comment.raw_value());
        }
        nodes.extend(node.children());
    }
    found.sort_unstable();
    Ok(found)
}

/// Comments inside of the entry go with it; none may come, and none outside may go. What is outside is what the
/// text has beyond the lines that differ.
fn removed_with_entry(before: &str, after: &str) -> Result<bool, Refusal> {
    let mut left = comments(before)?;
    for comment in comments(after)? {
        match left.iter().position(|one| *one == comment) {
            Some(at) => drop(left.remove(at)),
            None => return Ok(false),
        }
    }
    // Each comment that went stood in a stretch of lines that went, too.
    let gone = super::diff::removed(before, after);
    Ok(left.iter().all(|comment| comment.lines().all(|line| gone.iter().any(|gone| gone.contains(line.trim())))))
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(bool) => CstInputValue::Bool(*bool),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(all) => CstInputValue::Array(all.iter().map(input).collect()),
        Value::Object(map) => {
            CstInputValue::Object(map.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}
