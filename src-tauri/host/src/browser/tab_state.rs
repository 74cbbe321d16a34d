//! What is known of a tab, kept current by its events alone.

use std::collections::HashMap;

use serde_json::Value;

use super::media::Media;

/// What blocks a page until somebody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Modal {
    /// `alert`, `confirm`, `prompt` or `beforeunload`.
    Dialog {
        /// Which of them.
        kind: String,
        /// Its message; hostile text.
        message: String,
    },
    /// A file input was opened.
    FileChooser {
        /// The input's node in the DevTools protocol.
        backend_node: i64,
        /// Whether it takes several files.
        multiple: bool,
    },
}

/// One frame of a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    /// None for the main frame.
    pub(crate) parent: Option<String>,
    /// Its address; hostile text.
    pub(crate) url: String,
    /// Its number in refs: `f2e7`. The main frame's is not printed.
    pub(crate) number: u32,
    /// The execution context of Ebb's isolated world.
    pub(crate) world: Option<i64>,
    /// The page's own execution context.
    pub(crate) main_world: Option<i64>,
}

/// How far the current document of the main frame has loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lifecycle {
    /// `DOMContentLoaded` was seen.
    pub(crate) content_loaded: bool,
    /// `load` was seen.
    pub(crate) loaded: bool,
}

/// Everything a tab's events told.
#[derive(Debug, Default)]
pub(crate) struct TabState {
    /// The page's title; hostile text.
    pub(crate) title: String,
    /// The main frame's id, the target's own.
    pub(crate) main_frame: String,
    /// The loader of the main frame's document; another one is another document.
    pub(crate) loader: String,
    /// How far it has loaded.
    pub(crate) lifecycle: Lifecycle,
    /// Frames by id.
    pub(crate) frames: HashMap<String, Frame>,
    /// Frame numbers given so far.
    pub(crate) frame_numbers: u32,
    /// Waiting dialogs and file choosers, oldest first.
    pub(crate) modals: Vec<Modal>,
    /// Dialogs that opened so far.
    pub(crate) dialogs: u64,
    /// Its renderer crashed.
    pub(crate) crashed: bool,
    /// Its renderer crashed and no other page has been opened since.
    pub(crate) revived: bool,
    /// Why its renderer was ended, where that was us.
    pub(crate) ended_because: Option<String>,
    /// The HTTP status of the main document: code and text.
    pub(crate) status: Option<(i64, String)>,
    /// Navigations the page asked for that have not begun yet.
    pub(crate) scheduled: u32,
    /// Requests of this page that are not finished, by id.
    pub(crate) in_flight: HashMap<String, RequestKind>,
    /// Requests begun so far.
    pub(crate) requests: u64,
    /// Documents committed so far.
    pub(crate) commits: u64,
    /// How often the main frame stopped loading.
    pub(crate) stops: u64,
    /// When the last of them came, in milliseconds since 1970 as the browser counts.
    pub(crate) committed_ms: f64,
    /// How often a frame came, went or showed another document: its process may be another one.
    pub(crate) frame_changes: u64,
    /// The processes of its frames, from the last trace, that of the main frame first.
    pub(crate) traced: Vec<u32>,
    /// What the page's own drag carries, as the browser handed it over.
    pub(crate) dragged: Option<Value>,
    /// What its style sheets are told about the reader.
    pub(crate) media: Media,
    /// How often the main frame's place in its history changed, within a document too.
    pub(crate) moves: u64,
}

/// What a request in flight is for; the settling after an action waits for some kinds only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    /// Document, stylesheet, script, xhr or fetch.
    Awaited,
    /// Anything else.
    Other,
}

/// More requests than this are not tracked as in flight; a page that floods is never quiet anyway.
const MAX_IN_FLIGHT: usize = 2_000;

/// More frames than this are not tracked.
const MAX_FRAMES: usize = 1_000;

impl TabState {
    /// The main frame's address.
    pub(crate) fn url(&self) -> &str {
        self.frames.get(&self.main_frame).map_or("", |frame| frame.url.as_str())
    }

    /// The frame's number, 0 for the main frame.
    pub(crate) fn frame_number(&self, frame: &str) -> Option<u32> {
        self.frames.get(frame).map(|known| known.number)
    }

    /// The frame that carries this number.
    pub(crate) fn frame_by_number(&self, number: u32) -> Option<String> {
        self.frames.iter().find(|(_, frame)| frame.number == number).map(|(id, _)| id.clone())
    }

