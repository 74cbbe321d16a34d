//! Changing the file: one key at a time, comments and order kept, whole or not at all.

use std::{fs, io::Write, path::Path};

use ebb_core::{Code, Error, Result, settings::Settings};
use toml_edit::{DocumentMut, Item, Table, Value};

use super::{keys, load::near, read};

/// Writes `text` as the value of `name`: TOML, or a plain text where it is none.
///
/// # Errors
/// `InvalidArguments` for an unknown key or a value that it may not have; `Internal` when the file is no
/// TOML or cannot be written.
pub fn set(path: &Path, name: &str, text: &str) -> Result<()> {
    let key = keys::find(name).ok_or_else(|| unknown(name))?;
    let value: Value = text.parse().unwrap_or_else(|_| Value::from(text));
    key.set(&mut Settings::default(), &value)
        .map_err(|message| Error::new(Code::InvalidArguments, format!("{name}: {message}")))?;
    change(path, name, Some(value))
}

/// Writes the plain `text` of a form as the value of `name`; an empty one takes it out of the file where nothing
/// can be set.
///
/// # Errors
/// As [`set`].
pub fn set_plain(path: &Path, name: &str, text: &str) -> Result<()> {
    let key = keys::find(name).ok_or_else(|| unknown(name))?;
    let Some(value) = key.value_of(text) else { return unset(path, name) };
    key.set(&mut Settings::default(), &value)
        .map_err(|message| Error::new(Code::InvalidArguments, format!("{name}: {message}")))?;
    change(path, name, Some(value))
}

/// Takes every setting that Ebb knows out of the file; comments and what Ebb does not know stay.
///
/// # Errors
/// As [`set`].
pub fn reset(path: &Path) -> Result<u32> {
    let set = super::load(path).set;
    for name in &set {
        change(path, name, None)?;
    }
    Ok(set.len() as u32)
}

/// Takes `name` out of the file, so that its default holds. One that is not there is no error.
///
/// # Errors
/// As [`set`].
pub fn unset(path: &Path, name: &str) -> Result<()> {
    keys::find(name).ok_or_else(|| unknown(name))?;
    change(path, name, None)
}

fn change(path: &Path, name: &str, value: Option<Value>) -> Result<()> {
    let failed = |why: String| {
        Error::new(Code::Internal, format!("{} cannot be changed: {why}", path.display()))
            .next("`ebb config check` says what is wrong with the file")
    };
    let text = read::text(path).map_err(failed)?;
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| failed(error.message().to_owned()))?;
    let (section, key) = name.split_once('.').unwrap_or((name, ""));
    match value {
        Some(value) => {
            let table = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
            let table = table.as_table_like_mut().ok_or_else(|| failed(format!("{section} is no section there")))?;
            // What stands behind the value, a comment for example, stays.
            match table.get_mut(key).and_then(Item::as_value_mut) {
                Some(old) => {
                    let decor = old.decor().clone();
                    *old = value;
                    *old.decor_mut() = decor;
                }
                None => drop(table.insert(key, Item::Value(value))),
            }
        }
        None => {
            if let Some(table) = document.get_mut(section).and_then(Item::as_table_like_mut) {
                table.remove(key);
            }
        }
    }
    write(path, &document.to_string()).map_err(|error| failed(error.to_string()))
}

/// Beside the file first, then in its place.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    // A link is followed: its target is what the user keeps.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let beside = path.with_extension(format!("toml.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    // It may hold a password.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(&beside).and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    let done = written.and_then(|()| fs::rename(&beside, &path));
    if done.is_err() {
        drop(fs::remove_file(&beside));
    }
    done
}

fn unknown(name: &str) -> Error {
    let name = ebb_core::sessions::clean_text(name, 80);
    let hint = near(&name).map_or_else(
        || "`ebb config list` names all settings".to_owned(),
        |near| format!("did you mean {near}? `ebb config list` names all settings"),
    );
    Error::new(Code::InvalidArguments, format!("no setting is called {name}")).next(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[test]
    fn a_key_is_changed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ebb/config.toml");
        set(&path, "sessions.max", "12").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[sessions]\nmax = 12\n");
        fs::write(&path, "# mine\n[sessions]\nmax = 12 # a dozen\n\n# more\n[cursors]\nttl_minutes = 3\n").unwrap();
        set(&path, "sessions.max", "13").unwrap();
        set(&path, "cursors.store", "sqlite").unwrap();
        set(&path, "log.level", "\"debug\"").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with(
                "# mine\n[sessions]\nmax = 13 # a dozen\n\n# more\n[cursors]\nttl_minutes = 3\nstore = \"sqlite\"\n"
            ),
            "{text}"
        );
        unset(&path, "cursors.store").unwrap();
        unset(&path, "browser.headed").unwrap();
        let loaded = load(&path);
        assert_eq!((loaded.problems.len(), loaded.settings.sessions.max_sessions), (0, 13));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no file beside it");
    }

    #[test]
    fn what_is_wrong_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for (name, value) in
            [("sessions.max", "0"), ("sessions.max", "many"), ("nothing", "1"), ("cursors.store", "mysql")]
        {
            assert_eq!(set(&path, name, value).unwrap_err().code, Code::InvalidArguments, "{name} {value}");
        }
        assert!(!path.exists());
        fs::write(&path, "[broken").unwrap();
        assert_eq!(set(&path, "sessions.max", "3").unwrap_err().code, Code::Internal);
        assert_eq!(fs::read_to_string(&path).unwrap(), "[broken");
    }
}
