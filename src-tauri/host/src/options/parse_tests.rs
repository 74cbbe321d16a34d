use std::time::Duration;

use serde_json::json;

use super::*;
use crate::options::{Cap, FilePaths, SnapshotMode, Viewport};

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn with(texts: &[&str], variables: &[(&str, &str)]) -> Result<Parsed> {
    parse(&words(texts), |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
}

fn options(texts: &[&str]) -> ServerOptions {
    with(texts, &[]).unwrap().options
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_heartbeat_is_asked_for_in_the_environment() {
    let ping = |value: &'static str| with(&[], &[("PING_TIMEOUT_MS", value)]).map(|parsed| parsed.options.ping);
    assert_eq!(ping("5000").unwrap(), Some(std::time::Duration::from_secs(5)));
    assert_eq!((ping("0").unwrap(), with(&[], &[]).unwrap().options.ping), (None, None));
    assert!(ping("soon").unwrap_err().message.contains("PING_TIMEOUT_MS"));
}

#[test]
fn flags_with_and_without_an_equals_sign_and_the_last_wins() {
    let got = options(&["--viewport-size", "800x600", "--viewport-size=1x2", "--isolated", "--timeout-action", "70"]);
    assert_eq!(got.client.context.viewport, Some(Viewport { width: 1, height: 2 }));
    assert!(got.browser.isolated);
    assert_eq!(got.client.timeouts.action, Some(Duration::from_millis(70)));
    assert_eq!(options(&["--no-sandbox"]).browser.sandbox, Some(false));
    assert_eq!(options(&["--sandbox", "--no-sandbox"]).browser.sandbox, Some(false));
    assert_eq!(options(&["--headless=false"]).browser.headless, Some(false));
    assert_eq!(options(&["--headless", "--isolated"]).browser.headless, Some(true));
    assert_eq!(options(&["--no-webmcp"]), ServerOptions::own());
    assert_eq!(options(&["--port=0"]).port, Some(0));
}

#[test]
fn lists_are_parted_and_repeated_flags_add_up() {
    let got = options(&[
        "--grant-permissions",
        "geolocation,clipboard-read",
        "--blocked-origins=http://a;http://b:*",
        "--cdp-header",
        "A: 1",
        "--cdp-header=B: 2:3",
        "--allowed-hosts",
        "a",
        "b",
        "--caps=vision,coffee,-read",
    ]);
    assert_eq!(got.client.context.permissions, ["geolocation", "clipboard-read"]);
    assert_eq!(got.client.context.origins.blocked, ["http://a", "http://b:*"]);
    assert_eq!(got.browser.cdp_headers.get("B").map(String::as_str), Some("2:3"));
    assert_eq!((got.browser.cdp_headers.len(), got.allowed_hosts.len()), (2, 2));
    assert!(got.client.caps.has(Cap::Vision) && !got.client.caps.has(Cap::Read));
    let parsed = with(&["--caps=coffee"], &[]).unwrap();
    assert_eq!(parsed.notes, ["no capability is called \"coffee\""]);
}

#[test]
fn configuration_then_environment_then_flag() {
    let config = file(
        r#"{"browser":{"isolated":true,"contextOptions":{"userAgent":"config","locale":"de-DE","viewport":null}},
            "timeouts":{"action":1,"navigation":2,"settle":3},"outputMode":"x","capabilities":["pdf"]}"#,
    );
    let path = config.path().to_str().unwrap();
    let variables = [
        ("PLAYWRIGHT_MCP_CONFIG", "/nowhere"),
        ("EBB_CONFIG", path),
        ("PLAYWRIGHT_MCP_TIMEOUT_NAVIGATION", "20"),
        ("EBB_TIMEOUT_SETTLE", "30"),
        ("PLAYWRIGHT_MCP_TIMEOUT_SETTLE", "31"),
        ("PLAYWRIGHT_MCP_ISOLATED", "0"),
        ("PLAYWRIGHT_MCP_SANDBOX", "false"),
        ("EBB_FILE_PATHS", ""),
    ];
    let parsed = with(&["--timeout-settle=300"], &variables).unwrap();
    let got = parsed.options;
    let ms = |n| Some(Duration::from_millis(n));
    assert_eq!(got.client.timeouts.action, ms(1));
    assert_eq!(got.client.timeouts.navigation, ms(20));
    assert_eq!(got.client.timeouts.settle, ms(300));
    assert!(!got.browser.isolated);
    assert_eq!(got.browser.sandbox, Some(false));
    assert_eq!(got.client.context.locale.as_deref(), Some("de-DE"));
    assert_eq!(got.browser.viewport, Some(None));
    assert!(got.client.caps.has(Cap::Pdf));
    assert_eq!(got.client.output.file_paths, FilePaths::Relative);
    assert_eq!(parsed.notes, ["the configuration's outputMode means nothing here and is ignored"]);
}

#[test]
fn an_ini_file_says_the_same() {
    let config = file(
        "browser.isolated = true\nbrowser.contextOptions.viewport = 640x480\n[browser.contextOptions.geolocation]\nlatitude = 52.5\nlongitude = 13.4\n",
    );
    let got = options(&["--config", config.path().to_str().unwrap()]);
    assert!(got.browser.isolated);
    assert_eq!(got.client.context.viewport, Some(Viewport { width: 640, height: 480 }));
    assert_eq!(got.client.context.geolocation, Some((52.5, 13.4, 0.0)));
}

#[test]
fn mistakes_are_one_line_that_names_them() {
    let bad = file(r#"{"timeouts":{"action":"soon"}}"#);
    let bad = format!("--config={}", bad.path().display());
    for (texts, part) in [
        (&["--extension"][..], "--extension is not supported"),
        (&["--endpoint=x"], "--endpoint is not supported"),
        (&["--init-page=x.ts"], "--init-page is not supported"),
        (&["--browser=firefox"], "Chromium browsers only"),
        (&["--browser", "webkit"], "Chromium browsers only"),
        (&["--codegen=python"], "expected one of typescript, none"),
        (&["--device=iPhone 15", "--cdp-endpoint=http://x:1"], "--device cannot be used with --cdp-endpoint"),
        (&["--device=Toaster"], "Pixel 10"),
        (&["--init-script=/nowhere.js"], "--init-script: /nowhere.js cannot be read"),
        (&["--viewport"], "did you mean --viewport-size?"),
        (&["--viewport-size"], "a value is missing"),
        (&["--port=x"], "expected a whole number"),
        (&["--port=70000"], "this is no port"),
        (&["stray"], "unexpected argument"),
        (&["--secrets=/nowhere"], "cannot be read"),
        (&["--config=/nowhere"], "cannot be read"),
        (&[&bad], "timeouts.action: expected a whole number"),
    ] {
        let error = with(texts, &[]).unwrap_err();
        assert!(error.message.contains(part) && !error.message.contains('\n'), "{texts:?}: {}", error.message);
    }
    let error = with(&[], &[("PLAYWRIGHT_MCP_HEADLESS", "maybe")]).unwrap_err();
    assert_eq!(error.message, "PLAYWRIGHT_MCP_HEADLESS: expected true or false, received \"maybe\"");
}

#[test]
fn devices_secrets_and_modes() {
    let got = options(&["--mobile", "--device", "iPhone 17", "--snapshot-mode=full"]);
    assert_eq!(got.client.device.as_deref(), Some("iPhone 17"));
    assert_eq!(got.client.context.viewport, Some(Viewport { width: 402, height: 681 }));
    assert_eq!(got.client.output.snapshot, SnapshotMode::File);
    assert_eq!(options(&["--mobile"]).client.device.as_deref(), Some("Pixel 10"));
    let got = options(&["--device=Pixel 10", "--viewport-size=100x200"]);
    assert_eq!(got.client.context.viewport, Some(Viewport { width: 100, height: 200 }));
    let secrets = file("PASSWORD=hunter2\n");
    let got = with(&[], &[("PLAYWRIGHT_MCP_SECRETS_FILE", secrets.path().to_str().unwrap())]).unwrap().options;
    assert_eq!(got.client.secrets.value("PASSWORD"), Some("hunter2"));
    let state = file(r#"{"cookies":[],"origins":[]}"#);
    let got = options(&["--storage-state", state.path().to_str().unwrap()]);
    assert_eq!(got.client.context.storage_state, Some(json!({"cookies": [], "origins": []})));
    assert!(with(&["--help", "--nonsense"], &[]).is_err());
    assert!(with(&["--help"], &[]).unwrap().help);
}

#[test]
fn what_travels_is_whole_and_what_is_the_hosts_is_named() {
    let variables =
        |name: &str| (name == "PLAYWRIGHT_MCP_LOCALE" || name == "EBB_CONSOLE_LEVEL").then(|| "error".into());
    let told = travelling(
        &words(&[
            "--caps",
            "vision,coffee",
            "--port=1",
            "--headless",
            "--output-dir=out",
            "--headed",
            "--viewport-size",
            "3x4",
        ]),
        variables,
    )
    .unwrap();
    let out = std::path::absolute("out").unwrap();
    let expected = [
        "--console-level=error",
        "--headed",
        "--caps=vision,coffee",
        &format!("--output-dir={}", out.display()),
        "--viewport-size=3x4",
    ];
    assert_eq!(told.flags, expected);
    assert_eq!(told.ignored, ["port", "headless"]);
    assert_eq!(told.notes, ["no capability is called \"coffee\""]);
    let client = client_of(&told.flags).unwrap().options.client;
    assert_eq!(client.output.dir, Some(out));
    assert_eq!(client.output.console_level, "error");
    assert!(travelling(&words(&["--nonsense"]), |_| None).is_err());
}
