//! What the pages of one session download: into a folder beside the browser's profile first, and into the
//! session's output folder when it is whole.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ebb_core::settings::BrowserSettings;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::files::{Held, names};

/// Downloads of one session.
const MAX_COUNT: u32 = 200;
/// Files of the largest size that all downloads of a session may take together.
const MAX_TOGETHER: u64 = 4;
/// How long the end of a session waits for a file that is being put in its place.
const LAST: Duration = Duration::from_millis(500);

/// The downloads of one session.
#[derive(Debug)]
pub(crate) struct Downloads {
    files: Arc<Held>,
    /// Bytes of one file; zero for no limit.
    max: u64,
    books: Mutex<Books>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Books {
    folder: Option<PathBuf>,
    begun: u32,
    /// Bytes of those that are done.
    bytes: u64,
    list: Vec<Download>,
}

#[derive(Debug)]
struct Download {
    guid: String,
    /// As answers name it.
    name: String,
    state: State,
    /// Its beginning was told.
    told: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Running(u64),
    /// Whole, and on its way to its place.
    Moving,
    Done(String),
    Failed(String),
}

/// What is to be done about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// It is to be stopped.
    Cancel,
    /// It is whole.
    Take,
}

impl Downloads {
    /// Of a session that downloaded nothing yet.
    pub(super) fn new(files: Arc<Held>, settings: &BrowserSettings) -> Arc<Self> {
        let max = settings.max_download_bytes;
        Arc::new(Self { files, max, books: Mutex::default(), changed: watch::Sender::new(()) })
    }

    /// Where a new browser writes them from now on; what an older one had not finished never will be.
    pub(super) fn write_to(&self, folder: PathBuf) {
        let mut books = self.books.lock();
        books.folder = Some(folder);
        for download in books.list.iter_mut().filter(|download| matches!(download.state, State::Running(_))) {
            download.state = State::Failed("its browser ended".to_owned());
        }
        drop(books);
        self.changed.send_replace(());
    }

    /// Whether the browser writes it into this session's folder: for those whose page is gone already.
    pub(super) fn holds(&self, guid: &str) -> bool {
        let folder = self.books.lock().folder.clone().filter(|_| is_plain(guid));
        folder.is_some_and(|folder| folder.join(guid).exists() || folder.join(format!("{guid}.crdownload")).exists())
    }

    /// Whether it is one of these.
    pub(super) fn knows(&self, guid: &str) -> bool {
        self.books.lock().list.iter().any(|download| download.guid == guid)
    }

    /// One begins.
    pub(super) fn begins(&self, guid: &str, wanted: &str) -> Then {
        let plain = is_plain(guid);
        let mut books = self.books.lock();
        if !plain || books.list.iter().any(|download| download.guid == guid) {
            return Then::Nothing;
        }
        books.begun += 1;
        let refused = books.begun > MAX_COUNT;
        if refused && books.begun > MAX_COUNT + 1 {
            return Then::Cancel;
        }
        let state = if refused {
            State::Failed(format!("this session downloaded {MAX_COUNT} files, which is the limit"))
        } else {
            State::Running(0)
        };
        books.list.push(Download { guid: guid.to_owned(), name: names::safe(wanted), state, told: false });
        drop(books);
        self.changed.send_replace(());
        if refused { Then::Cancel } else { Then::Nothing }
    }

    /// One goes on, or ends. Bytes are what it has and what it will have, as far as that is known.
    pub(super) fn goes_on(&self, guid: &str, state: &str, received: u64, total: u64) -> Then {
        let mut books = self.books.lock();
        let others: u64 =
            books.bytes + books.list.iter().filter(|other| other.guid != guid).map(Download::received).sum::<u64>();
        let Some(download) = books.list.iter_mut().find(|download| download.guid == guid) else {
            return Then::Nothing;
        };
        if !matches!(download.state, State::Running(_)) {
            return Then::Nothing;
        }
        let size = received.max(total);
        let megabytes = self.max / 1_000_000;
        let (next, then) = match state {
            _ if self.max > 0 && size > self.max => {
                (State::Failed(format!("it has more than {megabytes} MB")), Then::Cancel)
            }
            _ if self.max > 0 && others.saturating_add(size) > self.max.saturating_mul(MAX_TOGETHER) => {
                let all = megabytes * MAX_TOGETHER;
                (State::Failed(format!("this session's downloads would take more than {all} MB")), Then::Cancel)
            }
            "completed" => (State::Moving, Then::Take),
            "canceled" => (State::Failed("it was cancelled".to_owned()), Then::Nothing),
            _ => (State::Running(received), Then::Nothing),
        };
        let is_news = !matches!(next, State::Running(_));
        download.state = next;
        if then == Then::Take {
            books.bytes += received;
        }
        drop(books);
        if is_news {
            self.changed.send_replace(());
        }
        then
    }

