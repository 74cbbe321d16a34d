//! Whether a path lies where its client may read and write, with every link in it resolved.

use std::{
    ffi::OsString,
    io::{Error, ErrorKind, Result},
    path::{Component, Path, PathBuf},
};

/// Where writing to `path` would really write: links resolved, as far as the path is there. What is not
/// there yet must be plain names.
pub(super) fn destination(path: &Path) -> Result<PathBuf> {
    let unusable = || Error::new(ErrorKind::InvalidInput, "it names no file");
    let name = match path.components().next_back() {
        // `Path` forgets a slash at the end, and with it what was meant.
        Some(Component::Normal(name)) if !ends_with_slash(path) => name.to_owned(),
        _ => return Err(unusable()),
    };
    let parent = path.parent().ok_or_else(unusable)?;
    let whole = self::folder(parent)?.join(name);
    match whole.symlink_metadata() {
        // A link that leads nowhere would be made to lead somewhere.
        Ok(meta) if meta.is_symlink() => whole.canonicalize(),
        Ok(_) => Ok(whole),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(whole),
        Err(error) => Err(error),
    }
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// The real path of a folder that need not be there as a whole.
pub(super) fn folder(folder: &Path) -> Result<PathBuf> {
    let mut there = folder;
    let mut missing: Vec<OsString> = Vec::new();
    loop {
        match there.canonicalize() {
            Ok(real) => {
                return Ok(missing.into_iter().rev().fold(real, |path, name| path.join(name)));
            }
            // A dangling link is there, however little it leads to.
            Err(error) if error.kind() == ErrorKind::NotFound && there.symlink_metadata().is_err() => {
                let Some(Component::Normal(name)) = there.components().next_back() else { return Err(error) };
                missing.push(name.to_owned());
                there = there.parent().ok_or(error)?;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn what_is_there_is_resolved_and_what_is_not_must_be_plain() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        fs::create_dir(base.join("a")).unwrap();
        fs::write(base.join("a/file"), "").unwrap();
        symlink("a", base.join("link")).unwrap();
        symlink("/etc", base.join("out")).unwrap();
        symlink(base.join("nowhere"), base.join("dangling")).unwrap();
        symlink("a/file", base.join("to-file")).unwrap();
        let of = |path: &str| destination(&base.join(path));
        assert_eq!(of("new").unwrap(), base.join("new"));
        assert_eq!(of("b/c/new").unwrap(), base.join("b/c/new"));
        assert_eq!(of("link/new").unwrap(), base.join("a/new"));
        assert_eq!(of("link/../new").unwrap(), base.join("new"));
        assert_eq!(of("to-file").unwrap(), base.join("a/file"));
        assert_eq!(of("out/new").unwrap(), Path::new("/etc/new"));
        for refused in ["dangling", "dangling/new", "b/../new", "a/..", "a/file/x", "a/new/", ""] {
            assert!(of(refused).is_err(), "{refused}: {:?}", of(refused));
        }
        assert!(destination(Path::new("/")).is_err());
    }
}
