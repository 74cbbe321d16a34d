//! The frames of a tab: where each lives, which number its refs carry, and the worlds to call into.
//!
//! A frame of another site runs in another process and is spoken to in a DevTools session of its own; the
//! numbers of execution contexts mean nothing outside their session.

use serde_json::Value;

use super::tab_state::TabState;

/// More frames than this are not tracked.
const MAX_FRAMES: usize = 1_000;

/// Frames in processes of their own, a tab; each is a process of the machine.
const MAX_SESSIONS: usize = 100;

/// One frame of a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    /// None for the main frame.
    pub(crate) parent: Option<String>,
    /// Its address; hostile text.
    pub(crate) url: String,
    /// Its number in refs: `f2e7`; 0 is not printed.
    pub(crate) number: u32,
    /// The DevTools session it is spoken to in; none for the tab's own.
    pub(crate) session: Option<String>,
    /// The execution context of Ebb's isolated world.
    pub(crate) world: Option<i64>,
    /// The page's own execution context.
    pub(crate) main_world: Option<i64>,
    /// Its process ended, and the rest of the page goes on.
    pub(crate) crashed: bool,
}

impl Frame {
    /// It is spoken to in `session` from now on: what was known of the one before is void.
    fn moves_to(&mut self, session: Option<&str>) {
        if self.session.as_deref() != session {
            self.session = session.map(str::to_owned);
            (self.world, self.main_world, self.crashed) = (None, None, false);
        }
    }
}

impl TabState {
    /// What the refs of a frame begin with: nothing for the main frame of a tab's first page.
    pub(crate) fn ref_prefix(&self, frame: &str) -> String {
        match self.frames.get(frame).map_or(0, |known| known.number) {
            0 => String::new(),
            number => format!("f{number}"),
        }
    }

    /// The frame that carries this number.
    pub(crate) fn frame_by_number(&self, number: u32) -> Option<String> {
        self.frames.iter().find(|(_, frame)| frame.number == number).map(|(id, _)| id.clone())
    }

    /// The DevTools session that speaks to `frame`; none for the tab's own.
    pub(crate) fn session_of(&self, frame: &str) -> Option<String> {
        self.frames.get(frame).and_then(|frame| frame.session.clone())
    }

    /// The outermost of the frames around `frame` that are spoken to in the same session; none in the tab's own.
    pub(super) fn outermost(&self, frame: &str) -> Option<String> {
        let session = self.session_of(frame)?;
        let mut at = frame.to_owned();
        for _ in 0..MAX_FRAMES {
            let parent = self.frames.get(&at).and_then(|frame| frame.parent.clone());
            match parent {
                Some(parent) if self.session_of(&parent).as_ref() == Some(&session) => at = parent,
                _ => break,
            }
        }
        Some(at)
    }

    /// The sessions of frames in other processes.
    pub(crate) fn frame_sessions(&self) -> Vec<String> {
        let mut sessions: Vec<String> = self.frames.values().filter_map(|frame| frame.session.clone()).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// The frame `id` is in a process of its own now. False when the tab has no room for another one.
    pub(super) fn frame_moved(&mut self, id: &str, parent: Option<&str>, session: &str) -> bool {
        if self.frame_sessions().len() >= MAX_SESSIONS {
            return false;
        }
        self.known(id, parent.map(str::to_owned));
        let Some(frame) = self.frames.get_mut(id) else { return false };
        frame.moves_to(Some(session));
        self.frame_changes += 1;
        true
    }

    /// A session ended: the frames that were spoken to in it are gone, but for those that moved elsewhere. One that
    /// goes home to the process of its page may be told there a moment later; then it has its number again.
    pub(super) fn session_gone(&mut self, session: &str) {
        let gone: Vec<String> = self
            .frames
            .iter()
            .filter(|(_, f)| f.session.as_deref() == Some(session))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            if let Some(number) = self.frames.get(&id).map(|frame| frame.number)
                && self.between.len() < MAX_FRAMES
            {
                self.between.insert(id.clone(), number);
            }
            self.remove_frame(&id);
        }
    }

    /// The process behind `session` ended; its frames stay in the page as empty boxes.
    pub(super) fn frames_crashed(&mut self, session: &str) {
        for frame in self.frames.values_mut().filter(|frame| frame.session.as_deref() == Some(session)) {
            (frame.crashed, frame.world, frame.main_world) = (true, None, None);
        }
    }

