//! The optional first line of a stream: who `ebb connect` is speaking for.
//!
//! It looks like a JSON-RPC notification so that any other server would ignore it; the host takes it
//! off the stream before MCP sees it. What it claims is checked against what the system says.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::proc::ProcessKey;

/// The method of the line.
pub const METHOD: &str = "notifications/ebb/hello";

/// What the bridge says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// The client program above the bridge, as the bridge saw it when it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ancestor: Option<ProcessKey>,
    /// The bridge's working directory, which it has from its client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The options of `ebb connect` that change what this client gets, as given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// The bridge's version of Ebb.
    pub version: String,
    /// Whether its client lost a session with a host that died, and does not know: its first call says so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

#[derive(Serialize, Deserialize)]
struct Line<T> {
    jsonrpc: String,
    method: String,
    params: T,
}

impl Hello {
    /// The whole line, newline included.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let line = Line { jsonrpc: "2.0".to_owned(), method: METHOD.to_owned(), params: self };
        // A path that is not text cannot be said; the rest still can.
        let bytes = serde_json::to_vec(&line).or_else(|_| {
            let params = Self { cwd: None, ..self.clone() };
            serde_json::to_vec(&Line { jsonrpc: "2.0".to_owned(), method: METHOD.to_owned(), params })
        });
        let mut bytes = bytes.unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The hello in a line, if it is one.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        // Most first lines are an `initialize`: do not parse those for nothing.
        let needle = METHOD.as_bytes();
        line.windows(needle.len()).any(|part| part == needle).then_some(())?;
        let parsed: Line<Self> = serde_json::from_slice(line).ok()?;
        (parsed.method == METHOD && parsed.jsonrpc == "2.0").then_some(parsed.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_comes_back_as_it_went() {
        let hello = Hello {
            ancestor: Some(ProcessKey { pid: 7, start_time: 70 }),
            cwd: Some(PathBuf::from("/a \"quoted\" place")),
            flags: vec!["--caps=vision".to_owned()],
            version: "0.1.0".to_owned(),
            again: true,
        };
        let line = hello.to_line();
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        assert_eq!(Hello::parse(&line), Some(hello));
    }

    #[test]
    fn unknown_and_missing_fields_are_no_obstacle() {
        let line = br#"{"jsonrpc":"2.0","method":"notifications/ebb/hello","params":{"version":"9","new":1}}"#;
        assert_eq!(Hello::parse(line).unwrap().version, "9");
    }

    #[test]
    fn other_lines_are_no_hello() {
        for line in [
            &br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"x":"notifications/ebb/hello"}}"#[..],
            br#"{"jsonrpc":"2.0","method":"notifications/ebb/hello"}"#,
            b"notifications/ebb/hello",
            b"",
        ] {
            assert_eq!(Hello::parse(line), None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_that_is_no_text_is_left_out() {
        use std::os::unix::ffi::OsStringExt;
        let cwd = PathBuf::from(std::ffi::OsString::from_vec(vec![b'/', 0xff]));
        let line = Hello { cwd: Some(cwd), version: "1".to_owned(), ..Hello::default() }.to_line();
        assert_eq!(Hello::parse(&line).unwrap().version, "1");
    }
}
