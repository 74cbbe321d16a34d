//! Reads options: default < configuration file < environment < flag.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use ebb_core::{Code, Error, Result, sessions::clean_text};
use serde_json::Value;

use super::{
    ServerOptions, config,
    kind::Kind,
    table::{IGNORED, REFUSED, Row, Scope, rows},
};

/// How long a client over HTTP may take to answer that it is there, in milliseconds; 0 or nothing: it is not asked.
const PING: &str = "PING_TIMEOUT_MS";

/// What was said where.
#[derive(Debug, Default, PartialEq)]
pub struct Parsed {
    /// All of it.
    pub options: ServerOptions,
    /// What to say about it, a line each.
    pub notes: Vec<String>,
    /// Whether the manual was asked for.
    pub help: bool,
    /// Whether the version was.
    pub version: bool,
}

/// The flags of one command line: by row, each with its value.
#[derive(Debug, Default)]
struct Flags {
    given: BTreeMap<usize, Value>,
    config: Option<PathBuf>,
    help: bool,
    version: bool,
}

/// Reads everything that `ebb mcp` is told: its command line, `variables`, and the configuration that one of
/// them names.
///
/// # Errors
/// [`Code::InvalidArguments`] with one line that names what is wrong.
pub fn parse(arguments: &[String], variable: impl Fn(&str) -> Option<OsString>) -> Result<Parsed> {
    let rows = rows();
    let mut flags = read_flags(arguments, &rows).map_err(wrong)?;
    if flags.help || flags.version {
        return Ok(Parsed { help: flags.help, version: flags.version, ..Parsed::default() });
    }
    let variables = read_variables(&rows, &variable).map_err(wrong)?;
    let named = ["EBB_CONFIG", "PLAYWRIGHT_MCP_CONFIG"].iter().find_map(|name| set_variable(&variable, name));
    let file = flags.config.take().or(named.map(PathBuf::from));
    let mut parsed = Parsed { options: ServerOptions::own(), ..Parsed::default() };
    if let Some(file) = file {
        let tree = config::read(&file).map_err(wrong)?;
        parsed.notes = config::apply(&tree, &rows, |_| true, &mut parsed.options).map_err(wrong)?;
    }
    let says = |row: &Row, value: &Value, name: &str, options: &mut ServerOptions| {
        (row.set)(options, value).map_err(|why| format!("{name}: {why}"))
    };
    for (at, (value, name)) in &variables {
        let Some(row) = rows.get(*at) else { continue };
        says(row, value, name, &mut parsed.options).map_err(wrong)?;
    }
    for (at, value) in &flags.given {
        let Some(row) = rows.get(*at) else { continue };
        says(row, value, &format!("--{}", row.flag), &mut parsed.options).map_err(wrong)?;
    }
    if let Some(said) = set_variable(&variable, PING) {
        let said = said.to_string_lossy();
        match said.trim().parse::<u64>() {
            Ok(0) => {}
            Ok(milliseconds) => parsed.options.ping = Some(Duration::from_millis(milliseconds)),
            Err(_) => return Err(wrong(format!("{PING}: \"{}\" is no number of milliseconds", clean_text(&said, 60)))),
        }
    }
    if parsed.options.client.device.is_some() && parsed.options.browser.cdp_endpoint.is_some() {
        return Err(wrong("--device cannot be used with --cdp-endpoint: that browser keeps its settings".to_owned()));
    }
    for name in std::mem::take(&mut parsed.options.client.unknown_caps) {
        parsed.notes.push(format!("no capability is called \"{}\"", clean_text(&name, 60)));
    }
    Ok(parsed)
}

/// The options of `ebb connect`, as they travel to the host.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Travelling {
    /// One flag each, with `=` and whole paths.
    pub flags: Vec<String>,
    /// What belongs to the host and says nothing here.
    pub ignored: Vec<String>,
    /// What to say about the rest.
    pub notes: Vec<String>,
}

