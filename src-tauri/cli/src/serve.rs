//! `ebb serve`: the host without a window.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use crate::{out, signals::Signals};
use ebb_core::{Code, Error, Result, settings::Settings};
use ebb_host::{
    Host, HostOptions, config, logging,
    paths::{PathOptions, Paths},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where clients connect.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// History, logs and the folders of running browsers.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The settings file, where it is not the usual one.
    #[arg(long, value_name = "FILE", env = "EBB_CONFIG")]
    config: Option<PathBuf>,
    /// The Chromium to run.
    #[arg(long, value_name = "PATH")]
    browser: Option<PathBuf>,
    /// Use the browser that listens here (ws://host:port/... or http://host:port) instead of starting one.
    #[arg(long, value_name = "URL", env = "EBB_BROWSER_ENDPOINT", hide_env_values = true)]
    browser_endpoint: Option<String>,
    /// Give sessions a window of the full browser unless they say otherwise.
    #[arg(long)]
    headed: bool,
    /// Run Chromium without its sandbox.
    #[arg(long)]
    no_sandbox: bool,
    /// Where large results are kept: memory, sqlite, or the URL of a Redis.
    #[arg(long, value_name = "memory|sqlite|redis://...", env = "EBB_CURSOR_STORE", hide_env_values = true)]
    cursor_store: Option<String>,
    /// End a session after this many seconds without a call; 0: never.
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<u64>,
    /// End the heaviest page of a session whose pages hold more than this many MB; 0: no limit.
    #[arg(long, value_name = "MB")]
    max_session_memory: Option<u64>,
    /// The same for an HTTP client that has lost its event stream.
    #[arg(long, value_name = "SECONDS", hide = true)]
    stream_lost_timeout: Option<u64>,
    /// Serve MCP over HTTP as well, at this address of this machine; port 0 takes a free one.
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    http: Option<String>,
    /// Let the session of a client that left wait this many seconds for it to come back; 0: not at all.
    #[arg(long, value_name = "SECONDS")]
    reconnect_grace: Option<u64>,
    /// Show the dashboard over HTTP at this port of this machine; without a port: a free one.
    #[arg(long, value_name = "[ADDRESS:]PORT", num_args = 0..=1, default_missing_value = "0")]
    dashboard: Option<String>,
    /// Started for a client: be quiet where another host runs, and end when nobody has been here for 10 minutes.
    #[arg(long, hide = true)]
    auto: bool,
}

/// How long a host that a client started stays without any.
const LONELY: Duration = Duration::from_mins(10);

