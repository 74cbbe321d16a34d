//! Chromium without Ebb, over the same pipe: what a question to it costs at least.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use command_fds::{CommandFdExt, FdMapping};
use ebb_core::settings::BrowserSettings;
use serde_json::{Value, json};

/// A Chromium of our own. Dropping it ends it.
pub(crate) struct Raw {
    child: Child,
    up: Option<File>,
    down: BufReader<File>,
    session: String,
    next: u64,
    /// Last: it lies there while it runs.
    _profile: tempfile::TempDir,
}

impl Raw {
    /// Starts the browser that Ebb would start.
    pub(crate) fn start() -> Self {
        let found = ebb_host::browser::locate::find(&BrowserSettings::default()).expect("a Chromium is installed");
        let profile = tempfile::tempdir().expect("a folder for its profile");
        let (their_read, up) = std::io::pipe().expect("a pipe");
        let (down, their_write) = std::io::pipe().expect("a pipe");
        let mut command = Command::new(found.path);
        command
            .args(["--remote-debugging-pipe", "--headless", "--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if ebb_host::browser::sandbox_problem(&BrowserSettings::default()).is_some() {
            command.arg("--no-sandbox");
        }
        let mappings = vec![
            FdMapping { parent_fd: OwnedFd::from(their_read), child_fd: 3 },
            FdMapping { parent_fd: OwnedFd::from(their_write), child_fd: 4 },
        ];
        command.fd_mappings(mappings).expect("two descriptors");
        let child = command.spawn().expect("Chromium starts");
        drop(command);
        let (up, down) = (File::from(OwnedFd::from(up)), BufReader::new(File::from(OwnedFd::from(down))));
        let mut raw = Self { child, up: Some(up), down, session: String::new(), next: 1, _profile: profile };
        let target = raw.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = raw.call("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().expect("a session").clone_into(&mut raw.session);
        raw.call("Page.enable", &json!({}));
        raw
    }

    /// Opens a page and waits for its `load`.
    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", &json!({"url": url}));
        let loaded = "document.readyState === 'complete' || new Promise((done) => addEventListener('load', done))";
        self.call("Runtime.evaluate", &json!({"expression": loaded, "awaitPromise": true}));
    }

    /// A page in a context of its own, as a session's first one, until its title can be read; then it goes.
    pub(crate) fn first_page(&mut self, url: &str) -> Duration {
        let began = Instant::now();
        let old = std::mem::take(&mut self.session);
        let context = self.call("Target.createBrowserContext", &json!({}))["browserContextId"].clone();
        let target = self.call("Target.createTarget", &json!({"url": "about:blank", "browserContextId": context}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().expect("a session").clone_into(&mut self.session);
        self.open(url);
        self.evaluate("document.title");
        let took = began.elapsed();
        self.session.clear();
        self.call("Target.disposeBrowserContext", &json!({"browserContextId": context}));
        self.session = old;
        took
    }

    /// A question to the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        self.call("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true}))
    }

    /// The whole accessibility tree: what the protocol itself has for a snapshot.
    pub(crate) fn ax_tree(&mut self) -> usize {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        tree["nodes"].as_array().map_or(0, Vec::len)
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        let id = self.next;
        self.next += 1;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let up = self.up.as_mut().expect("it runs");
        up.write_all(format!("{message}\0").as_bytes()).expect("Chromium reads");
        loop {
            let mut bytes = Vec::new();
            assert!(self.down.read_until(0, &mut bytes).expect("Chromium writes") > 0, "Chromium ended");
            bytes.pop();
            let answer: Value = serde_json::from_slice(&bytes).expect("Chromium speaks JSON");
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It ends by itself when its pipe does.
        drop(self.up.take());
        drop(self.child.wait());
    }
}
