//! browser_find: the lines of a snapshot that match, each with what stands around and above it.

use std::collections::BTreeSet;

use ebb_core::{Code, Error, cursors::Body};
use futures::FutureExt;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    response::Section,
    saving,
    schema::{Kind, Schema},
};
use crate::browser::look::{self, Look, Mode};

/// Lines shown before and after a match.
const AROUND: usize = 3;

/// A pattern's compiled size, in bytes.
const PATTERN_SIZE: usize = 1024 * 1024;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_find",
            "Find in page",
            "Find text or a regular expression in the snapshot, with refs; cheaper than all of it",
            || Schema::new().optional("text", Kind::String).optional("regex", Kind::String).filename(),
            |call, args| async move { find(call, &args).await }.boxed(),
        )
        .read_only(),
    ]
}

/// What is looked for.
#[derive(Debug)]
struct Wanted {
    pattern: Regex,
    /// As answers name it: `"x"` or `/x/`.
    shown: String,
}

impl Wanted {
    fn of(args: &Value) -> Result<Self, Error> {
        let (source, ignores_case, shown) = match (args.text("regex"), args.text("text")) {
            (Some(given), _) => {
                let (source, flags) = parts(given);
                (source.to_owned(), flags.contains('i'), format!("/{source}/{flags}"))
            }
            (None, Some(text)) => (regex::escape(text), true, format!("\"{text}\"")),
            (None, None) => {
                return Err(Error::new(Code::InvalidArguments, "Either text or regex must be provided")
                    .next("Give what to look for."));
            }
        };
        let pattern = RegexBuilder::new(&source).case_insensitive(ignores_case).size_limit(PATTERN_SIZE).build();
        let pattern = pattern.map_err(|_| {
            let text = "Invalid arguments for tool \"browser_find\":\n✖ Invalid regular expression\n  → at regex";
            Error::new(Code::InvalidArguments, text).next("Give a regular expression such as \"Total: \\\\d+\".")
        })?;
        Ok(Self { pattern, shown })
    }
}

/// `/x/i` in its source and flags; anything else is all source.
fn parts(given: &str) -> (&str, &str) {
    let inside = given.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    inside.filter(|(_, flags)| flags.chars().all(|flag| "dgimsuvy".contains(flag))).unwrap_or((given, ""))
}

async fn find(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let wanted = Wanted::of(args)?;
    let tab = page::tab(call).await?;
    let rendered = tab.unless_modal(look::look(&tab, &Look { mode: Mode::Unseen, ..Look::default() })).await?.rendered;
    let lines: Vec<&str> = rendered.text.lines().collect();
    let hits: Vec<usize> =
        (0..lines.len()).filter(|&at| lines.get(at).is_some_and(|line| wanted.pattern.is_match(line))).collect();
    let text = report(&lines, &hits, &wanted.shown);
    if saving::saved(call, args, "Find results", &text).await? {
        return Ok(());
    }
    call.response.large(Section::Result, Body::Text { text });
    Ok(())
}

/// The whole answer.
fn report(lines: &[&str], hits: &[usize], shown: &str) -> String {
    if hits.is_empty() {
        return format!("No matches found for {shown}.");
    }
    let count = if hits.len() == 1 { "1 match".to_owned() } else { format!("{} matches", hits.len()) };
    let windows: Vec<String> = windows(lines.len(), hits).into_iter().map(|window| with_path(lines, window)).collect();
    format!("Found {count} for {shown}:\n\n{}", windows.join("\n\n----\n\n"))
}

/// The lines around each hit, overlapping ones as one: first line and the one after the last.
fn windows(total: usize, hits: &[usize]) -> Vec<(usize, usize)> {
    let mut windows: Vec<(usize, usize)> = Vec::new();
    for hit in hits {
        let (from, to) = (hit.saturating_sub(AROUND), (hit + AROUND + 1).min(total));
        match windows.last_mut() {
            Some(last) if from <= last.1 => last.1 = to,
            _ => windows.push((from, to)),
        }
    }
    windows
}

/// A window below the ancestors of its lines; `...` stands for what is left out between them.
fn with_path(lines: &[&str], (from, to): (usize, usize)) -> String {
    let mut shown: BTreeSet<usize> = (from..to).collect();
    let mut level = lines.get(from).map_or(0, |line| indent(line));
    for (at, line) in lines.iter().enumerate().take(from).rev() {
        if level == 0 {
            break;
        }
        if indent(line) < level {
            level = indent(line);
            shown.insert(at);
        }
    }
    let mut text: Vec<String> = Vec::new();
    let mut next = None;
    for at in shown {
        let line = lines.get(at).copied().unwrap_or_default();
        if next.is_some_and(|next| next != at) {
            text.push(format!("{}...", " ".repeat(indent(line))));
        }
        text.push(line.to_owned());
        next = Some(at + 1);
    }
    text.join("\n")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "- main [ref=e1]:\n  - list [ref=e2]:\n    - item one\n    - item two\n    - item three\n    - item four\n    - item five\n    - item six\n  - footer [ref=e9]:\n    - text: end";

    fn found(args: &Value) -> String {
        let wanted = Wanted::of(args).unwrap();
        let lines: Vec<&str> = PAGE.lines().collect();
        let hits: Vec<usize> = (0..lines.len()).filter(|&at| wanted.pattern.is_match(lines[at])).collect();
        report(&lines, &hits, &wanted.shown)
    }

    #[test]
    fn a_match_stands_below_its_ancestors() {
        let text = found(&serde_json::json!({"text": "ITEM SIX"}));
        assert_eq!(
            text,
            "Found 1 match for \"ITEM SIX\":\n\n- main [ref=e1]:\n  - list [ref=e2]:\n    ...\n    - item three\n    - item four\n    - item five\n    - item six\n  - footer [ref=e9]:\n    - text: end"
        );
    }

    #[test]
    fn windows_that_touch_are_one() {
        assert_eq!(windows(100, &[10, 15, 40]), [(7, 19), (37, 44)]);
        assert_eq!(windows(3, &[0]), [(0, 3)]);
        let text = found(&serde_json::json!({"regex": "/^- MAIN|end$/i"}));
        assert!(
            text.starts_with("Found 2 matches for /^- MAIN|end$/i:\n\n- main [ref=e1]:\n  - list [ref=e2]:\n"),
            "{text}"
        );
        assert!(text.contains("\n\n----\n\n"), "{text}");
    }

    #[test]
    fn nothing_found_says_so_and_patterns_are_checked() {
        assert_eq!(found(&serde_json::json!({"regex": "Item one"})), "No matches found for /Item one/.");
        let error = Wanted::of(&serde_json::json!({"regex": "("})).unwrap_err();
        assert!(error.message.ends_with("✖ Invalid regular expression\n  → at regex"), "{}", error.message);
    }
}
