//! Frames of other sites, each in a process of its own, as if they were none.

use std::time::Duration;

use serde_json::json;
use support::{Answer, Calls, Client, HostArgs, Site, TestHost, procs, wait_for};

/// What capabilities do in them.
mod tools;

/// A page of one site with a frame of another, in which is one of the first again.
struct Pages {
    client: Client,
    site: Site,
    host: TestHost,
}

impl Pages {
    fn new() -> Self {
        // A headless shell isolates sites only when it is asked to; full browsers always do.
        let settings = Some("[browser]\nextra_args = [\"--site-per-process\"]\n");
        let host = TestHost::with(HostArgs { settings, ..HostArgs::default() });
        let (client, site) = (host.client("agent"), Site::start());
        site.page(
            "/inner",
            "<title>inner</title><button onclick=\"this.textContent = 'Deep ' + origin\">Innermost</button>",
        );
        site.page(
            "/frame",
            &format!(
                "<title>frame</title><style>body {{ margin: 40px }}</style>
                <button onclick=\"this.textContent = 'Pressed'; console.log('from the frame'); fetch('/item/7')\">Press</button>
                <button>Other</button><input aria-label='Words'><input type=file aria-label='File'>
                <button onclick=\"alert('from the frame')\">Ask</button>
                <iframe src='{}' width=300 height=80></iframe>",
                site.url("/inner")
            ),
        );
        site.page("/same", "<title>same</title><p>Back home</p>");
        let html = format!(
            "<!doctype html><title>page</title><h1>Outside</h1><button>Press</button>
            <iframe title='Shop' src='{}' width=700 height=400></iframe><iframe width=100 height=50></iframe>",
            site.elsewhere("/frame")
        );
        site.page("/page", &html);
        Self { client, site, host }
    }

    /// The snapshot, once it shows `words`.
    fn shows(&mut self, words: &str) -> Answer {
        let client = &mut self.client;
        wait_for(&format!("the page shows {words}"), Duration::from_secs(10), || {
            let seen = client.ok("browser_snapshot", json!({}));
            if seen.text.contains(words) { Ok(seen) } else { Err(seen.text) }
        })
    }

    fn open(&mut self) -> Answer {
        self.client.open(&self.site.url("/page"));
        self.shows("Innermost")
    }
}

#[test]
fn a_frame_in_another_process_is_seen_and_acted_on_like_any_other() {
    let mut pages = Pages::new();
    pages.client.open(&pages.site.url("/ok"));
    let before = pages.host.renderers().len();
    pages.client.ok("browser_tabs", json!({"action": "new"}));
    let seen = pages.open();
    assert!(pages.host.renderers().len() >= before + 2, "the frame has no process of its own");
    let lines: Vec<&str> = seen.must("Snapshot").lines().map(str::trim_start).collect();
    for line in ["- button \"Press\" [ref=f1e2]", "- button \"Innermost\" [ref=f3e2]", "- button \"Press\" [ref=e3]"] {
        assert!(lines.contains(&line), "no {line} in\n{}", seen.text);
    }

    // What style sheets are told reaches a process that is there already.
    pages.client.ok("browser_emulate_media", json!({"colorScheme": "dark", "media": "print"}));
    let asked = "(e) => matchMedia('(prefers-color-scheme: dark)').matches && matchMedia('print').matches";
    let told = pages.client.ok("browser_evaluate", json!({"target": "f1e2", "function": asked}));
    assert_eq!(told.must("Result"), "true", "{}", told.text);
    pages.client.ok("browser_emulate_media", json!({"colorScheme": null, "media": null}));

    // Clicked through two processes; the locator goes through the frames.
    let pressed = pages.client.ok("browser_click", json!({"target": "f1e2"}));
    assert_eq!(
        pressed.must("Ran Playwright code"),
        "await page.locator('iframe[title=\"Shop\"]').contentFrame().getByRole('button', { name: 'Press' }).click();"
    );
    assert!(pressed.must("Snapshot").contains("button \"Pressed\""), "{}", pressed.text);
    let deep = pages.client.ok("browser_click", json!({"target": "f3e2"}));
    assert!(deep.must("Snapshot").contains(&format!("Deep {}", pages.site.url(""))), "{}", deep.text);
    assert!(
        deep.text.contains(
            "await page.locator('iframe[title=\"Shop\"]').contentFrame().locator('iframe').contentFrame().getByRole("
        ),
        "{}",
        deep.text
    );

    // What it says and asks for is the tab's.
    assert!(pages.client.ok("browser_console_messages", json!({})).text.contains("[LOG] from the frame @ "));
    let requests = pages.client.ok("browser_network_requests", json!({}));
    assert!(
        requests.text.contains(&format!("[GET] {} => [200]", pages.site.elsewhere("/item/7"))),
        "{}",
        requests.text
    );

    let field = pages.shows("textbox").reference("textbox \"Words\"");
    let typed = pages.client.ok("browser_type", json!({"target": field, "text": "ab", "slowly": true}));
    assert!(typed.must("Snapshot").contains("textbox \"Words\" [active] [ref=f1e4]: ab"), "{}", typed.text);
    pages.client.ok("browser_type", json!({"target": field, "text": "filled"}));
    let host = json!({"target": field, "function": "(element) => [element.value, location.hostname]"});
    assert_eq!(pages.client.ok("browser_evaluate", host).must("Result"), "[\n  \"filled\",\n  \"localhost\"\n]");

    // Dialogs and file choosers of frames are the page's.
    let ask = pages.shows("Ask").reference("button \"Ask\"");
    let asked = pages.client.ok("browser_click", json!({"target": ask}));
    assert_eq!(
        asked.must("Modal state"),
        "- [\"alert\" dialog with message \"from the frame\"]: can be handled by browser_handle_dialog"
    );
    pages.client.ok("browser_handle_dialog", json!({"accept": true}));
    let file = pages.shows("File").reference("button \"File\"");
    let chooser = pages.client.ok("browser_click", json!({"target": file}));
    assert_eq!(chooser.must("Modal state"), "- [File chooser]: can be handled by browser_file_upload");
    pages.client.ok("browser_file_upload", json!({}));
}

