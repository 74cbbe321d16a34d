//! Stands between a host and a browser elsewhere, and makes single commands late or lost.

use std::{net::SocketAddr, sync::Arc, thread, time::Duration};

use async_tungstenite::{
    WebSocketSender,
    tokio::{ConnectStream, TokioAdapter, accept_async, connect_async},
    tungstenite::Message,
};
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
};

/// What happens to a command on its way to the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// It comes this much later.
    Late(Duration),
    /// It never comes, and is never answered.
    Lost,
}

/// A running relay. It ends with its test.
pub struct BrowserRelay {
    port: u16,
    shared: Arc<Shared>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<(String, Mischief)>>,
    seen: Mutex<Vec<String>>,
}

impl BrowserRelay {
    /// Starts one in front of the browser whose socket is at `browser`.
    #[must_use]
    pub fn start(browser: String) -> Self {
        let shared = Arc::new(Shared::default());
        let (end, ended) = oneshot::channel();
        let (bound, port) = std::sync::mpsc::channel();
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
                bound.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    () = accept(listener, &browser, &theirs) => {}
                    _ = ended => {}
                }
            });
        });
        let port = port.recv().expect("the relay listens");
        Self { port, shared, end: Some(end), thread: Some(thread) }
    }

    /// Where the host is to connect.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }

    /// From now on this happens to every command of that name.
    pub fn play(&self, method: &str, mischief: Mischief) {
        self.shared.rules.lock().push((method.to_owned(), mischief));
    }

    /// No mischief any more.
    pub fn behave(&self) {
        self.shared.rules.lock().clear();
    }

    /// How often a command of that name was sent.
    #[must_use]
    pub fn seen(&self, method: &str) -> usize {
        self.shared.seen.lock().iter().filter(|seen| *seen == method).count()
    }
}

impl Drop for BrowserRelay {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn accept(listener: TcpListener, browser: &str, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (browser, shared) = (browser.to_owned(), Arc::clone(shared));
        tokio::spawn(async move {
            // A host or browser that is gone ends its relay, and that is all.
            drop(relay(stream, &browser, &shared).await);
        });
    }
}

async fn relay(
    stream: TcpStream,
    browser: &str,
    shared: &Arc<Shared>,
) -> Result<(), async_tungstenite::tungstenite::Error> {
    let (mut to_host, mut from_host) = accept_async(stream).await?.split();
    let (browser, _) = connect_async(browser).await?;
    let (to_browser, mut from_browser) = browser.split();
    let (forward, queue) = mpsc::unbounded_channel();
    tokio::spawn(write(to_browser, queue));
    loop {
        tokio::select! {
            message = from_host.next() => {
                let Some(Ok(message)) = message else { return Ok(()) };
                pass(message, &forward, shared);
            }
            message = from_browser.next() => {
                let Some(Ok(message)) = message else { return Ok(()) };
                TokioHost::send(&mut to_host, message).await?;
            }
        }
    }
}

/// The host's end of a relay.
type TokioHost = WebSocketSender<TokioAdapter<TcpStream>>;

fn pass(message: Message, forward: &mpsc::UnboundedSender<Message>, shared: &Shared) {
    let command: Value = message.to_text().ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let method = command["method"].as_str().unwrap_or_default().to_owned();
    let rule = shared.rules.lock().iter().find(|(name, _)| *name == method).map(|(_, mischief)| *mischief);
    shared.seen.lock().push(method);
    match rule {
        Some(Mischief::Lost) => {}
        Some(Mischief::Late(delay)) => {
            let forward = forward.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                drop(forward.send(message));
            });
        }
        None => drop(forward.send(message)),
    }
}

async fn write(mut browser: WebSocketSender<ConnectStream>, mut queue: mpsc::UnboundedReceiver<Message>) {
    while let Some(message) = queue.recv().await {
        if browser.send(message).await.is_err() {
            return;
        }
    }
    // Nobody is left who could send anything: the browser is told, as by a host that goes.
    drop(browser.close(None).await);
}
