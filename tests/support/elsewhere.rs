//! A browser that somebody else runs, on a debugging port of this machine: what is in it, asked of itself.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use async_tungstenite::{
    WebSocketStream,
    tokio::{ConnectStream, connect_async},
    tungstenite::Message,
};
use ebb_core::settings::BrowserSettings;
use ebb_host::browser::locate;
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{procs, wait_for};

/// The one browser of a test that has a port; those of Ebb never have one. Dropping it ends it.
pub struct Elsewhere {
    browser: Option<Child>,
    folder: tempfile::TempDir,
    port: u16,
    path: String,
    runtime: Runtime,
    line: Mutex<Option<Line>>,
}

/// A connection to it.
struct Line {
    socket: WebSocketStream<ConnectStream>,
    next: u64,
}

impl Elsewhere {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("ebb-elsewhere").tempdir_in("/tmp").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut elsewhere =
            Self { browser: None, folder, port: 0, path: String::new(), runtime, line: Mutex::default() };
        elsewhere.restart();
        elsewhere
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self) {
        assert!(self.browser.is_none(), "it still runs");
        *self.line.lock() = None;
        let profile = self.folder.path().join("profile");
        let told = profile.join("DevToolsActivePort");
        drop(std::fs::remove_file(&told));
        let found = locate::find(&BrowserSettings::default()).expect("a browser is installed");
        let mut command = Command::new(found.path);
        command.arg(format!("--remote-debugging-port={}", self.port)).arg(with("--user-data-dir=", &profile));
        command.args(["--no-sandbox", "--no-first-run", "--headless=new", "about:blank"]).process_group(0);
        command.env("TMPDIR", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.browser = Some(command.spawn().unwrap());
        (self.port, self.path) = wait_for("the other browser listens", Duration::from_secs(20), || {
            let text = std::fs::read_to_string(&told).map_err(|error| error.to_string())?;
            let (port, path) = text.trim_end().split_once('\n').ok_or_else(|| text.clone())?;
            Ok((port.parse().map_err(|_| text.clone())?, path.to_owned()))
        });
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of its socket.
    #[must_use]
    pub fn socket(&self) -> String {
        format!("ws://127.0.0.1:{}{}", self.port, self.path)
    }

    /// Its main process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.browser.as_ref().expect("it runs").id()
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.browser.as_mut().is_some_and(|browser| matches!(browser.try_wait(), Ok(None)))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut browser) = self.browser.take() {
            for process in procs::all().into_iter().filter(|process| process.group == browser.id()) {
                procs::kill(process.pid);
            }
            drop(browser.kill());
            drop(browser.wait());
        }
    }

    /// Asks it anything, over a connection that stays.
    pub fn ask(&self, method: &str, params: &Value, session: Option<&str>) -> Value {
        let mut line = self.line.lock();
        self.runtime.block_on(async {
            if line.is_none() {
                let (socket, _) = connect_async(self.socket()).await.expect("the other browser takes connections");
                *line = Some(Line { socket, next: 1 });
            }
            let Line { socket, next } = line.as_mut().expect("just made");
            let id = *next;
            *next += 1;
            let mut message = json!({"id": id, "method": method, "params": params});
            if let Some(session) = session {
                message["sessionId"] = session.into();
            }
            socket.send(Message::text(message.to_string())).await.expect("the other browser reads");
            loop {
                let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
                let message = message.expect("the other browser answers").expect("it is there").expect("it speaks");
                let Ok(text) = message.to_text() else { continue };
                let answer: Value = serde_json::from_str(text).unwrap_or_default();
                if answer["id"] == id {
                    assert!(answer.get("error").is_none(), "{method}: {answer}");
                    return answer["result"].clone();
                }
            }
        })
    }

    /// The browser contexts in it.
    #[must_use]
    pub fn contexts(&self) -> Vec<String> {
        let answer = self.ask("Target.getBrowserContexts", &json!({}), None);
        let ids = answer["browserContextIds"].as_array().cloned().unwrap_or_default();
        ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }

    /// The addresses of the pages in it.
    #[must_use]
    pub fn pages(&self) -> Vec<String> {
        let answer = self.ask("Target.getTargets", &json!({}), None);
        let targets = answer["targetInfos"].as_array().cloned().unwrap_or_default();
        let pages = targets.iter().filter(|target| target["type"] == "page");
        pages.filter_map(|page| page["url"].as_str().map(str::to_owned)).collect()
    }
}

fn with(flag: &str, path: &Path) -> PathBuf {
    PathBuf::from(format!("{flag}{}", path.display()))
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.kill();
    }
}
