//! browser_network_request: everything about one request, or one part of it.

use std::sync::Arc;

use ebb_core::{
    Code, Error,
    cursors::Body,
    devtools::{RequestRecord, text},
};
use futures::FutureExt;
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{Modal, ToolError, ToolSpec},
    page,
    response::Section,
    saving,
    schema::{Kind, Schema},
};
use crate::browser::{
    Tab,
    bodies::{self, Content},
};

/// What can be asked for alone.
const PARTS: &[&str] = &["request-headers", "request-body", "response-headers", "response-body"];

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_network_request",
            "Network request",
            "Headers and body of one request, by its number in browser_network_requests",
            || Schema::new().required("index", Kind::at_least(1)).optional("part", Kind::Enum(PARTS)).filename(),
            |call, args| async move { request(call, &args).await }.boxed(),
        )
        .read_only()
        .modal(Modal::Unaffected),
    ]
}

async fn request(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let index = args.integer("index").unwrap_or_default();
    let record = u32::try_from(index).ok().and_then(|index| call.session.devtools().request(tab.number, index));
    let record = record.ok_or_else(|| {
        Error::new(Code::TargetUnknown, format!("Request #{index} not found"))
            .next("Call browser_network_requests {\"static\":true} to see all numbers.")
    })?;
    let (label, text) = match args.text("part") {
        None => ("Request", text::request_text(&record)),
        Some("request-headers") => ("Request", text::headers_text(&record.start.headers)),
        Some("response-headers") => ("Request", response_headers(&record)?),
        Some("request-body") => ("Request", request_body(call, &tab, &record).await?),
        Some(_) => match response_body(&tab, &record).await? {
            Content::Text(text) => ("Response body", text),
            Content::Bytes(bytes) => return binary(call, args, &record, &bytes).await,
        },
    };
    if saving::saved(call, args, label, &text).await? {
        return Ok(());
    }
    call.response.large(Section::Result, Body::Text { text });
    Ok(())
}

fn response_headers(record: &RequestRecord) -> Result<String, Error> {
    let response = record.response.as_ref().ok_or_else(|| no_response(record))?;
    Ok(text::headers_text(&response.headers))
}

fn no_response(record: &RequestRecord) -> Error {
    let why = if record.failed.is_some() { "it failed" } else { "it is not answered yet" };
    Error::new(Code::TargetUnknown, format!("Request #{} has no response: {why}", record.number))
        .next("Call browser_network_requests to see how it stands.")
}

async fn request_body(call: &mut ToolCall, tab: &Arc<Tab>, record: &RequestRecord) -> Result<String, Error> {
    if record.body_cut {
        call.response.next("The body is longer than 4 MiB: this is its beginning");
    }
    match &record.start.body {
        Some(body) => Ok(body.clone()),
        None if record.start.method == "GET" || record.start.method == "HEAD" => {
            Err(Error::new(Code::TargetUnknown, format!("Request #{} has no body", record.number))
                .next("Ask for another part, or for the whole request."))
        }
        None => bodies::request(tab, &record.start.id).await,
    }
}

async fn response_body(tab: &Arc<Tab>, record: &RequestRecord) -> Result<Content, Error> {
    if record.response.is_none() {
        return Err(no_response(record));
    }
    bodies::response(tab, &record.start.id).await
}

/// What is no text goes into a file; the answer is its path.
async fn binary(call: &mut ToolCall, args: &Value, record: &RequestRecord, bytes: &[u8]) -> Result<(), ToolError> {
    let mime = record.response.as_ref().map_or("", |response| response.mime_type.as_str());
    let files = call.files().await?;
    let given = args.text("filename").filter(|given| !given.is_empty());
    let place = files.place(given, "response", saving::extension(mime))?;
    files.write(&place, bytes).await?;
    let said = if given.is_some() { files.link("Response body", &place) } else { files.shown(&place) };
    call.response.result(said);
    Ok(())
}
