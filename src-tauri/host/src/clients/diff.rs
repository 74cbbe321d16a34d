//! A change, line by line.

use std::{sync::LazyLock, time::Duration};

use regex::Regex;
use similar::{ChangeTag, DiffOp, TextDiff};

use super::view::{DiffLine, DiffMark};

/// Lines that stay, shown around those that change.
const AROUND: usize = 3;
/// Lines of one change; a change of Ebb has about ten.
const MAX_LINES: usize = 200;
/// Characters of one line: a file without line breaks is one line.
const MAX_CHARS: usize = 240;
/// A coarser answer is good enough after this long.
const DEADLINE: Duration = Duration::from_millis(500);

/// A string after a key that sounds secret, in JSON or TOML.
#[expect(clippy::expect_used, reason = "a constant expression, tested")]
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)((?:key|token|secret|passw|auth|credential|cookie)[\w-]*"?\s*[:=]\s*)"(?:[^"\\]|\\.)*"?"#)
        .expect("a regular expression")
});

fn compare<'a>(before: &'a str, after: &'a str) -> TextDiff<'a, 'a, str> {
    TextDiff::configure().timeout(DEADLINE).diff_lines(before, after)
}

/// The lines that differ, with some around them.
pub(super) fn lines(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = compare(before, after);
    let mut lines = Vec::new();
    let groups = diff.grouped_ops(AROUND);
    for (at, group) in groups.iter().enumerate() {
        if at > 0 || starts_inside(group) {
            lines.push(DiffLine { mark: DiffMark::Gap, number: None, text: String::new() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (mark, index) = match change.tag() {
                ChangeTag::Equal => (DiffMark::Same, change.new_index()),
                ChangeTag::Delete => (DiffMark::Removed, change.old_index()),
                ChangeTag::Insert => (DiffMark::Added, change.new_index()),
            };
            let number = index.map(|index| index as u32 + 1);
            lines.push(DiffLine { mark, number, text: shown(change.value(), mark) });
        }
    }
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        lines.push(DiffLine { mark: DiffMark::Gap, number: None, text: String::new() });
    }
    lines
}

fn starts_inside(group: &[DiffOp]) -> bool {
    group.first().is_some_and(|op| op.old_range().start > 0 || op.new_range().start > 0)
}

fn shown(line: &str, mark: DiffMark) -> String {
    let line = line.trim_end_matches(['\n', '\r']).replace('\t', "    ");
    let indent = line.len() - line.trim_start_matches(' ').len();
    // What stays is not Ebb's: its passwords are nobody's business here. What goes was read by everybody already.
    let text =
        if mark == DiffMark::Added { line.as_str().into() } else { SECRET.replace_all(&line, "$1\"•••\"") };
    let clean = ebb_core::sessions::clean_text(text.trim_start_matches(' '), MAX_CHARS);
    format!("{}{clean}", " ".repeat(indent.min(MAX_CHARS)))
}

/// The lines that are gone.
pub(super) fn removed(before: &str, after: &str) -> Vec<String> {
    let diff = compare(before, after);
    let gone = diff.iter_all_changes().filter(|change| change.tag() == ChangeTag::Delete);
    gone.map(|change| change.value().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_around_are_shown_and_secrets_are_not() {
        let before =
            "{\n  \"a\": 1,\n  \"env\": { \"API_KEY\": \"sk-12\\\"3\", \"url\": \"x\" },\n  \"apiToken\": \"t\"\n}\n";
        let after = before.replace("\"a\": 1,", "\"a\": 2,");
        let lines = lines(before, &after);
        let text: Vec<String> = lines.iter().map(|line| format!("{:?} {}", line.mark, line.text)).collect();
        assert_eq!(text[0], "Same {");
        assert_eq!(text[1..3], ["Removed   \"a\": 1,", "Added   \"a\": 2,"]);
        assert_eq!(text[3], "Same   \"env\": { \"API_KEY\": \"•••\", \"url\": \"x\" },");
        assert_eq!(text[4], "Same   \"apiToken\": \"•••\"");
        assert_eq!(lines[1].number, Some(2));
    }

    #[test]
    fn long_files_and_long_lines_are_cut() {
        let before = "x\n".repeat(5_000);
        let after = before.replacen("x\n", "y\n", 1_000);
        assert_eq!(lines(&before, &after).len(), MAX_LINES + 1);
        assert!(lines(&"a".repeat(100_000), "b")[0].text.chars().count() <= MAX_CHARS);
    }
}
