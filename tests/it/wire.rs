//! Answers to the letter: each case of `wire/cases.rs` against its file in `fixtures/wire/golden`.
//!
//! `EBB_UPDATE=1` writes the files anew; look at the difference before it is kept.

mod cases;

use std::{fmt::Write as _, fs, path::PathBuf, time::Duration};

use regex::Regex;
use serde_json::{Value, json};
use support::{Agent, Answer, Calls, Site, TestHost, Via, fixtures, wait_for};

/// One case: a page, and the calls whose answers count.
struct Case {
    /// Its file.
    name: &'static str,
    /// A file of `fixtures/wire`; empty for none.
    page: &'static str,
    /// Tools and arguments.
    calls: Vec<(&'static str, Value)>,
}

/// Where the cases run.
struct Stage {
    agent: Agent,
    site: Site,
    host: TestHost,
}

impl Stage {
    fn new() -> Self {
        let host = TestHost::start();
        let agent = host.agent(Via::Socket, "wire");
        let project = host.project();
        fs::write(project.join("letter.txt"), "Dear Ebb").unwrap();
        fs::write(project.join("second.txt"), "Yours").unwrap();
        Self { agent, site: Site::start(), host }
    }

    /// What the case's calls answer, one after the other.
    fn run(&mut self, case: &Case) -> String {
        let mut text = String::new();
        if !case.page.is_empty() {
            self.open(case.page);
        }
        for (tool, arguments) in &case.calls {
            let site = self.site.url("");
            let given = arguments.to_string().replace("SITE", &site);
            let answer = self.agent.call(tool, serde_json::from_str(&given).unwrap());
            if !text.is_empty() {
                text.push('\n');
            }
            let _ = writeln!(text, "> {tool} {arguments}\n{}", self.neutral(&answer));
        }
        // The next case begins without tabs.
        self.agent.ok("browser_close", json!({}));
        text
    }

    /// Opens a page and waits until its scripts have done what they do.
    fn open(&mut self, page: &str) {
        self.agent.open(&self.site.url(&format!("/wire/{page}")));
        let wanted = match page {
            "network.html" => "\"Network done\"",
            _ => return,
        };
        let agent = &mut self.agent;
        wait_for("the page is done", Duration::from_secs(10), || match agent.evaluate("() => document.title") {
            title if title == wanted => Ok(()),
            title => Err(format!("{title} {}", agent.call("browser_network_requests", json!({"static": true})).text)),
        });
    }

    /// The answer without what differs from run to run.
    fn neutral(&self, answer: &Answer) -> String {
        let mut text = answer.text.clone();
        for image in &answer.images {
            let _ = write!(text, "\n[{image}]");
        }
        if answer.is_error {
            text.push_str("\n[error]");
        }
        let site = self.site.url("");
        let project = self.host.project().display().to_string();
        text = text
            .replace(&site, "SITE")
            .replace(site.trim_start_matches("http://"), "HOST")
            .replace(&project, "PROJECT");
        for (pattern, with) in [
            (r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}-\d{3}Z", "TIME"),
            (r"duration:  \d+ms", "duration:  Nms"),
            (r"(?m)^(    )?(user-agent|accept-language|sec-ch-ua[\w-]*|accept-encoding|accept|date): .*$", "$1$2: X"),
            (r"ses_[a-z2-7]{26}", "ses_X"),
            (r"cur_[a-z2-7]{26}", "cur_X"),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
        }
        text
    }
}

fn golden() -> PathBuf {
    fixtures().join("wire/golden")
}

#[test]
fn every_answer_is_as_written() {
    let update = std::env::var_os("EBB_UPDATE").is_some();
    let mut stage = Stage::new();
    // Somebody else's page keeps the browser between the cases.
    let mut other = stage.host.client("other");
    other.open(&stage.site.url("/ok"));
    let mut wrong = Vec::new();
    for case in cases::all() {
        let seen = stage.run(&case);
        let file = golden().join(format!("{}.txt", case.name));
        if update {
            fs::create_dir_all(golden()).unwrap();
            fs::write(&file, seen).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if seen != expected {
            wrong.push(format!("{}\n--- expected\n{expected}\n--- seen\n{seen}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn every_core_tool_has_a_case_and_every_case_its_file() {
    let cases = cases::all();
    let mut files: Vec<String> = cases.iter().map(|case| format!("{}.txt", case.name)).collect();
    files.sort();
    assert_eq!(support::procs::names(&golden()), files);
    let tools = ebb_host::core_tools();
    let missing: Vec<&&str> = tools
        .iter()
        .filter(|tool| !cases.iter().any(|case| case.calls.iter().any(|(name, _)| name == *tool)))
        .collect();
    assert!(missing.is_empty(), "tools without a case: {missing:?}");
}
