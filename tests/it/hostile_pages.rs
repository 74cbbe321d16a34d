//! Pages that are built to hurt: of great size, bent out of shape, never at rest. What each does is in `hostile_pages/`.
//!
//! Every call answers in its time, what can be read is YAML, the session goes on, and another one beside it stays quick.

use std::time::{Duration, Instant};

use saphyr::LoadableYamlNode;
use serde_json::{Value, json};
use support::{Answer, Calls, Client, Site, TestHost, procs};

/// Pages that change what the language and the document are made of, and texts that pass for something else.
mod bent;
/// Pages that do not end, or do not let go.
mod restless;
/// Pages of great size and depth.
mod vast;

/// Longer than any call here may take, on a busy machine too.
const ANSWER: Duration = Duration::from_secs(30);

/// Longer than a call of somebody else may take meanwhile.
const BESIDE: Duration = Duration::from_secs(5);

/// What the host may take more than before, in bytes.
const GROWTH: u64 = 300 << 20;

/// One host with a session that is put through it and one that must not notice.
struct Ordeal {
    agent: Client,
    other: Client,
    site: Site,
    before: u64,
    host: TestHost,
}

impl Ordeal {
    fn new() -> Self {
        let (host, site) = (TestHost::start(), Site::start());
        let agent = host.client_with("agent", &["--timeout-navigation=4000"]);
        let mut other = host.client("other");
        other.open(&site.url("/ok"));
        other.evaluate("() => { window.mark = 'mine'; return 1; }");
        let before = procs::pss(host.pid()).unwrap_or_default();
        Self { agent, other, site, before, host }
    }

    /// Calls a tool; meanwhile the other session is asked too.
    fn call(&mut self, tool: &str, arguments: Value) -> Answer {
        let began = Instant::now();
        let id = self.agent.send(tool, arguments);
        let mark = self.other.evaluate("() => window.mark");
        assert_eq!(mark, "\"mine\"");
        assert!(began.elapsed() < BESIDE, "beside {tool} another session waited {:?}", began.elapsed());
        let answer = self.agent.answer(id, ANSWER);
        answer.unwrap_or_else(|error| panic!("{tool} within {ANSWER:?}: {error}"))
    }

    /// Opens a page in a tab of its own and looks at it.
    fn visit(&mut self, name: &str, html: &str) -> Answer {
        let url = self.site.page(&format!("/{name}"), &format!("<!doctype html><title>{name}</title>{html}"));
        self.visit_url(&url)
    }

    fn visit_url(&mut self, url: &str) -> Answer {
        self.call("browser_tabs", json!({"action": "new"}));
        let opened = self.call("browser_navigate", json!({"url": url}));
        let seen = self.look();
        assert!(opened.text.len() < 256 * 1024, "{} bytes", opened.text.len());
        seen
    }

    /// A snapshot, which must be YAML when it is one.
    fn look(&mut self) -> Answer {
        let seen = self.call("browser_snapshot", json!({}));
        let text = seen.section("Snapshot").unwrap_or_default();
        // The rest of a long one is in a cursor: half a tree is not what is to be read.
        if !seen.meta["cursor"].is_string()
            && let Err(error) = saphyr::Yaml::load_from_str(text)
        {
            panic!("no YAML: {error}\n{text}");
        }
        seen
    }

    /// The tab can be closed, and the session works in the next one as if nothing had been.
    fn leave(&mut self) {
        self.call("browser_tabs", json!({"action": "close"}));
        let url = self.site.url("/ok");
        self.call("browser_tabs", json!({"action": "new"}));
        let seen = self.call("browser_navigate", json!({"url": url}));
        assert!(seen.text.contains("All is well"), "{}", seen.text);
        let pressed = self.call("browser_click", json!({"target": seen.reference("button \"Press\"")}));
        assert!(!pressed.is_error, "{}", pressed.text);
        self.call("browser_tabs", json!({"action": "close"}));
    }
}

impl Drop for Ordeal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let after = procs::pss(self.host.pid()).unwrap_or_default();
        assert!(after < self.before + GROWTH, "the host took {} MB, then {}", self.before >> 20, after >> 20);
    }
}
