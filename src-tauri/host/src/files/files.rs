//! What a tool does with files: read one that the agent named, write one it named or one it did not.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use ebb_core::{Code, Error, sessions::clean_text};
use parking_lot::Mutex;

use super::{
    Held, disk,
    held::{Fate, ignored},
    inside, names,
};
use crate::options::{ClientOptions, FilePaths};

/// Characters of a path in an error.
const MAX_SHOWN: usize = 1_000;

/// Files in the output folder that are looked at for its size.
const MAX_LISTED: usize = 50_000;

/// Where files go that nobody named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// A folder that somebody chose: what is written there stays.
    Chosen(PathBuf),
    /// Ebb's own in the workspace: what is written there without a name goes with the session.
    Workspace(PathBuf),
    /// The session's own: everything in it goes.
    Session(PathBuf),
}

impl Output {
    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::Chosen(folder) | Self::Workspace(folder) | Self::Session(folder) => folder,
        }
    }
}

/// Where a file will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    path: PathBuf,
    automatic: bool,
}

impl Place {
    /// Its absolute path, links resolved.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The files of one call: the workspace W and output folder O of its session.
#[derive(Debug)]
pub(crate) struct Files {
    held: Arc<Held>,
    /// What relative names begin at.
    base: Option<PathBuf>,
    /// Whether the base is a root.
    is_root: bool,
    output: Output,
    max_size: Option<u64>,
    absolute: bool,
    unrestricted: bool,
    /// What this call wrote.
    written: Mutex<Vec<PathBuf>>,
}

impl Files {
    pub(super) fn new(
        held: Arc<Held>,
        options: &ClientOptions,
        base: Option<PathBuf>,
        is_root: bool,
        output: Output,
    ) -> Self {
        Self {
            held,
            base,
            is_root,
            output,
            max_size: options.output.max_size,
            absolute: options.output.file_paths == FilePaths::Absolute,
            unrestricted: options.unrestricted_files,
            written: Mutex::default(),
        }
    }

    /// A file to read: inside W or O once links are resolved, and a regular file.
    ///
    /// # Errors
    /// [`Code::FileDenied`].
    pub(crate) fn existing(&self, given: &str) -> Result<PathBuf, Error> {
        let whole = self.whole(given)?;
        let real = whole.canonicalize().map_err(|error| {
            // Whether a file outside exists is nobody's business.
            let inside = self.allows(&whole) && !given.contains("..");
            if inside { unusable(given, &error.to_string()) } else { self.denied(given) }
        })?;
        if !self.allows(&real) {
            return Err(self.denied(given));
        }
        match real.metadata() {
            Ok(meta) if meta.is_file() => Ok(real),
            Ok(_) => Err(unusable(given, "it is not a regular file")),
            Err(error) => Err(unusable(given, &error.to_string())),
        }
    }

    /// Where a file that the agent named is written: against W, and in W or O once links are resolved.
    ///
    /// # Errors
    /// [`Code::FileDenied`].
    pub(crate) fn named(&self, given: &str) -> Result<Place, Error> {
        let whole = self.whole(given)?;
        let path = inside::destination(&whole).map_err(|error| {
            let inside = self.allows(&whole) && !given.contains("..");
            if inside { unusable(given, &error.to_string()) } else { self.denied(given) }
        })?;
        if !self.allows(&path) {
            return Err(self.denied(given));
        }
        match path.symlink_metadata() {
            Ok(meta) if !meta.is_file() => Err(unusable(given, "it is not a regular file")),
            _ => Ok(Place { path, automatic: false }),
        }
    }

    /// A place in O for a file that nobody named: `page-2026-01-01T00-00-00-000Z.yml`.
    ///
    /// # Errors
    /// None today; as [`Self::named`] so that callers need not care.
    #[expect(clippy::unnecessary_wraps, reason = "callers treat it like a named place")]
    pub(crate) fn automatic(&self, prefix: &str, extension: &str) -> Result<Place, Error> {
        let path = self.output.folder().join(names::automatic(prefix, extension));
        Ok(Place { path, automatic: true })
    }

    /// [`Self::named`] where a name was given, else [`Self::automatic`].
    ///
    /// # Errors
    /// As those.
    pub(crate) fn place(&self, given: Option<&str>, prefix: &str, extension: &str) -> Result<Place, Error> {
        match given.filter(|given| !given.is_empty()) {
            Some(given) => self.named(given),
            None => self.automatic(prefix, extension),
        }
    }

    /// Writes the whole file: an automatic one anew, a named one in place of what was there.
    ///
    /// # Errors
    /// The session is ending, or the file cannot be written.
    pub(crate) async fn write(&self, place: &Place, bytes: &[u8]) -> Result<(), Error> {
        let (path, bytes) = (place.path.clone(), bytes.to_vec());
        let own = self.own_folder_of(&place.path);
        let automatic = place.automatic;
        let work = move || {
            if let Some(own) = own {
                ignored(&own)?;
            }
            if automatic { disk::create(&path, &bytes) } else { disk::replace(&path, &bytes) }
        };
        self.held.make(&place.path, self.fate(&place.path, automatic), work).await?;
        self.wrote(&place.path).await;
        Ok(())
    }

    /// Adds to a file that [`Self::write`] made.
    ///
    /// # Errors
    /// The file is gone, or cannot be written.
    pub(crate) async fn append(&self, place: &Place, bytes: &[u8]) -> Result<(), Error> {
        let (path, bytes) = (place.path.clone(), bytes.to_vec());
        let appended = tokio::task::spawn_blocking(move || disk::append(&path, &bytes)).await;
        let appended = appended.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        appended.map_err(|error| unusable(&place.path.display().to_string(), &error.to_string()))
    }

