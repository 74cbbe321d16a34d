//! browser_click, browser_type.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::{
    self, Tab,
    input::{self, Button, Click},
    settle,
    target::Target,
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

/// The element and how code names it.
async fn found(call: &ToolCall, args: &Value) -> Result<(Arc<Tab>, Target, String), ToolError> {
    let tab = page::tab(call).await?;
    let target = page::target(&tab, args.must("target")).await?;
    let locator = locator(&tab, &target).await;
    Ok((tab, target, locator))
}

/// How code names an element: for people, so a page that does not answer costs only the name.
pub(crate) async fn locator(tab: &Arc<Tab>, target: &Target) -> String {
    let named = browser::target::locator(tab, target).await;
    named.unwrap_or_else(|| format!("locator({})", page::quoted(&target.given)))
}

async fn click(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (tab, target, locator) = found(call, args).await?;
    let held = args.texts("modifiers").unwrap_or_default();
    let bits = held.iter().map(|name| match *name {
        "Alt" => 1,
        "Control" => 2,
        "ControlOrMeta" => {
            if cfg!(target_os = "macos") {
                4
            } else {
                2
            }
        }
        "Meta" => 4,
        _ => 8,
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
    input::click(&tab, &target, click, call.action_timeout()).await?;
    let method = if click.double { "dblclick" } else { "click" };
    call.response.code(format!("await page.{locator}.{method}({});", click_options(button, &held)));
    settle::settle(&tab, before).await;
    page::after_action(call, &tab, true).await
}

/// `{ button: 'right', modifiers: ['Shift'] }` as code, over several lines; nothing for a plain click.
fn click_options(button: &str, held: &[&str]) -> String {
    let mut names: Vec<&str> =
        held.iter().map(|name| if matches!(*name, "Control" | "Meta") { "ControlOrMeta" } else { *name }).collect();
    names.sort_unstable();
    names.dedup();
    let mut parts = Vec::new();
    if button != "left" {
        parts.push(format!("  button: '{button}'"));
    }
    if !names.is_empty() {
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        parts.push(format!("  modifiers: [{}]", names.join(", ")));
    }
    if parts.is_empty() { String::new() } else { format!("{{\n{}\n}}", parts.join(",\n")) }
}

async fn type_text(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (tab, target, locator) = found(call, args).await?;
    let text = args.must("text");
    let (slowly, submit) = (args.flag("slowly"), args.flag("submit"));
    let before = settle::before(&tab);
    let deadline = call.action_timeout();
    let typed = if slowly {
        input::type_slowly(&tab, &target, text, deadline).await
    } else {
        input::fill(&tab, &target, text, deadline).await
    };
    let opened = |error: &ebb_core::Error| error.code == ebb_core::Code::ModalState;
    match typed {
        Err(error) if opened(&error) => {}
        other => other?,
    }
    let method = if slowly { "pressSequentially" } else { "fill" };
    call.response.code(format!("await page.{locator}.{method}({});", page::quoted(text)));
    if submit && tab.modal().is_none() {
        call.response.code(format!("await page.{locator}.press('Enter');"));
        match input::enter(&tab).await {
            Err(error) if opened(&error) => {}
            other => other?,
        }
    }
    if slowly || submit {
        settle::settle(&tab, before).await;
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
