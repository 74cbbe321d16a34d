//! Writing without following links: what was checked is what is written to, whoever changes the folders
//! in between.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Component, Path},
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, chmodat, mkdirat, openat, renameat, renameat_with, statat,
        unlinkat,
    },
    io::Errno,
};

/// Nobody else reads what pages say.
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// Opens the folder `path`, which is absolute and has no links; what is missing of it is made.
fn folder(path: &Path) -> io::Result<OwnedFd> {
    let look = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(target_os = "linux")]
    let look = look | OFlags::PATH;
    let mut at = openat(CWD, "/", look, Mode::empty())?;
    for component in path.components() {
        let name = match component {
            Component::RootDir => continue,
            Component::Normal(name) => name,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute")),
        };
        let next = match openat(&at, name, look, Mode::empty()) {
            Err(Errno::NOENT) => {
                match mkdirat(&at, name, Mode::from_raw_mode(PRIVATE_FOLDER)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                openat(&at, name, look, Mode::empty())?
            }
            other => other?,
        };
        at = next;
    }
    Ok(at)
}

fn parts(path: &Path) -> io::Result<(&Path, &std::ffi::OsStr)> {
    let unusable = || io::Error::new(io::ErrorKind::InvalidInput, "it names no file");
    Ok((path.parent().ok_or_else(unusable)?, path.file_name().ok_or_else(unusable)?))
}

/// Writes a file that is not there yet.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (parent, name) = parts(path)?;
    let folder = folder(parent)?;
    fill(&folder, name.as_bytes(), PRIVATE_FILE, |file| file.write_all(bytes))
}

/// Adds to the end of a file that is there.
pub(super) fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (parent, name) = parts(path)?;
    let folder = folder(parent)?;
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mut file: File = openat(&folder, name, flags, Mode::empty())?.into();
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    file.write_all(bytes)
}

/// Writes a file as a whole: whoever reads it meanwhile sees the old one or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (parent, name) = parts(path)?;
    let folder = folder(parent)?;
    let mode = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(meta) if FileType::from_raw_mode(meta.st_mode) == FileType::RegularFile => meta.st_mode & 0o777,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
        Err(Errno::NOENT) => PRIVATE_FILE,
        Err(error) => return Err(error.into()),
    };
    let random = ebb_core::ids::InstanceId::new();
    let beside = format!(".ebb-{}", &random.as_str()[4..20]);
    fill(&folder, beside.as_bytes(), mode, |file| file.write_all(bytes))?;
    renameat(&folder, beside.as_str(), &folder, name).map_err(|error| {
        unlinkat(&folder, beside.as_str(), AtFlags::empty()).ok();
        error.into()
    })
}

/// Moves a file of ours to a path where nothing is yet, from one file system to another as well.
pub(super) fn bring(from: &Path, to: &Path) -> io::Result<()> {
    let (parent, name) = parts(to)?;
    let folder = folder(parent)?;
    match renameat_with(CWD, from, &folder, name, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(chmodat(&folder, name, Mode::from_raw_mode(PRIVATE_FILE), AtFlags::empty())?),
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    let mut source: File =
        openat(CWD, from, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?.into();
    fill(&folder, name.as_bytes(), PRIVATE_FILE, |file| {
        let mut piece = vec![0; 1024 * 1024];
        loop {
            match source.read(&mut piece)? {
                0 => return Ok(()),
                read => file.write_all(&piece[..read])?,
            }
        }
    })?;
    std::fs::remove_file(from)
}

/// Makes a file and fills it; half a file is none.
fn fill(folder: &OwnedFd, name: &[u8], mode: u32, with: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file: File = openat(folder, name, flags, Mode::from_raw_mode(mode))?.into();
    let filled = with(&mut file);
    if filled.is_err() {
        unlinkat(folder, name, AtFlags::empty()).ok();
    }
    filled
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn links_are_never_followed_and_nothing_is_half_written() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        create(&base.join("a/b/new"), b"one").unwrap();
        assert_eq!(fs::read(base.join("a/b/new")).unwrap(), b"one");
        assert_eq!(fs::metadata(base.join("a/b/new")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(create(&base.join("a/b/new"), b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        replace(&base.join("a/b/new"), b"two").unwrap();
        assert_eq!(fs::read(base.join("a/b/new")).unwrap(), b"two");

        // Whoever puts a link where a folder or a file was checked gains nothing.
        fs::create_dir(base.join("outside")).unwrap();
        fs::write(base.join("outside/kept"), "kept").unwrap();
        symlink(base.join("outside"), base.join("swapped")).unwrap();
        symlink(base.join("outside/kept"), base.join("a/file")).unwrap();
        append(&base.join("a/b/new"), b" three").unwrap();
        assert_eq!(fs::read(base.join("a/b/new")).unwrap(), b"two three");
        replace(&base.join("a/b/new"), b"two").unwrap();
        assert_eq!(append(&base.join("a/b/none"), b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
        for path in ["swapped/new", "a/file"] {
            assert!(append(&base.join(path), b"x").is_err(), "{path}");
            assert!(create(&base.join(path), b"x").is_err(), "{path}");
            assert!(replace(&base.join(path), b"x").is_err(), "{path}");
            assert!(bring(&base.join("a/b/new"), &base.join(path)).is_err(), "{path}");
        }
        assert_eq!(fs::read(base.join("outside/kept")).unwrap(), b"kept");
        assert_eq!(fs::read_dir(base.join("outside")).unwrap().count(), 1);
        assert_eq!(fs::read_dir(base.join("a")).unwrap().count(), 2, "no temporary file stays");

        rustix::fs::mknodat(CWD, base.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(replace(&base.join("pipe"), b"x").is_err());
        bring(&base.join("a/b/new"), &base.join("c/brought")).unwrap();
        assert!(!base.join("a/b/new").exists());
        assert_eq!(fs::read(base.join("c/brought")).unwrap(), b"two");
    }
}
