//! F64, F68, F69: other users of this machine, pages that dress up, pages that attack Ebb itself.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;
use support::{Calls as _, HostArgs, Site, TestHost, Via, wait_for};

/// Everything below a folder, the folder too; what goes meanwhile is left out.
fn below(folder: &Path, all: &mut Vec<PathBuf>) {
    all.push(folder.to_owned());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder { below(&entry.path(), all) } else { all.push(entry.path()) }
    }
}

/// What `nobody` gets when it runs this; none where this test may not become somebody else.
fn as_nobody(script: &str) -> Option<String> {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = Command::new(if root { "setpriv" } else { "sudo" });
    command.args(if root {
        &["--reuid=65534", "--regid=65534", "--clear-groups"][..]
    } else {
        &["-n", "-u", "nobody"]
    });
    let output = command.args(["/usr/bin/python3", "-c", script]).output().expect("setpriv, or sudo, is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // Without a right to become nobody, half of this test is what the modes say.
    (root || output.status.success()).then(|| said + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn f64_nobody_else_gets_in() {
    let mut host = TestHost::with(HostArgs { http: true, ..HostArgs::default() });
    let site = Site::start();
    let mut client = host.client_with("owner", &[&format!("--workspace={}", host.project().display())]);
    client.open(&site.url("/ok"));
    client.ok("browser_take_screenshot", json!({}));
    let session = host.control().session_of("owner");
    drop(host.control().end(&session, ebb_core::cleanup::AskedBy::Cli));
    wait_for("the report is in its file", Duration::from_secs(10), || {
        if host.data().join("history.db").exists() { Ok(()) } else { Err("no file".to_owned()) }
    });
    client.call("browser_navigate", json!({"url": site.url("/ok")}));
    client.open(&site.url("/ok"));

    // Nothing that Ebb makes has a bit for anybody else. What Chromium writes lies in folders that have none.
    let mut all = Vec::new();
    let socket = host.socket();
    for folder in [&host.data(), socket.parent().unwrap(), &host.project().join(".ebb")] {
        below(folder, &mut all);
    }
    // The folder of a socket that was asked for is not Ebb's.
    all.retain(|path| path != socket.parent().unwrap());
    let run = host.data().join("run");
    let mut seen = 0;
    for path in &all {
        let Ok(meta) = path.symlink_metadata() else { continue };
        let deep = path.strip_prefix(&run).is_ok_and(|inside| inside.components().count() > 2);
        if meta.is_symlink() || deep {
            continue;
        }
        seen += 1;
        let mode = meta.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
    let sockets = all.iter().filter(|path| path.symlink_metadata().is_ok_and(|meta| meta.file_type().is_socket()));
    assert!(sockets.count() >= 3 && seen >= 8, "{all:?}");
    let open = fs::metadata(host.data()).unwrap().permissions().mode();
    assert_eq!(open & 0o777, 0o700);

    // Even where the folders above would let it pass.
    for folder in [host.path(), &host.data(), socket.parent().unwrap(), &run] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let database = host.data().join("history.db");
    let token = host.data().join("http-token");
    let browser = run.join(host.run_folders().first().unwrap());
    let script = format!(
        r"
import os, socket
def reads(path):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(1)
        print('READ', path)
    except PermissionError: print('refused')
for path in [{database:?}, {token:?}, {browser:?}]: reads(path)
for path in [{mcp:?}, {control:?}, {http:?}]:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path); print('CONNECTED', path)
    except PermissionError: print('refused')
s = socket.create_connection(({address:?}, {port}))
s.settimeout(10)
s.sendall(b'POST /mcp HTTP/1.1\r\nHost: {address}:{port}\r\nAuthorization: Bearer {secret}\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}')
answer = b''
try:
    while True:
        piece = s.recv(4096)
        if not piece: break
        answer += piece
except OSError: pass
print('PORT', answer[:15].decode())
",
        mcp = host.socket(),
        control = host.control_socket(),
        http = host.control_socket().display().to_string().replace("control", "http"),
        address = host.http().ip().to_string(),
        port = host.http().port(),
        secret = host.token(),
    );
    if let Some(said) = as_nobody(&script) {
        assert!(!said.contains("READ") && !said.contains("CONNECTED"), "{said}");
        assert_eq!(said.matches("refused").count(), 6, "{said}");
        // With the very token: the uid of who calls is a second lock.
        assert!(!said.contains("HTTP/1.1 2"), "{said}");
        assert!(said.contains("PORT"), "{said}");
    }
    client.open(&site.url("/ok"));
    drop(client);
    host.terminate();
}

/// The dashboard as a browser of its own shows it: what pages call themselves is text there.
#[test]
fn f68_hostile_titles_and_addresses_are_text_in_the_dashboard() {
    let host = TestHost::with(HostArgs { more: vec!["--dashboard".to_owned()], ..HostArgs::default() });
    let site = Site::start();
    let attack = "<img src=x onerror=\"document.body.dataset.pwned=1\">";
    let mut dressed = host.client(&format!("{attack}\u{202e}tnega"));
    let title = format!("<title>{}\u{202e}eltit\u{1b}[31m</title>", attack.replace('<', "&lt;"));
    let page = site.page("/dressed", &title);
    dressed.ok("browser_navigate", json!({"url": format!("{page}?%E2%80%AEgpj.exe#\u{202e}{attack}")}));
    dressed.ok(
        "browser_evaluate",
        json!({"function": "() => { console.log('<script>document.body.dataset.pwned=2</script>'); }"}),
    );
    let opened = dressed.ok("session_open", json!({"name": format!("<b>{attack}")}));
    assert!(opened.text.contains("opened"), "{}", opened.text);
    let session =
        host.control().snapshot().sessions.iter().find(|session| !session.tabs.is_empty()).unwrap().id.clone();

    let elsewhere = TestHost::start();
    // Its page is never quiet: what comes of a look is there at once.
    let mut viewer = elsewhere.client_with("viewer", &["--timeout-settle=1"]);
    viewer.open(&host.dashboard());
    let watch = "() => { window.violations = []; document.addEventListener('securitypolicyviolation', event => \
        window.violations.push(event.violatedDirective + ' ' + event.blockedURI)); }";
    viewer.evaluate(watch);
    for screen in ["#/", "#/sessions", &format!("#/sessions/{session}"), "#/cursors", "#/history", "#/settings"] {
        viewer.evaluate(&format!("() => {{ location.hash = {screen:?}; }}"));
        let wanted = if screen.contains("ses_") { "eltit" } else { "" };
        wait_for(screen, Duration::from_secs(20), || {
            let text = viewer.evaluate("() => document.body.innerText + document.title");
            let shown = text.contains(wanted) && text.len() > 20;
            let clean = !text.contains(['\u{202e}', '\u{1b}']) && !text.contains("\\u001b");
            assert!(clean, "{screen}: {text}");
            if shown { Ok(()) } else { Err(text) }
        });
        let found = "() => [document.body.dataset.pwned ?? 'none', document.querySelectorAll('img[src=x]').length, \
            document.querySelectorAll('b > img').length, window.violations.length, \
            document.documentElement.outerHTML.includes('\\u202e')].join(' ')";
        assert_eq!(viewer.evaluate(found), "\"none 0 0 0 false\"", "{screen}");
    }
    let home = viewer.evaluate("() => { location.hash = '#/'; }");
    drop(home);
    wait_for("what it calls itself is shown as text", Duration::from_secs(20), || {
        let text = viewer.evaluate("() => document.body.innerText");
        if text.contains("<img src=x onerror=") { Ok(()) } else { Err(text) }
    });
    let console = viewer.ok("browser_console_messages", json!({"level": "error"}));
    assert!(!console.text.contains("Content Security Policy"), "{}", console.text);
}

#[test]
fn f69_a_page_in_our_own_browser_attacks_our_own_port() {
    let host = TestHost::with(HostArgs { http: true, ..HostArgs::default() });
    let site = Site::start();
    let mut client = host.client("visitor");
    client.open(&site.url("/ok"));
    let (address, token) = (host.http(), host.token());
    let before = host.control().snapshot();
    let script = format!(
        "async () => {{
            const port = {port};
            const body = JSON.stringify({{jsonrpc: '2.0', id: 1, method: 'initialize', params: {{protocolVersion: '2025-11-25', capabilities: {{}}, clientInfo: {{name: 'page', version: '1'}}}}}});
            const said = [];
            for (const host of ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0', 'a.localhost']) {{
                for (const path of ['/mcp', '/api/snapshot']) {{
                    const url = `http://${{host}}:${{port}}${{path}}`;
                    const json = {{'Content-Type': 'application/json', Accept: 'application/json, text/event-stream'}};
                    const known = {{...json, Authorization: 'Bearer {token}'}};
                    for (const options of [
                        {{}}, {{mode: 'no-cors'}}, {{method: 'POST', mode: 'no-cors', body}},
                        {{method: 'POST', body, headers: json}}, {{method: 'POST', body, headers: known}},
                        {{method: 'POST', mode: 'no-cors', body, headers: {{'Content-Type': 'text/plain'}}}},
                    ]) {{
                        said.push(await fetch(url, options).then(answer => 'ANSWER ' + url, () => 'refused'));
                    }}
                    if (host === 'localhost') said.push(await new Promise(end => {{
                        const s = new WebSocket(url.replace('http', 'ws'));
                        s.onopen = () => end('SOCKET ' + url); s.onerror = () => end('refused');
                    }}));
                    navigator.sendBeacon(url, body);
                }}
            }}
            const form = document.createElement('form');
            form.method = 'POST'; form.enctype = 'text/plain'; form.action = `http://127.0.0.1:${{port}}/mcp`; form.target = 'frame';
            const frame = document.createElement('iframe'); frame.name = 'frame'; document.body.append(frame, form);
            const loaded = new Promise(end => {{ frame.onload = () => end(); setTimeout(end, 1000); }});
            form.submit(); await loaded;
            return [...new Set(said)].join(', ');
        }}",
        port = address.port(),
    );
    assert_eq!(client.evaluate(&script), "\"refused\"");
    for url in [format!("http://{address}/mcp"), format!("http://localhost:{}/", address.port())] {
        let answer = client.call("browser_navigate", json!({"url": url})).err();
        assert_eq!(answer.code(), "navigation_denied", "{}", answer.text);
    }
    let after = host.control().snapshot();
    assert_eq!(
        (after.sessions.len(), after.clients.len()),
        (before.sessions.len(), before.clients.len()),
        "no session, no client"
    );
    // Who may still does.
    let mut agent = host.agent(Via::Modern, "agent");
    agent.open("about:blank");
}
