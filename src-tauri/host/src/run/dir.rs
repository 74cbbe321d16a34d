//! Making, marking and removing run directories.

use std::{
    collections::{HashSet, VecDeque},
    fmt, fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use ebb_core::{Code, Error, Result, ids::InstanceId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;

use super::{Guardian, end, processes, remove_tree};
use crate::transport::proc::{self, ProcessKey};

/// The file that says whose a run directory is.
pub(super) const MARKER: &str = "owner.json";
/// The file that says which process group belongs to it.
const LEADER: &str = "group.json";
/// How long the last writers of a directory may keep it from being removed.
const REMOVAL: Duration = Duration::from_secs(1);
/// Removed directories that are remembered, for processes that still say they belong to one.
const PAST: usize = 256;

/// Who made a run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The host's process.
    pub(crate) pid: u32,
    /// Its start time: process ids are used again.
    pub(crate) start_time: u64,
    /// The host's run.
    pub(crate) instance: InstanceId,
}

impl Marker {
    /// The mark of this process.
    pub(crate) fn of_this_process(instance: &InstanceId) -> Self {
        let pid = std::process::id();
        Self { pid, start_time: proc::key(pid).map_or(0, |key| key.start_time), instance: instance.clone() }
    }

    /// Whether the process that made the mark still lives.
    pub(super) fn is_alive(&self) -> bool {
        proc::lives(ProcessKey { pid: self.pid, start_time: self.start_time })
    }

    /// The mark on a directory, if it has one.
    pub(super) fn on(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.join(MARKER)).ok()?).ok()
    }
}

/// The leader of the process group that was started in a directory.
pub(super) fn leader_of(dir: &Path) -> Option<ProcessKey> {
    serde_json::from_slice(&fs::read(dir.join(LEADER)).ok()?).ok()
}

/// The run directories of one host.
pub(crate) struct RunDirs {
    base: PathBuf,
    marker: Marker,
    guardian: Arc<Guardian>,
    books: Mutex<Books>,
    strayed: OnceLock<Strayed>,
    tasks: TaskTracker,
}

/// Told that a directory lost its owner.
type Strayed = Box<dyn Fn() + Send + Sync>;

impl fmt::Debug for RunDirs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunDirs").field("base", &self.base).field("books", &self.books).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Books {
    /// In use.
    live: HashSet<PathBuf>,
    past: VecDeque<PathBuf>,
}

