//! `ebb completions` and `ebb man`: what shells and readers of manuals want, made from the commands
//! themselves.

use std::{io::Write, process::ExitCode};

use clap::{Command, CommandFactory};

use crate::{Cli, out};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// For which shell.
    shell: clap_complete::Shell,
}

/// Prints the completion script of a shell.
pub(crate) fn completions(args: &Args) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ebb", &mut script);
    print(&script)
}

/// Prints the manual page, all commands in one.
pub(crate) fn man() -> ExitCode {
    let mut page = Vec::new();
    let command = Cli::command();
    let rendered = render(&command, &mut page);
    if let Err(error) = rendered {
        out::note(&format!("the manual page cannot be made: {error}"));
        return ExitCode::FAILURE;
    }
    print(&page)
}

fn render(command: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        writeln!(page, ".SH \"EBB {}\"", sub.get_name().to_uppercase())?;
        let sub = sub.clone().bin_name(format!("ebb {}", sub.get_name()));
        if let Some(about) = sub.get_about() {
            writeln!(page, "{about}")?;
        }
        clap_mangen::Man::new(sub).render_options_section(page)?;
    }
    Ok(())
}

fn print(bytes: &[u8]) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    // A reader that has gone is no error.
    drop(stdout.write_all(bytes).and_then(|()| stdout.flush()));
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_command_and_completions_are_made_for_every_shell() {
        let mut page = Vec::new();
        render(&Cli::command(), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for command in ["EBB CONNECT", "EBB SERVE", "EBB CURSORS", "EBB HISTORY", "EBB DOCTOR"] {
            assert!(page.contains(command), "{command}");
        }
        assert!(!page.contains("EBB DETACH"));
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ebb", &mut script);
            assert!(String::from_utf8_lossy(&script).contains("history"), "{shell}");
        }
    }

    #[test]
    fn the_commands_are_sound() {
        Cli::command().debug_assert();
    }
}
