//! Where everything is. One function serves host, command line, bridge and app, and answers the same
//! from the user id and the home directory alone: MCP clients start servers with next to no environment.

mod endpoint;
mod environment;
mod lock;
mod place;

use std::path::{Path, PathBuf};

use ebb_core::{Code, Error, Result};

pub use endpoint::Endpoint;
pub use environment::Environment;
pub(crate) use lock::recorded;
pub use lock::{HostLock, NotLocked};

/// What the command line said.
#[derive(Debug, Clone, Default)]
pub struct PathOptions {
    /// `--socket`: where clients connect.
    pub socket: Option<PathBuf>,
    /// `--data-dir`: history, logs and the folders of running browsers.
    pub data_dir: Option<PathBuf>,
}

/// All paths of one host, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// MCP, a message a line.
    pub mcp_sock: PathBuf,
    /// MCP over HTTP.
    pub http_sock: PathBuf,
    /// [`crate::control`].
    pub control_sock: PathBuf,
    /// Held by the one host of this place.
    pub lock: PathBuf,
    /// History, logs, settings.
    pub data_dir: PathBuf,
    /// One folder a running browser.
    pub run_dir: PathBuf,
    /// What has to be found without any environment.
    pub state_dir: PathBuf,
    /// Tells clients where the host really listens.
    pub endpoint_file: PathBuf,
    /// What a client must know that speaks HTTP over TCP.
    pub http_token: PathBuf,
    /// The settings.
    pub config_file: PathBuf,
    /// Log files.
    pub log_dir: PathBuf,
    /// Whether the sockets are in the default place, which is ours alone to set up.
    pub default_place: bool,
}

impl Paths {
    /// Where a host listens.
    pub fn resolve(options: &PathOptions) -> Result<Self> {
        Self::resolve_in(&Environment::current(), options)
    }

    /// Where a client looks for the host: what it was told, else the default place when a host is
    /// there, else where a living host says that it is, else the default place.
    pub fn find(options: &PathOptions) -> Result<Self> {
        Self::find_in(&Environment::current(), options)
    }

    /// [`Self::resolve`] in a given environment.
    pub fn resolve_in(environment: &Environment, options: &PathOptions) -> Result<Self> {
        let sockets = match told(environment, options)? {
            Some(socket) => place::Sockets::beside(&socket),
            None => place::Sockets::default_of(environment)?,
        };
        Self::with(environment, options, sockets)
    }

    /// [`Self::find`] in a given environment.
    pub fn find_in(environment: &Environment, options: &PathOptions) -> Result<Self> {
        let default = Self::resolve_in(environment, options)?;
        if !default.default_place || default.looks_alive() {
            return Ok(default);
        }
        match Endpoint::read(&default.endpoint_file).filter(Endpoint::lives) {
            Some(endpoint) => {
                let data_dir = options.data_dir.clone().or(Some(endpoint.data_dir));
                let found = PathOptions { socket: Some(endpoint.mcp_sock), data_dir };
                Ok(Self { control_sock: endpoint.control_sock, ..Self::resolve_in(environment, &found)? })
            }
            None => Ok(default),
        }
    }

    fn with(environment: &Environment, options: &PathOptions, sockets: place::Sockets) -> Result<Self> {
        let data_dir = match options.data_dir.clone().or_else(|| environment.path("EBB_DATA_DIR")) {
            Some(folder) => absolute(&folder)?,
            None => place::data_dir(environment)?,
        };
        let state_dir = place::state_dir(environment)?;
        let paths = Self {
            mcp_sock: sockets.mcp,
            http_sock: sockets.http,
            control_sock: sockets.control,
            lock: sockets.lock,
            run_dir: data_dir.join("run"),
            config_file: place::config_file(environment)?,
            log_dir: data_dir.join("log"),
            http_token: data_dir.join("http-token"),
            endpoint_file: state_dir.join("endpoint.json"),
            data_dir,
            state_dir,
            default_place: sockets.default_place,
        };
        for socket in [&paths.mcp_sock, &paths.http_sock, &paths.control_sock] {
            place::check_length(socket)?;
        }
        Ok(paths)
    }

    /// Makes the folders that a host needs. The default place and the data folder are closed to others;
    /// a folder that somebody chose for the sockets keeps the permissions it has.
    /// Files of this process are its user's alone from now on, logs included.
    pub fn prepare(&self) -> Result<()> {
        #[cfg(unix)]
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let sockets = self.mcp_sock.parent().unwrap_or(Path::new("/"));
        if self.default_place {
            place::make_private(sockets)?;
        } else {
            place::make(sockets)?;
        }
        for folder in [&self.data_dir, &self.run_dir, &self.log_dir, &self.state_dir] {
            place::make_private(folder)?;
        }
        Ok(())
    }

    /// Whether a host seems to be here: its socket is, and its lock does not name a dead process.
    fn looks_alive(&self) -> bool {
        place::is_socket(&self.mcp_sock) && recorded(&self.lock).is_none_or(crate::transport::proc::lives)
    }
}

/// The data folder of this user, for programs that need none of the sockets.
///
/// # Errors
/// No home directory is known.
pub(crate) fn data_dir() -> Result<PathBuf> {
    let environment = Environment::current();
    environment.path("EBB_DATA_DIR").map_or_else(|| place::data_dir(&environment), |folder| absolute(&folder))
}

/// The socket that the user named, made absolute.
fn told(environment: &Environment, options: &PathOptions) -> Result<Option<PathBuf>> {
    let told = options.socket.clone().or_else(|| environment.path("EBB_SOCKET"));
    told.map(|socket| absolute(&socket)).transpose()
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::new(Code::InvalidArguments, format!("{} is no usable path: {error}", path.display()))
            .next("give an absolute path")
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
