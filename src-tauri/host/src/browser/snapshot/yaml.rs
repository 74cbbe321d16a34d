//! Quoting of keys and values, so that a YAML reader gets back exactly what was meant.

use std::fmt::Write as _;

/// Appends a key, in single quotes when it needs any.
pub(super) fn push_key(out: &mut String, key: &str) {
    if !needs_quotes(key) {
        out.push_str(key);
        return;
    }
    out.push('\'');
    for c in key.chars() {
        if c == '\'' {
            out.push('\'');
        }
        out.push(c);
    }
    out.push('\'');
}

/// Appends a value, in double quotes when it needs any.
pub(super) fn push_value(out: &mut String, value: &str) {
    if !needs_quotes(value) {
        out.push_str(value);
        return;
    }
    out.push('"');
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_control(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Appends `text` as a JSON string.
pub(super) fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line breaks to some readers of YAML, wherever they stand.
            c if is_control(c) || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// C0 and C1 control characters and DEL.
fn is_control(c: char) -> bool {
    c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c)
}

fn needs_quotes(text: &str) -> bool {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        return true;
    };
    if first.is_whitespace() || last.is_whitespace() || "-&*],?!>|@\"'#%[".contains(first) || last == ':' {
        return true;
    }
    let mut before = '\0';
    for c in text.chars() {
        let breaks = matches!(c, '{' | '}' | '`') || is_control(c) || matches!(c, '\u{2028}' | '\u{2029}');
        if breaks || (before == ':' && c.is_whitespace()) || (c == '#' && before.is_whitespace()) {
            return true;
        }
        before = c;
    }
    is_keyword(text) || is_number(text)
}

fn is_keyword(text: &str) -> bool {
    ["y", "n", "yes", "no", "true", "false", "on", "off", "null"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether YAML or a script would take it for a number.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = digits.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix));
        }
    }
    if matches!(lower.as_str(), "infinity" | ".inf" | ".nan") {
        return true;
    }
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::{push_json, push_key, push_value};

    fn value(text: &str) -> String {
        let mut out = String::new();
        push_value(&mut out, text);
        out
    }

    fn key(text: &str) -> String {
        let mut out = String::new();
        push_key(&mut out, text);
        out
    }

    #[test]
    fn plain_text_stays_plain() {
        for text in
            ["Hello, world", "a-b", "a:b", "http://x/#y", "it's", "50%", "say \"x\"", "a[0]", "12a", "nope", "~"]
        {
            assert_eq!(value(text), text);
        }
    }

    #[test]
    fn what_yaml_would_misread_is_quoted() {
        for text in [
            "", " a", "a ", "- a", "-", "&a", "*a", "]", ", a", "? a", "!a", "> a", "| a", "@a", "'a'", "# a", "%a",
            "[a]", "a {b", "b}", "`", "a: b", "a:", "a #b", "y", "N", "yes", "No", "TRUE", "false", "on", "Off",
            "null", "1", "-1.5", "+3", "1e5", ".5", "0x1F", "0o7", "0b1", "Infinity",
        ] {
            assert_eq!(value(text), format!("\"{text}\""), "{text}");
        }
    }

    #[test]
    fn values_escape() {
        assert_eq!(value("\"a\\b\""), r#""\"a\\b\"""#);
        assert_eq!(value("a\u{8}\u{c}\n\r\t\u{1}\u{9f}"), r#""a\b\f\n\r\t\x01\x9f""#);
    }

    #[test]
    fn keys_double_single_quotes() {
        assert_eq!(key("button \"Go\" [ref=e1]"), "button \"Go\" [ref=e1]");
        assert_eq!(key("link \"it's: so\""), "'link \"it''s: so\"'");
    }

    #[test]
    fn names_are_json() {
        let mut out = String::new();
        push_json(&mut out, "a\"b\\c\u{1}\n");
        assert_eq!(out, r#""a\"b\\c\u0001\n""#);
    }
}
