//! browser_mouse_*_xy: the mouse by coordinates, for models that look at screenshots.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use super::{
    acting::settled,
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::{
    browser::{input::Button, mouse, settle},
    options::Cap,
};

/// The most clicks of one call, and the longest that each may take.
const MAX_CLICKS: f64 = 10.0;
const MAX_DELAY: f64 = 2_000.0;

const BUTTONS: Kind = Kind::Enum(&["left", "right", "middle"]);

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let all = [
        ToolSpec::browser(
            "browser_mouse_move_xy",
            "Move the mouse",
            "Move the mouse to a point of the viewport",
            || Schema::new().required("x", Kind::Number).required("y", Kind::Number),
            |call, args| async move { move_to(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_mouse_click_xy",
            "Click at a point",
            "Click at a point of the viewport",
            || {
                Schema::new()
                    .required("x", Kind::Number)
                    .required("y", Kind::Number)
                    .optional("button", BUTTONS)
                    .optional("clickCount", Kind::Number)
                    .optional("delay", Kind::Number)
                    .describe("ms between press and release")
            },
            |call, args| async move { click(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_mouse_drag_xy",
            "Drag between points",
            "Drag with the left button from one point to another",
            || {
                let schema = Schema::new().required("startX", Kind::Number).required("startY", Kind::Number);
                schema.required("endX", Kind::Number).required("endY", Kind::Number)
            },
            |call, args| async move { drag(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_mouse_down",
            "Press a mouse button",
            "Press a mouse button where the mouse is",
            || Schema::new().optional("button", BUTTONS),
            |call, args| async move { press(call, &args, true).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_mouse_up",
            "Release a mouse button",
            "Release a mouse button where the mouse is",
            || Schema::new().optional("button", BUTTONS),
            |call, args| async move { press(call, &args, false).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_mouse_wheel",
            "Turn the wheel",
            "Scroll where the mouse is, in CSS pixels",
            || Schema::new().default("deltaX", Kind::Number, 0).default("deltaY", Kind::Number, 0),
            |call, args| async move { wheel(call, &args).await }.boxed(),
        ),
    ];
    all.into_iter().map(|spec| spec.cap(Cap::Vision)).collect()
}

fn point(args: &Value, x: &str, y: &str) -> Result<(f64, f64), ebb_core::Error> {
    mouse::point(args.number(x).unwrap_or_default(), args.number(y).unwrap_or_default())
}

fn button(args: &Value) -> Button {
    match args.text("button") {
        Some("right") => Button::Right,
        Some("middle") => Button::Middle,
        _ => Button::Left,
    }
}

/// The given options as code, with a comma in front where there is something before them.
fn options(args: &Value, names: &[&str]) -> String {
    let mut given = json!({});
    for name in names {
        if let Some(value) = args.get(*name) {
            given[*name] = value.clone();
        }
    }
    if given.as_object().is_some_and(|given| !given.is_empty()) { page::literal(&given) } else { String::new() }
}

async fn move_to(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (x, y) = point(args, "x", "y")?;
    let tab = page::tab(call).await?;
    mouse::move_to(&tab, x, y).await?;
    call.response.code(format!("await page.mouse.move({x}, {y});"));
    page::after_action(call, &tab, false).await
}

async fn click(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (x, y) = point(args, "x", "y")?;
    let count = args.number("clickCount").unwrap_or(1.0).clamp(1.0, MAX_CLICKS) as i64;
    let delay = Duration::from_secs_f64(args.number("delay").unwrap_or_default().clamp(0.0, MAX_DELAY) / 1_000.0);
    let tab = page::tab(call).await?;
    let before = settle::before(&tab);
    mouse::click(&tab, x, y, button(args), count, delay).await?;
    let options = options(args, &["button", "clickCount", "delay"]);
    let joint = if options.is_empty() { "" } else { ", " };
    call.response.code(format!("await page.mouse.click({x}, {y}{joint}{options});"));
    settled(call, &tab, before).await;
    page::after_action(call, &tab, true).await
}

async fn drag(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (from, to) = (point(args, "startX", "startY")?, point(args, "endX", "endY")?);
    let tab = page::tab(call).await?;
    let before = settle::before(&tab);
    mouse::drag(&tab, from, to).await?;
    call.response.code(format!("await page.mouse.move({}, {});", from.0, from.1));
    call.response.code("await page.mouse.down();");
    call.response.code(format!("await page.mouse.move({}, {});", to.0, to.1));
    call.response.code("await page.mouse.up();");
    settled(call, &tab, before).await;
    page::after_action(call, &tab, true).await
}

async fn press(call: &mut ToolCall, args: &Value, down: bool) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    mouse::press(&tab, button(args), down, 1).await?;
    let what = if down { "down" } else { "up" };
    call.response.code(format!("await page.mouse.{what}({});", options(args, &["button"])));
    page::after_action(call, &tab, false).await
}

async fn wheel(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (x, y) = point(args, "deltaX", "deltaY")?;
    let tab = page::tab(call).await?;
    mouse::wheel(&tab, x, y).await?;
    call.response.code(format!("await page.mouse.wheel({x}, {y});"));
    page::after_action(call, &tab, false).await
}
