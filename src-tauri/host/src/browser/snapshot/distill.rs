//! Distillation: what says nothing, or says something twice, goes away before the tree is printed.

use super::tree::Tree;

/// What is left of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A piece of text.
    Text(String),
    /// A node, by its index in the tree.
    Node(usize),
}

/// What is left of the tree; the nodes themselves stay where they are.
#[derive(Debug, Default)]
pub(super) struct Distilled {
    /// What stands at the top.
    pub(super) top: Vec<Item>,
    /// Children of each node that is left.
    pub(super) children: Vec<Vec<Item>>,
    /// Whether the name of a node is printed.
    pub(super) named: Vec<bool>,
}

/// Distils the whole tree, frames included, in one traversal. Nodes deeper than `depth` are not going to be printed,
/// and so repeat no name.
pub(super) fn distill(tree: &Tree, depth: Option<usize>) -> Distilled {
    let (below, top) = tree.children();
    let mut walk = Walk {
        tree,
        ends: tree.subtree_ends(),
        unsaid: vec![false; tree.nodes.len()],
        children: vec![Vec::new(); tree.nodes.len()],
        named: tree.nodes.iter().map(|node| !node.shown_name().is_empty()).collect(),
    };
    let mut result = Vec::new();
    let mut stack: Vec<Visit> = Vec::new();
    let mut next_top = top.iter();
    loop {
        let next = match stack.last_mut() {
            None => match next_top.next() {
                None => break,
                Some(&index) => Some(index),
            },
            Some(visit) => {
                let child = below[visit.index].get(visit.next).copied();
                visit.next += 1;
                child
            }
        };
        match next {
            Some(index) if tree.nodes[index].text.is_some() => {
                let text = tree.nodes[index].text.clone().unwrap_or_default();
                match stack.last() {
                    Some(visit) => walk.children[visit.index].push(Item::Text(text)),
                    None => result.push(Item::Text(text)),
                }
            }
            Some(index) => {
                let visit = Visit::enter(tree, stack.last(), index);
                let only_text = below[index].iter().all(|&child| tree.nodes[child].text.is_some());
                walk.enter(&visit, only_text, depth.is_none_or(|limit| stack.len() <= limit));
                stack.push(visit);
            }
            None => {
                let Some(visit) = stack.pop() else { break };
                let parent = stack.last().map(|up| up.index);
                if let Some(item) = walk.leave(&visit, parent) {
                    match parent {
                        Some(parent) => walk.children[parent].push(item),
                        None => result.push(item),
                    }
                }
            }
        }
    }
    join_text(&mut result);
    Distilled { top: result, children: walk.children, named: walk.named }
}

/// A node whose children are being distilled.
struct Visit {
    index: usize,
    /// Place of the child to come.
    next: usize,
    /// Whether it is the outermost node that shows a hand.
    outermost: bool,
    /// Whether it or a node above it shows a hand.
    hand: bool,
}

impl Visit {
    fn enter(tree: &Tree, parent: Option<&Self>, index: usize) -> Self {
        let node = &tree.nodes[index];
        // A frame is a snapshot of its own: the hand over an iframe says nothing about its content.
        let above = parent.is_some_and(|up| up.hand && tree.nodes[up.index].document == node.document);
        let pointer = node.is_pointer();
        Self { index, next: 0, outermost: pointer && !above, hand: pointer || above }
    }
}

struct Walk<'a> {
    tree: &'a Tree,
    ends: Vec<usize>,
    /// The set P: sources of names whose words were not met below yet.
    unsaid: Vec<bool>,
    children: Vec<Vec<Item>>,
    named: Vec<bool>,
}

impl Walk<'_> {
    /// Sources of a name that lie below it and can be pointed at.
    fn sources(&self, index: usize) -> impl Iterator<Item = usize> {
        let tree = self.tree;
        let end = self.ends[index];
        let own = tree.nodes[index].sources.iter().copied();
        own.filter(move |&source| source > index && source <= end && tree.nodes[source].number.is_some())
    }

    fn enter(&mut self, visit: &Visit, only_text: bool, within_depth: bool) {
        let node = &self.tree.nodes[visit.index];
        if within_depth && !(node.role == "generic" && only_text) {
            self.unsaid[visit.index] = false;
        }
        if !node.shown_name().is_empty() {
            let sources: Vec<_> = self.sources(visit.index).collect();
            for source in sources {
                self.unsaid[source] = true;
            }
        }
    }

    /// Applies the rules to a node whose children are done. Returns what the parent gets for it.
    fn leave(&mut self, visit: &Visit, parent: Option<usize>) -> Option<Item> {
        let index = visit.index;
        let node = &self.tree.nodes[index];
        let mut items = std::mem::take(&mut self.children[index]);
        join_text(&mut items);
        if let [Item::Text(text)] = items.as_slice()
            && text == node.shown_name()
        {
            items.clear();
        }
        if node.role == "img" && node.shown_name().is_empty() && items.is_empty() && !visit.outermost {
            return None;
        }
        self.drop_repeated_name(index);
        if node.role == "generic" {
            if let [Item::Node(child)] = items.as_slice()
                && let Some(text) = self.only_text_of(*child)
            {
                items = vec![Item::Text(text)];
            }
            if self.repeats_parent(index, parent, &items) {
                self.unsaid[index] = true;
                return None;
            }
            if !self.named[index] {
                if items.is_empty() && !visit.outermost {
                    return None;
                }
                if let [Item::Node(child)] = items.as_slice()
                    && self.tree.nodes[*child].number.is_some()
                {
                    return items.pop();
                }
            }
        }
        self.children[index] = items;
        Some(Item::Node(index))
    }

    /// Drops the name when everything it was made from is printed below.
    fn drop_repeated_name(&mut self, index: usize) {
        if !self.named[index] {
            return;
        }
        let sources: Vec<_> = self.sources(index).collect();
        if sources.is_empty() {
            return;
        }
        if sources.iter().any(|&source| self.unsaid[source]) {
            for source in sources {
                self.unsaid[source] = false;
            }
        } else {
            self.named[index] = false;
        }
    }

    /// The text of a nameless, inactive generic that holds nothing else.
    fn only_text_of(&mut self, child: usize) -> Option<String> {
        let node = &self.tree.nodes[child];
        if node.role != "generic" || self.named[child] || node.is_active() {
            return None;
        }
        match self.children[child].as_slice() {
            [Item::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }

    fn repeats_parent(&self, index: usize, parent: Option<usize>, items: &[Item]) -> bool {
        let node = &self.tree.nodes[index];
        let Some(parent) = parent else { return false };
        let words = match items {
            [] => node.shown_name(),
            [Item::Text(text)] => text,
            _ => return false,
        };
        !node.is_active() && !words.is_empty() && words == self.tree.nodes[parent].shown_name()
    }
}

/// Joins neighbouring text, collapses white space, and drops what is empty then.
fn join_text(items: &mut Vec<Item>) {
    if !items.iter().any(|item| matches!(item, Item::Text(_))) {
        return;
    }
    let mut joined: Vec<Item> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        match (joined.last_mut(), item) {
            (Some(Item::Text(before)), Item::Text(text)) => before.push_str(&text),
            (_, item) => joined.push(item),
        }
    }
    joined.retain_mut(|item| match item {
        Item::Text(text) => {
            *text = normalised(text);
            !text.is_empty()
        }
        Item::Node(_) => true,
    });
    *items = joined;
}

/// White space collapsed to single spaces, none at the ends.
fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // As pages see it: to them U+0085 is a control character and U+FEFF a space.
    let is_space = |c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}';
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
#[path = "distill_tests.rs"]
mod tests;