/// Reads the options of `ebb connect` and checks them where the client can see what is wrong.
///
/// # Errors
/// As [`parse`].
pub fn travelling(arguments: &[String], variable: impl Fn(&str) -> Option<OsString>) -> Result<Travelling> {
    let rows = rows();
    let flags = read_flags(arguments, &rows).map_err(wrong)?;
    let variables = read_variables(&rows, &variable).map_err(wrong)?;
    let mut told = Travelling::default();
    if let Some(config) = &flags.config {
        told.flags.push(format!("--config={}", absolute(config).map_err(wrong)?.display()));
    }
    let said = variables.iter().map(|(at, (value, _))| (at, value, false));
    for (at, value, by_flag) in said.chain(flags.given.iter().map(|(at, value)| (at, value, true))) {
        let Some(row) = rows.get(*at) else { continue };
        match row.scope {
            Scope::Client => told.flags.extend(written(row, value).map_err(wrong)?),
            Scope::Server if by_flag => told.ignored.push(row.flag.to_owned()),
            Scope::Server => {}
        }
    }
    // What the host would find wrong is said here, where somebody sees it.
    let parsed = client_of(&told.flags).map_err(wrong)?;
    told.notes = parsed.notes;
    Ok(told)
}

/// A client's options from the flags that travelled with it.
///
/// # Errors
/// What is wrong, in one line.
pub(super) fn client_of(flags: &[String]) -> Result<Parsed, String> {
    let rows = rows();
    let flags = read_flags(flags, &rows)?;
    let mut parsed = Parsed::default();
    if let Some(file) = &flags.config {
        let tree = config::read(file)?;
        parsed.notes = config::apply(&tree, &rows, |row| row.scope == Scope::Client, &mut parsed.options)?;
    }
    for (at, value) in &flags.given {
        if let Some(row) = rows.get(*at).filter(|row| row.scope == Scope::Client) {
            (row.set)(&mut parsed.options, value).map_err(|why| format!("--{}: {why}", row.flag))?;
        }
    }
    for name in std::mem::take(&mut parsed.options.client.unknown_caps) {
        parsed.notes.push(format!("no capability is called \"{}\"", clean_text(&name, 60)));
    }
    Ok(parsed)
}

/// A flag's value as text again, paths made whole.
fn written(row: &Row, value: &Value) -> Result<Vec<String>, String> {
    let flag = |text: &str| format!("--{}={text}", row.flag);
    let whole = |path: &str| absolute(Path::new(path)).map(|path| flag(&path.to_string_lossy()));
    Ok(match (row.kind, value) {
        (Kind::Path | Kind::Document, Value::String(path)) if !path.is_empty() => vec![whole(path)?],
        (Kind::Repeat, Value::Array(paths)) => {
            paths.iter().filter_map(Value::as_str).map(whole).collect::<Result<_, _>>()?
        }
        (Kind::List(separator), Value::Array(parts)) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            vec![flag(&parts.join(&separator.to_string()))]
        }
        (Kind::Size, both) => {
            let side = |name: &str| both.get(name).and_then(Value::as_u64).unwrap_or_default();
            vec![flag(&format!("{}x{}", side("width"), side("height")))]
        }
        // Older hosts look for exactly this word.
        (Kind::Bool, Value::Bool(true)) => vec![format!("--{}", row.flag)],
        (_, Value::String(text)) => vec![flag(text)],
        (_, other) => vec![flag(&other.to_string())],
    })
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{} is no usable path: {error}", path.display()))
}

fn wrong(why: String) -> Error {
    Error::new(Code::InvalidArguments, why)
}

