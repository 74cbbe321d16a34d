//! The files of one session: what of them goes with it, and what stays.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use ebb_core::{Code, Error, Result, sessions::clean_text};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::{Files, Source, disk, journal};
use crate::run::{RunDir, RunDirs};

/// Files of one session that go with it.
const MAX_AUTOMATIC: usize = 10_000;
/// Files that stay and are named in the report.
const MAX_KEPT: usize = 500;
/// The folder in the run directory for sessions whose workspace takes none.
const OUT: &str = "out";

/// What one session wrote. Closed once and for all when the session ends.
#[derive(Debug)]
pub(crate) struct Held {
    run_dirs: Arc<RunDirs>,
    dir: OnceCell<RunDir>,
    source: Mutex<Option<Source>>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    closed: bool,
    automatic: Vec<PathBuf>,
    kept: Vec<String>,
    more_kept: usize,
}

/// What becomes of a file when its session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes, and so that it does after a crash as well it is in the journal.
    Goes,
    /// It goes with the run directory it is in.
    GoesWithDir,
    /// It stays and is named in the report.
    Stays,
}

/// What the end of a session did to its files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Removed.
    pub(crate) files: u32,
    /// Left where they are.
    pub(crate) kept: Vec<String>,
}

impl Held {
    /// Of a session that wrote nothing yet.
    pub(crate) fn new(run_dirs: Arc<RunDirs>) -> Arc<Self> {
        Arc::new(Self { run_dirs, dir: OnceCell::new(), source: Mutex::default(), books: Mutex::default() })
    }

    /// Notes where the client that calls has its files: what a page downloads later goes there.
    pub(crate) fn know(&self, source: Source) {
        *self.source.lock() = Some(source);
    }

    /// Where the client that called last has its files.
    ///
    /// # Errors
    /// The session is ending, or no folder can be made.
    pub(crate) async fn files(self: &Arc<Self>) -> Result<Files> {
        let source = self.source.lock().clone();
        match source {
            Some(source) => source.resolve(self).await,
            None => Err(Error::new(Code::Internal, "no client of this session is known")),
        }
    }

    /// The session's own folder for files, which goes with it.
    pub(super) async fn own_folder(self: &Arc<Self>) -> Result<PathBuf> {
        Ok(self.dir().await?.join(OUT))
    }

    /// The session's run directory. Made in a task of its own: whoever waits for it may vanish, and the session
    /// may end while it is made, when no removal knows of it yet.
    async fn dir(self: &Arc<Self>) -> Result<PathBuf> {
        if self.books.lock().closed {
            return Err(ended());
        }
        if let Some(dir) = self.dir.get() {
            return Ok(dir.path().to_owned());
        }
        let this = Arc::clone(self);
        let making = self.run_dirs.tasks().spawn(async move {
            let dir = this.dir.get_or_try_init(|| this.run_dirs.create('f', &[OUT])).await?;
            if this.books.lock().closed {
                // The end of the session looked for it a moment too early. What fails here the census finds.
                drop(dir.remove().await);
                return Err(ended());
            }
            Ok(dir.path().to_owned())
        });
        making.await.map_err(|error| Error::new(Code::Internal, error.to_string()))?
    }

    /// Does `work`, which makes the file `path`. Whoever waits for it may vanish: the file is in the books all
    /// the same, or not there.
    pub(super) async fn make(
        self: &Arc<Self>,
        path: &Path,
        fate: Fate,
        work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
    ) -> Result<()> {
        let journal = match fate {
            Fate::Goes => Some(self.dir().await?),
            _ => None,
        };
        {
            let mut books = self.books.lock();
            if books.closed {
                return Err(ended());
            }
            if fate != Fate::Stays {
                if books.automatic.len() >= MAX_AUTOMATIC {
                    let message = format!("this session wrote {MAX_AUTOMATIC} files, which is the limit");
                    return Err(Error::new(Code::LimitReached, message)
                        .next("End the session with session_close, or give a filename in the project."));
                }
                books.automatic.push(path.to_owned());
            }
        }
        let (this, file) = (Arc::clone(self), path.to_owned());
        let written = tokio::task::spawn_blocking(move || {
            if let Some(dir) = journal {
                journal::note(&dir, &file)?;
            }
            work()?;
            let mut books = this.books.lock();
            if fate == Fate::Stays {
                books.keep(&file);
            } else if books.closed {
                // The end of the session looked for it a moment too early.
                return std::fs::remove_file(&file);
            }
            Ok(())
        });
        let written = written.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| {
            self.forget(path);
            failed(path, &error)
        })
    }

    /// The file is not there any more.
    pub(super) fn forget(&self, path: &Path) {
        self.books.lock().automatic.retain(|file| file != path);
    }

    /// Removes what goes with the session. May be called again, and dropped at any moment.
    ///
    /// # Errors
    /// When a file is still there.
    pub(crate) async fn end(self: &Arc<Self>) -> Result<Ended> {
        self.books.lock().closed = true;
        let this = Arc::clone(self);
        let removing = tokio::task::spawn_blocking(move || this.remove());
        let (files, problem) = removing.await.map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        if let Some(error) = problem {
            return Err(error);
        }
        if let Some(dir) = self.dir.get() {
            dir.remove().await.map_err(|error| {
                Error::new(Code::Internal, format!("the folder {} cannot be removed: {error}", dir.path().display()))
            })?;
        }
        let mut books = self.books.lock();
        let (mut kept, more) = (std::mem::take(&mut books.kept), std::mem::take(&mut books.more_kept));
        if more > 0 {
            kept.push(format!("and {more} more"));
        }
        Ok(Ended { files, kept })
    }

    fn remove(&self) -> (u32, Option<Error>) {
        let files = self.books.lock().automatic.clone();
        let (mut removed, mut problem) = (0, None);
        let mut folders: Vec<&Path> = Vec::new();
        for file in &files {
            match std::fs::remove_file(file) {
                Ok(()) => removed += 1,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => {
                    let message = format!("the file {} cannot be removed: {error}", file.display());
                    problem.get_or_insert(Error::new(Code::Internal, message));
                    continue;
                }
            }
            if let Some(folder) = file.parent().filter(|folder| !folders.contains(folder)) {
                folders.push(folder);
            }
            self.forget(file);
        }
        folders.into_iter().for_each(journal::remove_if_empty);
        (removed, problem)
    }
}

impl Books {
    fn keep(&mut self, path: &Path) {
        let shown = clean_text(&path.display().to_string(), 1_000);
        if self.kept.contains(&shown) {
            return;
        }
        if self.kept.len() < MAX_KEPT { self.kept.push(shown) } else { self.more_kept += 1 }
    }
}

/// Makes sure that the folder Ebb made in a workspace stays out of version control.
pub(super) fn ignored(folder: &Path) -> std::io::Result<()> {
    match disk::create(&folder.join(journal::IGNORE), b"*\n") {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn ended() -> Error {
    Error::new(Code::SessionEnded, "the session is ending").next("Call again to start a new session.")
}

/// A file that could not be written.
fn failed(path: &Path, error: &std::io::Error) -> Error {
    let path = clean_text(&path.display().to_string(), 1_000);
    Error::new(Code::FileDenied, format!("the file {path} cannot be written: {error}"))
        .next("Give another filename, or make room and make the folder writable.")
}
