//! Answers the requests that a page waits with, each of them and each of their redirects: by the routes of its
//! session, and by what the guard says of the address it leads to.
//!
//! Runs inside the reader of the pipe: what has to wait for the look-up of a name does so in a task of its own.
//! Each request gets exactly one answer.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;
use url::Url;

use super::{
    chromium::Chromium,
    guard::{Guard, Refused, Verdict},
    routes::{Route, Routes},
};

/// What makes a page wait with its requests.
pub(crate) fn waits() -> (&'static str, Value) {
    ("Fetch.enable", json!({"patterns": [{"urlPattern": "*"}]}))
}

/// What a page is told when its routes changed.
pub(crate) fn cache(routes: &Routes) -> (&'static str, Value) {
    // What comes out of the cache would pass by every route.
    ("Network.setCacheDisabled", json!({"cacheDisabled": !routes.is_empty()}))
}

/// Answers one `Fetch.requestPaused` of the DevTools session `cdp`. A name has to be looked up in `tasks`.
pub(crate) fn answer(
    chromium: &Arc<Chromium>,
    cdp: &str,
    routes: &Routes,
    guard: &Arc<Guard>,
    tasks: &TaskTracker,
    params: &Value,
) {
    let (method, answer) = decide(routes, params);
    if method == "Fetch.fulfillRequest" {
        // It never gets to the network.
        return chromium.connection.post_raw(Some(cdp), method, &answer);
    }
    let url = params.pointer("/request/url").and_then(Value::as_str).unwrap_or_default();
    let Ok(url) = Url::parse(url) else {
        return chromium.connection.post_raw(Some(cdp), method, &answer);
    };
    match guard.at_once(&url) {
        Verdict::Open => chromium.connection.post_raw(Some(cdp), method, &answer),
        Verdict::Refused(refused) => refuse(chromium, cdp, refused, &answer),
        Verdict::Unknown => {
            let (chromium, cdp, guard) = (Arc::clone(chromium), cdp.to_owned(), Arc::clone(guard));
            tasks.spawn(async move {
                let verdict = tokio::select! {
                    verdict = guard.look(&url) => verdict,
                    () = chromium.connection.closed() => return,
                };
                match verdict {
                    None => chromium.connection.post_raw(Some(&cdp), method, &answer),
                    Some(refused) => refuse(&chromium, &cdp, refused, &answer),
                }
            });
        }
    }
}

fn refuse(chromium: &Chromium, cdp: &str, refused: Refused, answer: &Value) {
    let refusal = json!({"requestId": answer["requestId"], "errorReason": refused.reason()});
    chromium.connection.post_raw(Some(cdp), "Fetch.failRequest", &refusal);
}

fn decide(routes: &Routes, params: &Value) -> (&'static str, Value) {
    let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (id, url) = (text("/requestId"), text("/request/url"));
    match routes.find(url) {
        Some(route) if route.answers() => ("Fetch.fulfillRequest", fulfilled(&route, id, params)),
        Some(route) => ("Fetch.continueRequest", json!({"requestId": id, "headers": changed(&route, params)})),
        None => ("Fetch.continueRequest", json!({"requestId": id})),
    }
}

fn fulfilled(route: &Route, id: &str, params: &Value) -> Value {
    let body = route.body.as_deref().unwrap_or_default();
    let mut headers: Vec<(String, String)> = route.add.clone();
    if let Some(kind) = &route.content_type {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        headers.push(("content-type".to_owned(), kind.clone()));
    }
    if !has(&headers, "content-length") {
        headers.push(("content-length".to_owned(), body.len().to_string()));
    }
    headers.extend(allowed(&headers, params));
    json!({
        "requestId": id,
        "responseCode": route.status.unwrap_or(200),
        "responseHeaders": listed(headers),
        "body": STANDARD.encode(body),
    })
}

/// The page may read the answer to a request across origins: it was made for it.
fn allowed(headers: &[(String, String)], params: &Value) -> Vec<(String, String)> {
    let Some(origin) = request_headers(params).into_iter().find(|(name, _)| name.eq_ignore_ascii_case("origin")) else {
        return Vec::new();
    };
    if has(headers, "access-control-allow-origin") {
        return Vec::new();
    }
    let asked = |name: &str| request_headers(params).into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut more = vec![
        ("access-control-allow-origin".to_owned(), origin.1),
        ("access-control-allow-credentials".to_owned(), "true".to_owned()),
    ];
    if let Some((_, wanted)) = asked("access-control-request-headers") {
        more.push(("access-control-allow-headers".to_owned(), wanted));
    }
    if let Some((_, wanted)) = asked("access-control-request-method") {
        more.push(("access-control-allow-methods".to_owned(), wanted));
    }
    more
}

fn changed(route: &Route, params: &Value) -> Value {
    let mut headers = request_headers(params);
    for (name, value) in &route.add {
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        headers.push((name.clone(), value.clone()));
    }
    headers.retain(|(known, _)| !route.remove.iter().any(|name| known.eq_ignore_ascii_case(name)));
    listed(headers)
}

fn request_headers(params: &Value) -> Vec<(String, String)> {
    let headers = params.pointer("/request/headers").and_then(Value::as_object);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    headers.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

fn listed(headers: Vec<(String, String)>) -> Value {
    headers.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(url: &str, headers: &Value) -> Value {
        json!({"requestId": "r1", "request": {"url": url, "headers": headers}})
    }

    fn routes(route: Route) -> Routes {
        let routes = Routes::default();
        routes.add(route).unwrap();
        routes
    }

    #[test]
    fn what_no_route_fits_goes_on_as_it_was() {
        let (method, answer) = decide(&Routes::default(), &paused("http://h/", &json!({})));
        assert_eq!((method, answer), ("Fetch.continueRequest", json!({"requestId": "r1"})));
    }

    #[test]
    fn a_body_is_an_answer_that_its_page_may_read() {
        let mut route = Route::new("**/a").unwrap();
        route.body = Some("{}".to_owned());
        let (method, answer) = decide(&routes(route), &paused("http://h/a", &json!({"Origin": "http://other"})));
        assert_eq!(method, "Fetch.fulfillRequest");
        assert_eq!(answer["responseCode"], 200);
        assert_eq!(answer["body"], "e30=");
        let headers = answer["responseHeaders"].to_string();
        assert!(headers.contains("access-control-allow-origin") && headers.contains("http://other"), "{headers}");
    }

    #[test]
    fn headers_of_a_request_are_added_and_removed_whatever_their_case() {
        let mut route = Route::new("**").unwrap();
        route.add = vec![("X-New".to_owned(), "1".to_owned()), ("accept".to_owned(), "a/b".to_owned())];
        route.remove = vec!["user-agent".to_owned()];
        let (method, answer) =
            decide(&routes(route), &paused("http://h/", &json!({"Accept": "*/*", "User-Agent": "x", "Keep": "k"})));
        assert_eq!(method, "Fetch.continueRequest");
        let mut headers: Vec<String> = answer["headers"].as_array().unwrap().iter().map(Value::to_string).collect();
        headers.sort();
        assert_eq!(headers.len(), 3, "{headers:?}");
        assert!(
            headers.iter().any(|header| header.contains("a/b")) && !headers.iter().any(|h| h.contains("User-Agent"))
        );
    }
}
