//! What every request must be before anything looks at it: asked of us, by our own page.
//!
//! A page of any web site can make its visitor's browser send requests to 127.0.0.1, and a name that is
//! bound anew to 127.0.0.1 makes them look like same-site ones. So the exact name and port count, on
//! every path.

use std::sync::Once;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ebb_core::{Code, Error};
use serde_json::json;

static REFUSED: Once = Once::new();

/// Sent with every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
         frame-ancestors 'none'; frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets a request through or refuses it, and puts the headers on the answer.
pub(super) async fn check(State(port): State<u16>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut answer = match refuse(port, &request) {
        None => next.run(request).await,
        Some(why) => {
            // Once: a page that tries it tries it often.
            REFUSED.call_once(|| {
                tracing::warn!(why, "a request to the dashboard was refused; further ones are not logged");
            });
            error(
                StatusCode::FORBIDDEN,
                &Error::new(Code::InvalidArguments, why).next("Open the address that `ebb dashboard` prints"),
            )
        }
    };
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    answer
}

/// An error as the dashboard reads it.
pub(super) fn error(status: StatusCode, error: &Error) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// Why the request is refused, if it is.
fn refuse(port: u16, request: &Request) -> Option<&'static str> {
    let headers = request.headers();
    if request.uri().authority().is_some() {
        return Some("a request to a proxy");
    }
    let Some(host) = only(headers, &header::HOST) else { return Some("not exactly one Host") };
    if !["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host == format!("{name}:{port}")) {
        return Some("another Host");
    }
    if headers.contains_key(header::ORIGIN) && only(headers, &header::ORIGIN) != Some(&format!("http://{host}")) {
        return Some("another Origin");
    }
    // `same-site` is another port of this machine: whoever listens there is not us.
    let site = HeaderName::from_static("sec-fetch-site");
    if headers.contains_key(&site) && !matches!(only(headers, &site), Some("same-origin" | "none")) {
        return Some("sent by another site");
    }
    None
}

/// The value of a header that is there exactly once and is text.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

/// POST with JSON and nothing else: what a form of another page can send is not JSON.
pub(super) async fn json_only(request: Request, next: Next) -> Response {
    let kind = only(request.headers(), &header::CONTENT_TYPE).and_then(|kind| kind.split(';').next()).map(str::trim);
    if request.method() == Method::POST && !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        let refused = Error::new(Code::InvalidArguments, "only application/json is read here")
            .next("Send Content-Type: application/json");
        return error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refused);
    }
    next.run(request).await
}
