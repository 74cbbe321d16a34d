//! The same protocol over a WebSocket: one text message is one message.

use std::sync::Arc;

use async_tungstenite::{WebSocketReceiver, WebSocketSender, tokio::ConnectStream, tungstenite::Message};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    endpoint::Socket,
    pipe::{Connection, EventSink, Inner, deliver},
};

impl Connection {
    /// Talks to the browser at the other end of `socket`.
    pub(super) fn over(socket: Socket, sink: Arc<dyn EventSink>, tasks: &TaskTracker) -> Self {
        let (inner, queue) = Inner::new();
        let (write, read) = socket.split();
        tasks.spawn(write_all(write, queue, inner.closed.clone()));
        tasks.spawn(read_all(read, Arc::clone(&inner), sink));
        Self { inner }
    }
}

async fn write_all(
    mut socket: WebSocketSender<ConnectStream>,
    mut queue: mpsc::Receiver<Vec<u8>>,
    closed: CancellationToken,
) {
    loop {
        let message = tokio::select! {
            message = queue.recv() => message,
            () = closed.cancelled() => None,
        };
        let Some(Ok(text)) = message.map(String::from_utf8) else { break };
        let written = tokio::select! {
            written = socket.send(Message::text(text)) => written,
            () = closed.cancelled() => break,
        };
        if written.is_err() {
            break;
        }
    }
    closed.cancel();
}

async fn read_all(mut socket: WebSocketReceiver<ConnectStream>, inner: Arc<Inner>, sink: Arc<dyn EventSink>) {
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            () = inner.closed.cancelled() => break,
        };
        match message {
            Some(Ok(Message::Text(text))) => deliver(text.as_bytes(), &inner, sink.as_ref()),
            Some(Ok(Message::Binary(bytes))) => deliver(&bytes, &inner, sink.as_ref()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            // Pings are answered by the library.
            Some(Ok(_)) => {}
        }
    }
    inner.end();
}
