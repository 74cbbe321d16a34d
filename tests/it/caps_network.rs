//! The capability network through real calls: exact texts, every tab, and no other session.

use serde_json::{Value, json};
use support::{Answer, Calls, Client, Site, TestHost};

const FETCH: &str = "async (path) => { const answer = await fetch('PATH'); \
    return answer.status + ' ' + answer.headers.get('content-type') + ' ' + await answer.text(); }";

fn fetched(client: &mut Client, path: &str) -> String {
    client.evaluate(&FETCH.replace("PATH", path).replace("(path)", "()"))
}

/// The body of `Result`; everything else of the answer is checked by `code`.
fn result(answer: &Answer) -> &str {
    answer.must("Result")
}

fn route(client: &mut Client, arguments: Value) -> Answer {
    client.ok("browser_route", arguments)
}

#[test]
fn routes_answer_and_change_requests_until_they_are_removed() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &["--caps=network"]);
    let mut other = host.client_with("other", &["--caps=network"]);
    client.open(&site.url("/ok"));
    other.open(&site.url("/ok"));

    assert_eq!(client.ok("browser_route_list", json!({})).text, "### Result\nNo active routes");
    let mock = json!({"pattern": "**/item/*.json", "status": 404, "body": "{\"made\":\"up\"}", "contentType": "application/json"});
    let added = route(&mut client, mock);
    assert_eq!(
        added.text,
        "### Result\nRoute added for pattern: **/item/*.json\n### Ran Playwright code\n```js\n\
         await page.context().route('**/item/*.json', async route => { /* ... */ });\n```"
    );
    assert_eq!(fetched(&mut client, "/item/1.json"), "\"404 application/json {\\\"made\\\":\\\"up\\\"}\"");
    assert_eq!(site.asked("/item/1.json"), 0, "the site was not asked");
    assert!(fetched(&mut client, "/item/1.txt").contains("/item/1.txt"), "what does not fit goes through");

    // Another session's routes are none of this one's.
    assert_eq!(result(&other.ok("browser_route_list", json!({}))), "No active routes");
    assert!(fetched(&mut other, "/item/1.json").contains("\\\"path\\\""));

    // The youngest wins; a body alone is a 200, a status alone has no body.
    route(&mut client, json!({"pattern": "**/item/2.json", "body": "two"}));
    assert_eq!(fetched(&mut client, "/item/2.json"), "\"200 null two\"");
    route(&mut client, json!({"pattern": "**/{gone,lost}", "status": 503}));
    assert!(fetched(&mut client, "/lost").starts_with("\"503 "));

    // Headers of a request that goes on.
    let headers = json!({"pattern": "**/headers", "headers": ["X-Added: of the agent", "accept: text/odd"], "removeHeaders": "accept-language, x-none"});
    route(&mut client, headers);
    let seen = fetched(&mut client, "/headers");
    assert!(seen.contains("x-added: of the agent") && seen.contains("accept: text/odd"), "{seen}");
    assert!(!seen.contains("accept-language"), "{seen}");
    assert!(!fetched(&mut other, "/headers").contains("x-added"));

    // Tabs that come later and popups have them from their first request on.
    client.ok("browser_tabs", json!({"action": "new", "url": site.url("/item/3.json")}));
    assert_eq!(client.evaluate("() => document.body.innerText.trim()"), "\"{\\\"made\\\":\\\"up\\\"}\"");
    assert_eq!(site.asked("/item/3.json"), 0);
    client.ok("browser_tabs", json!({"action": "select", "index": 0}));
    let popup = "async () => { const popup = window.open('/item/4.json'); \
        while (!popup.document.body || popup.location.href === 'about:blank') await new Promise(r => setTimeout(r, 20)); \
        return popup.document.body.innerText.trim(); }";
    assert_eq!(client.evaluate(popup), "\"{\\\"made\\\":\\\"up\\\"}\"");
    assert_eq!(site.asked("/item/4.json"), 0);

    let list = client.ok("browser_route_list", json!({}));
    assert_eq!(
        list.text,
        "### Result\n\
         1. **/item/*.json (status=404, body={\"made\":\"up\"}, contentType=application/json)\n\
         2. **/item/2.json (body=two)\n\
         3. **/{gone,lost} (status=503)\n\
         4. **/headers (addHeaders={\"X-Added\":\"of the agent\",\"accept\":\"text/odd\"}, removeHeaders=accept-language,x-none)"
    );

    let removed = client.ok("browser_unroute", json!({"pattern": "**/item/2.json"}));
    assert_eq!(
        removed.text,
        "### Result\nRemoved 1 route(s) for pattern: **/item/2.json\n### Ran Playwright code\n```js\n\
         await page.context().unroute('**/item/2.json');\n```"
    );
    assert_eq!(
        fetched(&mut client, "/item/2.json"),
        "\"404 application/json {\\\"made\\\":\\\"up\\\"}\"",
        "the older one again"
    );
    let all = client.ok("browser_unroute", json!({}));
    assert_eq!(
        all.text,
        "### Result\nRemoved all 3 route(s)\n### Ran Playwright code\n```js\nawait page.context().unrouteAll();\n```"
    );
    assert!(fetched(&mut client, "/item/2.json").contains("\\\"path\\\""));
    let wrong = client.call("browser_route", json!({"pattern": "**", "status": 99})).err();
    assert_eq!(wrong.section("Error"), Some("Error: 99 is no HTTP status to answer with"));

    // A new browser has none of them.
    route(&mut client, json!({"pattern": "**", "body": "x"}));
    client.ok("browser_close", json!({}));
    assert_eq!(result(&client.ok("browser_route_list", json!({}))), "No active routes");
    assert!(client.open(&site.url("/ok")).text.contains("All is well"));
}

