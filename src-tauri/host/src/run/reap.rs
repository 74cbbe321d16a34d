//! What start-up does before anybody can connect: ends and removes what dead hosts left.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Ended, dir::Marker, end, guardian};

/// How long processes may take to die of a kill.
const DEADLINE: Duration = Duration::from_secs(3);

/// Removes the run directories below `base` of hosts that are dead, ends the processes that still belong
/// to them, and guardians that outlived their host. Blocks.
pub(crate) fn reap(base: &Path) -> Ended {
    let dead = abandoned(base);
    let mut ended = if dead.is_empty() { Ended::default() } else { end(base, &dead, DEADLINE) };
    ended.processes += guardian::end_orphans(base);
    for (path, why) in &ended.failed {
        tracing::warn!(path = %path.display(), why, "a run directory of a dead host could not be removed");
    }
    ended
}

/// The run directories below `base` whose host is dead.
#[must_use]
pub fn abandoned(base: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(base).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !Marker::on(path).is_some_and(|marker| marker.is_alive()))
        .collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "the test ends its processes")]
mod tests {
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command, Stdio},
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use ebb_core::ids::InstanceId;

    use super::*;
    use crate::{
        run::{Guardian, RunDirs, processes::VARIABLE},
        transport::proc,
    };

    fn leave(base: &Path, name: &str, marker: &Marker) -> PathBuf {
        let path = base.join(name);
        fs::create_dir_all(path.join("profile/deep")).unwrap();
        fs::write(path.join("owner.json"), serde_json::to_vec(marker).unwrap()).unwrap();
        path
    }

    fn sleeper(change: impl FnOnce(&mut Command) -> &mut Command) -> Child {
        let mut command = Command::new("sleep");
        command.arg("600").stdout(Stdio::null());
        change(&mut command).spawn().unwrap()
    }

    /// A host that is dead: a pid that now belongs to somebody else.
    fn dead() -> Marker {
        Marker { pid: std::process::id(), start_time: 1, instance: InstanceId::new() }
    }

    #[tokio::test]
    async fn the_dead_go_and_the_living_stay() {
        let base = tempfile::tempdir().unwrap();
        let dirs = RunDirs::new(base.path().to_owned(), &InstanceId::new(), Guardian::none());
        let living = dirs.create('b', &["profile"]).await.unwrap();
        let left = leave(base.path(), "b-left", &dead());
        let unmarked = base.path().join("b-unmarked");
        fs::create_dir(&unmarked).unwrap();

        let ended = reap(base.path());

        assert_eq!(ended, Ended { processes: 0, directories: 2, failed: Vec::new() });
        assert!(living.path().join("profile").exists());
        assert!(!left.exists() && !unmarked.exists());
        living.remove().await.unwrap();
        assert!(!living.path().exists());
    }

    /// Fifty dead hosts, one of whose pids belongs to a stranger now; processes that say they belong to one,
    /// processes that are only in the group of one, and a folder whose name begins like another's.
    #[test]
    fn f23_what_belongs_to_the_dead_is_ended_and_strangers_live() {
        let base = tempfile::tempdir().unwrap();
        let mut stranger = sleeper(|command| command);
        let of_stranger = Marker { pid: stranger.id(), start_time: 7, instance: InstanceId::new() };
        leave(base.path(), "b-stranger", &of_stranger);
        for n in 0..49 {
            leave(base.path(), &format!("b-{n}"), &dead());
        }
        let frozen = base.path().join("b-1");
        let mut by_variable = sleeper(|command| command.env(VARIABLE, &frozen));
        let stop = rustix::process::Pid::from_raw(by_variable.id() as i32).unwrap();
        rustix::process::kill_process(stop, rustix::process::Signal::STOP).unwrap();
        let mut leader = sleeper(|command| command.process_group(0));
        let mut member = sleeper(|command| command.process_group(leader.id() as i32));
        let key = proc::key(leader.id()).unwrap();
        fs::write(base.path().join("b-2/group.json"), serde_json::to_vec(&key).unwrap()).unwrap();
        // A group of that number, but another one's: it was used again.
        let mut reused = sleeper(|command| command.process_group(0));
        let old = proc::ProcessKey { start_time: 3, ..proc::key(reused.id()).unwrap() };
        fs::write(base.path().join("b-3/group.json"), serde_json::to_vec(&old).unwrap()).unwrap();
        let mut neighbour = sleeper(|command| command.env(VARIABLE, base.path().join("b-100")));

        let ended = reap(base.path());

        assert_eq!((ended.directories, ended.failed.len(), ended.processes), (50, 0, 3));
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
        for gone in [&mut by_variable, &mut leader, &mut member] {
            assert!(gone.wait().unwrap().code().is_none(), "it was killed");
        }
        for alive in [&mut stranger, &mut reused, &mut neighbour] {
            assert!(alive.try_wait().unwrap().is_none(), "a stranger lives");
            alive.kill().unwrap();
            alive.wait().unwrap();
        }
    }

    #[tokio::test]
    async fn a_directory_that_nobody_uses_is_a_stray() {
        let base = tempfile::tempdir().unwrap();
        let dirs = RunDirs::new(base.path().to_owned(), &InstanceId::new(), Guardian::none());
        let used = dirs.create('b', &[]).await.unwrap();
        let dropped = dirs.create('c', &[]).await.unwrap();
        let stray = dropped.path().to_owned();
        let told = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&told);
        dirs.on_stray(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        drop(dropped);
        assert_eq!(told.load(Ordering::Relaxed), 1, "whoever takes the census is told");
        let other = Marker { instance: InstanceId::new(), ..Marker::of_this_process(&InstanceId::new()) };
        leave(base.path(), "b-other", &other);
        leave(base.path(), "b-dead", &dead());
        let mut strays = dirs.strays();
        strays.sort();
        assert_eq!(strays, [base.path().join("b-dead"), stray.clone()]);
        assert_eq!(dirs.remove_stray(&stray), Ok(1));
        assert_eq!(dirs.remove_stray(used.path()), Ok(0), "what is in use is no stray");
        assert_eq!(dirs.remove_stray(Path::new("/tmp")), Ok(0), "nothing outside is touched");

        // Gone, but a process still says that it belongs to it.
        let gone = used.path().to_owned();
        used.remove().await.unwrap();
        drop(used);
        assert_eq!(told.load(Ordering::Relaxed), 1, "what was removed is no stray");
        let mut late = sleeper(|command| command.env(VARIABLE, &gone));
        assert!(dirs.strays().contains(&gone));
        dirs.remove_stray(&gone).unwrap();
        assert!(late.wait().unwrap().code().is_none());
        assert!(!dirs.strays().contains(&gone));
    }
}