#[test]
fn selectors_reach_into_frames_and_say_what_is_wrong_there() {
    let mut pages = Pages::new();
    pages.open();
    let frame = "locator('iframe').first().contentFrame()";
    let pressed = pages.client.ok("browser_click", json!({"target": format!("{frame}.getByRole('button').first()")}));
    assert!(pressed.must("Snapshot").contains("Pressed"), "{}", pressed.text);
    let inner = "frameLocator('[title=Shop]').frameLocator('iframe').getByRole('button')";
    let deep = pages.client.ok("browser_click", json!({"target": inner}));
    assert!(deep.must("Snapshot").contains("Deep "), "{}", deep.text);

    let error =
        |pages: &mut Pages, target: &str| pages.client.call("browser_click", json!({"target": target})).err().text;
    let several = error(&mut pages, &format!("{frame}.locator('button')"));
    assert!(
        several.contains(&format!("Error: strict mode violation: {frame}.locator('button') resolved to 3 elements:"))
            && several.contains("\n    1) <button>Pressed</button> aka ")
            && several.contains(&format!(" aka {frame}.getByRole('button', {{ name: 'Other' }})")),
        "{several}"
    );
    let frames = error(&mut pages, "locator('iframe').contentFrame().getByText('x')");
    assert!(frames.contains("strict mode violation: locator('iframe') resolved to 2 elements:"), "{frames}");
    let target = format!("{frame}.getByText('nowhere')");
    assert!(error(&mut pages, &target).contains(&format!("\"{target}\" does not match any elements.")));
    let none = error(&mut pages, "locator('h1').contentFrame().getByText('x')");
    assert!(none.contains("enters a frame at an element that is none"), "{none}");
    let old = error(&mut pages, "f9e1");
    assert!(old.contains("Ref f9e1 not found in the current page snapshot. Try capturing new snapshot."), "{old}");
}