#[test]
fn an_answer_of_a_route_may_be_read_across_origins() {
    let (host, site, elsewhere) = (TestHost::start(), Site::start(), Site::start());
    let mut client = host.client_with("agent", &["--caps=network"]);
    client.open(&site.url("/ok"));
    route(&mut client, json!({"pattern": "**/far", "body": "from far"}));
    let url = elsewhere.url("/far");
    let fetch =
        format!("async () => (await fetch('{url}', {{headers: {{'x-own': '1'}}, credentials: 'include'}})).text()");
    assert_eq!(client.evaluate(&fetch), "\"from far\"");
    assert_eq!(elsewhere.asked("/far"), 0);
}

#[test]
fn a_session_goes_offline_alone_and_with_all_its_tabs() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &["--caps=network"]);
    let mut other = host.client("other");
    client.open(&site.url("/ok"));
    other.open(&site.url("/ok"));
    let offline = client.ok("browser_network_state_set", json!({"state": "offline"}));
    assert_eq!(
        offline.text,
        "### Result\nNetwork is now offline\n### Ran Playwright code\n```js\nawait page.context().setOffline(true);\n```"
    );
    assert_eq!(client.evaluate("() => navigator.onLine"), "false");
    let failed = client.call("browser_navigate", json!({"url": site.url("/ok")})).err();
    assert!(failed.text.contains("net::ERR_INTERNET_DISCONNECTED"), "{}", failed.text);
    let failed = client.call("browser_tabs", json!({"action": "new", "url": site.url("/ok")})).err();
    assert!(failed.text.contains("net::ERR_INTERNET_DISCONNECTED"), "a new tab too: {}", failed.text);
    assert_eq!(other.evaluate("() => navigator.onLine"), "true");
    assert!(other.open(&site.url("/ok")).text.contains("All is well"));

    let online = client.ok("browser_network_state_set", json!({"state": "online"}));
    assert_eq!(result(&online), "Network is now online");
    assert!(client.open(&site.url("/ok")).text.contains("All is well"));
}
