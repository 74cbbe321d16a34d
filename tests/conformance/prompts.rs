use rmcp::{
    ErrorData,
    model::{GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt},
};
use serde_json::{Value, json};

use crate::{
    answers::typed,
    input::{elicited, form, required},
    tools::PNG,
};

pub(crate) fn all() -> Vec<Prompt> {
    let prompt = |name: &str, arguments: &[&str]| {
        let arguments = arguments.iter().map(|argument| {
            json!({"name": argument, "description": format!("The {argument} of the prompt"), "required": true})
        });
        let arguments: Vec<Value> = arguments.collect();
        typed(json!({"name": name, "description": format!("The prompt {name}"), "arguments": arguments}))
    };
    vec![
        prompt("test_simple_prompt", &[]),
        prompt("test_prompt_with_arguments", &["arg1", "arg2"]),
        prompt("test_prompt_with_embedded_resource", &["resourceUri"]),
        prompt("test_prompt_with_image", &[]),
        prompt("test_input_required_result_prompt", &[]),
    ]
}

pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name)).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let text = |text: &str| json!({"type": "text", "text": text});
    let contents = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1"), argument("arg2"));
            vec![text(&format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let resource = json!({
                "uri": argument("resourceUri"), "mimeType": "text/plain",
                "text": "Embedded resource content for testing.",
            });
            let embedded = json!({"type": "resource", "resource": resource});
            vec![embedded, text("Please process the embedded resource above.")]
        }
        "test_prompt_with_image" => {
            let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
            vec![image, text("Please analyze the image above.")]
        }
        "test_input_required_result_prompt" => {
            let given = request.input_responses.clone().unwrap_or_default();
            let Some(context) = elicited(&given, "user_context", "context") else {
                let question = form("What context should the prompt use?", "context", "string");
                return Ok(required(json!({"user_context": question}), None).into());
            };
            vec![text(&format!("Use this context: {context}"))]
        }
        name => return Err(ErrorData::invalid_params(format!("There is no prompt {name}"), None)),
    };
    let messages: Vec<Value> =
        contents.into_iter().map(|content| json!({"role": "user", "content": content})).collect();
    Ok(typed::<GetPromptResult>(json!({"messages": messages, "resultType": "complete"})).into())
}
