//! The official conformance suite against the HTTP server that Ebb ships, in both revisions: with the tools, resources
//! and prompts that the suite asks for, and with Ebb's own.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{Era, HostArgs, TestHost, clients, record};

/// What the suite finds and is left so.
const BASELINE: &str = include_str!("../conformance/baseline.txt");

/// Scenarios of the suite that need nothing but a server, each in the revisions that have it.
const GENERAL: [(&str, &[Era]); 15] = [
    ("server-initialize", &[Era::Legacy]),
    ("ping", &[Era::Legacy]),
    ("server-session-lifecycle", &[Era::Legacy]),
    ("server-stateless", &[Era::Modern]),
    ("completion-complete", &[Era::Legacy, Era::Modern]),
    ("tools-list", &[Era::Legacy, Era::Modern]),
    ("tools-call-error", &[Era::Legacy, Era::Modern]),
    ("server-sse-multiple-streams", &[Era::Legacy, Era::Modern]),
    ("resources-list", &[Era::Legacy, Era::Modern]),
    ("sep-2164-resource-not-found", &[Era::Modern]),
    ("dns-rebinding-protection", &[Era::Legacy, Era::Modern]),
    ("caching", &[Era::Modern]),
    ("http-header-validation", &[Era::Modern]),
    ("input-required-result-unsupported-methods", &[Era::Modern]),
    ("input-required-result-ignore-extra-params", &[Era::Modern]),
];

/// One check that did not pass, and in which scenario.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Failure {
    scenario: String,
    check: String,
    message: String,
}

/// What one run of the suite found.
struct Run {
    scenarios: BTreeSet<String>,
    failures: Vec<Failure>,
}

/// Runs everything that a revision asks of a server.
fn run(host: &TestHost, era: Era) -> Run {
    let out = host.path().join(format!("conformance-{}", era.revision()));
    let url = format!("http://{}/mcp", host.http());
    let mut command = host.run(&clients::node_program());
    // The suite knows no tokens: what is loaded before it adds ours to what it sends.
    command.arg("--import").arg(clients::script_file("with-token.mjs"));
    command.arg(clients::packages().join("@modelcontextprotocol/conformance/dist/index.js"));
    command.args(["server", "--url", &url, "--requirements", era.revision()]).arg("-o").arg(&out);
    command.env("EBB_URL", &url).env("EBB_TOKEN", host.token()).stdin(Stdio::null());
    let began = Instant::now();
    let output = command.output().unwrap();
    record(&format!("conformance {}", era.revision()), began.elapsed(), Duration::from_mins(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // It ends with 1 where a check fails; what fails is for the baseline. Without a summary it did not get to its end.
    assert!(text.contains("=== SUMMARY ==="), "{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    read(&out)
}

fn read(folder: &Path) -> Run {
    let mut run = Run { scenarios: BTreeSet::new(), failures: Vec::new() };
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // `server-NAME-2026-11-29T19-51-27-219Z`
        let scenario = name.strip_prefix("server-").and_then(|name| name.get(..name.len().checked_sub(25)?));
        let scenario = scenario.unwrap_or_else(|| panic!("a folder that is not as expected: {name}")).to_owned();
        let checks: Vec<Value> =
            serde_json::from_str(&fs::read_to_string(entry.path().join("checks.json")).unwrap()).unwrap();
        for check in &checks {
            let word = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            match check["status"].as_str() {
                Some("FAILURE" | "WARNING") => run.failures.push(Failure {
                    scenario: scenario.clone(),
                    check: word("id"),
                    message: word("errorMessage"),
                }),
                Some("SUCCESS" | "INFO" | "SKIPPED") => {}
                other => panic!("{scenario}: a status that nobody knows: {other:?}"),
            }
        }
        run.scenarios.insert(scenario);
    }
    run
}

/// Lines of the baseline: what they cover.
fn expected(target: &str, era: Era) -> Vec<&'static str> {
    let lines = BASELINE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines = lines.filter_map(|line| {
        let (what, reason) = line.split_once(" -- ").unwrap_or_else(|| panic!("a line without a reason: {line}"));
        assert!(reason.len() > 10, "a line without a reason: {line}");
        let words: Vec<&str> = what.split_ascii_whitespace().collect();
        let [own, revision, covered] = words[..] else { panic!("not three words: {line}") };
        (own == target && revision == era.revision()).then_some(covered)
    });
    lines.collect()
}

/// Compares what failed with what may, both ways.
fn judge(target: &str, era: Era, run: &Run) {
    let expected = expected(target, era);
    let covers = |line: &&str, failure: &Failure| {
        let (scenario, check) = line.split_once(':').map_or((*line, None), |(scenario, check)| (scenario, Some(check)));
        scenario == failure.scenario && check.is_none_or(|check| check == failure.check)
    };
    let unexpected: Vec<&Failure> =
        run.failures.iter().filter(|failure| !expected.iter().any(|line| covers(line, failure))).collect();
    let stale: Vec<&&str> =
        expected.iter().filter(|line| !run.failures.iter().any(|failure| covers(line, failure))).collect();
    assert!(unexpected.is_empty(), "{target} {}: not in the baseline: {unexpected:#?}", era.revision());
    assert!(stale.is_empty(), "{target} {}: these pass now, take them out: {stale:?}", era.revision());
}

/// The suite's own tools: everything it can ask.
#[test]
fn suites_tools_on_the_real_http_server() {
    let host = TestHost::with(HostArgs { http: true, program: Some("ebb-conformance"), ..HostArgs::default() });
    for (era, scenarios) in [(Era::Legacy, 33), (Era::Modern, 50)] {
        let run = run(&host, era);
        // The lists of a revision are frozen: fewer means that something did not run.
        assert!(run.scenarios.len() >= scenarios, "{}: {:?}", era.revision(), run.scenarios);
        judge("fixtures", era, &run);
    }
}

/// Ebb as shipped: what asks for no tool of the suite's own.
#[test]
fn ebb_as_shipped() {
    let host = TestHost::with(HostArgs { http: true, ..HostArgs::default() });
    for era in [Era::Legacy, Era::Modern] {
        let mut run = run(&host, era);
        let general: BTreeSet<&str> =
            GENERAL.iter().filter(|(_, eras)| eras.contains(&era)).map(|(name, _)| *name).collect();
        let missing: Vec<&&str> = general.iter().filter(|name| !run.scenarios.contains(**name)).collect();
        assert!(missing.is_empty(), "{}: not run: {missing:?}", era.revision());
        run.failures.retain(|failure| general.contains(failure.scenario.as_str()));
        judge("ebb", era, &run);
    }
    // Nothing that the suite asks opens a browser, and what it opened is gone with it.
    assert!(host.chromium().is_empty());
    assert!(host.control().snapshot().sessions.is_empty());
}
