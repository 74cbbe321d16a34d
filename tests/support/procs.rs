//! Processes as the system shows them: whose they are, whether they live, what they hold.

use std::{cmp::Ordering, collections::BTreeSet, fs, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use rustix::process::{Pid, Signal};

use crate::wait_for;

/// One process at one moment. Equal to itself at any other: pid and start time count.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// When it started, in ticks: a pid alone may be somebody else's by now.
    pub start: u64,
    /// Its parent.
    pub ppid: u32,
    /// Its group.
    pub group: u32,
    /// `R`, `S`, `Z` ...
    pub state: char,
    /// Its command line.
    pub command: String,
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        (self.pid, self.start) == (other.pid, other.start)
    }
}

impl Eq for Process {}

impl PartialOrd for Process {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Process {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.pid, self.start).cmp(&(other.pid, other.start))
    }
}

impl Process {
    /// What kind of Chromium process it is: `renderer`, `gpu-process`, `zygote`; empty for all others.
    #[must_use]
    pub fn kind(&self) -> &str {
        let kind = self.command.split_ascii_whitespace().find_map(|word| word.strip_prefix("--type="));
        kind.unwrap_or_default()
    }

    /// Whether it still runs: a zombie does not.
    #[must_use]
    pub fn runs(&self) -> bool {
        of(self.pid).is_some_and(|now| now.start == self.start && !matches!(now.state, 'Z' | 'X'))
    }

    /// For messages.
    #[must_use]
    pub fn brief(&self) -> String {
        let command: String = self.command.chars().take(90).collect();
        format!(
            "{} ({}, {}) {command}",
            self.pid,
            self.state,
            if self.kind().is_empty() { "main" } else { self.kind() }
        )
    }
}

/// Many of them, for messages.
#[must_use]
pub fn brief<'a>(processes: impl IntoIterator<Item = &'a Process>) -> String {
    let lines: Vec<String> = processes.into_iter().map(Process::brief).collect();
    format!("{} processes [{}]", lines.len(), lines.join("; "))
}

/// The process with this pid now.
#[must_use]
pub fn of(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = stat.get(stat.rfind(')')? + 2..)?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    Some(Process {
        pid,
        start: field(22)?.parse().ok()?,
        ppid: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        state: field(3)?.chars().next()?,
        command: String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned(),
    })
}

/// All processes there are.
#[must_use]
pub fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc can be read");
    entries.filter_map(|entry| of(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Everything that descends from `root`, without it. Zombies count: nobody waited for them.
#[must_use]
pub fn below(root: u32) -> Vec<Process> {
    let all = all();
    let mut found: BTreeSet<u32> = BTreeSet::from([root]);
    loop {
        let more: Vec<u32> =
            all.iter().filter(|p| found.contains(&p.ppid) && !found.contains(&p.pid)).map(|p| p.pid).collect();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    all.into_iter().filter(|process| process.pid != root && found.contains(&process.pid)).collect()
}

/// Every living process that carries `marker` in its environment or command line, and what is below or
/// in a process group with one that does. Chromium's helpers overwrite their environment, their group
/// stays.
#[must_use]
pub fn marked(marker: &str) -> Vec<Process> {
    let own = std::process::id();
    let all: Vec<Process> = all().into_iter().filter(|p| p.pid != own && !matches!(p.state, 'Z' | 'X')).collect();
    let mut found: BTreeSet<u32> =
        all.iter().filter(|process| carries(process.pid, marker)).map(|process| process.pid).collect();
    // The group of the test itself holds its siblings too.
    let test_group = of(own).map_or(0, |process| process.group);
    loop {
        let groups: BTreeSet<u32> =
            all.iter().filter(|p| found.contains(&p.pid) && p.group != test_group).map(|p| p.group).collect();
        let more: Vec<u32> = all
            .iter()
            .filter(|p| !found.contains(&p.pid) && (found.contains(&p.ppid) || groups.contains(&p.group)))
            .map(|p| p.pid)
            .collect();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    all.into_iter().filter(|process| found.contains(&process.pid)).collect()
}

fn carries(pid: u32, marker: &str) -> bool {
    let marker = marker.as_bytes();
    ["environ", "cmdline"].into_iter().any(|file| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        bytes.windows(marker.len()).any(|window| window == marker)
    })
}

/// Sends a signal to one process; one that is gone is no error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        rustix::process::kill_process(pid, signal).unwrap_or_default();
    }
}

/// SIGKILL.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Stops a process where it stands and waits until it does.
pub fn freeze(pid: u32) {
    signal(pid, Signal::STOP);
    wait_for("the process is stopped", Duration::from_secs(5), || match of(pid) {
        Some(process) if process.state == 'T' => Ok(()),
        seen => Err(format!("{seen:?}")),
    });
}

/// Lets a stopped process go on.
pub fn thaw(pid: u32) {
    signal(pid, Signal::CONT);
}

/// The processor time a process has used, in ticks.
#[must_use]
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// How many file descriptors a process holds.
#[must_use]
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// What these descriptors are, for messages.
#[must_use]
pub fn descriptor_list(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut list: Vec<String> =
        entries.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned())).collect();
    list.sort();
    list
}

/// The names in a folder, sorted; a folder that is not there is empty.
#[must_use]
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| String::from_utf8_lossy(entry.file_name().as_bytes()).into_owned()).collect();
    names.sort();
    names
}

/// What a process holds as the system measures it, in bytes: what is its own, and its share of the rest.
#[must_use]
pub fn pss(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Resident memory of a process, in bytes.
#[must_use]
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}
