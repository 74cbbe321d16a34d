//! Configuration files of `ebb mcp`: JSON, or INI with dotted keys.

use std::path::Path;

use configparser::ini::{Ini, IniDefault};
use serde_json::{Map, Value};

use super::{ServerOptions, kind::Kind, table::Row};

/// The largest configuration file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Reads a file into one tree.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn read(path: &Path) -> Result<Value, String> {
    let failed = |error: std::io::Error| format!("the configuration {} cannot be read: {error}", path.display());
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err(format!("the configuration {} is no file of at most 1 MB", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    parse(&text).map_err(|why| format!("the configuration {} cannot be used: {why}", path.display()))
}

fn parse(text: &str) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) {
        let tree: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        return if tree.is_object() { Ok(tree) } else { Err("it is no object".to_owned()) };
    }
    let mut rules = IniDefault::default();
    rules.case_sensitive = true;
    rules.delimiters = vec!['='];
    // A `;` parts origins.
    rules.inline_comment_symbols = Some(Vec::new());
    let mut ini = Ini::new_from_defaults(rules);
    let sections = ini.read(text.to_owned())?;
    let mut tree = Map::new();
    let mut sections: Vec<_> = sections.into_iter().collect();
    sections.sort_by(|a, b| a.0.cmp(&b.0));
    for (section, entries) in sections {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in entries {
            let key = if section == "default" { key } else { format!("{section}.{key}") };
            insert(&mut tree, &key, value.unwrap_or_else(|| "true".to_owned()))?;
        }
    }
    Ok(Value::Object(tree))
}

fn insert(tree: &mut Map<String, Value>, key: &str, value: String) -> Result<(), String> {
    match key.split_once('.') {
        None => {
            tree.insert(key.to_owned(), Value::String(value));
            Ok(())
        }
        Some((first, rest)) => match tree.entry(first).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(branch) => insert(branch, rest, value),
            _ => Err(format!("{first} is a value and has parts")),
        },
    }
}

/// Sets what the file says; gives a note for each key that nobody knows.
///
/// # Errors
/// The key, and what its value should be.
pub(super) fn apply(
    tree: &Value,
    rows: &[Row],
    wanted: impl Fn(&Row) -> bool,
    options: &mut ServerOptions,
) -> Result<Vec<String>, String> {
    for row in rows.iter().filter(|row| !row.key.is_empty() && wanted(row)) {
        let found = row.key.split('.').try_fold(tree, |tree, part| tree.get(part));
        let Some(value) = found.filter(|value| row.kind == Kind::Size || !value.is_null()) else { continue };
        let wrong = |why: String| format!("{}: {why}", row.key);
        let value = row.kind.of_json(value).map_err(wrong)?;
        (row.set)(options, &value).map_err(wrong)?;
    }
    let mut unknown = Vec::new();
    find_unknown(tree, "", rows, &mut unknown);
    Ok(unknown.iter().map(|key| format!("the configuration's {key} means nothing here and is ignored")).collect())
}

fn find_unknown(tree: &Value, at: &str, rows: &[Row], unknown: &mut Vec<String>) {
    for (name, value) in tree.as_object().into_iter().flatten() {
        let key = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        if rows.iter().any(|row| row.key == key) {
            continue;
        }
        let branch = format!("{key}.");
        if rows.iter().any(|row| row.key.starts_with(&branch)) && value.is_object() {
            find_unknown(value, &key, rows, unknown);
        } else if unknown.len() < 20 {
            unknown.push(ebb_core::sessions::clean_text(&key, 100));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_with_a_mark_and_ini_with_dots_say_the_same() {
        let json =
            parse("\u{feff}{\"browser\":{\"isolated\":true},\"network\":{\"blockedOrigins\":[\"a\",\"b\"]}}").unwrap();
        assert_eq!(json.pointer("/browser/isolated"), Some(&json!(true)));
        let ini = parse(
            "; a comment\nbrowser.isolated = true\nnetwork.blockedOrigins = http://a:1;b\n[timeouts]\naction=70\n\
             [browser.contextOptions]\nuserAgent = Some = Agent\n",
        )
        .unwrap();
        assert_eq!(ini.pointer("/browser/isolated"), Some(&json!("true")));
        assert_eq!(ini.pointer("/network/blockedOrigins"), Some(&json!("http://a:1;b")));
        assert_eq!(ini.pointer("/timeouts/action"), Some(&json!("70")));
        assert_eq!(ini.pointer("/browser/contextOptions/userAgent"), Some(&json!("Some = Agent")));
        for wrong in ["{", "[1]", "a = 1\na.b = 2\n"] {
            parse(wrong).unwrap_err();
        }
    }
}
