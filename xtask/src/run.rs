//! `cargo xtask run`: from a fresh clone to a running Ebb.

use std::{
    env,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{
    connect, process,
    repo::Repo,
    setup::{self, Consent, Need},
    ui,
};

pub(crate) fn run(repo: &Repo, consent: Consent, args: &[String]) -> Result<ExitCode> {
    setup::setup(Need::Run, consent)?;
    ui::install(repo)?;
    ui::build(repo)?;
    process::run(&mut repo.cargo(["build", "-p", "ebb", "-p", "ebb-desktop"]))?;
    println!("\n{}", connect::snippets(&repo.debug_bin("ebb")));

    let mut command = if has_display() {
        Command::new(repo.debug_bin("ebb-desktop"))
    } else {
        println!("No display found: starting the host without a window");
        let mut command = Command::new(repo.debug_bin("ebb"));
        command.args(["serve", "--dashboard"]);
        command
    };
    command.args(args).current_dir(&repo.root);
    replace(command)
}

fn has_display() -> bool {
    if cfg!(not(target_os = "linux")) {
        return true;
    }
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Becomes the program: signals, the terminal and the exit code are then its own.
#[cfg(unix)]
fn replace(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("{} could not be started", command.get_program().display()))
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> Result<ExitCode> {
    let status =
        command.status().with_context(|| format!("{} could not be started", command.get_program().display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
