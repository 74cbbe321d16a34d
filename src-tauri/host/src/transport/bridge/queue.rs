//! Bytes on their way from one side to the other, never more than a fixed number of them.

use std::os::fd::AsFd;

use rustix::io::Errno;

/// How far one side may be ahead of the other.
const CAPACITY: usize = 256 * 1024;

/// Bytes read and not yet written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    written: usize,
}

/// What one read or write came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The other end is closed.
    Closed,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() < CAPACITY
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds bytes that come from the bridge itself.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Reads what is there; `seen` gets the new bytes.
    pub(super) fn fill(&mut self, from: impl AsFd, seen: impl FnOnce(&[u8])) -> Moved {
        let mut buffer = [0_u8; 16 * 1024];
        match moved(rustix::io::read(from, &mut buffer)) {
            Moved::Bytes(0) => Moved::Closed,
            Moved::Bytes(count) => {
                let new = buffer.get(..count).unwrap_or_default();
                seen(new);
                self.push(new);
                Moved::Bytes(count)
            }
            other => other,
        }
    }

    /// Writes at most `limit` bytes.
    pub(super) fn drain(&mut self, to: impl AsFd, limit: usize) -> Moved {
        let waiting = self.bytes.get(self.written..).unwrap_or_default();
        let part = waiting.get(..limit.min(waiting.len())).unwrap_or_default();
        let moved = moved(rustix::io::write(to, part));
        if let Moved::Bytes(count) = moved {
            self.written += count;
            if self.written >= self.bytes.len() {
                self.bytes.clear();
                self.written = 0;
            } else if self.written > CAPACITY / 2 {
                self.bytes.drain(..self.written);
                self.written = 0;
            }
        }
        moved
    }
}

fn moved(result: Result<usize, Errno>) -> Moved {
    match result {
        Ok(count) => Moved::Bytes(count),
        Err(Errno::INTR | Errno::AGAIN) => Moved::Nothing,
        // Reset, broken pipe, a terminal that went away: nobody is there any more.
        Err(_) => Moved::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_order_through_small_writes() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut queue = Queue::default();
        let sent: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        queue.push(&sent);
        let mut received = Vec::new();
        while !queue.is_empty() {
            let Moved::Bytes(_) = queue.drain(&writer, 4096) else { panic!("the pipe is open") };
            let mut buffer = [0; 8192];
            let count = rustix::io::read(&reader, &mut buffer).unwrap();
            received.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(received, sent);
    }

    #[test]
    fn both_ends_of_a_closed_pipe_are_noticed() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut queue = Queue::default();
        queue.push(b"x");
        assert_eq!(queue.drain(&writer, 1), Moved::Bytes(1));
        drop(writer);
        assert_eq!(queue.fill(&reader, |bytes| assert_eq!(bytes, b"x")), Moved::Bytes(1));
        assert_eq!(queue.fill(&reader, |_| ()), Moved::Closed);
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        drop(reader);
        assert_eq!(queue.drain(&writer, 1), Moved::Closed);
    }
}
