//! Every way a cursor can say no, each with how to get the data anew.

use std::time::Duration;

use super::{Unit, words};
use crate::{Code, Error};

/// One text for unknown, closed, malformed and other sessions' cursors: it must tell nothing.
pub(super) fn unknown() -> Error {
    Error::new(Code::CursorUnknown, "Cursor not found")
        .next("Call the tool that gave the result again; cursor_list shows the open cursors of this session.")
}

/// Nobody read it for its time to live.
pub(super) fn expired(tool: &str, ttl: Duration) -> Error {
    let kept = words::duration(ttl);
    Error::new(Code::CursorExpired, format!("Cursor expired: it was not read for {kept}")).next(again(tool))
}

/// It reached the age that no cursor outlives.
pub(super) fn too_old(tool: &str, max_age: Duration) -> Error {
    let age = words::duration(max_age);
    Error::new(Code::CursorExpired, format!("Cursor expired: no result is kept longer than {age}")).next(again(tool))
}

/// Newer cursors of the same session took its place.
pub(super) fn evicted(tool: &str) -> Error {
    Error::new(Code::CursorEvicted, "Cursor evicted: newer results of this session took its place")
        .next(format!("{} Close cursors you no longer need with cursor_close.", again(tool)))
}

/// The store lost its content: Redis was restarted or made room, a file was damaged.
pub(super) fn lost(tool: &str) -> Error {
    Error::new(Code::CursorEvicted, "Cursor evicted: the store no longer has its content").next(again(tool))
}

fn again(tool: &str) -> String {
    format!("Call {tool} again for a fresh result.")
}

/// The session is closing; nothing of it can be made any more.
pub(super) fn session_ended() -> Error {
    Error::new(Code::SessionEnded, "Session ended").next("Call again to start a new session.")
}

/// One result is larger than all cursors of a session may be.
pub(super) fn over_session(bytes: u64, limit: u64) -> Error {
    let message = format!(
        "This result of {} is over the limit of {} for the cursors of a session",
        words::size(bytes),
        words::size(limit)
    );
    Error::new(Code::LimitReached, message).next("Ask the tool for less, or let it write to a file with filename.")
}

/// All cursors of all sessions together are at their limit.
pub(super) fn over_total(limit: u64) -> Error {
    let message = format!("The cursors of all sessions are at their limit of {}", words::size(limit));
    Error::new(Code::LimitReached, message).next("Close cursors with cursor_close {\"all\":true}, then call again.")
}

/// A result that no index can address.
pub(super) fn too_large() -> Error {
    Error::new(Code::LimitReached, "This result is too large to be kept as a cursor")
        .next("Ask the tool for less, or let it write to a file with filename.")
}

/// `offset` names no unit of the cursor.
pub(super) fn out_of_range(cursor: &str, offset: i64, unit: Unit, total: u32) -> Error {
    let message = format!("offset {offset} is out of range: this cursor has {}", all(unit, total));
    Error::new(Code::PageOutOfRange, message).next(start(cursor))
}

/// There is nothing after, or before, what was read last.
pub(super) fn no_more(cursor: &str, forward: bool, unit: Unit, total: u32) -> Error {
    let side = if forward { "after the last" } else { "before the first" };
    let message = format!("No page {side} {}: this cursor has {}", unit.one(), all(unit, total));
    Error::new(Code::PageOutOfRange, message).next(start(cursor))
}

fn all(unit: Unit, total: u32) -> String {
    format!("{} 1-{}", unit.many(), words::thousands(u64::from(total)))
}

fn start(cursor: &str) -> String {
    format!("Read from the start with cursor_read {{\"cursor\":\"{cursor}\",\"offset\":1}}.")
}

/// Arguments that do not fit: `problem` is the whole line after the mark.
pub(super) fn invalid(tool: &str, problem: &str, field: &str) -> Error {
    let message = format!("Invalid arguments for tool \"{tool}\":\n✖ {problem}\n  → at {field}");
    Error::new(Code::InvalidArguments, message)
}

/// A number below its minimum.
pub(super) fn too_small(tool: &str, field: &str, minimum: i64) -> Error {
    invalid(tool, &format!("Too small: expected number to be >={minimum}"), field)
}
