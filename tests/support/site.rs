//! A web site on this machine that serves fixtures, remembers who asked for what, and misbehaves on request.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;

use crate::fixtures;

/// A running site. It ends with its test.
pub struct Site {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<HashMap<String, String>>,
    requests: Mutex<Vec<String>>,
    hanging: AtomicUsize,
    aborted: AtomicUsize,
    folder: Mutex<PathBuf>,
}

impl Site {
    /// Starts one that serves `tests/fixtures`.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        *shared.folder.lock() = fixtures();
        let site = Self { port, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        site
    }

    /// The address of a path, such as `/ok`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The same on another site as browsers see it: another process serves its frames.
    #[must_use]
    pub fn elsewhere(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// Serves `html` at `path` and returns its address.
    pub fn page(&self, path: &str, html: &str) -> String {
        self.shared.pages.lock().insert(path.to_owned(), html.to_owned());
        self.url(path)
    }

    /// The paths asked for so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().clone()
    }

    /// How often `path` was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.shared.requests.lock().iter().filter(|asked| *asked == path).count()
    }

    /// Requests to `/hang` that still wait.
    #[must_use]
    pub fn hanging(&self) -> usize {
        self.shared.hanging.load(Ordering::SeqCst)
    }

    /// Requests to `/hang` whose client went away.
    #[must_use]
    pub fn aborted(&self) -> usize {
        self.shared.aborted.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let Ok(writing) = stream.try_clone() else { return };
    let mut reading = BufReader::new(stream);
    let mut writing = writing;
    while let Some((target, headers)) = request(&mut reading) {
        shared.requests.lock().push(target.clone());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok())
        };
        match path {
            "/hang" => return hang(reading.get_mut(), shared),
            "/unfinished" => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html><title>unfinished</title>\
                     <h1>Here</h1><button>Push</button>";
                // A browser shows what it has once that is more than this.
                if writing.write_all(format!("{head}<!--{}-->", "x".repeat(4_096)).as_bytes()).is_err() {
                    return;
                }
                return hang(reading.get_mut(), shared);
            }
            "/redirect" => {
                let step = parameter("step").unwrap_or_default() + 1;
                let head =
                    format!("HTTP/1.1 302 Found\r\nLocation: /redirect?step={step}\r\nContent-Length: 0\r\n\r\n");
                if writing.write_all(head.as_bytes()).is_err() {
                    return;
                }
                continue;
            }
            "/download" => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; \
                     filename=\"file.bin\"\r\nContent-Length: 3\r\n\r\nabc";
                if writing.write_all(head.as_bytes()).is_err() {
                    return;
                }
                continue;
            }
            "/slow" => thread::sleep(Duration::from_millis(parameter("ms").unwrap_or(1_000))),
            "/headers" => {
                if respond(&mut writing, "200 OK", "text/plain", headers.as_bytes()).is_err() {
                    return;
                }
                continue;
            }
            "/status" => {
                let code = parameter("code").unwrap_or(500);
                if respond(&mut writing, &format!("{code} Test"), "text/html", b"<title>status</title><p>status page")
                    .is_err()
                {
                    return;
                }
                continue;
            }
            _ => {}
        }
        let (status, kind, body) = content(path, shared);
        if respond(&mut writing, status, kind, &body).is_err() {
            return;
        }
    }
}

/// Reads one request and returns its target and its headers, names in lower case; what it carries is not looked at.
fn request(reading: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut first = String::new();
    reading.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut length = 0;
    let mut headers = String::new();
    loop {
        let mut line = String::new();
        reading.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let (name, value) = line.trim_end().split_once(':').unwrap_or((line.trim_end(), ""));
        let line = format!("{}:{value}", name.to_ascii_lowercase());
        if !name.is_empty() {
            headers = headers + &line + "\n";
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if name.is_empty() {
            break;
        }
    }
    std::io::copy(&mut reading.by_ref().take(length), &mut std::io::sink()).ok()?;
    first.split(' ').nth(1).map(|target| (target.to_owned(), headers))
}

/// Never answers, and notices when the other side goes.
fn hang(stream: &mut TcpStream, shared: &Shared) {
    shared.hanging.fetch_add(1, Ordering::SeqCst);
    let mut byte = [0_u8];
    // Returns at the end of the stream or at its reset, and a browser sends nothing more.
    drop(stream.read(&mut byte));
    shared.hanging.fetch_sub(1, Ordering::SeqCst);
    shared.aborted.fetch_add(1, Ordering::SeqCst);
}

fn content(path: &str, shared: &Shared) -> (&'static str, &'static str, Vec<u8>) {
    if let Some(html) = shared.pages.lock().get(path) {
        return ("200 OK", "text/html; charset=utf-8", html.clone().into_bytes());
    }
    if path == "/slow" || path == "/ok" {
        let html = "<!doctype html><title>ok</title><h1>All is well</h1><button>Press</button>";
        return ("200 OK", "text/html; charset=utf-8", html.as_bytes().to_vec());
    }
    if path.contains("/item/") {
        let body = format!("{{\"path\":{path:?}}}");
        return ("200 OK", "application/json", body.into_bytes());
    }
    let file = shared.folder.lock().join(path.trim_start_matches('/'));
    match std::fs::read(&file) {
        Ok(body) if !path.contains("..") => ("200 OK", kind_of(path), body),
        _ => ("404 Not Found", "text/plain", b"no such page".to_vec()),
    }
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript",
        "css" => "text/css",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

fn respond(stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\r\n",
        body.len()
    );
    // In one piece: two would wait for each other's acknowledgement.
    stream.write_all(&[head.as_bytes(), body].concat())
}
