//! The capabilities testing, vision, config and devtools through real calls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Calls, Site, TestHost, ms, wait_for};

const PAGE: &str = "<!doctype html><title>check</title><style>body{margin:0}</style>\
    <button onclick=\"this.textContent='Done'\">Submit order</button>\
    <p>Hello <b>world</b></p><p style='display:none'>Hidden words</p>\
    <ul data-testid=fruit><li>Apple</li><li>Pear</li></ul>\
    <label>Name <input id=name value='Ada'></label>\
    <label><input type=checkbox id=yes checked> Yes</label><label><input type=radio id=no> No</label>\
    <select id=size aria-label=Size><option value=s>Small<option value=l selected>Large</select>\
    <input type=range id=volume aria-label=Volume min=0 max=10 value=7>\
    <iframe srcdoc=\"<p>Words in a frame</p>\"></iframe>";

fn code(line: &str) -> String {
    format!("### Ran Playwright code\n```js\n{line}\n```")
}

fn verified(line: &str) -> String {
    format!("### Result\nDone\n{}", code(&format!("await expect(page.{line};")))
}

#[test]
fn what_is_true_of_a_page_is_verified_and_what_is_not_is_said() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &["--caps=testing"]);
    let page = client.open(&site.page("/check", PAGE));

    let right: [(&str, Value, &str); 9] = [
        (
            "element_visible",
            json!({"role": "button", "accessibleName": "Submit order"}),
            "getByRole('button', { name: 'Submit order' })).toBeVisible()",
        ),
        ("text_visible", json!({"text": "hello world"}), "getByText('hello world')).toBeVisible()"),
        ("text_visible", json!({"text": "Words in a frame"}), "getByText('Words in a frame')).toBeVisible()"),
        (
            "value",
            json!({"type": "textbox", "element": "name", "target": "#name", "value": "Ada"}),
            "getByRole('textbox', { name: 'Name' })).toHaveValue('Ada')",
        ),
        (
            "value",
            json!({"type": "combobox", "element": "size", "target": "#size", "value": "l"}),
            "getByRole('combobox', { name: 'Size' })).toHaveValue('l')",
        ),
        (
            "value",
            json!({"type": "slider", "element": "volume", "target": "#volume", "value": "7"}),
            "getByRole('slider', { name: 'Volume' })).toHaveValue('7')",
        ),
        (
            "value",
            json!({"type": "checkbox", "element": "yes", "target": "#yes", "value": "true"}),
            "getByRole('checkbox', { name: 'Yes' })).toBeChecked()",
        ),
        (
            "value",
            json!({"type": "radio", "element": "no", "target": "#no", "value": "false"}),
            "getByRole('radio', { name: 'No' })).not.toBeChecked()",
        ),
        (
            "list_visible",
            json!({"element": "fruit", "target": page.reference("list"), "items": ["Apple", "Pear"]}),
            "getByTestId('fruit')).toMatchAriaSnapshot(`\n- list:\n  - listitem: \"Apple\"\n  - listitem: \"Pear\"\n`)",
        ),
    ];
    for (tool, arguments, line) in right {
        let answer = client.ok(&format!("browser_verify_{tool}"), arguments);
        assert_eq!(answer.text, verified(line));
    }

    let config = host.project().join("quick.json");
    std::fs::write(&config, r#"{"timeouts":{"expect":400}}"#).unwrap();
    let mut quick = host.client_with("quick", &["--caps=testing", &format!("--config={}", config.display())]);
    quick.open(&site.url("/check"));
    let wrong: [(&str, Value, &str); 7] = [
        (
            "element_visible",
            json!({"role": "button", "accessibleName": "Cancel"}),
            "Element with role \"button\" and accessible name \"Cancel\" not found",
        ),
        ("text_visible", json!({"text": "Hidden words"}), "Text not found"),
        (
            "list_visible",
            json!({"element": "fruit", "target": "ul", "items": ["Apple", "Plum"]}),
            "Item \"Plum\" not found",
        ),
        (
            "value",
            json!({"type": "textbox", "element": "name", "target": "#name", "value": "Eve"}),
            "Expected value \"Eve\", but got \"Ada\"",
        ),
        (
            "value",
            json!({"type": "checkbox", "element": "yes", "target": "#yes", "value": "false"}),
            "Expected value \"false\", but got \"true\"",
        ),
        (
            "value",
            json!({"type": "textbox", "element": "text", "target": "p >> nth=0", "value": "x"}),
            "Error: Node is not an <input>, <textarea> or <select> element",
        ),
        (
            "value",
            json!({"type": "textbox", "element": "text", "target": "#none", "value": "x"}),
            "Error: \"#none\" does not match any elements.",
        ),
    ];
    for (tool, arguments, error) in wrong {
        let answer = quick.call(&format!("browser_verify_{tool}"), arguments).err();
        assert_eq!(answer.section("Error"), Some(error), "{}", answer.text);
    }

    // What is not there yet may still come.
    client.evaluate("() => { setTimeout(() => document.body.append('late words'), 700); return 1; }");
    let began = Instant::now();
    client.ok("browser_verify_text_visible", json!({"text": "late words"}));
    assert!(began.elapsed() >= Duration::from_millis(300), "it was waited for");

    let located = client
        .ok("browser_generate_locator", json!({"element": "the button", "target": page.reference("Submit order")}));
    assert_eq!(located.text, "### Result\ngetByRole('button', { name: 'Submit order' })");
    let unknown = client.call("browser_generate_locator", json!({"target": "e999"})).err();
    assert!(
        unknown.text.starts_with(
            "### Error\nError: Ref e999 not found in the current page snapshot. Try capturing new snapshot."
        )
    );
}

