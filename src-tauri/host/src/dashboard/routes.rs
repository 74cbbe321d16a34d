//! The three addresses of the API, and the files beside them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use ebb_core::{Code, Error, cleanup::AskedBy};
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{assets, guard, login::Logins};
use crate::control::{Command, Control};

/// The largest body.
const BODY: usize = 1024 * 1024;
/// How long a request may take until its answer begins, its body included. Commands have shorter ones.
const REQUEST: Duration = Duration::from_secs(70);
/// Between two signs of life on an event stream.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Clone)]
struct Here {
    port: u16,
    control: Control,
    logins: Arc<Logins>,
    stop: CancellationToken,
}

/// Everything that is served.
pub(super) fn router(port: u16, control: Control, logins: Arc<Logins>, stop: CancellationToken) -> Router {
    let here = Here { port, control, logins, stop };
    let inside = Router::new()
        .route("/api/dispatch", post(dispatch))
        .route("/api/events", get(events))
        .route("/thumb/{session}/{tab}", get(thumb))
        .route_layer(middleware::from_fn_with_state(here.clone(), logged_in));
    Router::new()
        .route("/api/login", post(login))
        .merge(inside)
        .route_layer(middleware::from_fn(guard::json_only))
        .fallback_service(get(assets::serve))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(port, guard::check))
        .with_state(here)
}

/// The port is in the name: cookies of 127.0.0.1 are shared by all ports.
fn cookie_name(port: u16) -> String {
    format!("ebb_{port}")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code128 {
    code: String,
}

async fn login(State(here): State<Here>, body: Bytes) -> Response {
    let cookie = serde_json::from_slice::<Code128>(&body).ok().and_then(|body| here.logins.redeem(&body.code));
    match cookie {
        Some(cookie) => {
            let cookie = format!("{}={cookie}; HttpOnly; SameSite=Strict; Path=/", cookie_name(here.port));
            ([(header::SET_COOKIE, cookie)], Json(json!({}))).into_response()
        }
        None => guard::error(
            StatusCode::UNAUTHORIZED,
            &Error::new(Code::InvalidArguments, "this code was used, is older than a minute, or never was")
                .next("Ask for a new address with `ebb dashboard`"),
        ),
    }
}

async fn logged_in(State(here): State<Here>, request: Request, next: Next) -> Response {
    if cookies(request.headers(), &cookie_name(here.port)).any(|cookie| here.logins.knows(cookie)) {
        return next.run(request).await;
    }
    let error = Error::new(Code::InvalidArguments, "this browser is not logged in")
        .next("Open the address that `ebb dashboard` prints");
    guard::error(StatusCode::UNAUTHORIZED, &error)
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs.filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

async fn dispatch(State(here): State<Here>, body: Bytes) -> Response {
    let command = match serde_json::from_slice(&body) {
        Ok(command) => as_dashboard(command),
        Err(error) => {
            let error = Error::new(Code::InvalidArguments, format!("this is no command: {error}"))
                .next("Reload the page: Ebb may have been updated");
            return guard::error(StatusCode::BAD_REQUEST, &error);
        }
    };
    match Box::pin(here.control.dispatch(command)).await {
        Ok(reply) => Json(reply).into_response(),
        Err(error) => guard::error(status(error.code), &error),
    }
}

/// Whatever it says, it came from here.
fn as_dashboard(command: Command) -> Command {
    let by = AskedBy::Dashboard;
    match command {
        Command::EndSession { session, .. } => Command::EndSession { session, by },
        Command::Quit { .. } => Command::Quit { by },
        other => other,
    }
}

/// A picture of a tab. The cookie is the key; nobody keeps a copy.
async fn thumb(State(here): State<Here>, Path((session, tab)): Path<(String, u32)>) -> Response {
    match here.control.thumbnail(&session, tab).await {
        Ok(picture) => {
            let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "no-store")];
            (headers, picture).into_response()
        }
        Err(error) => guard::error(status(error.code), &error),
    }
}

fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidArguments => StatusCode::BAD_REQUEST,
        Code::SessionUnknown | Code::SessionEnded | Code::TargetUnknown => StatusCode::NOT_FOUND,
        Code::LimitReached | Code::Paused | Code::ShuttingDown | Code::StoreUnavailable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn events(State(here): State<Here>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (snapshot, events) = here.control.subscribe();
    let first = futures::stream::once(async move { data(&json!({ "snapshot": snapshot })) });
    let rest = events.map(|event| data(&event));
    let until = here.stop.cancelled_owned();
    Sse::new(first.chain(rest).filter_map(futures::future::ready).take_until(until))
        .keep_alive(KeepAlive::new().interval(ALIVE))
}

/// None where it cannot be written: the gap in the numbers tells the page to start anew.
fn data(value: &impl Serialize) -> Option<Result<Event, Infallible>> {
    match Event::default().json_data(value) {
        Ok(event) => Some(Ok(event)),
        Err(error) => {
            tracing::error!(%error, "an event cannot be written as JSON");
            None
        }
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => guard::error(
            StatusCode::REQUEST_TIMEOUT,
            &Error::new(Code::Timeout, "the request took too long").next("Try again"),
        ),
    }
}
