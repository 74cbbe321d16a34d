//! A session that has nothing to do with a fault, and must not notice it.

use serde_json::json;

use crate::{Client, Control, Site, TestHost, mcp::Calls};

/// A client in the test's process with a page, three cursors and a mark in `window`.
pub struct Bystander {
    client: Client,
    /// Each cursor with the page that begins at line 2.
    cursors: Vec<(String, String)>,
    session: String,
}

impl Bystander {
    /// Connects, opens a page, leaves a mark and makes three cursors.
    #[must_use]
    pub fn new(host: &TestHost, site: &Site) -> Self {
        let mut client = host.client("bystander");
        client.open(&site.page("/bystander", "<!doctype html><title>bystander</title><h1>Untouched</h1>"));
        client.evaluate("() => { window.mark = 'mine'; return 1; }");
        let mut cursors = Vec::new();
        for n in 0..3 {
            let id = client.large(&format!("bystander {n}"), 40).cursor().to_owned();
            let page = client.ok("cursor_read", json!({"cursor": id, "offset": 2, "max_tokens": 500}));
            cursors.push((id, page.text));
        }
        let session = host.control().session_of("bystander");
        Self { client, cursors, session }
    }

    /// Its session.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Its client.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Asserts that it has everything it had, and that its calls are answered.
    pub fn assert_untouched(&mut self, control: &Control) {
        assert_eq!(self.client.evaluate("() => window.mark"), "\"mine\"", "the bystander's page is another one");
        self.assert_cursors();
        assert_eq!(control.session_of("bystander"), self.session, "the bystander has another session");
    }

    /// Asserts that its cursors read as before: what holds even when the browser is lost.
    pub fn assert_cursors(&mut self) {
        for (id, before) in self.cursors.clone() {
            let now = self.client.ok("cursor_read", json!({"cursor": id, "offset": 2, "max_tokens": 500}));
            assert_eq!(now.text, before, "a cursor of the bystander reads otherwise");
        }
        let list = self.client.ok("cursor_list", json!({})).text;
        for (id, _) in &self.cursors {
            assert!(list.contains(id.as_str()), "{id} is not in: {list}");
        }
    }
}
