//! What a new host must be told, and the client about the old one, when the host dies in between.

use std::collections::BTreeSet;

use super::scan::Scanner;

/// Lines that may have to be sent again are kept up to this length.
const MAX_KEPT: usize = 1024 * 1024;
/// More requests are never in flight at once; a client that gets here lost answers by itself.
const MAX_IN_FLIGHT: usize = 10_000;
/// JSON-RPC leaves -32000 to -32099 to servers.
const SERVER_ERROR: i32 = -32_000;

/// Follows both directions of one conversation.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    up: Scanner,
    down: Scanner,
    /// The client's line that is not complete yet, from its beginning.
    line: Vec<u8>,
    /// Whether that line was too long to keep.
    cut: bool,
    initialize: Option<Initialize>,
    initialized: Option<Vec<u8>>,
    /// Ids of requests without an answer.
    in_flight: BTreeSet<String>,
    /// Whether a tool was called on this host, so that there may be a session to lose.
    called: bool,
    /// Whether the client lost a session with the last host and does not know it.
    lost: bool,
    /// Whether this host answered anything that the client asked.
    answered: bool,
}

#[derive(Debug)]
struct Initialize {
    id: String,
    line: Vec<u8>,
    answered: bool,
}

/// What to send to a new host before anything else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replay {
    /// The handshake, if this client made one.
    pub(super) initialize: Vec<u8>,
    /// Whether the client has its answer already, so that the new one is for the bridge alone.
    pub(super) swallow: bool,
    /// The end of the handshake, if it came that far.
    pub(super) initialized: Vec<u8>,
    /// The line that the client was writing.
    pub(super) unfinished: Vec<u8>,
    /// Whether the next call should say what was lost.
    pub(super) lost: bool,
}