    pub(super) fn frame_attached(&mut self, id: &str, parent: &str, session: Option<&str>) {
        self.known(id, Some(parent.to_owned()));
        // A frame that comes back from another process is attached here before its session there ends.
        if let Some(frame) = self.frames.get_mut(id) {
            frame.moves_to(session);
        }
    }

    pub(super) fn frame_detached(&mut self, id: &str, session: Option<&str>, swapped: bool) {
        if !swapped {
            self.remove_frame(id);
        } else if let Some(frame) = self.frames.get_mut(id).filter(|frame| frame.session.as_deref() == session) {
            // It lives on in another process, whose session will say so.
            (frame.world, frame.main_world) = (None, None);
        }
        self.frame_changes += 1;
    }

    /// A frame shows another document; it keeps its number.
    pub(super) fn frame_navigated(&mut self, id: &str, parent: Option<&str>, session: Option<&str>, url: String) {
        self.known(id, parent.map(str::to_owned));
        self.frame_changes += 1;
        if let Some(frame) = self.frames.get_mut(id) {
            frame.moves_to(session);
            frame.crashed = false;
            frame.url = url;
        }
    }

    /// The page shows another document: its frames are gone. A document that was left takes its refs with it, so
    /// the main frame gets a fresh number, but for the first page of a tab.
    pub(super) fn main_frame_navigated(&mut self, id: &str, url: String) {
        let before = self.frames.remove(&self.main_frame).unwrap_or_default();
        self.frames.clear();
        self.between.clear();
        let mut number = before.number;
        if !matches!(before.url.as_str(), "" | "about:blank") {
            self.frame_numbers += 1;
            number = self.frame_numbers;
        }
        self.frame_changes += 1;
        id.clone_into(&mut self.main_frame);
        // Its worlds were told before the navigation, or are told after it: both orders happen.
        self.frames.insert(id.to_owned(), Frame { number, url, parent: None, session: None, crashed: false, ..before });
    }

    pub(super) fn context_created(&mut self, session: Option<&str>, params: &Value) {
        let Some(id) = params.pointer("/context/id").and_then(Value::as_i64) else { return };
        let frame = params.pointer("/context/auxData/frameId").and_then(Value::as_str).unwrap_or_default();
        let is_default = params.pointer("/context/auxData/isDefault").and_then(Value::as_bool).unwrap_or_default();
        let is_ours = params.pointer("/context/name").and_then(Value::as_str) == Some(super::tab::WORLD);
        let Some(frame) = self.frames.get_mut(frame).filter(|frame| frame.session.as_deref() == session) else {
            return;
        };
        if is_ours {
            frame.world = Some(id);
        } else if is_default {
            frame.main_world = Some(id);
        }
    }

    pub(super) fn contexts_gone(&mut self, session: Option<&str>, gone: impl Fn(i64) -> bool) {
        for frame in self.frames.values_mut().filter(|frame| frame.session.as_deref() == session) {
            frame.world = frame.world.filter(|id| !gone(*id));
            frame.main_world = frame.main_world.filter(|id| !gone(*id));
        }
    }

    /// Makes room for a frame that is new.
    fn known(&mut self, id: &str, parent: Option<String>) {
        if self.frames.contains_key(id) || self.frames.len() >= MAX_FRAMES {
            return;
        }
        self.frame_changes += 1;
        let number = self.between.remove(id).unwrap_or_else(|| {
            self.frame_numbers += 1;
            self.frame_numbers
        });
        // Without a parent its place is not known yet, and it is no main frame all the same.
        let parent = parent.or_else(|| Some(self.main_frame.clone()));
        self.frames.insert(id.to_owned(), Frame { parent, number, ..Frame::default() });
    }

