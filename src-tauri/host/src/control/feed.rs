//! Core events become numbered [`UiEvent`]s: lifecycle at once, numbers at most twice a second.
//!
//! Nothing is looked up while nobody watches. A watcher that reads too slowly is cut: its stream ends
//! with [`UiEvent::Lagged`], and it subscribes anew for a fresh picture.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use ebb_core::{
    events::Event,
    ids::SessionId,
    view::{ClientView, HostView, MemoryHistory, SessionView},
};
use futures::{StreamExt, stream::BoxStream};
use parking_lot::Mutex;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Numbered, UiEvent};

/// Between two pictures of the same thing.
const PACE: Duration = Duration::from_millis(500);
/// Events that a watcher may be behind.
const BEHIND: usize = 512;

/// What a watcher reads. After [`UiEvent::Lagged`] it ends.
pub type Events = BoxStream<'static, Numbered>;

/// Where the pictures come from.
pub(super) trait Scene: Send + Sync + 'static {
    fn session(&self, session: &SessionId) -> Option<SessionView>;
    fn clients(&self) -> Vec<ClientView>;
    fn host(&self) -> HostView;
    fn memory(&self) -> MemoryHistory;
}

/// Numbers events and hands them to every watcher.
#[derive(Debug)]
pub(super) struct Feed {
    /// Numbering and sending are one act, so that a subscription knows exactly where it begins.
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    seq: u64,
    sender: broadcast::Sender<Arc<Numbered>>,
}

impl Feed {
    pub(super) fn new() -> Self {
        Self { out: Mutex::new(Out { seq: 0, sender: broadcast::Sender::new(BEHIND) }) }
    }

    pub(super) fn is_watched(&self) -> bool {
        self.out.lock().sender.receiver_count() > 0
    }

    pub(super) fn send(&self, event: UiEvent) {
        let mut out = self.out.lock();
        if out.sender.receiver_count() > 0 {
            out.seq += 1;
            // Whoever left meanwhile needs no event.
            drop(out.sender.send(Arc::new(Numbered { seq: out.seq, event })));
        }
    }

