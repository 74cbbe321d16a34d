//! `control.sock`: the command line and the window ask here.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ebb_core::{Code, Error, Result};
use futures::StreamExt;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Answer, Command, Control, Reply, VERSION,
    feed::Events,
    lines::{LineReader, NoLine, line, write_all},
};
use crate::transport::unix::Listener;

/// Connections at once.
const CONNECTIONS: usize = 64;
/// The longest line a caller may send.
const LONGEST: usize = 1024 * 1024;
/// Commands of one connection that run at once; more wait.
const IN_FLIGHT: usize = 16;
/// Answers and events that wait to be read by the other side.
const OUTGOING: usize = 32;
/// A connection that subscribed to nothing may be silent for this long.
const IDLE: Duration = Duration::from_mins(10);
/// How long an orderly stop waits for answers on their way.
const STOP: Duration = Duration::from_secs(2);

/// The server. Dropping it stops accepting; connections end as well.
#[derive(Debug)]
pub struct ControlSocket {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl ControlSocket {
    /// Serves a listener, which has already refused other users.
    pub fn start(listener: Listener, control: Control) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        drop(tasks.spawn(accept(listener, control, stop.clone(), tasks.clone())));
        Self { stop, tasks }
    }

    /// Takes the socket away and ends every connection; answers on their way get 2 s.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP, self.tasks.wait()).await.is_err() {
            tracing::warn!("control connections did not end in time");
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(mut listener: Listener, control: Control, stop: CancellationToken, tasks: TaskTracker) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while let Some((stream, _peer)) = stop.run_until_cancelled(listener.accept()).await {
        if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
            let connection = serve(stream, control.clone(), stop.clone());
            drop(tasks.spawn(async move {
                connection.await;
                drop(slot);
            }));
        } else {
            tracing::warn!("more than {CONNECTIONS} control connections; the newest is refused");
            drop(tasks.spawn(refuse(stream)));
        }
    }
}

async fn refuse<S: AsyncWrite + Unpin>(stream: S) {
    let error = Error::new(Code::LimitReached, format!("the host has {CONNECTIONS} control connections already"))
        .next("Close a dashboard or a command that runs, then try again");
    let (lines, outgoing) = mpsc::channel(1);
    answer(&lines, &Answer::Error { id: 0, error }).await;
    drop(lines);
    write_all(stream, outgoing).await;
}

/// One connection, from its first line to its last answer.
async fn serve<S: AsyncRead + AsyncWrite + Send + 'static>(stream: S, control: Control, stop: CancellationToken) {
    let (reading, writing) = tokio::io::split(stream);
    let (lines, outgoing) = mpsc::channel(OUTGOING);
    let gone = stop.child_token();
    let mut tasks = JoinSet::new();
    let done = gone.clone().drop_guard();
    // On its own: a stop ends the reading at once, but not an answer that is on its way.
    let writer = TaskTracker::new().spawn(async move {
        write_all(writing, outgoing).await;
        drop(done);
    });
    let mut connection = Connection { control, lines, commands: JoinSet::new(), subscription: None };
    let mut reader = LineReader::new(reading, LONGEST);
    while let Some(next) = gone.run_until_cancelled(reader.next(IDLE)).await {
        match next {
            Ok(Some(line)) if line.iter().all(u8::is_ascii_whitespace) => {}
            Ok(Some(line)) => connection.take(&line, &mut tasks).await,
            Ok(None) => break,
            Err(NoLine::Idle) if connection.is_watching() => {}
            Err(error) => {
                tracing::debug!(%error, "a control connection ends");
                if matches!(error, NoLine::TooLong(_) | NoLine::Slow) {
                    let error =
                        Error::new(Code::InvalidArguments, error.to_string()).next("Send one JSON object a line");
                    answer(&connection.lines, &Answer::Error { id: 0, error }).await;
                }
                break;
            }
        }
    }
    // The subscription ends with the reading, answers on their way do not: every command has a deadline.
    tasks.abort_all();
    while connection.commands.join_next().await.is_some() {}
    drop(tasks);
    drop(connection);
    drop(writer.await);
}

struct Connection {
    control: Control,
    lines: mpsc::Sender<Bytes>,
    commands: JoinSet<()>,
    subscription: Option<AbortHandle>,
}

