//! Ending processes, and finding those that belong to a run directory.

use std::path::{Path, PathBuf};

use crate::transport::proc::{self, ProcessKey};

/// Kills one process. One that is gone already is no error.
pub(crate) fn kill(pid: u32) {
    #[cfg(unix)]
    if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap_or_default();
    }
    #[cfg(not(unix))]
    let _: u32 = pid;
}

/// Kills a process group. One that is empty already is no error.
pub(crate) fn kill_group(leader: u32) {
    #[cfg(unix)]
    if let Some(leader) = rustix::process::Pid::from_raw(leader as i32) {
        rustix::process::kill_process_group(leader, rustix::process::Signal::KILL).unwrap_or_default();
    }
    #[cfg(not(unix))]
    let _: u32 = leader;
}

/// The variable that every process of a browser inherits. Chromium's helpers overwrite it later; their
/// process group stays.
pub(crate) const VARIABLE: &str = "EBB_RUN_DIR";

/// A process that says which run directory it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// Which process.
    pub(crate) key: ProcessKey,
    /// The directory, or a folder in it.
    pub(crate) claim: PathBuf,
}

/// Every process that says it belongs to a directory below `base`: by command line, or by [`VARIABLE`].
/// One look at all processes, however many directories there are.
pub(crate) fn users_below(base: &Path) -> Vec<User> {
    let own = std::process::id();
    let living = proc::all().into_iter().filter(|stat| stat.key.pid != own && stat.exit().is_none());
    living
        .filter_map(|stat| {
            let claim = claims(stat.key.pid).into_iter().find(|claim| claim.starts_with(base) && claim != base)?;
            Some(User { key: stat.key, claim })
        })
        .collect()
}

/// The living processes of a group, if it is still the one that `leader` made: a group's number is not
/// used again while the group has members, so a leader that is another process means that ours is empty.
pub(crate) fn members(leader: ProcessKey) -> Vec<ProcessKey> {
    let all = proc::all();
    let now = all.iter().find(|stat| stat.key.pid == leader.pid);
    if now.is_some_and(|stat| stat.key != leader) {
        return Vec::new();
    }
    all.iter().filter(|stat| stat.group == leader.pid && stat.exit().is_none()).map(|stat| stat.key).collect()
}

fn claims(pid: u32) -> Vec<PathBuf> {
    let mut claims: Vec<PathBuf> = variable(pid, VARIABLE).map(path).into_iter().collect();
    claims.extend(words(pid, "cmdline", "--user-data-dir=").into_iter().map(path));
    claims
}

/// An environment variable of a process that this user may look into.
pub(super) fn variable(pid: u32, name: &str) -> Option<Vec<u8>> {
    words(pid, "environ", &format!("{name}=")).into_iter().next()
}

/// What follows `beginning` in the words of a file that the system parts by zero bytes. Where there is no
/// such file the pipe and the process group have to do.
fn words(pid: u32, file: &str, beginning: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0);
    words.filter_map(|word| word.strip_prefix(beginning.as_bytes()).map(<[u8]>::to_vec)).collect()
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
