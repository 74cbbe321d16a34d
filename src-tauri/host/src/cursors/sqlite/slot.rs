//! Where one cursor's payload lies; dropping the last handle gives the place back.

use std::{
    ops::Range,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ebb_core::{Result, ids::SessionId};

use super::{
    file::{File, ReadFailure, WriteFailure},
    files::Files,
    writer::Queue,
};

/// Rows of a file.
#[derive(Debug)]
pub(super) struct Slot {
    files: Weak<Files>,
    queue: Weak<Queue>,
    session: SessionId,
    file: Arc<File>,
    rows: Range<i64>,
    bytes: usize,
    written: AtomicBool,
}

impl Slot {
    /// A place for a payload of `bytes`, which nothing is written to yet.
    ///
    /// # Errors
    /// `StoreUnavailable` when there can be no file.
    pub(super) async fn new(
        files: &Arc<Files>,
        queue: &Arc<Queue>,
        session: &SessionId,
        bytes: usize,
    ) -> Result<Arc<Self>> {
        let file = files.acquire(session).await?;
        let rows = file.rows(bytes);
        Ok(Arc::new(Self {
            files: Arc::downgrade(files),
            queue: Arc::downgrade(queue),
            session: session.clone(),
            file,
            rows,
            bytes,
            written: AtomicBool::new(false),
        }))
    }

    /// The part of a range that there is.
    pub(super) fn clamp(&self, bytes: Range<u32>) -> Range<usize> {
        let end = (bytes.end as usize).min(self.bytes);
        (bytes.start as usize).min(end)..end
    }

    /// Whether nobody can want it written any more.
    pub(super) fn is_moot(&self) -> bool {
        self.file.is_doomed()
    }

    pub(super) fn write(&self, payload: &[u8]) -> std::result::Result<(), WriteFailure> {
        let written = self.file.write(self.rows.start, payload);
        self.written.store(written.is_ok(), Ordering::Release);
        if let Some(files) = self.files.upgrade() {
            files.tried(payload.len(), written.is_ok());
        }
        written
    }

    pub(super) fn read(&self, bytes: Range<usize>, patience: Duration) -> std::result::Result<Vec<u8>, ReadFailure> {
        self.file.read(self.rows.start, bytes, patience)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let (Some(files), Some(queue)) = (self.files.upgrade(), self.queue.upgrade()) else { return };
        if files.release(&self.session, &self.file) {
            queue.unlink(Arc::clone(&self.file), self.session.clone());
        } else if self.written.load(Ordering::Acquire) && !self.file.is_doomed() && self.file.discard(self.rows.clone())
        {
            queue.clean(Arc::clone(&self.file));
        }
    }
}
