//! Copies what a page reports (console, exceptions, requests) into its session's bounded buffers.
//!
//! Runs inside the reader of the pipe: it awaits nothing, and what it keeps is bounded by the buffers.

use ebb_core::devtools::{Buffers, ConsoleEntry, Level, RequestStart, Response};
use serde_json::Value;

/// Events that somebody here reads; all others are dropped before they are parsed.
const WANTED: &[&str] = &[
    "Target.attachedToTarget",
    "Target.detachedFromTarget",
    "Target.targetInfoChanged",
    "Target.targetCrashed",
    "Page.frameAttached",
    "Page.frameDetached",
    "Page.frameNavigated",
    "Page.navigatedWithinDocument",
    "Page.lifecycleEvent",
    "Page.frameRequestedNavigation",
    "Page.frameScheduledNavigation",
    "Page.frameClearedScheduledNavigation",
    "Page.frameStoppedLoading",
    "Page.javascriptDialogOpening",
    "Page.javascriptDialogClosed",
    "Page.fileChooserOpened",
    "Runtime.executionContextCreated",
    "Runtime.executionContextDestroyed",
    "Runtime.executionContextsCleared",
    "Runtime.consoleAPICalled",
    "Runtime.exceptionThrown",
    "Log.entryAdded",
    "Input.dragIntercepted",
    "Network.requestWillBeSent",
    "Network.responseReceived",
    "Network.dataReceived",
    "Network.loadingFinished",
    "Network.loadingFailed",
    "Tracing.dataCollected",
    "Inspector.targetCrashed",
];

/// Whether an event is worth parsing.
pub(crate) fn is_wanted(method: &str) -> bool {
    WANTED.contains(&method)
}

/// Takes in one event of the tab `tab`; `whole_page` is false for those of a frame in another process.
pub(crate) fn capture(buffers: &Buffers, tab: u32, whole_page: bool, method: &str, params: &Value) {
    match method {
        // Told for the whole page already.
        "Page.javascriptDialogOpening" | "Page.javascriptDialogClosed" if !whole_page => {}
        "Runtime.consoleAPICalled" => buffers.console(tab, console_entry(params)),
        "Runtime.exceptionThrown" => buffers.console(tab, exception_entry(params)),
        "Log.entryAdded" => {
            if let Some(entry) = log_entry(params) {
                buffers.console(tab, entry);
            }
        }
        "Page.javascriptDialogOpening" => {
            let default = params.pointer("/defaultPrompt").and_then(Value::as_str);
            buffers.dialog_opened(tab, text(params, "/type"), text(params, "/message"), default);
        }
        "Page.javascriptDialogClosed" => buffers.dialog_closed(tab),
        // The request for a document carries its loader's id; it is the first of the new page.
        "Page.frameNavigated" if whole_page && params.pointer("/frame/parentId").is_none() => {
            buffers.navigated_by(tab, text(params, "/frame/loaderId"));
        }
        "Network.requestWillBeSent" => request(buffers, tab, params),
        "Network.responseReceived" => {
            buffers.request_response(tab, text(params, "/requestId"), response(params, "/response"));
        }
        "Network.loadingFinished" => buffers.request_finished(tab, text(params, "/requestId"), milliseconds(params)),
        "Network.loadingFailed" => {
            buffers.request_failed(tab, text(params, "/requestId"), text(params, "/errorText"), milliseconds(params));
        }
        _ => {}
    }
}

fn text<'a>(params: &'a Value, pointer: &str) -> &'a str {
    params.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn milliseconds(params: &Value) -> f64 {
    params.pointer("/timestamp").and_then(Value::as_f64).unwrap_or_default() * 1000.0
}

fn request(buffers: &Buffers, tab: u32, params: &Value) {
    let id = text(params, "/requestId");
    let start = RequestStart {
        id: id.to_owned(),
        method: text(params, "/request/method").to_owned(),
        url: format!("{}{}", text(params, "/request/url"), text(params, "/request/urlFragment")),
        resource_type: text(params, "/type").to_lowercase(),
        headers: headers(params.pointer("/request/headers")),
        body: params.pointer("/request/postData").and_then(Value::as_str).map(str::to_owned),
        at_ms: milliseconds(params),
    };
    if params.pointer("/redirectResponse").is_some() {
        buffers.request_redirected(tab, id, response(params, "/redirectResponse"), start);
        return;
    }
    buffers.request_started(tab, start);
}

fn response(params: &Value, at: &str) -> Response {
    let field = |name: &str| params.pointer(&format!("{at}/{name}"));
    let words = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Response {
        status: field("status").and_then(Value::as_u64).unwrap_or_default() as u16,
        status_text: words("statusText"),
        mime_type: words("mimeType"),
        headers: headers(field("headers")),
    }
}

