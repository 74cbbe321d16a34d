use std::collections::BTreeMap;

use rmcp::{
    ErrorData, RoleServer,
    model::{CallToolRequestParams, CallToolResponse, InputRequests, InputRequiredResult},
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    answers::{Shared, typed},
    tools::text,
};

/// The client's answers of this round, by the name of the question.
type Given = BTreeMap<String, Value>;

/// A call that needs something of the client before it can be answered (revision 2026-07-28); none for other tools.
pub(crate) fn call(
    shared: &Shared,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let given = request.input_responses.clone().unwrap_or_default();
    let round = request.request_state.as_deref().map(|state| shared.round(state));
    // A state that was never given out: somebody changed it.
    if round == Some(None) {
        return Some(Err(ErrorData::invalid_params("requestState is not one of this server", None)));
    }
    let round = round.flatten().unwrap_or_default();
    let name = request.name.strip_prefix("test_input_required_result_")?;
    Some(Ok(match name {
        "elicitation" => match elicited(&given, "user_name", "name") {
            Some(name) => text(&format!("Hello, {name}!")),
            None => asked(json!({"user_name": form("What is your name?", "name", "string")}), None),
        },
        "sampling" => match given.get("capital_question").and_then(|answer| answer["content"]["text"].as_str()) {
            Some(answer) => text(answer),
            None => asked(json!({"capital_question": sample("What is the capital of France?", 100)}), None),
        },
        "list_roots" => match given.get("client_roots").and_then(|answer| answer["roots"].as_array()) {
            Some(roots) => text(&format!("Roots: {}", json!(roots))),
            None => asked(json!({"client_roots": {"method": "roots/list", "params": {}}}), None),
        },
        "request_state" | "tampered_state" => {
            if round == 1 && elicited(&given, "confirm", "ok").is_some() {
                text("state-ok")
            } else {
                let questions = json!({"confirm": form("Please confirm", "ok", "boolean")});
                asked(questions, Some(shared.begin(1)))
            }
        }
        "multiple_inputs" => {
            let whole = ["user_name", "greeting", "client_roots"].iter().all(|name| given.contains_key(*name));
            if round == 1 && whole {
                text("All three are here")
            } else {
                let questions = json!({
                    "user_name": form("What is your name?", "name", "string"),
                    "greeting": sample("Generate a greeting", 50),
                    "client_roots": {"method": "roots/list", "params": {}},
                });
                asked(questions, Some(shared.begin(1)))
            }
        }
        "multi_round" => match round {
            1 if given.contains_key("step1") => {
                let questions = json!({"step2": form("Step 2: What is your favorite color?", "color", "string")});
                asked(questions, Some(shared.begin(2)))
            }
            2 if given.contains_key("step2") => text("Both steps are done"),
            _ => {
                let questions = json!({"step1": form("Step 1: What is your name?", "name", "string")});
                asked(questions, Some(shared.begin(1)))
            }
        },
        "capabilities" => {
            let able = context.client_capabilities().unwrap_or_default();
            let mut questions = json!({});
            if able.elicitation.is_some() {
                questions["name"] = form("What is your name?", "name", "string");
            }
            if able.sampling.is_some() {
                questions["greeting"] = sample("Generate a greeting", 50);
            }
            if questions == json!({}) { text("Nothing can be asked") } else { asked(questions, None) }
        }
        _ => return None,
    }))
}

/// The questions as the result that says they must be answered first.
fn asked(questions: Value, state: Option<String>) -> CallToolResponse {
    required(questions, state).into()
}

/// The same for what is no tool.
pub(crate) fn required(questions: Value, state: Option<String>) -> InputRequiredResult {
    InputRequiredResult::new(Some(typed::<InputRequests>(questions)), state)
}

/// A form with one required field.
pub(crate) fn form(message: &str, field: &str, kind: &str) -> Value {
    let schema = json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
    json!({"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}})
}

fn sample(question: &str, tokens: u32) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": question}});
    json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": tokens}})
}

/// A field of a form that the user filled in.
pub(crate) fn elicited(given: &Given, question: &str, field: &str) -> Option<String> {
    let answer = given.get(question)?;
    let value = answer["content"].get(field).filter(|_| answer["action"] == "accept")?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