    /// Where a session is written down: a file of this name in a folder of its own in O, which stays.
    pub(crate) fn record(&self, prefix: &str, name: &str) -> Place {
        let folder = names::automatic(prefix, "");
        let path = self.output.folder().join(folder.trim_end_matches('.')).join(name);
        Place { path, automatic: false }
    }

    /// Takes in a file that a browser downloaded, under a name that a page asked for; it stays. Gives where it
    /// is.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) async fn take(&self, from: &Path, wanted: &str) -> Result<Place, Error> {
        let name = names::safe(wanted);
        let folder = self.output.folder().to_owned();
        for number in 1..=MAX_SAME_NAME {
            let path = folder.join(names::numbered(&name, number));
            if path.symlink_metadata().is_ok() {
                continue;
            }
            let (source, to, own) = (from.to_owned(), path.clone(), self.own_folder_of(&path));
            let work = move || {
                if let Some(own) = own {
                    ignored(&own)?;
                }
                disk::bring(&source, &to)
            };
            let fate = if matches!(self.output, Output::Session(_)) { Fate::GoesWithDir } else { Fate::Stays };
            match self.held.make(&path, fate, work).await {
                // Somebody else was faster with this name.
                Err(_) if from.exists() && path.symlink_metadata().is_ok() => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    self.wrote(&path).await;
                    return Ok(Place { path, automatic: false });
                }
            }
        }
        let message = format!("{MAX_SAME_NAME} files of the name {name} are there already");
        Err(Error::new(Code::LimitReached, message).next("Remove some of them."))
    }

    /// How answers name it: from W, bare names with `./`; outside W, or by option, from the root.
    pub(crate) fn shown(&self, place: &Place) -> String {
        let from_base = self.base.as_ref().and_then(|base| place.path.strip_prefix(base).ok());
        match from_base.filter(|_| !self.absolute) {
            Some(path) if path.components().count() == 1 => format!("./{}", path.display()),
            Some(path) => path.display().to_string(),
            None => place.path.display().to_string(),
        }
    }

    /// `- [Label](./x.png)`.
    pub(crate) fn link(&self, label: &str, place: &Place) -> String {
        format!("- [{label}]({})", self.shown(place))
    }

    fn whole(&self, given: &str) -> Result<PathBuf, Error> {
        if given.is_empty() || given.contains('\0') || given.len() > 4_096 {
            return Err(unusable(given, "it is no file name"));
        }
        let path = Path::new(given);
        // Where the workspace takes no files, bare names mean the output folder.
        let base = self.base.as_deref().filter(|_| self.is_root || self.unrestricted);
        Ok(if path.is_absolute() { path.to_owned() } else { base.unwrap_or(self.output.folder()).join(path) })
    }

    fn allows(&self, path: &Path) -> bool {
        let in_workspace = || self.is_root && self.base.as_ref().is_some_and(|base| path.starts_with(base));
        self.unrestricted || path.starts_with(self.output.folder()) || in_workspace()
    }

    fn denied(&self, given: &str) -> Error {
        let mut roots = vec![self.output.folder().display().to_string()];
        roots.extend(self.base.as_ref().filter(|_| self.is_root).map(|base| base.display().to_string()));
        let given = clean_text(given, MAX_SHOWN);
        let roots = roots.join(", ");
        let message = format!("File access denied: {given} is outside allowed roots. Allowed roots: {roots}");
        Error::new(Code::FileDenied, message).next("Use a path inside one of these folders.")
    }

    fn fate(&self, path: &Path, automatic: bool) -> Fate {
        match &self.output {
            Output::Session(folder) if path.starts_with(folder) => Fate::GoesWithDir,
            Output::Workspace(_) if automatic => Fate::Goes,
            _ => Fate::Stays,
        }
    }

    /// Ebb's own folder in the workspace, where `path` is in it.
    fn own_folder_of(&self, path: &Path) -> Option<PathBuf> {
        match &self.output {
            Output::Workspace(folder) if path.starts_with(folder) => Some(folder.clone()),
            _ => None,
        }
    }

    /// After a write: the output folder has a size, and the oldest files make room.
    async fn wrote(&self, path: &Path) {
        self.written.lock().push(path.to_owned());
        let Some(max) = self.max_size else { return };
        let (folder, written) = (self.output.folder().to_owned(), self.written.lock().clone());
        let removed = tokio::task::spawn_blocking(move || make_room(&folder, max, &written)).await.unwrap_or_default();
        for path in &removed {
            self.held.forget(path);
        }
    }
}

/// Files of one name that are told apart by a number.
const MAX_SAME_NAME: u32 = 1_000;

/// Removes the oldest files that Ebb named in `folder` until all of those take at most `max` bytes; never one
/// of `written`, and never a file that somebody else put there.
fn make_room(folder: &Path, max: u64, written: &[PathBuf]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(MAX_LISTED).filter_map(Result::ok);
    let ours = entries
        .filter(|entry| written.contains(&entry.path()) || entry.file_name().to_str().is_some_and(names::is_automatic));
    let mut files: Vec<(SystemTime, u64, PathBuf)> = ours
        .filter_map(|entry| {
            let meta = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((meta.modified().ok()?, meta.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
    let mut removed = Vec::new();
    for (_, size, path) in files {
        if total <= max {
            break;
        }
        if !written.contains(&path) && std::fs::remove_file(&path).is_ok() {
            total -= size;
            removed.push(path);
        }
    }
    removed
}

fn unusable(given: &str, why: &str) -> Error {
    Error::new(Code::FileDenied, format!("{}: {why}", clean_text(given, MAX_SHOWN))).next("Check the path.")
}
