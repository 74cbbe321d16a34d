use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, LoggingLevel,
        LoggingMessageNotificationParam, ProgressNotificationParam, Tool,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    answers::{Shared, ask, typed},
    input,
};

/// One red pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// One silent sample.
const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==";

/// Between the steps of a tool that takes its time, as the suite wants it.
const STEP: Duration = Duration::from_millis(50);

/// Tools without arguments.
const PLAIN: [&str; 24] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_tool_with_logging",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_reconnection",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_logging_tool",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_capabilities",
];

pub(crate) fn all() -> Vec<Tool> {
    let tool = |name: &str, schema: Value| {
        typed(json!({"name": name, "description": format!("The suite's {name}"), "inputSchema": schema}))
    };
    let text = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    let mut tools: Vec<Tool> =
        PLAIN.iter().map(|name| tool(name, json!({"type": "object", "properties": {}}))).collect();
    tools.push(tool("test_sampling", text("prompt")));
    tools.push(tool("test_elicitation", text("message")));
    let mut region = text("region");
    region["properties"]["region"]["x-mcp-header"] = json!("Region");
    tools.push(tool("test_custom_header", region));
    tools.push(tool("json_schema_2020_12_tool", rich_schema()));
    tools
}

/// Everything that a schema of 2020-12 may say and a server must not lose.
fn rich_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

pub(crate) fn text(text: &str) -> CallToolResponse {
    content(&[json!({"type": "text", "text": text})])
}

fn content(parts: &[Value]) -> CallToolResponse {
    complete(json!({"content": parts}))
}

/// A result as 2026-07-28 has it; for clients of before the library takes the type off again.
fn complete(mut result: Value) -> CallToolResponse {
    result["resultType"] = json!("complete");
    typed::<CallToolResult>(result).into()
}

pub(crate) async fn call(
    shared: &Shared,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    if let Some(answer) = input::call(shared, &request, context) {
        return answer;
    }
    let argument = |name: &str| {
        let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name)).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    Ok(match request.name.as_ref() {
        "test_simple_text" => text("This is a simple text response for testing."),
        "test_image_content" => content(&[image]),
        "test_audio_content" => content(&[json!({"type": "audio", "data": WAV, "mimeType": "audio/wav"})]),
        "test_embedded_resource" => {
            let words = "This is an embedded resource content.";
            content(&[embedded("test://embedded-resource", "text/plain", words)])
        }
        "test_multiple_content_types" => {
            let words = json!({"type": "text", "text": "Multiple content types test:"});
            let data = json!({"test": "data", "value": 123}).to_string();
            content(&[words, image, embedded("test://mixed-content-resource", "application/json", &data)])
        }
        "test_error_handling" => {
            let words = json!({"type": "text", "text": "This tool intentionally returns an error for testing"});
            complete(json!({"content": [words], "isError": true}))
        }
        "test_tool_with_progress" => {
            progress(context).await;
            text("All of it is done")
        }
        "test_tool_with_logging" => {
            log(context, &["Tool execution started", "Tool processing data", "Tool execution completed"]).await;
            text("It was logged")
        }
        "test_logging_tool" => {
            log(context, &["Tool execution started"]).await;
            text("It was logged, for who asked")
        }
        "test_reconnection" => {
            tokio::time::sleep(STEP * 2).await;
            text("Reconnected")
        }
        "test_missing_capability" => {
            if context.client_capabilities().is_none_or(|able| able.sampling.is_none()) {
                let needed = typed::<ClientCapabilities>(json!({"sampling": {}}));
                return Err(ErrorData::missing_required_client_capability(needed));
            }
            text("The client can sample")
        }
        "test_streaming_elicitation" => {
            input::required(json!({"name": input::form("What is your name?", "name", "string")}), None).into()
        }
        "test_trigger_tool_change" => {
            shared.tools_changed.send_modify(|times| *times += 1);
            text("The tools changed")
        }
        "test_trigger_prompt_change" => {
            shared.prompts_changed.send_modify(|times| *times += 1);
            text("The prompts changed")
        }
        "test_sampling" => {
            let message = json!({"role": "user", "content": {"type": "text", "text": argument("prompt")}});
            let params = json!({"messages": [message], "maxTokens": 100});
            let answer = ask(context, "sampling/createMessage", params).await?;
            text(&format!("LLM response: {}", answer["content"]["text"].as_str().unwrap_or_default()))
        }
        "test_elicitation" => {
            let field = |about: &str| json!({"type": "string", "description": about});
            let fields = json!({"username": field("User's response"), "email": field("User's email address")});
            let answer = elicit(context, &argument("message"), fields, &["username", "email"]).await?;
            text(&format!("User response: action={}, content={}", plain(&answer["action"]), answer["content"]))
        }
        "test_elicitation_sep1034_defaults" => {
            let fields = json!({
                "name": {"type": "string", "default": "John Doe"},
                "age": {"type": "integer", "default": 30},
                "score": {"type": "number", "default": 95.5},
                "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
                "verified": {"type": "boolean", "default": true},
            });
            completed(&elicit(context, "Please review", fields, &[]).await?)
        }
        "test_elicitation_sep1330_enums" => completed(&elicit(context, "Please choose", choices(), &[]).await?),
        "json_schema_2020_12_tool" => text("Done"),
        "test_custom_header" => text(&format!("The region is {}", argument("region"))),
        name => return Err(ErrorData::invalid_params(format!("There is no tool {name}"), None)),
    })
}

fn embedded(uri: &str, kind: &str, words: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": words}})
}

/// The five ways to let a user choose.
fn choices() -> Value {
    let titled = |names: [(&str, &str); 3]| names.map(|(value, title)| json!({"const": value, "title": title}));
    let options = titled([("value1", "First Option"), ("value2", "Second Option"), ("value3", "Third Option")]);
    let many = titled([("value1", "First Choice"), ("value2", "Second Choice"), ("value3", "Third Choice")]);
    let plain = ["option1", "option2", "option3"];
    json!({
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": options},
        "legacyEnum": {
            "type": "string", "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": many}},
    })
}

async fn elicit(
    context: &RequestContext<RoleServer>,
    message: &str,
    fields: Value,
    required: &[&str],
) -> Result<Value, ErrorData> {
    let schema = json!({"type": "object", "properties": fields, "required": required});
    ask(context, "elicitation/create", json!({"message": message, "requestedSchema": schema})).await
}

fn completed(answer: &Value) -> CallToolResponse {
    text(&format!("Elicitation completed: action={}, content={}", plain(&answer["action"]), answer["content"]))
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn progress(context: &RequestContext<RoleServer>) {
    let token = context.meta.get_progress_token();
    for done in [0.0, 50.0, 100.0] {
        if let Some(token) = &token {
            let told = ProgressNotificationParam::new(token.clone(), done).with_total(100.0);
            drop(context.peer.notify_progress(told).await);
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Says these things with a step between them. From 2026-07-28 on only a request that names a level hears them.
async fn log(context: &RequestContext<RoleServer>, lines: &[&str]) {
    let modern = context.protocol_version().is_some_and(|version| version.as_str() >= "2026-07-28");
    if modern && context.meta.log_level().is_none() {
        return;
    }
    for line in lines {
        let told = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(line));
        drop(context.peer.notify_logging_message(told).await);
        tokio::time::sleep(STEP).await;
    }
}
