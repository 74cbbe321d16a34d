//! Reads the head of each JSON-RPC line as it passes, without holding the line.

/// What a line is about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The id as written, quotes included.
    pub(super) id: Option<String>,
    /// The method, quotes taken off.
    pub(super) method: Option<String>,
    /// Whether it answers a request.
    pub(super) answer: bool,
}

/// Follows the structure of one line after the other; what is no JSON object gives an empty head.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The key at the top whose value is being read.
    key: Option<Vec<u8>>,
    /// The string, number or word at the top that is being read, up to a limit.
    token: Vec<u8>,
    head: Head,
    /// Whether bytes of a line have come without its end.
    inside: bool,
}

/// Ids and methods are short; what is longer is not remembered.
const MAX_TOKEN: usize = 1024;

impl Scanner {
    /// Feeds bytes; calls `line` at the end of each line.
    pub(super) fn feed(&mut self, bytes: &[u8], mut line: impl FnMut(Head)) {
        for &byte in bytes {
            if byte == b'\n' {
                line(std::mem::take(self).head);
            } else {
                self.inside = true;
                self.step(byte);
            }
        }
    }

    /// Whether a line has begun and not ended.
    pub(super) fn inside(&self) -> bool {
        self.inside
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            self.push(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.push(byte);
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.value_ends();
                self.depth = self.depth.saturating_sub(1);
            }
            b',' => self.value_ends(),
            b':' if self.depth == 1 => self.key = Some(std::mem::take(&mut self.token)),
            _ if byte.is_ascii_whitespace() => {}
            _ => self.push(byte),
        }
    }

    fn push(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() < MAX_TOKEN {
            self.token.push(byte);
        }
    }

    fn value_ends(&mut self) {
        if self.depth != 1 {
            return;
        }
        let value = String::from_utf8_lossy(&std::mem::take(&mut self.token)).into_owned();
        match self.key.take().as_deref() {
            Some(b"\"id\"") if value.len() < MAX_TOKEN && value != "null" && !value.is_empty() => {
                self.head.id = Some(value);
            }
            Some(b"\"method\"") => self.head.method = Some(value.trim_matches('"').to_owned()),
            Some(b"\"result\"" | b"\"error\"") => self.head.answer = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> Vec<Head> {
        let mut scanner = Scanner::default();
        let mut heads = Vec::new();
        // A byte at a time: where a read ends must not matter.
        for byte in text.bytes() {
            scanner.feed(&[byte], |head| heads.push(head));
        }
        heads
    }

    fn head(id: Option<&str>, method: Option<&str>, answer: bool) -> Head {
        Head { id: id.map(str::to_owned), method: method.map(str::to_owned), answer }
    }

    #[test]
    fn order_and_nesting_do_not_matter() {
        let text = concat!(
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"id":7,"method":"x","result":[]}}"#,
            "\n",
            r#"{ "method" : "tools/call", "params": {"a": "}\"{\\", "id": 3}, "jsonrpc":"2.0" , "id" : "a\"b" }"#,
            "\n",
            r#"{"result":{"content":[{"id":1}]},"id":-2}"#,
            "\n",
            r#"{"id":null,"error":{}}"#,
            "\n\nnoise\n",
            r#"{"method":"notifications/initialized"}"#,
            "\n",
        );
        assert_eq!(
            heads(text),
            [
                head(Some("1"), Some("initialize"), false),
                head(Some(r#""a\"b""#), Some("tools/call"), false),
                head(Some("-2"), None, true),
                head(None, None, true),
                head(None, None, false),
                head(None, None, false),
                head(None, Some("notifications/initialized"), false),
            ]
        );
    }

    #[test]
    fn a_broken_line_does_not_spoil_the_next() {
        assert_eq!(
            heads("{\"a\":\"unclosed [[[\n}}}]\n{\"id\":1,\"result\":1}\n").last(),
            Some(&head(Some("1"), None, true))
        );
    }

    #[test]
    fn memory_stays_small() {
        let mut scanner = Scanner::default();
        scanner.feed(b"{\"id\":\"", |_| ());
        for _ in 0..100 {
            scanner.feed(&[b'x'; 4096], |_| ());
        }
        assert!(scanner.token.capacity() <= 2 * MAX_TOKEN);
        assert!(scanner.inside());
        scanner.feed(b"\"}\n", |head| assert_eq!(head.id, None));
        assert!(!scanner.inside());
    }
}
