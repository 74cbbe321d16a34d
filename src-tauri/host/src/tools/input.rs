//! browser_click, browser_type.

use futures::FutureExt;
use serde_json::Value;

use super::{
    acting::{found, locator, secret, settled, unless_opened},
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::{
    input::{self, Button, Click},
    keys, settle,
};

/// The keys that can be held, in the order they are printed.
const MODIFIERS: &[&str] = &["Alt", "Control", "ControlOrMeta", "Meta", "Shift"];

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_click",
            "Click",
            "Click an element of the page",
            || {
                Schema::new()
                    .target()
                    .optional("doubleClick", Kind::Bool)
                    .optional("button", Kind::Enum(&["left", "right", "middle"]))
                    .optional("modifiers", Kind::list(Kind::Enum(MODIFIERS)))
            },
            |call, args| async move { click(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_type",
            "Type text",
            "Type text into an editable element, replacing what it holds",
            || {
                Schema::new()
                    .target()
                    .required("text", Kind::String)
                    .optional("submit", Kind::Bool)
                    .optional("slowly", Kind::Bool)
            },
            |call, args| async move { type_text(call, &args).await }.boxed(),
        ),
    ]
}

async fn click(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let target = page::target(&tab, args.must("target")).await?;
    let held = args.texts("modifiers").unwrap_or_default();
    let bits = held.iter().map(|name| match *name {
        "Alt" => keys::ALT,
        "Control" => keys::CONTROL,
        "ControlOrMeta" => keys::CONTROL_OR_META,
        "Meta" => keys::META,
        _ => keys::SHIFT,
    });
    let button = args.text("button").unwrap_or("left");
    let click = Click {
        button: match button {
            "right" => Button::Right,
            "middle" => Button::Middle,
            _ => Button::Left,
        },
        double: args.flag("doubleClick"),
        modifiers: bits.fold(0, |all, bit| all | bit),
    };
    let before = settle::before(&tab);
    let timeout = call.action_timeout();
    let locator = if tab.peek(|state| state.main_frame == target.frame) {
        // The name is asked for first, so the page gives it before the click, without costing the click a round trip.
        let (locator, clicked) = tokio::join!(locator(&tab, &target), input::click(&tab, &target, click, timeout));
        clicked?;
        locator
    } else {
        // Through frames it takes several questions.
        let locator = locator(&tab, &target).await;
        input::click(&tab, &target, click, timeout).await?;
        locator
    };
    let method = if click.double { "dblclick" } else { "click" };
    call.response.code(format!("await page.{locator}.{method}({});", click_options(button, &held)));
    settled(call, &tab, before).await;
    page::after_action(call, &tab, true).await
}

/// `{ button: 'right', modifiers: ['Shift'] }` as code, over several lines; nothing for a plain click.
fn click_options(button: &str, held: &[&str]) -> String {
    let mut names: Vec<&str> =
        held.iter().map(|name| if matches!(*name, "Control" | "Meta") { "ControlOrMeta" } else { *name }).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<String> = names.iter().map(|name| page::quoted(name)).collect();
    let button = (button != "left").then(|| page::quoted(button));
    let modifiers = (!names.is_empty()).then(|| format!("[{}]", names.join(", ")));
    page::object(&[("button", button), ("modifiers", modifiers)])
}

async fn type_text(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (tab, target, locator) = found(call, args).await?;
    let (text, shown) = secret(call, args.must("text"));
    let (slowly, submit) = (args.flag("slowly"), args.flag("submit"));
    let before = settle::before(&tab);
    let deadline = call.action_timeout();
    let typed = if slowly {
        input::type_slowly(&tab, &target, &text, deadline).await
    } else {
        input::fill(&tab, &target, &text, deadline).await
    };
    unless_opened(typed)?;
    let method = if slowly { "pressSequentially" } else { "fill" };
    call.response.code(format!("await page.{locator}.{method}({shown});"));
    if submit && tab.modal().is_none() {
        call.response.code(format!("await page.{locator}.press('Enter');"));
        unless_opened(input::enter(&tab).await)?;
    }
    if slowly || submit {
        settled(call, &tab, before).await;
    }
    page::after_action(call, &tab, slowly || submit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_usual_is_printed() {
        assert_eq!(click_options("left", &[]), "");
        assert_eq!(
            click_options("right", &["Shift", "Control"]),
            "{\n  button: 'right',\n  modifiers: ['ControlOrMeta', 'Shift']\n}"
        );
    }
}
