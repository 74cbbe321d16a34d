//! More than one browser for one client. These tools run outside every session's queue: closing a
//! session must not wait for a call of it, nor be cancelled by its own effect.

use ebb_core::{
    Code, Error, Result,
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
    storage_state,
};
use crate::{
    browser::emulation::Screen,
    options::{self, Cap, ContextOptions, Viewport},
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
            |call, args| Box::pin(async move { open(call, &args).await }),
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
        .optional("viewport", Kind::String)
        .describe("WxH")
        .optional("locale", Kind::String)
        .optional("timezoneId", Kind::String)
        .optional("userAgent", Kind::String)
        .optional("storageState", Kind::String)
        .describe("file of browser_storage_state")
        .optional("colorScheme", Kind::Enum(&["light", "dark"]))
        .optional("device", Kind::String)
        .describe("such as iPhone 15")
        .default("keep", Kind::Enum(&["client", "ttl"]), "client")
        .describe("ttl: outlives its client until idle")
        .default("share", Kind::Bool, false)
        .describe("other local clients with the handle may join")
        .optional("headed", Kind::Bool)
        .describe("in a window people can see")
}

async fn open(call: &mut ClientCall, args: &Value) -> Result<(), ToolError> {
    let options = OpenOptions {
        name: args.text("name").map(str::to_owned),
        keep: if args.text("keep") == Some("ttl") { Keep::Ttl } else { Keep::Client },
        share: args.flag("share"),
    };
    let headed = args.get("headed").and_then(Value::as_bool);
    let browsers = &call.host.browsers;
    browsers.allows(headed.unwrap_or_default())?;
    let mut look = browsers.look_of(&call.client);
    adapt(&mut look, args)?;
    if let Some(given) = args.text("storageState").filter(|given| !given.is_empty()) {
        look.storage_state = Some(state_in(call, given).await?);
    }
    let session = call.host.manager.open(&call.client, options)?;
    browsers.open_as(&session, headed, look)?;
    let name = session.name().map(|name| format!(" (name: {name})")).unwrap_or_default();
    call.response.result(format!("Session {} opened{name}", session.id()));
    call.response.next(format!("Pass \"session\":\"{}\" to browser tools to use it", session.id()));
    call.response.meta("session", session.id().as_str());
    Ok(())
}

/// The storage state in a file of the client.
async fn state_in(call: &ClientCall, given: &str) -> Result<Value> {
    let held = call.held();
    let state = async { storage_state::of_file(&held.files().await?, given).await }.await;
    // Nothing was written, but there may be a folder.
    held.end().await?;
    state
}

/// How the session's pages are from their beginning: as the client's others, but for what is asked for.
fn adapt(look: &mut ContextOptions, args: &Value) -> Result<()> {
    let text = |name: &str| args.text(name).filter(|text| !text.is_empty());
    if let Some(name) = text("device") {
        options::apply_device(name, look).map_err(|error| {
            Error::new(Code::InvalidArguments, error).next("Use one of these, or viewport and userAgent.")
        })?;
    }
    if let Some(given) = text("viewport") {
        let screen = Screen::parse(given)?;
        if screen != (Screen { width: screen.width, height: screen.height, ..Screen::parse("1x1")? }) {
            return Err(Error::new(Code::InvalidArguments, format!("\"{given}\" is no width and height"))
                .next("Give WxH such as 1280x720; browser_emulate changes density and touch."));
        }
        look.viewport = Some(Viewport { width: screen.width, height: screen.height });
    }
    for (name, field) in [
        ("locale", &mut look.locale),
        ("timezoneId", &mut look.timezone_id),
        ("userAgent", &mut look.user_agent),
        ("colorScheme", &mut look.color_scheme),
    ] {
        if let Some(given) = text(name) {
            *field = Some(given.to_owned());
        }
    }
    Ok(())
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

/// `- ses_x (name) 2 tabs, 12 cursors, 193 MB, idle 3 min`.
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
    format!("- {}{name} {tabs}, {cursors}, {}, {doing}", session.id, ebb_core::text::size(session.held.total))
}

/// `3 min`, `12 s`, `2 h`.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
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
        assert_eq!(line(&plain), format!("- {} 0 tabs, 12 cursors, 193 MB, idle 3 min", plain.id));
        let named = SessionView { name: Some("shop".to_owned()), cursors: 1, state: SessionState::Working, ..view() };
        assert_eq!(line(&named), format!("- {} (shop) 0 tabs, 1 cursor, 193 MB, working", named.id));
    }
}
