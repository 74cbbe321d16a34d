//! The cases: a page of `fixtures/wire`, and calls.

use serde_json::{Value, json};

use super::Case;

/// The calls of a case.
type Calls = Vec<(&'static str, Value)>;

fn case(name: &'static str, page: &'static str, calls: Calls) -> Case {
    Case { name, page, calls }
}

/// Every case.
pub(super) fn all() -> Vec<Case> {
    [navigation(), acting(), forms(), looking(), waiting(), dialogs(), dragging(), listening(), errors()]
        .into_iter()
        .flatten()
        .collect()
}

fn navigation() -> Vec<Case> {
    vec![
        case("navigate", "", vec![("browser_navigate", json!({"url": "SITE/ok"}))]),
        case("navigate-status", "", vec![("browser_navigate", json!({"url": "SITE/status?code=404"}))]),
        case(
            "navigate-refused",
            "",
            vec![
                ("browser_navigate", json!({"url": "http://127.0.0.1:1/"})),
                ("browser_navigate", json!({"url": "file:///etc/passwd"})),
                ("browser_navigate", json!({"url": "http://a b/"})),
            ],
        ),
        case(
            "navigate-back",
            "form.html",
            vec![
                ("browser_navigate", json!({"url": "SITE/wire/list.html"})),
                ("browser_navigate_back", json!({})),
                ("browser_navigate_back", json!({})),
                ("browser_navigate_back", json!({})),
            ],
        ),
        case(
            "navigate-back-within",
            "popup.html",
            vec![("browser_click", json!({"target": "#push"})), ("browser_navigate_back", json!({}))],
        ),
        case("navigate-by-click", "popup.html", vec![("browser_click", json!({"target": "#on"}))]),
        case("close", "form.html", vec![("browser_close", json!({})), ("browser_close", json!({}))]),
        case(
            "tabs",
            "form.html",
            vec![
                ("browser_tabs", json!({"action": "list"})),
                ("browser_tabs", json!({"action": "new", "url": "SITE/ok"})),
                ("browser_snapshot", json!({})),
                ("browser_tabs", json!({"action": "select", "index": 0})),
                ("browser_tabs", json!({"action": "new"})),
                ("browser_tabs", json!({"action": "close", "index": 1})),
                ("browser_tabs", json!({"action": "close"})),
                ("browser_tabs", json!({"action": "close"})),
                ("browser_tabs", json!({"action": "list"})),
                ("browser_tabs", json!({"action": "select"})),
                ("browser_tabs", json!({"action": "select", "index": 3})),
                ("browser_tabs", json!({"action": "close", "index": 3})),
                ("browser_tabs", json!({"action": "open"})),
            ],
        ),
        case(
            "resize",
            "media.html",
            vec![
                ("browser_resize", json!({"width": 390, "height": 780})),
                ("browser_evaluate", json!({"function": "() => [innerWidth, innerHeight]"})),
                ("browser_resize", json!({"width": 0, "height": 780})),
            ],
        ),
        case(
            "emulate-media",
            "media.html",
            vec![
                ("browser_emulate_media", json!({"colorScheme": "dark", "reducedMotion": "reduce", "media": "print"})),
                (
                    "browser_evaluate",
                    json!({"function": "() => ['(prefers-color-scheme: dark)', '(prefers-reduced-motion: reduce)', 'print'].map((q) => matchMedia(q).matches)"}),
                ),
                ("browser_emulate_media", json!({"colorScheme": null, "contrast": "more"})),
                (
                    "browser_evaluate",
                    json!({"function": "() => ['(prefers-color-scheme: dark)', '(prefers-contrast: more)', 'print'].map((q) => matchMedia(q).matches)"}),
                ),
                ("browser_emulate_media", json!({"colorScheme": "blue"})),
            ],
        ),
    ]
}

fn acting() -> Vec<Case> {
    vec![
        case(
            "click",
            "form.html",
            vec![
                ("browser_click", json!({"element": "Go", "target": "e3"})),
                ("browser_click", json!({"ref": "e3", "doubleClick": true})),
                ("browser_click", json!({"target": "#go", "button": "right"})),
                ("browser_click", json!({"target": "text=Go", "modifiers": ["Shift", "Control"]})),
            ],
        ),
        case(
            "hover",
            "drag.html",
            vec![("browser_hover", json!({"target": "#top"})), ("browser_hover", json!({"target": "#plain"}))],
        ),
        case("frame", "frame.html", vec![("browser_click", json!({"target": "f1e2"}))]),
        case(
            "type",
            "form.html",
            vec![
                ("browser_type", json!({"target": "input[name=name]", "text": "It's \"me\"\n"})),
                ("browser_type", json!({"target": "input[name=name]", "text": "Ada"})),
                ("browser_type", json!({"target": "input[name=name]", "text": " L!", "slowly": true})),
                ("browser_type", json!({"target": "input[name=name]", "text": "Ada", "submit": true})),
                ("browser_type", json!({"target": "textarea", "text": "a\nb"})),
            ],
        ),
        case(
            "press-key",
            "form.html",
            vec![
                ("browser_click", json!({"target": "#keys"})),
                ("browser_press_key", json!({"key": "ArrowLeft"})),
                ("browser_snapshot", json!({"target": "#keys"})),
                ("browser_press_key", json!({"key": "Control+Shift+a"})),
                ("browser_snapshot", json!({"target": "#keys"})),
                ("browser_press_key", json!({"key": "Enter"})),
                ("browser_press_key", json!({"key": "Enterr"})),
            ],
        ),
    ]
}

fn forms() -> Vec<Case> {
    vec![
        case(
            "select-option",
            "form.html",
            vec![
                ("browser_select_option", json!({"target": "select[name=colour]", "values": ["Green"]})),
                ("browser_select_option", json!({"target": "select[name=extras]", "values": ["Bow", "Box"]})),
                ("browser_select_option", json!({"target": "#go", "values": ["Bow"]})),
                ("browser_select_option", json!({"target": "select[name=colour]", "values": ["Pink"]})),
            ],
        ),
        case(
            "fill-form",
            "form.html",
            vec![
                (
                    "browser_fill_form",
                    json!({"fields": [
                        {"name": "Name", "type": "textbox", "target": "input[name=name]", "value": "Ada"},
                        {"name": "Newsletter", "type": "checkbox", "target": "#news", "value": "true"},
                        {"name": "Large", "type": "radio", "element": "Large", "target": "input[value=l]", "value": "true"},
                        {"name": "Amount", "type": "slider", "target": "input[type=range]", "value": "7"},
                        {"name": "Colour", "type": "combobox", "target": "select[name=colour]", "value": "Green"}
                    ]}),
                ),
                (
                    "browser_evaluate",
                    json!({"function": "() => { const f = document.forms[0]; return [f.name.value, news.checked, f.size.value, f.colour.value]; }"}),
                ),
                (
                    "browser_fill_form",
                    json!({"fields": [{"name": "Newsletter", "type": "checkbox", "target": "#news", "value": "false"}]}),
                ),
                ("browser_fill_form", json!({"fields": [{"name": "x", "type": "text", "value": "y"}]})),
                (
                    "browser_fill_form",
                    json!({"fields": [{"name": "Go", "type": "textbox", "target": "#go", "value": "y"}]}),
                ),
            ],
        ),
    ]
}

fn looking() -> Vec<Case> {
    vec![
        case(
            "snapshot",
            "form.html",
            vec![
                ("browser_snapshot", json!({})),
                ("browser_snapshot", json!({"target": "form", "depth": 1})),
                ("browser_snapshot", json!({"target": "#go", "boxes": true})),
                ("browser_snapshot", json!({"filename": "form.yml"})),
                ("browser_snapshot", json!({"filename": "../form.yml"})),
            ],
        ),
        case(
            "find",
            "list.html",
            vec![
                ("browser_find", json!({"text": "fig"})),
                ("browser_find", json!({"text": "apple"})),
                ("browser_find", json!({"regex": "/^\\s*- listitem.*: B/"})),
                ("browser_find", json!({"text": "papaya"})),
                ("browser_find", json!({"regex": "("})),
                ("browser_find", json!({})),
                ("browser_find", json!({"text": "fig", "filename": "found.txt"})),
            ],
        ),
        case(
            "evaluate",
            "form.html",
            vec![
                ("browser_evaluate", json!({"function": "() => ({ a: [1, null], b: 'x' })"})),
                ("browser_evaluate", json!({"function": "document.title"})),
                ("browser_evaluate", json!({"function": "() => {}"})),
                ("browser_evaluate", json!({"element": "Go", "target": "#go", "function": "(e) => e.id"})),
                ("browser_evaluate", json!({"function": "() => { throw new Error('no') }"})),
                ("browser_evaluate", json!({"function": "() => nothing.here"})),
                ("browser_evaluate", json!({"function": "() => 1", "filename": "one.json"})),
                ("browser_evaluate", json!({"function": "() => { document.title = 'Renamed' }"})),
            ],
        ),
        case(
            "screenshot",
            "tall.html",
            vec![
                ("browser_take_screenshot", json!({})),
                ("browser_take_screenshot", json!({"type": "jpeg", "fullPage": true})),
                ("browser_take_screenshot", json!({"element": "the box", "target": "#box", "type": "webp"})),
                ("browser_take_screenshot", json!({"filename": "seen.png", "scale": "device"})),
                ("browser_take_screenshot", json!({"target": "#box", "fullPage": true})),
                ("browser_take_screenshot", json!({"type": "gif"})),
            ],
        ),
    ]
}

fn waiting() -> Vec<Case> {
    vec![
        case("wait-for-text", "late.html", vec![("browser_wait_for", json!({"text": "Finished"}))]),
        case("wait-for-gone", "late.html", vec![("browser_wait_for", json!({"textGone": "Loading"}))]),
        case("wait-for-time", "media.html", vec![("browser_wait_for", json!({"time": 0.1}))]),
        case(
            "wait-for-nothing",
            "media.html",
            vec![("browser_wait_for", json!({})), ("browser_wait_for", json!({"text": "Never \"said\""}))],
        ),
    ]
}

fn dialogs() -> Vec<Case> {
    vec![
        case(
            "dialog",
            "dialogs.html",
            vec![
                ("browser_click", json!({"target": "#alert"})),
                ("browser_snapshot", json!({})),
                ("browser_file_upload", json!({"paths": ["letter.txt"]})),
                ("browser_tabs", json!({"action": "list"})),
                ("browser_handle_dialog", json!({"accept": true})),
                ("browser_click", json!({"target": "#confirm"})),
                ("browser_handle_dialog", json!({"accept": false})),
                ("browser_click", json!({"target": "#prompt"})),
                ("browser_handle_dialog", json!({"accept": true, "promptText": "Ada"})),
                ("browser_handle_dialog", json!({"accept": true})),
                ("browser_evaluate", json!({"function": "() => alert('from a script')"})),
                ("browser_handle_dialog", json!({"accept": true})),
            ],
        ),
        case(
            "file-upload",
            "dialogs.html",
            vec![
                ("browser_click", json!({"target": "#file"})),
                ("browser_file_upload", json!({"paths": ["letter.txt", "second.txt"]})),
                ("browser_file_upload", json!({"paths": ["/etc/hostname"]})),
                ("browser_file_upload", json!({"paths": ["letter.txt"]})),
                ("browser_file_upload", json!({"paths": ["letter.txt"]})),
                ("browser_click", json!({"target": "#files"})),
                ("browser_file_upload", json!({"paths": ["letter.txt", "second.txt"]})),
                ("browser_click", json!({"target": "#files"})),
                ("browser_file_upload", json!({})),
            ],
        ),
    ]
}

fn dragging() -> Vec<Case> {
    vec![
        case(
            "drag-native",
            "drag.html",
            vec![("browser_drag", json!({"startTarget": "#native", "endTarget": "#zone"}))],
        ),
        case(
            "drag-pointer",
            "drag.html",
            vec![(
                "browser_drag",
                json!({"startElement": "Plain", "startRef": "e3", "endElement": "Zone", "endRef": "e4"}),
            )],
        ),
        case(
            "drop",
            "drag.html",
            vec![
                ("browser_drop", json!({"target": "#zone", "data": {"text/plain": "words"}})),
                ("browser_drop", json!({"target": "text=data words", "paths": ["letter.txt", "second.txt"]})),
                ("browser_drop", json!({"target": "#refuses", "data": {"text/plain": "words"}})),
                ("browser_drop", json!({"target": "#zone", "paths": ["/etc/hostname"]})),
                ("browser_drop", json!({"target": "#zone"})),
            ],
        ),
    ]
}

fn listening() -> Vec<Case> {
    vec![
        case(
            "console",
            "console.html",
            vec![
                ("browser_console_messages", json!({})),
                ("browser_console_messages", json!({"level": "warning"})),
                ("browser_console_messages", json!({"level": "debug", "all": true})),
                ("browser_console_messages", json!({"level": "error", "filename": "errors.log"})),
                ("browser_console_messages", json!({"level": "fatal"})),
            ],
        ),
        case(
            "requests",
            "network.html",
            vec![
                ("browser_network_requests", json!({})),
                ("browser_network_requests", json!({"static": true})),
                ("browser_network_requests", json!({"filter": "/item/"})),
                ("browser_network_requests", json!({"filter": "["})),
                ("browser_network_requests", json!({"filename": "requests.txt"})),
            ],
        ),
        case(
            "request",
            "network.html",
            vec![
                ("browser_network_request", json!({"index": 1})),
                ("browser_network_request", json!({"index": 5})),
                ("browser_network_request", json!({"index": 5, "part": "request-headers"})),
                ("browser_network_request", json!({"index": 5, "part": "request-body"})),
                ("browser_network_request", json!({"index": 5, "part": "response-headers"})),
                ("browser_network_request", json!({"index": 5, "part": "response-body"})),
                ("browser_network_request", json!({"index": 3, "part": "response-body"})),
                ("browser_network_request", json!({"index": 4, "part": "response-body", "filename": "body.json"})),
                ("browser_network_request", json!({"index": 4, "part": "request-body"})),
                ("browser_network_request", json!({"index": 7})),
                ("browser_network_request", json!({"index": 7, "part": "response-body"})),
                ("browser_network_request", json!({"index": 99})),
                ("browser_network_request", json!({"index": 0})),
            ],
        ),
    ]
}

fn errors() -> Vec<Case> {
    vec![
        case(
            "target",
            "form.html",
            vec![
                ("browser_click", json!({"target": "e999"})),
                ("browser_click", json!({"target": "f7e1"})),
                ("browser_click", json!({"target": "#nowhere"})),
                ("browser_click", json!({"target": ".same"})),
                ("browser_click", json!({"target": "getByRole('button', { name: 'Same' })"})),
                ("browser_click", json!({"target": "button:has-text("})),
            ],
        ),
        case(
            "timeout",
            "form.html",
            vec![
                ("browser_click", json!({"target": "#off"})),
                ("browser_hover", json!({"target": "#hidden"})),
                ("browser_click", json!({"target": "#under"})),
            ],
        ),
        case(
            "arguments",
            "form.html",
            vec![
                ("browser_click", json!({})),
                ("browser_click", json!({"target": 3, "modifiers": ["Hyper"]})),
                ("browser_click", json!({"target": "#go", "colour": "red"})),
                ("browser_wait_for", json!({"time": "5"})),
                ("browser_clik", json!({})),
                ("make_coffee", json!({})),
            ],
        ),
    ]
}
