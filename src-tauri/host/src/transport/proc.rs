//! What the system tells about a process. Linux reads `/proc`; elsewhere nothing is known yet, and
//! what is not known is never guessed.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// A process that cannot be mistaken for a later one with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessKey {
    /// Its pid.
    pub pid: u32,
    /// When it started, in the system's own ticks since boot.
    pub start_time: u64,
}

impl From<ProcessKey> for ebb_core::sessions::ProcessKey {
    fn from(key: ProcessKey) -> Self {
        Self { pid: key.pid, start_time: key.start_time }
    }
}

/// How a process ended or is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// Nobody can say any more: it is gone and was reaped.
    Gone,
}

impl ExitKind {
    /// Whether it must be taken for a death and not for a goodbye. Gone counts as dead.
    #[must_use]
    pub const fn killed(self) -> bool {
        !matches!(self, Self::Exited(_))
    }

    /// Whether a launcher that ended so has done its work: it started us and left us to ourselves, as
    /// `setsid --fork` does. One that waits for us cannot end well before us.
    #[must_use]
    pub const fn let_go(self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// From the status that `wait` would give.
    pub(super) const fn from_status(status: i32) -> Self {
        match status & 0x7f {
            0 => Self::Exited((status >> 8) & 0xff),
            signal => Self::Killed(signal),
        }
    }
}

/// One process at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Which process.
    pub key: ProcessKey,
    /// Its parent's pid.
    pub ppid: u32,
    /// Its process group.
    pub group: u32,
    /// Its short name, at most 15 bytes; a program can set it.
    pub comm: String,
    state: char,
    flags: u32,
    /// What `wait` would give; the kernel shows it to the same user only.
    status: i32,
}

impl Stat {
    /// Set while the kernel takes the process apart: its files may be closed already.
    const EXITING: u32 = 0x4;

    /// How it ended, when it has ended or is about to.
    #[must_use]
    pub const fn exit(&self) -> Option<ExitKind> {
        if matches!(self.state, 'Z' | 'X') || self.flags & Self::EXITING != 0 {
            return Some(ExitKind::from_status(self.status));
        }
        None
    }

    /// Parses `/proc/<pid>/stat`. The name stands in parentheses and may itself contain any byte.
    fn parse(pid: u32, text: &str) -> Option<Self> {
        let open = text.find('(')?;
        let close = text.rfind(')')?;
        let comm = text.get(open + 1..close)?.to_owned();
        // The first field here is number 3 of proc(5).
        let fields: Vec<&str> = text.get(close + 1..)?.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            key: ProcessKey { pid, start_time: field(22)?.parse().ok()? },
            ppid: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            comm,
            state: field(3)?.chars().next()?,
            flags: field(9)?.parse().ok()?,
            status: field(52).and_then(|status| status.parse().ok()).unwrap_or(0),
        })
    }
}

/// Where Linux shows its processes; elsewhere the folder does not exist and every answer is `None`.
fn folder(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// The process that has this pid now.
#[must_use]
pub fn stat(pid: u32) -> Option<Stat> {
    let bytes = fs::read(folder(pid).join("stat")).ok()?;
    Stat::parse(pid, &String::from_utf8_lossy(&bytes))
}

/// All processes that this user can see, at about one moment.
#[must_use]
pub fn all() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| stat(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// How the process ended; `None` while it lives.
#[must_use]
pub fn exited(key: ProcessKey) -> Option<ExitKind> {
    // Where processes cannot be seen, nobody is declared dead.
    if !cfg!(target_os = "linux") {
        return None;
    }
    match stat(key.pid) {
        Some(stat) if stat.key == key => stat.exit(),
        _ => Some(ExitKind::Gone),
    }
}

/// The key of the process that has this pid now.
#[must_use]
pub fn key(pid: u32) -> Option<ProcessKey> {
    stat(pid).map(|stat| stat.key)
}

/// Whether exactly this process lives.
#[must_use]
pub fn lives(key: ProcessKey) -> bool {
    exited(key).is_none()
}

/// Its executable. A file that was replaced since keeps its old name here.
#[must_use]
pub fn exe(pid: u32) -> Option<PathBuf> {
    let path = fs::read_link(folder(pid).join("exe")).ok()?;
    let text = path.to_string_lossy();
    Some(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

/// Its working directory.
#[must_use]
pub fn cwd(pid: u32) -> Option<PathBuf> {
    fs::read_link(folder(pid).join("cwd")).ok()
}

/// Its arguments, the program first; cut after 16 KiB.
#[must_use]
pub fn cmdline(pid: u32) -> Vec<String> {
    const LIMIT: u64 = 16 * 1024;
    let mut bytes = Vec::new();
    let read = fs::File::open(folder(pid).join("cmdline")).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
    if read.is_err() {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    text.split('\0').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(all(test, target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "the test ends its processes")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_parsed() {
        let mut text = String::from("42 (a) b (c) S 7");
        for number in 5..=52 {
            use std::fmt::Write;
            write!(text, " {number}").unwrap();
        }
        let stat = Stat::parse(42, &text).unwrap();
        assert_eq!(stat.comm, "a) b (c");
        assert_eq!((stat.ppid, stat.key.start_time, stat.status), (7, 22, 52));
    }

    #[test]
    fn this_process_lives_and_knows_itself() {
        let pid = std::process::id();
        let key = key(pid).unwrap();
        assert!(lives(key));
        assert_eq!(exe(pid).unwrap(), std::env::current_exe().unwrap());
        assert_eq!(cwd(pid).unwrap(), std::env::current_dir().unwrap());
        assert!(!cmdline(pid).is_empty());
    }

    #[test]
    fn a_later_process_with_the_same_pid_is_another() {
        let key = key(std::process::id()).unwrap();
        let other = ProcessKey { start_time: key.start_time + 1, ..key };
        assert_eq!(exited(other), Some(ExitKind::Gone));
    }

    #[test]
    fn a_kill_is_told_from_an_exit() {
        let sleeper = || Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        let mut child = sleeper();
        let it = key(child.id()).unwrap();
        assert_eq!(exited(it), None);
        child.kill().unwrap();
        // Not reaped yet: a zombie that still says how it died.
        let killed = loop {
            if let Some(kind) = exited(it) {
                break kind;
            }
        };
        assert_eq!(killed, ExitKind::Killed(9));
        assert!(killed.killed());
        child.wait().unwrap();
        assert_eq!(exited(it), Some(ExitKind::Gone));

        let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
        let it = key(child.id()).unwrap();
        let code = loop {
            if let Some(kind) = exited(it) {
                break kind;
            }
        };
        assert_eq!(code, ExitKind::Exited(3));
        assert!(!code.killed());
        child.wait().unwrap();
    }
}