    /// Takes in one event of the tab's own session. Returns whether something changed.
    pub(crate) fn apply(&mut self, method: &str, params: &Value) -> bool {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match method {
            "Page.frameAttached" => self.attach(text("/frameId"), Some(text("/parentFrameId"))),
            "Page.frameDetached" => {
                self.frames.remove(&text("/frameId"));
                self.frame_changes += 1;
            }
            "Page.frameNavigated" => self.navigated(params),
            "Input.dragIntercepted" => self.dragged = params.pointer("/data").cloned(),
            "Page.navigatedWithinDocument" => {
                if text("/frameId") == self.main_frame {
                    self.moves += 1;
                }
                if let Some(frame) = self.frames.get_mut(&text("/frameId")) {
                    frame.url = text("/url");
                }
            }
            "Page.lifecycleEvent" => self.lifecycle_event(&text("/frameId"), &text("/loaderId"), &text("/name")),
            "Page.frameRequestedNavigation" | "Page.frameScheduledNavigation" => {
                if text("/frameId") == self.main_frame {
                    self.scheduled += 1;
                }
            }
            "Page.frameClearedScheduledNavigation" | "Page.frameStoppedLoading" => {
                self.scheduled = 0;
                if method == "Page.frameStoppedLoading" && text("/frameId") == self.main_frame {
                    self.stops += 1;
                }
            }
            "Page.javascriptDialogOpening" => {
                self.dialogs += 1;
                self.modals.push(Modal::Dialog { kind: text("/type"), message: text("/message") });
            }
            "Page.javascriptDialogClosed" => self.modals.retain(|modal| !matches!(modal, Modal::Dialog { .. })),
            "Page.fileChooserOpened" => self.modals.push(Modal::FileChooser {
                backend_node: params.pointer("/backendNodeId").and_then(Value::as_i64).unwrap_or_default(),
                multiple: text("/mode") == "selectMultiple",
            }),
            "Runtime.executionContextCreated" => self.context_created(params),
            "Runtime.executionContextDestroyed" => {
                let id = params.pointer("/executionContextId").and_then(Value::as_i64);
                for frame in self.frames.values_mut() {
                    if frame.world == id {
                        frame.world = None;
                    }
                    if frame.main_world == id {
                        frame.main_world = None;
                    }
                }
            }
            "Runtime.executionContextsCleared" => {
                for frame in self.frames.values_mut() {
                    frame.world = None;
                    frame.main_world = None;
                }
            }
            "Network.requestWillBeSent" => {
                let awaited = matches!(text("/type").as_str(), "Document" | "Stylesheet" | "Script" | "XHR" | "Fetch")
                    // The end of a worker's script is told to the worker, not to its page.
                    && !text("/request/url").starts_with("blob:");
                self.requests += 1;
                if self.in_flight.len() < MAX_IN_FLIGHT {
                    let kind = if awaited { RequestKind::Awaited } else { RequestKind::Other };
                    self.in_flight.insert(text("/requestId"), kind);
                }
            }
            "Network.responseReceived" => {
                let is_document = text("/type") == "Document" && text("/frameId") == self.main_frame;
                if is_document {
                    let code = params.pointer("/response/status").and_then(Value::as_i64).unwrap_or_default();
                    self.status = Some((code, text("/response/statusText")));
                }
            }
            "Network.loadingFinished" | "Network.loadingFailed" => {
                self.in_flight.remove(&text("/requestId"));
            }
            "Tracing.dataCollected" => {
                if let Some(processes) = self.processes_of_frames(params) {
                    self.traced = processes;
                }
            }
            _ => return false,
        }
        true
    }

    /// The processes of all frames in the list that contains our main frame, each once.
    fn processes_of_frames(&self, params: &Value) -> Option<Vec<u32>> {
        let is_main = |frame: &&Value| frame.pointer("/frame").and_then(Value::as_str) == Some(&self.main_frame);
        let pid = |frame: &Value| u32::try_from(frame.pointer("/processId")?.as_u64()?).ok();
        let events = params.pointer("/value")?.as_array()?;
        let mut lists = events.iter().filter_map(|event| event.pointer("/args/data/frames")?.as_array());
        let (main, frames) = lists.find_map(|frames| Some((pid(frames.iter().find(is_main)?)?, frames)))?;
        let mut processes = vec![main];
        for other in frames.iter().filter_map(pid) {
            if !processes.contains(&other) {
                processes.push(other);
            }
        }
        Some(processes)
    }

    fn attach(&mut self, id: String, parent: Option<String>) {
        if self.frames.contains_key(&id) || self.frames.len() >= MAX_FRAMES {
            return;
        }
        self.frame_changes += 1;
        let number = if parent.is_some() {
            self.frame_numbers += 1;
            self.frame_numbers
        } else {
            0
        };
        self.frames.insert(id, Frame { parent, number, ..Frame::default() });
    }

