//! Desktop notifications: what the settings ask for, at most one of a kind a minute, never a page title, best effort.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use ebb_core::{
    cleanup::{LeftoverKind, Outcome, Reason},
    settings::NotificationSettings,
    view::{BrowserView, Snapshot},
};
use ebb_host::{config, control::UiEvent};
use notify_rust::Notification;
#[cfg(target_os = "linux")]
use notify_rust::{NotificationHandle, NotificationResponse};
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tokio_util::task::TaskTracker;

use crate::{
    bytes::{bytes, plural},
    click::Click,
};

/// Between two notifications of a kind.
const PACE: Duration = Duration::from_mins(1);
/// How long the desktop may take to show one.
const SHOW: Duration = Duration::from_secs(5);
const WAITING: usize = 64;
/// How long a notification may be clicked, and how many may wait for it; a desktop may keep them for ever.
const CLICKABLE: Duration = Duration::from_hours(1);
const CLICKABLES: usize = 16;
/// A memory notice is armed again below this part of the limit.
const ARMED_AGAIN: f64 = 0.8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notice {
    /// A cleanup had problems, or the census found something that nobody owns.
    Problem,
    /// The browser does not respond, or ended by itself.
    Browser,
    /// Nobody can connect.
    NotListening,
    /// Sessions hold more bytes than the limit.
    Memory(u64),
    /// A session ended because nobody used it.
    Idle,
    /// Clients came.
    Joined,
    /// Clients left.
    Left,
    /// The window is closed, and no tray shows that Ebb is still there.
    KeepsRunning,
}

impl Notice {
    /// Whether the user wants to hear it.
    fn wanted(self, settings: &NotificationSettings) -> bool {
        match self {
            Self::Problem => settings.problems,
            Self::Browser | Self::NotListening => settings.browser,
            Self::Memory(_) => settings.memory,
            Self::Idle => settings.idle,
            Self::Joined | Self::Left => settings.clients,
            // It answers what somebody just did.
            Self::KeepsRunning => true,
        }
    }

    /// Where a click on it leads: what the text speaks of.
    fn click(self) -> Click {
        match self {
            Self::Problem => Click::Problems,
            Self::Idle | Self::Left => Click::History,
            Self::Browser | Self::NotListening | Self::Memory(_) | Self::Joined => Click::Attention,
            Self::KeepsRunning => Click::Open,
        }
    }

    /// Those of a kind share the pace.
    fn kind(self) -> Self {
        match self {
            Self::Memory(_) => Self::Memory(0),
            other => other,
        }
    }
}

/// Where notices go. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Notices {
    sender: mpsc::Sender<Notice>,
    config_file: Arc<PathBuf>,
    seen: Arc<Mutex<Seen>>,
}

/// What was there, to notice what is new.
#[derive(Debug, Default)]
struct Seen {
    clients: Option<usize>,
    browser_ill: bool,
    over_memory: bool,
}

impl Notices {
    /// `clicked` hears what somebody clicked, as of the tray.
    pub(crate) fn start(tasks: &TaskTracker, config_file: PathBuf, clicked: mpsc::Sender<Click>) -> Self {
        let (sender, notices) = mpsc::channel(WAITING);
        let config_file = Arc::new(config_file);
        let desktop = Desktop {
            config_file: Arc::clone(&config_file),
            clicked,
            clickable: Arc::new(Semaphore::new(CLICKABLES)),
            tasks: tasks.clone(),
        };
        drop(tasks.spawn(run(notices, desktop)));
        Self { sender, config_file, seen: Arc::default() }
    }

    pub(crate) fn send(&self, notice: Notice) {
        // With 64 of them waiting, one less is no loss.
        self.sender.try_send(notice).unwrap_or_default();
    }

    /// Finds out whether an event is worth a notice.
    pub(crate) fn see(&self, event: &UiEvent) {
        let mut seen = self.seen.lock();
        for notice in seen.event(event) {
            self.send(notice);
        }
    }

