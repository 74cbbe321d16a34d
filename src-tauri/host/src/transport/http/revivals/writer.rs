//! The thread that writes the file, after everybody else.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rusqlite::Connection;

use super::{
    file::{self, Batch},
    keeper::Inner,
};

/// After a failure, before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Writes until there is nothing left to write and the host stops.
pub(super) fn run(inner: &Arc<Inner>, path: &Path) {
    let mut connection: Option<Connection> = None;
    loop {
        let batch = {
            let mut held = inner.held.lock();
            while held.dirty.is_empty() && !held.whole {
                if inner.stopping.load(Ordering::Acquire) {
                    return;
                }
                // Nobody writes while nothing changes, and a file that is not open costs no descriptors.
                connection = None;
                inner.work.wait(&mut held);
            }
            Batch::take(&mut held)
        };
        let written = match &mut connection {
            Some(connection) => file::write(connection, &batch).map_err(|error| error.to_string()),
            None => match file::open(path) {
                Ok(opened) => {
                    let opened = connection.insert(opened);
                    file::write(opened, &batch).map_err(|error| error.to_string())
                }
                Err(error) => Err(error.to_string()),
            },
        };
        match written {
            Ok(()) => inner.wrote(batch.changes),
            Err(error) => {
                connection = None;
                inner.fails(&error);
                let mut held = inner.held.lock();
                held.whole = true;
                held.goodbyes |= batch.goodbyes;
                if inner.stopping.load(Ordering::Acquire) {
                    if held.goodbyes {
                        // Better nobody is revived than somebody who said goodbye: to remove it needs no space.
                        forget(path);
                    }
                    return;
                }
                inner.work.wait_for(&mut held, PAUSE);
            }
        }
    }
}

fn forget(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.to_owned().into_os_string();
        name.push(ending);
        if let Err(error) = std::fs::remove_file(&name)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "the file of HTTP clients is out of date and cannot be removed");
        }
    }
}
