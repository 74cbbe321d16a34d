//! The short form of a snapshot: what can be clicked, typed into or selected, below its headings, landmarks and dialogs.

use super::{
    distill::{Distilled, Item},
    print::Printer,
    tree::Node,
};

/// Roles that take input.
const CONTROLS: [&str; 16] = [
    "button",
    "checkbox",
    "combobox",
    "link",
    "listbox",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "option",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
];

/// Roles that say where a control is.
const PLACES: [&str; 12] = [
    "alertdialog",
    "banner",
    "complementary",
    "contentinfo",
    "dialog",
    "form",
    "heading",
    "iframe",
    "main",
    "navigation",
    "region",
    "search",
];

/// Characters of what a control without a name says.
const MAX_WORDS: usize = 80;

/// A line of the short form.
struct Line {
    depth: usize,
    text: String,
    /// A control, or a place that has one.
    wanted: bool,
    heading: bool,
}

/// Prints the short form of a distilled tree.
pub(super) fn print(printer: &mut Printer<'_>, distilled: &Distilled) {
    let mut lines: Vec<Line> = Vec::new();
    let mut stack: Vec<(&Item, usize, Option<usize>)> =
        distilled.top.iter().rev().map(|item| (item, 0, None)).collect();
    while let Some((item, depth, hand)) = stack.pop() {
        let Item::Node(index) = item else { continue };
        let node = &printer.tree.nodes[*index];
        let covered = hand == Some(node.document);
        let is_control = node.number.is_some()
            && (CONTROLS.contains(&node.role.as_str()) || node.editable == 1 || (node.is_pointer() && !covered));
        let is_place = PLACES.contains(&node.role.as_str());
        let mut below = depth;
        if is_control || is_place {
            let value = value_of(node, &distilled.children[*index]);
            let words = if node.shown_name().is_empty() && value.is_none() && is_control {
                words_in(printer, distilled, *index)
            } else {
                node.shown_name().to_owned()
            };
            lines.push(Line {
                depth,
                text: printer.short_line(*index, &words, value),
                wanted: is_control,
                heading: node.role == "heading",
            });
            below += 1;
        }
        let hand = if node.is_pointer() || covered { Some(node.document) } else { None };
        stack.extend(distilled.children[*index].iter().rev().map(|item| (item, below, hand)));
    }
    keep_places(&mut lines);
    let mut wanted = lines.iter().filter(|line| line.wanted).peekable();
    while let Some(line) = wanted.next() {
        let open = wanted.peek().is_some_and(|next| next.depth > line.depth);
        printer.push_line(line.depth, &line.text, open);
    }
}

/// What a control without a name says, in short: fields and lists speak for themselves.
fn words_in(printer: &Printer<'_>, distilled: &Distilled, index: usize) -> String {
    let mut words = String::new();
    if matches!(printer.tree.nodes[index].role.as_str(), "combobox" | "listbox" | "textbox" | "searchbox") {
        return words;
    }
    let mut stack: Vec<&Item> = distilled.children[index].iter().rev().collect();
    while let Some(item) = stack.pop() {
        let text = match item {
            Item::Text(text) => text.as_str(),
            Item::Node(below) => {
                stack.extend(distilled.children[*below].iter().rev());
                if distilled.named[*below] { printer.tree.nodes[*below].shown_name() } else { "" }
            }
        };
        if !text.is_empty() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(text);
        }
        if words.len() > MAX_WORDS {
            let end = words.char_indices().nth(MAX_WORDS).map(|(end, _)| end);
            if let Some(end) = end {
                words.truncate(end);
                words.push('…');
                break;
            }
        }
    }
    words
}

/// What a field holds.
fn value_of<'a>(node: &Node, children: &'a [Item]) -> Option<&'a str> {
    match children {
        [Item::Text(text)] if node.shown_name().is_empty() || node.role != "link" => Some(text),
        _ => None,
    }
}

/// A place is wanted when a control lies in it; a heading also when one follows before the next heading or the end of
/// what the heading is in.
fn keep_places(lines: &mut [Line]) {
    // The depths of controls met so far, from the end on, that no place has been found for.
    let mut open: Vec<usize> = Vec::new();
    let mut after = false;
    for index in (0..lines.len()).rev() {
        let depth = lines[index].depth;
        if lines[index].wanted {
            open.push(depth);
            after = true;
            continue;
        }
        let inside = open.iter().any(|below| *below > depth);
        let follows = lines[index].heading && after && open.last().is_some_and(|next| *next >= depth);
        lines[index].wanted = inside || follows;
        if lines[index].heading {
            after = false;
        }
        if lines[index].wanted {
            open.retain(|below| *below <= depth);
            open.push(depth);
        } else if !lines[index].heading {
            // Nothing in it: what follows it is no business of a heading inside.
            open.retain(|below| *below <= depth);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::browser::snapshot::{RenderOptions, Tree, render};

    fn short(json: &str) -> String {
        let tree: Tree = serde_json::from_str(json).unwrap();
        render(&tree, &RenderOptions { interactive: true, ..RenderOptions::default() }).text
    }

    #[test]
    fn controls_stand_below_where_they_are_and_all_else_goes() {
        let text = short(
            r#"{"nodes":[{"r":"main","e":1},{"p":0,"r":"heading","n":"A","e":2,"s":["level=1"]},
            {"p":0,"r":"paragraph","e":3},{"p":2,"t":"words "},{"p":2,"r":"link","n":"in","e":4,"u":"/x"},
            {"p":0,"r":"heading","n":"Empty","e":5},{"p":0,"r":"heading","n":"B","e":6},
            {"p":0,"r":"textbox","n":"Name","e":7},{"p":7,"t":"v"},{"r":"contentinfo","e":8},{"p":9,"t":"end"},
            {"r":"button","n":"no ref"}]}"#,
        );
        assert_eq!(
            text,
            "- main [ref=e1]:\n  - heading \"A\" [level=1] [ref=e2]\n  - link \"in\" [ref=e4]\n  - heading \"B\" [ref=e6]\n  - textbox \"Name\" [ref=e7]: v\n"
        );
    }

    #[test]
    fn what_shows_a_hand_or_can_be_edited_counts_and_says_its_words() {
        let text = short(
            r#"{"nodes":[{"r":"generic","e":1,"c":1},{"p":0,"r":"paragraph","e":2,"c":1},{"p":1,"t":"Card"},
            {"p":0,"r":"button","n":"Inner","e":3},{"r":"generic","e":4,"k":1},{"p":4,"t":"note"}]}"#,
        );
        assert_eq!(
            text,
            "- generic \"Card Inner\" [ref=e1]:\n  - button \"Inner\" [ref=e3]\n- generic [ref=e4]: note\n"
        );
    }
}
