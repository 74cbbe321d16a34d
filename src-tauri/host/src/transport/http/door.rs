//! What every request must be before MCP looks at it: asked by a program of this user, not by a web page
//! that made a browser ask, whole within its time, and not too large.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Token, clients::HttpClients, listen::Caller};
use crate::dashboard::guard::only;

/// The largest request.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;
/// How long a whole body may take.
const BODY: Duration = Duration::from_secs(10);
/// Of an MCP session.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// What the door knows.
pub(super) struct Door {
    /// The TCP port; none on the local socket, which no web page reaches.
    pub(super) port: Option<u16>,
    /// Asked for on the TCP port.
    pub(super) token: Option<Token>,
    pub(super) clients: Arc<HttpClients>,
}

/// Lets a request through or refuses it.
pub(super) async fn check(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "Nobody knows who asks", "Try again.");
    };
    if let Some(port) = door.port
        && let Some(answer) = from_elsewhere(port, &request)
    {
        return answer;
    }
    if request.uri().path() != "/mcp" {
        return refused(StatusCode::NOT_FOUND, "Not found", "MCP is at /mcp.");
    }
    if let (true, Some(token)) = (caller.over_tcp, &door.token) {
        let given = only(request.headers(), &header::AUTHORIZATION);
        if !given.is_some_and(|given| token.admits(given)) {
            let mut answer = refused(
                StatusCode::UNAUTHORIZED,
                "A token is needed",
                "Send Authorization: Bearer and the content of the file http-token in Ebb's data folder.",
            );
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            return answer;
        }
    }
    match request.method().clone() {
        Method::POST => post(&door, caller, request, next).await,
        Method::DELETE => {
            let id = session_of(&request);
            drop(request);
            delete(&door, id).await
        }
        Method::GET => {
            let id = session_of(&request);
            if id.as_ref().is_some_and(|id| !door.clients.knows(id)) {
                return no_session();
            }
            if let Some(id) = id {
                door.clients.seen(&id, &caller);
            }
            next.run(request).await
        }
        _ => {
            let mut answer = refused(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "Use POST, GET or DELETE.");
            answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, POST, DELETE"));
            answer
        }
    }
}

async fn post(door: &Door, caller: Caller, request: Request, next: Next) -> Response {
    let length = only(request.headers(), &header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        return too_large();
    }
    let (mut parts, body) = request.into_parts();
    let bytes = match tokio::time::timeout(BODY, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if is_too_large(&error) => return too_large(),
        Ok(Err(_)) => return refused(StatusCode::BAD_REQUEST, "The request did not arrive whole", "Send it again."),
        Err(_) => {
            return refused(StatusCode::REQUEST_TIMEOUT, "The request took longer than 10 s", "Send it faster.");
        }
    };
    // What is no JSON the library answers for.
    let head: Head = serde_json::from_slice(&bytes).unwrap_or_default();
    let id = parts.headers.get(SESSION).and_then(|id| id.to_str().ok()).map(str::to_owned);
    if let Some(id) = id {
        // A session that was deleted is gone for good; the library would look for it in its store.
        if !door.clients.knows(&id) {
            return refused_to(StatusCode::NOT_FOUND, head.id.as_ref(), NO_SESSION.0, NO_SESSION.1);
        }
        door.clients.seen(&id, &caller);
    } else if head.is_initialize() {
        match door.clients.admit(&caller) {
            Ok(admitted) => drop(parts.extensions.insert(admitted)),
            Err(error) => {
                let next = error.next.clone().unwrap_or_default();
                return refused_to(StatusCode::SERVICE_UNAVAILABLE, head.id.as_ref(), &error.message, &next);
            }
        }
    }
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}

async fn delete(door: &Door, id: Option<String>) -> Response {
    let Some(id) = id else {
        return refused(StatusCode::BAD_REQUEST, "Which session?", "Send its Mcp-Session-Id.");
    };
    if door.clients.delete(&id).await { StatusCode::NO_CONTENT.into_response() } else { no_session() }
}

/// Refuses what a web page, or a name bound anew to this address, made a browser send.
fn from_elsewhere(port: u16, request: &Request) -> Option<Response> {
    let forbidden = |why: &str| {
        tracing::debug!(why, "an HTTP request is refused");
        Some(refused(StatusCode::FORBIDDEN, why, "Use http://127.0.0.1 and Ebb's port, from a program of yours."))
    };
    let headers = request.headers();
    if request.uri().authority().is_some() {
        return Some(refused(StatusCode::BAD_REQUEST, "This is no proxy", "Ask for /mcp."));
    }
    let Some(host) = only(headers, &header::HOST) else { return forbidden("Not exactly one Host") };
    if !is_own(host, port) {
        return forbidden("Access is only allowed at this machine's own address");
    }
    if headers.contains_key(header::ORIGIN) {
        let origin = only(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        if !origin.is_some_and(|origin| is_own(origin, port)) {
            return forbidden("Another Origin");
        }
    }
    let site = HeaderName::from_static("sec-fetch-site");
    if headers.contains_key(&site) && !matches!(only(headers, &site), Some("same-origin" | "none")) {
        return forbidden("Sent by a web page");
    }
    None
}

fn is_own(authority: &str, port: u16) -> bool {
    let Some((host, given)) = authority.rsplit_once(':') else { return false };
    given == port.to_string() && ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| host.eq_ignore_ascii_case(own))
}

fn session_of(request: &Request) -> Option<String> {
    only(request.headers(), &SESSION).map(str::to_owned)
}

/// What the door has to know of a message.
#[derive(Default, serde::Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    method: Option<std::borrow::Cow<'a, str>>,
    id: Option<serde_json::Value>,
}

impl Head<'_> {
    /// Whether this is the request that begins an MCP session.
    fn is_initialize(&self) -> bool {
        self.method.as_deref() == Some("initialize")
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    use std::error::Error as _;
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn too_large() -> Response {
    refused(StatusCode::PAYLOAD_TOO_LARGE, "The request is larger than 4 MiB", "Send less at once.")
}

const NO_SESSION: (&str, &str) = ("Session not found", "Begin a new one with initialize.");

fn no_session() -> Response {
    refused(StatusCode::NOT_FOUND, NO_SESSION.0, NO_SESSION.1)
}

fn refused(status: StatusCode, message: &str, next: &str) -> Response {
    refused_to(status, None, message, next)
}

/// A refusal as JSON-RPC says it, to the request with this id, so that clients show the reason.
fn refused_to(status: StatusCode, id: Option<&serde_json::Value>, message: &str, next: &str) -> Response {
    let message = if next.is_empty() { message.to_owned() } else { format!("{message}: {next}") };
    let body = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": message}});
    let mut answer = (status, axum::Json(body)).into_response();
    answer.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}