#[test]
fn the_mouse_goes_where_it_is_sent() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &["--caps=vision"]);
    let url = site.page(
        "/mouse",
        "<!doctype html><title>mouse</title><style>body{margin:0;height:5000px}</style><script>\
         window.log = []; for (const kind of ['mousemove','mousedown','mouseup','click','dblclick','contextmenu','auxclick'])\
         addEventListener(kind, e => log.push(`${kind} ${e.clientX},${e.clientY} ${e.button} ${e.buttons} ${e.detail}`));</script>",
    );
    client.open(&url);
    let log = |client: &mut support::Client| client.evaluate("() => log.splice(0).join('; ')");

    let moved = client.ok("browser_mouse_move_xy", json!({"x": 30, "y": 40.5}));
    assert_eq!(moved.text, code("await page.mouse.move(30, 40.5);"));
    let mut seen = String::new();
    wait_for("the mouse to arrive", ms(5_000), || {
        seen += &log(&mut client);
        if seen.contains("mousemove 30,40") { Ok(()) } else { Err(seen.clone()) }
    });
    let clicked = client.ok("browser_mouse_click_xy", json!({"x": 50, "y": 60}));
    assert_eq!(clicked.must("Ran Playwright code"), "await page.mouse.click(50, 60);");
    assert!(clicked.section("Snapshot").is_some() || clicked.text.contains("### Page"), "{}", clicked.text);
    let seen = log(&mut client);
    assert!(seen.contains("mousedown 50,60 0 1 1; mouseup 50,60 0 0 1; click 50,60 0 0 1"), "{seen}");
    let twice =
        client.ok("browser_mouse_click_xy", json!({"x": 5, "y": 6, "clickCount": 2, "button": "left", "delay": 10}));
    assert_eq!(
        twice.must("Ran Playwright code"),
        "await page.mouse.click(5, 6, {\n  button: 'left',\n  clickCount: 2,\n  delay: 10\n});"
    );
    assert!(log(&mut client).contains("dblclick 5,6"));
    client.ok("browser_mouse_click_xy", json!({"x": 7, "y": 8, "button": "right"}));
    assert!(log(&mut client).contains("contextmenu 7,8 2"));

    let dragged = client.ok("browser_mouse_drag_xy", json!({"startX": 10, "startY": 10, "endX": 110, "endY": 60}));
    assert_eq!(
        dragged.must("Ran Playwright code"),
        "await page.mouse.move(10, 10);\nawait page.mouse.down();\nawait page.mouse.move(110, 60);\nawait page.mouse.up();"
    );
    let seen = log(&mut client);
    assert!(seen.contains("mousedown 10,10 0 1") && seen.contains("mouseup 110,60 0 0"), "{seen}");
    assert!(seen.matches("mousemove").count() >= 3, "{seen}");

    client.ok("browser_mouse_move_xy", json!({"x": 20, "y": 20}));
    let down = client.ok("browser_mouse_down", json!({}));
    assert_eq!(down.text, code("await page.mouse.down();"));
    client.ok("browser_mouse_move_xy", json!({"x": 40, "y": 20}));
    let up = client.ok("browser_mouse_up", json!({"button": "left"}));
    assert_eq!(up.text, code("await page.mouse.up({\n  button: 'left'\n});"));
    let seen = log(&mut client);
    assert!(
        seen.contains("mousedown 20,20 0 1")
            && seen.contains("mousemove 40,20 0 1")
            && seen.contains("mouseup 40,20 0 0"),
        "{seen}"
    );

    let wheel = client.ok("browser_mouse_wheel", json!({"deltaY": 300}));
    assert_eq!(wheel.text, code("await page.mouse.wheel(0, 300);"));
    support::wait_for("the page scrolls", Duration::from_secs(5), || match client.evaluate("() => scrollY").as_str() {
        "300" => Ok(()),
        other => Err(other.to_owned()),
    });
    let wrong = client.call("browser_mouse_move_xy", json!({"x": 1})).err();
    assert!(wrong.text.contains("✖ Invalid input: expected number, received undefined\n  → at y"), "{}", wrong.text);
}

