//! What is known of a tab, kept current by its events alone.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use super::{media::Media, tab_frames::Frame};

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
        /// The DevTools session of the frame it is in; none for the tab's own.
        session: Option<String>,
    },
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
    /// When the page itself said so.
    pub(super) title_told: Option<Instant>,
    /// The main frame's id, the target's own.
    pub(crate) main_frame: String,
    /// The loader of the main frame's document; another one is another document.
    pub(crate) loader: String,
    /// The loaders of the last documents of the main frame, the oldest first.
    pub(crate) loaders: VecDeque<String>,
    /// How far it has loaded.
    pub(crate) lifecycle: Lifecycle,
    /// Frames by id.
    pub(crate) frames: HashMap<String, Frame>,
    /// Numbers of frames whose session ended and that may come back in another one.
    pub(super) between: HashMap<String, u32>,
    /// Frame numbers given so far.
    pub(crate) frame_numbers: u32,
    /// Waiting dialogs and file choosers, oldest first.
    pub(crate) modals: Vec<Modal>,
    /// Dialogs that opened so far.
    pub(crate) dialogs: u64,
    /// Its renderer crashed.
    pub(crate) crashed: bool,
    /// Why its renderer was ended, where that was us.
    pub(crate) ended_because: Option<String>,
    /// The HTTP status of the main document: code and text.
    pub(crate) status: Option<(i64, String)>,
    /// Navigations the page asked for that have not begun yet.
    pub(crate) scheduled: u32,
    /// Requests of this page that are waited for, by id.
    pub(crate) in_flight: HashMap<String, InFlight>,
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

/// A request that the settling after an action waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlight {
    /// Which request of the page it is.
    pub(crate) number: u64,
    /// Whether it is waited for to its end (document, stylesheet, script, xhr or fetch); for others the headers do.
    pub(crate) whole: bool,
    /// For a fetch with headers: 1, and one more for each part of its body. Where a page reads no body, the browser
    /// may never say that the fetch ended.
    pub(crate) parts: u32,
}

/// More requests than this are not tracked as in flight; a page that floods is never quiet anyway.
const MAX_IN_FLIGHT: usize = 2_000;

/// Documents that a page may show one after the other before who waits for the first of them looks.
const MAX_LOADERS: usize = 16;

/// Dialogs and file choosers that wait at once.
const MAX_MODALS: usize = 20;

/// Characters of a title or a dialog's message that are kept.
pub(super) const MAX_TITLE: usize = 10_000;

/// What was said so long ago was said for the call that asks.
const JUST_NOW: Duration = Duration::from_millis(20);

/// Characters of an address that are kept.
const MAX_URL: usize = 32_768;

