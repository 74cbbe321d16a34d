//! browser_evaluate.

use std::time::Duration;

use chromiumoxide::cdp::js_protocol::runtime::{
    EvaluateParams, ExecutionContextId, RemoteObject, TerminateExecutionParams,
};
use ebb_core::{Code, Error, cursors::Body};
use futures::FutureExt;
use serde_json::Value;

use super::{
    acting::{locator, settled},
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    response::Section,
    saving,
    schema::{Kind, Schema},
};
use crate::browser::{Returns, Tab, checked, function_call, settle, target::Target};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![ToolSpec::browser(
        "browser_evaluate",
        "Evaluate JavaScript",
        "Run JavaScript in the page or on an element: () => {...} or (element) => {...}",
        || Schema::new().maybe_target().required("function", Kind::String).filename(),
        |call, args| async move { evaluate(call, &args).await }.boxed(),
    )]
}

async fn evaluate(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let source = args.must("function").trim();
    let target = match args.text("target") {
        Some(given) => Some(page::target(&tab, given).await?),
        None => None,
    };
    let before = settle::before(&tab);
    let deadline = call.host.settings.calls.browser_silent;
    let function = as_function(source);
    let result = tab.unless_modal(Box::pin(run(&tab, target.as_ref(), &function, deadline))).await;
    let receiver = match &target {
        Some(target) => format!("{}.", locator(&tab, target).await),
        None => String::new(),
    };
    match result {
        Ok(value) => {
            let text = value.unwrap_or_else(|| "undefined".to_owned());
            if !saving::saved(call, args, "Evaluation result", &text).await? {
                call.response.large(Section::Result, Body::Text { text });
            }
        }
        Err(error) if error.code == Code::ModalState => {}
        Err(error) => return Err(error.into()),
    }
    call.response.code(format!("await page.{receiver}evaluate({});", page::quoted(&function)));
    settled(call, &tab, before).await;
    page::after_action(call, &tab, false).await
}

/// An expression is called too: it becomes the body of a function.
fn as_function(source: &str) -> String {
    let source = source.trim_end_matches(';').trim();
    let head = source.split("=>").next().unwrap_or_default().trim();
    let arrow = source.contains("=>") && {
        let head = head.strip_prefix("async").map_or(head, str::trim);
        (head.starts_with('(') && head.ends_with(')') && balanced(head))
            || (!head.is_empty() && head.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$')))
    };
    let function = ["function", "async function"]
        .iter()
        .any(|word| source.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '(', '*', '\n'])));
    if arrow || function { source.to_owned() } else { format!("() => ({source})") }
}

/// Whether the first parenthesis closes with the last character.
fn balanced(head: &str) -> bool {
    let mut depth = 0_i32;
    for (index, character) in head.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && index + 1 < head.len() {
            return false;
        }
    }
    depth == 0
}

/// The result as JSON with two spaces; none for `undefined`.
async fn run(
    tab: &std::sync::Arc<Tab>,
    target: Option<&Target>,
    function: &str,
    deadline: Duration,
) -> ebb_core::Result<Option<String>> {
    let main = tab.peek(|state| state.main_frame.clone());
    let frame = target.map_or(main, |target| target.frame.clone());
    let context =
        tab.peek(|state| state.frames.get(&frame).and_then(|frame| frame.main_world)).map(ExecutionContextId::new);
    let element = match target {
        Some(target) => Some(target.object(tab).await?),
        None => None,
    };
    // The page's own JSON decides what a value looks like, in one round trip. Where the page has put something else in
    // its place, or taught its arrays and texts to write themselves otherwise, the browser does.
    // Its function is made outside of the one around it, whose names are none of its own.
    let wrapped = format!(
        "function() {{ return (async (made, given) => {{ \
         const value = await made({}); \
         if (value === undefined) return undefined; \
         if (typeof JSON !== 'object' || typeof JSON?.stringify !== 'function' || [].toJSON || {{}}.toJSON || ''.toJSON) return [value]; \
         let text; \
         try {{ text = JSON.stringify(value, null, 2); }} catch (error) {{ if (error instanceof TypeError) throw error; return [value]; }} \
         return text === undefined || typeof text === 'string' ? text : [value]; \
         }})(({function}), this); }}",
        if element.is_some() { "given" } else { "" }
    );
    let answered = if element.is_some() {
        let call = function_call(&wrapped, &[], Returns::Value, None, element);
        tab.call_in_within(&frame, &call, deadline).await.map(|answer| (answer.result, answer.exception_details))
    } else {
        let mut evaluate = EvaluateParams::new(format!("({wrapped})()"));
        evaluate.context_id = context;
        evaluate.await_promise = Some(true);
        evaluate.return_by_value = Some(true);
        evaluate.user_gesture = Some(true);
        tab.call_in_within(&frame, &evaluate, deadline).await.map(|answer| (answer.result, answer.exception_details))
    };
    let (result, exception) = match answered {
        Ok(answer) => answer,
        Err(error) if error.code == Code::Timeout => {
            // A page that computes for ever would be deaf to the next call too.
            drop(tab.call_in_within(&frame, &TerminateExecutionParams::default(), Duration::from_secs(1)).await);
            return Err(Error::new(
                Code::Timeout,
                format!("Timeout {}ms exceeded while evaluating; the script was stopped", deadline.as_millis()),
            )
            .next("Evaluate something that ends sooner, or navigate away."));
        }
        Err(error) => return Err(error),
    };
    let RemoteObject { value, .. } =
        checked(result, exception.as_ref()).map_err(|error| Error::new(error.code, first_line(&error.message)))?;
    Ok(match value {
        Some(Value::String(text)) => Some(text),
        Some(Value::Array(only)) => only.first().and_then(|value| serde_json::to_string_pretty(value).ok()),
        _ => None,
    })
}

/// The exception itself; the stack below it is of Ebb's wrapper.
fn first_line(message: &str) -> String {
    message.lines().take_while(|line| !line.trim_start().starts_with("at ")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_become_functions_and_functions_stay() {
        for (given, meant) in [
            ("() => 1", "() => 1"),
            ("async (a, b) => { return a }", "async (a, b) => { return a }"),
            ("element => element.id", "element => element.id"),
            ("function () { return 1 }", "function () { return 1 }"),
            ("({a}) => a", "({a}) => a"),
            ("document.title", "() => (document.title)"),
            ("document.title;", "() => (document.title)"),
            ("[1,2].map(x => x)", "() => ([1,2].map(x => x))"),
            ("(1 + 2) * list.map(x => x)", "() => ((1 + 2) * list.map(x => x))"),
        ] {
            assert_eq!(as_function(given), meant);
        }
    }
}