pub(crate) fn run(args: Args) -> ExitCode {
    let auto = args.auto;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(Box::pin(serve(args)));
            // What still blocks after an orderly stop is not waited for.
            runtime.shutdown_timeout(Duration::from_secs(1));
            result
        }
        Err(error) => Err(Error::new(Code::Internal, format!("the system gives no threads: {error}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Twenty clients may start a host at once; the one that came first serves them all.
        Err(error) if auto && error.code == Code::LimitReached => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Args) -> Result<()> {
    let dashboard = args.dashboard.as_deref().map(port).transpose()?;
    let http = args.http.as_deref().map(loopback).transpose()?;
    let paths = PathOptions { socket: args.socket.clone(), data_dir: args.data_dir.clone() };
    let place = Paths::resolve(&paths)?;
    place.prepare()?;
    let config_file = args.config.clone().unwrap_or_else(|| place.config_file.clone());
    let loaded = config::load(&config_file);
    let config_problem = loaded.problem(&config_file);
    let log = logging::start(&place.log_dir, &loaded.settings.log_level);
    if let Some(problem) = &config_problem {
        tracing::warn!(problem, "the settings file has mistakes");
        out::note(problem);
    }
    // Before anything can come: a signal while starting must end in order too.
    let mut signals = Signals::new()?;
    let options = HostOptions {
        paths,
        settings: settings(&args, loaded.settings)?,
        config_file: Some(config_file),
        config_problem,
        http,
        dashboard,
        stop_when_idle: args.auto.then_some(LONELY),
        show_window: None,
    };
    let host = tokio::select! {
        host = Box::pin(Host::start(options)) => host?,
        () = signals.next() => return Ok(()),
    };
    out::line(&format!("listening on {}", host.paths().mcp_sock.display()));
    if let Some(address) = host.http_address() {
        out::line(&format!("MCP over HTTP at http://{address}/mcp (token in {})", host.paths().http_token.display()));
    }
    if host.recovered() > 0 {
        let sessions = if host.recovered() == 1 { "1 session" } else { &format!("{} sessions", host.recovered()) };
        out::line(&format!(
            "an earlier Ebb had died with {sessions} open; what it left is removed (see `ebb history`)"
        ));
    }
    if let Some(url) = host.dashboard_url() {
        out::line(&format!("dashboard at {url} (works once, for 60 seconds)"));
    }
    tokio::select! {
        () = host.stopped() => tracing::info!("asked to quit"),
        () = signals.next() => tracing::info!("signalled to quit"),
    }
    tokio::select! {
        () = Box::pin(host.stop()) => {}
        // Whoever asks twice does not want to wait; the next start removes what is left.
        () = signals.next() => tracing::warn!("signalled again: not waiting for the cleanup"),
    }
    drop(log);
    Ok(())
}

/// What the command line changes of the settings in the file.
fn settings(args: &Args, mut settings: Settings) -> Result<Settings> {
    if args.browser.is_some() {
        settings.browser.executable.clone_from(&args.browser);
    }
    settings.browser.no_sandbox |= args.no_sandbox;
    if let Some(megabytes) = args.max_session_memory {
        settings.browser.max_session_bytes = megabytes.saturating_mul(1_000_000);
    }
    if let Some(seconds) = args.stream_lost_timeout {
        settings.sessions.stream_lost_timeout = Duration::from_secs(seconds);
    }
    settings.browser.headed |= args.headed;
    if args.browser_endpoint.is_some() {
        settings.browser.endpoint.clone_from(&args.browser_endpoint);
    }
    if let Some(seconds) = args.idle_timeout {
        let limit = Duration::from_secs(seconds);
        settings.sessions.idle_timeout = limit;
        settings.sessions.idle_timeout_known_process = limit;
    }
    if let Some(store) = &args.cursor_store {
        settings.cursors.store = store.parse()?;
    }
    if let Some(seconds) = args.reconnect_grace {
        settings.sessions.reconnect_grace = Duration::from_secs(seconds);
    }
    Ok(settings)
}

/// The port in `8931` or `127.0.0.1:8931`. The dashboard never leaves the machine.
fn port(address: &str) -> Result<u16> {
    let wrong = |what: &str| {
        Error::new(Code::InvalidArguments, format!("--dashboard {address}: {what}"))
            .next("give a port such as 8931; from elsewhere, reach it through `ssh -L`")
    };
    let (host, port) = address.rsplit_once(':').unwrap_or(("localhost", address));
    let host = host.trim_matches(['[', ']']);
    if host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        return Err(wrong("the dashboard is for this machine only"));
    }
    port.parse().map_err(|_| wrong("this is no port"))
}

/// The address in `8932` or `127.0.0.1:8932`.
fn loopback(address: &str) -> Result<SocketAddr> {
    let wrong = || {
        Error::new(Code::InvalidArguments, format!("--http {address}: this is no address of this machine"))
            .next("give a port such as 8932, or 127.0.0.1:8932; from elsewhere, reach it through `ssh -L`")
    };
    let (host, port) = address.rsplit_once(':').unwrap_or(("127.0.0.1", address));
    let host = if host == "localhost" { "127.0.0.1" } else { host.trim_matches(['[', ']']) };
    let ip: IpAddr = host.parse().map_err(|_| wrong())?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if ip.is_loopback() { Ok(SocketAddr::new(ip, port)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_stays_on_this_machine() {
        assert_eq!(port("0"), Ok(0));
        assert_eq!(port("8931"), Ok(8931));
        assert_eq!(port("127.0.0.1:8931"), Ok(8931));
        assert_eq!(port("[::1]:8931"), Ok(8931));
        for wrong in ["0.0.0.0:8931", "example.org:80", "x", "", "70000"] {
            port(wrong).unwrap_err();
        }
    }
}
