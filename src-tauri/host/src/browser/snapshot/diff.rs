//! What changed between two snapshots of the same document: lines that came and went, below the nodes they are in.

use std::time::Duration;

use similar::{Algorithm, ChangeTag, TextDiff};

/// Longer comparisons end in a coarser answer.
const DEADLINE: Duration = Duration::from_millis(200);

/// A snapshot of which more than this changed is shown whole.
const MOST: f64 = 0.6;

/// The lines of `new` against those of `old`: `+ ` came, `- ` went, two spaces before the nodes they lie in. None when
/// so much changed that the whole says it better; an empty text when nothing did.
pub(crate) fn diff(old: &str, new: &str) -> Option<String> {
    if old == new {
        return Some(String::new());
    }
    let compared = TextDiff::configure().algorithm(Algorithm::Patience).timeout(DEADLINE).diff_lines(old, new);
    let (mut changed, mut lines) = (0_usize, 0_usize);
    let mut out = String::new();
    // The nodes that the next line lies in, by depth, and how many of them are printed already.
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut printed = 0;
    for change in compared.iter_all_changes() {
        let line = change.value().trim_end_matches('\n');
        let depth = depth(line);
        lines += 1;
        while path.last().is_some_and(|(above, _)| *above >= depth) {
            path.pop();
        }
        printed = printed.min(path.len());
        let mark = match change.tag() {
            ChangeTag::Equal => {
                path.push((depth, line));
                continue;
            }
            ChangeTag::Insert => '+',
            ChangeTag::Delete => '-',
        };
        changed += 1;
        for (_, above) in &path[printed..] {
            push(&mut out, ' ', above);
        }
        printed = path.len();
        push(&mut out, mark, line);
    }
    (changed as f64 <= MOST * lines as f64).then_some(out)
}

fn push(out: &mut String, mark: char, line: &str) {
    out.push(mark);
    out.push(' ');
    out.push_str(line);
    out.push('\n');
}

/// Spaces before the dash.
fn depth(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "- main [ref=e1]:\n  - list [ref=e2]:\n    - listitem [ref=e3]: a\n    - listitem [ref=e4]: b\n  - paragraph [ref=e5]: p\n- button \"B\" [ref=e6]\n";

    #[test]
    fn what_came_and_went_stands_below_what_it_is_in() {
        let new = OLD.replace("[ref=e4]: b", "[ref=e4]: c").replace("- button \"B\" [ref=e6]\n", "");
        assert_eq!(
            diff(OLD, &new).as_deref(),
            Some(
                "  - main [ref=e1]:\n    - list [ref=e2]:\n-     - listitem [ref=e4]: b\n+     - listitem [ref=e4]: c\n- - button \"B\" [ref=e6]\n"
            )
        );
    }

    #[test]
    fn each_node_on_the_way_is_printed_once() {
        let new = OLD.replace(": a\n", ": x\n").replace(": p\n", ": q\n");
        let text = diff(OLD, &new).unwrap();
        assert_eq!(text.matches("- main").count(), 1, "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with(' ')).count(), 2, "{text}");
    }

    #[test]
    fn nothing_changed_is_nothing_and_too_much_is_none() {
        assert_eq!(diff(OLD, OLD).as_deref(), Some(""));
        assert_eq!(diff(OLD, "- something\n- else\n"), None);
        assert_eq!(diff("", OLD), None);
    }

    /// Snapshots: lines with a depth at most one below the line before.
    fn snapshot() -> impl Strategy<Value = String> {
        proptest::collection::vec((0_usize..6, 0_u8..12), 0..40).prop_map(|lines| {
            let mut last = 0;
            let mut text = String::new();
            for (index, (depth, word)) in lines.into_iter().enumerate() {
                let depth = if index == 0 { 0 } else { depth.min(last + 1) };
                last = depth;
                text.push_str(&"  ".repeat(depth));
                text.push_str("- node");
                text.push_str(&word.to_string());
                text.push('\n');
            }
            text
        })
    }

    proptest! {
        #[test]
        fn old_and_new_can_be_told_from_it(old in snapshot(), new in snapshot()) {
            if let Some(text) = diff(&old, &new) {
                let marked = |mark: char| text.lines().filter(|line| line.starts_with(mark)).map(|line| line[2..].to_owned()).collect::<Vec<_>>();
                let (came, went) = (marked('+'), marked('-'));
                // What went was there, what came is there, and the numbers add up.
                prop_assert!(went.iter().all(|line| old.lines().any(|known| known == line)));
                prop_assert!(came.iter().all(|line| new.lines().any(|known| known == line)));
                prop_assert_eq!(old.lines().count() + came.len(), new.lines().count() + went.len());
                prop_assert_eq!(text.is_empty(), old == new);
                // A line that stays is printed for those below it only.
                for (index, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with(' ')) {
                    let next = text.lines().nth(index + 1);
                    prop_assert!(next.is_some_and(|next| depth(&next[2..]) > depth(&line[2..])), "{}", text);
                }
            }
        }
    }
}
