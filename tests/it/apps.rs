//! Shapes of real applications, each driven from end to end by MCP calls alone (`fixtures/apps`).

use std::{fs, time::Duration};

use serde_json::{Value, json};
use support::{Agent, Answer, Calls, Site, TestHost, Via, wait_for};

/// Somebody who uses an application.
struct User {
    agent: Agent,
    site: Site,
    host: TestHost,
    /// The last answer with a snapshot.
    seen: Answer,
}

impl User {
    fn of(app: &str) -> Self {
        let (host, site) = (TestHost::start(), Site::start());
        let mut agent = host.agent(Via::Socket, app);
        let seen = agent.open(&site.url(&format!("/apps/{app}.html")));
        Self { agent, site, host, seen }
    }

    /// Calls a tool on the element whose line contains `words`.
    fn on(&mut self, words: &str, tool: &str, mut arguments: Value) -> Answer {
        arguments["target"] = json!(self.seen.reference(words));
        arguments["element"] = json!(words);
        self.then(tool, arguments)
    }

    /// Calls a tool and looks at what the page shows then.
    fn then(&mut self, tool: &str, arguments: Value) -> Answer {
        let answer = self.agent.ok(tool, arguments);
        // What changed says nothing of the rest.
        let is_whole = |shown: &str| !shown.starts_with("# ");
        self.seen = if answer.section("Snapshot").is_some_and(is_whole) {
            answer.clone()
        } else {
            self.agent.ok("browser_snapshot", json!({}))
        };
        answer
    }

    fn click(&mut self, words: &str) {
        self.on(words, "browser_click", json!({}));
    }

    #[track_caller]
    fn sees(&self, words: &str) {
        assert!(self.seen.must("Snapshot").contains(words), "no {words} in: {}", self.seen.text);
    }

    #[track_caller]
    fn misses(&self, words: &str) {
        assert!(!self.seen.must("Snapshot").contains(words), "{words} in: {}", self.seen.text);
    }

    #[track_caller]
    fn title(&self, title: &str) {
        let page = self.seen.must("Page");
        assert!(page.lines().any(|line| line == format!("- Page Title: {title}")), "{page}");
    }
}

#[test]
fn a_shop_with_routing() {
    let mut user = User::of("shop");
    user.then("browser_wait_for", json!({"text": "Products"}));
    user.click("link \"Green tea\"");
    user.title("Green tea - Shop");
    user.sees("Steamed leaves, light.");
    user.on("spinbutton \"Amount\"", "browser_type", json!({"text": "2"}));
    user.click("button \"Add to cart\"");
    user.sees("Green tea is in your cart");
    user.then("browser_navigate_back", json!({}));
    user.then("browser_wait_for", json!({"text": "Products"}));
    user.click("link \"Teapot\"");
    user.click("button \"Add to cart\"");
    user.click("link \"Cart (3)\"");
    for words in ["Green tea", "€ 9.00", "Teapot", "Total: € 38.00"] {
        user.sees(words);
    }
    user.click("button \"Order\"");
    user.title("Thank you - Shop");
    user.sees("Order accepted: true");
    // What was sent is there to be read.
    let requests = user.agent.ok("browser_network_requests", json!({"filter": "/order$"}));
    let line = requests.must("Result").lines().next().unwrap().to_owned();
    assert!(line.ends_with("=> [200] OK") && line.contains("[POST] "), "{line}");
    let index: u64 = line.split('.').next().unwrap().parse().unwrap();
    let body = user.agent.ok("browser_network_request", json!({"index": index, "part": "request-body"}));
    assert_eq!(body.must("Result"), "[[1,2],[3,1]]");
}

#[test]
fn a_grid_of_5000_rows() {
    let mut user = User::of("grid");
    user.sees("5000 orders by Number up");
    assert!(user.seen.text.len() < 64 * 1024, "the first page holds {} bytes", user.seen.text.len());
    let cursor = user.seen.cursor().to_owned();
    let row = user.agent.ok("cursor_read", json!({"cursor": cursor, "match": "Paid 4321\""}));
    let paid = row.must("Result").split_once("[ref=").unwrap().1.split(']').next().unwrap().to_owned();
    user.agent.ok("browser_click", json!({"target": paid}));
    assert_eq!(user.agent.evaluate("() => document.title"), "\"1 paid\"");
    let found = user.agent.ok("browser_find", json!({"text": "Customer 4999"}));
    assert!(found.must("Result").starts_with("Found "), "{}", found.text);
    user.then("browser_snapshot", json!({}));
    user.click("button \"Amount\"");
    user.sees("5000 orders by Amount up");
    user.on("searchbox \"Filter\"", "browser_type", json!({"text": "Customer 123"}));
    user.sees("11 orders by Amount up");
    assert!(user.seen.meta["cursor"].is_null(), "eleven rows need no cursor");
}

#[test]
fn a_rich_text_editor() {
    let mut user = User::of("editor");
    user.on("textbox \"Text\"", "browser_type", json!({"text": "Dear reader,", "slowly": true}));
    user.sees("2 words");
    user.then("browser_press_key", json!({"key": "Enter"}));
    user.click("button \"Bold\"");
    user.then("browser_press_key", json!({"key": "B"}));
    user.then("browser_press_key", json!({"key": "Control+a"}));
    user.click("button \"Italic\"");
    let html = user.agent.evaluate("() => text.innerHTML.replace(/\\s+/g, ' ')");
    assert!(html.contains("<i>Dear reader,</i>") && html.contains("<b>"), "{html}");
    user.on("textbox \"Text\"", "browser_type", json!({"text": "All new"}));
    assert_eq!(user.agent.evaluate("() => text.innerText.trim()"), "\"All new\"", "filling replaces");
}

