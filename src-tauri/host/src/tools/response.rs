//! The answer of one call: sections in a fixed order, at most one long body in pages, a hard cap.

use std::{borrow::Cow, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ebb_core::{
    Code, Error,
    cursors::{Body, Page},
};
use serde_json::{Map, Value};

use super::{paging::Pager, told::Told};
use crate::options::{ClientOptions, ImageResponses, Secrets};

/// No answer's text is longer than this on the wire, escapes included.
pub(crate) const MAX_ANSWER: usize = 256 * 1024;
/// Room for what surrounds the text: envelope, `_meta`, the note about the cut.
const ENVELOPE: usize = 6 * 1024;
/// What `_meta["ebb/result"]` may take.
const MAX_META: usize = 2 * 1024;
/// Lines of advice in one answer.
const MAX_NEXT: usize = 2;

/// The sections that can hold a long body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// What the tool found.
    Result,
    /// The page as a tree.
    Snapshot,
}

/// A picture after the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Base64.
    pub(crate) data: String,
    /// `image/jpeg` and the like.
    pub(crate) mime: &'static str,
}

/// What goes to the client, whatever protocol carries it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// The sections.
    pub(crate) text: String,
    /// Pictures, after the text.
    pub(crate) images: Vec<Image>,
    /// Whether the tool failed.
    pub(crate) is_error: bool,
    /// `_meta["ebb/result"]`: cursor numbers and error code for programs.
    pub(crate) meta: Option<Value>,
    /// Whether they go into `structuredContent` as well.
    pub(crate) structured: bool,
    /// What people see of it in the list of calls.
    pub(crate) told: String,
}

impl Answer {
    /// The answer as its client wants it: secrets masked wherever they come from, numbers where it looks.
    pub(crate) fn adapted(mut self, options: &ClientOptions) -> Self {
        for text in [&mut self.text, &mut self.told] {
            if let Cow::Owned(masked) = options.secrets.masked(text) {
                *text = masked;
            }
        }
        self.structured = options.output.structured;
        self
    }
}

/// Collects what a tool has to say; the order in which it says it does not matter.
#[derive(Debug, Default)]
pub(crate) struct Response {
    error: Vec<String>,
    result: Vec<String>,
    code: Vec<String>,
    tabs: Vec<String>,
    page: Vec<String>,
    modal: Vec<String>,
    snapshot: Option<Snapshot>,
    events: Vec<String>,
    more: Vec<String>,
    next: Vec<String>,
    images: Vec<Image>,
    large: Option<(Section, Body)>,
    meta: Map<String, Value>,
}

#[derive(Debug)]
enum Snapshot {
    Yaml(String),
    Link(String),
}

impl Response {
    /// Lines of `Result`; called again they add up.
    pub(crate) fn result(&mut self, text: impl Into<String>) {
        self.result.push(text.into());
    }

    /// One line of `Ran Playwright code`.
    pub(crate) fn code(&mut self, line: impl Into<String>) {
        self.code.push(line.into());
    }

    /// A reported error: it stands exactly as given, and the rest of the answer stays.
    pub(crate) fn error(&mut self, text: impl Into<String>) {
        self.error.push(text.into());
    }

    /// The lines of `Open tabs`.
    pub(crate) fn tabs(&mut self, lines: impl IntoIterator<Item = String>) {
        self.tabs = lines.into_iter().collect();
    }

    /// The lines of `Page`.
    pub(crate) fn page(&mut self, lines: impl IntoIterator<Item = String>) {
        self.page = lines.into_iter().collect();
    }

    /// The lines of `Modal state`.
    pub(crate) fn modal(&mut self, lines: impl IntoIterator<Item = String>) {
        self.modal = lines.into_iter().collect();
    }

    /// A snapshot in the answer.
    #[cfg_attr(not(test), expect(dead_code, reason = "for snapshots that are not the long body"))]
    pub(crate) fn snapshot_yaml(&mut self, text: impl Into<String>) {
        self.snapshot = Some(Snapshot::Yaml(text.into()));
    }

    /// A snapshot in a file.
    pub(crate) fn snapshot_link(&mut self, path: &str) {
        self.snapshot = Some(Snapshot::Link(format!("- [Snapshot]({path})")));
    }

    /// One line of `Events`.
    pub(crate) fn event(&mut self, line: impl Into<String>) {
        self.events.push(line.into());
    }

    /// One line of advice, without its dash. Only the first two are shown.
    pub(crate) fn next(&mut self, line: impl Into<String>) {
        let line = line.into();
        if !line.is_empty() && !self.next.contains(&line) {
            self.next.push(line);
        }
    }

    /// A picture.
    pub(crate) fn image(&mut self, bytes: &[u8], mime: &'static str) {
        self.images.push(Image { data: STANDARD.encode(bytes), mime });
    }

    /// The one long body of this answer, below what `result` said: it is paged when it must be.
    pub(crate) fn large(&mut self, section: Section, body: Body) {
        self.large = Some((section, body));
    }

