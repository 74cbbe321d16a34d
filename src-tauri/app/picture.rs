//! What the tray shows of a host: plain texts, so that "nothing changed" is a comparison.

use ebb_core::{
    ids::SessionId,
    view::{SessionState, SessionView, Snapshot},
};

use crate::bytes::{bytes, plural};

/// Sessions in the menu; the others are one line.
const SHOWN: usize = 8;
/// Characters of a name that a client gave itself.
const NAME: usize = 40;

/// The three shapes of the icon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    #[default]
    Empty,
    Active,
    Attention,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) mark: Mark,
    /// The first line.
    pub(crate) status: String,
    /// How many sessions there are.
    pub(crate) live: usize,
    /// At most eight of them: the newest activity decides which, their age the order, so that rows do
    /// not move while somebody reads them.
    pub(crate) sessions: Vec<Row>,
    pub(crate) more: Option<String>,
    pub(crate) attention: Option<String>,
    /// Ending those that nobody uses.
    pub(crate) idle: Option<String>,
    /// None where nobody could accept.
    pub(crate) accepting: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: SessionId,
    pub(crate) title: String,
    /// The disabled line of its submenu.
    pub(crate) holds: String,
    /// Whether its end has to be asked for in the window.
    pub(crate) asks: bool,
}

impl Picture {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let live = snapshot.sessions.len();
        let held: u64 = snapshot.sessions.iter().map(|session| session.held.total).sum();
        let mut shown: Vec<&SessionView> = snapshot.sessions.iter().collect();
        shown.sort_by_key(|session| session.idle_s);
        shown.truncate(SHOWN);
        shown.sort_by(|a, b| b.opened_at.cmp(&a.opened_at).then_with(|| a.id.as_str().cmp(b.id.as_str())));
        let left = snapshot.leftovers.len();
        let idle = |session: &&SessionView| matches!(session.state, SessionState::Idle | SessionState::Waiting);
        let idle = snapshot.sessions.iter().filter(idle).count();
        let mark = match (left, live) {
            (1.., _) => Mark::Attention,
            (0, 0) => Mark::Empty,
            (0, _) => Mark::Active,
        };
        let status = if live == 0 {
            "No sessions".to_owned()
        } else {
            format!("{} · {} held", plural(live, "session"), bytes(held))
        };
        Self {
            mark,
            status,
            live,
            sessions: shown.into_iter().map(Row::of).collect(),
            more: (live > SHOWN).then(|| format!("{} more…", live - SHOWN)),
            attention: (left > 0)
                .then(|| format!("{} need{} attention…", plural(left, "cleanup"), if left == 1 { "s" } else { "" })),
            idle: (idle > 0).then(|| format!("Clean up idle sessions ({idle})…")),
            accepting: Some(snapshot.host.accepting),
        }
    }

    pub(crate) fn not_listening() -> Self {
        Self { mark: Mark::Attention, status: "Not listening".to_owned(), ..Self::default() }
    }

    pub(crate) fn quitting() -> Self {
        Self { status: "Quitting…".to_owned(), ..Self::default() }
    }
}

impl Row {
    fn of(session: &SessionView) -> Self {
        let folder = session.name.as_deref().or_else(|| session.client.project.as_deref().and_then(last_part));
        let title = match folder {
            Some(folder) => format!("{} — {}", clip(&session.client.name), clip(folder)),
            None => clip(&session.client.name),
        };
        let state = match session.state {
            SessionState::Idle => format!(" (idle {})", minutes(session.idle_s)),
            SessionState::Waiting => " (client left)".to_owned(),
            SessionState::Closing => " (ending)".to_owned(),
            SessionState::Working | SessionState::Connected => String::new(),
        };
        let (tabs, cursors) = (plural(session.tabs.len(), "tab"), plural(session.cursors as usize, "cursor"));
        Self {
            id: session.id.clone(),
            title: title + &state,
            holds: format!("{tabs} · {cursors} · {}", bytes(session.held.total)),
            asks: session.state == SessionState::Working || !session.tabs.is_empty(),
        }
    }
}

fn last_part(path: &str) -> Option<&str> {
    path.split(['/', '\\']).rfind(|part| !part.is_empty())
}

fn minutes(seconds: u64) -> String {
    match seconds / 60 {
        min @ 0..60 => format!("{min} min"),
        min => format!("{} h", min / 60),
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const THEN: &str = "2026-01-01T00:00:00Z";

    /// A session that was opened in second `opened` and is idle for `idle` seconds.
    fn session(opened: u32, idle: u32, state: &str) -> Value {
        let client = json!({"id": "cli_aaaaaaaaaaaaaaaaaaaaaaaaaa", "name": "Claude Code", "transport": "socket",
            "project": "~/code/webshop", "connected_at": THEN});
        json!({"id": SessionId::new(), "client": client, "state": state, "opened_at": format!("2026-01-01T00:00:{opened:02}Z"),
            "idle_s": idle, "calls": 0, "tabs": [], "cursors": 12, "steps": [], "browser_lost": false,
            "devtools": {"console": 0, "console_errors": 0, "console_warnings": 0, "network": 0, "dialogs": 0, "dropped": 0, "bytes": 0},
            "held": {"total": 51_000_000, "cursors": 0, "devtools": 0}})
    }

    fn picture(sessions: &[Value], leftovers: &Value) -> Picture {
        let host = json!({"version": "", "pid": 1, "socket": "", "data_dir": "", "ebb": "", "started_at": THEN, "accepting": true,
            "stopping": false, "browser": {"state": "starting"}, "recovered": 0,
            "store": {"kind": "memory", "place": "", "refused": 0}});
        let snapshot = json!({"seq": 0, "at": THEN, "host": host, "clients": [], "sessions": sessions, "leftovers": leftovers,
            "recent": [], "memory": {"step_s": 10, "held": [], "shared": []}});
        Picture::of(&serde_json::from_value(snapshot).unwrap())
    }

    #[test]
    fn the_lines_are_those_of_the_design() {
        let leftover = json!([{"id": "lft_aaaaaaaaaaaaaaaaaaaaaaaaaa", "kind": "browser", "what": "", "session": SessionId::new(),
            "since": THEN, "attempts": 0, "last_error": ""}]);
        let picture = picture(&[session(1, 14 * 60 + 5, "idle"), session(2, 0, "working")], &leftover);
        assert_eq!((picture.status.as_str(), picture.mark), ("2 sessions · 102 MB held", Mark::Attention));
        let rows: Vec<(&str, bool)> = picture.sessions.iter().map(|row| (row.title.as_str(), row.asks)).collect();
        assert_eq!(rows, [("Claude Code — webshop", true), ("Claude Code — webshop (idle 14 min)", false)]);
        assert_eq!(picture.sessions[0].holds, "0 tabs · 12 cursors · 51 MB");
        assert_eq!(picture.idle.as_deref(), Some("Clean up idle sessions (1)…"));
        assert_eq!((picture.attention.as_deref(), picture.more), (Some("1 cleanup needs attention…"), None));
        assert_eq!(clip(&"ä".repeat(60)).chars().count(), 41);
    }

    #[test]
    fn the_eight_busiest_are_shown_and_stay_in_the_order_of_their_age() {
        let sessions: Vec<Value> = (0..10).map(|n| session(20 - n, 10 - n, "connected")).collect();
        let expected: Vec<&str> = sessions[2..].iter().filter_map(|session| session["id"].as_str()).collect();
        let shown = picture(&sessions, &json!([]));
        assert_eq!(shown.sessions.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), expected);
        assert_eq!(shown.more.as_deref(), Some("2 more…"));
    }
}
