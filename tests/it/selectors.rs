//! Every way to name an element, what code calls it, and what is said when none or several are meant.

use serde_json::json;
use support::{Calls, Client, Site, TestHost};

const PAGE: &str = r##"<!doctype html><title>Hello</title>
<div id="a"><button>Submit</button><button>Submit</button></div>
<ul><li>Buy milk <input type="checkbox"></li><li>Walk dog <input type="checkbox"></li></ul>
<div class="x"><span>Hello</span></div>
<input placeholder="Your name"><label>Email <input id="em" name="email"></label>
<img alt="Logo" src="data:," width="9" height="9"><a href="#">Inbox 12</a>
<button data-testid="tt">Hi</button><button data-test="uu">Ho</button><button data-qa="own">He</button>
<div id="q">q</div><div id="x1a2b3c4">made up</div><i title="Tip">i</i>
<p>A very long paragraph of text that goes on and on and on for more than eighty characters, surely it does</p>
<select id="colour"><option>red</option><option>blue</option></select>
<section aria-label="S"><i></i><i></i></section>
<x-a></x-a><script>customElements.define("x-a", class extends HTMLElement { connectedCallback() {
  this.attachShadow({ mode: "open" }).innerHTML = "<em class=in>Shadow</em><b>bold</b>"; } });</script>
<a href="#1"><b>Deep</b> link</a><div contenteditable>editable</div>
<div><div>twice</div></div><div hidden>twice</div><button disabled aria-pressed="true">Off</button><h3>Third</h3>"##;

fn open(client: &mut Client, site: &Site) {
    client.open(&site.page("/selectors", PAGE));
}

/// What code calls the element that `target` means.
fn named(client: &mut Client, target: &str) -> String {
    let answer = client.call("browser_evaluate", json!({"target": target, "function": "(element) => element.tagName"}));
    assert!(!answer.is_error, "{target}: {}", answer.text);
    let code = answer.must("Ran Playwright code").to_owned();
    let code = code.strip_prefix("await page.").and_then(|code| code.split_once(".evaluate("));
    code.unwrap_or_else(|| panic!("{target}: {}", answer.text)).0.to_owned()
}

