//! The dashboard over loopback HTTP, for a machine without a display.
//!
//! It listens on 127.0.0.1 and nowhere else. Who opens it shows a one-time code from the terminal
//! ([`Dashboard::url`]) and gets a cookie; every request is checked against other web sites first.

mod assets;
pub(crate) mod guard;
mod limited;
mod login;
mod routes;

#[cfg(test)]
mod tests;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ebb_core::{Code, Error, Result};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::control::Control;
use login::Logins;

/// How long an orderly stop waits for answers on their way.
const STOP: Duration = Duration::from_secs(2);

/// A running dashboard server. Dropping it stops it.
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    logins: Arc<Logins>,
    stop: CancellationToken,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Dashboard {
    /// Serves the dashboard at `port` of 127.0.0.1; 0 takes a free one. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// Where the port cannot be had.
    pub fn start(port: u16, control: Control) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(Code::Internal, format!("the dashboard cannot listen on 127.0.0.1:{port}: {error}"))
                .next("Choose another port, or 0 for a free one")
        };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;

        let (logins, stop) = (Arc::new(Logins::default()), CancellationToken::new());
        let router = routes::router(address.port(), control, Arc::clone(&logins), stop.clone());
        let stopping = stop.clone().cancelled_owned();
        let server = TaskTracker::new().spawn(async move {
            let served = axum::serve(limited::Limited::new(listener), router).with_graceful_shutdown(stopping).await;
            if let Err(error) = served {
                tracing::error!(%error, "the dashboard server ended");
            }
        });
        Ok(Self { address, logins, stop, server: Mutex::new(Some(server)) })
    }

    /// The address to open, with a new one-time code in the fragment (which no server ever sees). The
    /// code works once, within 60 seconds.
    pub fn url(&self) -> String {
        let base = format!("http://{}/", self.address);
        match self.logins.new_code() {
            Some(code) => format!("{base}#code={code}"),
            // Without random bits there is no way in, rather than a weak one.
            None => base,
        }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Stops listening, ends the event streams and waits at most 2 s for answers on their way.
    pub async fn stop(&self) {
        self.stop.cancel();
        let server = self.server.lock().take();
        if let Some(mut server) = server
            && tokio::time::timeout(STOP, &mut server).await.is_err()
        {
            server.abort();
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
