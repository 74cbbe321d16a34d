//! Acting on elements as a person would: wait until it can be done, then trusted input.

use std::{sync::Arc, time::Duration};

use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType, InsertTextParams,
    MouseButton,
};
use ebb_core::{Code, Error, Result};
use futures::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    keys,
    tab::Tab,
    target::{self, Target},
};

/// Waits between tries; the last one repeats.
const RETRIES: [u64; 5] = [0, 20, 100, 100, 500];

/// How long a page may take to let go of what it guards.
const UNGUARD: Duration = Duration::from_millis(300);

/// Reasons told when the time is up.
const REASONS: usize = 10;

/// How to click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Click {
    /// Which button.
    pub(crate) button: Button,
    /// Twice?
    pub(crate) double: bool,
    /// Alt 1, Control 2, Meta 4, Shift 8.
    pub(crate) modifiers: i64,
}

/// A mouse button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    /// The usual one.
    Left,
    /// The one of context menus.
    Right,
    /// The wheel.
    Middle,
}

impl Button {
    fn cdp(self) -> (MouseButton, i64) {
        match self {
            Self::Left => (MouseButton::Left, 1),
            Self::Right => (MouseButton::Right, 2),
            Self::Middle => (MouseButton::Middle, 4),
        }
    }
}

/// An element that is ready to be acted on.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// Where to point, in the viewport.
    pub(crate) x: f64,
    /// Where to point, in the viewport.
    pub(crate) y: f64,
    /// What the page script says about it.
    pub(crate) about: Value,
}

/// Waits until `target` can be acted on in the way of `kind` (`click`, `hover`, `fill`, `select`).
///
/// # Errors
/// The wire texts of unknown targets; at the deadline what stood in the way.
pub(crate) async fn ready(tab: &Arc<Tab>, target: &Target, kind: &str, deadline: Duration) -> Result<Ready> {
    ready_for(tab, target, kind, false, deadline).await
}

/// The same; `guarded` has the page swallow input that lands on something else, until it is told otherwise.
async fn ready_for(tab: &Arc<Tab>, target: &Target, kind: &str, guarded: bool, deadline: Duration) -> Result<Ready> {
    let end = Instant::now() + deadline;
    let mut reasons: Vec<String> = Vec::new();
    for attempt in 0_usize.. {
        let wait = RETRIES.get(attempt).or(RETRIES.last()).copied().unwrap_or_default();
        if Instant::now() + Duration::from_millis(wait) >= end {
            break;
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let options = json!({"kind": kind, "attempt": attempt, "guarded": guarded});
        let asked = tokio::time::timeout_at(end, target.ask(tab, "(t, o) => __ebb.ready(t, o)", &[options])).await;
        let Ok(answer) = asked else { break };
        let answer = answer?;
        target::refused(target, &answer)?;
        let number = |name: &str| answer.get(name).and_then(Value::as_f64).unwrap_or_default();
        let mut reason = answer.get("reason").and_then(Value::as_str).unwrap_or("element is not ready").to_owned();
        if answer.get("state").and_then(Value::as_str) == Some("ready") {
            match target::to_viewport(tab, &target.frame, number("x"), number("y")).await {
                Ok((x, y)) => return Ok(Ready { x, y, about: answer }),
                Err(error) if error.code == Code::Timeout => reason = error.message,
                Err(error) => return Err(error),
            }
        }
        if reasons.last() != Some(&reason) {
            reasons.push(reason);
        }
    }
    Err(late(deadline, &reasons))
}

fn late(deadline: Duration, reasons: &[String]) -> Error {
    let mut text = format!("TimeoutError: Timeout {}ms exceeded.", deadline.as_millis());
    if !reasons.is_empty() {
        text.push_str("\nCall log:");
        for reason in reasons.iter().rev().take(REASONS).rev() {
            text.push_str("\n- ");
            text.push_str(reason);
        }
    }
    let covering = reasons.iter().rev().find(|reason| reason.contains("intercepts pointer events"));
    let next = match covering {
        Some(_) => "Close or move what covers the element, then try again.",
        None => "Take a new snapshot with browser_snapshot to see what the page shows now.",
    };
    Error::new(Code::Timeout, text).next(next)
}

/// Clicks `target`. A click that would land on something else is swallowed and tried again.
///
/// # Errors
/// As [`ready`]; a dialog that opened.
pub(crate) async fn click(tab: &Arc<Tab>, target: &Target, click: Click, deadline: Duration) -> Result<()> {
    let end = Instant::now() + deadline;
    let mut reasons = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late(deadline, &reasons));
        }
        let at = match ready_for(tab, target, "click", true, left).await {
            Ok(at) => at,
            Err(error) => {
                // Nothing will be clicked: what people do there is theirs again. A page that hangs hears it later.
                drop(tokio::time::timeout(UNGUARD, target.ask(tab, "() => __ebb.unguard()", &[])).await);
                return Err(relabel(error, deadline));
            }
        };
        let clicked = press(tab, at.x, at.y, click).await;
        if let Err(error) = &clicked
            && error.code == Code::ModalState
        {
            // The click opened it: that is a click that worked.
            return Ok(());
        }
        if clicked.is_err() && tab.closed.is_cancelled() {
            // So is one that closed its own tab.
            return Ok(());
        }
        clicked?;
        let landed = target.ask(tab, "() => __ebb.unguard()", &[]).await;
        match landed.as_ref().ok().and_then(|landed| landed.get("hit")).and_then(Value::as_bool) {
            Some(false) => {
                let reason =
                    landed.ok().and_then(|landed| landed.get("reason").and_then(Value::as_str).map(str::to_owned));
                reasons.push(reason.unwrap_or_else(|| "the click landed elsewhere".to_owned()));
            }
            // Without an answer the page has moved on, which is what clicks are for.
            Some(true) | None => return Ok(()),
        }
    }
}

