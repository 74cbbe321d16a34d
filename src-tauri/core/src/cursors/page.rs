//! What tools hand in and get back.

use serde_json::Value;

/// A tool's result before it is cut.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A text, paged by lines: a snapshot, a page's text, a response's body.
    Text {
        /// The text.
        text: String,
    },
    /// A list, paged by items. Header, items and footer are parted by empty lines, items by line feeds.
    List {
        /// Above the items, on the first page only; no item.
        header: Option<String>,
        /// The items; each may have several lines.
        items: Vec<String>,
        /// Below the items, on the first page only; no item.
        footer: Option<String>,
        /// One JSON object an item, for the selection of fields.
        fields: Option<Vec<Value>>,
    },
}

impl Body {
    /// A list of items and nothing else.
    #[must_use]
    pub const fn items(items: Vec<String>) -> Self {
        Self::List { header: None, items, footer: None, fields: None }
    }

    /// Everything as one text, as a file gets it.
    #[must_use]
    pub fn into_text(self) -> String {
        match self {
            Self::Text { text } => text,
            Self::List { header, items, footer, .. } => assemble(header, items.join("\n"), footer),
        }
    }
}

/// Header, middle and footer, as far as they are there, with empty lines between them.
pub(super) fn assemble(header: Option<String>, middle: String, footer: Option<String>) -> String {
    let middle = Some(middle).filter(|middle| !middle.is_empty());
    let mut parts = header.into_iter().chain(middle).chain(footer);
    let Some(first) = parts.next() else {
        return String::new();
    };
    parts.fold(first, |text, part| text + "\n\n" + &part)
}

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards the end.
    Next,
    /// Towards the beginning.
    Previous,
}

impl Direction {
    /// `next` or `previous`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "next" => Some(Self::Next),
            "previous" => Some(Self::Previous),
            _ => None,
        }
    }
}

/// The arguments of `cursor_read`, as they came.
#[derive(Debug, Clone, Default)]
pub struct ReadRequest {
    /// The cursor's id.
    pub cursor: String,
    /// The 1-based item or line to begin at; with `Previous`, to end before.
    pub offset: Option<i64>,
    /// Relative to `offset` or, without one, to the range read last.
    pub direction: Option<Direction>,
    /// How large the page may be.
    pub max_tokens: Option<i64>,
    /// Only items or lines that this regular expression matches.
    pub match_: Option<String>,
    /// Items or lines around each match, 0 to 20.
    pub context: Option<i64>,
    /// Only these fields of each item.
    pub fields: Option<Vec<String>>,
}

/// Which cursors to close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseWhich {
    /// This one.
    One(String),
    /// All of the session.
    All,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The result's text, or the part of it that this page shows.
    pub text: String,
    /// Lines of the section `More`, each starting with `- `; empty when everything fitted.
    pub more: Vec<String>,
    /// Sentences for the section `Next`, without the leading `- `.
    pub next: Vec<String>,
    /// The numbers of `more` for programs, as `_meta["ebb/result"]`.
    pub meta: Option<Value>,
}

impl Page {
    /// A result that fitted.
    #[must_use]
    pub const fn whole(text: String) -> Self {
        Self { text, more: Vec::new(), next: Vec::new(), meta: None }
    }
}
