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
        section(sub, "ebb", page)?;
    }
    Ok(())
}

/// One command and those below it.
fn section(command: &Command, above: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    let name = format!("{above} {}", command.get_name());
    writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
    if let Some(about) = command.get_about() {
        writeln!(page, "{about}")?;
    }
    clap_mangen::Man::new(command.clone().bin_name(&name)).render_options_section(page)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        section(sub, &name, page)?;
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
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn the_manual_has_every_command_and_completions_are_made_for_every_shell() {
        let mut page = Vec::new();
        render(&Cli::command(), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for command in [
            "EBB CONNECT",
            "EBB SERVE",
            "EBB CURSORS",
            "EBB CURSORS CLOSE",
            "EBB CONFIG SET",
            "EBB HISTORY",
            "EBB DOCTOR",
        ] {
            assert!(page.contains(command), "{command}");
        }
        assert!(!page.contains("EBB DETACH"));
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
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
