//! `ebb` on the command line. Each command is a file of its own; none knows a tool of MCP.

mod clients;
mod config;
mod connect;
mod control;
mod cursors;
mod dashboard;
mod detach;
#[cfg(test)]
mod docs;
mod doctor;
mod end;
mod guard;
mod history;
mod mcp;
mod out;
mod place;
mod serve;
mod sessions;
mod shell;
mod signals;
mod status;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One browser host for every AI agent on your machine, and nothing left behind.
#[derive(Parser)]
#[command(name = "ebb", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connect an MCP client over standard input and output; what clients are configured with.
    Connect(connect::Args),
    /// Run a whole server of your own on standard input and output; for CI and containers.
    Mcp(mcp::Args),
    /// Run the host without a window, until it is told to stop.
    Serve(serve::Args),
    /// Print a link to the dashboard of the running host, for a browser on this machine.
    Dashboard(place::Place),
    /// Show whether Ebb runs, and what it holds.
    Status(place::Place),
    /// List the open sessions.
    Sessions(place::Place),
    /// End one session and show what its cleanup did.
    End(end::Args),
    /// List the long results that sessions keep, or close some.
    Cursors(cursors::Args),
    /// List past cleanups, newest first.
    History(history::Args),
    /// Show which MCP clients know Ebb, and set one up.
    Clients(clients::Args),
    /// Show, check and change the settings.
    Config(config::Args),
    /// Check everything that Ebb needs on this machine.
    Doctor(doctor::Args),
    /// Print the completion script for a shell.
    Completions(shell::Args),
    /// Print the manual page.
    Man,
    /// End what a host leaves when it is killed; started by the host itself.
    #[command(hide = true)]
    Guard(guard::Args),
    /// Start a program that belongs to no client.
    #[command(hide = true)]
    Detach(detach::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Connect(args) => connect::run(args),
        Command::Mcp(args) => mcp::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Dashboard(args) => dashboard::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Sessions(args) => sessions::run(&args),
        Command::End(args) => end::run(&args),
        Command::Cursors(args) => cursors::run(&args),
        Command::History(args) => history::run(&args),
        Command::Clients(args) => clients::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man => shell::man(),
        Command::Guard(args) => guard::run(&args),
        Command::Detach(args) => detach::run(&args),
    }
}