fn set_variable(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

type Variables = BTreeMap<usize, (Value, String)>;

fn read_variables(rows: &[Row], variable: &impl Fn(&str) -> Option<OsString>) -> Result<Variables, String> {
    let mut found = Variables::new();
    for (at, row) in rows.iter().enumerate() {
        for name in row.variables() {
            let Some(value) = set_variable(variable, &name) else { continue };
            let text = value.into_string().map_err(|_| format!("{name}: expected text"))?;
            let value = row.kind.of_text(&text).map_err(|why| format!("{name}: {why}"))?;
            found.insert(at, (value, name));
            break;
        }
    }
    Ok(found)
}

fn read_flags(arguments: &[String], rows: &[Row]) -> Result<Flags, String> {
    let mut flags = Flags::default();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let Some(body) = word.strip_prefix("--").filter(|body| !body.is_empty()) else {
            match word.as_str() {
                "-h" => flags.help = true,
                "-V" => flags.version = true,
                _ => return Err(format!("unexpected argument \"{}\"; see ebb mcp --help", clean_text(word, 100))),
            }
            continue;
        };
        let (name, mut value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        if IGNORED.contains(&name) {
            continue;
        }
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(format!("--{name} is not supported: {why}"));
        }
        if name == "help" || name == "version" {
            flags.help |= name == "help";
            flags.version |= name == "version";
            continue;
        }
        if name == "config" {
            let value = value.or_else(|| words.next().cloned()).ok_or("--config: a file is missing")?;
            flags.config = Some(PathBuf::from(value));
            continue;
        }
        let negated = name.strip_prefix("no-");
        let bare = negated.unwrap_or(name);
        let found = rows.iter().position(|row| row.flag == name && !row.flag.is_empty());
        let (at, off) = match found {
            Some(at) => (at, false),
            None => match rows.iter().position(|row| row.flag == bare && row.kind == Kind::Bool) {
                Some(at) if negated.is_some() => (at, true),
                _ => return Err(unknown(name, rows)),
            },
        };
        let Some(row) = rows.get(at) else { continue };
        if row.kind == Kind::Bool {
            if value.is_none() && words.peek().is_some_and(|next| ["true", "false"].contains(&next.as_str())) {
                value = words.next().cloned();
            }
            let on = row.kind.of_text(value.as_deref().unwrap_or("true")).map_err(|why| format!("--{name}: {why}"))?;
            flags.given.insert(at, Value::Bool((on == Value::Bool(true)) != off));
            continue;
        }
        let first = value.or_else(|| words.next_if(|next| !next.starts_with("--")).cloned());
        let mut texts = vec![first.ok_or_else(|| format!("--{name}: a value is missing"))?];
        // Lists may also be several words, as command lines of other servers write them.
        let several = matches!(row.kind, Kind::List(_) | Kind::Repeat | Kind::Headers);
        while let Some(next) = words.next_if(|next| several && !next.starts_with("--")) {
            texts.push(next.clone());
        }
        for (number, text) in texts.iter().enumerate() {
            let value = row.kind.of_text(text).map_err(|why| format!("--{name}: {why}"))?;
            let adds_up = row.kind.adds_up() || number > 0;
            match flags.given.get_mut(&at).filter(|_| adds_up) {
                Some(before) => join(before, value),
                None => drop(flags.given.insert(at, value)),
            }
        }
    }
    Ok(flags)
}

fn join(before: &mut Value, more: Value) {
    match (before, more) {
        (Value::Array(all), Value::Array(more)) => all.extend(more),
        (Value::Object(all), Value::Object(more)) => all.extend(more),
        (before, more) => *before = more,
    }
}

fn unknown(name: &str, rows: &[Row]) -> String {
    let near = rows.iter().map(|row| row.flag).filter(|flag| !flag.is_empty());
    let shared =
        |flag: &str| flag.starts_with(name) || flag.split('-').any(|part| part.len() > 4 && name.contains(part));
    let near: Vec<String> = near.filter(|flag| shared(flag)).take(3).map(|flag| format!("--{flag}")).collect();
    let hint = if near.is_empty() { String::new() } else { format!(" (did you mean {}?)", near.join(", ")) };
    format!("unknown option --{}{hint}; see ebb mcp --help", clean_text(name, 60))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
