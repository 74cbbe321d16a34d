//! What a session wrote outside its run directory and must take along: written down in the run directory,
//! so that whoever cleans up after a dead host finds it.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

/// The name of the journal in a run directory.
const NAME: &str = "outside.json";
/// Bytes of a journal that are read.
const MAX: u64 = 16 * 1024 * 1024;
/// The folder that Ebb makes in a workspace.
pub(super) const FOLDER: &str = ".ebb";
/// What keeps that folder out of version control.
pub(super) const IGNORE: &str = ".gitignore";

/// Writes down that `file` goes with the run directory `dir`. Before the file is made.
pub(super) fn note(dir: &Path, file: &Path) -> io::Result<()> {
    let mut line = serde_json::to_vec(file)?;
    line.push(b'\n');
    // In one piece: a host can be killed at any moment.
    OpenOptions::new().create(true).append(true).open(dir.join(NAME))?.write_all(&line)
}

/// Removes what the journal of the run directory `dir` names. What is not there any more is no error.
pub(crate) fn remove_noted(dir: &Path) {
    let Ok(journal) = fs::File::open(dir.join(NAME)) else { return };
    let mut folders: Vec<PathBuf> = Vec::new();
    for line in BufReader::new(journal.take(MAX)).lines().map_while(Result::ok) {
        let Ok(file) = serde_json::from_str::<PathBuf>(&line) else { continue };
        // Never what anybody else could have put there.
        let ours = file.is_absolute()
            && file.file_name().and_then(|name| name.to_str()).is_some_and(super::names::is_automatic);
        if !ours {
            continue;
        }
        drop(fs::remove_file(&file));
        if let Some(folder) = file.parent().filter(|folder| !folders.iter().any(|known| known == folder)) {
            folders.push(folder.to_owned());
        }
    }
    for folder in &folders {
        remove_if_empty(folder);
    }
}

/// Removes the folder that Ebb made in a workspace, if nothing but its own `.gitignore` is in it.
pub(super) fn remove_if_empty(folder: &Path) {
    if folder.file_name().is_none_or(|name| name != FOLDER) {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    let names: Vec<_> = entries.take(2).filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    let ignore = folder.join(IGNORE);
    let is_ours = || {
        fs::metadata(&ignore).is_ok_and(|meta| meta.len() <= 2) && fs::read(&ignore).is_ok_and(|text| text == b"*\n")
    };
    match names.as_slice() {
        [] => {}
        [only] if only == IGNORE && is_ours() => drop(fs::remove_file(&ignore)),
        _ => return,
    }
    // A file that came in between keeps it.
    drop(fs::remove_dir(folder));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_hosts_files_go_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let (dir, folder) = (base.path().join("f-dead"), base.path().join(".ebb"));
        fs::create_dir(&dir).unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(IGNORE), "*\n").unwrap();
        let (ours, theirs) = (folder.join(super::super::names::automatic("page", "yml")), folder.join("named.yml"));
        for file in [&ours, &theirs] {
            fs::write(file, "x").unwrap();
            note(&dir, file).unwrap();
        }
        note(&dir, Path::new("/etc/passwd")).unwrap();
        note(&dir, &folder.join("page-2026-01-01T00-00-00-000Z.yml")).unwrap();
        remove_noted(&dir);
        assert!(!ours.exists() && theirs.exists() && Path::new("/etc/passwd").exists());
        fs::remove_file(&theirs).unwrap();
        remove_noted(&dir);
        assert!(!folder.exists(), "an empty folder goes");
        remove_noted(base.path());
    }
}
