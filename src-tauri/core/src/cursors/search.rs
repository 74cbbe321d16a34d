//! What `match` looks for: a regular expression that cannot take for ever.
//!
//! Time is bounded three times: Rust's regular expressions are linear in the text, their compiled
//! size is limited, and between pieces of the text the clock is asked.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{errors, read::TOOL};
use crate::Result;

/// Memory of a compiled expression; enough for any that a person would write.
const MAX_COMPILED: usize = 2 << 20;
/// Longer patterns are no patterns.
const MAX_PATTERN: usize = 4_096;
/// Bytes searched between two looks at the clock. Longer units are searched in pieces of this size.
const PIECE: usize = 1 << 15;
/// Bytes that two pieces of a unit share, so that no shorter match falls between them.
const OVERLAP: usize = 4_096;
/// Units of context at most.
const MAX_CONTEXT: i64 = 20;
/// What to do about an expression that does not compile.
const SYNTAX: &str = "match takes a Rust regular expression: no look-around, no back-references; \
     write a backslash before . [ ( * + ? { | ^ $ to search for them.";

/// What to look for.
#[derive(Debug)]
pub(super) struct Search {
    pattern: Regex,
    pub(super) context: u32,
}

/// What became of looking into one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// The bytes of the first match.
    Found(Range<usize>),
    /// There is none.
    Nothing,
    /// Time was up before all of it was searched.
    TimeUp,
}

impl Search {
    /// The search, if there is one.
    pub(super) fn parse(pattern: Option<&str>, context: Option<i64>) -> Result<Option<Self>> {
        let context = match context {
            Some(n) if n < 0 => return Err(errors::too_small(TOOL, "context", 0)),
            n => n.unwrap_or(0).min(MAX_CONTEXT) as u32,
        };
        let Some(pattern) = pattern else {
            return Ok(None);
        };
        let invalid = |reason: &str| {
            errors::invalid(TOOL, &format!("Invalid regular expression: {reason}"), "match").next(SYNTAX)
        };
        if pattern.len() > MAX_PATTERN {
            return Err(invalid("longer than 4,096 bytes"));
        }
        let built = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build();
        let pattern = built.map_err(|error| invalid(&reason(&error)))?;
        Ok(Some(Self { pattern, context }))
    }

    /// The expression as the client wrote it.
    pub(super) fn pattern(&self) -> &str {
        self.pattern.as_str()
    }

    /// Where in a unit the expression matches first.
    pub(super) fn find(&self, text: &str, time_up: impl Fn() -> bool) -> Look {
        let mut start = 0;
        loop {
            let end = text.floor_char_boundary(start + PIECE);
            if let Some(found) = self.find_in(text, start, end) {
                return Look::Found(found);
            }
            if end == text.len() {
                return Look::Nothing;
            }
            if time_up() {
                return Look::TimeUp;
            }
            start = text.floor_char_boundary(end - OVERLAP);
        }
    }

    /// The first match in a piece of the text. What is before the piece counts for `^` and `\b`.
    fn find_in(&self, text: &str, start: usize, end: usize) -> Option<Range<usize>> {
        let found = self.pattern.find_at(&text[..end], start)?;
        if found.end() < end || end == text.len() {
            return Some(found.range());
        }
        // Did `$` or `\b` take the end of the piece for the end of the text?
        let further = text.floor_char_boundary(end + OVERLAP);
        let again = self.pattern.find_at(&text[..further], found.start())?;
        (again.start() == found.start()).then(|| again.range())
    }

    /// The JSON members that repeat the search on the next page.
    pub(super) fn arguments(&self) -> String {
        let pattern = Value::from(self.pattern());
        if self.context == 0 {
            format!(",\"match\":{pattern}")
        } else {
            format!(",\"match\":{pattern},\"context\":{}", self.context)
        }
    }
}

/// The reason alone, without the picture of the pattern.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "too large once compiled".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(pattern: &str, text: &str) -> Option<Look> {
        let search = Search::parse(Some(pattern), None).ok()??;
        Some(search.find(text, || false))
    }

    #[test]
    fn long_units_are_searched_in_pieces_that_overlap() {
        let border = PIECE - 2;
        let text = format!("{}needle{}", "x".repeat(border), "y".repeat(3 * PIECE));
        assert_eq!(look("needle", &text), Some(Look::Found(border..border + 6)));
        let text = format!("{}🦀end", "漢".repeat(PIECE));
        assert_eq!(look("🦀end$", &text), Some(Look::Found(text.len() - 7..text.len())));
        assert_eq!(look("absent", &text), Some(Look::Nothing));
        let text = "x".repeat(3 * PIECE);
        for pattern in ["x$", "^x.*", "x.*$"] {
            assert!(matches!(look(pattern, &text), Some(Look::Found(_))), "{pattern}");
        }
        let text = text + "y";
        for pattern in ["x$", r"x\b", "a^x"] {
            assert_eq!(look(pattern, &text), Some(Look::Nothing), "{pattern}");
        }
    }

    #[test]
    fn time_is_asked_for_between_pieces() -> Result<()> {
        let search = Search::parse(Some("absent"), None)?;
        let text = "x".repeat(2 * PIECE);
        assert_eq!(search.as_ref().map(|search| search.find(&text, || true)), Some(Look::TimeUp));
        assert_eq!(search.map(|search| search.find(&text[..PIECE], || true)), Some(Look::Nothing));
        Ok(())
    }

    #[test]
    fn bad_expressions_say_why() {
        let message = |pattern: &str| Search::parse(Some(pattern), None).err().map(|error| error.message);
        assert_eq!(
            message("a(b").as_deref(),
            Some(
                "Invalid arguments for tool \"cursor_read\":\n✖ Invalid regular expression: unclosed group\n  → at match"
            )
        );
        assert!(message("(?=x)").is_some_and(|text| text.contains("look-around")));
        assert!(message(r"\w{2000}").is_some_and(|text| text.contains("too large once compiled")));
        assert!(message(&"a".repeat(5_000)).is_some_and(|text| text.contains("longer than 4,096 bytes")));
        assert_eq!(message(r"[a-z]+ \d"), None);
    }

    #[test]
    fn context_is_clamped_and_checked() -> Result<()> {
        let context = |n| Ok::<_, crate::Error>(Search::parse(Some("a"), Some(n))?.map(|search| search.context));
        assert_eq!(context(3)?, Some(3));
        assert_eq!(context(i64::MAX)?, Some(20));
        let error = Search::parse(None, Some(-1)).err();
        assert!(error.is_some_and(|error| error.message.ends_with("\n  → at context")));
        Ok(())
    }
}