    /// The same of a whole picture.
    pub(crate) fn look(&self, snapshot: &Snapshot) {
        let held = snapshot.sessions.iter().map(|session| session.held.total).sum();
        let mut seen = self.seen.lock();
        seen.clients = Some(snapshot.clients.len());
        seen.browser_ill = ill(&snapshot.host.browser);
        // The file is read only when there is much.
        if held > 100_000_000 || seen.over_memory {
            let limit = config::load(&self.config_file).settings.notifications.memory_bytes;
            if let Some(notice) = seen.memory(held, limit) {
                self.send(notice);
            }
        }
    }
}

fn ill(browser: &BrowserView) -> bool {
    matches!(browser, BrowserView::Unresponsive { .. })
}

impl Seen {
    fn event(&mut self, event: &UiEvent) -> Vec<Notice> {
        match event {
            UiEvent::Removed(report) => {
                let problem = (report.outcome == Outcome::WithProblems).then_some(Notice::Problem);
                let idle = matches!(report.reason, Reason::IdleTimeout).then_some(Notice::Idle);
                problem.into_iter().chain(idle).collect()
            }
            // Leftovers of a removal are in its report.
            UiEvent::Leftover(left) if left.kind == LeftoverKind::Unaccounted && left.attempts == 0 => {
                vec![Notice::Problem]
            }
            UiEvent::Host(host) => {
                let new = ill(&host.browser) && !self.browser_ill;
                self.browser_ill = ill(&host.browser);
                new.then_some(Notice::Browser).into_iter().collect()
            }
            UiEvent::Session(session) if session.browser_lost && !self.browser_ill => vec![Notice::Browser],
            UiEvent::Clients(clients) => {
                let before = self.clients.replace(clients.len());
                let change = before.map_or(0, |before| clients.len() as i64 - before as i64);
                match change {
                    1.. => vec![Notice::Joined; change as usize],
                    0 => Vec::new(),
                    _ => vec![Notice::Left; change.unsigned_abs() as usize],
                }
            }
            _ => Vec::new(),
        }
    }

    /// Told once, and again only after it was less for a while.
    fn memory(&mut self, held: u64, limit: u64) -> Option<Notice> {
        if held > limit && !self.over_memory {
            self.over_memory = true;
            return Some(Notice::Memory(held));
        }
        if (held as f64) < limit as f64 * ARMED_AGAIN {
            self.over_memory = false;
        }
        None
    }
}

/// Who shows them.
struct Desktop {
    config_file: Arc<PathBuf>,
    clicked: mpsc::Sender<Click>,
    clickable: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// The first of a kind at once, the others of the next minute together.
async fn run(mut notices: mpsc::Receiver<Notice>, desktop: Desktop) {
    let mut waiting: BTreeMap<Notice, (Instant, usize)> = BTreeMap::new();
    loop {
        let due = waiting.values().map(|(due, _)| *due).min();
        let notice = match due {
            Some(due) => tokio::time::timeout_at(due, notices.recv()).await,
            None => Ok(notices.recv().await),
        };
        match notice {
            Ok(None) => return,
            Ok(Some(notice)) => match waiting.get_mut(&notice.kind()) {
                Some((_, count)) => *count += 1,
                None => {
                    if desktop.show(notice, 1).await {
                        waiting.insert(notice.kind(), (Instant::now() + PACE, 0));
                    }
                }
            },
            Err(_) => {
                let now = Instant::now();
                let over: Vec<Notice> =
                    waiting.iter().filter(|(_, (due, _))| *due <= now).map(|(notice, _)| *notice).collect();
                for notice in over {
                    if let Some((_, count)) = waiting.remove(&notice)
                        && count > 0
                        && desktop.show(notice, count).await
                    {
                        waiting.insert(notice, (Instant::now() + PACE, 0));
                    }
                }
            }
        }
    }
}

impl Desktop {
    /// Whether it was wanted.
    async fn show(&self, notice: Notice, count: usize) -> bool {
        let file = Arc::clone(&self.config_file);
        let shown = tokio::task::spawn_blocking(move || {
            // Read now, so that a change in the settings holds at once.
            if !notice.wanted(&config::load(&file).settings.notifications) {
                return Ok(None);
            }
            let (summary, body) = texts(notice, count);
            let mut notification = Notification::new();
            notification.appname("Ebb").icon("ebb-desktop").summary(&summary).body(body);
            // What the desktop calls a click on the text itself.
            notification.action("default", "Open");
            notification.show().map(Some)
        });
        match tokio::time::timeout(SHOW, shown).await {
            Ok(Ok(Ok(shown))) => {
                let wanted = shown.is_some();
                #[cfg(target_os = "linux")]
                if let Some(handle) = shown {
                    self.follow(handle, notice.click());
                }
                wanted
            }
            problem => {
                tracing::debug!(?problem, ?notice, "the desktop shows no notifications");
                true
            }
        }
    }

