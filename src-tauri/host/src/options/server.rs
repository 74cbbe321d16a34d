//! What a server of one's own is started with, beside what its clients have.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{ClientOptions, SnapshotMode, Viewport};

/// Everything that `ebb mcp` can be told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerOptions {
    /// What its clients have.
    pub client: ClientOptions,
    /// Which browser, and how.
    pub browser: BrowserOptions,
    /// Where it listens instead of the standard streams; 0: a port of the system's choice.
    pub port: Option<u16>,
    /// The name or address that it listens at; `localhost` without.
    pub host: Option<String>,
    /// Names in `Host` that are let in; the one it listens at without, `*` for any.
    pub allowed_hosts: Vec<String>,
    /// A file with a token that HTTP clients have to send.
    pub token_file: Option<PathBuf>,
    /// A browser that nobody used for this long is closed; zero: never. None: an hour where it is headless and
    /// ours, else never.
    pub idle: Option<Duration>,
    /// Over HTTP, clients with an open event stream are asked whether they are there, and one that takes longer
    /// than this to answer loses its session. None: they are not asked.
    pub ping: Option<Duration>,
}

/// Which browser a server of one's own uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrowserOptions {
    /// `chrome`, `chromium`, `msedge-beta` and the like; none: Chrome, else any Chromium.
    pub channel: Option<String>,
    /// This binary.
    pub executable: Option<PathBuf>,
    /// Whether nobody sees it; none: only where there is no display.
    pub headless: Option<bool>,
    /// Whether its sandbox is on; none: where it can be.
    pub sandbox: Option<bool>,
    /// Arguments for its command line.
    pub args: Vec<String>,
    /// The proxy of everything in it.
    pub proxy: Option<ProxyOptions>,
    /// A context for each client in memory, instead of a profile on disk.
    pub isolated: bool,
    /// The profile, where it is not the workspace's own.
    pub user_data_dir: Option<PathBuf>,
    /// A browser that runs already.
    pub cdp_endpoint: Option<String>,
    /// Headers of the connection to it.
    pub cdp_headers: BTreeMap<String, String>,
    /// How long that connection may take.
    pub cdp_timeout: Option<Duration>,
    /// What was said about the size of pages: nothing, "as the window is", or a size.
    pub viewport: Option<Option<Viewport>>,
}

/// A proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyOptions {
    /// `http://host:port`, `socks5://host:port`.
    pub server: String,
    /// Hosts that go around it, with commas.
    pub bypass: Option<String>,
    /// Who asks, where it wants to know.
    pub username: Option<String>,
    /// With this password.
    pub password: Option<String>,
}

impl ServerOptions {
    /// What holds for a server of one's own that is told nothing.
    #[must_use]
    pub fn own() -> Self {
        let mut options = Self::default();
        options.client.own_server = true;
        options.client.output.snapshot = SnapshotMode::File;
        options
    }
}

impl BrowserOptions {
    /// Whether the browser has no window on this machine: as told, else where there is no display.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        self.headless.unwrap_or_else(|| {
            cfg!(any(target_os = "linux", target_os = "freebsd")) && !set("DISPLAY") && !set("WAYLAND_DISPLAY")
        })
    }
}
