//! [`ClientFiles`]: what is set up, and every way to change it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    backup::{Backup, Backups},
    diff, disk,
    entry::{Entry, NAME},
    jsonc::{self, Refusal},
    known::{KNOWN, Known, Shape, find},
    place::Folders,
    toml,
    view::{Act, PlanView, SetupState, SetupView},
};
use crate::paths::Environment;
use ebb_core::{Code, Error, Result};

/// The files of this user's clients.
#[derive(Debug, Clone)]
pub struct ClientFiles {
    folders: Folders,
    /// Where backups are.
    data_dir: PathBuf,
    /// The program that clients are pointed at.
    ebb: PathBuf,
}

impl ClientFiles {
    /// Those of the user of `environment`; backups go below `data_dir`, and clients are pointed at `ebb`.
    ///
    /// # Errors
    /// Where the home directory is not known.
    pub fn new(environment: &Environment, data_dir: &Path, ebb: &Path) -> Result<Self> {
        Ok(Self { folders: Folders::of(environment)?, data_dir: data_dir.to_path_buf(), ebb: ebb.to_path_buf() })
    }

    /// Every client that is known, the installed ones first. `connected` are the names of those that are here.
    #[must_use]
    pub fn list(&self, connected: &[String]) -> Vec<SetupView> {
        let mut all: Vec<SetupView> = KNOWN.iter().map(|known| self.look(known, connected)).collect();
        all.sort_by_key(|view| view.state == SetupState::NotInstalled);
        all
    }

    fn look(&self, known: &Known, connected: &[String]) -> SetupView {
        let file = self.folders.file(known);
        let ebb = self.ebb.to_string_lossy();
        let connected = connected.iter().filter(|name| known.is(name)).count() as u32;
        let text = disk::read(&file);
        let found = match &text {
            Ok(text) => entry_in(known.shape, text.as_deref().unwrap_or_default()),
            Err(why) => Err(why.clone()),
        };
        let (state, problem) = match &found {
            Err(why) => (SetupState::Unreadable, Some(sentence(why))),
            Ok(Some(entry)) => match entry.problem(&ebb) {
                Some(problem) => (SetupState::Repair, Some(problem)),
                None => (SetupState::SetUp, None),
            },
            Ok(None) if self.folders.has(known) || connected > 0 => (SetupState::NotSetUp, None),
            Ok(None) => (SetupState::NotInstalled, None),
        };
        let now = text.as_ref().ok().and_then(Option::as_deref);
        let (snippet, snippet_for) = snippet(known, &ebb, &file);
        SetupView {
            id: known.id.to_owned(),
            name: known.name.to_owned(),
            state,
            problem,
            command: found.ok().flatten().map(|entry| ebb_core::sessions::clean_text(&entry.command, 400)),
            connected,
            can_undo: Backups::of(&self.data_dir, known.id).usable(&file, now).is_some(),
            file: file.display().to_string(),
            snippet,
            snippet_for,
            then: known.then.to_owned(),
        }
    }

    /// The change that `act` would be; nothing is written.
    ///
    /// # Errors
    /// An unknown client, and a file that cannot be read.
    pub fn plan(&self, client: &str, act: Act) -> Result<PlanView> {
        Ok(self.change_of(client, act)?.view)
    }

    /// Makes the change that was shown as `mark`, after a backup. Answers how the client is set up then.
    ///
    /// # Errors
    /// Those of [`Self::plan`], a file that changed since, and one that cannot be written.
    pub fn change(&self, client: &str, act: Act, mark: &str) -> Result<SetupView> {
        let change = self.change_of(client, act)?;
        if change.view.mark != mark {
            return Err(Error::new(Code::InvalidArguments, format!("{} changed since you looked", change.view.file))
                .next("Look at the change again"));
        }
        let known = change.known;
        if !change.view.diff.is_empty() {
            let backup =
                Backup { file: change.file.clone(), before: change.before, after: disk::mark(&[&change.after]) };
            Backups::of(&self.data_dir, known.id).keep(&backup).map_err(|error| {
                Error::new(Code::Internal, format!("the backup cannot be written: {error}; nothing was changed"))
                    .next("Free some space, or look at the rights of Ebb's data folder")
            })?;
            disk::write(&change.file, &change.after).map_err(|error| unwritable(&change.file, &error))?;
        }
        Ok(self.look(known, &[]))
    }

