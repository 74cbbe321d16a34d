//! `ebb mcp`: a whole server for the one program that started it.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use ebb_core::{Code, Error, Result};
use ebb_host::{
    Standalone, logging,
    options::{self, ServerOptions},
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
    let listening = Standalone::listening(&options).await?;
    let mut server = Standalone::start(options)?;
    let (outcome, signalled) = if let Some(http) = listening {
        let outcome = server.serve_http(http).await.map(say_where);
        if outcome.is_ok() {
            signals.next().await;
        }
        (outcome, true)
    } else {
        tokio::select! {
            outcome = server.serve_stdio() => (outcome, false),
            () = signals.next() => (Ok(()), true),
        }
    };
    tokio::select! {
        () = Box::pin(server.stop(signalled)) => {}
        // Whoever asks twice does not want to wait; the guardian ends what is left.
        () = signals.next() => {}
    }
    outcome
}

/// What to put where, for whoever started it.
fn say_where(address: SocketAddr) {
    let host = if address.ip().is_loopback() { format!("localhost:{}", address.port()) } else { address.to_string() };
    let config = serde_json::json!({"mcpServers": {"ebb": {"url": format!("http://{host}/mcp")}}});
    let config = serde_json::to_string_pretty(&config).unwrap_or_default();
    out::aside(&format!(
        "Listening on http://{host}\nPut this into your client's configuration:\n{config}\n\
         Clients of the old transport use /sse in place of /mcp.\n"
    ));
}
