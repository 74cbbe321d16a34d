//! Any page at all, made by chance: its snapshot is YAML, within bounds, and every ref in it is an element.

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::select,
    test_runner::{Config, TestCaseError, TestRunner},
};
use saphyr::LoadableYamlNode;
use serde_json::json;
use support::{Calls, Client, Site, TestHost};

const TAGS: &[&str] = &[
    "div",
    "span",
    "p",
    "a",
    "button",
    "input",
    "select",
    "option",
    "optgroup",
    "ul",
    "li",
    "table",
    "tr",
    "td",
    "th",
    "caption",
    "h1",
    "h4",
    "label",
    "img",
    "svg",
    "title",
    "section",
    "nav",
    "header",
    "details",
    "summary",
    "fieldset",
    "legend",
    "form",
    "textarea",
    "b",
    "em",
    "br",
    "slot",
    "x-box",
    "dialog",
    "figure",
    "figcaption",
    "dl",
    "dt",
    "dd",
    "progress",
    "iframe",
    "math",
    "video",
    "object",
    "frameset",
    "template",
    "noscript",
    "output",
    "area",
    "map",
];

const ATTRIBUTES: &[&str] = &[
    "role",
    "aria-label",
    "aria-labelledby",
    "aria-owns",
    "aria-hidden",
    "aria-level",
    "aria-checked",
    "aria-expanded",
    "aria-selected",
    "aria-pressed",
    "aria-invalid",
    "aria-disabled",
    "aria-valuetext",
    "hidden",
    "style",
    "tabindex",
    "href",
    "title",
    "alt",
    "placeholder",
    "value",
    "id",
    "type",
    "disabled",
    "checked",
    "for",
    "list",
    "name",
    "slot",
    "open",
    "scope",
    "size",
    "multiple",
    "contenteditable",
    "srcdoc",
    "class",
    "label",
    "is",
    "dir",
    "popover",
    "inert",
];

const VALUES: &[&str] = &[
    "",
    "a",
    "b",
    "c",
    "a b c",
    "true",
    "false",
    "mixed",
    "1",
    "0",
    "-1",
    "99999999999",
    "button",
    "link",
    "heading",
    "none",
    "presentation",
    "listitem",
    "textbox",
    "treeitem",
    "checkbox",
    "iframe",
    "range",
    "row",
    "img",
    "dialog",
    "display:contents",
    "display:none",
    "display:inline-block",
    "visibility:hidden",
    "cursor:pointer",
    "position:fixed",
    "content-visibility:hidden",
    "width:0;height:0;overflow:hidden",
    "text",
    "radio",
    "submit",
    "image",
    "hidden",
    "password",
    "children",
    "parentNode",
    "nodeType",
    "<p>inside</p>",
    "javascript:void(0)",
    "#",
    "grammar",
    "col",
];

const TEXTS: &[&str] = &[
    "word",
    " ",
    "- a: b",
    "{x}",
    "it's \"so\"",
    "#1",
    "null",
    "12",
    "~",
    "\u{1}\u{85}\u{2028}",
    "سلام",
    "e\u{301}😀",
    "a\nb\tc",
    "\u{200b}\u{ad}",
    ">|%@`",
    "\u{feff}",
    "[x] (y)",
    "key: 'v'",
    "\\x41 \\",
    "…",
    "ref=e1",
    "[ref=e1]",
    "?",
];

/// Text as an attribute or content may have it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn words() -> impl Strategy<Value = String> {
    let any_text = any::<String>().prop_map(|text| text.chars().take(40).collect());
    prop_oneof![4 => select(TEXTS).prop_map(str::to_owned), 1 => any_text]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(VALUES).prop_map(str::to_owned), 1 => words()]
}

