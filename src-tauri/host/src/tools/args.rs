//! The check of what a client sent: wrong is said in the words of the reference, defaults are filled
//! in, aliases are resolved, and what the tool does not know is named and left out.

use std::fmt::Write as _;

use ebb_core::sessions::clean_text;
use serde_json::{Map, Value};

use super::schema::{Kind, Property, Schema};

/// Problems that one answer names; the rest is counted.
const MAX_ISSUES: usize = 10;
/// Unknown arguments that one answer names.
const MAX_UNKNOWN: usize = 5;
/// Characters of an argument's name that an answer repeats.
const MAX_NAME: usize = 40;
/// Characters of a call's arguments that lists show.
const MAX_SHOWN: usize = 300;
/// Words of fields whose content nobody else should read.
const SECRET: [&str; 6] = ["passw", "secret", "token", "otp", "cvv", "cvc"];
/// The largest whole number that every client can express exactly.
const MAX_SAFE: i64 = 9_007_199_254_740_991;

/// Arguments as a tool gets them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checked {
    /// An object with every default in place and only known names.
    pub(crate) args: Value,
    /// Names that the tool does not know; they were ignored.
    pub(crate) unknown: Vec<String>,
}

/// What is wrong with the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issues(Vec<Issue>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Issue {
    message: String,
    path: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

impl Issues {
    /// The whole error text for `tool`.
    pub(crate) fn text(&self, tool: &str) -> String {
        // The reference lists shallow problems first.
        let mut issues: Vec<&Issue> = self.0.iter().collect();
        issues.sort_by_key(|issue| issue.path.len());
        let mut text = format!("Invalid arguments for tool \"{tool}\":");
        for issue in issues.iter().take(MAX_ISSUES) {
            let _ = write!(text, "\n✖ {}", issue.message);
            if !issue.path.is_empty() {
                let _ = write!(text, "\n  → at {}", dotted(&issue.path));
            }
        }
        if issues.len() > MAX_ISSUES {
            let _ = write!(text, "\n... and {} more", issues.len() - MAX_ISSUES);
        }
        text
    }
}

/// `fields[0].target`, as the reference writes paths.
fn dotted(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
            Step::Name(name) if name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$')) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&clipped(name));
            }
            Step::Name(name) => {
                let _ = write!(text, "[{}]", Value::from(clipped(name)));
            }
        }
    }
    text
}

fn clipped(name: &str) -> String {
    clean_text(name, MAX_NAME)
}

/// Checks `arguments` against `schema`.
pub(crate) fn check(schema: &Schema, arguments: Map<String, Value>) -> Result<Checked, Issues> {
    let mut checker = Checker { issues: Vec::new(), unknown: Vec::new(), path: Vec::new() };
    let args = checker.object(schema, arguments);
    if checker.issues.is_empty() {
        Ok(Checked { args: Value::Object(args), unknown: checker.unknown })
    } else {
        Err(Issues(checker.issues))
    }
}

/// `unknown` as one line for `Next`.
pub(crate) fn ignored(unknown: &[String]) -> Option<String> {
    if unknown.is_empty() {
        return None;
    }
    let mut names: Vec<&str> = unknown.iter().take(MAX_UNKNOWN).map(String::as_str).collect();
    let more = format!("{} more", unknown.len().saturating_sub(MAX_UNKNOWN));
    if unknown.len() > MAX_UNKNOWN {
        names.push(&more);
    }
    Some(format!("Ignored unknown arguments: {}", names.join(", ")))
}

/// The arguments as lists of calls show them: one line, clipped, and no value that goes where
/// something secret is asked for.
pub(crate) fn shown(args: &Value) -> String {
    clean_text(&without_secrets(args).to_string(), MAX_SHOWN)
}

/// The arguments without values that go where something secret is asked for.
pub(crate) fn without_secrets(args: &Value) -> Value {
    let mut args = args.clone();
    mask(&mut args);
    args
}

/// Whether a name is one of something that nobody else should read.
pub(crate) fn names_a_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

fn mask(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::Object(members) => {
            let secret = ["element", "target", "name", "key"].iter().any(|name| {
                let text = members.get(*name).and_then(Value::as_str).unwrap_or_default();
                names_a_secret(text)
            });
            for (name, member) in members.iter_mut() {
                if secret && matches!(name.as_str(), "text" | "value") {
                    *member = Value::from("•••");
                } else {
                    mask(member);
                }
            }
        }
        _ => {}
    }
}

struct Checker {
    issues: Vec<Issue>,
    unknown: Vec<String>,
    path: Vec<Step>,
}

impl Checker {
    fn issue(&mut self, message: String) {
        self.issues.push(Issue { message, path: self.path.clone() });
    }

    fn expected(&mut self, wanted: &str, got: Option<&Value>) {
        let received = match got {
            None => "undefined",
            Some(Value::Null) => "null",
            Some(Value::Bool(_)) => "boolean",
            Some(Value::Number(_)) => "number",
            Some(Value::String(_)) => "string",
            Some(Value::Array(_)) => "array",
            Some(Value::Object(_)) => "object",
        };
        self.issue(format!("Invalid input: expected {wanted}, received {received}"));
    }

    fn at(&mut self, step: Step, check: impl FnOnce(&mut Self) -> Value) -> Value {
        self.path.push(step);
        let value = check(self);
        self.path.pop();
        value
    }

