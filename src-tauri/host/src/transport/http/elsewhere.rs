//! What programs of this user do not send: requests that a web page, or a name bound anew to this address, made a
//! browser send.

use axum::{
    extract::Request,
    http::{HeaderName, StatusCode, header},
    response::Response,
};

use super::{door::Door, options::Hosts};
use crate::dashboard::guard::only;

/// Refuses what a web page, or a name bound anew to this address, made a browser send.
pub(super) fn from_elsewhere(door: &Door, hosts: &Hosts, request: &Request) -> Option<Response> {
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
