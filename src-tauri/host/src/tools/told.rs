//! What a call did, in a few lines for the list of calls: for people, so without code, trees and advice.

use super::{args::names_a_secret, response::Answer};

/// Lines of one call; the list of a session holds a hundred.
const LINES: usize = 12;
/// Characters of one line.
const CHARS: usize = 200;
/// Sections that people read, in the order of an answer.
const READ: [&str; 6] = ["Error", "Result", "Open tabs", "Page", "Modal state", "Events"];
/// Headers that log somebody in.
const HEADERS: [&str; 3] = ["cookie", "authorization", "api-key"];

/// The sections of an answer, one by one as they are written.
#[derive(Debug, Default)]
pub(super) struct Told {
    lines: Vec<String>,
    more: usize,
}

impl Told {
    /// Takes what people read of a section.
    pub(super) fn section(&mut self, title: &str, body: &str) {
        if title == "Snapshot" && !body.is_empty() {
            self.line(&match body.lines().count() {
                1 => "Snapshot of 1 line".to_owned(),
                lines => format!("Snapshot of {lines} lines"),
            });
        }
        if READ.contains(&title) {
            body.lines().filter(|line| !line.trim().is_empty()).for_each(|line| self.line(line));
        }
    }

    fn line(&mut self, line: &str) {
        if self.lines.len() == LINES {
            self.more += 1;
            return;
        }
        let line = line.trim_end().strip_prefix("- ").unwrap_or(line);
        let mut shown: String = quiet(line).chars().take(CHARS).collect();
        if line.chars().nth(CHARS).is_some() {
            shown.push('…');
        }
        self.lines.push(shown);
    }

    /// All of it, and how much was left out.
    pub(super) fn text(mut self, images: usize) -> String {
        if images > 0 && self.lines.is_empty() {
            self.lines.push(if images == 1 { "1 picture".to_owned() } else { format!("{images} pictures") });
        }
        if self.more > 0 {
            self.lines.push(format!("… {} more", self.more));
        }
        self.lines.join("\n")
    }
}

/// Hides the value of what is named like a secret: `Set-Cookie: ...`, `"token": "..."`.
fn quiet(line: &str) -> String {
    match line.find([':', '=']) {
        Some(at) if is_quiet(&line[..at]) => format!("{} •••", &line[..=at]),
        _ => line.to_owned(),
    }
}

fn is_quiet(name: &str) -> bool {
    let lower = name.to_lowercase();
    names_a_secret(&lower) || HEADERS.iter().any(|header| lower.contains(header))
}

/// The answer as it stands in the list of calls. Where a tool reads what logs somebody in, that it did must do.
pub(super) fn of(answer: &Answer, secretive: bool) -> &str {
    if secretive && !answer.is_error { "" } else { &answer.told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_what_happened_without_code_and_trees() {
        let mut told = Told::default();
        told.section("Result", "Waited for x\n\n- second");
        told.section("Ran Playwright code", "await page.goto('http://a/');");
        told.section("Page", "- Page URL: http://a/?q=1\n- Page Title: A");
        told.section("Snapshot", "- a\n- b");
        told.section("Next", "- Do this.");
        assert_eq!(told.text(1), "Waited for x\nsecond\nPage URL: http://a/?q=1\nPage Title: A\nSnapshot of 2 lines");
        let mut told = Told::default();
        told.section("Snapshot", "");
        assert_eq!(told.text(2), "2 pictures");
    }

    #[test]
    fn long_ones_are_cut_and_say_so() {
        let mut told = Told::default();
        told.section("Result", &format!("{}\n{}", "ä".repeat(201), "x\n".repeat(13)));
        let text = told.text(0);
        assert_eq!(text.lines().count(), LINES + 1);
        assert_eq!(text.lines().next().unwrap().chars().count(), CHARS + 1);
        assert!(text.ends_with("x\n… 2 more"), "{text}");
    }

    #[test]
    fn what_is_named_like_a_secret_is_not_repeated() {
        for (line, shown) in [
            ("set-cookie: sid=abc", "set-cookie: •••"),
            ("{\"accessToken\": \"abc\"}", "{\"accessToken\": •••"),
            ("Authorization: Bearer abc", "Authorization: •••"),
            ("password=abc", "password= •••"),
            ("url: http://a/?token=abc", "url: http://a/?token=abc"),
        ] {
            assert_eq!(quiet(line), shown);
        }
    }
}
