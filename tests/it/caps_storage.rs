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

/// What a page of `site` sees of a login.
const LOGIN: &str = "() => `${document.cookie} ${localStorage.getItem('cart')}`";

#[test]
fn a_login_is_taken_along_in_a_file() {
    let (host, site, elsewhere) = (TestHost::start(), Site::start(), Site::start());
    let workspace = format!("--workspace={}", host.project().display());
    let mut client = host.client_with("agent", &["--caps=storage", &workspace]);
    client.open(&elsewhere.url("/ok"));
    client.evaluate("() => localStorage.setItem('far', 'away')");
    client.open(&site.url("/ok"));
    client.evaluate("() => { document.cookie = 'who=ada'; localStorage.setItem('cart', '3'); }");

    let saved = client.ok("browser_storage_state", json!({"filename": "login.json"}));
    let line = code("await page.context().storageState({\n  path: './login.json'\n});");
    assert_eq!(saved.text, format!("### Result\n- [Storage state](./login.json)\n{line}"));
    let path = host.project().join("login.json");
    let state: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let cookie = json!({"name": "who", "value": "ada", "domain": "127.0.0.1", "path": "/", "expires": -1.0,
        "httpOnly": false, "secure": false, "sameSite": "Lax"});
    assert_eq!(state["cookies"], json!([cookie]));
    let mut origins = state["origins"].as_array().unwrap().clone();
    origins.sort_by_key(|origin| origin["localStorage"][0]["name"].as_str().map(str::to_owned));
    let origin = |site: &Site| site.url("").trim_end_matches('/').to_owned();
    assert_eq!(
        json!(origins),
        json!([
            {"origin": origin(&site), "localStorage": [{"name": "cart", "value": "3"}]},
            {"origin": origin(&elsewhere), "localStorage": [{"name": "far", "value": "away"}]},
        ]),
        "an origin that no tab shows any more as well"
    );
    let automatic = client.ok("browser_storage_state", json!({}));
    assert!(automatic.must("Result").starts_with("- [Storage state](.ebb/storage-state-"), "{}", automatic.text);

    client.evaluate("() => { document.cookie = 'who=eve'; localStorage.clear(); localStorage.setItem('new', '1'); }");
    let restored = client.ok("browser_set_storage_state", json!({"filename": "login.json"}));
    let line = code("await page.context().setStorageState('login.json');");
    assert_eq!(restored.text, format!("### Result\nStorage state restored from login.json\n{line}"));
    assert_eq!(client.evaluate(LOGIN), "\"who=ada 3\"");
    assert_eq!(client.evaluate("() => localStorage.getItem('new')"), "null", "it replaces what was there");
    client.open(&elsewhere.url("/ok"));
    assert_eq!(client.evaluate("() => localStorage.getItem('far')"), "\"away\"");

    // Another client begins with it, and a further session.
    let flag = format!("--storage-state={}", path.display());
    let mut other = host.client_with("other", &["--caps=storage", &workspace, &flag]);
    other.open(&site.url("/ok"));
    assert_eq!(other.evaluate(LOGIN), "\"who=ada 3\"");
    let again = other.ok("browser_storage_state", json!({"filename": "again.json"}));
    assert!(again.must("Result").contains("again.json"));
    let again = std::fs::read_to_string(host.project().join("again.json")).unwrap();
    assert!(again.contains("\"far\""), "an origin that it never opened is in its file too: {again}");
    let opened = client.ok("session_open", json!({"storageState": "login.json"}));
    let session = opened.meta["session"].as_str().unwrap();
    client.ok("browser_navigate", json!({"url": site.url("/ok"), "session": session}));
    let seen = client.ok("browser_evaluate", json!({"function": LOGIN, "session": session}));
    assert_eq!(seen.must("Result"), "\"who=ada 3\"");

    std::fs::write(host.project().join("none.json"), "{\"origins\": 3}").unwrap();
    for tool in ["browser_set_storage_state", "session_open"] {
        let name = if tool == "session_open" { "storageState" } else { "filename" };
        for (given, error) in [
            ("gone.json", "gone.json: No such file or directory"),
            ("/etc/passwd", "File access denied: /etc/passwd is outside allowed roots. Allowed roots: "),
            ("none.json", "this is no storage state: "),
        ] {
            let refused = client.call(tool, json!({name: given})).err();
            assert!(refused.must("Error").starts_with(&format!("Error: {error}")), "{tool}: {}", refused.text);
        }
    }
    assert_eq!(client.ok("session_list", json!({})).must("Result").lines().count(), 2, "no half session stays");
}

#[test]
fn a_page_becomes_a_pdf() {
    let (host, site) = (TestHost::start(), Site::start());
    let workspace = format!("--workspace={}", host.project().display());
    let mut client = host.client_with("agent", &["--caps=pdf", &workspace]);
    client.open(&site.url("/ok"));
    let saved = client.ok("browser_pdf_save", json!({"filename": "out/page.pdf"}));
    let line = code("await page.pdf({\n  path: 'out/page.pdf'\n});");
    assert_eq!(saved.text, format!("### Result\n- [Page as pdf](out/page.pdf)\n{line}"));
    let bytes = std::fs::read(host.project().join("out/page.pdf")).unwrap();
    assert!(bytes.starts_with(b"%PDF-") && bytes.len() > 1_000, "{} bytes", bytes.len());
    let automatic = client.ok("browser_pdf_save", json!({}));
    let path = automatic.must("Result").strip_prefix("- [Page as pdf](").unwrap().trim_end_matches(')');
    assert!(path.starts_with(".ebb/page-") && path.split('.').next_back() == Some("pdf"), "{path}");
    assert!(host.project().join(path).exists());
    let outside = client.call("browser_pdf_save", json!({"filename": "/etc/page.pdf"})).err();
    assert!(
        outside.must("Error").starts_with("Error: File access denied: /etc/page.pdf is outside"),
        "{}",
        outside.text
    );
}