    /// A value for programs, in `_meta["ebb/result"]`.
    pub(crate) fn meta(&mut self, name: &str, value: impl Into<Value>) {
        self.meta.insert(name.to_owned(), value.into());
    }

    /// Changes what the client's options change, whatever tool answers: code left out, pictures left out or
    /// alone, secrets masked before anything of it is kept.
    pub(crate) fn adapt(&mut self, options: &ClientOptions) {
        if !options.output.codegen {
            self.code.clear();
        }
        match options.output.images {
            ImageResponses::Omit => self.images.clear(),
            ImageResponses::Only if !self.images.is_empty() && !self.failed() => {
                *self = Self { images: std::mem::take(&mut self.images), ..Self::default() };
            }
            ImageResponses::Only | ImageResponses::Allow => {}
        }
        if !options.secrets.is_empty() {
            self.mask(&options.secrets);
        }
    }

    fn mask(&mut self, secrets: &Secrets) {
        let mask = |text: &mut String| {
            if let Cow::Owned(masked) = secrets.masked(text) {
                *text = masked;
            }
        };
        let sections = [&mut self.error, &mut self.result, &mut self.code, &mut self.tabs, &mut self.page];
        let others = [&mut self.modal, &mut self.events, &mut self.more, &mut self.next];
        sections.into_iter().chain(others).flatten().for_each(mask);
        if let Some(Snapshot::Yaml(text) | Snapshot::Link(text)) = &mut self.snapshot {
            mask(text);
        }
        match &mut self.large {
            Some((_, Body::Text { text })) => mask(text),
            Some((_, Body::List { header, items, footer, fields })) => {
                header.iter_mut().chain(items).chain(footer).for_each(mask);
                for value in fields.iter_mut().flatten().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
                    if let Value::String(text) = value {
                        mask(text);
                    }
                }
            }
            None => {}
        }
    }

    /// Whether an error was reported.
    pub(crate) fn failed(&self) -> bool {
        !self.error.is_empty()
    }

    /// A page that was read from a cursor: its text as `Result`, how to go on, its numbers.
    pub(crate) fn paged(&mut self, page: Page) {
        self.put_page(Section::Result, page);
    }

    /// An answer that is only an error and what to do about it. Pictures, pages and results of the
    /// call go: a thrown error says nothing else. `Modal state` stays, it is what to do.
    pub(crate) fn thrown(mut self, error: &Error) -> Answer {
        let mut only = Self { modal: std::mem::take(&mut self.modal), ..Self::default() };
        // Wrong arguments are reported, wherever they were found out.
        let reported = error.code == Code::InvalidArguments && error.message.starts_with("Invalid arguments for tool");
        // Time-outs name their own kind, as clients of such servers know it.
        let exact = reported || error.message.starts_with("TimeoutError: ");
        only.error(if exact { error.message.clone() } else { format!("Error: {}", error.message) });
        only.fail(error);
        for line in self.next {
            only.next(line);
        }
        only.plain()
    }

    /// The code of `error` for programs, its advice for the model.
    pub(crate) fn fail(&mut self, error: &Error) {
        if let Ok(code) = serde_json::to_value(error.code) {
            self.meta("code", code);
        }
        if let Some(next) = &error.next {
            self.next.insert(0, next.clone());
        }
    }

    /// The answer without a session to keep the rest in: what is too long is cut, and it is said.
    pub(crate) fn plain(mut self) -> Answer {
        if let Some((section, body)) = self.large.take() {
            self.put(section, body.into_text());
        }
        self.write()
    }

    /// The answer, its longest body in pages.
    pub(crate) async fn finish(mut self, pager: &Pager<'_>) -> Answer {
        if let Some((section, body)) = self.large.take().or_else(|| self.longest()) {
            let page = pager.first_page(body).await;
            self.put_page(section, page);
        }
        self.write()
    }

    fn put_page(&mut self, section: Section, page: Page) {
        self.put(section, page.text);
        self.more = page.more;
        for line in page.next {
            self.next(line);
        }
        if let Some(Value::Object(numbers)) = page.meta {
            self.meta.extend(numbers);
        }
    }

    /// Takes the longest text out, if it is long enough to be worth asking how many tokens it has.
    fn longest(&mut self) -> Option<(Section, Body)> {
        const SHORT: usize = 2 * 1024;
        let result: usize = self.result.iter().map(String::len).sum();
        let snapshot = match &self.snapshot {
            Some(Snapshot::Yaml(text)) => text.len(),
            _ => 0,
        };
        if result.max(snapshot) < SHORT {
            return None;
        }
        if snapshot > result {
            let Some(Snapshot::Yaml(text)) = self.snapshot.take() else { return None };
            return Some((Section::Snapshot, Body::Text { text }));
        }
        Some((Section::Result, Body::Text { text: std::mem::take(&mut self.result).join("\n") }))
    }

    fn put(&mut self, section: Section, text: String) {
        match section {
            Section::Result => self.result.push(text),
            Section::Snapshot => self.snapshot = Some(Snapshot::Yaml(text)),
        }
    }

    fn write(mut self) -> Answer {
        let is_error = self.failed();
        let (snapshot, fence) = match self.snapshot.take() {
            Some(Snapshot::Yaml(text)) => (text, Some("yaml")),
            Some(Snapshot::Link(text)) => (text, None),
            None => (String::new(), None),
        };
        self.next.truncate(MAX_NEXT);
        let next: Vec<String> = self.next.iter().map(|line| format!("- {line}")).collect();
        let [error, result, code, tabs, page, modal, snapshots, events, more, nexts] = TITLES;
        let mut blocks = [
            Block::new(error, None, self.error.join("\n")),
            Block::new(result, None, self.result.join("\n")),
            Block::new(code, Some("js"), self.code.join("\n")),
            Block::new(tabs, None, self.tabs.join("\n")),
            Block::new(page, None, self.page.join("\n")),
            Block::new(modal, None, self.modal.join("\n")),
            Block::new(snapshots, fence, snapshot),
            Block::new(events, None, self.events.join("\n")),
            Block::new(more, None, self.more.join("\n")),
            Block::new(nexts, None, next.join("\n")),
        ];
        cap(&mut blocks);
        let mut told = Told::default();
        for block in &blocks {
            told.section(block.title, &block.body);
        }
        let told = told.text(self.images.len());
        let text: Vec<String> = blocks.iter().filter(|block| !block.body.is_empty()).map(Block::to_text).collect();
        Answer { text: text.join("\n"), images: self.images, is_error, meta: meta(self.meta), structured: false, told }
    }
}

