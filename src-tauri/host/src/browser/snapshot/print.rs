//! Printing of a distilled tree: one line a node.

use std::fmt::Write as _;

use super::distill::{Distilled, Item, distill};
use super::interactive;
use super::tree::Tree;
use super::yaml::{push_json, push_key, push_value};

/// How a snapshot is printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct RenderOptions {
    /// What the refs of the outermost document begin with: empty for the main frame, else like `f2`.
    pub(crate) prefix: String,
    /// Deepest level printed, the top being 0; `None` or 0 for no limit.
    pub(crate) depth: Option<usize>,
    /// Whether viewport rectangles are printed; the page script must have been asked for them.
    pub(crate) boxes: bool,
    /// Only what takes input, and where it is.
    pub(crate) interactive: bool,
}

/// A printed snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// YAML, each line ending in a line break; empty for an empty page.
    pub(crate) text: String,
    /// Nodes printed, text not counted.
    pub(crate) nodes: usize,
    /// Refs printed.
    pub(crate) refs: usize,
    /// Why the page was not read to its end, if so.
    pub(crate) note: Option<String>,
}

/// Distils and prints a tree and the frames grafted on it. Linear in the number of nodes.
pub(crate) fn render(tree: &Tree, options: &RenderOptions) -> Rendered {
    let limit = options.depth.filter(|&depth| depth > 0);
    let distilled = distill(tree, limit);
    let mut printer = Printer { tree, options, distilled: &distilled, out: Rendered::default(), key: String::new() };
    printer.out.note = Some(tree.truncated.clone()).filter(|note| !note.is_empty());
    if options.interactive {
        interactive::print(&mut printer, &distilled);
        return printer.out;
    }
    let mut stack: Vec<Todo<'_>> = Vec::new();
    push_items(&mut stack, &distilled.top, 0, None);
    while let Some(todo) = stack.pop() {
        match todo.item {
            Item::Text(text) => printer.text(todo.depth, text),
            Item::Node(index) => {
                let (hand, open) = printer.node(&todo, *index, limit);
                if open {
                    push_items(&mut stack, &distilled.children[*index], todo.depth + 1, hand);
                }
            }
        }
    }
    printer.out
}

/// Something left to print.
struct Todo<'a> {
    item: &'a Item,
    depth: usize,
    /// Document in which a node above already shows the hand.
    hand: Option<usize>,
}

fn push_items<'a>(stack: &mut Vec<Todo<'a>>, items: &'a [Item], depth: usize, hand: Option<usize>) {
    stack.extend(items.iter().rev().map(|item| Todo { item, depth, hand }));
}

pub(super) struct Printer<'a> {
    pub(super) tree: &'a Tree,
    options: &'a RenderOptions,
    distilled: &'a Distilled,
    out: Rendered,
    /// Kept between lines for its memory only.
    key: String,
}

impl Printer<'_> {
    fn dash(&mut self, depth: usize) {
        for _ in 0..depth {
            self.out.text.push_str("  ");
        }
        self.out.text.push_str("- ");
    }

    fn text(&mut self, depth: usize, text: &str) {
        self.property(depth, "text", text);
    }

    fn property(&mut self, depth: usize, key: &str, value: &str) {
        self.dash(depth);
        self.out.text.push_str(key);
        self.out.text.push_str(": ");
        push_value(&mut self.out.text, value);
        self.out.text.push('\n');
    }

    /// Prints the line of a node and its properties. Returns who shows the hand below, and whether there is anything
    /// left to print below.
    fn node(&mut self, todo: &Todo<'_>, index: usize, limit: Option<usize>) -> (Option<usize>, bool) {
        let (tree, distilled) = (self.tree, self.distilled);
        let node = &tree.nodes[index];
        let covered = todo.hand == Some(node.document);
        let hand = node.is_pointer() && !covered;
        self.write_key(index, hand);
        self.dash(todo.depth);
        push_key(&mut self.out.text, &self.key);
        self.out.nodes += 1;

        let children = distilled.children[index].as_slice();
        let deepest = limit.is_some_and(|limit| todo.depth >= limit);
        let properties = [("/url", &node.url), ("/placeholder", &node.placeholder)];
        let bare = properties.iter().all(|(_, value)| value.is_none());
        if let ([Item::Text(text)], true) = (children, bare || deepest) {
            self.out.text.push_str(": ");
            push_value(&mut self.out.text, text);
            self.out.text.push('\n');
            return (None, false);
        }
        if deepest || (children.is_empty() && bare) {
            self.out.text.push('\n');
            return (None, false);
        }
        self.out.text.push_str(":\n");
        for (key, value) in properties {
            if let Some(value) = value {
                self.property(todo.depth + 1, key, value);
            }
        }
        (if hand || covered { Some(node.document) } else { None }, true)
    }

    /// The line of a control or a place of the short form.
    pub(super) fn short_line(&mut self, index: usize, name: &str, value: Option<&str>) -> String {
        self.write_key_of(index, false, name);
        let mut line = String::new();
        push_key(&mut line, &self.key);
        if let Some(value) = value {
            line.push_str(": ");
            push_value(&mut line, value);
        }
        line
    }

    /// Prints a line that is made already; `open` when lines below it follow.
    pub(super) fn push_line(&mut self, depth: usize, line: &str, open: bool) {
        self.dash(depth);
        self.out.text.push_str(line);
        self.out.text.push_str(if open { ":\n" } else { "\n" });
        self.out.nodes += 1;
    }

    fn write_key(&mut self, index: usize, hand: bool) {
        let name = if self.distilled.named[index] { self.tree.nodes[index].shown_name() } else { "" };
        self.write_key_of(index, hand, name);
    }

    fn write_key_of(&mut self, index: usize, hand: bool, name: &str) {
        let node = &self.tree.nodes[index];
        let key = &mut self.key;
        key.clear();
        key.push_str(&node.role);
        if !name.is_empty() {
            key.push(' ');
            push_json(key, name);
        }
        for state in &node.states {
            key.push_str(" [");
            key.push_str(state);
            key.push(']');
        }
        // Writing to a string cannot fail.
        if let Some(number) = node.number {
            let prefix = match node.document {
                0 => &self.options.prefix,
                document => &self.tree.prefixes[document - 1],
            };
            let _ = write!(key, " [ref={prefix}e{number}]");
            self.out.refs += 1;
        }
        if hand {
            key.push_str(" [cursor=pointer]");
        }
        if let Some([x, y, width, height]) = node.bounds.filter(|_| self.options.boxes) {
            let _ = write!(key, " [box={x},{y},{width},{height}]");
        }
    }
}