impl Tracker {
    /// Notes what the client sent.
    pub(super) fn up(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.cut || self.line.len() + part.len() > MAX_KEPT {
                self.cut = true;
                self.line = Vec::new();
            } else {
                self.line.extend_from_slice(part);
            }
            let mut head = None;
            self.up.feed(part, |found| head = Some(found));
            let Some(head) = head else { continue };
            let line = std::mem::take(&mut self.line);
            let cut = std::mem::take(&mut self.cut);
            match (head.id, head.method.as_deref()) {
                (Some(id), Some(method)) => {
                    if method == "initialize" && !cut {
                        self.initialize = Some(Initialize { id: id.clone(), line, answered: false });
                        self.initialized = None;
                    }
                    self.called |= method == "tools/call";
                    if self.in_flight.len() < MAX_IN_FLIGHT {
                        self.in_flight.insert(id);
                    }
                }
                (None, Some("notifications/initialized")) => self.initialized = Some(line),
                _ => {}
            }
        }
    }

    /// Notes what the host sent.
    pub(super) fn down(&mut self, bytes: &[u8]) {
        let Self { down, in_flight, initialize, answered, .. } = self;
        down.feed(bytes, |head| {
            let Some(id) = head.id.filter(|_| head.answer) else { return };
            *answered |= in_flight.remove(&id);
            if let Some(initialize) = initialize.as_mut().filter(|initialize| initialize.id == id) {
                initialize.answered = true;
            }
        });
    }

    /// Whether an answer is outstanding.
    pub(super) fn waits(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether the host that is gone had anything to do for the client: one that dies of a call is not
    /// one that dies by itself. Asked before [`Self::host_is_gone`], once for each host.
    pub(super) fn was_of_use(&mut self) -> bool {
        let pending = self.initialize.as_ref().filter(|initialize| !initialize.answered);
        let calls = self.in_flight.iter().any(|id| pending.is_none_or(|initialize| initialize.id != *id));
        std::mem::take(&mut self.answered) || calls
    }

    /// Forgets the host: the answers that its calls get now, each a line.
    pub(super) fn host_is_gone(&mut self, message: &str) -> Vec<u8> {
        let mut lines = Vec::new();
        // Half a line of the dead host went out already and cannot be taken back: end it there.
        if self.down.inside() {
            lines.push(b'\n');
        }
        self.down = Scanner::default();
        let pending = self.initialize.as_ref().filter(|initialize| !initialize.answered).map(|it| it.id.clone());
        let message = serde_json::Value::from(message);
        self.lost |= std::mem::take(&mut self.called);
        for id in std::mem::take(&mut self.in_flight) {
            // An unanswered handshake is no call: it is asked again.
            if pending.as_ref() == Some(&id) {
                self.in_flight.insert(id);
                continue;
            }
            // This answer says it.
            self.lost = false;
            let error = format!(r#"{{"code":{SERVER_ERROR},"message":{message}}}"#);
            lines.extend_from_slice(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).as_bytes());
            lines.push(b'\n');
        }
        lines
    }

    /// What the next host needs; `None` when the client is in the middle of a line that was not kept.
    pub(super) fn replay(&self) -> Option<Replay> {
        if self.cut {
            return None;
        }
        let mut replay = Replay { unfinished: self.line.clone(), lost: self.lost, ..Replay::default() };
        if let Some(initialize) = &self.initialize {
            replay.initialize.clone_from(&initialize.line);
            replay.swallow = initialize.answered;
            replay.initialized = self.initialized.clone().unwrap_or_default();
        }
        Some(replay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INITIALIZE: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}\n";
    const INITIALIZED: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";

    fn call(id: u32) -> Vec<u8> {
        format!("{{\"method\":\"tools/call\",\"params\":{{\"id\":99}},\"jsonrpc\":\"2.0\",\"id\":{id}}}\n").into_bytes()
    }

    fn answer(id: u32) -> Vec<u8> {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n").into_bytes()
    }

    #[test]
    fn a_shaken_hand_is_replayed_and_its_calls_are_answered() {
        let mut tracker = Tracker::default();
        tracker.up(INITIALIZE);
        tracker.down(&answer(0));
        tracker.up(INITIALIZED);
        tracker.up(&[call(1), call(2), b"{\"half".to_vec()].concat());
        tracker.down(&answer(1));
        // A request of the host with the same id is no answer.
        tracker.down(b"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"roots/list\"}\n{\"jsonrpc\"");
        assert!(tracker.waits());
        let lines = String::from_utf8(tracker.host_is_gone("it \"died\"")).unwrap();
        let (first, second) = lines.split_once('\n').unwrap();
        assert_eq!(first, "", "the half line is ended");
        let error: serde_json::Value = serde_json::from_str(second.trim()).unwrap();
        assert_eq!(error["id"], 2);
        assert_eq!(error["error"]["message"], "it \"died\"");
        assert!(!tracker.waits());
        let replay = tracker.replay().unwrap();
        assert_eq!(replay.initialize, INITIALIZE);
        assert!(replay.swallow);
        assert_eq!(replay.initialized, INITIALIZED);
        assert_eq!(replay.unfinished, b"{\"half");
        // The rest of that line completes it.
        tracker.up(b"\":1,\"id\":5,\"method\":\"x\"}\n");
        assert!(tracker.waits());
    }

    #[test]
    fn a_host_that_dies_by_itself_again_and_again_was_of_no_use() {
        let mut tracker = Tracker::default();
        tracker.up(INITIALIZE);
        assert!(!tracker.was_of_use(), "it did not even answer the handshake");
        tracker.down(&answer(0));
        assert!(tracker.was_of_use());
        drop(tracker.host_is_gone("gone"));
        assert!(!tracker.was_of_use());
        tracker.up(&call(1));
        assert!(tracker.was_of_use(), "it may have died of the call");
        drop(tracker.host_is_gone("gone"));
        assert!(!tracker.was_of_use());
    }

    #[test]
    fn a_session_that_was_lost_in_silence_is_told_and_one_that_an_answer_told_is_not() {
        let call = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}}\n";
        let mut tracker = Tracker::default();
        assert!(tracker.host_is_gone("gone").is_empty());
        assert!(!tracker.replay().unwrap().lost, "nothing was called");
        tracker.up(call);
        tracker.down(&answer(1));
        assert!(tracker.host_is_gone("gone").is_empty());
        assert!(tracker.replay().unwrap().lost);
        tracker.up(call);
        assert!(!tracker.host_is_gone("gone").is_empty());
        assert!(!tracker.replay().unwrap().lost, "the answer told it");
    }

    #[test]
    fn an_unanswered_handshake_is_asked_again() {
        let mut tracker = Tracker::default();
        tracker.up(INITIALIZE);
        assert_eq!(tracker.host_is_gone("x"), b"");
        let replay = tracker.replay().unwrap();
        assert_eq!(replay.initialize, INITIALIZE);
        assert!(!replay.swallow);
        assert!(tracker.waits());
    }

    #[test]
    fn without_a_handshake_there_is_nothing_to_replay() {
        let mut tracker = Tracker::default();
        tracker.up(&call(1));
        tracker.down(&answer(1));
        assert_eq!(tracker.replay(), Some(Replay::default()));
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut tracker = Tracker::default();
        for _ in 0..200 {
            tracker.up(&[b' '; 16 * 1024]);
        }
        assert!(tracker.line.capacity() <= 2 * MAX_KEPT);
        assert_eq!(tracker.replay(), None);
        tracker.up(b"\n");
        assert_eq!(tracker.replay(), Some(Replay::default()));
    }
}
