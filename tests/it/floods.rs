//! F60, F61: pages that ask and pour out: no call is held up, no answer grows, nobody else notices.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, Calls as _, Client, Site, TestHost, procs, wait_for};

/// Longer than any tool may be held up by a dialog.
const HELD_UP: Duration = Duration::from_secs(10);
/// Longer than any answer may take.
const POURED: Duration = Duration::from_secs(35);
/// Bytes of an answer's text.
const MAX_ANSWER: usize = 256 * 1024;
/// What the host may take more than before, once it is over.
const GROWTH: u64 = 128 << 20;

fn timed(client: &mut Client, limit: Duration, tool: &str, arguments: Value) -> Answer {
    let (began, shown) = (Instant::now(), arguments.to_string().chars().take(80).collect::<String>());
    let answer = client.call(tool, arguments);
    assert!(began.elapsed() < limit, "{tool} {shown} took {:?}", began.elapsed());
    assert!(answer.text.len() <= MAX_ANSWER, "{tool} {shown}: {} bytes", answer.text.len());
    answer
}

#[test]
fn f60_dialogs_hold_nothing_up() {
    let (host, site) = (TestHost::start(), Site::start());
    let (mut bystander, mut client) = (host.client("bystander"), host.client("agent"));
    bystander.open(&site.url("/ok"));
    let page = site.page(
        "/asks",
        "<!doctype html><title>asks</title><button onclick='alert(1); confirm(2); prompt(3)'>ask</button>\
         <script>onbeforeunload = event => { event.preventDefault(); return 'stay'; }</script>",
    );
    let opened = client.open(&page);
    // Each of them waits for its answer, and whatever else is called says so at once.
    let answer = timed(&mut client, HELD_UP, "browser_click", json!({"target": opened.reference("ask")}));
    for message in ["1", "2", "3"] {
        let other = timed(&mut client, HELD_UP, "browser_snapshot", json!({}));
        assert!(other.is_error && other.text.contains(&format!("dialog with message \"{message}\"")), "{}", other.text);
        for (tool, arguments) in [
            ("browser_tabs", json!({"action": "list"})),
            ("browser_console_messages", json!({})),
            ("browser_evaluate", json!({"function": "() => 1"})),
        ] {
            timed(&mut client, HELD_UP, tool, arguments);
        }
        timed(&mut client, HELD_UP, "browser_handle_dialog", json!({"accept": message != "2"}));
    }
    assert!(answer.text.contains("Modal state"), "{}", answer.text);
    // A page that does not want to be left, with a window that asks for ever.
    let endless = site
        .page("/endless", "<!doctype html><title>endless</title><script>setInterval(() => alert('again'), 1)</script>");
    timed(
        &mut client,
        HELD_UP,
        "browser_evaluate",
        json!({"function": format!("() => {{ window.open({endless:?}); }}")}),
    );
    for _ in 0..3 {
        timed(&mut client, HELD_UP, "browser_tabs", json!({"action": "list"}));
    }
    let session = host.control().session_of("agent");
    drop(client);
    let began = Instant::now();
    let report = wait_for("the session ends", HELD_UP, || {
        host.control().reports_of(&session).pop().ok_or_else(|| "no report yet".to_owned())
    });
    assert_eq!(report.outcome, ebb_core::cleanup::Outcome::Clean, "{report:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(timed(&mut bystander, HELD_UP, "browser_snapshot", json!({})).text.contains("All is well"));
}

#[test]
fn f61_output_without_end_is_cut_and_paged() {
    let (host, site) = (TestHost::start(), Site::start());
    let (mut bystander, mut client) = (host.client("bystander"), host.client("agent"));
    bystander.open(&site.url("/ok"));
    client.open(&site.page("/much", "<!doctype html><title>much</title><main id=m></main>"));
    let before = procs::resident(host.pid());
    let evaluate =
        |client: &mut Client, function: &str| timed(client, POURED, "browser_evaluate", json!({"function": function}));
    // One value of 50 MB: its first page, and a cursor or the word that the rest is cut.
    let long = evaluate(&mut client, "() => 'x'.repeat(50e6)");
    let said = long.text.contains("cut") || long.meta["cursor"].is_string() || long.is_error;
    assert!(said, "{}", &long.text[long.text.len().saturating_sub(400)..]);
    evaluate(&mut client, "() => { for (let n = 0; n < 50_000; n++) console.log('line ' + n + 'y'.repeat(200)); }");
    let messages = timed(&mut client, POURED, "browser_console_messages", json!({"level": "info"}));
    assert!(messages.meta["cursor"].is_string(), "{}", &messages.text[..messages.text.len().min(400)]);
    evaluate(&mut client, "() => { console.log('z'.repeat(20e6)); document.title = 't'.repeat(5e6); }");
    evaluate(
        &mut client,
        "() => { document.getElementById('m').innerHTML = ('<p>' + 'w'.repeat(2000) + '</p>').repeat(10_000); }",
    );
    let looked = timed(&mut client, POURED, "browser_snapshot", json!({}));
    assert!(!looked.is_error, "{}", looked.text);
    assert!(looked.meta["cursor"].is_string() || looked.text.contains("cut"), "{} bytes", looked.text.len());
    timed(&mut client, POURED, "browser_find", json!({"text": "w"}));
    assert!(timed(&mut bystander, HELD_UP, "browser_snapshot", json!({})).text.contains("All is well"));
    let session = host.control().session_of("agent");
    drop(client);
    wait_for("the session ends", HELD_UP, || {
        host.control().reports_of(&session).pop().ok_or_else(|| "no report yet".to_owned())
    });
    wait_for("the memory comes back", Duration::from_secs(15), || {
        let grown = procs::resident(host.pid()).saturating_sub(before);
        if grown < GROWTH { Ok(()) } else { Err(format!("{} MiB more", grown >> 20)) }
    });
}
