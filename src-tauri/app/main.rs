//! The desktop program of Ebb. It runs in one of two roles, which are two processes on purpose: a
//! webview costs 135 MB that it never gives back, and its crash must not touch a single client.
//!
//! * **host** (no word): hosts in process or attaches to `ebb serve`; the tray; never a webview.
//! * **window** (`ebb-desktop window`): the dashboard in a webview, over the host's control socket.
#![cfg_attr(windows, windows_subsystem = "windows")]

mod args;
mod bytes;
mod click;
mod control;
mod desktop;
mod display;
mod hosting;
mod inbox;
mod life;
mod link;
mod menu;
mod notify;
mod picture;
mod place;
mod signals;
mod tray;
mod window;
mod window_role;

use std::process::ExitCode;

use args::Role;

fn main() -> ExitCode {
    let role = match args::parse(std::env::args_os().skip(1)) {
        Ok(role) => role,
        Err(problem) => return failed(&format!("{problem}\n\n{}", args::HELP)),
    };
    let ended = match role {
        Role::Host(args) => desktop::run(args),
        Role::Window(args) => window_role::run(args),
        Role::Help => return said(args::HELP),
        Role::Version => return said(concat!("ebb-desktop ", env!("CARGO_PKG_VERSION"))),
    };
    ended.unwrap_or_else(|error| failed(&format!("{error:#}")))
}

/// Tauri's own view of the app; both roles read the same.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "Tauri's macro brings one along for mobile systems")]
fn context() -> tauri::Context {
    tauri::generate_context!()
}

#[expect(clippy::print_stderr, reason = "the one place where the program talks to who started it")]
fn failed(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "--help and --version are asked for")]
fn said(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}
