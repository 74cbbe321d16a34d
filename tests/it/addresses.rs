//! F62: where pages may be sent, in a network of the test's own.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::json;
use support::{Calls as _, Client, HostArgs, Site, TestHost};

/// Where clouds keep credentials.
const METADATA: &str = "169.254.169.254";
/// Somebody's private network.
const PRIVATE: &str = "10.9.8.7";

/// Runs the test below in a network that has these addresses and nothing else.
#[test]
fn f62_where_pages_may_be_sent() {
    // Two names that lead where they should not, and one that does not.
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        &hosts,
        format!("127.0.0.1 localhost\n{METADATA} sly.test\n{PRIVATE} inner.test\n127.0.0.1 local.test\n"),
    )
    .unwrap();
    let script = format!(
        "mount --bind {} /etc/hosts && ip link set lo up && ip addr add {METADATA}/32 dev lo && \
         ip addr add {PRIVATE}/32 dev lo && exec \"$@\"",
        hosts.path().display()
    );
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    let root = is_root();
    command.args(if root { &["--net", "--mount"][..] } else { &["--map-root-user", "--net", "--mount"] });
    command.args(["--", "sh", "-c", &script, "sh"]).arg(own);
    command.args(["--exact", "addresses::inside_a_network_of_its_own", "--ignored", "--nocapture"]);
    let output = command.output().expect("unshare, of util-linux, is installed");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Counts who says something there. A connection that is dropped before its first byte is nobody: the browser looks
/// at the address of some only once it has it.
fn counting(address: &str) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind((address, 80)).unwrap();
    let count = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&count);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                if stream.read(&mut [0; 1_024]).is_ok_and(|read| read > 0) {
                    seen.fetch_add(1, Ordering::SeqCst);
                }
                let body = "<title>credentials</title>s3cret";
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", body.len());
                drop(stream.write_all(format!("{head}{body}").as_bytes()));
            });
        }
    });
    count
}

/// The address of a page that sends whoever comes to another.
fn redirecting(to: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(stream.read(&mut [0; 1_024]));
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    format!("http://{address}/")
}

/// What asks for `to` by request, socket and script, in whatever runs it.
const PROBE: &str = "
    const limited = asked => Promise.race([asked, new Promise(end => setTimeout(end, 3000, 'late'))]);
    self.probe = async (kind, to) => {
        const said = [];
        for (const url of to) {
            said.push(kind + ' request ' + await limited(fetch(url + kind, {mode: 'no-cors'}).then(() => 'reached', () => 'refused')));
            said.push(kind + ' socket ' + await limited(new Promise(end => {
                const socket = new WebSocket(url.replace('http', 'ws') + kind);
                socket.onopen = () => end('opened');
                socket.onerror = () => end('closed');
            })));
            if (kind !== 'dedicated' && kind !== 'shared') continue;
            try { importScripts(url + kind); } catch { said.push(kind + ' script failed'); }
        }
        return said.join('\\n');
    };
    onmessage = event => {
        const told = probe(...event.data).then(said => (event.source || self).postMessage(said));
        event.waitUntil?.(told);
    };
    onconnect = event => {
        const port = event.ports[0];
        port.onmessage = async event => port.postMessage(await probe(...event.data));
    };
    oninstall = () => skipWaiting();
    onactivate = event => event.waitUntil(clients.claim());";

/// Has the page itself and its workers of all kinds probe `to`; what they say.
const ALL_KINDS: &str = "async () => {
    const asked = (target, from, kind) => new Promise(end => { setTimeout(end, 15000, kind + ' late'); from.onmessage = event => end(event.data); target.postMessage([kind, to]); });
    const dedicated = new Worker('/probe.js');
    const shared = new SharedWorker('/probe.js').port;
    await navigator.serviceWorker.register('/probe.js');
    const service = (await navigator.serviceWorker.ready).active;
    const said = [probe('page', to), asked(dedicated, dedicated, 'dedicated'), asked(shared, shared, 'shared'), asked(service, navigator.serviceWorker, 'service')];
    return (await Promise.all(said)).join('\\n');
}";

