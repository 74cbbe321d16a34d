//! The kinds of values that options have, and what is made of text and of JSON for each.

use serde_json::{Map, Value};

/// What an option's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false; a flag without a value is true.
    Bool,
    /// Any text.
    Text,
    /// The path of a file or folder.
    Path,
    /// A whole number.
    Number,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Texts, parted by this character.
    List(char),
    /// A text a flag; the flag may come several times.
    Repeat,
    /// `1280x720`, or an object with `width` and `height`; null is a value.
    Size,
    /// `Name: value` a flag, or an object.
    Headers,
    /// The path of a file, or what would be in it.
    Document,
    /// An object.
    Object,
    /// A number that need not be whole.
    Float,
}

impl Kind {
    /// How a value is written in help.
    #[must_use]
    pub fn placeholder(self) -> String {
        match self {
            Self::Bool => String::new(),
            Self::Text => "TEXT".to_owned(),
            Self::Path | Self::Document => "PATH".to_owned(),
            Self::Number | Self::Float => "N".to_owned(),
            Self::Choice(choices) => choices.join("|"),
            Self::List(separator) => format!("A{separator}B"),
            Self::Repeat => "VALUE".to_owned(),
            Self::Size => "WxH".to_owned(),
            Self::Headers => "\"NAME: VALUE\"".to_owned(),
            Self::Object => "{}".to_owned(),
        }
    }

    /// Whether a flag of this kind may come several times and each counts.
    #[must_use]
    pub const fn adds_up(self) -> bool {
        matches!(self, Self::Repeat | Self::Headers)
    }

    /// The value in `text`, from a flag, a variable or an INI file.
    ///
    /// # Errors
    /// What it should be, in words.
    pub fn of_text(self, text: &str) -> Result<Value, String> {
        Ok(match self {
            Self::Bool => match text {
                "true" | "1" => Value::Bool(true),
                "false" | "0" => Value::Bool(false),
                _ => return Err(format!("expected true or false, received \"{text}\"")),
            },
            Self::Text | Self::Path | Self::Document => Value::String(text.to_owned()),
            Self::Number => {
                let number: u64 =
                    text.trim().parse().map_err(|_| format!("expected a whole number, received \"{text}\""))?;
                number.into()
            }
            Self::Float => {
                let number: f64 = text.trim().parse().map_err(|_| format!("expected a number, received \"{text}\""))?;
                number.into()
            }
            Self::Choice(choices) => {
                if !choices.contains(&text) {
                    return Err(format!("expected one of {}, received \"{text}\"", choices.join(", ")));
                }
                Value::String(text.to_owned())
            }
            Self::List(separator) => {
                let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| Value::String(part.to_owned())).collect()
            }
            Self::Repeat => Value::Array(vec![Value::String(text.to_owned())]),
            Self::Size => size(text)?,
            Self::Headers => {
                let mut headers = Map::new();
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    let (name, value) = line
                        .split_once(':')
                        .filter(|(name, _)| !name.trim().is_empty())
                        .ok_or_else(|| "expected \"Name: value\"".to_owned())?;
                    headers.insert(name.trim().to_owned(), Value::String(value.trim().to_owned()));
                }
                Value::Object(headers)
            }
            Self::Object => serde_json::from_str(text)
                .ok()
                .filter(Value::is_object)
                .ok_or_else(|| "expected a JSON object".to_owned())?,
        })
    }

    /// The value in a configuration file.
    ///
    /// # Errors
    /// What it should be, in words.
    pub fn of_json(self, value: &Value) -> Result<Value, String> {
        let received = || {
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            };
            format!("received {kind}")
        };
        let fits = match self {
            Self::Bool => value.is_boolean(),
            Self::Number => value.as_u64().is_some() || value.as_f64().is_some_and(|n| n >= 0.0 && n.fract() == 0.0),
            Self::Float => value.is_number(),
            Self::Text | Self::Path | Self::Choice(_) => false,
            Self::List(_) | Self::Repeat => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
            Self::Size => value.is_null() || value.is_object(),
            Self::Headers => value.as_object().is_some_and(|all| all.values().all(Value::is_string)),
            Self::Document | Self::Object => value.is_object(),
        };
        if fits {
            return Ok(match self {
                Self::Number => value.as_f64().map_or(Value::Null, |number| Value::from(number as u64)),
                _ => value.clone(),
            });
        }
        // Texts are what INI files have.
        value
            .as_str()
            .map_or_else(|| Err(format!("expected {}, {}", self.name(), received())), |text| self.of_text(text))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bool => "a boolean",
            Self::Text | Self::Path | Self::Choice(_) => "a string",
            Self::Number => "a whole number",
            Self::Float => "a number",
            Self::List(_) | Self::Repeat => "an array of strings",
            Self::Size => "an object with width and height",
            Self::Headers => "an object of strings",
            Self::Document => "a path or an object",
            Self::Object => "an object",
        }
    }
}

fn size(text: &str) -> Result<Value, String> {
    let wrong = || format!("expected a size such as 1280x720, received \"{text}\"");
    let (width, height) = text.split_once(['x', ',', 'X']).ok_or_else(wrong)?;
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| (1..=10_000).contains(side));
    let (width, height) = side(width).zip(side(height)).ok_or_else(wrong)?;
    Ok(serde_json::json!({"width": width, "height": height}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_become_what_they_should_be() {
        assert_eq!(Kind::Bool.of_text("1"), Ok(json!(true)));
        assert_eq!(Kind::Number.of_text("5000"), Ok(json!(5000)));
        assert_eq!(Kind::List(';').of_text("a; b;"), Ok(json!(["a", "b"])));
        assert_eq!(Kind::Size.of_text("1280x720"), Ok(json!({"width": 1280, "height": 720})));
        assert_eq!(Kind::Headers.of_text("A: b:c"), Ok(json!({"A": "b:c"})));
        for (kind, wrong) in [
            (Kind::Bool, "yes"),
            (Kind::Number, "-1"),
            (Kind::Size, "1280"),
            (Kind::Size, "0x10"),
            (Kind::Headers, "no colon"),
            (Kind::Choice(&["a", "b"]), "c"),
            (Kind::Object, "[]"),
        ] {
            kind.of_text(wrong).unwrap_err();
        }
    }

    #[test]
    fn json_is_taken_by_type_and_text_as_from_an_ini_file() {
        assert_eq!(Kind::Number.of_json(&json!(5.0)), Ok(json!(5)));
        assert_eq!(Kind::Number.of_json(&json!("5")), Ok(json!(5)));
        assert_eq!(Kind::List(',').of_json(&json!(["a"])), Ok(json!(["a"])));
        assert_eq!(Kind::Size.of_json(&json!(null)), Ok(json!(null)));
        assert!(Kind::Bool.of_json(&json!(3)).unwrap_err().contains("received number"));
        assert!(Kind::List(',').of_json(&json!([1])).is_err());
    }
}
