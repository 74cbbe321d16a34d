//! A page as Markdown: the page script gives clean HTML, frames one by one, and it is converted here.

use std::{fmt::Write as _, sync::Arc, thread};

use chromiumoxide::cdp::browser_protocol::dom::DescribeNodeParams;
use ebb_core::{Code, Error, Result};
use futures::{FutureExt, future::BoxFuture};
use htmd::{
    HtmlToMarkdown,
    options::{BulletListMarker, Options},
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    pipe::CALL,
    tab::Tab,
    tab_script::Returns,
    target::{self, Target},
};

/// Frames below frames: further down nobody reads.
const MAX_DEPTH: usize = 4;

/// Frames of one reading.
const MAX_FRAMES: usize = 50;

/// Bytes of Markdown of one reading.
const MAX_TEXT: usize = 8 * 1024 * 1024;

/// The converter goes down by recursion; the page script bounds how deep, this is room for that.
const STACK: usize = 8 * 1024 * 1024;

/// What to read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// Only this element.
    pub(crate) target: Option<Target>,
    /// Links with their addresses, and pictures.
    pub(crate) links: bool,
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Read {
    /// Markdown.
    pub(crate) text: String,
    /// Why it ends early, if it does.
    pub(crate) note: Option<String>,
}

/// One document as the page script gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    ok: bool,
    html: String,
    title: String,
    frames: usize,
    truncated: String,
}

/// Reads `tab`.
///
/// # Errors
/// As [`Tab::ask`]; a target that is gone.
pub(crate) async fn read(tab: &Arc<Tab>, reading: &Reading) -> Result<Read> {
    let main = tab.peek(|state| state.main_frame.clone());
    let frame = reading.target.as_ref().map_or(main, |target| target.frame.clone());
    let root = reading.target.as_ref().map(|target| target.local.clone());
    let mut budget = Budget { frames: MAX_FRAMES, bytes: MAX_TEXT, note: None };
    let mut title = String::new();
    let mut text = document(tab, frame, root, reading, 0, &mut budget, Some(&mut title)).await?;
    let headed = text.lines().any(|line| line.starts_with("# "));
    if reading.target.is_none() && !headed && !title.is_empty() {
        text = format!("# {}\n\n{text}", ebb_core::sessions::clean_text(&title, 300));
    }
    Ok(Read { text: text.trim_end().to_owned(), note: budget.note })
}

struct Budget {
    frames: usize,
    bytes: usize,
    note: Option<String>,
}

fn document<'a>(
    tab: &'a Arc<Tab>,
    frame: String,
    root: Option<String>,
    reading: &'a Reading,
    depth: usize,
    budget: &'a mut Budget,
    title: Option<&'a mut String>,
) -> BoxFuture<'a, Result<String>> {
    async move {
        let token = token()?;
        // Inside a frame everything counts: it is part of what its page is about.
        let options = json!({"root": root, "links": reading.links, "whole": depth > 0, "frameToken": token});
        let answer = tab.ask(Some(&frame), "(o) => JSON.stringify(__ebb.readable(o))", &[options]).await?;
        let answer = answer.as_str().unwrap_or_default();
        let unreadable = |error| {
            Error::new(Code::Internal, format!("the page's text cannot be read: {error}")).next("Navigate again.")
        };
        let document: Document = serde_json::from_str(answer).map_err(unreadable)?;
        if !document.ok {
            if let Some(target) = &reading.target {
                target::refused(target, &serde_json::from_str(answer).map_err(unreadable)?)?;
            }
            return Err(Error::new(Code::Internal, "the page cannot be read").next("Navigate again."));
        }
        if !document.truncated.is_empty() {
            budget.note.get_or_insert(document.truncated);
        }
        if let Some(title) = title {
            *title = document.title;
        }
        let text = markdown(document.html).await?;
        budget.bytes = budget.bytes.saturating_sub(text.len());
        if document.frames == 0 {
            return Ok(text);
        }
        let mut whole = String::with_capacity(text.len());
        let mut parts = text.split(token.as_str());
        whole.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, rest) = part.split_at(digits);
            let inner = match number.parse() {
                Ok(k) => inner(tab, &frame, k, reading, depth, budget).await,
                Err(_) => None,
            };
            if let Some(inner) = inner {
                // Writing to a string cannot fail.
                write!(whole, "{}", inner.trim()).unwrap_or_default();
            }
            whole.push_str(rest);
        }
        Ok(whole)
    }
    .boxed()
}

