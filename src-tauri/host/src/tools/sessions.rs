//! More than one browser for one client. These tools run outside every session's queue: closing a
//! session must not wait for a call of it, nor be cancelled by its own effect.

use ebb_core::{
    Result,
    cleanup::{AskedBy, Outcome, Reason},
    sessions::{Keep, OpenOptions},
    view::{SessionState, SessionView},
};
use serde_json::Value;

use super::{
    args::Args as _,
    call::ClientCall,
    catalog::{ToolError, ToolSpec},
    schema::{Kind, Schema},
};
use crate::{
    browser::emulation::{Emulation, Screen},
    options::Cap,
};

/// The tools of this group.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::own(
            Cap::Sessions,
            "session_open",
            "Open a session",
            "Open another isolated browser, for a sub-agent; it ends with this client",
            open_input,
            |call, args| Box::pin(async move { open(call, &args) }),
        ),
        ToolSpec::own(
            Cap::Sessions,
            "session_list",
            "List sessions",
            "List your sessions with tabs, cursors and memory",
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
            Cap::Sessions,
            "session_close",
            "Close a session",
            "End a session: tabs, cookies, cursors and buffers go; says what was freed",
            || Schema::new().required("session", Kind::String).describe("handle or name"),
            |call, args| Box::pin(close(call, args)),
        ),
    ]
}

fn open_input() -> Schema {
    Schema::new()
        .optional("name", Kind::String)
        .default("keep", Kind::Enum(&["client", "ttl"]), "client")
        .describe("ttl: outlives its client until idle")
        .default("share", Kind::Bool, false)
        .describe("other local clients with the handle may join")
        .optional("headed", Kind::Bool)
        .describe("in a window people can see")
        .optional("viewport", Kind::String)
        .describe("WxH")
        .optional("locale", Kind::String)
        .optional("timezoneId", Kind::String)
        .optional("userAgent", Kind::String)
}

fn open(call: &mut ClientCall, args: &Value) -> Result<(), ToolError> {
    let options = OpenOptions {
        name: args.text("name").map(str::to_owned),
        keep: if args.text("keep") == Some("ttl") { Keep::Ttl } else { Keep::Client },
        share: args.flag("share"),
    };
    let headed = args.get("headed").and_then(Value::as_bool);
    let emulation = beginning(args)?;
    let browsers = &call.host.browsers;
    browsers.allows(headed.unwrap_or_default())?;
    let session = call.host.manager.open(&call.client, options)?;
    browsers.open_as(&session, headed, browsers.look_of(&call.client))?;
    browsers.of(&session)?.overrides.begin_with(emulation);
    let name = session.name().map(|name| format!(" (name: {name})")).unwrap_or_default();
    call.response.result(format!("Session {} opened{name}", session.id()));
    call.response.next(format!("Pass \"session\":\"{}\" to browser tools to use it", session.id()));
    call.response.meta("session", session.id().as_str());
    Ok(())
}

/// How the session's pages are from their beginning.
fn beginning(args: &Value) -> Result<Emulation> {
    let text = |name: &str| args.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Emulation {
        screen: args.text("viewport").map(Screen::parse).transpose()?,
        locale: text("locale"),
        timezone: text("timezoneId"),
        user_agent: text("userAgent"),
        ..Emulation::default()
    })
}

fn list(call: &mut ClientCall) {
    let sessions = call.host.manager.list_of(&call.client);
    if sessions.is_empty() {
        call.response.result("No sessions");
    }
    for session in &sessions {
        call.response.result(line(session));
    }
}

async fn close(call: &mut ClientCall, args: Value) -> Result<(), ToolError> {
    let manager = call.host.manager.clone();
    let session = manager.session(&call.client, args.must("session"))?;
    let report = manager.remove_session(session.id(), Reason::Manual(AskedBy::Tool)).await;
    call.response.result(format!("Session {} ended in {:.0} ms: {}", session.id(), report.ms, report.strip()));
    if report.outcome == Outcome::WithProblems {
        call.response.next("The session is gone; what it left behind is being removed again in the background");
    }
    call.response.meta("session", session.id().as_str());
    Ok(())
}

/// `- ses_x (name) 2 tabs, 12 cursors, 184 MB, idle 3 min`.
fn line(session: &SessionView) -> String {
    let name = session.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let doing = match session.state {
        SessionState::Working => "working".to_owned(),
        SessionState::Closing => "closing".to_owned(),
        SessionState::Connected | SessionState::Idle | SessionState::Waiting => {
            format!("idle {}", time(session.idle_s))
        }
    };
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let tabs = counted(session.tabs.len(), "tab");
    let cursors = counted(session.cursors as usize, "cursor");
    format!("- {}{name} {tabs}, {cursors}, {}, {doing}", session.id, size(session.held.total))
}

/// `3 min`, `12 s`, `2 h`.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// `184 MB`: whole units of 1,024.
fn size(bytes: u64) -> String {
    const KB: u64 = 1_024;
    const MB: u64 = 1_024 * KB;
    match bytes {
        0..KB => format!("{bytes} B"),
        KB..MB => format!("{} KB", bytes / KB),
        _ => format!("{} MB", bytes / MB),
    }
}

#[cfg(test)]
mod tests {
    use ebb_core::{
        ids::SessionId,
        view::{ClientView, DevtoolsView, HeldView},
    };

    use super::*;

    fn view() -> SessionView {
        SessionView {
            id: SessionId::new(),
            name: None,
            client: ClientView::unknown(),
            state: SessionState::Connected,
            opened_at: time::OffsetDateTime::UNIX_EPOCH,
            idle_s: 190,
            ends_in_s: None,
            waiting_s: None,
            calls: 0,
            running: None,
            tabs: Vec::new(),
            cursors: 12,
            devtools: DevtoolsView::default(),
            held: HeldView { total: 184 * 1_024 * 1_024 + 7, ..HeldView::default() },
            steps: Vec::new(),
            browser_lost: false,
        }
    }

    #[test]
    fn a_session_is_one_line() {
        let plain = view();
        assert_eq!(line(&plain), format!("- {} 0 tabs, 12 cursors, 184 MB, idle 3 min", plain.id));
        let named = SessionView { name: Some("shop".to_owned()), cursors: 1, state: SessionState::Working, ..view() };
        assert_eq!(line(&named), format!("- {} (shop) 0 tabs, 1 cursor, 184 MB, working", named.id));
    }
}
