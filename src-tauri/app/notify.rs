//! Desktop notifications: at most one a minute, never a page title, best effort.

use std::time::Duration;

use ebb_core::cleanup::{LeftoverKind, Outcome};
use ebb_host::control::UiEvent;
use notify_rust::Notification;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::task::TaskTracker;

use crate::bytes::plural;

/// Between two notifications.
const PACE: Duration = Duration::from_mins(1);
/// How long the desktop may take to show one.
const SHOW: Duration = Duration::from_secs(5);
const WAITING: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A cleanup had problems, or the census found something that nobody owns.
    Problem,
    /// The window is closed, and no tray shows that Ebb is still there.
    KeepsRunning,
}

/// Where notices go. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Notices(mpsc::Sender<Notice>);

impl Notices {
    pub(crate) fn start(tasks: &TaskTracker) -> Self {
        let (sender, notices) = mpsc::channel(WAITING);
        drop(tasks.spawn(run(notices)));
        Self(sender)
    }

    pub(crate) fn send(&self, notice: Notice) {
        // With 64 of them waiting, one less is no loss.
        self.0.try_send(notice).unwrap_or_default();
    }

    /// Finds out whether an event is worth a notice.
    pub(crate) fn see(&self, event: &UiEvent) {
        let problem = match event {
            UiEvent::Removed(report) => report.outcome == Outcome::WithProblems,
            // Leftovers of a removal are in its report.
            UiEvent::Leftover(left) => left.kind == LeftoverKind::Unaccounted && left.attempts == 0,
            _ => false,
        };
        if problem {
            self.send(Notice::Problem);
        }
    }
}

async fn run(mut notices: mpsc::Receiver<Notice>) {
    while let Some(first) = notices.recv().await {
        show(first, 1).await;
        let mut problems = 0;
        let pause = Instant::now() + PACE;
        while let Ok(Some(notice)) = tokio::time::timeout_at(pause, notices.recv()).await {
            match notice {
                Notice::Problem => problems += 1,
                // It answers what somebody just did.
                Notice::KeepsRunning => show(notice, 1).await,
            }
        }
        if problems > 0 {
            show(Notice::Problem, problems).await;
        }
    }
}

async fn show(notice: Notice, count: usize) {
    let (summary, body) = texts(notice, count);
    let shown = tokio::task::spawn_blocking(move || {
        Notification::new().appname("Ebb").icon("ebb-desktop").summary(&summary).body(body).show().map(drop)
    });
    match tokio::time::timeout(SHOW, shown).await {
        Ok(Ok(Ok(()))) => {}
        problem => tracing::debug!(?problem, ?notice, "the desktop shows no notifications"),
    }
}

fn texts(notice: Notice, count: usize) -> (String, &'static str) {
    match notice {
        Notice::Problem => {
            (format!("{} had problems", plural(count, "cleanup")), "Open the dashboard to see what is left.")
        }
        Notice::KeepsRunning => {
            ("Ebb keeps running".to_owned(), "Open it again from the app menu; Quit is in the sidebar.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_problems_are_one_notice() {
        assert_eq!(texts(Notice::Problem, 1).0, "1 cleanup had problems");
        assert_eq!(texts(Notice::Problem, 3).0, "3 cleanups had problems");
    }
}
