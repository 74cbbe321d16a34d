//! Reading and writing a client's file: whole or not at all.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use sha2::{Digest, Sha256};

/// A larger file is no settings file; Claude Code keeps more than settings in its own.
pub(super) const MAX_FILE: u64 = 32 * 1024 * 1024;

/// The text of a file; none where there is no file.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    if !path.exists() && fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    crate::config::text_of(path, MAX_FILE).map(Some)
}

/// Stands for a text.
pub(super) fn mark(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    data_encoding::HEXLOWER.encode(&hash.finalize()[..16])
}

/// Writes beside the file first, then in its place. A link is followed, the rights of the file stay.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let rights = fs::metadata(&path).ok().map(|data| data.permissions());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.ebb-{}", std::process::id()));
    // What a writer that was killed left there.
    drop(fs::remove_file(&beside));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let done = options.open(&beside).and_then(|mut file| {
        if let Some(rights) = rights {
            file.set_permissions(rights)?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    });
    if done.is_err() {
        drop(fs::remove_file(&beside));
    }
    done
}
