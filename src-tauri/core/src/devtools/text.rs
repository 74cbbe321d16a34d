//! The texts of console and requests as tools answer them.

use std::fmt::Write as _;

use serde_json::json;

use super::{ConsoleEntry, ConsoleList, Level, NumberedRequest, Outcome, RequestList, RequestRecord};
use crate::cursors::Body;

/// `[LOG] text @ url:line`; an uncaught exception is its stack.
#[must_use]
pub fn console_line(entry: &ConsoleEntry) -> String {
    if entry.exception {
        return entry.text.clone();
    }
    format!("[{}] {} @ {}:{}", entry.kind.to_uppercase(), entry.text, entry.url, entry.line)
}

/// The line of a console file: `[` + milliseconds since it was opened, 8 wide + `ms] ` + the line.
#[must_use]
pub fn console_file_line(entry: &ConsoleEntry, opened_ms: f64) -> String {
    format!("[{:>8.0}ms] {}", (entry.at_ms - opened_ms).max(0.0), console_line(entry))
}

/// The answer of `browser_console_messages`.
#[must_use]
pub fn console_body(list: &ConsoleList, level: Level) -> Body {
    let mut header = format!("Total messages: {} (Errors: {}, Warnings: {})", list.total, list.errors, list.warnings);
    let shown = list.entries.len() as u64;
    // Writing to a string cannot fail.
    if shown != list.total {
        write!(header, "\nReturning {shown} messages for level \"{}\"", level.name()).unwrap_or_default();
    }
    if list.lost > 0 {
        write!(header, "\nThe oldest {} are no longer kept", counted(list.lost, "message", "messages"))
            .unwrap_or_default();
    }
    let fields = list.entries.iter().map(|entry| {
        json!({
            "level": entry.level.name(),
            "type": entry.kind,
            "text": entry.text,
            "url": entry.url,
            "line": entry.line,
            "ms": entry.at_ms,
        })
    });
    Body::List {
        header: Some(header),
        fields: Some(fields.collect()),
        items: list.entries.iter().map(console_line).collect(),
        footer: None,
    }
}

/// `3. [GET] url => [200] OK`.
#[must_use]
pub fn request_line(request: &NumberedRequest) -> String {
    format!("{}. [{}] {}{}", request.number, request.method, address(&request.url), arrow(&request.outcome))
}

fn arrow(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pending => String::new(),
        Outcome::Answered { status, status_text } => format!(" => [{status}] {status_text}"),
        Outcome::Failed(error) => format!(" => [FAILED] {error}"),
    }
}

/// The address; of a `data:` address only what it says about its data.
#[must_use]
pub fn address(url: &str) -> String {
    let is_data = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    match url.find(',') {
        Some(comma) if is_data => format!("{}…", &url[..=comma]),
        _ => url.to_owned(),
    }
}

/// The answer of `browser_network_requests`.
#[must_use]
pub fn requests_body(list: &RequestList) -> Body {
    let mut notes = Vec::new();
    if list.lost > 0 {
        notes.push(format!("Note: the oldest {} are no longer kept.", counted(list.lost, "request", "requests")));
    }
    if list.hidden_static > 0 {
        let (requests, them) = if list.hidden_static == 1 { ("request", "it") } else { ("requests", "them") };
        notes.push(format!(
            "Note: {} static {requests} not shown, run with \"static\" option to see {them}.",
            list.hidden_static
        ));
    }
    let fields = list.entries.iter().map(|request| {
        let (status, failed) = match &request.outcome {
            Outcome::Pending => (None, None),
            Outcome::Answered { status, .. } => (Some(*status), None),
            Outcome::Failed(error) => (None, Some(error)),
        };
        json!({
            "number": request.number,
            "method": request.method,
            "url": address(&request.url),
            "type": request.resource_type,
            "status": status,
            "failed": failed,
            "ms": request.duration_ms,
        })
    });
    Body::List {
        header: None,
        fields: Some(fields.collect()),
        items: list.entries.iter().map(request_line).collect(),
        footer: Some(notes.join("\n")).filter(|notes| !notes.is_empty()),
    }
}

/// The answer of `browser_network_request` without `part`.
#[must_use]
pub fn request_text(request: &RequestRecord) -> String {
    let mut text =
        format!("#{} [{}] {}\n\n  General", request.number, request.start.method, address(&request.start.url));
    let status = match request.outcome() {
        Outcome::Pending => None,
        Outcome::Answered { status, status_text } => Some(format!("[{status}] {status_text}")),
        Outcome::Failed(error) => Some(format!("[FAILED] {error}")),
    };
    let duration = request.duration_ms().map(|ms| format!("{ms:.0}ms"));
    let mime_type = request.response.as_ref().map(|response| response.mime_type.clone());
    let general = [
        ("status:    ", status),
        ("duration:  ", duration),
        ("type:      ", Some(request.start.resource_type.clone())),
        ("mimeType:  ", mime_type.filter(|mime_type| !mime_type.is_empty())),
    ];
    // Writing to a string cannot fail.
    for (name, value) in general.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        write!(text, "\n    {name}{value}").unwrap_or_default();
    }
    let response = request.response.as_ref().map(|response| &response.headers);
    for (title, headers) in [("Request headers", Some(&request.start.headers)), ("Response headers", response)] {
        if let Some(headers) = headers.filter(|headers| !headers.is_empty()) {
            write!(text, "\n\n  {title}\n{}", indented(headers)).unwrap_or_default();
        }
    }
    if request.response.is_some() && request.failed.is_none() {
        text.push_str("\n\nCall browser_network_request with part=\"response-body\" to read the response body.");
    }
    text
}

fn indented(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("    {name}: {value}")).collect::<Vec<_>>().join("\n")
}

/// Headers alone: `name: value` lines, for `part`.
#[must_use]
pub fn headers_text(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n")
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