#[test]
fn a_frame_keeps_its_number_wherever_it_goes_and_an_old_ref_hits_nothing() {
    let mut pages = Pages::new();
    let seen = pages.open();
    let there = seen.reference("button \"Innermost\"");
    // Home into the process of the page, and out again.
    let go = |address: &str| format!("() => {{ document.querySelector('iframe').src = '{address}'; return 1; }}");
    let (home, away) = (go(&pages.site.url("/same")), go(&pages.site.elsewhere("/frame")));
    pages.client.evaluate(&home);
    let back = pages.shows("Back home");
    assert!(back.must("Snapshot").contains("- paragraph [ref=f1e2]: Back home"), "{}", back.text);
    let gone = pages.client.call("browser_click", json!({"target": there})).err();
    assert!(gone.text.contains(&format!("Ref {there} not found")), "{}", gone.text);
    pages.client.evaluate(&away);
    let again = pages.shows("Innermost");
    assert!(again.must("Snapshot").contains("- button \"Other\" [ref=f1e3]"), "{}", again.text);

    // A frame that leaves the page, and a page that leaves.
    pages.client.evaluate("() => { document.querySelector('iframe').remove(); return 1; }");
    let removed = pages.client.call("browser_click", json!({"target": "f1e3"})).err();
    assert!(removed.text.contains("Ref f1e3 not found"), "{}", removed.text);
    let next = pages.client.open(&pages.site.url("/ok"));
    let button = next.reference("button \"Press\"");
    assert!(button.starts_with('f'), "{button} could be a ref of the page before");
    assert!(pages.client.call("browser_click", json!({"target": "e3"})).err().text.contains("Ref e3 not found"));
    pages.client.ok("browser_click", json!({"target": button}));
}

#[test]
fn a_frame_whose_process_ends_or_spins_costs_the_page_nothing() {
    let mut pages = Pages::new();
    pages.client.open(&pages.site.url("/ok"));
    pages.client.evaluate(&format!(
        "() => {{ document.body.innerHTML = '<p>Outside</p><iframe src=\"{}\"></iframe>'; return 1; }}",
        pages.site.elsewhere("/frame")
    ));
    let button = pages.shows("Other").reference("button \"Other\"");
    let spin = "() => setTimeout(() => { for (const end = Date.now() + 6000; Date.now() < end;); }, 100)";
    pages.client.ok("browser_evaluate", json!({"target": button, "function": spin}));
    let host = &pages.host;
    let ticks = |host: &TestHost| -> Vec<(u32, u64)> {
        host.renderers().iter().map(|process| (process.pid, procs::cpu_ticks(process.pid))).collect()
    };
    let before = ticks(host);
    // A tick is 10 ms: the one that spins has had 300 ms by then, and the others next to nothing.
    let of_frame = wait_for("a process spins", Duration::from_secs(5), || {
        let now = ticks(host);
        let spins = now.iter().find(|(pid, ticks)| before.iter().any(|(same, old)| same == pid && ticks - old > 30));
        spins.map(|(pid, _)| *pid).ok_or_else(|| format!("{now:?}"))
    });
    let seen = pages.client.ok("browser_snapshot", json!({}));
    assert!(seen.text.contains("Outside") && !seen.text.contains("Other"), "{}", seen.text);
    pages.shows("Other");

    procs::kill(of_frame);
    wait_for("the frame is an empty box", Duration::from_secs(10), || {
        let seen = pages.client.ok("browser_snapshot", json!({}));
        if seen.text.contains("paragraph") && !seen.text.contains("Other") { Ok(()) } else { Err(seen.text) }
    });
    let gone = pages.client.call("browser_click", json!({"target": "f1e2"})).err();
    assert!(gone.text.contains("Ref f1e2 not found") || gone.text.contains("the frame is gone"), "{}", gone.text);
    assert!(pages.client.ok("browser_snapshot", json!({})).text.contains("Outside"));
}

#[test]
fn workers_begin_and_their_requests_arrive() {
    let mut pages = Pages::new();
    pages.client.open(&pages.site.url("/ok"));
    let (here, there) = (pages.site.url("/ok"), pages.site.elsewhere("/ok"));
    let said = pages.client.evaluate(&format!(
        "() => Promise.all(['{here}', '{there}'].map((url) => new Promise((done) => {{
            const source = `fetch('${{url}}', {{mode: 'no-cors'}}).then(() => postMessage('came'), () => postMessage('lost'))`;
            const worker = new Worker(URL.createObjectURL(new Blob([source])));
            worker.onmessage = (event) => done(event.data);
        }})))"
    ));
    assert_eq!(said.matches("came").count(), 2, "{said}");
}