/// The time shown is the whole action's, not what was left of it.
fn relabel(error: Error, deadline: Duration) -> Error {
    match error.message.split_once("ms exceeded.") {
        Some((_, rest)) if error.message.starts_with("TimeoutError:") => {
            Error { message: format!("TimeoutError: Timeout {}ms exceeded.{rest}", deadline.as_millis()), ..error }
        }
        _ => error,
    }
}

async fn press(tab: &Arc<Tab>, x: f64, y: f64, click: Click) -> Result<()> {
    let event = |kind, button, count| mouse(tab, kind, x, y, button, count, click.modifiers);
    let mut events = vec![event(DispatchMouseEventType::MouseMoved, None, 0)];
    for count in 1..=if click.double { 2 } else { 1 } {
        events.push(event(DispatchMouseEventType::MousePressed, Some(click.button), count));
        events.push(event(DispatchMouseEventType::MouseReleased, Some(click.button), count));
    }
    // All at once and in this order: the answer to a move comes only with the next frame.
    try_join_all(events).await.map(drop)
}

async fn mouse(
    tab: &Arc<Tab>,
    kind: DispatchMouseEventType,
    x: f64,
    y: f64,
    button: Option<Button>,
    count: i64,
    modifiers: i64,
) -> Result<()> {
    let released = kind == DispatchMouseEventType::MouseReleased;
    let mut event = DispatchMouseEventParams::new(kind, x, y);
    event.modifiers = Some(modifiers);
    if let Some(button) = button {
        let (name, bit) = button.cdp();
        event.button = Some(name);
        event.buttons = Some(if released { 0 } else { bit });
        event.click_count = Some(count);
    }
    tab.unless_modal(tab.call(&event)).await.map(drop)
}

/// Replaces what `target` holds by `text`.
///
/// # Errors
/// As [`ready`]; an element that takes no text.
pub(crate) async fn fill(tab: &Arc<Tab>, target: &Target, text: &str, deadline: Duration) -> Result<()> {
    let at = ready(tab, target, "fill", deadline).await?;
    if at.about.get("fill").and_then(Value::as_str) == Some("value") {
        let set = target.ask(tab, "(t, v) => __ebb.setValue(t, v)", &[json!(text)]).await?;
        if set.get("error").and_then(Value::as_str) == Some("malformed_value") {
            return Err(Error::new(Code::InvalidArguments, "Malformed value")
                .next("Dates are YYYY-MM-DD, times HH:MM, colours #rrggbb, ranges a number within their bounds."));
        }
        return target::refused(target, &set);
    }
    let focused = target.ask(tab, "(t) => __ebb.focusForFill(t)", &[]).await?;
    target::refused(target, &focused)?;
    if text.is_empty() {
        return key(tab, "Delete", "Delete", 46, None).await;
    }
    tab.unless_modal(tab.call(&InsertTextParams::new(text))).await.map(drop)
}

/// Types `text` into `target`, a key at a time, after what it holds.
///
/// # Errors
/// As [`ready`].
pub(crate) async fn type_slowly(tab: &Arc<Tab>, target: &Target, text: &str, deadline: Duration) -> Result<()> {
    ready(tab, target, "plain", deadline).await?;
    target.ask(tab, "(t) => __ebb.focus(t)", &[]).await?;
    for character in text.chars() {
        type_character(tab, character).await?;
    }
    Ok(())
}

async fn type_character(tab: &Arc<Tab>, character: char) -> Result<()> {
    match keys::of_character(character) {
        Some(stroke) => keys::press(tab, &[stroke]).await,
        None => tab.unless_modal(tab.call(&InsertTextParams::new(character.to_string()))).await.map(drop),
    }
}

/// Presses Enter where the focus is.
///
/// # Errors
/// As any call to the tab.
pub(crate) async fn enter(tab: &Arc<Tab>) -> Result<()> {
    key(tab, "Enter", "Enter", 13, Some("\r")).await
}

async fn key(tab: &Arc<Tab>, name: &str, code: &str, number: i64, text: Option<&str>) -> Result<()> {
    for down in [true, false] {
        let kind = match (down, text) {
            (true, Some(_)) => DispatchKeyEventType::KeyDown,
            (true, None) => DispatchKeyEventType::RawKeyDown,
            (false, _) => DispatchKeyEventType::KeyUp,
        };
        let mut event = DispatchKeyEventParams::new(kind);
        event.key = Some(name.to_owned());
        event.code = Some(code.to_owned());
        event.windows_virtual_key_code = Some(number);
        if let (true, Some(text)) = (down, text) {
            event.text = Some(text.to_owned());
            event.unmodified_text = Some(text.to_owned());
        }
        tab.unless_modal(tab.call(&event)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_deadline_and_what_stood_in_the_way() {
        let error = late(
            Duration::from_secs(5),
            &["element is not visible".to_owned(), "<div id=\"x\"> intercepts pointer events".to_owned()],
        );
        assert_eq!(
            error.message,
            "TimeoutError: Timeout 5000ms exceeded.\nCall log:\n- element is not visible\n- <div id=\"x\"> intercepts pointer events"
        );
        assert!(
            relabel(error, Duration::from_secs(9))
                .message
                .starts_with("TimeoutError: Timeout 9000ms exceeded.\nCall log:")
        );
    }
}
