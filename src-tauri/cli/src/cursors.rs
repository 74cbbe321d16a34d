//! `ebb cursors`: the long results that sessions keep, never their content.

use std::process::ExitCode;

use ebb_core::{ids::CursorId, view::CursorView};
use ebb_host::control::{Command, CursorList, Reply};

use crate::{control, out, place::Place, sessions::short, table};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Option<Act>,
    /// Only those of this session: its id, the first four or more characters of it, or its name.
    #[arg(long, value_name = "SESSION", global = true)]
    session: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Subcommand)]
enum Act {
    /// Close one cursor, or all of a session; the session goes on.
    Close {
        /// The cursor's whole id; all of the session's when left out.
        cursor: Option<String>,
    },
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match &args.act {
        Some(Act::Close { cursor }) => close(args, cursor.as_deref()),
        None => list(args),
    }
}

fn list(args: &Args) -> ExitCode {
    control::show(&args.place, Command::Cursors { session: args.session.clone() }, |reply| {
        let Reply::Cursors(list) = reply else { return Err(control::unexpected()) };
        if args.place.json {
            out::json(&list);
            return Ok(());
        }
        if list.cursors.is_empty() {
            out::line("No open cursors");
            return Ok(());
        }
        let rows: Vec<_> = list.cursors.iter().map(row).collect();
        let head = ["CURSOR", "SESSION", "TOOL", "READ TO", "SIZE", "AGE", "EXPIRES IN"];
        out::lines(&table::columns(head, &rows, table::width()));
        let more = list.count as usize - list.cursors.len();
        let more = if more > 0 { format!(", {more} more not shown") } else { String::new() };
        out::line(&format!(
            "{}, {} in the {} store{more}",
            table::count(list.count as usize, "cursor"),
            table::bytes(list.bytes),
            list.store
        ));
        Ok(())
    })
}

fn row(cursor: &CursorView) -> [String; 7] {
    [
        cursor.id.to_string(),
        short(cursor.session.as_str()),
        cursor.tool.clone(),
        format!("{} of {} {}", cursor.position, cursor.items, cursor.unit),
        table::bytes(cursor.bytes),
        table::seconds(cursor.age_s),
        table::seconds(cursor.expires_s),
    ]
}

fn close(args: &Args, cursor: Option<&str>) -> ExitCode {
    let wrong = |message: &str, next: &str| {
        let error = ebb_core::Error::new(ebb_core::Code::InvalidArguments, message).next(next);
        refused(args, &error)
    };
    let id = match cursor.map(CursorId::parse) {
        Some(None) => return wrong("this is no cursor", "`ebb cursors` lists them"),
        id => id.flatten(),
    };
    let session = match (&args.session, &id) {
        (Some(session), _) => session.clone(),
        (None, Some(id)) => match owner(args, id) {
            Ok(Some(session)) => session,
            Ok(None) => return wrong("no session has this cursor", "`ebb cursors` lists them"),
            Err(error) => return refused(args, &error),
        },
        (None, None) => return wrong("which ones?", "name a cursor, or a session with --session"),
    };
    control::show(&args.place, Command::CloseCursors { session, cursor: id }, |reply| {
        let Reply::Done(count) = reply else { return Err(control::unexpected()) };
        if args.place.json {
            out::json(&serde_json::json!({ "closed": count }));
        } else {
            out::line(&format!("Closed {}", table::count(count as usize, "cursor")));
        }
        Ok(())
    })
}

fn refused(args: &Args, error: &ebb_core::Error) -> ExitCode {
    if args.place.json {
        out::json_error(error);
    } else {
        out::error(error);
    }
    ExitCode::FAILURE
}

/// The session that has this cursor. The list of all is not without end, that of one session has them all.
fn owner(args: &Args, id: &CursorId) -> ebb_core::Result<Option<String>> {
    let listed = |session: Option<String>| match control::ask(&args.place, Command::Cursors { session })? {
        Reply::Cursors(list) => Ok(list),
        _ => Err(control::unexpected()),
    };
    let found = |list: &CursorList| {
        list.cursors.iter().find(|cursor| cursor.id == *id).map(|cursor| cursor.session.to_string())
    };
    let all = listed(None)?;
    if let Some(session) = found(&all) {
        return Ok(Some(session));
    }
    if all.count as usize <= all.cursors.len() {
        return Ok(None);
    }
    let Reply::Snapshot(snapshot) = control::ask(&args.place, Command::Snapshot)? else {
        return Err(control::unexpected());
    };
    for session in snapshot.sessions {
        // One that ended meanwhile has no cursors any more.
        if let Some(session) = listed(Some(session.id.to_string())).ok().and_then(|list| found(&list)) {
            return Ok(Some(session));
        }
    }
    Ok(None)
}
