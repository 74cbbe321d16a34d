//! The mouse by coordinates: a tab remembers where it is and which buttons are held.

use std::{sync::Arc, time::Duration};

use chromiumoxide::cdp::browser_protocol::input::{DispatchMouseEventParams, DispatchMouseEventType, MouseButton};
use ebb_core::{Code, Error, Result};

use super::{input::Button, tab::Tab};

/// Steps of a drag: pages look for movement, not for arrival.
const STEPS: u32 = 5;

/// Where the mouse of a tab is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Mouse {
    x: f64,
    y: f64,
    /// Bits of held buttons as in the DevTools protocol.
    held: i64,
}

/// The button's name in the DevTools protocol, and its bit.
const fn bit(button: Button) -> (MouseButton, i64) {
    match button {
        Button::Left => (MouseButton::Left, 1),
        Button::Right => (MouseButton::Right, 2),
        Button::Middle => (MouseButton::Middle, 4),
    }
}

fn button_of(held: i64) -> MouseButton {
    match held {
        held if held & 1 != 0 => MouseButton::Left,
        held if held & 2 != 0 => MouseButton::Right,
        held if held & 4 != 0 => MouseButton::Middle,
        _ => MouseButton::None,
    }
}

/// Sends one event. A dialog that it opened is what it was for.
async fn dispatch(tab: &Arc<Tab>, event: &DispatchMouseEventParams) -> Result<()> {
    match tab.unless_modal(tab.call(event)).await {
        Err(error) if error.code != Code::ModalState => Err(error),
        _ => Ok(()),
    }
}

/// Moves it.
///
/// # Errors
/// As any call to the tab.
pub(crate) async fn move_to(tab: &Arc<Tab>, x: f64, y: f64) -> Result<()> {
    let held = {
        let mut mouse = tab.mouse.lock();
        (mouse.x, mouse.y) = (x, y);
        mouse.held
    };
    let mut event = DispatchMouseEventParams::new(DispatchMouseEventType::MouseMoved, x, y);
    (event.button, event.buttons) = (Some(button_of(held)), Some(held));
    dispatch(tab, &event).await
}

/// Presses or releases a button where the mouse is; `count` is 2 for the second half of a double click.
///
/// # Errors
/// As any call to the tab.
pub(crate) async fn press(tab: &Arc<Tab>, button: Button, down: bool, count: i64) -> Result<()> {
    let (name, bit) = bit(button);
    let mouse = {
        let mut mouse = tab.mouse.lock();
        mouse.held = if down { mouse.held | bit } else { mouse.held & !bit };
        *mouse
    };
    let kind = if down { DispatchMouseEventType::MousePressed } else { DispatchMouseEventType::MouseReleased };
    let mut event = DispatchMouseEventParams::new(kind, mouse.x, mouse.y);
    (event.button, event.buttons, event.click_count) = (Some(name), Some(mouse.held), Some(count));
    dispatch(tab, &event).await
}

/// Clicks `count` times, holding the button for `delay`.
///
/// # Errors
/// As any call to the tab.
pub(crate) async fn click(tab: &Arc<Tab>, x: f64, y: f64, button: Button, count: i64, delay: Duration) -> Result<()> {
    move_to(tab, x, y).await?;
    for count in 1..=count {
        press(tab, button, true, count).await?;
        // The shortest sleep there is takes a millisecond and more.
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        press(tab, button, false, count).await?;
    }
    Ok(())
}

/// Presses the left button at one point and releases it at another.
///
/// # Errors
/// As any call to the tab.
pub(crate) async fn drag(tab: &Arc<Tab>, from: (f64, f64), to: (f64, f64)) -> Result<()> {
    move_to(tab, from.0, from.1).await?;
    press(tab, Button::Left, true, 1).await?;
    for step in 1..=STEPS {
        let part = f64::from(step) / f64::from(STEPS);
        let moved = move_to(tab, from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part).await;
        if moved.is_err() {
            // No button stays held because of an error.
            drop(press(tab, Button::Left, false, 1).await);
            return moved;
        }
    }
    press(tab, Button::Left, false, 1).await
}

/// Turns the wheel where the mouse is, in CSS pixels.
///
/// # Errors
/// As any call to the tab.
pub(crate) async fn wheel(tab: &Arc<Tab>, x: f64, y: f64) -> Result<()> {
    let mouse = *tab.mouse.lock();
    let mut event = DispatchMouseEventParams::new(DispatchMouseEventType::MouseWheel, mouse.x, mouse.y);
    (event.delta_x, event.delta_y) = (Some(x), Some(y));
    dispatch(tab, &event).await
}

/// The coordinates if they are some that a page can have.
///
/// # Errors
/// [`Code::InvalidArguments`] otherwise.
pub(crate) fn point(x: f64, y: f64) -> Result<(f64, f64)> {
    let fine = |n: f64| n.is_finite() && n.abs() <= 1_000_000.0;
    if fine(x) && fine(y) {
        return Ok((x, y));
    }
    Err(Error::new(Code::InvalidArguments, format!("({x}, {y}) is no point of a page")).next("Give CSS pixels."))
}
