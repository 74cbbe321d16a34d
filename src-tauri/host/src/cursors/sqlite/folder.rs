//! The folder of the files: a run directory, made with the first file and gone with the last.

use std::{path::PathBuf, sync::Arc};

use ebb_core::Result;
use parking_lot::Mutex;

use crate::run::{RunDir, RunDirs};

/// What folders of cursors begin with.
const KIND: char = 'c';

/// The folder, while there is one.
#[derive(Debug)]
pub(super) struct Folder {
    run_dirs: Arc<RunDirs>,
    open: Mutex<Open>,
    /// Held by whoever makes it; the others wait for it.
    making: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Open {
    dir: Option<Arc<RunDir>>,
    /// How many files need it.
    users: u32,
}

/// The right of one file to be in the folder. Give it back with [`Seat::leave`].
#[derive(Debug)]
pub(super) struct Seat {
    folder: Arc<Folder>,
    dir: Arc<RunDir>,
}

impl Folder {
    pub(super) fn new(run_dirs: Arc<RunDirs>) -> Arc<Self> {
        Arc::new(Self { run_dirs, open: Mutex::default(), making: tokio::sync::Mutex::default() })
    }

    /// One more file will be in it.
    pub(super) async fn enter(self: &Arc<Self>) -> Result<Seat> {
        if let Some(seat) = self.take_seat() {
            return Ok(seat);
        }
        let _making = self.making.lock().await;
        if let Some(seat) = self.take_seat() {
            return Ok(seat);
        }
        let dir = Arc::new(self.run_dirs.create(KIND, &[]).await?);
        *self.open.lock() = Open { dir: Some(Arc::clone(&dir)), users: 1 };
        Ok(Seat { folder: Arc::clone(self), dir })
    }

    fn take_seat(self: &Arc<Self>) -> Option<Seat> {
        let mut open = self.open.lock();
        // One that was removed under us is of no use to a new file.
        let dir = open.dir.clone().filter(|dir| dir.path().exists())?;
        open.users += 1;
        Some(Seat { folder: Arc::clone(self), dir })
    }

    /// Where it is now.
    pub(super) fn path(&self) -> Option<PathBuf> {
        self.open.lock().dir.as_ref().map(|dir| dir.path().to_owned())
    }
}

impl Seat {
    /// The folder.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// One file less is in it; with the last one it goes. Blocks.
    pub(super) fn leave(self) {
        let last = {
            let mut open = self.folder.open.lock();
            if open.dir.as_ref().is_none_or(|dir| !Arc::ptr_eq(dir, &self.dir)) {
                // Another one took its place after it was removed under us.
                return;
            }
            open.users -= 1;
            if open.users == 0 { open.dir.take() } else { None }
        };
        if let Some(dir) = last
            && let Err(error) = dir.remove_now()
        {
            tracing::warn!(%error, path = %dir.path().display(), "a folder of cursors cannot be removed; the census tries again");
        }
    }
}
