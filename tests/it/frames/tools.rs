use std::fs;

use serde_json::Value;

use super::*;

/// A page with a frame of another site, in it fields, a list, a request with a body, and a canvas to point at.
fn pages() -> Pages {
    let mut pages = Pages::new();
    let workspace = format!("--workspace={}", pages.host.project().display());
    pages.client = pages.host.client_with("tools", &["--caps=all", &workspace]);
    pages.site.page(
        "/frame",
        "<title>frame</title><style>body { margin: 20px; background: #00ff00 }</style>
         <button onclick=\"this.textContent = 'Pressed ' + event.isTrusted\">Press</button>
         <input aria-label=Words value=held><label><input type=checkbox checked> Box</label>
         <ul><li>one<li>two</ul><div id=red style='width: 60px; height: 40px; background: #ff0000'></div>
         <script>localStorage.setItem('whose', 'the frame');
         fetch('/item/9', {method: 'POST', body: 'sent from the frame'}).then((got) => got.text());</script>",
    );
    pages.client.open(&pages.site.url("/page"));
    pages.shows("Words");
    pages
}

#[test]
fn what_is_in_a_frame_is_verified_named_and_highlighted() {
    let mut pages = pages();
    let seen = pages.shows("Words");
    let (field, button) = (seen.reference("textbox \"Words\""), seen.reference("button \"Press\" [ref=f1"));
    let frame = "locator('iframe[title=\"Shop\"]').contentFrame()";

    let named = pages.client.ok("browser_generate_locator", json!({"target": field}));
    assert_eq!(named.must("Result"), format!("{frame}.getByRole('textbox', {{ name: 'Words' }})"));
    let list = seen.reference("list [ref=f1");
    for (tool, arguments) in [
        ("browser_verify_element_visible", json!({"role": "textbox", "accessibleName": "Words"})),
        ("browser_verify_text_visible", json!({"text": "two"})),
        ("browser_verify_list_visible", json!({"element": "list", "target": list, "items": ["one", "two"]})),
        ("browser_verify_value", json!({"type": "textbox", "element": "field", "target": field, "value": "held"})),
        (
            "browser_verify_value",
            json!({"type": "checkbox", "element": "box", "target": seen.reference("checkbox"), "value": "true"}),
        ),
    ] {
        let done = pages.client.call(tool, arguments.clone());
        assert_eq!(done.section("Result"), Some("Done"), "{tool} {arguments}: {}", done.text);
    }

    // Drawn in the frame's own process: seen in its picture, and gone again.
    let red = json!({"target": field, "style": "background: #0000ff; outline: none"});
    let shown = pages.client.ok("browser_highlight", red);
    assert_eq!(shown.must("Result"), format!("Highlighted {frame}.getByRole('textbox', {{ name: 'Words' }})"));
    let boxes = json!({"target": field, "function": "(e) => e.ownerDocument.querySelectorAll('ebb-highlight').length"});
    assert_eq!(pages.client.ok("browser_evaluate", boxes.clone()).must("Result"), "1");
    pages.client.ok("browser_hide_highlight", json!({}));
    assert_eq!(pages.client.ok("browser_evaluate", boxes).must("Result"), "0");

    // The mouse by coordinates goes through to it.
    let place = "(e) => { const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }";
    let inner = pages.client.ok("browser_evaluate", json!({"target": button, "function": place}));
    let inner: Vec<f64> = serde_json::from_str(inner.must("Result")).unwrap();
    let outer = "() => { const f = document.querySelector('iframe'); const r = f.getBoundingClientRect(); return [r.x + f.clientLeft, r.y + f.clientTop]; }";
    let outer: Vec<f64> = serde_json::from_str(&pages.client.evaluate(outer)).unwrap();
    pages.client.ok("browser_mouse_click_xy", json!({"x": inner[0] + outer[0], "y": inner[1] + outer[1]}));
    pages.shows("button \"Pressed true\"");

    // A picture of an element in it is of that element.
    let target = "locator('iframe').first().contentFrame().locator('#red')";
    let taken = pages.client.ok("browser_take_screenshot", json!({"target": target, "filename": "red.png"}));
    assert!(taken.must("Result").contains("red.png"), "{}", taken.text);
    let picture = fs::read(pages.host.project().join("red.png")).unwrap();
    // What is all red says so in any of its pixels; the browser itself reads the file.
    let look = format!(
        "async () => {{ const image = new Image(); image.src = 'data:image/png;base64,{}'; await image.decode(); \
         const c = new OffscreenCanvas(image.width, image.height).getContext('2d'); c.drawImage(image, 0, 0); \
         const at = (x, y) => [...c.getImageData(x, y, 1, 1).data].slice(0, 3).join(); \
         return [image.width, image.height, at(2, 2), at(image.width - 3, image.height - 3)]; }}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &picture)
    );
    let seen: Value = serde_json::from_str(&pages.client.evaluate(&look)).unwrap();
    // What begins within a pixel ends within one.
    let sizes = [json!([60, 40, "255,0,0", "255,0,0"]), json!([60, 41, "255,0,0", "255,0,0"])];
    assert!(sizes.contains(&seen), "{seen}");
}

#[test]
fn what_a_frame_sends_and_stores_can_be_read() {
    let mut pages = pages();
    let listed = pages.client.ok("browser_network_requests", json!({}));
    let line = listed.must("Result").lines().find(|line| line.contains("/item/9")).unwrap();
    let index: u32 = line.split('.').next().unwrap().parse().unwrap();
    let part = |pages: &mut Pages, part: &str| {
        let asked = pages.client.call("browser_network_request", json!({"index": index, "part": part}));
        asked.section("Result").unwrap_or(&asked.text).to_owned()
    };
    assert_eq!(part(&mut pages, "request-body"), "sent from the frame");
    assert_eq!(part(&mut pages, "response-body"), "{\"path\":\"/item/9\"}");
    assert!(part(&mut pages, "request-headers").contains("referer"), "{}", part(&mut pages, "request-headers"));

    // The page's own storage is not the frame's.
    let local = pages.client.ok("browser_localstorage_list", json!({}));
    assert_eq!(local.must("Result"), "No localStorage items found");

    // A saved state of the frame's site is what its own pages find, whoever shows it in a frame meanwhile.
    let origin = pages.site.elsewhere("");
    let state =
        json!({"cookies": [], "origins": [{"origin": origin, "localStorage": [{"name": "k", "value": "restored"}]}]});
    fs::write(pages.host.project().join("state.json"), state.to_string()).unwrap();
    pages.client.ok("browser_set_storage_state", json!({"filename": "state.json"}));
    pages.client.open(&pages.site.elsewhere("/ok"));
    assert_eq!(pages.client.evaluate("() => localStorage.getItem('k')"), "\"restored\"");
    pages.client.open(&pages.site.url("/page"));
    pages.shows("Words");
    let saved = pages.client.ok("browser_storage_state", json!({"filename": "saved.json"}));
    assert!(saved.text.contains("saved.json"), "{}", saved.text);
    let saved: Value = serde_json::from_slice(&fs::read(pages.host.project().join("saved.json")).unwrap()).unwrap();
    assert_eq!(saved["origins"], state["origins"]);
}