/// A site of this machine with the probe.
fn probing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Browsers open connections before they have anything to ask.
            thread::spawn(move || {
                let mut head = [0; 4_096];
                let read = stream.read(&mut head).unwrap_or_default();
                let script = head[..read].starts_with(b"GET /probe.js");
                let page = "<title>x</title><script src='/probe.js'></script>";
                let (kind, body) = if script { ("text/javascript", PROBE) } else { ("text/html", page) };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                drop(stream.write_all(format!("{head}{body}").as_bytes()));
            });
        }
    });
    format!("http://{address}/")
}

/// What the page and its workers of all kinds say of these addresses.
fn by_all_kinds(client: &mut Client, site: &str, to: &[&str]) -> String {
    client.open(site);
    let to = serde_json::to_string(to).unwrap();
    client.evaluate(&ALL_KINDS.replacen("() => {", &format!("() => {{ const to = {to};"), 1))
}

#[test]
#[ignore = "run by f62_where_pages_may_be_sent, in a network of its own"]
fn inside_a_network_of_its_own() {
    let (metadata, private) = (counting(METADATA), counting(PRIVATE));
    let mut host = TestHost::with(HostArgs { http: true, ..HostArgs::default() });
    let site = Site::start();
    let mut client = host.client("visitor");
    client.open(&site.url("/ok"));

    let own = format!("http://{}/mcp", host.http());
    let refused = [
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.169.254.:80/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://user:pw@169.254.169.254/",
        "169.254.169.254",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://sly.test/",
        "https://sly.test/",
        "http://inner.test/",
        "http://10.9.8.7/",
        "http://0x0a090807/",
        &own,
        "file:///etc/passwd",
        "view-source:http://169.254.169.254/",
        "view-source:file:///etc/passwd",
        "chrome://version/",
        "chrome://settings",
        "devtools://devtools/bundled/inspector.html",
        "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/x.html",
        "filesystem:http://127.0.0.1/temporary/x",
        "blob:http://127.0.0.1/x",
        "data:text/html,x",
        "javascript:alert(1)",
        "FILE:///etc/passwd",
        " file:///etc/passwd",
    ];
    for address in refused {
        for (tool, arguments) in
            [("browser_navigate", json!({"url": address})), ("browser_tabs", json!({"action": "new", "url": address}))]
        {
            let answer = client.call(tool, arguments);
            assert!(answer.is_error, "{tool} {address}: {}", answer.text);
            assert_eq!(answer.code(), "navigation_denied", "{tool} {address}: {}", answer.text);
        }
    }

    // What a page does by itself: redirects, frames, pictures, requests, sockets, windows.
    for to in ["http://169.254.169.254/", "http://sly.test/", "http://inner.test/", "http://10.9.8.7/"] {
        let answer = client.call("browser_navigate", json!({"url": redirecting(to)}));
        assert_eq!((answer.is_error, answer.code()), (true, "navigation_denied"), "{to}: {}", answer.text);
    }
    let answer = client.call("browser_navigate", json!({"url": redirecting("http://no.test/")}));
    assert_eq!(answer.code(), "navigation_failed", "a name that leads nowhere: {}", answer.text);
    client.open(&site.url("/ok"));
    let tries = format!(
        "async () => {{ const turns = ['{}', '{}'];",
        redirecting("http://sly.test/"),
        redirecting("http://10.9.8.7/")
    );
    let tries = tries + "
        const plain = ['http://169.254.169.254/', 'http://0xa9fea9fe/', 'http://[::ffff:169.254.169.254]/'];
        const to = [...plain, 'http://sly.test/', 'http://inner.test/', 'http://10.9.8.7/', ...turns];
        const done = [];
        for (const url of plain) {
            done.push(new Promise(end => { const s = new WebSocket(url.replace('http', 'ws')); s.onopen = s.onerror = () => end('socket'); }));
        }
        for (const url of to) {
            const code = `fetch('${url}', {mode: 'no-cors'}).then(() => postMessage('reached'), () => postMessage('refused'))`;
            const worker = new Worker(URL.createObjectURL(new Blob([code])));
            done.push(new Promise(end => { worker.onmessage = event => end('worker ' + event.data); }));
            done.push(fetch(url, {mode: 'no-cors'}).then(() => 'reached', () => 'refused'));
            done.push(new Promise(end => { const i = new Image(); i.onload = i.onerror = () => end('image'); i.src = url; }));
            done.push(new Promise(end => { const f = document.createElement('iframe'); f.onload = () => end('frame'); f.src = url; document.body.append(f); }));
            done.push(new Promise(end => { const e = new EventSource(url); e.onopen = e.onerror = () => { e.close(); end('events'); }; }));
        }
        to.forEach(url => navigator.sendBeacon(url, 'x'));
        return (await Promise.all(done)).join(' ');
    }";
    let said = client.evaluate(&tries);
    assert!(!said.contains("reached"), "{said}");
    for to in ["http://169.254.169.254/", "http://sly.test/", "http://10.9.8.7/"] {
        client.open(&site.url("/ok"));
        client.call("browser_evaluate", json!({"function": format!("() => {{ window.open('{to}'); }}")}));
        client.call("browser_evaluate", json!({"function": format!("() => {{ location.href = '{to}'; }}")}));
        let seen = client.call("browser_wait_for", json!({"time": 0.2}));
        assert!(!seen.text.contains("s3cret"), "{}", seen.text);
    }

    // Where requests do not wait for Ebb: sockets, and workers that serve several pages.
    let probing = probing();
    let local = counting("127.0.0.1");
    let said = by_all_kinds(&mut client, &probing, &["http://sly.test/", "http://10.9.8.7/"]);
    assert!(!said.contains("reached") && !said.contains("late"), "{said}");
    let said = by_all_kinds(&mut client, &probing, &["http://local.test/"]);
    assert_eq!(said.matches("reached").count(), 4, "this machine is open: {said}");
    assert_eq!(local.load(Ordering::SeqCst), 10, "requests, sockets and scripts arrive: {said}");
    let said = by_all_kinds(&mut client, &probing, &[&format!("http://local.test:{}/", host.http().port())]);
    assert_eq!(said.matches("refused").count(), 4, "Ebb's own port is not: {said}");

    assert_eq!(metadata.load(Ordering::SeqCst), 0, "the metadata address was reached");
    assert_eq!(private.load(Ordering::SeqCst), 0, "the private network was reached");
    assert!(!client.call("browser_navigate", json!({"url": site.url("/ok")})).is_error, "this machine opens");

    // With the setting, private networks open; metadata never does.
    drop(client);
    host.terminate();
    let file = host.path().join("config.toml");
    std::fs::write(&file, "[browser]\nprivate_networks = true\n").unwrap();
    host.next_with(vec!["--config".to_owned(), file.display().to_string()]);
    host.restart();
    let mut client = host.client("visitor");
    for open in ["http://10.9.8.7/", "http://inner.test/", &redirecting("http://inner.test/")] {
        let answer = client.call("browser_navigate", json!({"url": open}));
        assert!(!answer.is_error && answer.text.contains("s3cret"), "{open}: {}", answer.text);
    }
    let said = by_all_kinds(&mut client, &probing, &["http://inner.test/", "http://10.9.8.7/"]);
    assert_eq!(said.matches("reached").count(), 8, "{said}");
    let said = by_all_kinds(&mut client, &probing, &["http://sly.test/"]);
    assert!(!said.contains("reached") && !said.contains("late"), "{said}");
    assert!(client.call("browser_navigate", json!({"url": "http://sly.test/"})).is_error);
    assert!(client.call("browser_navigate", json!({"url": "http://169.254.169.254/"})).is_error);
    assert_eq!((metadata.load(Ordering::SeqCst), private.load(Ordering::SeqCst) > 0), (0, true));
}