    fn navigated(&mut self, params: &Value) {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = text("/frame/id");
        let parent = params.pointer("/frame/parentId").and_then(Value::as_str).map(str::to_owned);
        let is_main = parent.is_none();
        self.attach(id.clone(), parent);
        self.frame_changes += 1;
        if is_main {
            self.frames.retain(|known, _| *known == id);
            self.main_frame.clone_from(&id);
            self.loader = text("/frame/loaderId");
            self.lifecycle = Lifecycle::default();
            self.scheduled = 0;
            self.commits += 1;
            self.committed_ms = time::OffsetDateTime::now_utc().unix_timestamp_nanos() as f64 / 1e6;
            self.moves += 1;
            self.modals.retain(|modal| matches!(modal, Modal::Dialog { .. }));
            self.in_flight.clear();
            self.title.clear();
            self.crashed = false;
            self.ended_because = None;
        }
        if let Some(frame) = self.frames.get_mut(&id) {
            frame.url = text("/frame/url") + &text("/frame/urlFragment");
        }
    }

    fn lifecycle_event(&mut self, frame: &str, loader: &str, name: &str) {
        if frame != self.main_frame || (!self.loader.is_empty() && loader != self.loader) {
            return;
        }
        match name {
            "DOMContentLoaded" => self.lifecycle.content_loaded = true,
            "load" => self.lifecycle = Lifecycle { content_loaded: true, loaded: true },
            _ => {}
        }
    }

    fn context_created(&mut self, params: &Value) {
        let Some(id) = params.pointer("/context/id").and_then(Value::as_i64) else { return };
        let frame = params.pointer("/context/auxData/frameId").and_then(Value::as_str).unwrap_or_default();
        let is_default = params.pointer("/context/auxData/isDefault").and_then(Value::as_bool).unwrap_or_default();
        let is_ours = params.pointer("/context/name").and_then(Value::as_str) == Some(super::tab::WORLD);
        let Some(frame) = self.frames.get_mut(frame) else { return };
        if is_ours {
            frame.world = Some(id);
        } else if is_default {
            frame.main_world = Some(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn main_frame() -> TabState {
        let mut state = TabState::default();
        state.apply("Page.frameNavigated", &json!({"frame": {"id": "M", "loaderId": "L1", "url": "http://a/"}}));
        state
    }

    #[test]
    fn only_the_current_document_counts_as_loaded() {
        let mut state = main_frame();
        state.apply("Page.lifecycleEvent", &json!({"frameId": "M", "loaderId": "L0", "name": "load"}));
        assert!(!state.lifecycle.loaded);
        state.apply("Page.lifecycleEvent", &json!({"frameId": "M", "loaderId": "L1", "name": "load"}));
        assert!(state.lifecycle.loaded);
    }

    #[test]
    fn frames_are_numbered_as_they_attach_and_go_with_the_document() {
        let mut state = main_frame();
        state.apply("Page.frameAttached", &json!({"frameId": "A", "parentFrameId": "M"}));
        state.apply("Page.frameAttached", &json!({"frameId": "B", "parentFrameId": "A"}));
        assert_eq!(state.frame_number("B"), Some(2));
        assert_eq!(state.frame_by_number(1), Some("A".to_owned()));
        state.apply("Page.frameNavigated", &json!({"frame": {"id": "M", "loaderId": "L2", "url": "http://b/"}}));
        assert_eq!(state.frames.len(), 1);
        assert_eq!(state.url(), "http://b/");
    }

    #[test]
    fn every_process_of_the_page_counts_once_and_no_other_page() {
        let mut state = main_frame();
        let frame = |id: &str, pid: u32| json!({"frame": id, "processId": pid});
        let list = |frames: Vec<Value>| json!({"args": {"data": {"frames": frames}}});
        let other = list(vec![frame("N", 7)]);
        let ours = list(vec![frame("A", 5), frame("M", 4), frame("B", 5), json!({"frame": "C"})]);
        state.apply("Tracing.dataCollected", &json!({"value": [other.clone()]}));
        assert_eq!(state.traced, Vec::<u32>::new());
        state.apply("Tracing.dataCollected", &json!({"value": [{"name": "x"}, other, ours]}));
        assert_eq!(state.traced, [4, 5]);
    }

    #[test]
    fn worlds_belong_to_their_frame_and_are_forgotten_when_destroyed() {
        let mut state = main_frame();
        let created = |id: i64, name: &str, default: bool| json!({"context": {"id": id, "name": name, "auxData": {"frameId": "M", "isDefault": default}}});
        state.apply("Runtime.executionContextCreated", &created(1, "", true));
        state.apply("Runtime.executionContextCreated", &created(2, "ebb", false));
        assert_eq!((state.frames["M"].main_world, state.frames["M"].world), (Some(1), Some(2)));
        state.apply("Runtime.executionContextDestroyed", &json!({"executionContextId": 2}));
        assert_eq!(state.frames["M"].world, None);
    }
}