#[test]
fn a_board_with_cards_to_drag() {
    let mut user = User::of("board");
    let (card, doing) = (user.seen.reference("Write"), user.seen.reference("region \"Doing\""));
    let moved = user.then("browser_drag", json!({"startTarget": card, "endTarget": doing}));
    assert!(moved.must("Ran Playwright code").contains(".dragTo(page."), "{}", moved.text);
    user.title("Board: 1,1,0");
    let (card, done) = (user.seen.reference("Review"), user.seen.reference("region \"Done\""));
    user.then("browser_drag", json!({"startTarget": card, "endTarget": done}));
    user.title("Board: 0,1,1");
}

#[test]
fn a_form_in_steps_with_an_upload() {
    let mut user = User::of("wizard");
    fs::write(user.host.project().join("letter.txt"), "I would like to work here.").unwrap();
    user.click("button \"Next\"");
    user.sees("Your name is missing");
    let (name, mail) = (user.seen.reference("textbox \"Full name\""), user.seen.reference("textbox \"E-mail\""));
    user.then(
        "browser_fill_form",
        json!({"fields": [
            {"name": "Full name", "type": "textbox", "target": name, "value": "Ada Lovelace"},
            {"name": "E-mail", "type": "textbox", "target": mail, "value": "ada@example.org"}
        ]}),
    );
    user.click("button \"Next\"");
    user.misses("textbox \"Full name\"");
    let field = |user: &User, words: &str| user.seen.reference(words);
    let fields = json!({"fields": [
        {"name": "Field", "type": "combobox", "target": field(&user, "combobox \"Field\""), "value": "Engineering"},
        {"name": "Years", "type": "slider", "target": field(&user, "slider \"Years\""), "value": "12"},
        {"name": "Remote", "type": "checkbox", "target": field(&user, "checkbox \"Remote\""), "value": "true"}
    ]});
    user.then("browser_fill_form", fields);
    user.click("button \"Next\"");
    let chooser = user.agent.ok("browser_click", json!({"target": user.seen.reference("button \"Letter\"")}));
    assert!(chooser.must("Modal state").contains("[File chooser]"), "{}", chooser.text);
    user.then("browser_file_upload", json!({"paths": ["letter.txt"]}));
    user.sees("Letter of 26 characters");
    user.click("button \"Send\"");
    user.title("Sent");
    user.sees("Ada Lovelace, Engineering, 12 years, remote, letter.txt");
}

#[test]
fn a_payment_form_in_a_frame() {
    let mut user = User::of("payment");
    user.click("button \"Pay\"");
    user.sees("Please check the card");
    user.on("textbox \"Card number\"", "browser_type", json!({"text": "4242424242424242", "slowly": true}));
    user.on("textbox \"Expires\"", "browser_type", json!({"text": "12/29"}));
    user.on("textbox \"Code\"", "browser_type", json!({"text": "123"}));
    user.misses("4242424242424242");
    user.sees("4242 4242 4242 4242");
    user.click("button \"Pay\"");
    user.then("browser_wait_for", json!({"text": "Paid with the card ending in 4242"}));
    user.title("Paid");
}

#[test]
fn a_chart_on_a_canvas() {
    let mut user = User::of("chart");
    user.sees("img \"Sales by day\"");
    user.on("img \"Sales by day\"", "browser_hover", json!({}));
    user.sees("Week 4: 8");
    user.click("button \"Year\"");
    user.sees("img \"Sales by month\"");
    user.on("img \"Sales by month\"", "browser_hover", json!({}));
    user.sees("Year 7: 40");
    let canvas = user.seen.reference("img \"Sales by month\"");
    let shot = user.agent.ok("browser_take_screenshot", json!({"element": "the chart", "target": canvas}));
    assert_eq!(shot.images, ["image/png"], "{}", shot.text);
    assert!(shot.must("Result").starts_with("- [Screenshot of the chart]("), "{}", shot.text);
}

#[test]
fn a_login_with_a_popup() {
    let mut user = User::of("login");
    user.click("button \"Sign in with Example\"");
    let agent = &mut user.agent;
    wait_for("the popup is a tab", Duration::from_secs(10), || {
        let tabs = agent.ok("browser_tabs", json!({"action": "list"})).must("Result").to_owned();
        if tabs.contains("[Example login]") { Ok(()) } else { Err(tabs) }
    });
    user.agent.ok("browser_tabs", json!({"action": "select", "index": 1}));
    user.then("browser_snapshot", json!({}));
    user.on("textbox \"User\"", "browser_type", json!({"text": "ada"}));
    user.on("textbox \"Password\"", "browser_type", json!({"text": "wrong", "submit": true}));
    user.sees("Wrong password");
    user.on("textbox \"Password\"", "browser_type", json!({"text": "open sesame"}));
    user.agent.ok("browser_click", json!({"target": user.seen.reference("button \"Allow\"")}));
    let agent = &mut user.agent;
    wait_for("the popup is gone", Duration::from_secs(10), || {
        let tabs = agent.ok("browser_tabs", json!({"action": "list"})).must("Result").to_owned();
        if tabs.lines().count() == 1 { Ok(()) } else { Err(tabs) }
    });
    user.then("browser_snapshot", json!({}));
    user.title("Account");
    user.sees("Signed in as ada");
    let url = user.site.url("/apps/login.html");
    assert!(user.seen.must("Page").contains(&format!("- Page URL: {url}")), "{}", user.seen.text);
}
