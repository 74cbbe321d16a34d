//! What the answer of [`super::Paths`] may depend on, as a value: tests never touch the process's own.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use ebb_core::{Code, Error, Result};

/// Variables, user and the folder of run-time folders.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The user whose host this is.
    pub uid: u32,
    /// `/run/user` on Linux.
    pub run_user: PathBuf,
    /// The user database, for a process without `HOME`.
    pub passwd: PathBuf,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn current() -> Self {
        Self::of(std::env::vars_os())
    }

    /// The given variables, with this process's user.
    pub fn of<K: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        #[cfg(unix)]
        let uid = rustix::process::getuid().as_raw();
        #[cfg(not(unix))]
        let uid = 0;
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            uid,
            run_user: PathBuf::from("/run/user"),
            passwd: PathBuf::from("/etc/passwd"),
        }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The same as a path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// All variables.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The home directory: `HOME`, else what the user database says.
    pub fn home(&self) -> Result<PathBuf> {
        let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.path(variable).filter(|home| home.is_absolute()).or_else(|| self.home_in_passwd()).ok_or_else(|| {
            Error::new(Code::InvalidArguments, "the home directory is not known")
                .next(format!("set {variable}, or give --socket and --data-dir"))
        })
    }

    fn home_in_passwd(&self) -> Option<PathBuf> {
        let text = std::fs::read_to_string(&self.passwd).ok()?;
        let uid = self.uid.to_string();
        let mut entries = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let entry = entries.find(|fields| fields.get(2) == Some(&uid.as_str()))?;
        entry.get(5).map(Path::new).filter(|home| home.is_absolute()).map(Path::to_path_buf)
    }
}
