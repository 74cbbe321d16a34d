//! The compact tree that `__ebb.snapshot()` returns, and the joining of the trees of several frames.

use serde::Deserialize;

/// Longer names are not printed, and so must not make text go away that repeats them.
const NAME_MAX: usize = 900;

/// One element or piece of text.
///
/// The field names on the wire are single letters: a large page has tens of thousands of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    /// Index of the parent, always smaller than the own index within one document; none at the top.
    #[serde(rename = "p")]
    pub(crate) parent: Option<usize>,
    /// Set for text, which has nothing else; white space is collapsed but for one space at each end.
    #[serde(rename = "t")]
    pub(crate) text: Option<String>,
    /// ARIA role.
    #[serde(rename = "r")]
    pub(crate) role: String,
    /// Accessible name, empty for none.
    #[serde(rename = "n")]
    pub(crate) name: String,
    /// Number behind the `e` of the ref; none for what cannot be pointed at.
    #[serde(rename = "e")]
    pub(crate) number: Option<u32>,
    /// States as printed between brackets, in printing order.
    #[serde(rename = "s")]
    pub(crate) states: Vec<String>,
    /// Address of a link, as written in the page.
    #[serde(rename = "u")]
    pub(crate) url: Option<String>,
    /// Placeholder of a text field, when it is not its name.
    #[serde(rename = "h")]
    pub(crate) placeholder: Option<String>,
    /// 1 when the pointer turns into a hand above it.
    #[serde(rename = "c")]
    pub(crate) pointer: u8,
    /// 1 when it is content that a reader may edit.
    #[serde(rename = "k")]
    pub(crate) editable: u8,
    /// Viewport rectangle: x, y, width, height in CSS pixels. Only when asked for.
    #[serde(rename = "b")]
    pub(crate) bounds: Option<[i64; 4]>,
    /// For an iframe: its place in the document's list of frames, for `__ebb.frameElement`.
    #[serde(rename = "f")]
    pub(crate) frame: Option<usize>,
    /// Nodes the name was made from; not all of them need lie below this one.
    #[serde(rename = "w")]
    pub(crate) sources: Vec<usize>,
    /// Which of the joined documents it belongs to; 0 is the one the others were grafted on.
    #[serde(skip)]
    pub(super) document: usize,
}

impl Node {
    /// The name, unless it is too long to be printed.
    pub(super) fn shown_name(&self) -> &str {
        if self.name.len() > NAME_MAX && self.name.chars().count() > NAME_MAX { "" } else { &self.name }
    }

    /// Whether it has the focus.
    pub(super) fn is_active(&self) -> bool {
        self.states.iter().any(|state| state == "active")
    }

    /// Whether it can be pointed at and shows a hand.
    pub(super) fn is_pointer(&self) -> bool {
        self.pointer == 1 && self.number.is_some()
    }
}

/// A document as the page script returned it, with the documents of its frames once they were grafted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tree {
    /// False when the target of the snapshot was not found; then the answer holds the error of `__ebb.resolve`.
    pub(crate) ok: bool,
    /// False while the document has no body yet: ask again.
    pub(crate) ready: bool,
    /// Nodes in walk order.
    pub(crate) nodes: Vec<Node>,
    /// How many frames the document shows.
    pub(crate) frames: usize,
    /// Why the walk stopped early; empty when it did not.
    pub(crate) truncated: String,
    /// The document's title.
    pub(crate) title: String,
    /// Ref prefixes of the grafted documents, from document 1 on.
    #[serde(skip)]
    pub(super) prefixes: Vec<String>,
}

impl Tree {
    /// Iframes of this document itself: index of the node, and `k` for `__ebb.frameElement(k)`.
    pub(crate) fn iframes(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let own = self.nodes.iter().enumerate().filter(|(_, node)| node.document == 0);
        own.filter_map(|(index, node)| node.frame.map(|k| (index, k)))
    }

