//! Answers that refuse, in the words of JSON-RPC, so that clients show the reason.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

use super::clients::InFlight;

/// After how many seconds somebody may have left.
const LATER: HeaderValue = HeaderValue::from_static("5");
/// Bytes of a refusal of the library's.
const TEXT: usize = 4_096;

/// In one line, for clients of a server of their own.
pub(super) fn plain(status: StatusCode, message: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], message.to_owned()).into_response()
}

/// As JSON-RPC says it, with the way out.
pub(super) fn refused(status: StatusCode, message: &str, next: &str) -> Response {
    refused_to(status, None, message, next)
}

/// The same to the request with this id.
pub(super) fn refused_to(status: StatusCode, id: Option<&Value>, message: &str, next: &str) -> Response {
    let message = if next.is_empty() { message.to_owned() } else { format!("{message}: {next}") };
    let body = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": message}});
    let mut answer = (status, axum::Json(body)).into_response();
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What may be asked again once somebody has left.
pub(super) fn later(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::RETRY_AFTER, LATER);
    answer
}

/// The library's own refusals are bare texts, some without a way out.
pub(super) async fn dressed(answer: Response, id: Option<&Value>) -> Response {
    let status = answer.status();
    if status.is_success() || answer.headers().contains_key(header::CONTENT_TYPE) {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let text = axum::body::to_bytes(body, TEXT).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    // The status says this already.
    let message = text.split_once(": ").map_or(&*text, |(_, message)| message);
    let mut answer = refused_to(status, id, message, &way_out(status, &text));
    for (name, value) in parts.headers.iter().filter(|(name, _)| **name == header::ALLOW) {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    answer
}

fn way_out(status: StatusCode, text: &str) -> String {
    match status {
        StatusCode::NOT_ACCEPTABLE => "Send Accept: application/json, text/event-stream.".to_owned(),
        StatusCode::BAD_REQUEST if text.contains("Protocol-Version") => {
            let known: Vec<&str> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
            format!("Known are {}.", known.join(", "))
        }
        StatusCode::BAD_REQUEST if text.to_ascii_lowercase().contains("session id") => {
            "Begin with initialize, then send the Mcp-Session-Id of its answer.".to_owned()
        }
        StatusCode::METHOD_NOT_ALLOWED => "Use POST.".to_owned(),
        _ => String::new(),
    }
}

/// The request is in flight until its answer is read or dropped.
pub(super) fn held(answer: Response, in_flight: Option<InFlight>) -> Response {
    match in_flight {
        Some(in_flight) => answer.map(|body| Body::new(Held { body, _in_flight: in_flight })),
        None => answer,
    }
}

struct Held {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