/// HTML of up to some dozens of elements, nested at random and not always well.
fn html() -> impl Strategy<Value = String> {
    let text = words().prop_map(|text| escaped(&text));
    text.prop_recursive(8, 60, 6, |inner| {
        let attributes = vec((select(ATTRIBUTES), value()), 0..4).prop_map(|list| {
            list.iter().fold(String::new(), |text, (name, value)| text + " " + name + "=\"" + &escaped(value) + "\"")
        });
        (select(TAGS), attributes, vec(inner, 0..6), any::<bool>()).prop_map(|(tag, attributes, inside, shadow)| {
            let inside = inside.concat();
            // Every so often all of it stands in a shadow root.
            if shadow && tag == "div" {
                format!("<div{attributes}><template shadowrootmode=open>{inside}</template>light</div>")
            } else {
                format!("<{tag}{attributes}>{inside}</{tag}>")
            }
        })
    })
    .prop_flat_map(|html| (Just(html), vec(select(TEXTS), 0..2)).prop_map(|(html, more)| html + &more.concat()))
}

/// The refs of a snapshot.
fn refs(snapshot: &str) -> Vec<&str> {
    let ends = snapshot.split("[ref=").skip(1).filter_map(|rest| rest.split_once(']'));
    let is_ref = |word: &str| word.trim_start_matches(['f', 'e']).chars().all(|c| c.is_ascii_digit() || c == 'e');
    ends.map(|(word, _)| word).filter(|word| is_ref(word)).collect()
}

fn check(client: &mut Client, html: &str) -> Result<(), TestCaseError> {
    let fail = |what: &str, detail: &str| Err(TestCaseError::fail(format!("{what}: {detail}\nof {html}")));
    let write = format!("() => {{ document.body.setHTMLUnsafe({}); return 1; }}", json!(html));
    client.ok("browser_evaluate", json!({"function": write}));
    let seen = client.call("browser_snapshot", json!({"boxes": true}));
    if seen.is_error {
        return fail("no snapshot", &seen.text);
    }
    let text = seen.section("Snapshot").unwrap_or_default();
    if text.len() > 64 * 1024 {
        return fail("out of bounds", &text.len().to_string());
    }
    // The rest is in a cursor: half a tree is not what is to be read here.
    if !seen.meta["cursor"].is_string()
        && let Err(error) = saphyr::Yaml::load_from_str(text)
    {
        return fail("no YAML", &format!("{error}\n{text}"));
    }
    // Pictures that cannot be had and frames come to rest a little later; then nothing moves any more.
    let mut last = text.to_owned();
    let rests = (0..10).any(|_| {
        let again = client.ok("browser_snapshot", json!({"boxes": true}));
        let again = again.section("Snapshot").unwrap_or_default().to_owned();
        std::mem::replace(&mut last, again.clone()) == again
    });
    if !rests {
        return fail("never the same snapshot twice", &last);
    }
    for target in refs(&last).iter().rev().take(3) {
        let element = json!({"target": target, "function": "(element) => element.nodeType"});
        let answer = client.call("browser_evaluate", element);
        let written = html.contains("ref=e1") && *target == "e1";
        if answer.section("Result") != Some("1") && !written {
            return fail(&format!("{target} is no element"), &answer.text);
        }
    }
    let short = client.ok("browser_snapshot", json!({"mode": "interactive"}));
    if let Err(error) = saphyr::Yaml::load_from_str(short.section("Snapshot").unwrap_or_default()) {
        return fail("no YAML in short", &format!("{error}\n{}", short.text));
    }
    Ok(())
}

#[test]
fn any_page_has_a_snapshot_whose_refs_are_elements() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    client.open(&site.page("/empty", "<!doctype html><title>any</title><body></body>"));
    let mut runner =
        TestRunner::new(Config { cases: 40, max_shrink_iters: 60, failure_persistence: None, ..Config::default() });
    let client = std::cell::RefCell::new(client);
    if let Err(error) = runner.run(&html(), |html| check(&mut client.borrow_mut(), &html)) {
        panic!("{error}");
    }
}
