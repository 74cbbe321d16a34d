//! `ebb connect`: what MCP clients start. Standard output carries MCP and nothing else.

use std::{path::PathBuf, process::ExitCode};

use ebb_host::{
    options,
    paths::PathOptions,
    transport::bridge::{self, Ending, Options},
};

use crate::out;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The host's socket, where it is not the usual one.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The data directory of a host that is started by this.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Fail where Ebb is not running, instead of starting it.
    #[arg(long)]
    no_start: bool,
    /// Options for this client's sessions, such as `--caps=vision`: those of `ebb mcp --help`.
    #[arg(value_name = "OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(crate) fn run(mut args: Args) -> ExitCode {
    // After the first option that is not ours everything is taken for such; these may come late.
    let socket = args.socket.or_else(|| take(&mut args.options, "--socket").map(PathBuf::from));
    let data_dir = args.data_dir.or_else(|| take(&mut args.options, "--data-dir").map(PathBuf::from));
    let late = args.options.iter().position(|option| option == "--no-start").map(|at| args.options.remove(at));
    let told = match options::travelling(&args.options, |name| std::env::var_os(name)) {
        Ok(told) => told,
        Err(error) => {
            out::error(&error);
            return ExitCode::FAILURE;
        }
    };
    if !told.ignored.is_empty() {
        out::note(&format!("ignored, these belong to the host: --{}", told.ignored.join(", --")));
    }
    told.notes.iter().for_each(|line| out::note(line));
    let start = !args.no_start && late.is_none();
    match bridge::run(&Options { paths: PathOptions { socket, data_dir }, flags: told.flags, start }) {
        Ending::Done | Ending::ClientGone => ExitCode::SUCCESS,
        Ending::HostQuit => {
            out::note("Ebb was quit by the user");
            ExitCode::FAILURE
        }
        Ending::Failed(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Takes `--name value` or `--name=value` out of the options.
fn take(options: &mut Vec<String>, name: &str) -> Option<String> {
    let at = options.iter().position(|option| option.split('=').next() == Some(name))?;
    let option = options.remove(at);
    match option.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => (at < options.len()).then(|| options.remove(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn late_options_of_the_bridge_are_found() {
        let mut some = options(&["--caps", "vision", "--socket", "/a", "--port=1"]);
        assert_eq!(take(&mut some, "--socket").as_deref(), Some("/a"));
        assert_eq!(some, ["--caps", "vision", "--port=1"]);
        let mut some = options(&["--socket=/a=b", "x"]);
        assert_eq!(take(&mut some, "--socket").as_deref(), Some("/a=b"));
        assert_eq!(some, ["x"]);
        assert_eq!(take(&mut options(&["--socket"]), "--socket"), None);
        assert_eq!(take(&mut some, "--socket"), None);
    }
}
