//! Gives memory back to the system after much of it was released.
//!
//! glibc keeps freed memory for later: after large cursors went, hundreds of megabytes would stay with
//! the process. It is asked for them off the removal path, at most once a second.

use std::{sync::Arc, time::Duration};

use ebb_core::{cursors::CursorStore, events::Event, sessions::SessionManager};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{sleep, timeout},
};

/// Less than this is not worth the walk over the heap.
const WORTH: u64 = 4 << 20;
/// Releases come in bursts, and the walk takes locks that everybody needs.
const PACE: Duration = Duration::from_secs(1);
/// So long after a removal what it removed is dropped for sure.
const DROPPED: Duration = Duration::from_millis(250);

/// Cursors that expire tell nobody: while there are any, they are looked at this often.
const LOOK: Duration = Duration::from_secs(30);

/// Watches what the store and the sessions hold, and trims after large changes; for ever.
pub(crate) async fn give_back(manager: SessionManager, store: Arc<dyn CursorStore>) {
    let mut events = manager.subscribe();
    let mut before = 0_u64;
    let mut released = 0_u64;
    loop {
        let patience = if before == 0 { Duration::from_hours(24) } else { LOOK };
        match timeout(patience, events.recv()).await {
            // Page buffers go with the session; cursors are seen in the usage as well.
            Ok(Ok(Event::SessionRemoved(report))) => released += report.freed.devtools_bytes,
            Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => {}
            Ok(Err(RecvError::Closed)) => return,
        }
        let now = store.usage_now(None).bytes;
        // A result on its way into a file or into Redis was in this memory too.
        released += now.abs_diff(before);
        before = now;
        if released >= WORTH {
            released = 0;
            // What was just removed is being dropped now.
            sleep(DROPPED).await;
            if let Err(error) = tokio::task::spawn_blocking(trim).await {
                tracing::debug!(%error, "memory could not be given back");
            }
            sleep(PACE).await;
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: it takes a number and touches nothing but the allocator's own free lists, under its locks.
    let given = unsafe { libc::malloc_trim(0) };
    tracing::debug!(given, "freed memory was given back");
}

/// Other allocators give memory back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
