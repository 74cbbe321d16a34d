//! What comes beside an answer: console files, `session.md`, secrets by name, pictures and code as the options say.

use std::fs;

use serde_json::{Value, json};
use support::{Answer, Calls, Site, TestHost};

fn workspace(host: &TestHost) -> String {
    format!("--workspace={}", host.project().display())
}

/// The file and the lines of the answer's one line of events.
fn event(answer: &Answer) -> (String, String) {
    let line = answer.must("Events").strip_prefix("- New console entries: ").unwrap();
    let (path, range) = line.split_once('#').unwrap();
    (path.to_owned(), range.to_owned())
}

#[test]
fn new_messages_of_the_console_are_told_with_the_file_they_are_in() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &[&workspace(&host)]);
    let mut quiet = host.client_with("quiet", &[&workspace(&host), "--console-level=error"]);
    let talks = "<!doctype html><title>talks</title><script>console.log('one'); console.debug('hidden');\n\
        console.warn('two\\nlines');</script>";
    let url = site.page("/talks", talks);
    let opened = client.open(&url);
    let (path, range) = event(&opened);
    assert!(path.starts_with(".ebb/console-") && path.split('.').next_back() == Some("log"), "{path}");
    assert_eq!(range, "L1-L3");
    let lines = |path: &str| fs::read_to_string(host.project().join(path)).unwrap();
    let file = lines(&path);
    let first = file.lines().next().unwrap();
    let (time, message) = first.split_at(13);
    assert!(time.starts_with('[') && time.ends_with("ms] ") && time[1..9].trim().parse::<u32>().is_ok(), "{file}");
    assert_eq!(message, format!("[LOG] one @ {url}:0"));
    assert!(file.contains("[WARNING] two\nlines @ ") && !file.contains("hidden"), "{file}");

    let one = client.ok("browser_evaluate", json!({"function": "() => console.error('three')"}));
    assert_eq!(event(&one), (path.clone(), "L4".to_owned()));
    assert!(lines(&path).lines().last().unwrap().contains("[ERROR] three @ "), "{}", lines(&path));
    let none = client.ok("browser_evaluate", json!({"function": "() => 1"}));
    assert_eq!(none.section("Events"), None, "{}", none.text);
    let (other, range) = event(&client.open(&url));
    assert!(other != path && range == "L1-L3", "a new document has a new file: {other} {range}");

    assert_eq!(quiet.open(&url).section("Events"), None);
    let wrong = quiet.ok("browser_evaluate", json!({"function": "() => console.error('alone')"}));
    assert_eq!(event(&wrong).1, "L1");
}

#[test]
fn a_secret_is_typed_by_its_name_and_seen_nowhere() {
    let (host, site) = (TestHost::start(), Site::start());
    let secrets = host.project().join("secrets.env");
    fs::write(&secrets, "PASSWORD=hunter22\nEMPTY=\n").unwrap();
    let secrets = format!("--secrets={}", secrets.display());
    let mut client = host.client_with("agent", &[&workspace(&host), &secrets, "--snapshot-mode=full"]);
    let page = "<!doctype html><title>form</title><label>Key <input id=key></label><label>Again <input id=again></label>\
        <p id=out></p>";
    client.open(&site.page("/form", page));
    let typed = client.ok("browser_type", json!({"target": "#key", "text": "PASSWORD"}));
    let line = "await page.getByRole('textbox', { name: 'Key' }).fill(process.env['PASSWORD']);";
    assert_eq!(typed.must("Ran Playwright code"), line);
    assert_eq!(client.evaluate("() => document.querySelector('#key').value.length"), "8");
    let empty = client.ok("browser_type", json!({"target": "#key", "text": "EMPTY"}));
    assert!(empty.must("Ran Playwright code").ends_with(".fill('EMPTY');"), "{}", empty.text);
    let fields = json!([{"target": "#again", "name": "Again", "type": "textbox", "value": "PASSWORD"}]);
    let filled = client.ok("browser_fill_form", json!({"fields": fields}));
    assert!(filled.must("Ran Playwright code").ends_with(".fill(process.env['PASSWORD']);"), "{}", filled.text);
    // Files are masked like answers.
    for (tool, arguments) in [
        ("browser_snapshot", json!({"filename": "seen.txt"})),
        (
            "browser_evaluate",
            json!({"function": "() => document.querySelector('#again').value", "filename": "seen.txt"}),
        ),
    ] {
        client.ok(tool, arguments);
        let seen = fs::read_to_string(host.project().join("seen.txt")).unwrap();
        assert!(seen.contains("<secret>PASSWORD</secret>") && !seen.contains("hunter22"), "{tool}: {seen}");
    }
    let said =
        client.ok("browser_evaluate", json!({"function": "() => console.log(document.querySelector('#again').value)"}));
    let log = fs::read_to_string(host.project().join(event(&said).0)).unwrap();
    assert!(log.contains("[LOG] <secret>PASSWORD</secret> @ ") && !log.contains("hunter22"), "{log}");
}

#[test]
fn a_session_is_written_down_where_it_was_asked_for() {
    let (host, site) = (TestHost::start(), Site::start());
    let mut client = host.client_with("agent", &[&workspace(&host), "--save-session", "--output-dir=kept"]);
    let mut other = host.client_with("other", &[&workspace(&host), "--output-dir=kept"]);
    client.open(&site.url("/ok"));
    other.open(&site.url("/ok"));
    let missing = client.call("browser_click", json!({"target": "#gone"})).err();
    let folders = support::procs::names(&host.project().join("kept"));
    let [folder] = folders.as_slice() else { panic!("one session is kept: {folders:?}") };
    assert!(folder.starts_with("session-20"), "{folder}");
    let path = host.project().join("kept").join(folder).join("session.md");
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept.starts_with("## Tool call: browser_navigate\n\n- Args\n```json\n{\n  \"url\": "), "{kept}");
    assert!(kept.contains("await page.goto(") && kept.contains("## Tool call: browser_click"), "{kept}");
    assert!(kept.contains(missing.must("Error")), "errors too: {kept}");
    drop(client);
    support::wait_for("the session ends", std::time::Duration::from_secs(10), || {
        let left = other.ok("session_list", json!({})).text;
        if left.lines().count() == 2 { Ok(()) } else { Err(left) }
    });
    assert!(path.exists(), "it stays");
}

#[test]
fn pictures_and_code_are_as_the_options_say() {
    let (host, site) = (TestHost::start(), Site::start());
    let shot = |client: &mut support::Client| client.ok("browser_take_screenshot", json!({}));
    let mut client = host.client_with("agent", &[&workspace(&host)]);
    client.open(&site.url("/ok"));
    let usual = shot(&mut client);
    assert!(
        usual.images.len() == 1 && usual.must("Result").starts_with("- [Screenshot of viewport]("),
        "{}",
        usual.text
    );
    let mut without = host.client_with("without", &[&workspace(&host), "--image-responses=omit", "--codegen=none"]);
    without.open(&site.url("/ok"));
    let omitted = shot(&mut without);
    assert!(omitted.images.is_empty() && omitted.must("Result").starts_with("- [Screenshot of viewport]("));
    assert_eq!(omitted.section("Ran Playwright code"), None, "{}", omitted.text);
    let mut only = host.client_with("only", &[&workspace(&host), "--image-responses=only"]);
    only.open(&site.url("/ok"));
    let alone = shot(&mut only);
    assert_eq!((alone.images.len(), alone.text.as_str()), (1, ""));
    let told: Value = json!(only.ok("browser_evaluate", json!({"function": "() => 1"})).must("Result"));
    assert_eq!(told, "1", "what has no picture keeps its text");
}
