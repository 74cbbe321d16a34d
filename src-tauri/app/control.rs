//! The host as the tray sees it, whether it runs in this process or in another.

use ebb_core::{Result, view::Snapshot};
use ebb_host::control::{Command, Control, Events, Reply, client::Client};

/// One interface for both; nothing else in the app knows which it is.
#[derive(Clone)]
pub(crate) enum ControlClient {
    InProcess(Control),
    Socket(Client),
}

impl ControlClient {
    pub(crate) async fn dispatch(&self, command: Command) -> Result<Reply> {
        match self {
            Self::InProcess(control) => control.dispatch(command).await,
            Self::Socket(client) => client.call(command).await,
        }
    }

    pub(crate) async fn subscribe(&self) -> Result<(Snapshot, Events)> {
        match self {
            Self::InProcess(control) => Ok(control.subscribe()),
            Self::Socket(client) => client.subscribe().await,
        }
    }
}
