//! What every request must be before MCP looks at it: asked by a program of this user, not by a web page
//! that made a browser ask, whole within its time, and not too large.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ebb_core::sessions::clean_text;

use super::{
    Token,
    clients::HttpClients,
    elsewhere::from_elsewhere,
    listen::Caller,
    options::Hosts,
    places::TooMany,
    refuse::{dressed, held, later, plain, refused, refused_to},
    sse::EventStreams,
};
use crate::{dashboard::guard::only, options::Caps, tools::setups::Setup, transport::bad};

/// The largest request.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;
/// How long a whole body may take.
const BODY: Duration = Duration::from_secs(10);
/// Of an MCP session.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// What a client of today takes.
const ANSWERS: header::HeaderValue = header::HeaderValue::from_static("application/json, text/event-stream");

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
    /// A refusal of the library's in the server's own way.
    async fn own_way(&self, answer: Response, id: Option<&serde_json::Value>) -> Response {
        if self.streams.is_some() { answer } else { dressed(answer, id).await }
    }

    /// A refusal in the server's own way: as JSON-RPC says it, or in one line.
    pub(super) fn refused(&self, status: StatusCode, message: &str, next: &str) -> Response {
        self.refused_to(status, None, message, next)
    }

    fn refused_to(&self, status: StatusCode, id: Option<&serde_json::Value>, message: &str, next: &str) -> Response {
        if self.streams.is_some() { plain(status, message) } else { refused_to(status, id, message, next) }
    }

    fn no_session(&self, id: Option<&serde_json::Value>) -> Response {
        self.refused_to(StatusCode::NOT_FOUND, id, "Session not found", "Begin a new one with initialize.")
    }
}

/// Lets a request through or refuses it.
pub(super) async fn check(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    if let Some(TooMany(error)) = request.extensions().get::<TooMany>() {
        let next = error.next.clone().unwrap_or_default();
        return later(door.refused(StatusCode::SERVICE_UNAVAILABLE, &error.message, &next));
    }
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
    let old = path == "/sse";
    match caps(&door, request.uri().query()) {
        Ok(None) => {}
        Ok(Some(setup)) => drop(request.extensions_mut().insert(setup)),
        Err(answer) => return *answer,
    }
    if let (Some(streams), true) = (&door.streams, old) {
        return sse(&door, streams, &caller, request).await;
    }
    if takes_anything(request.headers()) {
        request.headers_mut().insert(header::ACCEPT, ANSWERS);
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
            door.own_way(next.run(request).await, None).await
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

/// The tools that the address of a request asks for besides the usual ones: `/mcp?caps=vision,pdf`.
fn caps(door: &Door, query: Option<&str>) -> Result<Option<Arc<Setup>>, Box<Response>> {
    let asked = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let lists: Vec<_> = asked.filter(|(name, _)| name == "caps").map(|(_, list)| list).collect();
    if lists.is_empty() {
        return Ok(None);
    }
    door.clients.setups().besides(&lists.join(",")).map(Some).map_err(|unknown| {
        let name = clean_text(unknown.first().map_or("", String::as_str), 60);
        let message = format!("No capability is called \"{name}\"");
        let next = format!("The address asks for it; known are {}.", Caps::all().names().join(", "));
        Box::new(door.refused(StatusCode::BAD_REQUEST, &message, &next))
    })
}

/// Whether any kind of answer will do.
fn takes_anything(headers: &HeaderMap) -> bool {
    let is_any = |entry: &str| {
        let mut parts = entry.split(';').map(str::trim);
        parts.next() == Some("*/*")
            && !parts.any(|part| part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0))
    };
    let mut given = headers.get_all(header::ACCEPT).iter().peekable();
    given.peek().is_none() || given.filter_map(|value| value.to_str().ok()).any(|value| value.split(',').any(is_any))
}

/// Whether the body is plain JSON by what its head says.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = only(headers, &header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|encoding| encoding != "identity");
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) && !encoded
}

/// The transport of 2024.
async fn sse(door: &Door, streams: &Arc<EventStreams>, caller: &Caller, request: Request) -> Response {
    match *request.method() {
        Method::GET => streams.open(caller, request.extensions().get().cloned()),
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
    if !is_json(request.headers()) {
        let next = "Send it as it is, with Content-Type: application/json.";
        return door.refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Only JSON is read here", next);
    }
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
    let (begins, request) = (head.is_initialize(), head.request().cloned());
    let id = parts.headers.get(SESSION).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let mut in_flight = None;
    if let Some(id) = &id {
        // A session that was deleted is gone for good; the library would look for it in its store.
        if !door.clients.knows(id) {
            return door.no_session(request.as_ref());
        }
        door.clients.seen(id, &caller);
        if let Some(request) = &request {
            in_flight = door.clients.begin(id, request);
            if in_flight.is_none() {
                let next = "Give each request an id of its own.";
                let message = "A request with this id waits for its answer";
                return door.refused_to(StatusCode::BAD_REQUEST, Some(request), message, next);
            }
            // Who takes the call holds it too: its client may be gone before it is answered.
            parts.extensions.insert(in_flight.clone());
        }
    } else if begins {
        match door.clients.admit(&caller) {
            Ok(admitted) => drop(parts.extensions.insert(admitted)),
            Err(error) => {
                let next = error.next.clone().unwrap_or_default();
                return later(refused_to(StatusCode::SERVICE_UNAVAILABLE, request.as_ref(), &error.message, &next));
            }
        }
    }
    let answer = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    if answer.status() == StatusCode::INTERNAL_SERVER_ERROR && id.is_some_and(|id| !door.clients.knows(&id)) {
        // It ended while the library looked at it.
        return door.no_session(request.as_ref());
    }
    held(door.own_way(answer, request.as_ref()).await, in_flight)
}

async fn delete(door: &Door, id: Option<String>) -> Response {
    let Some(id) = id else {
        let message = if door.streams.is_some() { "Invalid request" } else { "Which session?" };
        return door.refused(StatusCode::BAD_REQUEST, message, "Send its Mcp-Session-Id.");
    };
    if door.clients.delete(&id).await { StatusCode::NO_CONTENT.into_response() } else { door.no_session(None) }
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
    /// The id of a request; none of what is not answered.
    fn request(&self) -> Option<&serde_json::Value> {
        self.method.as_ref().and(self.id.as_ref())
    }

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
