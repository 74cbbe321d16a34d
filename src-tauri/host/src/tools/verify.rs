//! browser_generate_locator, browser_verify_*: what a test would say and assert of the page.

use std::{sync::Arc, time::Duration};

use ebb_core::{Code, Error};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    acting::locator,
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::{
    browser::{Tab, target::Target},
    options::Cap,
};

/// How long an assertion may take to come true, unless the client said otherwise.
const EXPECT: Duration = Duration::from_secs(5);

/// How often it is looked at.
const AGAIN: Duration = Duration::from_millis(100);

/// How long a frame may take to say what it has.
const FRAME: Duration = Duration::from_secs(3);

const FIELDS: &[&str] = &["textbox", "checkbox", "radio", "combobox", "slider"];

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let all = [
        ToolSpec::browser(
            "browser_generate_locator",
            "Generate a locator",
            "A locator of the element for use in tests",
            || Schema::new().target(),
            |call, args| async move { generate(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_verify_element_visible",
            "Verify an element is visible",
            "Verify that an element of this role and name is visible",
            || Schema::new().required("role", Kind::String).required("accessibleName", Kind::String),
            |call, args| async move { element(call, args.must("role"), args.must("accessibleName")).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_verify_text_visible",
            "Verify a text is visible",
            "Verify that a text is visible",
            || Schema::new().required("text", Kind::String),
            |call, args| async move { text(call, args.must("text")).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_verify_list_visible",
            "Verify a list is visible",
            "Verify that a list has these items",
            || {
                Schema::new()
                    .required("element", Kind::String)
                    .required("target", Kind::String)
                    .required("items", Kind::list(Kind::String))
            },
            |call, args| async move { list(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_verify_value",
            "Verify a value",
            "Verify what a field holds; \"true\" or \"false\" for checkboxes and radios",
            || {
                Schema::new()
                    .required("type", Kind::Enum(FIELDS))
                    .required("element", Kind::String)
                    .required("target", Kind::String)
                    .required("value", Kind::String)
            },
            |call, args| async move { value(call, &args).await }.boxed(),
        ),
    ];
    all.into_iter().map(|spec| spec.cap(Cap::Testing).read_only()).collect()
}

/// Looks again and again until `look` gives nothing to complain about; then the last complaint is reported.
async fn expect<F>(call: &mut ToolCall, mut look: impl FnMut() -> F) -> Result<(), ToolError>
where
    F: Future<Output = Result<Option<String>, Error>>,
{
    let end = Instant::now() + call.options().timeouts.expect.unwrap_or(EXPECT);
    loop {
        let Some(complaint) = look().await? else { return Ok(()) };
        if Instant::now() + AGAIN >= end {
            call.response.error(complaint);
            call.response.fail(
                &Error::new(Code::Timeout, "").next("Take a snapshot with browser_snapshot to see what is there."),
            );
            return Err(ToolError::Reported);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Whether any frame has an element for `selector`.
async fn anywhere(tab: &Arc<Tab>, selector: &str) -> Result<bool, Error> {
    let main = tab.peek(|state| state.main_frame.clone());
    let frames: Vec<String> = tab.peek(|state| state.frames.keys().cloned().collect());
    let main = main.as_str();
    let ask = |frame: String| async move {
        let arguments = [json!(selector)];
        let asked = tab.ask(Some(&frame), "(s) => __ebb.count(s)", &arguments);
        let count = |answer: Value| answer.get("count").and_then(Value::as_u64).unwrap_or_default();
        if frame == main {
            return asked.await.map(count);
        }
        // A frame that went, that hangs, or that lies where it cannot be read, has nothing to show.
        Ok(timeout(FRAME, asked).await.ok().and_then(Result::ok).map_or(0, count))
    };
    let mut counts: FuturesUnordered<_> = frames.into_iter().map(ask).collect();
    while let Some(count) = counts.next().await {
        if count? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn done(call: &mut ToolCall, code: String) {
    call.response.result("Done");
    call.response.code(code);
}

async fn generate(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let target = page::target(&tab, args.must("target")).await?;
    let locator = locator(&tab, &target).await;
    call.response.result(locator);
    Ok(())
}

async fn element(call: &mut ToolCall, role: &str, name: &str) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let locator = format!("getByRole({}, {{ name: {} }})", page::quoted(role), page::quoted(name));
    expect(call, || async {
        let there = anywhere(&tab, &locator).await?;
        Ok((!there).then(|| format!("Element with role \"{role}\" and accessible name \"{name}\" not found")))
    })
    .await?;
    done(call, format!("await expect(page.{locator}).toBeVisible();"));
    Ok(())
}

async fn text(call: &mut ToolCall, text: &str) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let locator = format!("getByText({})", page::quoted(text));
    let visible = format!("{locator}.filter({{ visible: true }})");
    expect(call, || async {
        let there = anywhere(&tab, &visible).await?;
        Ok((!there).then(|| "Text not found".to_owned()))
    })
    .await?;
    done(call, format!("await expect(page.{locator}).toBeVisible();"));
    Ok(())
}

async fn list(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let target = page::target(&tab, args.must("target")).await?;
    let items = args.texts("items").unwrap_or_default();
    expect(call, || async {
        let answer = target.ask(&tab, "(t, i) => __ebb.missingItem(t, i)", &[json!(items)]).await?;
        gone(&target, &answer)?;
        Ok(answer.get("missing").and_then(Value::as_str).map(|missing| format!("Item \"{missing}\" not found")))
    })
    .await?;
    let lines: Vec<String> = items.iter().map(|item| format!("  - listitem: {}", Value::from(*item))).collect();
    let locator = locator(&tab, &target).await;
    done(call, format!("await expect(page.{locator}).toMatchAriaSnapshot(`\n- list:\n{}\n`);", lines.join("\n")));
    Ok(())
}

/// The error for an element that went while it was looked at.
fn gone(target: &Target, answer: &Value) -> Result<(), Error> {
    if answer.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    Err(Error::new(Code::TargetUnknown, format!("\"{}\" does not match any elements.", target.given))
        .next("Take a new snapshot with browser_snapshot and use a ref from it."))
}

async fn value(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let target = page::target(&tab, args.must("target")).await?;
    let (wanted, checkable) = (args.must("value"), matches!(args.must("type"), "checkbox" | "radio"));
    // Anything but "true" asks for an empty box.
    let expected = if checkable { (wanted == "true").to_string() } else { wanted.to_owned() };
    expect(call, || async {
        let answer = target.ask(&tab, "(t) => __ebb.controlState(t)", &[]).await?;
        gone(&target, &answer)?;
        let held = match answer.get("checked").and_then(Value::as_bool) {
            Some(checked) if checkable => Some(checked.to_string()),
            _ if checkable => None,
            _ => answer.get("value").and_then(Value::as_str).map(str::to_owned),
        };
        let held = held.ok_or_else(|| no_field(checkable))?;
        Ok((held != expected).then(|| format!("Expected value \"{wanted}\", but got \"{held}\"")))
    })
    .await?;
    let locator = locator(&tab, &target).await;
    let assertion = match (checkable, expected.as_str()) {
        (false, _) => format!("toHaveValue({})", page::quoted(wanted)),
        (true, "true") => "toBeChecked()".to_owned(),
        (true, _) => "not.toBeChecked()".to_owned(),
    };
    done(call, format!("await expect(page.{locator}).{assertion};"));
    Ok(())
}

fn no_field(checkable: bool) -> Error {
    let what = if checkable {
        "Not a checkbox or radio button"
    } else {
        "Node is not an <input>, <textarea> or <select> element"
    };
    Error::new(Code::InvalidArguments, what).next("Point at the field itself, with its own type.")
}
