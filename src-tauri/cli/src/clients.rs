//! `ebb clients`: which MCP clients know Ebb, and the change of their files that makes them.

use std::{
    io::{BufRead, IsTerminal},
    process::ExitCode,
};

use ebb_core::{Code, Error, Result};
use ebb_host::{
    clients::{Act, ClientFiles, DiffMark, PlanView, SetupState, SetupView},
    control::{Command, Reply, client::Client},
    ebb_executable,
    paths::Environment,
};
use serde_json::json;

use crate::{out, place::Place, table};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Option<Words>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Subcommand)]
enum Words {
    /// List the clients that Ebb knows, and how each is set up.
    List,
    /// Show the change that `add` would make, and what to paste instead.
    Show {
        /// Such as `claude-code` or `cursor`.
        client: String,
    },
    /// Put Ebb into a client's file; asks first, and keeps a backup.
    Add(Change),
    /// Take Ebb out of a client's file; asks first, and keeps a backup.
    Remove(Change),
    /// Put a client's file back as it was before the last change.
    Undo {
        /// Such as `claude-code` or `cursor`.
        client: String,
    },
}

#[derive(clap::Args)]
struct Change {
    /// Such as `claude-code` or `cursor`.
    client: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match act(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if args.place.json {
                out::json_error(&error);
            } else {
                out::error(&error);
            }
            ExitCode::FAILURE
        }
    }
}

fn act(args: &Args) -> Result<()> {
    let paths = args.place.paths()?;
    let files = ClientFiles::new(&Environment::current(), &paths.data_dir, &ebb_executable())?;
    let json = args.place.json;
    match args.act.as_ref().unwrap_or(&Words::List) {
        Words::List => list(&files.list(&connected(args)), json),
        Words::Show { client } => show(&files, client, json)?,
        Words::Add(change) => changed(&files, change, Act::Add, json)?,
        Words::Remove(change) => changed(&files, change, Act::Remove, json)?,
        Words::Undo { client } => {
            let view = files.undo(client)?;
            if json {
                out::json(&view);
            } else {
                out::line(&format!("{} is as it was", view.file));
            }
        }
    }
    Ok(())
}

/// Who is connected to the running host; nobody where there is none.
fn connected(args: &Args) -> Vec<String> {
    let ask = || -> Option<Vec<String>> {
        let paths = args.place.paths().ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let reply = runtime.block_on(async {
            let host = Client::connect(&paths.control_sock).await.ok()?;
            host.call(Command::Snapshot).await.ok()
        })?;
        let Reply::Snapshot(snapshot) = reply else { return None };
        Some(snapshot.clients.into_iter().map(|client| client.name).collect())
    };
    ask().unwrap_or_default()
}

fn list(all: &[SetupView], as_json: bool) {
    if as_json {
        out::json(&all);
        return;
    }
    let rows: Vec<[String; 4]> =
        all.iter().map(|view| [view.id.clone(), view.name.clone(), state(view), view.file.clone()]).collect();
    out::lines(&table::columns(["CLIENT", "NAME", "STATE", "FILE"], &rows, table::width()));
    for problem in all.iter().filter_map(|view| Some(format!("{}: {}", view.id, view.problem.as_deref()?))) {
        out::line(&problem);
    }
}

fn state(view: &SetupView) -> String {
    match (view.state, view.connected) {
        (SetupState::NotInstalled, _) => "not installed".to_owned(),
        (SetupState::Repair, _) => "needs repair".to_owned(),
        (SetupState::Unreadable, _) => "unreadable".to_owned(),
        (SetupState::NotSetUp, 0) => "not set up".to_owned(),
        (SetupState::SetUp, 0) => "set up".to_owned(),
        (_, connected) => format!("connected ({connected})"),
    }
}

fn show(files: &ClientFiles, client: &str, as_json: bool) -> Result<()> {
    let plan = files.plan(client, Act::Add);
    let view = files
        .list(&[])
        .into_iter()
        .find(|view| ebb_host::clients::find(client).is_some_and(|known| known.id == view.id));
    // An unknown client is an error; a file that cannot be read still has something to paste.
    let Some(view) = view else { return plan.map(drop) };
    if as_json {
        out::json(&json!({ "client": view, "plan": plan.ok() }));
        return Ok(());
    }
    out::line(&format!("{}: {}, {}", view.name, state(&view), view.file));
    if let Some(problem) = &view.problem {
        out::line(problem);
    }
    match &plan {
        Ok(plan) if plan.diff.is_empty() => {}
        Ok(plan) => {
            out::line("");
            out::lines(&lines(plan));
            out::line(&format!("\n`ebb clients add {}` makes this change.", view.id));
        }
        Err(error) => out::line(&format!("{}. {}", error.message, error.next.as_deref().unwrap_or_default())),
    }
    out::line(&format!("\n{}:\n{}", view.snippet_for, view.snippet));
    Ok(())
}

/// A change as `diff` shows it.
fn lines(plan: &PlanView) -> Vec<String> {
    let line = |line: &ebb_host::clients::DiffLine| match line.mark {
        DiffMark::Same => format!("  {}", line.text),
        DiffMark::Added => format!("+ {}", line.text),
        DiffMark::Removed => format!("- {}", line.text),
        DiffMark::Gap => "  ...".to_owned(),
    };
    plan.diff.iter().map(line).collect()
}

fn changed(files: &ClientFiles, change: &Change, act: Act, as_json: bool) -> Result<()> {
    let plan = files.plan(&change.client, act)?;
    if plan.diff.is_empty() {
        if as_json {
            out::json(&json!({ "changed": false, "file": plan.file }));
        } else {
            out::line(&format!("{} needs no change", plan.file));
        }
        return Ok(());
    }
    if !change.yes {
        agree(&plan, as_json)?;
    }
    let view = files.change(&change.client, act, &plan.mark)?;
    if as_json {
        out::json(&json!({ "changed": true, "file": plan.file, "client": view }));
        return Ok(());
    }
    out::line(&format!("{} is changed; `ebb clients undo {}` puts it back", plan.file, plan.client));
    if act == Act::Add {
        out::line(&format!("{}.", view.then));
    }
    Ok(())
}

/// Shows the change and asks for a yes.
fn agree(plan: &PlanView, as_json: bool) -> Result<()> {
    let refused = |message: &str| {
        Error::new(Code::Cancelled, message).next("Nothing was changed. Run it again with --yes to agree beforehand")
    };
    if as_json || !std::io::stdin().is_terminal() {
        return Err(refused("this asks before it changes a file, and there is no terminal to ask in"));
    }
    out::line(&format!("{}{}\n", plan.file, if plan.creates { " (new)" } else { "" }));
    out::lines(&lines(plan));
    out::text("\nMake this change? [y/N] ");
    let mut answer = String::new();
    drop(std::io::stdin().lock().read_line(&mut answer));
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(refused("not agreed")) }
}
