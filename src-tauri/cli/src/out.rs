//! The one place that writes for people and programs; nothing it writes steers the terminal. A reader that has gone (`ebb history | head`) is
//! no error.

use std::io::Write;

use ebb_core::{Error, sessions::printable};
use serde::Serialize;

/// One line on standard output.
pub(crate) fn line(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(writeln!(stdout, "{}", printable(text)).and_then(|()| stdout.flush()));
}

/// Text that has its line ends already.
pub(crate) fn text(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Several lines.
pub(crate) fn lines(lines: &[String]) {
    for text in lines {
        line(text);
    }
}

/// One value as JSON on standard output.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(&text),
        Err(error) => note(&format!("cannot be written as JSON: {error}")),
    }
}

/// One line on standard error.
pub(crate) fn note(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(writeln!(stderr, "ebb: {}", printable(text)));
}

/// Something to read beside the output, as it stands.
pub(crate) fn aside(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()));
}

/// What went wrong, and what to do about it.
pub(crate) fn error(error: &Error) {
    note(&error.message);
    if let Some(next) = &error.next {
        let mut stderr = std::io::stderr().lock();
        drop(writeln!(stderr, "     {}", printable(next)));
    }
}

/// The same where JSON was asked for: scripts read one stream.
pub(crate) fn json_error(error: &Error) {
    json(&serde_json::json!({ "error": error }));
}