fn headers(value: Option<&Value>) -> Vec<(String, String)> {
    let Some(Value::Object(map)) = value else { return Vec::new() };
    map.iter()
        .map(|(name, value)| (name.to_lowercase(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

fn console_entry(params: &Value) -> ConsoleEntry {
    let kind = match text(params, "/type") {
        "startGroup" | "startGroupCollapsed" => "group",
        "endGroup" => "groupend",
        "timeEnd" => "time",
        other => other,
    };
    let words: Vec<String> =
        params.pointer("/args").and_then(Value::as_array).into_iter().flatten().map(argument).collect();
    ConsoleEntry {
        level: level_of(kind),
        kind: kind.to_owned(),
        text: words.join(" "),
        url: text(params, "/stackTrace/callFrames/0/url").to_owned(),
        line: params.pointer("/stackTrace/callFrames/0/lineNumber").and_then(Value::as_u64).unwrap_or_default() as u32,
        at_ms: params.pointer("/timestamp").and_then(Value::as_f64).unwrap_or_default(),
        exception: false,
    }
}

fn level_of(kind: &str) -> Level {
    match kind {
        "error" | "assert" => Level::Error,
        "warning" => Level::Warning,
        "log" | "info" | "count" | "dir" | "dirxml" | "table" | "time" => Level::Info,
        _ => Level::Debug,
    }
}

/// One console argument as the console shows it.
fn argument(value: &Value) -> String {
    match value.pointer("/value") {
        Some(Value::String(text)) => return text.clone(),
        Some(Value::Null) | None => {}
        Some(other) => return other.to_string(),
    }
    if let Some(special) = value.pointer("/unserializableValue").and_then(Value::as_str) {
        return special.to_owned();
    }
    if let Some(preview) = value.pointer("/preview").filter(|preview| text(preview, "/subtype") != "error") {
        return preview_text(preview);
    }
    match (text(value, "/type"), text(value, "/subtype")) {
        ("undefined", _) => "undefined".to_owned(),
        (_, "null") => "null".to_owned(),
        _ => text(value, "/description").to_owned(),
    }
}

fn preview_text(preview: &Value) -> String {
    let is_array = text(preview, "/subtype") == "array";
    let Some(properties) = preview.pointer("/properties").and_then(Value::as_array) else {
        return text(preview, "/description").to_owned();
    };
    if !is_array && !matches!(text(preview, "/description"), "Object" | "") {
        return text(preview, "/description").to_owned();
    }
    let shown = properties.iter().map(|property| {
        let value = text(property, "/value");
        if is_array { value.to_owned() } else { format!("{}: {value}", text(property, "/name")) }
    });
    let inside = shown.collect::<Vec<_>>().join(", ");
    if is_array { format!("[{inside}]") } else { format!("{{{inside}}}") }
}

fn exception_entry(params: &Value) -> ConsoleEntry {
    let stack = params.pointer("/exceptionDetails/exception/description").and_then(Value::as_str);
    let value = params.pointer("/exceptionDetails/exception").map(argument);
    ConsoleEntry {
        level: Level::Error,
        kind: "error".to_owned(),
        text: stack.map(str::to_owned).or(value).unwrap_or_else(|| text(params, "/exceptionDetails/text").to_owned()),
        url: text(params, "/exceptionDetails/url").to_owned(),
        line: params.pointer("/exceptionDetails/lineNumber").and_then(Value::as_u64).unwrap_or_default() as u32,
        at_ms: params.pointer("/timestamp").and_then(Value::as_f64).unwrap_or_default(),
        exception: true,
    }
}

/// What the browser itself says, such as a resource that failed to load.
fn log_entry(params: &Value) -> Option<ConsoleEntry> {
    if text(params, "/entry/source") == "worker" {
        return None;
    }
    let kind = match text(params, "/entry/level") {
        "verbose" => "debug",
        other => other,
    };
    Some(ConsoleEntry {
        level: level_of(kind),
        kind: kind.to_owned(),
        text: text(params, "/entry/text").to_owned(),
        url: text(params, "/entry/url").to_owned(),
        line: params.pointer("/entry/lineNumber").and_then(Value::as_u64).unwrap_or_default() as u32,
        at_ms: params.pointer("/entry/timestamp").and_then(Value::as_f64).unwrap_or_default(),
        exception: false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_read_as_in_the_console() {
        let cases = [
            (json!({"type": "string", "value": "hi"}), "hi"),
            (json!({"type": "number", "value": 3}), "3"),
            (json!({"type": "number", "unserializableValue": "NaN"}), "NaN"),
            (json!({"type": "undefined"}), "undefined"),
            (json!({"type": "object", "subtype": "null", "value": null}), "null"),
            (
                json!({"type": "object", "preview": {"description": "Object", "properties": [{"name": "a", "value": "1"}]}}),
                "{a: 1}",
            ),
            (
                json!({"type": "object", "preview": {"subtype": "array", "properties": [{"name": "0", "value": "x"}]}}),
                "[x]",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(argument(&value), expected);
        }
    }
}
