//! Taking a snapshot: asks the page script of every frame and joins the answers.

use std::{sync::Arc, time::Duration};

use chromiumoxide::cdp::browser_protocol::dom::DescribeNodeParams;
use ebb_core::{Code, Error, Result};
use futures::{FutureExt, future::BoxFuture};
use serde_json::json;

use super::{
    pipe::CALL,
    snapshot::{RenderOptions, Rendered, Tree, render},
    tab::{Returns, Tab},
    target::{self, Target},
};

/// Waits for a document that has no body yet.
const BODY: [u64; 5] = [0, 1, 2, 4, 8];

/// Frames below frames below frames: further down nobody looks.
const MAX_DEPTH: usize = 8;

/// Frames of one snapshot.
const MAX_FRAMES: usize = 100;

/// What to take a snapshot of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    /// Only this element and what is below it.
    pub(crate) target: Option<Target>,
    /// Levels to print.
    pub(crate) depth: Option<usize>,
    /// Print boxes.
    pub(crate) boxes: bool,
}

/// Takes a snapshot of `tab`.
///
/// # Errors
/// As [`Tab::script`]; a target that is gone.
pub(crate) async fn look(tab: &Arc<Tab>, look: &Look) -> Result<Rendered> {
    let main = tab.peek(|state| state.main_frame.clone());
    let frame = look.target.as_ref().map_or(main, |target| target.frame.clone());
    let root = look.target.as_ref().map(|target| target.local.clone());
    let mut frames_left = MAX_FRAMES;
    let tree = tree_of(tab, frame.clone(), root, look, MAX_DEPTH, &mut frames_left).await?;
    let options = RenderOptions { prefix: prefix(tab, &frame), depth: look.depth, boxes: look.boxes };
    Ok(render(&tree, &options))
}

fn prefix(tab: &Tab, frame: &str) -> String {
    match tab.peek(|state| state.frame_number(frame)) {
        None | Some(0) => String::new(),
        Some(number) => format!("f{number}"),
    }
}

fn tree_of<'a>(
    tab: &'a Arc<Tab>,
    frame: String,
    root: Option<String>,
    look: &'a Look,
    depth: usize,
    frames_left: &'a mut usize,
) -> BoxFuture<'a, Result<Tree>> {
    async move {
        let mut tree = document(tab, &frame, root.as_deref(), look).await?;
        if depth == 0 {
            return Ok(tree);
        }
        for (node, k) in tree.iframes().collect::<Vec<_>>() {
            if *frames_left == 0 {
                break;
            }
            *frames_left -= 1;
            let Some(child) = child_frame(tab, &frame, k).await else { continue };
            // A frame that cannot be read (another process, gone meanwhile) is printed empty.
            if let Ok(inner) = tree_of(tab, child.clone(), None, look, depth - 1, frames_left).await {
                tree.graft(node, inner, &prefix(tab, &child));
            }
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

/// The frame that the `k`-th iframe of the last snapshot shows, if it lives in this page's process.
async fn child_frame(tab: &Arc<Tab>, frame: &str, k: usize) -> Option<String> {
    let element =
        tab.script(Some(frame), "(k) => __ebb.frameElement(k)", &[json!(k)], Returns::Handle, CALL).await.ok()?;
    let node = tab.call(&DescribeNodeParams::builder().object_id(element.object_id?).build()).await.ok()?.node;
    let id = node.frame_id?.inner().clone();
    tab.peek(|state| state.frames.contains_key(&id)).then_some(id)
}
