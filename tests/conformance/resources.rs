use rmcp::{
    ErrorData,
    model::{ReadResourceResponse, ReadResourceResult, Resource, ResourceTemplate},
};
use serde_json::{Value, json};

use crate::{answers::typed, tools::PNG};

pub(crate) fn all() -> Vec<Resource> {
    let resource = |name: &str, kind: &str| {
        typed(json!({
            "uri": format!("test://{name}"), "name": name, "description": format!("The {name} resource"),
            "mimeType": kind,
        }))
    };
    vec![
        resource("static-text", "text/plain"),
        resource("static-binary", "image/png"),
        resource("watched-resource", "text/plain"),
    ]
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![typed(json!({
        "uriTemplate": "test://template/{id}/data", "name": "template", "description": "Data with an id",
        "mimeType": "application/json",
    }))]
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResponse, ErrorData> {
    let mut contents = match uri {
        "test://static-text" => {
            json!({"mimeType": "text/plain", "text": "This is the content of the static text resource."})
        }
        "test://static-binary" => json!({"mimeType": "image/png", "blob": PNG}),
        "test://watched-resource" => json!({"mimeType": "text/plain", "text": "Watched"}),
        _ => template(uri)
            .ok_or_else(|| ErrorData::resource_not_found("Resource not found", Some(json!({"uri": uri}))))?,
    };
    contents["uri"] = json!(uri);
    Ok(ReadResourceResult::new(vec![typed(contents)]).into())
}

fn template(uri: &str) -> Option<Value> {
    let id = uri.strip_prefix("test://template/")?.strip_suffix("/data")?;
    let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
    Some(json!({"mimeType": "application/json", "text": data.to_string()}))
}