    fn object(&mut self, schema: &Schema, mut given: Map<String, Value>) -> Map<String, Value> {
        let mut args = Map::new();
        for property in &schema.properties {
            let (name, value) = take(property, &mut given);
            match (value, &property.default) {
                (Some(value), _) => {
                    let checked = self.at(Step::Name(name.to_owned()), |this| this.value(&property.kind, Some(value)));
                    args.insert(property.name.to_owned(), checked);
                }
                (None, Some(default)) => {
                    args.insert(property.name.to_owned(), default.clone());
                }
                (None, None) if property.required => {
                    self.at(Step::Name(name.to_owned()), |this| this.value(&property.kind, None));
                }
                (None, None) => {}
            }
        }
        for name in given.keys() {
            // A second name of an argument that was given under its first is no news.
            let alias = schema.properties.iter().any(|property| property.aliases.contains(&name.as_str()));
            if !alias {
                let mut path = self.path.clone();
                path.push(Step::Name(name.clone()));
                self.unknown.push(dotted(&path));
            }
        }
        args
    }

    /// Checks one value; what comes back is used only if there was no issue.
    fn value(&mut self, kind: &Kind, value: Option<Value>) -> Value {
        match (kind, value) {
            (Kind::String, Some(value @ Value::String(_)))
            | (Kind::Number, Some(value @ Value::Number(_)))
            | (Kind::Bool, Some(value @ Value::Bool(_)))
            | (Kind::EnumOrNull(_) | Kind::OrNull(_), Some(value @ Value::Null)) => value,
            (Kind::Integer { min }, Some(Value::Number(number))) => self.integer(*min, &number),
            (Kind::Enum(words) | Kind::EnumOrNull(words), value) => match value {
                Some(Value::String(word)) if words.contains(&word.as_str()) => Value::String(word),
                _ => {
                    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                    self.issue(format!("Invalid option: expected one of {}", words.join("|")));
                    Value::Null
                }
            },
            (Kind::OrNull(kind), value) => self.value(kind, value),
            (Kind::List(kind), Some(Value::Array(values))) => {
                let check = |(index, value)| self.at(Step::Index(index), |this| this.value(kind, Some(value)));
                Value::Array(values.into_iter().enumerate().map(check).collect())
            }
            (Kind::Map(kind), Some(Value::Object(values))) => {
                let mut checked = Map::new();
                for (name, value) in values {
                    let value = self.at(Step::Name(name.clone()), |this| this.value(kind, Some(value)));
                    checked.insert(name, value);
                }
                Value::Object(checked)
            }
            (Kind::Object(schema), Some(Value::Object(values))) => Value::Object(self.object(schema, values)),
            (kind, value) => {
                self.expected(kind_name(kind), value.as_ref());
                Value::Null
            }
        }
    }

    fn integer(&mut self, min: Option<i64>, number: &serde_json::Number) -> Value {
        let whole = number.as_i64().or_else(|| {
            // `3.0` is a whole number to every client whose numbers are floats.
            number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= MAX_SAFE as f64).map(|n| n as i64)
        });
        match (whole, min) {
            (None, _) if number.as_f64().is_some_and(|n| n.fract() == 0.0 && n > 0.0) => {
                self.issue(format!("Too big: expected int to be <={MAX_SAFE}"));
            }
            (None, _) => self.expected("int", Some(&Value::Number(number.clone()))),
            (Some(whole), Some(min)) if whole < min => {
                self.issue(format!("Too small: expected number to be >={min}"));
            }
            (Some(whole), _) => return Value::from(whole),
        }
        Value::Null
    }
}

/// The property's value under its own name, else under an alias; and the name it came under.
fn take<'a>(property: &'a Property, given: &mut Map<String, Value>) -> (&'a str, Option<Value>) {
    if let Some(value) = given.remove(property.name) {
        return (property.name, Some(value));
    }
    for alias in property.aliases {
        if let Some(value) = given.remove(*alias) {
            return (alias, Some(value));
        }
    }
    (property.name, None)
}

const fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::String | Kind::Enum(_) | Kind::EnumOrNull(_) => "string",
        Kind::Number | Kind::Integer { .. } => "number",
        Kind::Bool => "boolean",
        Kind::List(_) => "array",
        Kind::Map(_) => "record",
        Kind::Object(_) => "object",
        Kind::OrNull(kind) => kind_name(kind),
    }
}

/// Reading checked arguments.
pub(crate) trait Args {
    /// A text; none when it was left out.
    fn text(&self, name: &str) -> Option<&str>;
    /// A text that the schema requires.
    fn must(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }
    /// A switch; left out is off.
    fn flag(&self, name: &str) -> bool;
    /// A number.
    fn number(&self, name: &str) -> Option<f64>;
    /// A whole number.
    fn integer(&self, name: &str) -> Option<i64>;
    /// A list of texts; left out is none.
    fn texts(&self, name: &str) -> Option<Vec<&str>>;
}

impl Args for Value {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Self::as_bool).unwrap_or_default()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Self::as_f64)
    }

    fn integer(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Self::as_i64)
    }

    fn texts(&self, name: &str) -> Option<Vec<&str>> {
        self.get(name).and_then(Self::as_array).map(|values| values.iter().filter_map(Self::as_str).collect())
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
