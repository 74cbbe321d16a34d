//! What every request must be before MCP looks at it: asked by a program of this user, not by a web page
//! that made a browser ask, whole within its time, and not too large.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Token, clients::HttpClients, listen::Caller, options::Hosts, sse::EventStreams};
use crate::{dashboard::guard::only, transport::bad};

/// The largest request.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;
/// How long a whole body may take.
const BODY: Duration = Duration::from_secs(10);
/// Of an MCP session.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// What the door knows.
pub(super) struct Door {
    /// Those of the TCP port; none on the local socket, which no web page reaches.
    pub(super) hosts: Option<Hosts>,
    /// Asked for on the TCP port.
    pub(super) token: Option<Token>,
    /// Where the server is the client's own, the streams of the old transport.
    pub(super) streams: Option<Arc<EventStreams>>,
    pub(super) clients: Arc<HttpClients>,
}

impl Door {
    /// A refusal in the server's own way: as JSON-RPC says it, or in one line.
    fn refused(&self, status: StatusCode, message: &str, next: &str) -> Response {
        if self.streams.is_some() { plain(status, message) } else { refused(status, message, next) }
    }

    fn no_session(&self, id: Option<&serde_json::Value>) -> Response {
        if self.streams.is_some() {
            return plain(StatusCode::NOT_FOUND, NO_SESSION.0);
        }
        refused_to(StatusCode::NOT_FOUND, id, NO_SESSION.0, NO_SESSION.1)
    }
}

/// Lets a request through or refuses it.
pub(super) async fn check(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "Nobody knows who asks", "Try again.");
    };
    if let Some(hosts) = &door.hosts
        && let Some(answer) = from_elsewhere(&door, hosts, &request)
    {
        return answer;
    }
    let path = request.uri().path();
    // Clients look for a place to log in at before they are asked to.
    let is_mcp = if door.streams.is_some() { !path.starts_with("/.well-known/") } else { path == "/mcp" };
    if !is_mcp {
        return door.refused(StatusCode::NOT_FOUND, "Not found", "MCP is at /mcp.");
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
    if let (Some(streams), "/sse") = (&door.streams, path) {
        return sse(&door, streams, &caller, request).await;
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
            match &id {
                Some(id) if !door.clients.knows(id) => return door.no_session(None),
                Some(id) => door.clients.seen(id, &caller),
                None if door.streams.is_some() => return plain(StatusCode::BAD_REQUEST, "Invalid request"),
                None => {}
            }
            next.run(request).await
        }
        _ => not_allowed(&door, "GET, POST, DELETE"),
    }
}

fn not_allowed(door: &Door, allowed: &'static str) -> Response {
    let next = format!("Use {allowed}.");
    let mut answer = door.refused(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", &next);
    answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    answer
}

/// The transport of 2024.
async fn sse(door: &Door, streams: &Arc<EventStreams>, caller: &Caller, request: Request) -> Response {
    match *request.method() {
        Method::GET => streams.open(caller),
        Method::POST => match whole(door, request).await {
            Ok((parts, body)) => streams.post(parts.uri.query(), body).await,
            Err(answer) => *answer,
        },
        _ => not_allowed(door, "GET, POST"),
    }
}

/// A request with its whole body, or why there is none.
async fn whole(door: &Door, request: Request) -> Result<(Parts, Bytes), Box<Response>> {
    let refused = |status, message: &str, next: &str| Box::new(door.refused(status, message, next));
    let too_large = || refused(StatusCode::PAYLOAD_TOO_LARGE, "The request is larger than 4 MiB", "Send less at once.");
    let length = only(request.headers(), &header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok((parts, bytes)),
        Ok(Err(error)) if is_too_large(&error) => Err(too_large()),
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "The request did not arrive whole", "Send it again.")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "The request took longer than 10 s", "Send it faster.")),
    }
}

async fn post(door: &Door, caller: Caller, request: Request, next: Next) -> Response {
    let (mut parts, bytes) = match whole(door, request).await {
        Ok(whole) => whole,
        Err(answer) => return *answer,
    };
    let bytes = match bad::body(&bytes) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return StatusCode::ACCEPTED.into_response(),
        Err(bad) => {
            let json = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            return (StatusCode::BAD_REQUEST, json, bad.to_line()).into_response();
        }
    };
    let head: Head = serde_json::from_slice(&bytes).unwrap_or_default();
    let id = parts.headers.get(SESSION).and_then(|id| id.to_str().ok()).map(str::to_owned);
    if let Some(id) = id {
        // A session that was deleted is gone for good; the library would look for it in its store.
        if !door.clients.knows(&id) {
            return door.no_session(head.id.as_ref());
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
        let message = if door.streams.is_some() { "Invalid request" } else { "Which session?" };
        return door.refused(StatusCode::BAD_REQUEST, message, "Send its Mcp-Session-Id.");
    };
    if door.clients.delete(&id).await { StatusCode::NO_CONTENT.into_response() } else { door.no_session(None) }
}

/// Refuses what a web page, or a name bound anew to this address, made a browser send.
fn from_elsewhere(door: &Door, hosts: &Hosts, request: &Request) -> Option<Response> {
    let forbidden = |why: &str| {
        tracing::debug!(why, "an HTTP request is refused");
        Some(door.refused(StatusCode::FORBIDDEN, why, "Use Ebb's own address, from a program of yours."))
    };
    let headers = request.headers();
    if request.uri().authority().is_some() {
        return Some(door.refused(StatusCode::BAD_REQUEST, "This is no proxy", "Ask for /mcp."));
    }
    let Some(host) = only(headers, &header::HOST) else { return forbidden("Not exactly one Host") };
    if !hosts.admit(host) {
        return forbidden(&format!("Access is only allowed at {}", hosts.shown()));
    }
    if headers.contains_key(header::ORIGIN)
        && !only(headers, &header::ORIGIN).is_some_and(|origin| hosts.admit_origin(origin, host))
    {
        return forbidden("Another Origin");
    }
    let site = HeaderName::from_static("sec-fetch-site");
    if headers.contains_key(&site) && !matches!(only(headers, &site), Some("same-origin" | "none")) {
        return forbidden("Sent by a web page");
    }
    None
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

const NO_SESSION: (&str, &str) = ("Session not found", "Begin a new one with initialize.");

fn plain(status: StatusCode, message: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], message.to_owned()).into_response()
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
