//! A file descriptor that the runtime waits on.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits on `fd` for `interest`. The one place of this folder that promises something to the compiler.
pub(super) fn wait_on(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, always answers with the same descriptor, and is closed by nobody
    // else. It moves into the `AsyncFd`, and no user of this function takes it out or exchanges it.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(Into::into)
}
