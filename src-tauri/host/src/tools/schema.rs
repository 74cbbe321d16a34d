//! Input schemas of tools. One description gives both the JSON Schema that clients see and the check
//! of what they send (`args.rs`), so the two cannot differ.

use serde_json::{Map, Value, json};

/// What one value may be.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Any text.
    String,
    /// Any finite number.
    Number,
    /// A whole number, from `min` on where there is one.
    Integer {
        /// The smallest that is taken.
        min: Option<i64>,
    },
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// One of these words, or `null` for "back to normal".
    EnumOrNull(&'static [&'static str]),
    /// A value of this kind, or `null` for "back to normal".
    OrNull(Box<Self>),
    /// Any number of values of one kind.
    List(Box<Self>),
    /// Named values of one kind: headers, MIME types.
    Map(Box<Self>),
    /// An object of its own.
    Object(Schema),
}

impl Kind {
    /// A whole number of at least `min`.
    pub(crate) const fn at_least(min: i64) -> Self {
        Self::Integer { min: Some(min) }
    }

    /// A whole number.
    pub(crate) const fn integer() -> Self {
        Self::Integer { min: None }
    }

    /// A list of `kind`.
    pub(crate) fn list(kind: Self) -> Self {
        Self::List(Box::new(kind))
    }

    /// A value of `kind`, or `null`.
    pub(crate) fn or_null(kind: Self) -> Self {
        Self::OrNull(Box::new(kind))
    }

    /// An object whose values are `kind`.
    pub(crate) fn map(kind: Self) -> Self {
        Self::Map(Box::new(kind))
    }

    fn to_json(&self) -> Map<String, Value> {
        let value = match self {
            Self::String => json!({"type": "string"}),
            Self::Number => json!({"type": "number"}),
            Self::Integer { min: None } => json!({"type": "integer"}),
            Self::Integer { min: Some(min) } => json!({"type": "integer", "minimum": min}),
            Self::Bool => json!({"type": "boolean"}),
            Self::Enum(words) => json!({"type": "string", "enum": words}),
            Self::EnumOrNull(words) => {
                let all: Vec<Value> = words.iter().map(|word| json!(word)).chain([Value::Null]).collect();
                json!({"type": ["string", "null"], "enum": all})
            }
            Self::OrNull(kind) => {
                let mut json = kind.to_json();
                let plain = json.remove("type").unwrap_or_default();
                json.insert("type".to_owned(), json!([plain, "null"]));
                return json;
            }
            Self::List(kind) => json!({"type": "array", "items": kind.to_json()}),
            Self::Map(kind) => json!({"type": "object", "additionalProperties": kind.to_json()}),
            Self::Object(schema) => return schema.to_json(),
        };
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// One argument.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    /// Other names that are taken but not listed.
    pub(super) aliases: &'static [&'static str],
    description: Option<&'static str>,
}

/// The arguments of a tool, in the order they are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    pub(super) properties: Vec<Property>,
}

impl Schema {
    /// No arguments.
    pub(crate) const fn new() -> Self {
        Self { properties: Vec::new() }
    }

    fn with(mut self, name: &'static str, kind: Kind, required: bool, default: Option<Value>) -> Self {
        let aliases: &[&str] = match name {
            "target" => &["ref"],
            "startTarget" => &["startRef"],
            "endTarget" => &["endRef"],
            _ => &[],
        };
        self.properties.push(Property { name, kind, required, default, aliases, description: None });
        self
    }

    /// An argument that must be there.
    pub(crate) fn required(self, name: &'static str, kind: Kind) -> Self {
        self.with(name, kind, true, None)
    }

    /// An argument that may be left out.
    pub(crate) fn optional(self, name: &'static str, kind: Kind) -> Self {
        self.with(name, kind, false, None)
    }

    /// An argument that is `default` when left out.
    pub(crate) fn default(self, name: &'static str, kind: Kind, default: impl Into<Value>) -> Self {
        self.with(name, kind, false, Some(default.into()))
    }

    /// What the last argument's name does not say.
    pub(crate) fn describe(mut self, description: &'static str) -> Self {
        if let Some(last) = self.properties.last_mut() {
            last.description = Some(description);
        }
        self
    }

    /// `element?, target*`: the element a tool acts on.
    pub(crate) fn target(self) -> Self {
        self.optional("element", Kind::String).required("target", Kind::String).describe(TARGET)
    }

    /// `element?, target?`: where the whole page is meant otherwise.
    pub(crate) fn maybe_target(self) -> Self {
        self.optional("element", Kind::String).optional("target", Kind::String)
    }

    /// `filename?`: the answer goes into this file instead.
    pub(crate) fn filename(self) -> Self {
        self.optional("filename", Kind::String)
    }

    /// `session?`: every browser tool takes it.
    pub(super) fn session(self) -> Self {
        self.optional("session", Kind::String)
    }

    /// The JSON Schema of these arguments.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for property in &self.properties {
            let mut json = property.kind.to_json();
            if let Some(description) = property.description {
                json.insert("description".to_owned(), Value::from(description));
            }
            if let Some(default) = &property.default {
                json.insert("default".to_owned(), default.clone());
            }
            if property.required {
                required.push(Value::from(property.name));
            }
            properties.insert(property.name.to_owned(), Value::Object(json));
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), Value::from("object"));
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
        schema.insert("additionalProperties".to_owned(), Value::from(false));
        schema
    }
}

/// What `target` takes; said once a tool, because the name does not say it.
const TARGET: &str = "ref from a snapshot, or a selector";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_with_a_default_are_not_required() {
        let schema = Schema::new()
            .target()
            .default("level", Kind::Enum(&["error", "info"]), "info")
            .required("index", Kind::at_least(1));
        let json = Value::Object(schema.to_json());
        assert_eq!(
            json,
            json!({
                "type": "object",
                "properties": {
                    "element": {"type": "string"},
                    "target": {"type": "string", "description": "ref from a snapshot, or a selector"},
                    "level": {"type": "string", "enum": ["error", "info"], "default": "info"},
                    "index": {"type": "integer", "minimum": 1}
                },
                "required": ["target", "index"],
                "additionalProperties": false
            })
        );
    }

    #[test]
    fn aliases_are_not_listed() {
        assert!(!Value::Object(Schema::new().target().to_json()).to_string().contains("\"ref\""));
    }
}