/// At most the first `max` characters: a page can make its texts as long as it likes.
pub(super) fn clipped(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

impl TabState {
    /// The main frame's address.
    pub(crate) fn url(&self) -> &str {
        self.frames.get(&self.main_frame).map_or("", |frame| frame.url.as_str())
    }

    /// The page said its title just now.
    pub(crate) fn title_told(&mut self, title: &str) {
        self.title = clipped(title, MAX_TITLE);
        self.title_told = Some(Instant::now());
    }

    /// Whether the page said its title a moment ago: it need not be asked again.
    pub(crate) fn knows_title(&self) -> bool {
        self.title_told.is_some_and(|told| told.elapsed() < JUST_NOW)
    }

    /// Takes in one event of the tab: `session` is none for its own DevTools session, else that of a frame in
    /// another process. Returns whether something changed.
    pub(crate) fn apply(&mut self, session: Option<&str>, method: &str, params: &Value) -> bool {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match method {
            "Page.frameAttached" => self.frame_attached(&text("/frameId"), &text("/parentFrameId"), session),
            "Page.frameDetached" => self.frame_detached(&text("/frameId"), session, text("/reason") == "swap"),
            "Page.frameNavigated" => self.navigated(session, params),
            "Input.dragIntercepted" => self.dragged = params.pointer("/data").cloned(),
            "Page.navigatedWithinDocument" => {
                if text("/frameId") == self.main_frame {
                    self.moves += 1;
                }
                if let Some(frame) = self.frames.get_mut(&text("/frameId")) {
                    frame.url = clipped(&text("/url"), MAX_URL);
                }
            }
            "Page.lifecycleEvent" => self.lifecycle_event(&text("/frameId"), &text("/loaderId"), &text("/name")),
            "Page.frameRequestedNavigation" | "Page.frameScheduledNavigation" => {
                if text("/frameId") == self.main_frame {
                    self.scheduled += 1;
                }
            }
            "Page.frameClearedScheduledNavigation" | "Page.frameStoppedLoading" => {
                if text("/frameId") == self.main_frame {
                    self.scheduled = 0;
                    self.stops += u64::from(method == "Page.frameStoppedLoading");
                }
            }
            // A dialog belongs to the whole page, and is told in the tab's own session.
            "Page.javascriptDialogOpening" | "Page.javascriptDialogClosed" if session.is_some() => return false,
            // More than one page can ask: nobody answers so many.
            "Page.javascriptDialogOpening" | "Page.fileChooserOpened" if self.modals.len() >= MAX_MODALS => {
                return false;
            }
            "Page.javascriptDialogOpening" => {
                self.dialogs += 1;
                self.modals.push(Modal::Dialog { kind: text("/type"), message: clipped(&text("/message"), MAX_TITLE) });
            }
            "Page.javascriptDialogClosed" => self.modals.retain(|modal| !matches!(modal, Modal::Dialog { .. })),
            "Page.fileChooserOpened" => self.modals.push(Modal::FileChooser {
                backend_node: params.pointer("/backendNodeId").and_then(Value::as_i64).unwrap_or_default(),
                multiple: text("/mode") == "selectMultiple",
                session: session.map(str::to_owned),
            }),
            "Runtime.executionContextCreated" => self.context_created(session, params),
            "Runtime.executionContextDestroyed" => {
                let id = params.pointer("/executionContextId").and_then(Value::as_i64);
                self.contexts_gone(session, |context| Some(context) == id);
            }
            "Runtime.executionContextsCleared" => self.contexts_gone(session, |_| true),
            // The tab's own end is told of its target.
            "Inspector.targetCrashed" => match session {
                Some(session) => self.frames_crashed(session),
                None => return false,
            },
            "Network.requestWillBeSent" => {
                // The end of a worker's script is told to the worker, not to its page.
                let whole = matches!(text("/type").as_str(), "Document" | "Stylesheet" | "Script" | "XHR" | "Fetch")
                    && !text("/request/url").starts_with("blob:");
                self.requests += 1;
                if self.in_flight.len() < MAX_IN_FLIGHT {
                    self.in_flight.insert(text("/requestId"), InFlight { number: self.requests, whole, parts: 0 });
                }
            }
            "Network.responseReceived" => {
                let id = text("/requestId");
                if self.in_flight.get(&id).is_some_and(|request| !request.whole) {
                    self.in_flight.remove(&id);
                }
                if text("/type") == "Fetch"
                    && let Some(request) = self.in_flight.get_mut(&id)
                {
                    request.parts = 1;
                }
                let is_document = text("/type") == "Document" && text("/frameId") == self.main_frame;
                if is_document {
                    let code = params.pointer("/response/status").and_then(Value::as_i64).unwrap_or_default();
                    self.status = Some((code, text("/response/statusText")));
                }
            }
            "Network.dataReceived" => match self.in_flight.get_mut(&text("/requestId")) {
                Some(request) if request.parts > 0 => request.parts = request.parts.saturating_add(1),
                _ => return false,
            },
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

    fn navigated(&mut self, session: Option<&str>, params: &Value) {
        let text = |pointer: &str| params.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (id, parent) = (text("/frame/id"), params.pointer("/frame/parentId").and_then(Value::as_str));
        let url = clipped(text("/frame/url"), MAX_URL) + &clipped(text("/frame/urlFragment"), MAX_URL);
        if parent.is_some() || session.is_some() {
            self.frame_navigated(id, parent, session, url);
            return;
        }
        self.main_frame_navigated(id, url);
        text("/frame/loaderId").clone_into(&mut self.loader);
        if self.loaders.len() >= MAX_LOADERS {
            self.loaders.pop_front();
        }
        self.loaders.push_back(self.loader.clone());
        self.lifecycle = Lifecycle::default();
        self.scheduled = 0;
        self.commits += 1;
        self.committed_ms = time::OffsetDateTime::now_utc().unix_timestamp_nanos() as f64 / 1e6;
        self.moves += 1;
        self.modals.retain(|modal| matches!(modal, Modal::Dialog { .. }));
        self.in_flight.clear();
        self.title.clear();
        self.title_told = None;
        self.crashed = false;
        self.ended_because = None;
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

    #[test]
    fn only_the_current_document_counts_as_loaded() {
        let mut state = main_frame();
        state.apply(None, "Page.lifecycleEvent", &json!({"frameId": "M", "loaderId": "L0", "name": "load"}));
        assert!(!state.lifecycle.loaded);
        state.apply(None, "Page.lifecycleEvent", &json!({"frameId": "M", "loaderId": "L1", "name": "load"}));
        assert!(state.lifecycle.loaded);
    }

    #[test]
    fn requests_are_waited_for_to_their_end_or_their_headers() {
        let mut state = main_frame();
        let sent = |id: &str, kind: &str| json!({"requestId": id, "type": kind, "request": {"url": "http://a/x"}});
        state.apply(None, "Network.requestWillBeSent", &sent("1", "Fetch"));
        state.apply(None, "Network.requestWillBeSent", &sent("2", "Image"));
        for id in ["1", "2"] {
            state.apply(None, "Network.responseReceived", &json!({"requestId": id, "type": "Fetch"}));
        }
        let expected = |parts: u32| HashMap::from([("1".to_owned(), InFlight { number: 1, whole: true, parts })]);
        assert_eq!(state.in_flight, expected(1));
        state.apply(None, "Network.dataReceived", &json!({"requestId": "1"}));
        assert_eq!(state.in_flight, expected(2));
        state.apply(None, "Network.loadingFinished", &json!({"requestId": "1"}));
        assert!(state.in_flight.is_empty());
    }

    #[test]
    fn every_process_of_the_page_counts_once_and_no_other_page() {
        let mut state = main_frame();
        let frame = |id: &str, pid: u32| json!({"frame": id, "processId": pid});
        let list = |frames: Vec<Value>| json!({"args": {"data": {"frames": frames}}});
        let other = list(vec![frame("N", 7)]);
        let ours = list(vec![frame("A", 5), frame("M", 4), frame("B", 5), json!({"frame": "C"})]);
        state.apply(None, "Tracing.dataCollected", &json!({"value": [other.clone()]}));
        assert_eq!(state.traced, Vec::<u32>::new());
        state.apply(None, "Tracing.dataCollected", &json!({"value": [{"name": "x"}, other, ours]}));
        assert_eq!(state.traced, [4, 5]);
    }
}
