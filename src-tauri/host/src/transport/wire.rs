//! The byte stream below MCP: one JSON message a line, both directions bounded.
//!
//! The library's own line transport ignores what is no JSON, lets answers pile up for a client that
//! does not read, and waits for a blocked writer when it closes. This one answers every bad line,
//! stops reading while too many answers wait, and lets go of a writer at once when it is cut.

use std::{collections::VecDeque, io, sync::Arc};

use rmcp::{
    RoleServer,
    model::{ClientRequest, JsonRpcMessage},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    bad::{self, Bad},
    outbox::Outbox,
};

/// A message of a client.
pub(super) type Incoming = RxJsonRpcMessage<RoleServer>;

/// Answers that may wait for a client that does not read, in bytes. Above it nothing more is read.
const MAX_UNSENT: usize = 8 * 1024 * 1024;
/// Capacity that the line buffer keeps between messages.
const KEEP: usize = 64 * 1024;

/// One stream of MCP messages.
pub(super) struct Wire<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Read before there was a service to give it to.
    early: VecDeque<Incoming>,
    /// Whether the client has begun a lifecycle. Notifications before it would end the service.
    begun: bool,
    outbox: Arc<Outbox>,
    replies: JoinSet<()>,
}

impl<R: AsyncRead + Send + Unpin> Wire<R> {
    /// A stream over both halves of a connection. `cut` ends every write at once.
    pub(super) fn new(reader: R, writer: impl AsyncWrite + Send + Unpin + 'static, cut: CancellationToken) -> Self {
        Self {
            reader: BufReader::with_capacity(16 * 1024, reader),
            line: Vec::new(),
            early: VecDeque::new(),
            begun: false,
            outbox: Arc::new(Outbox::new(Box::new(writer), cut)),
            replies: JoinSet::new(),
        }
    }

    /// The first message, for a look before the service starts; it will get it all the same. None at
    /// the end of the stream.
    pub(super) async fn first(&mut self) -> Option<&Incoming> {
        let message = self.next().await?;
        self.early.push_back(message);
        self.early.back()
    }

    /// Answers a message that was only looked at, and no other: the stream ends here.
    pub(super) async fn refuse(&mut self, error: rmcp::ErrorData) {
        let id = match self.early.pop_front() {
            Some(JsonRpcMessage::Request(request)) => Some(request.id),
            _ => None,
        };
        let sent = self.send(TxJsonRpcMessage::<RoleServer>::error(error, id)).await;
        if let Err(error) = sent {
            tracing::debug!(%error, "a refused client did not read why");
        }
    }

    /// The next message. Dropped in the middle of a line, it goes on there.
    async fn next(&mut self) -> Option<Incoming> {
        loop {
            self.outbox.room(MAX_UNSENT).await;
            match self.reader.read_until(b'\n', &mut self.line).await {
                Ok(_) if self.line.ends_with(b"\n") => {}
                // What has no newline is half a message, and nobody will finish it.
                Ok(_) => return None,
                Err(error) => {
                    tracing::debug!(%error, "a client's stream broke");
                    if error.kind() == io::ErrorKind::InvalidData {
                        self.reply(&Bad::too_long());
                    }
                    return None;
                }
            }
            let parsed = bad::parse(&self.line);
            self.line.clear();
            self.line.shrink_to(KEEP);
            match parsed {
                Ok(Some(message)) if self.takes(&message) => return Some(message),
                Ok(_) => {}
                Err(bad) => self.reply(&bad),
            }
        }
    }

    fn takes(&mut self, message: &Incoming) -> bool {
        match message {
            JsonRpcMessage::Request(request) => {
                let probe =
                    matches!(request.request, ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_));
                self.begun |= !probe;
                true
            }
            _ => self.begun,
        }
    }

    /// Answers a line that is no message. Not awaited: reading must stay droppable.
    fn reply(&mut self, bad: &Bad) {
        while self.replies.try_join_next().is_some() {}
        let write = self.outbox.clone().write(bad.to_line());
        self.replies.spawn(async move {
            if let Err(error) = write.await {
                tracing::debug!(%error, "a bad line was not answered");
            }
        });
    }
}

impl<R: AsyncRead + Send + Unpin> Transport<RoleServer> for Wire<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let line = serde_json::to_vec(&item).map(|mut line| {
            line.push(b'\n');
            line
        });
        // Counted from here on, not from when somebody polls the write.
        let write = line.map(|line| self.outbox.clone().write(line));
        async move { write?.await }
    }

    async fn receive(&mut self) -> Option<Incoming> {
        match self.early.pop_front() {
            Some(message) => Some(message),
            None => self.next().await,
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // Answers to bad lines may still be on their way to a client that reads.
        let flush = async { while self.replies.join_next().await.is_some() {} };
        let flushed = tokio::time::timeout(FLUSH, flush).await;
        if flushed.is_err() {
            tracing::debug!("a client does not read the answers to its bad lines");
        }
        self.outbox.close();
        Ok(())
    }
}

/// How long closing waits for answers to bad lines.
const FLUSH: std::time::Duration = std::time::Duration::from_millis(200);

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