    /// Waits for a click, not for ever and not on any number of them.
    #[cfg(target_os = "linux")]
    fn follow(&self, handle: NotificationHandle, click: Click) {
        let Ok(place) = Arc::clone(&self.clickable).try_acquire_owned() else { return };
        let clicked = self.clicked.clone();
        drop(self.tasks.spawn(async move {
            let _place = place;
            let mut chosen = false;
            let ended = handle.wait_for_action_async(|response| {
                chosen = matches!(response, NotificationResponse::Default | NotificationResponse::Action(_));
            });
            if tokio::time::timeout(CLICKABLE, ended).await.is_ok() && chosen {
                // The receiver ends with the program.
                drop(clicked.send(click).await);
            }
        }));
    }
}

fn texts(notice: Notice, count: usize) -> (String, &'static str) {
    match notice {
        Notice::Problem => {
            (format!("{} had problems", plural(count, "cleanup")), "Open the dashboard to see what is left.")
        }
        Notice::Browser => {
            ("The browser had to be let go".to_owned(), "Sessions go on in a new one, without their pages.")
        }
        Notice::NotListening => {
            ("Ebb cannot listen".to_owned(), "No client can connect. Ebb keeps trying; the log says why.")
        }
        Notice::Memory(0) => ("Sessions hold much memory".to_owned(), "Open the dashboard to see which."),
        Notice::Memory(held) => (format!("Sessions hold {}", bytes(held)), "Open the dashboard to see which."),
        Notice::Idle => {
            (format!("{} ended", plural(count, "unused session")), "Nobody used it for the time that is set.")
        }
        Notice::Joined => (format!("{} connected", plural(count, "client")), "Open the dashboard to see who."),
        Notice::Left => (format!("{} left", plural(count, "client")), "What they held is cleaned up."),
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
        assert_eq!(texts(Notice::Memory(2_400_000_000), 1).0, "Sessions hold 2.4 GB");
    }

    #[test]
    fn a_click_leads_to_what_the_text_speaks_of() {
        assert_eq!(Notice::Problem.click(), Click::Problems);
        assert_eq!(Notice::Memory(1).click(), Click::Attention);
        assert_eq!(Notice::Idle.click(), Click::History);
        assert_eq!(Notice::KeepsRunning.click(), Click::Open);
    }

    #[test]
    fn memory_is_told_once_until_it_was_less() {
        let mut seen = Seen::default();
        let told: Vec<bool> = [1, 11, 12, 9, 11, 7, 11].iter().map(|&held| seen.memory(held, 10).is_some()).collect();
        assert_eq!(told, [false, true, false, false, false, false, true]);
    }

    #[test]
    fn the_settings_decide() {
        let settings = ebb_core::settings::Settings::default().notifications;
        let wanted = |notice: Notice| notice.wanted(&settings);
        assert!(wanted(Notice::Problem) && wanted(Notice::Browser) && wanted(Notice::Memory(1)));
        assert!(!wanted(Notice::Idle) && !wanted(Notice::Joined) && !wanted(Notice::Left));
        let silent = NotificationSettings { problems: false, ..settings };
        assert!(!Notice::Problem.wanted(&silent) && Notice::KeepsRunning.wanted(&silent));
    }

    #[test]
    fn who_comes_and_goes_is_counted_from_what_was_there() {
        let mut seen = Seen::default();
        assert_eq!(seen.event(&UiEvent::Clients(Vec::new())), []);
        assert_eq!(seen.event(&UiEvent::Clients(vec![ebb_core::view::ClientView::unknown()])), [Notice::Joined]);
        assert_eq!(seen.event(&UiEvent::Clients(Vec::new())), [Notice::Left]);
    }
}
