//! The text of a settings file, whatever is in its place.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Read},
    path::Path,
};

/// A larger file is no settings file.
pub(super) const MAX_FILE: u64 = 1024 * 1024;

/// Reads the file at `path`; one that is not there is as good as an empty one. Never waits: a pipe or a device
/// in its place is refused.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) fn text(path: &Path) -> Result<String, String> {
    text_of(path, MAX_FILE)
}

/// The same of a file that may have `max` bytes.
///
/// # Errors
/// Those of [`text`].
pub(crate) fn text_of(path: &Path, max: u64) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read ({error})");
    let mut options = OpenOptions::new();
    options.read(true);
    // A pipe that nobody writes to must not hold up a start.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(unreadable(error)),
    };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err("it cannot be read (it is not a regular file)".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max {
        return Err(format!("it is larger than {} MB", max / (1024 * 1024)));
    }
    String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn f70_only_a_regular_file_of_a_sensible_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(text(&at("missing")).as_deref(), Ok(""));
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        symlink("pipe", at("link")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
        for name in ["pipe", "device", "link"] {
            assert_eq!(text(&at(name)), Err("it cannot be read (it is not a regular file)".to_owned()), "{name}");
        }
        assert!(text(&at("socket")).is_err() && text(folder.path()).is_err());
        fs::write(at("huge"), vec![b'#'; MAX_FILE as usize + 1]).unwrap();
        assert_eq!(text(&at("huge")), Err("it is larger than 1 MB".to_owned()));
        fs::write(at("bytes"), [0xff, 0xfe]).unwrap();
        assert!(text(&at("bytes")).is_err());
        fs::write(at("good"), "a = 1\n").unwrap();
        symlink("good", at("alias")).unwrap();
        assert_eq!(text(&at("alias")).as_deref(), Ok("a = 1\n"));
    }
}
