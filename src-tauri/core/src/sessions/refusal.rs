//! What refused callers read. In one place, because clients see these texts word for word.

use std::time::Duration;

use super::registry::Tomb;
use crate::{
    Code, Error,
    cleanup::Reason,
    ids::{ClientId, SessionId},
};

pub(super) fn paused() -> Error {
    Error::new(Code::Paused, "Ebb is paused. Turn on \"Accept new sessions\" in the tray.")
}

pub(super) fn stopping() -> Error {
    Error::new(Code::ShuttingDown, "Ebb is stopping").next("start Ebb again, then call again")
}

pub(super) fn no_runtime() -> Error {
    Error::new(Code::Internal, "no runtime to open a session in").next("restart Ebb")
}

pub(super) fn client_left(client: &ClientId) -> Error {
    Error::new(Code::SessionEnded, format!("Client {client} is not connected any more")).next("connect again")
}

/// The one answer to a handle that is not the client's own, whether somebody else has it or nobody.
pub(super) fn unknown_session() -> Error {
    Error::new(Code::SessionUnknown, "Unknown session")
        .next("session_list shows your sessions; session_open starts a new one")
}

/// To the client of a default session, once.
pub(super) fn default_ended(reason: Reason) -> Error {
    let text = format!(
        "Session ended: {}. Its tabs and cursors are gone; call again to start a new session.",
        reason.phrase()
    );
    Error::new(Code::SessionEnded, text)
}

/// To the holder of a handle.
pub(super) fn ended(reason: Reason) -> Error {
    let text = format!("Session ended: {}. Its tabs and cursors are gone.", reason.phrase());
    Error::new(Code::SessionEnded, text).next("start a new one with session_open")
}

/// To the holder of a handle who comes later.
pub(super) fn ended_before(tomb: &Tomb, now: Duration) -> Error {
    let ago = ago(now.saturating_sub(tomb.at));
    let text =
        format!("Session {} ended {ago}: {}. Its tabs and cursors are gone.", tomb.session, tomb.reason.phrase());
    Error::new(Code::SessionEnded, text).next("start a new one with session_open")
}

pub(super) fn does_not_wait() -> Error {
    Error::new(Code::InvalidArguments, "This session does not wait for its client")
        .next("only a session whose client left within the reconnect grace can be kept")
}

pub(super) fn name_taken(name: &str, holder: &SessionId) -> Error {
    Error::new(Code::InvalidArguments, format!("A session named \"{name}\" is already open: {holder}"))
        .next("use that one, or choose another name")
}

pub(super) fn bad_name() -> Error {
    Error::new(
        Code::InvalidArguments,
        "A session's name needs 1 to 64 visible characters and must not look like a handle",
    )
    .next("choose another name, or leave it out")
}

pub(super) fn too_many_calls(max: usize) -> Error {
    Error::new(Code::LimitReached, format!("Too many calls in flight ({max})"))
        .next("wait for an answer before the next call, or open another session with session_open")
}

pub(super) fn too_many_clients(max: usize) -> Error {
    Error::new(Code::LimitReached, format!("Too many clients ({max})")).next("end a client that is not needed any more")
}

pub(super) fn too_many_clients_of_process(max: usize) -> Error {
    Error::new(Code::LimitReached, format!("Too many connections of one process ({max})"))
        .next("close a connection before opening the next")
}

pub(super) fn too_many_sessions(max: usize) -> Error {
    Error::new(Code::LimitReached, format!("Too many sessions ({max})"))
        .next("end one with session_close, in the dashboard, or with `ebb end`")
}

/// `own` are the living sessions of the asking client.
pub(super) fn too_many_sessions_of_process(max: usize, own: &[String]) -> Error {
    let own = if own.is_empty() { String::new() } else { format!("; yours: {}", own.join(", ")) };
    Error::new(Code::LimitReached, format!("Too many sessions of one client ({max}){own}"))
        .next("end one with session_close, or use one of them")
}

pub(super) fn too_many_leftovers(count: usize) -> Error {
    Error::new(Code::LimitReached, format!("Too much is left behind by ended sessions ({count})"))
        .next("wait until it is cleared, or restart Ebb")
}

pub(super) fn nothing_matches(text: &str) -> Error {
    Error::new(Code::SessionUnknown, format!("No session matches \"{text}\""))
        .next("give a name, a whole id, or at least 4 characters of one")
}

pub(super) fn several_match(text: &str, ids: &[String]) -> Error {
    Error::new(Code::InvalidArguments, format!("{} sessions match \"{text}\": {}", ids.len(), ids.join(", ")))
        .next("give more characters, or the whole id")
}

/// `3 min ago`: as exact as anyone needs.
fn ago(time: Duration) -> String {
    match time.as_secs() {
        0..=1 => "just now".to_owned(),
        seconds @ 2..=119 => format!("{seconds} s ago"),
        seconds @ 120..=7_199 => format!("{} min ago", seconds / 60),
        seconds => format!("{} h ago", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let ago = |seconds| ago(Duration::from_secs(seconds));
        assert_eq!([ago(0), ago(2), ago(180), ago(7_200)], ["just now", "2 s ago", "3 min ago", "2 h ago"]);
    }
}