impl RunDirs {
    /// The directories below `base` of the host `instance`; makes none yet.
    pub(crate) fn new(base: PathBuf, instance: &InstanceId, guardian: Arc<Guardian>) -> Arc<Self> {
        let marker = Marker::of_this_process(instance);
        Arc::new(Self {
            base,
            marker,
            guardian,
            books: Mutex::default(),
            strayed: OnceLock::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Directories that are being made whoever wanted them.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// `strayed` is told when a directory loses its owner without being removed: then a census must come. Once,
    /// when the host is composed.
    pub(crate) fn on_stray(&self, strayed: impl Fn() + Send + Sync + 'static) {
        drop(self.strayed.set(Box::new(strayed)));
    }

    /// Makes one with `folders` in it, marked before anything else is written into it, and known to the
    /// guardian before anything can be started in it. `kind` is the first letter of its name: `b` for a
    /// browser, `c` for cursors.
    ///
    /// # Errors
    /// [`Code::BrowserFailed`], or [`Code::StoreUnavailable`] for cursors, when the folder cannot be written.
    pub(crate) async fn create(self: &Arc<Self>, kind: char, folders: &[&str]) -> Result<RunDir> {
        let id = InstanceId::new();
        // Short on purpose: socket names below it may have 108 bytes at most.
        let path = self.base.join(format!("{kind}-{}", &id.as_str()[4..14]));
        self.books.lock().live.insert(path.clone());
        // From here on it is removed, or found by the census, whatever happens.
        let dir = RunDir { path, dirs: Arc::clone(self) };
        let made = self.make(&dir.path, folders);
        if let Err(error) = made {
            drop(fs::remove_dir_all(&dir.path));
            let code = if kind == 'b' { Code::BrowserFailed } else { Code::StoreUnavailable };
            let message = format!("the folder {} cannot be written: {error}", self.base.display());
            return Err(Error::new(code, message)
                .next("Make room and make it writable, or choose another one with --data-dir."));
        }
        self.guardian.register(&dir.path).await;
        Ok(dir)
    }

    fn make(&self, path: &Path, folders: &[&str]) -> std::io::Result<()> {
        private_dir(&self.base)?;
        private_dir(path)?;
        let text = serde_json::to_vec(&self.marker)?;
        fs::File::create_new(path.join(MARKER))?.write_all(&text)?;
        folders.iter().try_for_each(|folder| private_dir(&path.join(folder)))
    }

    /// Directories that nobody uses or whose host is dead, with the processes that still belong to them;
    /// also processes that belong to a directory of ours which is gone. Blocks for one look at all
    /// processes.
    pub(crate) fn strays(&self) -> Vec<PathBuf> {
        let there = fs::read_dir(&self.base).into_iter().flatten();
        let there: Vec<PathBuf> = there.filter_map(|entry| Some(entry.ok()?.path())).collect();
        let claimed = processes::users_below(&self.base);
        let books = self.books.lock();
        let mut strays: Vec<PathBuf> = there
            .into_iter()
            .filter(|path| path.is_dir() && !books.live.contains(path))
            .filter(|path| Marker::on(path).is_none_or(|marker| marker == self.marker || !marker.is_alive()))
            .collect();
        for user in claimed {
            let past = books.past.iter().find(|path| user.claim.starts_with(path));
            if let Some(path) = past.filter(|path| !strays.contains(path)) {
                strays.push(path.clone());
            }
        }
        strays
    }

    /// Ends what belongs to a stray directory and removes it. Blocks for up to two seconds.
    ///
    /// # Errors
    /// [`Code::Internal`] with the reason when it is still there.
    pub(crate) fn remove_stray(&self, path: &Path) -> Result<u32> {
        if self.books.lock().live.contains(path) || path.parent() != Some(&self.base) {
            return Ok(0);
        }
        let ended = end(&self.base, &[path.to_path_buf()], REMOVAL);
        if let Some((path, why)) = ended.failed.first() {
            let message = format!("the folder {} cannot be removed: {why}", path.display());
            return Err(Error::new(Code::Internal, message));
        }
        self.guardian.forget(path);
        Ok(u32::try_from(ended.directories).unwrap_or(u32::MAX))
    }

    /// Has the guardian show a sign of life, or be replaced.
    pub(crate) fn check_guardian(&self) {
        self.guardian.check();
    }

    /// The directory has no owner any more; whether it had one until now.
    fn retire(&self, path: &Path) -> bool {
        let mut books = self.books.lock();
        let owned = books.live.remove(path);
        if owned {
            books.past.truncate(PAST - 1);
            books.past.push_front(path.to_path_buf());
        }
        owned
    }
}

/// One run directory. Removed by [`RunDir::remove`]; dropped without it, or when removing failed, it is
/// found by the census.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    dirs: Arc<RunDirs>,
}

impl RunDir {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down which process group belongs to it, so that all of it can be ended by whoever comes
    /// after this host. What starts before that is found by its command line.
    pub(crate) fn record_group(&self, leader: u32) {
        let Some(text) = proc::key(leader).and_then(|key| serde_json::to_vec(&key).ok()) else { return };
        if let Err(error) = fs::write(self.path.join(LEADER), text) {
            tracing::warn!(path = %self.path.display(), %error, "a run directory does not know its process group");
        }
    }

    /// Ends what still belongs to it and removes it with everything in it.
    ///
    /// # Errors
    /// When it is still there; from then on it is a stray.
    pub(crate) async fn remove(&self) -> std::io::Result<()> {
        let (base, path) = (self.dirs.base.clone(), self.path.clone());
        let work = move || -> std::io::Result<()> {
            // Mostly nothing is left, and then it is one call.
            if fs::remove_dir_all(&path).is_ok() || !path.exists() {
                return Ok(());
            }
            end(&base, std::slice::from_ref(&path), REMOVAL);
            remove_tree(&path, Duration::ZERO)
        };
        let removed = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        self.dirs.retire(&self.path);
        if removed.is_ok() {
            self.dirs.guardian.forget(&self.path);
        }
        removed
    }

    /// The same for a directory in which no process runs, without a runtime. Blocks.
    ///
    /// # Errors
    /// When it is still there; from then on it is a stray.
    pub(crate) fn remove_now(&self) -> std::io::Result<()> {
        let removed = match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        self.dirs.retire(&self.path);
        if removed.is_ok() {
            self.dirs.guardian.forget(&self.path);
        }
        removed
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if self.dirs.retire(&self.path)
            && let Some(strayed) = self.dirs.strayed.get()
        {
            strayed();
        }
    }
}

/// Makes a directory that only its owner may enter.
pub(super) fn private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
