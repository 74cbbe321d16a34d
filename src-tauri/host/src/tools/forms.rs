//! browser_select_option, browser_fill_form.

use std::sync::Arc;

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
use crate::browser::{Tab, choose, input, settle};

/// What a field of a form can be.
pub(crate) const FIELDS: &[&str] = &["textbox", "checkbox", "radio", "combobox", "slider"];

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_select_option",
            "Select options",
            "Select options of a dropdown by value or label",
            || Schema::new().target().required("values", Kind::list(Kind::String)),
            |call, args| async move { select(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_fill_form",
            "Fill a form",
            "Fill several fields at once",
            || Schema::new().required("fields", Kind::list(Kind::Object(field()))),
            |call, args| async move { fill(call, &args).await }.boxed(),
        ),
    ]
}

fn field() -> Schema {
    Schema::new()
        .target()
        .required("name", Kind::String)
        .required("type", Kind::Enum(FIELDS))
        .required("value", Kind::String)
        .describe("checkbox and radio: true or false; combobox: the label")
}

async fn select(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (tab, target, locator) = found(call, args).await?;
    let values = args.texts("values").unwrap_or_default();
    let before = settle::before(&tab);
    unless_opened(choose::select(&tab, &target, &values, call.action_timeout()).await)?;
    let names: Vec<String> = values.iter().map(|value| page::quoted(value)).collect();
    let names = if let [one] = names.as_slice() { one.clone() } else { format!("[{}]", names.join(", ")) };
    call.response.code(format!("await page.{locator}.selectOption({names});"));
    settled(call, &tab, before).await;
    page::after_action(call, &tab, true).await
}

async fn fill(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    for field in args.get("fields").and_then(Value::as_array).into_iter().flatten() {
        fill_field(call, &tab, field).await?;
        if tab.modal().is_some() {
            break;
        }
    }
    page::after_action(call, &tab, false).await
}

async fn fill_field(call: &mut ToolCall, tab: &Arc<Tab>, field: &Value) -> Result<(), ToolError> {
    let target = page::target(tab, field.must("target")).await?;
    let locator = locator(tab, &target).await;
    let (value, deadline) = (field.must("value"), call.action_timeout());
    let (typed, shown) = secret(call, value);
    let (done, code) = match field.must("type") {
        "checkbox" | "radio" => {
            let checked = value == "true";
            let method = if checked { "check" } else { "uncheck" };
            (choose::set_checked(tab, &target, checked, deadline).await, format!("{method}()"))
        }
        "combobox" => (choose::select(tab, &target, &[&typed], deadline).await, format!("selectOption({shown})")),
        _ => (input::fill(tab, &target, &typed, deadline).await, format!("fill({shown})")),
    };
    unless_opened(done)?;
    call.response.code(format!("await page.{locator}.{code};"));
    Ok(())
}
