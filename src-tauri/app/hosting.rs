//! Who hosts: this process where it gets the lock, else the `ebb serve` that has it.

use std::{path::PathBuf, sync::Arc};

use ebb_core::{Code, Result, settings::Settings};
use ebb_host::{Host, HostOptions, ShowWindow, control::client::Client, paths::PathOptions};

use crate::{control::ControlClient, window::Window};

/// Where the tray sits.
pub(crate) enum Seat {
    /// The host is here.
    Host(Box<Host>),
    /// It is another process.
    Attached(Client),
}

impl Seat {
    pub(crate) fn control(&self) -> ControlClient {
        match self {
            Self::Host(host) => ControlClient::InProcess(host.control().clone()),
            Self::Attached(client) => ControlClient::Socket(client.clone()),
        }
    }

    /// Resolves when a host of ours was asked to quit, by its window or the command line.
    pub(crate) async fn asked_to_quit(&self) {
        match self {
            Self::Host(host) => host.stopped().await,
            Self::Attached(_) => std::future::pending().await,
        }
    }

    pub(crate) fn is_attached(&self) -> bool {
        matches!(self, Self::Attached(_))
    }

    /// Ends our host with everything in it; somebody else's goes on.
    pub(crate) async fn leave(self) {
        if let Self::Host(host) = self {
            host.stop().await;
        }
    }
}

/// How to get a seat.
pub(crate) struct Hosting {
    pub(crate) paths: PathOptions,
    pub(crate) settings: Settings,
    pub(crate) config_problem: Option<String>,
    pub(crate) control_sock: PathBuf,
    pub(crate) browser: Option<PathBuf>,
    pub(crate) no_sandbox: bool,
    pub(crate) window: Arc<Window>,
}

impl Hosting {
    /// Hosts, or attaches to who does; none while that one is just coming or going.
    ///
    /// # Errors
    /// A host that cannot start here for another reason.
    pub(crate) async fn take(&self) -> Result<Option<Seat>> {
        match Box::pin(Host::start(self.options())).await {
            Ok(host) => Ok(Some(Seat::Host(Box::new(host)))),
            Err(error) if error.code == Code::LimitReached => {
                let client = Client::connect(&self.control_sock).await;
                Ok(client.ok().map(Seat::Attached))
            }
            Err(error) => Err(error),
        }
    }

    fn options(&self) -> HostOptions {
        let mut settings = self.settings.clone();
        if self.browser.is_some() {
            settings.browser.executable.clone_from(&self.browser);
        }
        settings.browser.no_sandbox |= self.no_sandbox;
        if let Some(endpoint) = std::env::var("EBB_BROWSER_ENDPOINT").ok().filter(|named| !named.is_empty()) {
            settings.browser.endpoint = Some(endpoint);
        }
        let window = Arc::clone(&self.window);
        let show: ShowWindow = Box::new(move |route| window.show(route));
        HostOptions {
            paths: self.paths.clone(),
            settings,
            config_problem: self.config_problem.clone(),
            show_window: Some(show),
            ..HostOptions::default()
        }
    }
}
