//! From the first seat to the last: what the host says goes to the tray, what is clicked to the host.

use std::{sync::Arc, time::Duration};

use ebb_core::{cleanup::AskedBy, ids::SessionId};
use ebb_host::{
    autostart,
    control::{Command, Events, Reply, UiEvent},
};
use futures::StreamExt;
use tauri::AppHandle;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    click::Click,
    control::ControlClient,
    display,
    hosting::{Hosting, Seat},
    notify::{Notice, Notices},
    picture::Picture,
    tray::Tray,
    window::Window,
};

/// The menu changes at most this often: it may be open.
const PACE: Duration = Duration::from_secs(1);
/// How often "idle 14 min" is looked at while nothing happens.
const MINUTES: Duration = Duration::from_secs(30);
/// A second Quit within this time needs no sheet.
const AGAIN: Duration = Duration::from_secs(10);
/// Looking for a new seat: from, to.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Why a seat is left.
enum Next {
    Quit,
    /// The host that we were attached to is gone.
    Lost,
}

pub(crate) struct Life {
    app: AppHandle,
    tray: Tray,
    window: Arc<Window>,
    hosting: Hosting,
    clicks: mpsc::Receiver<Click>,
    notices: Notices,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// What the tray shows.
    picture: Picture,
    quit_asked: Option<Instant>,
}

impl Life {
    pub(crate) fn new(
        app: AppHandle,
        tray: Tray,
        window: Arc<Window>,
        hosting: Hosting,
        clicks: mpsc::Receiver<Click>,
        notices: Notices,
        stop: CancellationToken,
    ) -> Self {
        let (tasks, picture) = (TaskTracker::new(), Picture::default());
        Self { app, tray, window, hosting, clicks, notices, stop, tasks, picture, quit_asked: None }
    }

    /// Ends with the program.
    pub(crate) async fn run(mut self, mut seat: Seat) {
        while matches!(self.follow(&seat).await, Next::Lost) {
            tracing::info!("the host that we were attached to is gone");
            self.draw(Picture::not_listening());
            match self.next_seat().await {
                Some(next) => seat = next,
                None => break,
            }
        }
        self.draw(Picture::quitting());
        Box::pin(seat.leave()).await;
        // After the host: its window shows how the sessions end.
        self.window.end().await;
        self.app.exit(0);
    }

    async fn follow(&mut self, seat: &Seat) -> Next {
        let control = seat.control();
        loop {
            let Ok((snapshot, mut events)) = control.subscribe().await else { return Next::Lost };
            self.notices.look(&snapshot);
            self.draw(Picture::of(&snapshot));
            if let Some(next) = self.watch(seat, &control, &mut events).await {
                return next;
            }
            sleep(LOOK.0).await;
        }
    }

    /// None: the events ended, which is no end of the host yet.
    async fn watch(&mut self, seat: &Seat, control: &ControlClient, events: &mut Events) -> Option<Next> {
        let (mut changed, mut drawn) = (false, Instant::now());
        loop {
            let due = if changed { Some(drawn + PACE) } else { (self.picture.live > 0).then(|| drawn + MINUTES) };
            tokio::select! {
                event = events.next() => match event.map(|numbered| numbered.event) {
                    None | Some(UiEvent::Lagged) => return None,
                    // The tray shows no history.
                    Some(UiEvent::Memory(_)) => {}
                    Some(event) => {
                        self.notices.see(&event);
                        changed = true;
                    }
                },
                () = until(due) => {
                    if let Ok(Reply::Snapshot(snapshot)) = control.dispatch(Command::Snapshot).await {
                        self.notices.look(&snapshot);
                        self.draw(Picture::of(&snapshot));
                    }
                    (changed, drawn) = (false, Instant::now());
                }
                Some(click) = self.clicks.recv() => {
                    if self.clicked(click, Some((seat, control))) {
                        return Some(Next::Quit);
                    }
                }
                () = seat.asked_to_quit() => return Some(Next::Quit),
                () = self.stop.cancelled() => return Some(Next::Quit),
            }
        }
    }

    /// None: quit.
    async fn next_seat(&mut self) -> Option<Seat> {
        let mut wait = LOOK.0;
        loop {
            match self.hosting.take().await {
                Ok(Some(seat)) => return Some(seat),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot host; trying again");
                    self.notices.send(Notice::NotListening);
                }
            }
            tokio::select! {
                () = sleep(wait) => wait = LOOK.1.min(wait * 2),
                Some(click) = self.clicks.recv() => {
                    if self.clicked(click, None) {
                        return None;
                    }
                }
                () = self.stop.cancelled() => return None,
            }
        }
    }

    fn draw(&mut self, picture: Picture) {
        if picture != self.picture {
            self.tray.show(picture.clone());
            self.picture = picture;
        }
    }

    /// Whether to quit now.
    fn clicked(&mut self, click: Click, host: Option<(&Seat, &ControlClient)>) -> bool {
        match click {
            Click::Open => self.open(None),
            Click::More | Click::Attention => self.open(Some("#/".to_owned())),
            Click::Problems => self.open(Some("#/history?outcome=with_problems".to_owned())),
            Click::History => self.open(Some("#/history".to_owned())),
            Click::Idle => self.open(Some("#/?idle".to_owned())),
            Click::Connect => self.open(Some("#/connect".to_owned())),
            Click::Settings => self.open(Some("#/settings".to_owned())),
            Click::Details(session) => self.open(Some(format!("#/sessions/{session}"))),
            Click::Copy(session) => drop(self.app.run_on_main_thread(move || display::copy(session.as_str()))),
            Click::End(session) => self.end(&session, host),
            Click::Accept => {
                let accepting = !self.picture.accepting.unwrap_or(true);
                self.ask(Command::Accept { accepting }, host);
            }
            Click::Autostart => {
                if let Err(error) = autostart::set(!autostart::is_on().unwrap_or(false)) {
                    tracing::warn!(%error, "starting at login could not be switched");
                }
                self.tray.show(self.picture.clone());
            }
            Click::Quit => return self.quits(host.is_some_and(|(seat, _)| !seat.is_attached())),
        }
        false
    }

    fn open(&self, route: Option<String>) {
        if let Err(error) = self.window.show(route) {
            tracing::warn!(%error, "no window");
        }
    }

    /// What would be lost is shown before it is: a menu has no room for it, the window has.
    fn end(&self, session: &SessionId, host: Option<(&Seat, &ControlClient)>) {
        match self.picture.sessions.iter().find(|row| row.id == *session) {
            Some(row) if row.asks => self.open(Some(format!("#/sessions/{session}?end"))),
            _ => self.ask(Command::EndSession { session: session.to_string(), by: AskedBy::Tray }, host),
        }
    }

    fn ask(&self, command: Command, host: Option<(&Seat, &ControlClient)>) {
        let Some((_, control)) = host else { return };
        let control = control.clone();
        drop(self.tasks.spawn(async move {
            if let Err(error) = control.dispatch(command).await {
                tracing::warn!(%error, "what the tray asked for was refused");
            }
        }));
    }

    fn quits(&mut self, ends_sessions: bool) -> bool {
        if !ends_sessions || self.picture.live == 0 {
            return true;
        }
        let again = self.quit_asked.replace(Instant::now()).is_some_and(|asked| asked.elapsed() < AGAIN);
        again || self.window.show(Some("#/quit".to_owned())).is_err()
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
