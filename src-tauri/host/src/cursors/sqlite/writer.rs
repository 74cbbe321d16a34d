//! The one thread that writes, and its bounded queue.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use ebb_core::{cursors::Payload, ids::SessionId};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{super::status::Status, file::File, slot::Slot};

/// Results that may wait.
const MAX_WAITING: usize = 256;
/// Bytes of them; one result alone may be larger.
const MAX_BYTES: u64 = 64 << 20;

/// Why a result was not even taken.
#[derive(Debug)]
pub(super) enum Refusal {
    Full,
}

/// What is told about a result: nothing where it was dropped.
pub(super) type Written = oneshot::Receiver<Result<(), String>>;

#[derive(Debug)]
struct Job {
    slot: Arc<Slot>,
    payload: Arc<Payload>,
    told: oneshot::Sender<Result<(), String>>,
}

/// Tidying: at most one of each kind a file, so their number is bounded by that of the files.
#[derive(Debug)]
enum Chore {
    Clean(Arc<File>),
    Unlink(Arc<File>, SessionId),
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: u64,
    chores: VecDeque<Chore>,
    stopping: bool,
}

/// What waits for the writer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

enum Work {
    Job(Job),
    Chore(Chore),
}

impl Queue {
    /// Takes a result to be written.
    pub(super) fn write(&self, slot: Arc<Slot>, payload: Arc<Payload>) -> Result<Written, Refusal> {
        let (told, written) = oneshot::channel();
        let bytes = payload.as_str().len() as u64;
        let mut state = self.state.lock();
        if state.jobs.len() >= MAX_WAITING || (state.bytes > 0 && state.bytes + bytes > MAX_BYTES) {
            drop(state);
            return Err(Refusal::Full);
        }
        state.bytes += bytes;
        state.jobs.push_back(Job { slot, payload, told });
        drop(state);
        self.wake.notify_one();
        Ok(written)
    }

    /// Takes a file in which rows are of no use any more.
    pub(super) fn clean(&self, file: Arc<File>) {
        self.chore(Chore::Clean(file));
    }

    /// Takes a file without cursors.
    pub(super) fn unlink(&self, file: Arc<File>, session: SessionId) {
        self.chore(Chore::Unlink(file, session));
    }

    fn chore(&self, chore: Chore) {
        self.state.lock().chores.push_back(chore);
        self.wake.notify_one();
    }

    /// The next thing to do: somebody waits for results, nobody for chores. None: the end.
    fn next(&self) -> Option<Work> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                state.bytes -= job.payload.as_str().len() as u64;
                return Some(Work::Job(job));
            }
            if let Some(chore) = state.chores.pop_front() {
                return Some(Work::Chore(chore));
            }
            if state.stopping {
                return None;
            }
            self.wake.wait(&mut state);
        }
    }
}

/// The thread; it ends with this.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Queue>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(status: Arc<Status>) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let worker = Arc::clone(&queue);
        let thread = thread::Builder::new().name("ebb-cursors".to_owned()).spawn(move || {
            while let Some(work) = worker.next() {
                // Whatever happens to one file, the others are still to be written.
                if catch_unwind(AssertUnwindSafe(|| run(work, &status))).is_err() {
                    status.fails("its writer failed; the log has the details");
                }
            }
        })?;
        Ok(Self { queue, thread: Some(thread) })
    }

    pub(super) const fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.state.lock().stopping = true;
        self.queue.wake.notify_all();
        // Not joined: a disk that hangs must not keep the host from ending.
        drop(self.thread.take());
    }
}

fn run(work: Work, status: &Status) {
    match work {
        Work::Job(Job { slot, payload, told }) => {
            // Whoever asked went away, or the session did: nothing is written.
            if told.is_closed() || slot.is_moot() {
                return;
            }
            let written = slot.write(payload.as_str().as_bytes());
            drop(payload);
            let moot = slot.is_moot();
            match &written {
                Ok(()) => drop(status.works()),
                Err(failure) if !moot => status.fails(&failure.0),
                Err(_) => {}
            }
            // Before the answer: whoever hears that it failed finds nothing of it.
            drop(slot);
            if !moot {
                drop(told.send(written.map_err(|failure| failure.0)));
            }
        }
        Work::Chore(Chore::Clean(file)) => file.clean(),
        Work::Chore(Chore::Unlink(file, session)) => {
            if let Err(error) = file.unlink() {
                tracing::warn!(%error, %session, "a file without cursors cannot be removed; it goes with its session");
            }
        }
    }
}
