//! The window's connection to the host: made when it is needed, made again when it was lost.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ebb_core::{Result, cleanup::AskedBy, view::Snapshot};
use ebb_host::control::{Command, Numbered, Reply, UiEvent, client::Client};
use futures::StreamExt;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::sync::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Between two tries to reach the host: from, to.
const WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// What the page hears.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Message {
    /// First, and after every gap.
    Picture {
        snapshot: Box<Snapshot>,
    },
    Event(Numbered),
    State(State),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum State {
    Connected,
    Reconnecting {
        /// Since when the numbers are old (wall clock, RFC 3339).
        since: String,
    },
}

pub(crate) struct Link {
    control_sock: PathBuf,
    client: Mutex<Option<Client>>,
    /// Ends the subscription of the page that was loaded before.
    watching: parking_lot::Mutex<CancellationToken>,
    tasks: TaskTracker,
}

impl Link {
    pub(crate) fn new(control_sock: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            control_sock,
            client: Mutex::default(),
            watching: parking_lot::Mutex::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Where work for the page runs.
    pub(crate) fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }

    /// What the page asks for, as the page: it cannot speak for the tray or the command line.
    pub(crate) async fn dispatch(&self, command: Command) -> Result<Reply> {
        let by = AskedBy::Dashboard;
        let command = match command {
            Command::EndSession { session, .. } => Command::EndSession { session, by },
            Command::Quit { .. } => Command::Quit { by },
            // The one subscription is `watch`.
            Command::Subscribe => Command::Snapshot,
            other => other,
        };
        self.client().await?.call(command).await
    }

    /// Sends everything to `page` until another page asks.
    pub(crate) fn watch(self: Arc<Self>, page: impl Fn(Message) + Send + Sync + 'static) {
        let stop = CancellationToken::new();
        std::mem::replace(&mut *self.watching.lock(), stop.clone()).cancel();
        let tasks = self.tasks.clone();
        drop(tasks.spawn(async move { stop.run_until_cancelled(self.follow(page)).await }));
    }

    async fn follow(&self, page: impl Fn(Message)) {
        let (mut wait, mut since) = (WAIT.0, None);
        loop {
            if let Ok(lagged) = self.follow_once(&page).await {
                (wait, since) = (WAIT.0, None);
                if lagged {
                    continue;
                }
            }
            let since = since.get_or_insert_with(now).clone();
            page(Message::State(State::Reconnecting { since }));
            tokio::time::sleep(wait).await;
            wait = WAIT.1.min(wait * 2);
        }
    }

    /// Whether it ended because the page was too slow, and not because the host is gone.
    async fn follow_once(&self, page: &impl Fn(Message)) -> Result<bool> {
        let (snapshot, mut events) = self.client().await?.subscribe().await?;
        page(Message::State(State::Connected));
        page(Message::Picture { snapshot: Box::new(snapshot) });
        while let Some(event) = events.next().await {
            if event.event == UiEvent::Lagged {
                return Ok(true);
            }
            page(Message::Event(event));
        }
        Ok(false)
    }

    async fn client(&self) -> Result<Client> {
        let mut client = self.client.lock().await;
        if let Some(living) = client.as_ref().filter(|client| !client.is_closed()) {
            return Ok(living.clone());
        }
        let new = Client::connect(&self.control_sock).await?;
        *client = Some(new.clone());
        Ok(new)
    }
}

fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_look_as_the_page_reads_them() {
        let text = |message: &Message| serde_json::to_string(message).unwrap();
        assert_eq!(text(&Message::State(State::Connected)), r#"{"state":"connected"}"#);
        let since = "2026-01-01T00:00:00Z".to_owned();
        assert_eq!(
            text(&Message::State(State::Reconnecting { since })),
            r#"{"state":"reconnecting","since":"2026-01-01T00:00:00Z"}"#
        );
        let event = Numbered { seq: 7, event: UiEvent::Clients(Vec::new()) };
        assert_eq!(text(&Message::Event(event)), r#"{"seq":7,"event":"clients","data":[]}"#);
    }

    #[tokio::test]
    async fn without_a_host_the_page_hears_that_it_is_tried_and_a_new_page_replaces_the_old() {
        let link = Link::new("/nonexistent/ebb/control.sock".into());
        let error = link.dispatch(Command::Snapshot).await.unwrap_err();
        assert!(error.message.contains("not running") && error.next.is_some());
        let (sender, mut first) = tokio::sync::mpsc::unbounded_channel();
        Arc::clone(&link).watch(move |message| drop(sender.send(message)));
        for _ in 0..2 {
            assert!(matches!(first.recv().await, Some(Message::State(State::Reconnecting { .. }))));
        }
        let (sender, mut second) = tokio::sync::mpsc::unbounded_channel();
        link.watch(move |message| drop(sender.send(message)));
        assert!(second.recv().await.is_some());
        while first.recv().await.is_some() {}
    }
}
