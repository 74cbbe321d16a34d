//! The same for Codex, whose file is TOML.

use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

use super::{
    entry::{Entry, NAME},
    jsonc::Refusal,
    known::Shape,
};

const SECTION: &str = Shape::Codex.section();

fn parse(text: &str) -> Result<DocumentMut, Refusal> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
        format!("line {line}: {}", ebb_core::sessions::clean_text(error.message(), 200))
    })
}

/// The entry of Ebb in this text.
pub(super) fn find(text: &str) -> Result<Option<Entry>, Refusal> {
    let document = parse(text)?;
    let Some(section) = document.get(SECTION) else { return Ok(None) };
    let servers = section.as_table_like().ok_or_else(|| format!("{SECTION} is not a section there"))?;
    let plain: Map<String, Value> =
        servers.iter().filter_map(|(name, server)| Some((name.to_owned(), plain(server.as_table_like()?)))).collect();
    Ok(Entry::among(&plain))
}

/// As much of a server as [`Entry`] reads.
fn plain(server: &dyn TableLike) -> Value {
    let words = |item: &Item| -> Option<Value> {
        Some(item.as_array()?.iter().filter_map(|word| word.as_str().map(Value::from)).collect::<Vec<_>>().into())
    };
    let pairs = server.iter().filter_map(|(key, item)| {
        let value = item.as_str().map(Value::from).or_else(|| item.as_bool().map(Value::from)).or_else(|| words(item));
        Some((key.to_owned(), value?))
    });
    Value::Object(pairs.collect())
}

/// The text with Ebb in it.
pub(super) fn add(text: &str, ebb: &str) -> Result<String, Refusal> {
    let name = find(text)?.map_or_else(|| NAME.to_owned(), |entry| entry.name);
    let mut document = parse(text)?;
    let servers = document.entry(SECTION).or_insert_with(|| {
        let mut section = Table::new();
        section.set_implicit(true);
        Item::Table(section)
    });
    let servers = servers.as_table_like_mut().ok_or_else(|| format!("{SECTION} is not a section there"))?;
    if servers.get(&name).is_none() {
        servers.insert(&name, Item::Table(Table::new()));
    }
    let server = servers.get_mut(&name).and_then(Item::as_table_like_mut);
    let server = server.ok_or_else(|| format!("{SECTION}.{name} is not a section there"))?;
    put(server, "command", value(ebb));
    put(server, "args", value(Array::from_iter(["connect"])));
    if server.get("enabled").and_then(Item::as_bool) == Some(false) {
        put(server, "enabled", value(true));
    }
    finish(text, &document.to_string(), &name)
}

/// What stands around the value, a comment for example, stays.
fn put(server: &mut dyn TableLike, key: &str, new: Item) {
    match (server.get_mut(key).and_then(Item::as_value_mut), new) {
        (Some(old), Item::Value(mut new)) => {
            if old.to_string().trim() != new.to_string().trim() {
                *new.decor_mut() = old.decor().clone();
                *old = new;
            }
        }
        (_, new) => drop(server.insert(key, new)),
    }
}

/// The text without Ebb.
pub(super) fn remove(text: &str) -> Result<String, Refusal> {
    let Some(there) = find(text)? else { return Ok(text.to_owned()) };
    let mut document = parse(text)?;
    if let Some(servers) = document.get_mut(SECTION).and_then(Item::as_table_like_mut) {
        servers.remove(&there.name);
    }
    finish(text, &document.to_string(), &there.name)
}

/// The new text, if nothing but the entry differs.
fn finish(before: &str, after: &str, name: &str) -> Result<String, Refusal> {
    let rest = |text: &str| -> Result<Vec<String>, Refusal> {
        let mut document = parse(text)?;
        if let Some(servers) = document.get_mut(SECTION).and_then(Item::as_table_like_mut) {
            servers.remove(name);
            if servers.is_empty() {
                document.remove(SECTION);
            }
        }
        Ok(document.to_string().lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    };
    if rest(before)? == rest(after)? {
        Ok(after.to_owned())
    } else {
        Err("the change would touch something else; nothing was changed".to_owned())
    }
}
