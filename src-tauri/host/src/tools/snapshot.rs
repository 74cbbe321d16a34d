//! browser_snapshot.

use futures::FutureExt;
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::look::{self, Look, Mode};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_snapshot",
            "Page snapshot",
            "Accessibility snapshot of the page with refs to act on; better than a screenshot",
            || {
                Schema::new()
                    .optional("target", Kind::String)
                    .filename()
                    .optional("depth", Kind::at_least(0))
                    .optional("boxes", Kind::Bool)
                    .optional("mode", Kind::Enum(&["full", "diff", "interactive"]))
                    .optional("max_tokens", Kind::integer())
            },
            |call, args| async move { snapshot(call, &args).await }.boxed(),
        )
        .read_only(),
    ]
}

async fn snapshot(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let target = match args.text("target") {
        Some(given) => Some(page::target(&tab, given).await?),
        None => None,
    };
    let depth = args.integer("depth").and_then(|depth| usize::try_from(depth).ok());
    let mode = match args.text("mode") {
        Some("diff") => Mode::Diff,
        Some("interactive") => Mode::Interactive,
        _ => Mode::Full,
    };
    let look = Look { target, depth, boxes: args.flag("boxes") || call.options().output.boxes, mode };
    let seen = look::look(&tab, &look).await?;
    let side = page::side(call)?;
    page::tell_page(call, &side, &tab, true);
    if let Some(given) = args.text("filename").filter(|given| !given.is_empty()) {
        return page::link_snapshot(call, Some(given), &seen.rendered).await;
    }
    if let Some(why) = seen.whole_because {
        call.response.next(format!("This is the whole snapshot: {why}."));
    }
    page::put_snapshot(&mut call.response, seen);
    Ok(())
}
