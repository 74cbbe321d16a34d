//! A file descriptor that the runtime waits on.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits on `fd` for `interest`. Here and below are the places of this folder that
/// promise something to the compiler.
pub(super) fn wait_on(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, always answers with the same descriptor, and is closed by nobody
    // else. It moves into the `AsyncFd`, and no user of this function takes it out or exchanges it.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(Into::into)
}

/// Lets this process hold as many descriptors as a full house of clients needs: three each, and the usual
/// limit is 1,024 for everything. Never less than before.
pub(super) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const WANTED: u64 = 16 * 1024;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if limit.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit })
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
}

/// What `PIDFD_GET_INFO` tells (`struct pidfd_info` of linux/pidfd.h, its first version).
#[cfg(target_os = "linux")]
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    /// pid, tgid, ppid and the eight user and group ids.
    ids: [u32; 11],
    exit_code: i32,
}

/// The status that `wait` would have given for a process that was reaped already. None before that, and where
/// the kernel (before 6.15) does not keep it.
#[cfg(target_os = "linux")]
pub(super) fn exit_status(pidfd: &impl std::os::fd::AsRawFd) -> Option<i32> {
    const EXIT: u64 = 1 << 3;
    // _IOWR(0xFF, 11, struct pidfd_info)
    const GET_INFO: libc::c_ulong = (3 << 30) | ((size_of::<PidfdInfo>() as libc::c_ulong) << 16) | (0xff << 8) | 0xb;
    let mut info = PidfdInfo { mask: EXIT, ..PidfdInfo::default() };
    // SAFETY: the kernel writes at most the size that the request number carries, which is that of `info`;
    // the descriptor is open for the whole call.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO as _, &raw mut info) };
    (done == 0 && info.mask & EXIT != 0).then_some(info.exit_code)
}