/// What the frame says; none for one that cannot be read or is one too many.
async fn inner(
    tab: &Arc<Tab>,
    frame: &str,
    k: usize,
    reading: &Reading,
    depth: usize,
    budget: &mut Budget,
) -> Option<String> {
    if depth >= MAX_DEPTH || budget.frames == 0 || budget.bytes == 0 {
        budget.note.get_or_insert_with(|| "the page has more frames, or more text, than are read".to_owned());
        return None;
    }
    budget.frames -= 1;
    let child = child_frame(tab, frame, k).await?;
    document(tab, child, None, reading, depth + 1, budget, None).await.ok()
}

async fn child_frame(tab: &Arc<Tab>, frame: &str, k: usize) -> Option<String> {
    let element =
        tab.script(Some(frame), "(k) => __ebb.readFrame(k)", &[json!(k)], Returns::Handle, CALL).await.ok()?;
    let node = tab.call(&DescribeNodeParams::builder().object_id(element.object_id?).build()).await.ok()?.node;
    let id = node.frame_id?.inner().clone();
    tab.peek(|state| state.frames.contains_key(&id)).then_some(id)
}

/// A word that no page can know.
fn token() -> Result<String> {
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| Error::new(Code::Internal, format!("no randomness: {error}")))?;
    Ok(bytes.iter().fold("EBBFRAME".to_owned(), |text, byte| format!("{text}{byte:02x}")) + "x")
}

/// Converts in a thread with room for what is nested.
async fn markdown(html: String) -> Result<String> {
    let (answer, answered) = oneshot::channel();
    let convert = move || drop(answer.send(convert(&html)));
    let failed = || Error::new(Code::Internal, "the page's text could not be converted").next("Use browser_snapshot.");
    thread::Builder::new().name("ebb-read".to_owned()).stack_size(STACK).spawn(convert).map_err(|_| failed())?;
    answered.await.ok().flatten().ok_or_else(failed)
}

fn convert(html: &str) -> Option<String> {
    let options = Options {
        bullet_list_marker: BulletListMarker::Dash,
        ul_bullet_spacing: 1,
        ol_number_spacing: 1,
        ..Options::default()
    };
    let text = HtmlToMarkdown::builder().options(options).build().convert(html).ok()?;
    Some(tidy(&text))
}

/// No spaces at the ends of lines, no two empty lines in a row; code stays as it is.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut empty, mut fence) = (true, None);
    for line in text.lines() {
        let mark = line.trim_start();
        let ticks = mark.len() - mark.trim_start_matches('`').len();
        match fence {
            Some(open) if ticks >= open && mark.len() == ticks => fence = None,
            None if ticks >= 3 => fence = Some(ticks),
            _ => {}
        }
        let line = if fence.is_some() { line } else { line.trim_end() };
        let is_empty = line.is_empty();
        if is_empty && empty && fence.is_none() {
            continue;
        }
        empty = is_empty;
        out.push_str(line);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_script_gives_becomes_markdown() {
        let cases = [
            ("<h2>Head</h2><p></p>text<p></p>more", "## Head\n\ntext\n\nmore"),
            ("<ul><li>one</li><li>two<ul><li>in</li></ul></li></ul>", "- one\n- two\n  - in"),
            ("<ol start=\"3\"><li>a</li><li>b</li></ol>", "3. a\n4. b"),
            ("<p><a href=\"http://h/\">here</a> <strong>b</strong> <code>c</code></p>", "[here](http://h/) **b** `c`"),
            (
                "<pre><code class=\"language-rs\">fn a() {\n\n\n    1\n}</code></pre>",
                "```rs\nfn a() {\n\n\n    1\n}\n```",
            ),
            (
                "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>",
                "| A | B |\n| - | - |\n| 1 | 2 |",
            ),
            ("<blockquote><p>said</p></blockquote>", "> said"),
        ];
        for (html, expected) in cases {
            assert_eq!(convert(html).unwrap(), expected, "{html}");
        }
    }

    #[tokio::test]
    async fn what_is_deep_or_long_is_converted_all_the_same() {
        let deep = format!("{}x{}", "<blockquote>".repeat(60), "</blockquote>".repeat(60));
        assert!(markdown(deep).await.unwrap().contains('x'));
        let long = "<p>word</p>".repeat(100_000);
        assert_eq!(markdown(long).await.unwrap().matches("word").count(), 100_000);
    }
}
