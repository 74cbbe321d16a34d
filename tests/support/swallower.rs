//! What stands between a client and a host and keeps every connection open, whoever is dead behind it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Passes everything on until it is told to swallow: then it reads, passes nothing on, and closes nothing.
pub struct Swallower {
    address: SocketAddr,
    swallows: Arc<AtomicBool>,
}

impl Swallower {
    /// Starts one in front of a host.
    #[must_use]
    pub fn start(host: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let swallows = Arc::<AtomicBool>::default();
        let told = Arc::clone(&swallows);
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(host) else { continue };
                for (from, to) in [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))] {
                    let (Ok(from), Ok(to), told) = (from, to, Arc::clone(&told)) else { continue };
                    thread::spawn(move || pass(from, to, &told));
                }
            }
        });
        Self { address, swallows }
    }

    /// Where clients find it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing passes, the end of a connection neither.
    pub fn swallow(&self) {
        self.swallows.store(true, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut chunk).unwrap_or_default();
        if swallows.load(Ordering::SeqCst) {
            if count == 0 {
                // Held open for ever: dropping it would say that somebody is gone.
                std::mem::forget(to);
                return;
            }
        } else if count == 0 || to.write_all(&chunk[..count]).is_err() {
            drop(to.shutdown(std::net::Shutdown::Both));
            return;
        }
    }
}