    /// Puts the snapshot of a frame below its iframe node. `prefix` is what its refs begin with, like `f2`.
    ///
    /// Frames inside `child` are grafted on it first, or on their own later; an unknown `node` changes nothing.
    pub(crate) fn graft(&mut self, node: usize, child: Self, prefix: &str) {
        if node >= self.nodes.len() {
            return;
        }
        let offset = self.nodes.len();
        let documents = self.prefixes.len() + 1;
        self.prefixes.push(prefix.to_owned());
        self.prefixes.extend(child.prefixes);
        if self.truncated.is_empty() {
            self.truncated = child.truncated;
        }
        self.nodes.extend(child.nodes.into_iter().map(|mut inner| {
            inner.parent = Some(inner.parent.map_or(node, |parent| parent + offset));
            for source in &mut inner.sources {
                *source += offset;
            }
            inner.document += documents;
            inner
        }));
    }

    /// For each node the index of the last node below it in the same document, or its own.
    pub(super) fn subtree_ends(&self) -> Vec<usize> {
        let mut ends: Vec<usize> = (0..self.nodes.len()).collect();
        for index in (0..self.nodes.len()).rev() {
            let node = &self.nodes[index];
            if let Some(parent) = node.parent
                && parent < index
                && self.nodes[parent].document == node.document
            {
                ends[parent] = ends[parent].max(ends[index]);
            }
        }
        ends
    }

    /// Children of each node, then those at the top, in walk order.
    pub(super) fn children(&self) -> (Vec<Vec<usize>>, Vec<usize>) {
        let mut below = vec![Vec::new(); self.nodes.len()];
        let mut top = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            match node.parent {
                Some(parent) if parent < index => below[parent].push(index),
                Some(_) => {}
                None => top.push(index),
            }
        }
        (below, top)
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    fn tree(json: &str) -> Result<Tree, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn reads_what_the_script_returns() -> Result<(), serde_json::Error> {
        let tree = tree(
            r#"{"ok":true,"ready":true,"nodes":[{"r":"link","n":"A","e":3,"c":1,"u":"/x","s":["active"],"b":[0,-1,2,3],
            "w":[1]},{"p":0,"t":"A"}],"frames":0,"truncated":""}"#,
        )?;
        assert_eq!(tree.nodes[0].number, Some(3));
        assert_eq!(tree.nodes[0].bounds, Some([0, -1, 2, 3]));
        assert!(tree.nodes[0].is_active() && tree.nodes[0].is_pointer());
        assert_eq!(tree.nodes[1].text.as_deref(), Some("A"));
        Ok(())
    }

    #[test]
    fn grafting_keeps_order_and_documents_apart() -> Result<(), serde_json::Error> {
        let mut page = tree(r#"{"nodes":[{"r":"iframe","f":0},{"r":"iframe","f":1}]}"#)?;
        let mut child = tree(r#"{"nodes":[{"r":"list","w":[1]},{"p":0,"r":"iframe","f":0}]}"#)?;
        child.graft(1, tree(r#"{"nodes":[{"t":"deep"}]}"#)?, "f3");
        page.graft(0, child, "f1");
        page.graft(1, tree(r#"{"nodes":[{"t":"second"}]}"#)?, "f2");
        assert_eq!(page.prefixes, ["f1", "f3", "f2"]);
        let documents: Vec<_> = page.nodes.iter().map(|node| (node.document, node.parent)).collect();
        assert_eq!(documents, [(0, None), (0, None), (1, Some(0)), (1, Some(2)), (2, Some(3)), (3, Some(1))]);
        assert_eq!(page.nodes[2].sources, [3]);
        assert_eq!(page.iframes().collect::<Vec<_>>(), [(0, 0), (1, 1)]);
        Ok(())
    }

    #[test]
    fn a_long_name_counts_as_none() {
        let node = super::Node { name: "ä".repeat(901), ..super::Node::default() };
        assert_eq!(node.shown_name(), "");
        let node = super::Node { name: "ä".repeat(900), ..super::Node::default() };
        assert_eq!(node.shown_name().chars().count(), 900);
    }
}
