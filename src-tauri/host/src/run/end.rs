//! Ends everything that belongs to run directories, and removes them. Plain and blocking: the guard,
//! which has no runtime, does it the same way as the host.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    dir::leader_of,
    processes::{self, User},
};
use crate::{files::journal, transport::proc};

/// Between two looks at what is still there.
const LOOK: Duration = Duration::from_millis(5);

/// What was ended and removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Processes that were ended.
    pub(crate) processes: usize,
    /// Directories that were removed.
    pub(crate) directories: usize,
    /// Directories that could not be removed, and why.
    pub(crate) failed: Vec<(PathBuf, String)>,
}

/// Kills every process that belongs to one of `dirs`, all below `base`, until none is left, then removes
/// the directories. Takes `deadline` for the processes and about as long again for the directories.
/// A stopped process dies like any other.
pub(crate) fn end(base: &Path, dirs: &[PathBuf], deadline: Duration) -> Ended {
    let processes = end_users(base, dirs, deadline);
    let mut ended = Ended { processes, ..Ended::default() };
    for dir in dirs {
        journal::remove_noted(dir);
        match remove_tree(dir, deadline) {
            Ok(()) => ended.directories += 1,
            Err(error) => ended.failed.push((dir.clone(), error.to_string())),
        }
    }
    ended
}

fn end_users(base: &Path, dirs: &[PathBuf], deadline: Duration) -> usize {
    let until = Instant::now() + deadline;
    let leaders: Vec<_> = dirs.iter().filter_map(|dir| leader_of(dir)).collect();
    let mut ended = BTreeSet::new();
    loop {
        let mut left = 0;
        for leader in &leaders {
            let members = processes::members(*leader);
            if !members.is_empty() {
                // As a whole: no member can fork its way out.
                processes::kill_group(leader.pid);
                left += members.len();
                ended.extend(members.iter().map(|key| (key.pid, key.start_time)));
            }
        }
        for User { key, claim } in processes::users_below(base) {
            if dirs.iter().any(|dir| claim.starts_with(dir)) && proc::lives(key) {
                processes::kill(key.pid);
                left += 1;
                ended.insert((key.pid, key.start_time));
            }
        }
        if left == 0 || Instant::now() >= until {
            return ended.len();
        }
        sleep(LOOK);
    }
}

/// Removes a tree, again and again until `deadline` while something still writes into it. One that is not
/// there is no error. Never follows a link out of it.
pub(crate) fn remove_tree(path: &Path, deadline: Duration) -> std::io::Result<()> {
    let until = Instant::now() + deadline;
    let mut wait = LOOK;
    loop {
        let error = match fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.exists() => return Ok(()),
            Err(error) => error,
        };
        if Instant::now() + wait > until {
            return Err(error);
        }
        sleep(wait);
        wait = (wait * 2).min(Duration::from_millis(200));
    }
}
