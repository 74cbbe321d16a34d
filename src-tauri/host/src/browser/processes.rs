//! Ending processes that belong to a browser, and finding those that still use its directory.

use std::path::Path;

/// Kills one process. One that is gone already is no error.
pub(super) fn kill(pid: u32) {
    #[cfg(unix)]
    if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap_or_default();
    }
    #[cfg(not(unix))]
    let _: u32 = pid;
}

/// Kills a process group. One that is empty already is no error.
pub(super) fn kill_group(leader: u32) {
    #[cfg(unix)]
    if let Some(leader) = rustix::process::Pid::from_raw(leader as i32) {
        rustix::process::kill_process_group(leader, rustix::process::Signal::KILL).unwrap_or_default();
    }
    #[cfg(not(unix))]
    let _: u32 = leader;
}

/// Processes of ours that were started with `directory` as their run directory: by command line, or
/// by the variable that every process of a browser inherits.
#[cfg(target_os = "linux")]
pub(super) fn using_directory(directory: &Path) -> Vec<u32> {
    use std::os::unix::ffi::OsStrExt;
    let needle = directory.as_os_str().as_bytes();
    let contains = |haystack: &[u8]| {
        haystack.windows(needle.len()).enumerate().any(|(at, window)| {
            // A directory whose name merely begins the same is another one.
            window == needle && matches!(haystack.get(at + needle.len()), None | Some(0 | b'/' | b' '))
        })
    };
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let marked = environment
                .split(|byte| *byte == 0)
                .any(|pair| pair.strip_prefix(b"EBB_RUN_DIR=").is_some_and(contains));
            marked || {
                let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                command
                    .split(|byte| *byte == 0)
                    .any(|word| word.strip_prefix(b"--user-data-dir=").is_some_and(contains))
            }
        })
        .collect()
}

/// Elsewhere the pipe and the process group have to do.
#[cfg(not(target_os = "linux"))]
pub(super) fn using_directory(_directory: &Path) -> Vec<u32> {
    Vec::new()
}
