//! What the official conformance suite asks for by name (tools, resources, prompts), on the HTTP server that Ebb
//! ships: the same door, token, sessions, headers and streams. It is started as `ebb serve` is; nobody installs it.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program of the tests: what cannot be set up ends it with its reason"
)]
#![expect(deprecated, reason = "2025-11-25 has logging and subscriptions to resources, and the suite asks for them")]

/// The suite's requests and what answers them.
mod answers;
/// What a client is asked for within a call, and what it says to that.
mod input;
/// Prompts.
mod prompts;
/// Resources.
mod resources;
/// Tools.
mod tools;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use clap::Parser;
use ebb_host::{Host, HostOptions, paths::PathOptions};
use tokio::signal::unix::{SignalKind, signal};

use answers::{Shared, Suite};

/// The arguments of `ebb serve` that tests give it.
#[derive(Parser)]
struct Cli {
    /// `serve`
    #[arg(value_parser = ["serve"])]
    _command: String,
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    data_dir: PathBuf,
    #[arg(long)]
    http: SocketAddr,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let options = HostOptions {
        paths: PathOptions { socket: Some(cli.socket), data_dir: Some(cli.data_dir) },
        http: Some(cli.http),
        ..HostOptions::default()
    };
    let shared = Arc::new(Shared::new());
    let host = Box::pin(Host::start_answered_by(options, move || Suite::new(Arc::clone(&shared)))).await?;
    println!("listening on {}", host.paths().mcp_sock.display());
    let address = host.http_address().expect("HTTP was asked for");
    println!("MCP over HTTP at http://{address}/mcp");
    terminate.recv().await;
    Box::pin(host.stop()).await;
    Ok(())
}
