//! Which host is meant, and how to print: the options that all questions share.

use std::path::PathBuf;

use ebb_core::Result;
use ebb_host::paths::{PathOptions, Paths};

/// Which host, and for whom to print.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The host's socket, where it is not the usual one.
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Place {
    /// Where that host is, or would be.
    pub(crate) fn paths(&self) -> Result<Paths> {
        Paths::find(&PathOptions { socket: self.socket.clone(), data_dir: None })
    }
}
