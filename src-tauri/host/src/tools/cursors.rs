//! Reading on in large results. A cursor belongs to one session; which of its sessions that is, a
//! client need not say.

use ebb_core::{
    Code, Error, Result,
    cursors::{CloseWhich, Direction, ReadRequest},
    ids::{CursorId, SessionId},
};
use serde_json::Value;

use super::{
    args::{self, Args as _},
    call::ClientCall,
    catalog::{ToolError, ToolSpec},
    schema::{Kind, Schema},
};
use crate::options::Cap;

/// The tools of this group.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::own(
            Cap::Cursors,
            "cursor_read",
            "Read on",
            "Read more of a long result, or search it: it is frozen and costs no new call",
            read_input,
            |call, args| Box::pin(read(call, args)),
        )
        .read_only(),
        ToolSpec::own(
            Cap::Cursors,
            "cursor_list",
            "List cursors",
            "List the results that can be read on",
            Schema::new,
            |call, _| {
                Box::pin(async move {
                    list(call);
                    Ok(())
                })
            },
        )
        .read_only(),
        ToolSpec::own(
            Cap::Cursors,
            "cursor_close",
            "Close cursors",
            "Free one long result, or all of them",
            close_input,
            |call, args| Box::pin(close(call, args)),
        ),
    ]
}

fn read_input() -> Schema {
    Schema::new()
        .required("cursor", Kind::String)
        .optional("offset", Kind::integer())
        .describe("item or line to begin at, from 1")
        .optional("direction", Kind::Enum(&["next", "previous"]))
        .describe("from the range read last")
        .optional("max_tokens", Kind::integer())
        .describe("500 to 20000")
        .optional("match", Kind::String)
        .describe("regular expression; only matching items or lines")
        .optional("context", Kind::integer())
        .describe("lines around each match")
        .optional("fields", Kind::list(Kind::String))
        .describe("only these fields of each item")
}

fn close_input() -> Schema {
    Schema::new().optional("cursor", Kind::String).optional("all", Kind::Bool)
}

async fn read(call: &mut ClientCall, args: Value) -> Result<(), ToolError> {
    let texts = |name: &str| args.texts(name).map(|texts| texts.into_iter().map(str::to_owned).collect());
    let request = ReadRequest {
        cursor: args.must("cursor").to_owned(),
        offset: args.integer("offset"),
        direction: args.text("direction").and_then(Direction::parse),
        max_tokens: args.integer("max_tokens"),
        match_: args.text("match").map(str::to_owned),
        context: args.integer("context"),
        fields: texts("fields"),
    };
    let session = owner_of(call, &request.cursor);
    // Reading on is a call of the session: it counts against idleness and keeps the session's order.
    let handle = call.host.manager.session(&call.client, session.as_str());
    let running = match handle {
        Ok(session) => Some(session.begin_call("cursor_read", &args::shown(&args)).await?),
        Err(_) => None,
    };
    let page = call.host.cursors.read(&session, request).await;
    if let Some(mut running) = running {
        match &page {
            // Its text is the rest of an earlier call's.
            Ok(page) => running.tell(&page.more.join("\n")),
            Err(error) => running.tell(&error.message),
        }
        running.finish(page.is_err());
    }
    call.response.paged(page?);
    Ok(())
}

fn list(call: &mut ClientCall) {
    let open = sessions(call).into_iter().filter(|session| !call.host.cursors.list(session).is_empty());
    let lists: Vec<String> = open.map(|session| call.host.cursors.list_text(&session)).collect();
    call.response.result(if lists.is_empty() { NONE.to_owned() } else { lists.join("\n") });
}

async fn close(call: &mut ClientCall, args: Value) -> Result<(), ToolError> {
    let cursors = call.host.cursors.clone();
    // The word is taken in both places: as a flag, and where an agent writes it for a cursor.
    let named = args.text("cursor").filter(|cursor| *cursor != "all");
    match (named, args.flag("all") || args.text("cursor") == Some("all")) {
        (Some(cursor), _) => {
            let session = owner_of(call, cursor);
            call.response.result(cursors.close_text(&session, CloseWhich::One(cursor.to_owned())).await?);
        }
        (None, true) => {
            let mut closed = false;
            for session in sessions(call) {
                if !cursors.list(&session).is_empty() {
                    call.response.result(cursors.close_text(&session, CloseWhich::All).await?);
                    closed = true;
                }
            }
            if !closed {
                call.response.result(NONE);
            }
        }
        (None, false) => {
            let error = Error::new(Code::InvalidArguments, "Either cursor or all must be provided");
            return Err(error.next("cursor_list shows the open cursors").into());
        }
    }
    Ok(())
}

const NONE: &str = "No open cursors";

/// The client's sessions.
fn sessions(call: &ClientCall) -> Vec<SessionId> {
    call.host.manager.list_of(&call.client).into_iter().map(|session| session.id).collect()
}

/// The session of the client that has, or had, this cursor. A stranger's cursor has none of them:
/// then any id that owns nothing gives the answer for unknown ones.
fn owner_of(call: &ClientCall, cursor: &str) -> SessionId {
    let knows = |session: &SessionId| {
        let found = CursorId::parse(cursor).map(|cursor| call.host.cursors.store().find(session, &cursor));
        found.is_some_and(|found| !matches!(found, Err(error) if error.code == Code::CursorUnknown))
    };
    sessions(call).into_iter().find(knows).unwrap_or_else(SessionId::new)
}