/// What every version of a request has.
#[derive(Deserialize)]
struct Envelope {
    v: Option<u32>,
    #[serde(default)]
    id: u64,
}

#[derive(Deserialize)]
struct Body {
    command: Command,
}

impl Connection {
    fn is_watching(&self) -> bool {
        self.subscription.as_ref().is_some_and(|task| !task.is_finished())
    }

    async fn take(&mut self, line: &[u8], tasks: &mut JoinSet<()>) {
        match parse(line) {
            Ok((id, Command::Subscribe)) => {
                if let Some(earlier) = self.subscription.take() {
                    earlier.abort();
                }
                let (snapshot, events) = self.control.subscribe();
                // The picture goes out before the first event can.
                answer(&self.lines, &Answer::Reply { id, reply: Reply::Snapshot(Box::new(snapshot)) }).await;
                while tasks.try_join_next().is_some() {}
                self.subscription = Some(tasks.spawn(forward(events, self.lines.clone())));
            }
            Ok((id, command)) => {
                while self.commands.len() >= IN_FLIGHT {
                    self.commands.join_next().await;
                }
                while self.commands.try_join_next().is_some() {}
                let (control, lines) = (self.control.clone(), self.lines.clone());
                self.commands.spawn(async move {
                    let result = Box::pin(control.dispatch(command)).await;
                    let result = match result {
                        Ok(reply) => Answer::Reply { id, reply },
                        Err(error) => Answer::Error { id, error },
                    };
                    answer(&lines, &result).await;
                });
            }
            Err((id, error)) => answer(&self.lines, &Answer::Error { id, error }).await,
        }
    }
}

/// The version comes first: of a line of another version nothing else can be relied on.
fn parse(line: &[u8]) -> Result<(u64, Command), (u64, Error)> {
    let invalid = |id, error: &serde_json::Error| {
        let error = Error::new(Code::InvalidArguments, format!("this is no command: {error}"));
        (id, error.next(r#"Send a line such as {"v":1,"id":1,"command":{"command":"snapshot"}}"#))
    };
    let envelope: Envelope = serde_json::from_slice(line).map_err(|error| invalid(0, &error))?;
    match envelope.v {
        Some(VERSION) => {}
        other => {
            let other = other.map_or("no version".to_owned(), |version| format!("version {version}"));
            let message =
                format!("the running host speaks version {VERSION} of the control protocol, this program {other}");
            return Err((
                envelope.id,
                Error::new(Code::InvalidArguments, message).next("Quit Ebb and start it again: it was updated"),
            ));
        }
    }
    let body: Body = serde_json::from_slice(line).map_err(|error| invalid(envelope.id, &error))?;
    Ok((envelope.id, body.command))
}

async fn forward(mut events: Events, lines: mpsc::Sender<Bytes>) {
    while let Some(event) = events.next().await {
        answer(&lines, &Answer::Event(event)).await;
    }
}

/// Waits for room; the writer gives up on a side that does not read, and then there is nobody to tell.
async fn answer(lines: &mpsc::Sender<Bytes>, answer: &Answer) {
    match line(answer) {
        Ok(line) => drop(lines.send(line).await),
        Err(error) => tracing::error!(%error, "an answer cannot be written as JSON"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_told_to_restart_before_its_command_is_looked_at() {
        for (line, spoken) in [
            (r#"{"v":2,"id":7,"command":{"command":"dance"}}"#, "version 2"),
            (r#"{"id":7,"command":{"command":"snapshot"}}"#, "no version"),
        ] {
            let (id, error) = parse(line.as_bytes()).unwrap_err();
            assert_eq!(id, 7);
            assert!(error.message.contains(spoken), "{error}");
            assert!(error.next.is_some_and(|next| next.contains("start it again")));
        }
    }

    #[test]
    fn noise_is_no_command() {
        for line in ["", "{}x", "[]", r#"{"v":1,"id":3}"#, r#"{"v":1,"id":3,"command":{"command":"rm"}}"#, "\u{0}"] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
        assert!(matches!(parse(br#"{"v":1,"id":3,"command":{"command":"snapshot"}}"#), Ok((3, Command::Snapshot))));
    }
}
