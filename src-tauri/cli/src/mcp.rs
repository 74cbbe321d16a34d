//! `ebb mcp`: a whole server for the one program that started it.

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use ebb_core::{Code, Error, Result};
use ebb_host::{
    Standalone, logging,
    options::{self, Listen, ServerOptions},
};

use crate::{out, signals::Signals};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// See `ebb mcp --help`.
    #[arg(value_name = "OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

/// How long threads that still block may hold up the end.
const THREADS: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &Args) -> ExitCode {
    let parsed = match options::parse(&args.options, |name| std::env::var_os(name)) {
        Ok(parsed) => parsed,
        Err(error) => {
            out::error(&error);
            return ExitCode::FAILURE;
        }
    };
    if parsed.help || parsed.version {
        let version = concat!("ebb ", env!("CARGO_PKG_VERSION"), "\n");
        out::text(&if parsed.help { options::help() } else { version.to_owned() });
        return ExitCode::SUCCESS;
    }
    parsed.notes.iter().for_each(|line| out::note(line));
    logging::to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(Box::pin(serve(parsed.options)));
            // The thread that reads standard input may stand in a read for ever.
            runtime.shutdown_timeout(THREADS);
            result
        }
        Err(error) => Err(Error::new(Code::Internal, format!("the system gives no threads: {error}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: ServerOptions) -> Result<()> {
    // Before anything can come: a signal while starting must end in order too.
    let mut signals = Signals::new()?;
    let server = Standalone::start(options)?;
    let (outcome, signalled) = tokio::select! {
        outcome = server.serve_stdio() => (outcome, false),
        () = signals.next() => (Ok(()), true),
    };
    tokio::select! {
        () = Box::pin(server.stop(signalled)) => {}
        // Whoever asks twice does not want to wait; the guardian ends what is left.
        () = signals.next() => {}
    }
    outcome
}

/// Says where it listens, and what a client's configuration needs.
fn announce(listen: &Listen, address: SocketAddr) {
    let named = listen.host.as_deref().filter(|host| host.parse::<IpAddr>().is_err() && *host != "localhost");
    let host = match named {
        Some(name) => name.to_owned(),
        None if address.ip().is_loopback() => "localhost".to_owned(),
        None if address.is_ipv6() => format!("[{}]", address.ip()),
        None => address.ip().to_string(),
    };
    let url = format!("http://{host}:{}", address.port());
    let config = serde_json::json!({"mcpServers": {"ebb": {"url": format!("{url}/mcp")}}});
    let config = serde_json::to_string_pretty(&config).unwrap_or_default();
    out::say(&format!(
        "Listening on {url}\nPut this in your client config:\n{config}\nFor legacy SSE transport support, you can use the \
         /sse endpoint instead."
    ));
}