#[test]
fn every_form_finds_its_element_and_code_names_it_in_the_cheapest_way() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    open(&mut client, &site);
    let cases = [
        // CSS, with classes of ours, through shadow roots.
        ("#a button:nth-child(2)", "getByRole('button', { name: 'Submit' }).nth(1)"),
        ("li:nth-child(2) input", "getByText('Walk dog').getByRole('checkbox')"),
        (".x span", "getByText('Hello')"),
        (".x", "locator('div').filter({ hasText: 'Hello' })"),
        ("x-a .in", "getByText('Shadow')"),
        ("li:has-text(\"walk\")", "getByText('Walk dog')"),
        ("li:not(:has-text('walk'))", "getByText('Buy milk')"),
        ("div:has(> button:text('Submit'))", "getByText('SubmitSubmit')"),
        (":nth-match(button, 2)", "getByRole('button', { name: 'Submit' }).nth(1)"),
        ("li:visible:text-is('Walk dog')", "getByText('Walk dog')"),
        ("div:text('twice'):visible", "getByText('twice').first()"),
        // Engines and chains.
        ("text=Hello", "getByText('Hello')"),
        ("text=/^hel+o$/i", "getByText('Hello')"),
        ("text=\"Hello\"", "getByText('Hello')"),
        ("\"Hello\"", "getByText('Hello')"),
        ("role=link[name=\"inbox\"i]", "getByRole('link', { name: 'Inbox' })"),
        ("role=button[name=/^h.$/i][disabled=false] >> nth=1", "locator('[data-test=\"uu\"]')"),
        ("role=button[pressed]", "getByRole('button', { name: 'Off' })"),
        ("role=heading[level=3]", "getByRole('heading', { name: 'Third' })"),
        ("//ul/li[2]", "getByText('Walk dog')"),
        ("xpath=//select", "locator('#colour')"),
        ("span >> ..", "locator('div').filter({ hasText: 'Hello' })"),
        ("id=em", "getByRole('textbox', { name: 'Email' })"),
        ("data-testid=tt", "getByTestId('tt')"),
        ("css=li >> nth=-1", "getByText('Walk dog')"),
        ("li >> visible=true >> nth=0", "getByText('Buy milk')"),
        // Locators as in code.
        ("getByRole('button', { name: /sub/i }).nth(1)", "getByRole('button', { name: 'Submit' }).nth(1)"),
        ("page.getByRole('checkbox').last()", "getByText('Walk dog').getByRole('checkbox')"),
        ("getByText(\"hello\")", "getByText('Hello')"),
        ("getByText('Hello', { exact: true })", "getByText('Hello')"),
        ("getByLabel('email')", "getByRole('textbox', { name: 'Email' })"),
        ("getByPlaceholder('your NAME')", "getByRole('textbox', { name: 'Your name' })"),
        ("getByAltText('logo')", "getByRole('img', { name: 'Logo' })"),
        ("getByTitle('tip')", "locator('i').filter({ hasText: 'i' })"),
        ("getByTestId('tt')", "getByTestId('tt')"),
        ("locator('li', { hasText: 'milk' })", "getByText('Buy milk')"),
        ("locator('li').filter({ hasNotText: 'milk' })", "getByText('Walk dog')"),
        ("locator('div').filter({ has: page.getByText('Hello') })", "locator('div').filter({ hasText: 'Hello' })"),
        (
            "locator('li').filter({ hasText: /walk/i }).getByRole('checkbox')",
            "getByText('Walk dog').getByRole('checkbox')",
        ),
        ("locator('div').filter({ visible: true }).first()", "getByText('SubmitSubmit')"),
        // What the cheapest name is.
        ("#x1a2b3c4", "getByText('made up')"),
        ("p", "getByText('A very long paragraph of text')"),
        ("option >> nth=1", "locator('#colour')"),
        ("section i:nth-child(2)", "locator('i').nth(2)"),
        ("a b", "getByRole('link', { name: 'Deep link' })"),
        ("[contenteditable]", "getByText('editable')"),
        ("div > div:text('twice')", "getByText('twice').first()"),
        ("[data-qa]", "getByRole('button', { name: 'He' })"),
    ];
    let mut wrong = Vec::new();
    for (target, expected) in cases {
        let seen = named(&mut client, target);
        if seen != expected {
            wrong.push(format!("{target}\n  expected {expected}\n  seen     {seen}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn what_is_wrong_with_a_target_is_said() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client("agent");
    open(&mut client, &site);
    let mut error = |target: &str| client.call("browser_click", json!({"target": target})).err().text;
    assert!(error("#nothing").contains("Error: \"#nothing\" does not match any elements."));
    assert!(
        error("e999").contains("Error: Ref e999 not found in the current page snapshot. Try capturing new snapshot.")
    );
    let several = error("role=button[name=\"submit\"i]");
    assert!(
        several.contains(
            "Error: strict mode violation: getByRole('button', { name: 'submit' }) resolved to 2 elements:\n    \
             1) <button>Submit</button> aka getByRole('button', { name: 'Submit' }).first()\n    \
             2) <button>Submit</button> aka getByRole('button', { name: 'Submit' }).nth(1)"
        ),
        "{several}"
    );
    let many = error("css=*");
    assert!(many.contains("strict mode violation: locator('*') resolved to "), "{many}");
    assert!(many.contains("\n    10) ") && !many.contains("\n    11) ") && many.contains("\n    ..."), "{many}");
    for target in
        ["getByFoo('x')", "foo(bar)", "getByText('x').click()", "li >>", "role=", "getByText(", ":nth-match(a)"]
    {
        let told = error(target);
        assert!(told.contains(&format!("\"{target}\" is not a selector: ")), "{target}: {told}");
    }
    assert!(error("getByFoo('x')").contains("getByRole, getByText"));
}
