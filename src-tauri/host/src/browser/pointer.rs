//! What a pointer does besides clicking: hover over elements, drag them, drop things on them.

use std::{borrow::Cow, sync::Arc, time::Duration};

use chromiumoxide::{
    cdp::browser_protocol::input::{
        DispatchDragEventReturns, DispatchMouseEventParams, DispatchMouseEventType, MouseButton,
        SetInterceptDragsParams,
    },
    types::{Command, Method},
};
use ebb_core::{Code, Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    input::{self, Ready},
    tab::Tab,
    target::Target,
};

/// How long the browser may take to hand over what a page drags.
const HANDED_OVER: Duration = Duration::from_secs(2);

/// One event of a drag. The typed one of the protocol's library leaves out an empty list of items, which
/// Chromium insists on.
#[derive(Debug, Clone, Serialize)]
struct DragEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    x: f64,
    y: f64,
    data: &'a Value,
}

impl Method for DragEvent<'_> {
    fn identifier(&self) -> Cow<'static, str> {
        "Input.dispatchDragEvent".into()
    }
}

impl Command for DragEvent<'_> {
    type Response = DispatchDragEventReturns;
}

/// Moves the pointer over `target`.
///
/// # Errors
/// As [`input::ready`].
pub(crate) async fn hover(tab: &Arc<Tab>, target: &Target, deadline: Duration) -> Result<()> {
    let at = input::ready(tab, target, "hover", deadline).await?;
    mouse(tab, DispatchMouseEventType::MouseMoved, at.x, at.y, false).await
}

/// Drags `from` onto `to`: with the pointer, and as the page's own drag where it has one.
///
/// # Errors
/// As [`input::ready`] for both; [`Code::ModalState`] when a dialog opened.
pub(crate) async fn drag(tab: &Arc<Tab>, from: &Target, to: &Target, deadline: Duration) -> Result<()> {
    let end = Instant::now() + deadline;
    tab.call(&SetInterceptDragsParams::new(true)).await?;
    let dragged = drag_between(tab, from, to, end).await;
    // Whatever came of it, the page's drags are the browser's own again.
    tab.post(&SetInterceptDragsParams::new(false));
    dragged
}

async fn drag_between(tab: &Arc<Tab>, from: &Target, to: &Target, end: Instant) -> Result<()> {
    let left = || end.saturating_duration_since(Instant::now());
    let start = input::ready(tab, from, "hover", left()).await?;
    tab.poke(|state| state.dragged = None);
    from.ask(tab, "() => __ebb.watchEvent('dragstart')", &[]).await?;
    mouse(tab, DispatchMouseEventType::MouseMoved, start.x, start.y, false).await?;
    mouse(tab, DispatchMouseEventType::MousePressed, start.x, start.y, true).await?;
    let goal = match input::ready(tab, to, "hover", left()).await {
        Ok(goal) => goal,
        Err(error) => {
            tab.post(&mouse_event(DispatchMouseEventType::MouseReleased, start.x, start.y, true));
            return Err(error);
        }
    };
    // Libraries that drag by pointer want to see it travel; a native drag begins after a few pixels.
    for part in [0.1, 0.5] {
        let (x, y) = (start.x + (goal.x - start.x) * part, start.y + (goal.y - start.y) * part);
        mouse(tab, DispatchMouseEventType::MouseMoved, x, y, true).await?;
    }
    let seen = from.ask(tab, "() => __ebb.watchedEvent()", &[]).await?;
    let native = seen.get("prevented").and_then(Value::as_bool) == Some(false);
    if native && tab.until(HANDED_OVER, |state| state.dragged.is_some()).await {
        let data = tab.poke(|state| state.dragged.take()).unwrap_or_default();
        for kind in ["dragEnter", "dragOver", "dragOver", "drop"] {
            drag_event(tab, kind, &goal, &data).await?;
        }
        return Ok(());
    }
    mouse(tab, DispatchMouseEventType::MouseMoved, goal.x, goal.y, true).await?;
    mouse(tab, DispatchMouseEventType::MouseMoved, goal.x, goal.y, true).await?;
    mouse(tab, DispatchMouseEventType::MouseReleased, goal.x, goal.y, true).await
}

/// Drops `files` and `data` (MIME type and text) on `target`, as if dragged from outside the browser.
///
/// # Errors
/// As [`input::ready`]; an element that takes no drops.
pub(crate) async fn drop_on(
    tab: &Arc<Tab>,
    target: &Target,
    files: &[String],
    data: &[(String, String)],
    deadline: Duration,
) -> Result<()> {
    let at = input::ready(tab, target, "hover", deadline).await?;
    let items: Vec<Value> = data.iter().map(|(mime, text)| json!({"mimeType": mime, "data": text})).collect();
    let dragged = json!({"items": items, "files": files, "dragOperationsMask": 1});
    target.ask(tab, "() => __ebb.watchEvent('dragover')", &[]).await?;
    drag_event(tab, "dragEnter", &at, &dragged).await?;
    drag_event(tab, "dragOver", &at, &dragged).await?;
    let seen = target.ask(tab, "() => __ebb.watchedEvent()", &[]).await?;
    if seen.get("prevented").and_then(Value::as_bool) != Some(true) {
        // A page that takes no drops would be replaced by what is dropped on it.
        drag_event(tab, "dragCancel", &at, &dragged).await?;
        return Err(Error::new(Code::InvalidArguments, "The element does not accept the drop")
            .next("Drop on the element that listens for drops, or use browser_file_upload."));
    }
    drag_event(tab, "drop", &at, &dragged).await
}

async fn drag_event(tab: &Arc<Tab>, kind: &'static str, at: &Ready, data: &Value) -> Result<()> {
    let event = DragEvent { kind, x: at.x, y: at.y, data };
    tab.unless_modal(tab.call(&event)).await.map(drop)
}

fn mouse_event(kind: DispatchMouseEventType, x: f64, y: f64, down: bool) -> DispatchMouseEventParams {
    let released = kind == DispatchMouseEventType::MouseReleased;
    let moved = kind == DispatchMouseEventType::MouseMoved;
    let mut event = DispatchMouseEventParams::new(kind, x, y);
    if down {
        event.button = Some(MouseButton::Left);
        event.buttons = Some(i64::from(!released));
        event.click_count = Some(i64::from(!moved));
    }
    event
}

async fn mouse(tab: &Arc<Tab>, kind: DispatchMouseEventType, x: f64, y: f64, down: bool) -> Result<()> {
    tab.unless_modal(tab.call(&mouse_event(kind, x, y, down))).await.map(drop)
}