    /// The number of the last event, and every one after it. Take the picture after this call.
    pub(super) fn subscribe(&self) -> (u64, Events) {
        let (seq, receiver) = {
            let out = self.out.lock();
            (out.seq, out.sender.subscribe())
        };
        let events = futures::stream::unfold(Some((receiver, seq)), |state| async {
            let (mut receiver, last) = state?;
            match receiver.recv().await {
                Ok(numbered) => {
                    let numbered = Arc::unwrap_or_clone(numbered);
                    let goes_on = !matches!(numbered.event, UiEvent::Lagged);
                    let seq = numbered.seq;
                    Some((numbered, goes_on.then_some((receiver, seq))))
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "a watcher was too slow");
                    Some((Numbered { seq: last + missed, event: UiEvent::Lagged }, None))
                }
                Err(RecvError::Closed) => None,
            }
        });
        (seq, events.boxed())
    }

    /// Turns core events into pictures until `stop`, or until the core or the scene is gone.
    pub(super) async fn run<S: Scene>(
        self: Arc<Self>,
        mut events: broadcast::Receiver<Event>,
        scene: Weak<S>,
        stop: CancellationToken,
    ) {
        let mut pace = Pace::default();
        loop {
            let due = pace.next();
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => Some(event),
                () = sleep_until(due) => None,
            };
            let Some(scene) = scene.upgrade() else { return };
            match event {
                Some(Err(RecvError::Closed)) => return,
                _ if !self.is_watched() => pace = Pace::default(),
                Some(Err(RecvError::Lagged(missed))) => {
                    tracing::warn!(missed, "the dashboard could not follow; it takes a new picture");
                    self.send(UiEvent::Lagged);
                }
                Some(Ok(event)) => self.take(&*scene, &mut pace, event),
                None => {
                    for key in pace.take_due(Instant::now()) {
                        self.show(&*scene, &key);
                    }
                }
            }
        }
    }

    fn take(&self, scene: &dyn Scene, pace: &mut Pace, event: Event) {
        let now = Instant::now();
        match event {
            Event::SessionChanged(session) => self.show_paced(scene, pace, Key::Session(session)),
            Event::Client(_) => self.show_paced(scene, pace, Key::Clients),
            Event::Browser | Event::Host => self.show_paced(scene, pace, Key::Host),
            Event::SessionOpened(session)
            | Event::SessionClosing(session)
            | Event::StepBegan(session, _)
            | Event::StepEnded(session, _) => {
                let key = Key::Session(session);
                self.show(scene, &key);
                pace.shown(key, now);
            }
            Event::SessionRemoved(report) => {
                pace.forget(&Key::Session(report.session.clone()));
                self.send(UiEvent::Removed(report));
            }
            Event::Leftover(leftover) => self.send(UiEvent::Leftover(leftover)),
            Event::LeftoverCleared(leftover) => self.send(UiEvent::LeftoverCleared(leftover)),
        }
    }

    fn show_paced(&self, scene: &dyn Scene, pace: &mut Pace, key: Key) {
        let now = Instant::now();
        if pace.may_show_now(&key, now) {
            self.show(scene, &key);
            pace.shown(key, now);
        }
    }

    fn show(&self, scene: &dyn Scene, key: &Key) {
        match key {
            // One that is gone already is told by its report.
            Key::Session(session) => {
                if let Some(view) = scene.session(session) {
                    self.send(UiEvent::Session(Box::new(view)));
                }
            }
            Key::Clients => self.send(UiEvent::Clients(scene.clients())),
            Key::Host => self.send(UiEvent::Host(Box::new(scene.host()))),
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// What is shown no more often than [`PACE`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Session(SessionId),
    Clients,
    Host,
}

/// When things were shown last, and which of them changed since. One entry for each live session at most.
#[derive(Debug, Default)]
struct Pace {
    shown: HashMap<Key, Instant>,
    waiting: HashMap<Key, Instant>,
}

impl Pace {
    /// Whether it may be shown now; otherwise it waits for its turn.
    fn may_show_now(&mut self, key: &Key, now: Instant) -> bool {
        match self.shown.get(key).map(|shown| *shown + PACE).filter(|due| *due > now) {
            None => true,
            Some(due) => {
                self.waiting.entry(key.clone()).or_insert(due);
                false
            }
        }
    }

    fn shown(&mut self, key: Key, now: Instant) {
        self.waiting.remove(&key);
        self.shown.insert(key, now);
        // What was shown long ago may be shown at any time: no need to remember it.
        if self.shown.len() > 64 {
            self.shown.retain(|_, shown| *shown + PACE > now);
        }
    }

    fn forget(&mut self, key: &Key) {
        self.shown.remove(key);
        self.waiting.remove(key);
    }

    fn next(&self) -> Option<Instant> {
        self.waiting.values().min().copied()
    }

    fn take_due(&mut self, now: Instant) -> Vec<Key> {
        let due: Vec<Key> = self.waiting.iter().filter(|(_, due)| **due <= now).map(|(key, _)| key.clone()).collect();
        for key in &due {
            self.shown(key.clone(), now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use ebb_core::{
        cleanup::{CleanupReport, Reason},
        ids::ClientId,
    };
    use time::OffsetDateTime;

    use super::*;
    use crate::control::testing::{host_view, session_view};

    #[derive(Default)]
    struct Stage {
        looks: AtomicU32,
    }

    impl Scene for Stage {
        fn session(&self, session: &SessionId) -> Option<SessionView> {
            let calls = self.looks.fetch_add(1, Ordering::Relaxed);
            Some(SessionView { calls, ..session_view(session) })
        }
        fn clients(&self) -> Vec<ClientView> {
            Vec::new()
        }
        fn host(&self) -> HostView {
            host_view()
        }
        fn memory(&self) -> MemoryHistory {
            MemoryHistory::default()
        }
    }

    struct Play {
        stage: Arc<Stage>,
        core: broadcast::Sender<Event>,
        feed: Arc<Feed>,
        stop: CancellationToken,
    }

    impl Play {
        fn begin(capacity: usize) -> Self {
            let play = Self {
                stage: Arc::default(),
                core: broadcast::Sender::new(capacity),
                feed: Arc::new(Feed::new()),
                stop: CancellationToken::new(),
            };
            let run = Arc::clone(&play.feed).run(play.core.subscribe(), Arc::downgrade(&play.stage), play.stop.clone());
            drop(tokio_util::task::TaskTracker::new().spawn(run));
            play
        }

        fn tell(&self, event: Event) {
            drop(self.core.send(event));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_come_twice_a_second_and_the_last_one_is_never_lost() {
        let play = Play::begin(1_024);
        let (seq, mut events) = play.feed.subscribe();
        let session = SessionId::new();
        let began = Instant::now();
        for _ in 0..100 {
            play.tell(Event::SessionChanged(session.clone()));
            tokio::time::sleep(Duration::from_millis(21)).await;
        }
        tokio::time::sleep(PACE * 3).await;
        assert_eq!(began.elapsed().as_millis(), 3_600);
        let mut seen = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(1), events.next()).await {
            seen.push(event.seq);
        }
        assert_eq!(seen, (seq + 1..=seq + 6).collect::<Vec<_>>(), "0, 0.5, 1, 1.5, 2 and 2.5 s");
        assert_eq!(play.stage.looks.load(Ordering::Relaxed), 6);
        play.stop.cancel();
    }

    #[tokio::test(start_paused = true)]
    async fn lifecycle_comes_at_once_and_nothing_after_the_report() {
        let play = Play::begin(1_024);
        let (_, events) = play.feed.subscribe();
        let session = SessionId::new();
        let began = Instant::now();
        play.tell(Event::SessionOpened(session.clone()));
        play.tell(Event::SessionChanged(session.clone()));
        play.tell(Event::SessionClosing(session.clone()));
        play.tell(Event::SessionChanged(session.clone()));
        let report = CleanupReport::not_found(session, Reason::Swept, OffsetDateTime::UNIX_EPOCH);
        play.tell(Event::SessionRemoved(Box::new(report)));
        play.tell(Event::Client(ClientId::new()));
        let seen: Vec<UiEvent> = events.take(4).map(|numbered| numbered.event).collect().await;
        assert!(matches!(
            seen.as_slice(),
            [UiEvent::Session(_), UiEvent::Session(_), UiEvent::Removed(_), UiEvent::Clients(_)]
        ));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_watching_costs_no_look() {
        let play = Play::begin(1_024);
        play.tell(Event::SessionOpened(SessionId::new()));
        tokio::time::sleep(PACE).await;
        assert_eq!(play.stage.looks.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_watcher_is_cut_and_delays_nobody() {
        let play = Play::begin(BEHIND * 4);
        let (_, slow) = play.feed.subscribe();
        for _ in 0..BEHIND + 10 {
            play.feed.send(UiEvent::Clients(Vec::new()));
        }
        let seen: Vec<Numbered> = slow.collect().await;
        assert_eq!(seen, [Numbered { seq: 10, event: UiEvent::Lagged }]);
    }

    #[tokio::test(start_paused = true)]
    async fn events_lost_in_the_core_end_every_watch() {
        let play = Play::begin(4);
        let (_, events) = play.feed.subscribe();
        for _ in 0..50 {
            play.tell(Event::Leftover(Box::new(crate::control::testing::leftover())));
        }
        let seen: Vec<Numbered> = events.collect().await;
        assert!(matches!(seen.as_slice(), [Numbered { seq: 1, event: UiEvent::Lagged }]));
    }
}