#[test]
fn elements_are_highlighted_and_the_page_does_not_notice() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &["--caps=devtools,config"]);
    let page = client.open(&site.page("/check", PAGE));
    let button = page.reference("Submit order");
    let shown = client.ok("browser_highlight", json!({"target": button, "style": "outline: 3px solid blue"}));
    let name = "getByRole('button', { name: 'Submit order' })";
    assert_eq!(
        shown.text,
        format!(
            "### Result\nHighlighted {name}\n{}",
            code(&format!("await page.{name}.highlight({{\n  style: 'outline: 3px solid blue'\n}});"))
        )
    );
    let layers = "() => document.querySelectorAll('ebb-highlight').length";
    assert_eq!(client.evaluate(layers), "1");
    client.ok("browser_highlight", json!({"target": "#name"}));
    assert_eq!(client.evaluate(layers), "1", "one layer for all boxes");
    assert_eq!(client.evaluate("() => document.querySelector('ebb-highlight').shadowRoot"), "null");
    // Input passes through, and the snapshot does not show it.
    let clicked = client.ok("browser_click", json!({"target": button}));
    assert!(
        clicked.must("Snapshot").contains("button \"Done\"") && !clicked.text.contains("highlight"),
        "{}",
        clicked.text
    );
    let hidden = client.ok("browser_hide_highlight", json!({"target": "#name"}));
    assert!(hidden.must("Result").starts_with("Hid highlight for getByRole('textbox'"), "{}", hidden.text);
    assert_eq!(client.evaluate(layers), "1");
    client.ok("browser_hide_highlight", json!({}));
    assert_eq!(client.evaluate(layers), "0");

    let config = client.ok("browser_get_config", json!({}));
    let config: Value = serde_json::from_str(config.must("Result")).unwrap();
    assert_eq!(config["capabilities"], json!(["read", "cursors", "sessions", "config", "devtools"]));
    assert_eq!(config["timeouts"]["action"], 5_000);
    let absent = client.call("browser_route_list", json!({})).err();
    assert!(absent.text.starts_with("### Error\nTool \"browser_route_list\" not found"), "{}", absent.text);
}
