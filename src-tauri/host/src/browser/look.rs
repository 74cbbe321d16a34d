//! Taking a snapshot: asks the page script of every frame and joins the answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ebb_core::{Code, Error, Result};
use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use serde_json::json;
use tokio::time::timeout;

use super::{
    pipe::CALL,
    snapshot::{RenderOptions, Rendered, Tree, diff, render},
    tab::Tab,
    tab_script::Returns,
    target::{self, Target},
};

/// Waits for a document that has no body yet.
const BODY: [u64; 5] = [0, 1, 2, 4, 8];

/// Frames below frames below frames: further down nobody looks.
const MAX_DEPTH: usize = 8;

/// Frames of one snapshot.
const MAX_FRAMES: usize = 100;

/// How long a frame may take to say what it shows; the page around it is told all the same.
const FRAME: Duration = Duration::from_secs(3);

/// What to take a snapshot of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    /// Only this element and what is below it.
    pub(crate) target: Option<Target>,
    /// Levels to print.
    pub(crate) depth: Option<usize>,
    /// Print boxes.
    pub(crate) boxes: bool,
    /// What of it is wanted.
    pub(crate) mode: Mode,
}

/// How much of a snapshot is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All of it.
    #[default]
    Full,
    /// What changed since the last one of the same thing.
    Diff,
    /// What takes input.
    Interactive,
    /// All of it, to look something up in: the client does not see it, so no later one is compared with it.
    Unseen,
}

/// A snapshot that a later one may be compared with.
#[derive(Debug)]
pub(crate) struct Base {
    /// Document, target, depth and boxes: only the same can be compared.
    key: String,
    text: String,
}

/// Bases that a tab keeps, the newest last.
const MAX_BASES: usize = 3;

/// Bytes of one of them; a longer snapshot is none.
const MAX_BASE: usize = 1024 * 1024;

/// A snapshot that was taken.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What is to be shown.
    pub(crate) rendered: Rendered,
    /// Why it is whole although what changed was asked for.
    pub(crate) whole_because: Option<&'static str>,
    /// It is what changed; `rendered` holds nothing else.
    pub(crate) is_diff: bool,
}

/// Takes a snapshot of `tab`.
///
/// # Errors
/// As [`Tab::script`]; a target that is gone.
pub(crate) async fn look(tab: &Arc<Tab>, look: &Look) -> Result<Seen> {
    let main = tab.peek(|state| state.main_frame.clone());
    let frame = look.target.as_ref().map_or(main, |target| target.frame.clone());
    let root = look.target.as_ref().map(|target| target.local.clone());
    let frames_left = AtomicUsize::new(MAX_FRAMES);
    let mut tree = tree_of(tab, frame.clone(), root, look, MAX_DEPTH, &frames_left).await?;
    // The browser itself tells a title late.
    let title = std::mem::take(&mut tree.title);
    tab.poke(|state| {
        if frame == state.main_frame {
            state.title = title;
        }
    });
    let prefix = tab.peek(|state| state.ref_prefix(&frame));
    let interactive = look.mode == Mode::Interactive;
    let options = RenderOptions { prefix, depth: look.depth, boxes: look.boxes, interactive };
    let rendered = render(&tree, &options);
    if interactive || look.mode == Mode::Unseen {
        return Ok(Seen { rendered, whole_because: None, is_diff: false });
    }
    let document = tab.peek(|state| (state.loader.clone(), state.ref_prefix(&frame)));
    let target = look.target.as_ref().map_or("", |target| target.given.as_str());
    let key = format!("{document:?} {target:?} {:?} {}", look.depth, look.boxes);
    let before = tab.keep_base(key, &rendered.text);
    if look.mode == Mode::Full {
        return Ok(Seen { rendered, whole_because: None, is_diff: false });
    }
    let whole = |rendered, why| Ok(Seen { rendered, whole_because: Some(why), is_diff: false });
    let Some(before) = before else {
        return whole(rendered, "there is no earlier one of this document to compare with");
    };
    match diff(&before, &rendered.text) {
        Some(changes) if changes.is_empty() || changes.len() < rendered.text.len() => {
            Ok(Seen { rendered: Rendered { text: changes, ..rendered }, whole_because: None, is_diff: true })
        }
        _ => whole(rendered, "most of it changed"),
    }
}

/// Remembers `text` as what was last seen of `key`; what was seen of it before.
pub(super) fn keep(bases: &mut Vec<Base>, key: String, text: &str) -> Option<String> {
    let before = bases.iter().position(|base| base.key == key).map(|index| bases.remove(index).text);
    if text.len() <= MAX_BASE {
        bases.push(Base { key, text: text.to_owned() });
        if bases.len() > MAX_BASES {
            bases.remove(0);
        }
    }
    before
}

/// The snapshot of one document, with those of its frames, which are asked side by side.
fn tree_of<'a>(
    tab: &'a Arc<Tab>,
    frame: String,
    root: Option<String>,
    look: &'a Look,
    depth: usize,
    frames_left: &'a AtomicUsize,
) -> BoxFuture<'a, Result<Tree>> {
    async move {
        let mut tree = document(tab, &frame, root.as_deref(), look).await?;
        if depth == 0 {
            return Ok(tree);
        }
        let below = tree.iframes().collect::<Vec<_>>().into_iter().map(|(node, k)| {
            let frame = &frame;
            async move {
                let one_less = |left: usize| left.checked_sub(1);
                frames_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok()?;
                let child = child_frame(tab, frame, k).await?;
                let inner = tree_of(tab, child.clone(), None, look, depth - 1, frames_left);
                // A frame that cannot be read (it hangs, it is gone meanwhile) is printed empty.
                let inner = timeout(FRAME, inner).await.ok()?.ok()?;
                Some((node, inner, tab.peek(|state| state.ref_prefix(&child))))
            }
        });
        for (node, inner, prefix) in join_all(below).await.into_iter().flatten() {
            tree.graft(node, inner, &prefix);
        }
        Ok(tree)
    }
    .boxed()
}

async fn document(tab: &Arc<Tab>, frame: &str, root: Option<&str>, look: &Look) -> Result<Tree> {
    let options = json!({"root": root, "boxes": look.boxes});
    let mut tree = Tree::default();
    for seconds in BODY {
        // The shortest sleep there is takes a millisecond and more.
        if seconds > 0 {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        // As text: Chromium takes much longer to turn a large object into values itself.
        let answer =
            tab.ask(Some(frame), "(o) => JSON.stringify(__ebb.snapshot(o))", std::slice::from_ref(&options)).await?;
        let text = answer.as_str().unwrap_or_default();
        let unreadable = |error| {
            Error::new(Code::Internal, format!("the page's snapshot cannot be read: {error}")).next("Navigate again.")
        };
        tree = serde_json::from_str(text).map_err(unreadable)?;
        if !tree.ok {
            let refusal = serde_json::from_str(text).map_err(unreadable)?;
            if let Some(target) = &look.target {
                target::refused(target, &refusal)?;
            }
            return Err(Error::new(Code::Internal, "the page cannot be read").next("Navigate again."));
        }
        if tree.ready {
            break;
        }
    }
    Ok(tree)
}

/// The frame that the `k`-th iframe of the last snapshot of `frame` shows.
async fn child_frame(tab: &Arc<Tab>, frame: &str, k: usize) -> Option<String> {
    let element =
        tab.script(Some(frame), "(k) => __ebb.frameElement(k)", &[json!(k)], Returns::Handle, CALL).await.ok()?;
    target::frame_in(tab, frame, element.object_id?).await
}