    /// Puts the file back as it was before Ebb's last change.
    ///
    /// # Errors
    /// When there is nothing to take back, or the file was changed by somebody else since.
    pub fn undo(&self, client: &str) -> Result<SetupView> {
        let known = find(client).ok_or_else(|| unknown(client))?;
        let file = self.folders.file(known);
        let now = disk::read(&file).map_err(|why| unreadable(&file, &why))?;
        let backups = Backups::of(&self.data_dir, known.id);
        let Some((backup, kept)) = backups.usable(&file, now.as_deref()) else {
            let (message, next) = match backups.last() {
                Some(_) => (
                    format!("{} was changed since, so it is not put back", file.display()),
                    format!("Take only Ebb out of it: `ebb clients remove {}`", known.id),
                ),
                None => (
                    format!("there is no change of {} to take back", known.name),
                    format!("`ebb clients show {}` says how it is set up", known.id),
                ),
            };
            return Err(Error::new(Code::InvalidArguments, message).next(next));
        };
        match &backup.before {
            Some(before) => disk::write(&file, before),
            None => fs::remove_file(&file),
        }
        .map_err(|error| unwritable(&file, &error))?;
        drop(fs::remove_file(kept));
        Ok(self.look(known, &[]))
    }

    fn change_of(&self, client: &str, act: Act) -> Result<Change> {
        let known = find(client).ok_or_else(|| unknown(client))?;
        let ebb = self.ebb.to_str().filter(|_| self.ebb.is_absolute()).ok_or_else(|| {
            Error::new(Code::Internal, "where ebb itself is cannot be told")
                .next("Start Ebb from an installed program whose path is plain text")
        })?;
        let file = self.folders.file(known);
        let before = disk::read(&file).map_err(|why| unreadable(&file, &why))?;
        let text = before.as_deref().unwrap_or_default();
        let after = match (known.shape, act) {
            (Shape::Codex, Act::Add) => toml::add(text, ebb),
            (Shape::Codex, Act::Remove) => toml::remove(text),
            (shape, Act::Add) => jsonc::add(shape, text, ebb),
            (shape, Act::Remove) => jsonc::remove(shape, text),
        }
        .map_err(|why| unreadable(&file, &why))?;
        let view = PlanView {
            client: known.id.to_owned(),
            act,
            file: file.display().to_string(),
            creates: before.is_none() && act == Act::Add,
            diff: if after == text { Vec::new() } else { diff::lines(text, &after) },
            mark: disk::mark(&[&file.to_string_lossy(), before.as_deref().unwrap_or("\0none"), &after]),
        };
        Ok(Change { known, file, before, after, view })
    }
}

struct Change {
    known: &'static Known,
    file: PathBuf,
    before: Option<String>,
    after: String,
    view: PlanView,
}

fn entry_in(shape: Shape, text: &str) -> Result<Option<Entry>, Refusal> {
    match shape {
        Shape::Codex => toml::find(text),
        shape => jsonc::find(shape, text),
    }
}

/// What to paste, and where.
fn snippet(known: &Known, ebb: &str, file: &Path) -> (String, String) {
    if known.id == "claude-code" {
        return (
            format!("claude mcp add --scope user {NAME} -- {} connect", shell(ebb)),
            "Run in a terminal".to_owned(),
        );
    }
    let place = format!("Put into {}", file.display());
    if known.shape == Shape::Codex {
        return (toml::add("", ebb).unwrap_or_default().trim_end().to_owned(), place);
    }
    (jsonc::add(known.shape, "", ebb).unwrap_or_default().trim_end().to_owned(), place)
}

/// One word of a shell.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_+=:,./-".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn unknown(client: &str) -> Error {
    let names: Vec<&str> = KNOWN.iter().map(|known| known.id).collect();
    let shown = ebb_core::sessions::clean_text(client, 60);
    Error::new(Code::InvalidArguments, format!("no client is called {shown}"))
        .next(format!("Use one of {}", names.join(", ")))
}

/// `line 14: expected comma` as a sentence.
fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn unreadable(file: &Path, why: &str) -> Error {
    Error::new(Code::InvalidArguments, format!("{} cannot be used: {why}", file.display()))
        .next("Mend the file, or copy the configuration and put it in by hand")
}

fn unwritable(file: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Internal, format!("{} cannot be written: {error}", file.display()))
        .next("Look at the rights of the file and its folder")
}
