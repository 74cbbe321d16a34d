//! Where a host keeps its cursors, and what really lies there.

use crate::{HostArgs, Redis, TestHost, procs};

/// A cursor store of a host.
pub enum Kept {
    /// In the host's memory.
    Memory,
    /// In files below its data directory.
    Sqlite,
    /// In a Redis of the test's own.
    Redis(Redis),
}

impl Kept {
    /// The name of the store, for messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Redis(_) => "redis",
        }
    }

    /// The arguments of a host that keeps its cursors here.
    #[must_use]
    pub fn args(&self) -> HostArgs {
        let store = match self {
            Self::Memory => "memory".to_owned(),
            Self::Sqlite => "sqlite".to_owned(),
            Self::Redis(redis) => redis.url(),
        };
        HostArgs { more: vec!["--cursor-store".to_owned(), store], ..HostArgs::default() }
    }

    /// What lies there of a session: files or keys. Of memory nothing can be seen from outside.
    #[must_use]
    pub fn raw(&self, host: &TestHost, session: &str) -> Vec<String> {
        match self {
            Self::Memory => Vec::new(),
            Self::Sqlite => cursor_files(host).into_iter().filter(|file| file.contains(session)).collect(),
            Self::Redis(redis) => redis.keys_of(session).into_iter().collect(),
        }
    }

    /// Asserts that something of the session lies there, where that can be seen.
    pub fn assert_has(&self, host: &TestHost, session: &str) {
        let raw = self.raw(host, session);
        assert!(!raw.is_empty() || matches!(self, Self::Memory), "{} has nothing of {session}", self.name());
    }

    /// Asserts that nothing of the session lies there.
    pub fn assert_nothing(&self, host: &TestHost, session: &str) {
        let raw = self.raw(host, session);
        assert!(raw.is_empty(), "{} still has {raw:?}", self.name());
    }
}

/// The files of all cursors of a host.
#[must_use]
pub fn cursor_files(host: &TestHost) -> Vec<String> {
    let run = host.data().join("run");
    let folders = procs::names(&run).into_iter().filter(|name| name.starts_with("c-"));
    let files = folders.flat_map(|folder| {
        let folder = run.join(folder);
        procs::names(&folder).into_iter().map(move |name| folder.join(name).display().to_string())
    });
    files.filter(|file| !file.ends_with("/owner.json")).collect()
}