    /// Puts one that is whole in its place.
    pub(super) async fn take(&self, guid: &str) {
        let found = {
            let books = self.books.lock();
            let download = books.list.iter().find(|download| download.guid == guid);
            books.folder.clone().zip(download.map(|download| download.name.clone()))
        };
        let Some((folder, name)) = found else { return };
        let from = folder.join(guid);
        let taken = async {
            let files = self.files.files().await?;
            let place = files.take(&from, &name).await?;
            Ok::<_, ebb_core::Error>(files.shown(&place))
        };
        let state = match taken.await {
            Ok(shown) => State::Done(shown),
            Err(error) => State::Failed(error.message),
        };
        if let Some(download) = self.books.lock().list.iter_mut().find(|download| download.guid == guid) {
            download.state = state;
        }
        self.changed.send_replace(());
    }

    /// Waits until nothing downloads that nobody was told of, at most `patience`.
    pub(crate) async fn settle(&self, patience: Duration) {
        let mut changed = self.changed.subscribe();
        let quiet = async {
            while self.books.lock().list.iter().any(|download| !download.told && download.is_open()) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        drop(tokio::time::timeout(patience, quiet).await);
    }

    /// What is new since it was told last, as lines of `Events`.
    pub(crate) fn news(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.books.lock().list.retain_mut(|download| match &download.state {
            State::Running(_) | State::Moving => {
                if !std::mem::replace(&mut download.told, true) {
                    lines.push(format!("- Downloading file {} ...", download.name));
                }
                true
            }
            State::Done(path) => {
                lines.push(format!("- Downloaded file {} to \"{path}\"", download.name));
                false
            }
            State::Failed(why) => {
                lines.push(format!("- File {} was not downloaded: {why}", download.name));
                false
            }
        });
        lines
    }

    /// The session ends: what is whole gets to its place, what is not goes.
    pub(super) async fn end(&self) {
        let mut changed = self.changed.subscribe();
        let moved = async {
            while self.books.lock().list.iter().any(|download| download.state == State::Moving) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        drop(tokio::time::timeout(LAST, moved).await);
        let folder = self.books.lock().folder.take();
        if let Some(folder) = folder {
            drop(tokio::task::spawn_blocking(move || remove(&folder)).await);
        }
    }
}

/// The browser's own name for one becomes part of a path.
fn is_plain(guid: &str) -> bool {
    !guid.is_empty() && guid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A browser that ends takes the folder with it; one that goes on does not.
fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "half downloads stay until their browser ends");
    }
}

impl Download {
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Running(_) | State::Moving)
    }

    const fn received(&self) -> u64 {
        match self.state {
            State::Running(received) => received,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use ebb_core::ids::InstanceId;

    use super::*;
    use crate::run::{Guardian, RunDirs};

    const MB: u64 = 1_000_000;

    fn downloads(folder: &Path) -> Arc<Downloads> {
        let run_dirs = RunDirs::new(folder.join("run"), &InstanceId::new(), Guardian::none());
        let settings = BrowserSettings { max_download_bytes: 10 * MB, ..BrowserSettings::default() };
        Downloads::new(Held::new(run_dirs), &settings)
    }

    #[tokio::test]
    async fn sizes_and_counts_have_limits_and_what_happened_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let all = downloads(folder.path());
        assert_eq!(all.begins("a-1", "../x.bin"), Then::Nothing);
        assert_eq!(all.news(), ["- Downloading file x.bin ..."]);
        assert!(all.news().is_empty());
        assert_eq!(all.goes_on("a-1", "inProgress", MB, 0), Then::Nothing);
        assert_eq!(all.goes_on("a-1", "inProgress", 11 * MB, 0), Then::Cancel, "longer than it said");
        assert_eq!(all.goes_on("a-1", "canceled", 11 * MB, 0), Then::Nothing);
        assert_eq!(all.news(), ["- File x.bin was not downloaded: it has more than 10 MB"]);
        assert_eq!(all.begins("a-2", "y"), Then::Nothing);
        assert_eq!(all.goes_on("a-2", "inProgress", 0, 300 * MB), Then::Cancel, "it says so before it comes");
        assert_eq!(all.begins("../a", "y"), Then::Nothing, "no path");
        assert!(!all.knows("../a"));
        for n in 0..4 {
            all.begins(&format!("b-{n}"), "part");
            assert_eq!(all.goes_on(&format!("b-{n}"), "inProgress", 9 * MB, 0), Then::Nothing);
        }
        all.begins("b-5", "part");
        assert_eq!(all.goes_on("b-5", "inProgress", 9 * MB, 0), Then::Cancel, "all together");
        let told = all.news().join("\n");
        assert!(told.contains("would take more than 40 MB"), "{told}");
        for n in 0..MAX_COUNT + 5 {
            all.begins(&format!("c-{n}"), "many");
        }
        let told = all.news();
        assert_eq!(told.iter().filter(|line| line.contains("200 files, which is the limit")).count(), 1);
        all.settle(Duration::from_secs(5)).await;
        all.end().await;
    }
}