    fn remove_frame(&mut self, id: &str) {
        if id == self.main_frame {
            return;
        }
        let mut gone = vec![id.to_owned()];
        while let Some(id) = gone.pop() {
            if self.frames.remove(&id).is_some() {
                let below = self.frames.iter().filter(|(_, frame)| frame.parent.as_deref() == Some(id.as_str()));
                gone.extend(below.map(|(id, _)| id.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn main_frame() -> TabState {
        let mut state = TabState::default();
        state.apply(None, "Page.frameNavigated", &json!({"frame": {"id": "M", "loaderId": "L1", "url": "http://a/"}}));
        state
    }

    fn attached(id: &str, parent: &str) -> Value {
        json!({"frameId": id, "parentFrameId": parent})
    }

    #[test]
    fn frames_are_numbered_as_they_attach_and_go_with_the_document() {
        let mut state = main_frame();
        state.apply(None, "Page.frameAttached", &attached("A", "M"));
        state.apply(None, "Page.frameAttached", &attached("B", "A"));
        assert_eq!((state.ref_prefix("M"), state.ref_prefix("B")), (String::new(), "f2".to_owned()));
        assert_eq!(state.frame_by_number(1), Some("A".to_owned()));
        let next = json!({"frame": {"id": "M", "loaderId": "L2", "url": "http://b/"}});
        state.apply(None, "Page.frameNavigated", &next);
        assert_eq!(state.frames.len(), 1);
        assert_eq!(state.url(), "http://b/");
        assert_eq!(state.ref_prefix("M"), "f3", "an old ref cannot hit the new page");
        assert_eq!(state.frame_by_number(0), None);
    }

    #[test]
    fn a_frame_that_goes_takes_what_is_in_it_along() {
        let mut state = main_frame();
        state.apply(None, "Page.frameAttached", &attached("A", "M"));
        state.apply(None, "Page.frameAttached", &attached("B", "A"));
        state.apply(None, "Page.frameDetached", &json!({"frameId": "A", "reason": "remove"}));
        assert_eq!(state.frames.keys().collect::<Vec<_>>(), ["M"]);
    }

    #[test]
    fn worlds_belong_to_their_frame_and_are_forgotten_when_destroyed() {
        let mut state = main_frame();
        let created = |id: i64, name: &str, default: bool| json!({"context": {"id": id, "name": name, "auxData": {"frameId": "M", "isDefault": default}}});
        state.apply(None, "Runtime.executionContextCreated", &created(1, "", true));
        state.apply(None, "Runtime.executionContextCreated", &created(2, "ebb", false));
        assert_eq!((state.frames["M"].main_world, state.frames["M"].world), (Some(1), Some(2)));
        state.apply(None, "Runtime.executionContextDestroyed", &json!({"executionContextId": 2}));
        assert_eq!(state.frames["M"].world, None);
    }

    #[test]
    fn a_frame_keeps_its_number_between_processes_and_its_worlds_do_not_mix() {
        let mut state = main_frame();
        state.apply(None, "Page.frameAttached", &attached("A", "M"));
        let created = |id: i64| json!({"context": {"id": id, "name": "ebb", "auxData": {"frameId": "A"}}});
        state.apply(None, "Runtime.executionContextCreated", &created(7));
        assert!(state.frame_moved("A", Some("M"), "S"));
        state.apply(None, "Page.frameDetached", &json!({"frameId": "A", "reason": "swap"}));
        assert_eq!(state.frames["A"].world, None);
        state.apply(Some("S"), "Runtime.executionContextCreated", &created(7));
        state.apply(None, "Runtime.executionContextDestroyed", &json!({"executionContextId": 7}));
        assert_eq!((state.frames["A"].world, state.ref_prefix("A")), (Some(7), "f1".to_owned()));

        // Back again: attached here first, and then its session ends.
        state.apply(None, "Page.frameAttached", &attached("A", "M"));
        state.session_gone("S");
        assert_eq!((state.session_of("A"), state.ref_prefix("A")), (None, "f1".to_owned()));

        // And the other way round.
        assert!(state.frame_moved("A", None, "R"));
        state.session_gone("R");
        assert!(!state.frames.contains_key("A"));
        state.apply(None, "Page.frameAttached", &attached("A", "M"));
        assert_eq!(state.ref_prefix("A"), "f1");

        // And gone for good.
        assert!(state.frame_moved("A", None, "T"));
        state.session_gone("T");
        assert!(!state.frames.contains_key("A"));
    }

    #[test]
    fn processes_of_frames_have_a_limit() {
        let mut state = main_frame();
        for number in 0..MAX_SESSIONS {
            assert!(state.frame_moved(&format!("F{number}"), Some("M"), &format!("S{number}")));
        }
        assert!(!state.frame_moved("G", Some("M"), "T"));
    }
}