/// One section.
struct Block {
    title: &'static str,
    fence: Option<&'static str>,
    body: String,
}

impl Block {
    fn new(title: &'static str, fence: Option<&'static str>, mut body: String) -> Self {
        // No final newline: what a tool ends with is not a line of its own.
        body.truncate(body.trim_end_matches('\n').len());
        if fence.is_none() {
            body = told_apart(body);
        }
        Self { title, fence, body }
    }

    fn to_text(&self) -> String {
        match self.fence {
            Some(language) => format!("### {}\n```{language}\n{}\n```", self.title, self.body),
            None => format!("### {}\n{}", self.title, self.body),
        }
    }
}

/// The titles of the sections, in their order.
const TITLES: [&str; 10] = [
    "Error",
    "Result",
    "Ran Playwright code",
    "Open tabs",
    "Page",
    "Modal state",
    "Snapshot",
    "Events",
    "More",
    "Next",
];

/// A body whose lines cannot be taken for the head of a section: pages write what they like into their console, their
/// exceptions and their text. A backslash before it is how Markdown says that a line is no heading.
fn told_apart(body: String) -> String {
    if !body.contains("### ") {
        return body;
    }
    let mut out = String::with_capacity(body.len() + 8);
    for line in body.split_inclusive(['\n', '\r']) {
        if line.strip_prefix("### ").is_some_and(|title| TITLES.contains(&title.trim_end())) {
            out.push('\\');
        }
        out.push_str(line);
    }
    out
}

/// Cuts the longest bodies until all fit; what was cut says so.
fn cap(blocks: &mut [Block]) {
    let budget = MAX_ANSWER - ENVELOPE;
    for _ in 0..blocks.len() {
        let sizes: Vec<usize> = blocks.iter().map(|block| escaped(&block.body)).collect();
        let total: usize = sizes.iter().sum();
        if total <= budget {
            return;
        }
        let Some((at, size)) = sizes.into_iter().enumerate().max_by_key(|(_, size)| *size) else { return };
        let Some(block) = blocks.get_mut(at) else { return };
        let keep = size.saturating_sub(total - budget);
        let mut room = keep;
        let mut end = 0;
        for c in block.body.chars() {
            let Some(left) = room.checked_sub(cost(c)) else { break };
            room = left;
            end += c.len_utf8();
        }
        let lost = block.body.len() - end;
        block.body.truncate(end);
        let _ = write!(block.body, "\n...({lost} bytes cut: an answer has at most 256 KiB)");
    }
}

/// What `c` takes in a JSON string.
const fn cost(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}

fn escaped(text: &str) -> usize {
    text.chars().map(cost).sum()
}

/// At most 2 KiB: the cursor and the code are what programs need most.
fn meta(mut meta: Map<String, Value>) -> Option<Value> {
    let size = |meta: &Map<String, Value>| serde_json::to_string(meta).map_or(0, |text| text.len());
    if size(&meta) > MAX_META {
        meta.retain(|name, _| matches!(name.as_str(), "cursor" | "code" | "total" | "from" | "to"));
    }
    if size(&meta) > MAX_META {
        meta.clear();
    }
    (!meta.is_empty()).then_some(Value::Object(meta))
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
