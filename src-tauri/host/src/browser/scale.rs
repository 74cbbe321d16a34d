//! Weighing processes: what each of them holds, as the system measures it.
//!
//! An exact figure walks all page tables of a process, about 5 ms for a renderer; its resident size is
//! a counter. So a process is weighed exactly the first time, when its size has moved, when the number of
//! processes has (what it shares with others is divided by them), and again after a while.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::transport::proc::{self, ProcessKey};

/// An exact figure stands this long while the resident size stays what it was.
const FRESH: Duration = Duration::from_secs(10);

/// A resident size that moved by less than its hundredth stays what it was.
const HUNDREDTHS: u64 = 100;

/// A number of processes that moved by less than its fifth stays what it was.
const FIFTHS: usize = 5;

/// A process when it was last weighed exactly.
#[derive(Debug, Clone, Copy)]
struct Weighed {
    bytes: u64,
    resident: u64,
    /// How many processes there were.
    among: usize,
    at: Instant,
}

/// Weighs processes and remembers what each weighed.
#[derive(Debug, Default)]
pub(crate) struct Scale {
    known: Mutex<HashMap<ProcessKey, Weighed>>,
}

impl Scale {
    /// What each of these holds, in bytes; those that are gone, or that the system hides, are missing.
    pub(super) async fn weigh(self: &Arc<Self>, keys: HashSet<ProcessKey>) -> HashMap<ProcessKey, u64> {
        let this = Arc::clone(self);
        let work = move || {
            let among = keys.len().max(this.known.lock().len());
            let weighed = |key| Some((key, this.one(key, among)?));
            keys.into_iter().filter_map(weighed).collect()
        };
        // A task that did not run has measured nothing, and that is what the caller gets.
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    }

    /// What a process among so many holds: exact, or the last exact figure where neither number has moved.
    fn one(&self, key: ProcessKey, among: usize) -> Option<u64> {
        let resident = alive(key)?;
        let known = self.known.lock().get(&key).copied();
        if let Some(known) = known.filter(|known| known.at.elapsed() < FRESH)
            && resident.abs_diff(known.resident) <= known.resident / HUNDREDTHS
            && among.abs_diff(known.among) <= known.among / FIFTHS
        {
            return Some(known.bytes);
        }
        let bytes = exact(key.pid)?;
        self.known.lock().insert(key, Weighed { bytes, resident, among, at: Instant::now() });
        Some(bytes)
    }

    /// The same in microseconds: the last exact figure, corrected by what the resident size did since.
    /// None for a process that was never weighed, or is gone.
    pub(super) fn glance(&self, key: ProcessKey) -> Option<u64> {
        let resident = alive(key)?;
        let known = self.known.lock().get(&key).copied()?;
        Some((known.bytes + resident).saturating_sub(known.resident))
    }

    /// Forgets every process but these.
    pub(super) fn keep(&self, keys: &HashSet<ProcessKey>) {
        self.known.lock().retain(|key, _| keys.contains(key));
    }
}

/// The resident size of exactly this process, in bytes, while it lives.
pub(super) fn alive(key: ProcessKey) -> Option<u64> {
    proc::stat(key.pid).filter(|stat| stat.key == key && stat.exit().is_none())?;
    counters(key.pid).map(|(resident, _)| resident)
}

/// Resident and shared bytes of a process, from its counters.
#[cfg(target_os = "linux")]
fn counters(pid: u32) -> Option<(u64, u64)> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map(str::parse::<u64>);
    let page = rustix::param::page_size() as u64;
    Some((pages.next()?.ok()? * page, pages.next()?.ok()? * page))
}

#[cfg(not(target_os = "linux"))]
fn counters(_pid: u32) -> Option<(u64, u64)> {
    None
}

/// Bytes of a process that are its own: the proportional share where the system tells, else what it
/// shares with nobody.
fn exact(pid: u32) -> Option<u64> {
    let kilobytes = |text: &str| text.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024);
    if let Ok(rollup) = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        return rollup.lines().find(|line| line.starts_with("Pss:")).and_then(kilobytes);
    }
    // A sandboxed process hides its maps, not its counters.
    let (resident, shared) = counters(pid)?;
    Some(resident.saturating_sub(shared))
}

/// The living processes of a process group.
pub(super) fn group(leader: u32) -> HashSet<ProcessKey> {
    let members = proc::all().into_iter().filter(|stat| stat.group == leader && stat.exit().is_none());
    members.map(|stat| stat.key).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn own() -> ProcessKey {
        let pid = std::process::id();
        ProcessKey { pid, start_time: proc::key(pid).map_or(0, |key| key.start_time) }
    }

    #[tokio::test]
    async fn a_process_is_weighed_and_a_later_one_with_its_pid_is_not() {
        let scale = Arc::new(Scale::default());
        let other = ProcessKey { start_time: own().start_time + 1, ..own() };
        let weighed = scale.weigh(HashSet::from([own(), other])).await;
        assert_eq!(weighed.keys().collect::<Vec<_>>(), [&own()]);
        let resident = alive(own()).unwrap();
        assert!((1..=resident).contains(&weighed[&own()]), "{weighed:?} of {resident} resident");
    }

    #[tokio::test]
    async fn a_glance_follows_what_was_allocated_since() {
        const GROWN: usize = 64 * 1024 * 1024;
        let scale = Arc::new(Scale::default());
        assert_eq!(scale.glance(own()), None, "never weighed");
        let before = scale.weigh(HashSet::from([own()])).await[&own()];
        let held = vec![1_u8; GROWN];
        let grown = scale.glance(own()).unwrap().saturating_sub(before);
        assert!(grown > GROWN as u64 * 9 / 10, "{grown} after {}", held.len());
        scale.keep(&HashSet::new());
        assert_eq!(scale.glance(own()), None, "forgotten");
    }
}
