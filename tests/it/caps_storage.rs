//! The capability storage through real calls.

use serde_json::json;
use support::{Calls, Site, TestHost};

const CAPS: &[&str] = &["--caps=storage"];

fn code(line: &str) -> String {
    format!("### Ran Playwright code\n```js\n{line}\n```")
}

#[test]
fn cookies_are_set_listed_and_deleted_and_each_session_has_its_own() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", CAPS);
    let mut other = host.client_with("other", CAPS);
    for client in [&mut client, &mut other] {
        client.open(&site.url("/ok"));
    }
    let context = code("await page.context().cookies();");
    let none = client.ok("browser_cookie_list", json!({}));
    assert_eq!(none.text, format!("### Result\nNo cookies found\n{context}"));

    let set = client.ok("browser_cookie_set", json!({"name": "a", "value": "1"}));
    let line =
        "await page.context().addCookies([{\n  domain: '127.0.0.1',\n  name: 'a',\n  path: '/',\n  value: '1'\n}]);";
    assert_eq!(set.text, code(line), "no result");
    let whole = json!({"name": "b", "value": "2", "domain": "shop.example", "path": "/cart", "expires": 4_000_000_000_u64, "httpOnly": true, "secure": true, "sameSite": "Strict"});
    client.ok("browser_cookie_set", whole);
    assert_eq!(client.evaluate("() => document.cookie"), "\"a=1\"");

    let listed = client.ok("browser_cookie_list", json!({}));
    let mut lines: Vec<&str> = listed.must("Result").lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a=1 (domain: 127.0.0.1, path: /)", "b=2 (domain: shop.example, path: /cart)"]);
    for arguments in
        [json!({"domain": "shop"}), json!({"path": "/cart"}), json!({"domain": "shop.example", "path": "/"})]
    {
        let listed = client.ok("browser_cookie_list", arguments.clone());
        assert_eq!(listed.must("Result"), "b=2 (domain: shop.example, path: /cart)", "{arguments}");
    }
    let got = client.ok("browser_cookie_get", json!({"name": "b"}));
    assert_eq!(
        got.text,
        format!(
            "### Result\nb=2 (domain: shop.example, path: /cart, httpOnly: true, secure: true, sameSite: Strict)\n{context}"
        )
    );
    let got = client.ok("browser_cookie_get", json!({"name": "a"}));
    assert_eq!(got.must("Result"), "a=1 (domain: 127.0.0.1, path: /, httpOnly: false, secure: false, sameSite: Lax)");
    let missing = client.ok("browser_cookie_get", json!({"name": "z"}));
    assert_eq!(missing.must("Result"), "Cookie 'z' not found");

    let stranger = other.ok("browser_cookie_list", json!({}));
    assert_eq!(stranger.must("Result"), "No cookies found", "another session's cookies are nobody's business");

    let deleted = client.ok("browser_cookie_delete", json!({"name": "b"}));
    assert_eq!(deleted.text, code("await page.context().clearCookies({\n  name: 'b'\n});"));
    assert_eq!(client.ok("browser_cookie_list", json!({})).must("Result"), "a=1 (domain: 127.0.0.1, path: /)");
    client.ok("browser_cookie_delete", json!({"name": "z"}));
    let cleared = client.ok("browser_cookie_clear", json!({}));
    assert_eq!(cleared.text, code("await page.context().clearCookies();"));
    assert_eq!(client.ok("browser_cookie_list", json!({})).must("Result"), "No cookies found");

    let refused = client.call("browser_cookie_set", json!({"name": "x", "value": "1", "sameSite": "Some"})).err();
    assert!(refused.text.contains("✖ Invalid option: expected one of \"Strict\"|\"Lax\"|\"None\"\n  → at sameSite"));
    // Cookies need no page, and work while a dialog waits.
    client.ok("browser_evaluate", json!({"function": "() => { setTimeout(() => alert('wait'), 0); }"}));
    client.ok("browser_cookie_set", json!({"name": "c", "value": "3", "domain": "h.example"}));
    assert_eq!(client.ok("browser_cookie_list", json!({})).must("Result"), "c=3 (domain: h.example, path: /)");
}

#[test]
fn many_cookies_come_in_pages() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", CAPS);
    client.open(&site.url("/ok"));
    client.evaluate("() => { for (let i = 0; i < 150; i++) document.cookie = `c${i}=` + 'x'.repeat(900); return 1; }");
    let listed = client.ok("browser_cookie_list", json!({}));
    assert_eq!(
        (listed.meta["total"].as_u64(), listed.meta["unit"].as_str()),
        (Some(150), Some("items")),
        "{}",
        listed.meta
    );
    let names = json!({"cursor": listed.cursor(), "offset": 100, "fields": ["name", "domain"]});
    let page = client.ok("cursor_read", names);
    assert!(page.text.contains("127.0.0.1") && !page.text.contains("xxxx"), "{}", page.text);
}

#[test]
fn storages_of_the_page_are_read_and_written() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", CAPS);
    let blank = client.call("browser_localstorage_list", json!({})).err();
    assert!(blank.must("Error").starts_with("Error: SecurityError: "), "{}", blank.text);
    client.open(&site.url("/ok"));
    for (tool, name) in [("browser_localstorage_", "localStorage"), ("browser_sessionstorage_", "sessionStorage")] {
        let call = |what: &str| format!("{tool}{what}");
        let listing = code(&format!("await page.evaluate(() => ({{ ...{name} }}));"));
        let none = client.ok(&call("list"), json!({}));
        assert_eq!(none.text, format!("### Result\nNo {name} items found\n{listing}"));
        let set = client.ok(&call("set"), json!({"key": "k'1", "value": "v=1"}));
        assert_eq!(set.text, code(&format!("await page.evaluate(() => {name}.setItem('k\\'1', 'v=1'));")));
        client.ok(&call("set"), json!({"key": "two", "value": "ü"}));
        assert_eq!(client.evaluate(&format!("() => {name}.length")), "2");
        let mut lines: Vec<String> =
            client.ok(&call("list"), json!({})).must("Result").lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["k'1=v=1", "two=ü"]);
        let got = client.ok(&call("get"), json!({"key": "two"}));
        let getting = code(&format!("await page.evaluate(() => {name}.getItem('two'));"));
        assert_eq!(got.text, format!("### Result\ntwo=ü\n{getting}"));
        let missing = client.ok(&call("get"), json!({"key": "three"}));
        assert_eq!(missing.must("Result"), format!("{name} key 'three' not found"));
        let deleted = client.ok(&call("delete"), json!({"key": "two"}));
        assert_eq!(deleted.text, code(&format!("await page.evaluate(() => {name}.removeItem('two'));")));
        assert_eq!(client.ok(&call("list"), json!({})).must("Result"), "k'1=v=1");
        let cleared = client.ok(&call("clear"), json!({}));
        assert_eq!(cleared.text, code(&format!("await page.evaluate(() => {name}.clear());")));
        assert_eq!(client.evaluate(&format!("() => {name}.length")), "0");
    }
    // What a page does to its prototypes is not believed.
    client
        .evaluate("() => { Storage.prototype.getItem = () => 'a lie'; localStorage.setItem('t', 'true'); return 1; }");
    assert_eq!(client.ok("browser_localstorage_get", json!({"key": "t"})).must("Result"), "t=true");
    let mut other = host.client_with("other", CAPS);
    other.open(&site.url("/ok"));
    assert_eq!(other.ok("browser_localstorage_list", json!({})).must("Result"), "No localStorage items found");
}
