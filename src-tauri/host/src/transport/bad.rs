//! Lines that are no message: which JSON-RPC error each of them gets.

use rmcp::model::JsonRpcMessage;
use serde_json::{Value, json};

use super::wire::Incoming;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;

/// The answer to a bad line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bad {
    code: i32,
    message: &'static str,
    id: Value,
}

impl Bad {
    const fn new(code: i32, message: &'static str, id: Value) -> Self {
        Self { code, message, id }
    }

    /// A line over the limit; the stream ends with it.
    pub(super) const fn too_long() -> Self {
        Self::new(INVALID_REQUEST, "Line longer than 16 MiB; the connection is closed", Value::Null)
    }

    /// The answer as a line.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let error = json!({"code": self.code, "message": self.message});
        let mut line = json!({"jsonrpc": "2.0", "id": self.id, "error": error}).to_string().into_bytes();
        line.push(b'\n');
        line
    }
}

/// The body of a request as the library takes it; none where there is nothing to answer.
pub(super) fn body(bytes: &[u8]) -> Result<Option<Vec<u8>>, Bad> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii();
    if bytes.is_empty() {
        return Err(Bad::new(PARSE_ERROR, "Parse error", Value::Null));
    }
    let message = parse(bytes)?;
    Ok(message.map(|_| repaired(bytes).unwrap_or_else(|| bytes.to_vec())))
}

/// What some editors put before everything.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The message in `line`; none where there is nothing to answer.
pub(super) fn parse(line: &[u8]) -> Result<Option<Incoming>, Bad> {
    let line = line.strip_prefix(BOM).unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    if let Ok(message) = serde_json::from_slice::<Incoming>(line) {
        return Ok(if is_noise(&message) { None } else { Some(message) });
    }
    let whole = repaired(line);
    let line = whole.as_deref().unwrap_or(line);
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return Err(Bad::new(PARSE_ERROR, "Parse error", Value::Null));
    };
    if whole.is_some()
        && let Ok(message) = serde_json::from_value::<Incoming>(value.clone())
    {
        return Ok(Some(message));
    }
    classify(&value).map_or(Ok(None), Err)
}

/// What is wrong with well-formed JSON that is no message; none for notifications and answers, which
/// must not be answered.
fn classify(value: &Value) -> Option<Bad> {
    let Value::Object(object) = value else {
        let message = if value.is_array() { "Invalid request: batches are not supported" } else { "Invalid request" };
        return Some(Bad::new(INVALID_REQUEST, message, Value::Null));
    };
    let id = object.get("id");
    let usable = id.filter(|id| id.is_string() || id.is_i64() || id.is_u64()).cloned();
    let versioned = object.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let method = object.get("method").is_some_and(Value::is_string);
    match (versioned, method, id, usable) {
        (true, true, None, _) => None,
        (true, false, _, _) if object.contains_key("result") || object.contains_key("error") => None,
        (true, true, Some(_), Some(id)) => Some(Bad::new(INVALID_PARAMS, "Invalid params", id)),
        (false, _, _, id) => {
            Some(Bad::new(INVALID_REQUEST, "Invalid request: jsonrpc must be \"2.0\"", id.unwrap_or_default()))
        }
        (_, _, _, id) => Some(Bad::new(INVALID_REQUEST, "Invalid request", id.unwrap_or_default())),
    }
}

/// Notifications of other protocols (editors send `$/...`) mean nothing here.
const fn is_noise(message: &Incoming) -> bool {
    matches!(
        message,
        JsonRpcMessage::Notification(notification)
            if matches!(notification.notification, rmcp::model::ClientNotification::CustomNotification(_))
    )
}

/// The line with U+FFFD for each half of a surrogate pair that stands alone; none where there is none.
/// Some clients cut their strings between the halves, and a parser refuses the whole line for it.
fn repaired(line: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(line.len());
    let mut found = false;
    let mut rest = line;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, escape) = rest.split_at(at);
        out.extend_from_slice(before);
        let taken = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                found = true;
                out.extend_from_slice(b"\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            // Any other escape: its second byte may be a backslash itself.
            (None, _) => 2.min(escape.len()),
        };
        let (escape, after) = escape.split_at(taken);
        out.extend_from_slice(escape);
        rest = after;
    }
    out.extend_from_slice(rest);
    found.then_some(out)
}

/// The code unit of the `\uXXXX` that `text` begins with.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &[u8]) -> Value {
        serde_json::from_slice(&parse(line).unwrap_err().to_line()).unwrap()
    }

    #[test]
    fn each_bad_line_gets_its_error() {
        let cases: [(&[u8], i32, Value); 12] = [
            (b"not json", PARSE_ERROR, Value::Null),
            (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"meth", PARSE_ERROR, Value::Null),
            (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":1e999}}", PARSE_ERROR, Value::Null),
            (b"{\"a\":\"\xff\xfe\"}", PARSE_ERROR, Value::Null),
            (b"{\"a\":\"\0\"}", PARSE_ERROR, Value::Null),
            (b"[]", INVALID_REQUEST, Value::Null),
            (b"7", INVALID_REQUEST, Value::Null),
            (b"{}", INVALID_REQUEST, Value::Null),
            (b"{\"jsonrpc\":\"1.0\",\"id\":3,\"method\":\"ping\"}", INVALID_REQUEST, json!(3)),
            (b"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", INVALID_REQUEST, Value::Null),
            (b"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", INVALID_REQUEST, Value::Null),
            (b"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":7}", INVALID_REQUEST, json!(4)),
        ];
        for (line, code, id) in cases {
            let answer = answer(line);
            let text = String::from_utf8_lossy(line);
            assert_eq!((answer.pointer("/error/code"), answer.get("id")), (Some(&json!(code)), Some(&id)), "{text}");
        }
    }

    #[test]
    fn what_must_not_be_answered_is_not() {
        for line in [
            &b"\n"[..],
            b"  \r\n",
            b"{\"jsonrpc\":\"2.0\",\"method\":\"$/setTrace\",\"params\":{}}",
            b"{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":7}",
        ] {
            assert!(parse(line).unwrap().is_none(), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn halves_of_surrogate_pairs_do_not_cost_the_line() {
        let line = br#"{"jsonrpc":"2.0","id":1,"method":"x/y","params":{"t":"a\ud800b\\ud800\ud83d\ude00\udc00"}}"#;
        let Some(JsonRpcMessage::Request(request)) = parse(line).unwrap() else { panic!("a request") };
        let text = serde_json::to_value(&request.request).unwrap();
        assert_eq!(text.pointer("/params/t").unwrap(), "a\u{fffd}b\\ud800😀\u{fffd}");
        for hopeless in [&br#"{"t":"\ud800"#[..], b"\\", b"\\u", b"\\ud8"] {
            assert!(parse(hopeless).is_err());
        }
    }
}
