//! Moves bytes between the standard streams and one host until one of them is done.

use std::{
    os::fd::AsFd,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags},
    stdio::{stdin, stdout},
};

use super::{
    queue::{Moved, Queue},
    track::Tracker,
    watch::{Watch, is_gone, wait},
};

/// A pipe that polls as writable takes this many bytes without making the writer wait.
const PIPE_PART: usize = 4096;
const SOCKET_PART: usize = 64 * 1024;
/// After its input has ended, a host that says nothing for this long will not finish either.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Why the bytes stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The client has said everything and has every answer.
    Done,
    /// The client is gone, or takes no answers.
    ClientGone,
    /// The host closed the connection or died.
    HostGone,
    /// The client has said everything, and the host does not come to an end.
    HostSilent,
}

/// One client's two directions; outlives a host.
#[derive(Debug, Default)]
pub(super) struct Pump {
    /// To the host.
    pub(super) up: Queue,
    /// To the client.
    pub(super) down: Queue,
    pub(super) tracker: Tracker,
    /// Whether standard input has ended.
    pub(super) input_ended: bool,
}

/// What one poll was about, in the order of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Input,
    Output,
    Host,
}

impl Pump {
    /// Runs until something ends. Everything that the host sent has gone to the client by then, where
    /// there still is one.
    pub(super) fn run(&mut self, host: &UnixStream, watch: &Watch) -> Stop {
        let mut host_reads = true;
        let mut host_writes = true;
        let mut told_end = false;
        let mut moved_at = Instant::now();
        loop {
            if !host_writes && self.down.is_empty() {
                let done = self.input_ended && !self.tracker.waits();
                return if done { Stop::Done } else { Stop::HostGone };
            }
            if self.input_ended && self.up.is_empty() && host_reads && !told_end {
                told_end = true;
                // An error means that the host is gone, which the next read says.
                drop(host.shutdown(std::net::Shutdown::Write));
            }
            if self.input_ended && self.down.is_empty() && moved_at.elapsed() > LAST_WORDS {
                return Stop::HostSilent;
            }

            let input = stdin();
            let output = stdout();
            let mut sides = Vec::with_capacity(3);
            let mut set = Vec::with_capacity(8);
            // A side that cannot move stays out of the set: its hang-up would end every poll at once.
            if !self.input_ended && self.up.has_room() && host_reads {
                sides.push(Side::Input);
                set.push(PollFd::from_borrowed_fd(input, PollFlags::IN));
            }
            sides.push(Side::Output);
            let waiting = if self.down.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            set.push(PollFd::from_borrowed_fd(output, waiting));
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::IN, host_writes && self.down.has_room());
            wanted.set(PollFlags::OUT, host_reads && !self.up.is_empty());
            if !wanted.is_empty() {
                sides.push(Side::Host);
                set.push(PollFd::new(host, wanted));
            }
            watch.add(&mut set);
            let timeout = (self.input_ended && self.down.is_empty()).then_some(LAST_WORDS);
            wait(&mut set, watch.at_most(timeout));

            let (polled, ancestors) = set.split_at(sides.len());
            if watch.gone(ancestors) {
                return Stop::ClientGone;
            }
            for (side, fd) in sides.iter().zip(polled) {
                let events = fd.revents();
                let moved = match side {
                    Side::Output if is_gone(fd) => return Stop::ClientGone,
                    Side::Output if events.contains(PollFlags::OUT) => match self.down.drain(output, PIPE_PART) {
                        Moved::Closed => return Stop::ClientGone,
                        moved => moved,
                    },
                    Side::Input if !events.is_empty() => {
                        let moved = self.up.fill(input, |bytes| self.tracker.up(bytes));
                        self.input_ended = moved == Moved::Closed;
                        moved
                    }
                    Side::Host => self.exchange(host, fd, &mut host_reads, &mut host_writes),
                    Side::Output | Side::Input => Moved::Nothing,
                };
                if moved != Moved::Nothing {
                    moved_at = Instant::now();
                }
            }
        }
    }

    fn exchange(&mut self, host: &UnixStream, fd: &PollFd<'_>, reads: &mut bool, writes: &mut bool) -> Moved {
        let events = fd.revents();
        let mut any = Moved::Nothing;
        if events.contains(PollFlags::OUT) && *reads && !self.up.is_empty() {
            any = self.up.drain(host, SOCKET_PART);
            if any == Moved::Closed {
                // What it sent before it went is still there to be read.
                *reads = false;
                self.up.clear();
            }
        }
        if (events.contains(PollFlags::IN) || is_gone(fd)) && *writes && self.down.has_room() {
            let moved = self.down.fill(host, |bytes| self.tracker.down(bytes));
            *writes = moved != Moved::Closed;
            if moved != Moved::Nothing {
                any = moved;
            }
        }
        any
    }

    /// Hands over what is left for the client, as long as that takes at most `time`.
    pub(super) fn finish(&mut self, watch: &Watch, time: Duration) {
        let end = Instant::now() + time;
        while !self.down.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            let output = stdout();
            let mut set = vec![PollFd::from_borrowed_fd(output, PollFlags::OUT)];
            watch.add(&mut set);
            wait(&mut set, watch.at_most(Some(left)));
            let (polled, ancestors) = set.split_at(1);
            let writable = polled.iter().any(|fd| fd.revents().contains(PollFlags::OUT) && !is_gone(fd));
            if watch.gone(ancestors) || left.is_zero() || polled.iter().any(is_gone) {
                return;
            }
            if writable && self.down.drain(output.as_fd(), PIPE_PART) == Moved::Closed {
                return;
            }
        }
    }
}
