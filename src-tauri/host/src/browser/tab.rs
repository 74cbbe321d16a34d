//! One tab: its DevTools session, how it is set up, and what its events told.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use chromiumoxide::{
    cdp::{
        browser_protocol::{
            emulation::SetFocusEmulationEnabledParams,
            inspector::EnableParams as InspectorEnable,
            log::EnableParams as LogEnable,
            network::EnableParams as NetworkEnable,
            page::{
                AddScriptToEvaluateOnNewDocumentParams, EnableParams as PageEnable,
                SetInterceptFileChooserDialogParams, SetLifecycleEventsEnabledParams,
            },
            target::SetAutoAttachParams,
        },
        js_protocol::runtime::{EnableParams as RuntimeEnable, RunIfWaitingForDebuggerParams},
    },
    types::Command,
};
use ebb_core::{devtools::Buffers, view::TabView};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    chromium::Chromium,
    emulate,
    look::{self, Base},
    memory::Renderers,
    mouse::Mouse,
    overrides::Overrides,
    pipe::CdpError,
    routes::Routes,
    snapshot,
    tab_state::{Modal, TabState},
};
use crate::{files::Place, options::ContextOptions};

/// Longer than any call: the wait ends with what it waits for, or with the tab.
pub(super) const FOREVER: Duration = Duration::from_hours(24);

/// Bytes of a request's body that its event carries; the buffers keep as much.
const MAX_BODY: i64 = 4 * 1024 * 1024;

/// The name of Ebb's isolated world in every frame.
pub(crate) const WORLD: &str = "ebb";

/// One tab of a session.
pub(crate) struct Tab {
    /// Its number, never used again in the session.
    pub(crate) number: u32,
    /// Its target in the DevTools protocol.
    pub(crate) target: String,
    /// Its flat DevTools session.
    pub(crate) cdp: String,
    /// The browser it lives in.
    pub(crate) chromium: Arc<Chromium>,
    /// Where its console and requests are kept.
    pub(crate) devtools: Arc<Buffers>,
    /// How its documents are made; none where a browser keeps its own settings.
    look: Option<Arc<ContextOptions>>,
    state: Mutex<TabState>,
    changed: watch::Sender<()>,
    /// The target is gone.
    pub(crate) closed: CancellationToken,
    /// Its set-up has been answered.
    pub(crate) ready: CancellationToken,
    /// Where its mouse is, for tools that point by coordinates.
    pub(crate) mouse: Mutex<Mouse>,
    /// What its client was told of its console.
    pub(crate) log: Mutex<ConsoleLog>,
    /// Its own answers to requests, where it is a page of ours that must not reach the network.
    own_routes: OnceLock<Routes>,
    /// What its session changed about its pages.
    pub(crate) overrides: Arc<Overrides>,
    /// The renderers that serve it and what they hold.
    pub(crate) renderers: Mutex<Renderers>,
    /// The attribute that `getByTestId` reads.
    test_id: Mutex<String>,
    /// What was last seen of it, for snapshots of what changed.
    bases: Mutex<Vec<Base>>,
}

/// What a client was told of a tab's console, and the file that it is in.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConsoleLog {
    /// The number of the last message that was looked at.
    pub(crate) told: u64,
    /// The file of the document whose first message has this number, and its lines so far.
    pub(crate) file: Option<(u64, Place, usize)>,
}

impl Tab {
    /// A tab whose target was just attached. Sends its whole set-up at once; [`Tab::ready`] fires with
    /// the answer to the last command.
    pub(crate) fn attach(
        number: u32,
        target: String,
        cdp: String,
        chromium: Arc<Chromium>,
        devtools: Arc<Buffers>,
        look: Option<Arc<ContextOptions>>,
        overrides: Arc<Overrides>,
    ) -> Arc<Self> {
        let mut state = TabState { main_frame: target.clone(), ..TabState::default() };
        state
            .frames
            .insert(target.clone(), super::tab_frames::Frame { url: "about:blank".to_owned(), ..Default::default() });
        if let Some(scheme) = look.as_ref().and_then(|look| look.color_scheme.clone()) {
            state.media.set("colorScheme", Some(scheme).filter(|scheme| scheme != "no-preference"));
        }
        Arc::new(Self {
            number,
            target,
            cdp,
            chromium,
            devtools,
            look,
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            closed: CancellationToken::new(),
            ready: CancellationToken::new(),
            mouse: Mutex::default(),
            log: Mutex::default(),
            own_routes: OnceLock::new(),
            overrides,
            renderers: Mutex::default(),
            test_id: Mutex::new("data-testid".to_owned()),
            bases: Mutex::default(),
        })
    }

    /// Sends the set-up of the tab; its page waits until the last of it is answered.
    pub(crate) async fn set_up(self: Arc<Self>) {
        self.introduce(&self.cdp);
        // An answer of any kind means that everything before it was taken in. It comes late where the
        // browser is slow, and never where it cannot make a process for the page.
        let begun = RunIfWaitingForDebuggerParams::default();
        let answer = self.chromium.connection.call_within(Some(&self.cdp), &begun, FOREVER);
        tokio::select! {
            answer = answer => if !matches!(answer, Err(CdpError::Closed)) { self.ready.cancel() },
            () = self.closed.cancelled() => {}
        }
    }

    /// It was there before us: what its events would have told.
    pub(crate) fn was_there(&self, url: &str, title: &str) {
        self.poke(|state| {
            let main = state.main_frame.clone();
            if let Some(frame) = state.frames.get_mut(&main) {
                url.clone_into(&mut frame.url);
            }
            title.clone_into(&mut state.title);
            state.lifecycle.content_loaded = true;
            state.lifecycle.loaded = true;
        });
    }

    /// Sends a command whose answer nobody waits for.
    pub(crate) fn post<C: Command>(&self, command: &C) {
        self.post_to(&self.cdp, command);
    }

    /// Answers its requests by `routes` alone, once and for all.
    pub(super) fn answer_by(&self, routes: Routes) {
        drop(self.own_routes.set(routes));
    }

    /// What its requests are answered by.
    pub(super) fn routes(&self) -> &Routes {
        self.own_routes.get().unwrap_or(&self.overrides.routes)
    }

    /// A frame of this tab was found in a process of its own: from now on it is spoken to in `session`. False when
    /// the tab has too many of those; then it stays an empty box.
    pub(crate) fn frame_moved(&self, frame: &str, parent: Option<&str>, session: &str) -> bool {
        let taken = self.poke(|state| state.frame_moved(frame, parent, session));
        if taken {
            self.introduce(session);
            self.post_to(session, &RunIfWaitingForDebuggerParams::default());
        }
        taken
    }

    /// Tells a DevTools session of this tab what is wanted of it, before its document begins.
    fn introduce(&self, session: &str) {
        let mut script = AddScriptToEvaluateOnNewDocumentParams::new(snapshot::PAGE_SCRIPT);
        // Not in the empty document of a new tab: few look at it, and those make the world when they need it.
        script.world_name = Some(WORLD.to_owned());
        // Workers too: Chromium makes them wait whether or not they are attached to, and the hub lets them go on.
        let mut attach = SetAutoAttachParams::new(true, true);
        attach.flatten = Some(true);
        self.post_to(session, &PageEnable::default());
        self.post_to(session, &SetLifecycleEventsEnabledParams::new(true));
        self.post_to(session, &RuntimeEnable::default());
        self.post_to(session, &NetworkEnable::builder().max_post_data_size(MAX_BODY).build());
        self.post_to(session, &LogEnable::default());
        self.post_to(session, &script);
        self.post_to(session, &SetInterceptFileChooserDialogParams::new(true));
        self.post_to(session, &SetFocusEmulationEnabledParams::new(true));
        if let Some(look) = &self.look {
            emulate::apply(&self.chromium.connection, session, look);
        }
        if self.look.as_ref().is_some_and(|look| look.color_scheme.is_some()) || session != self.cdp {
            self.post_to(session, &self.peek(|state| state.media.command()));
        }
        for (method, params) in self.overrides.commands(&self.chromium.user_agent, self.look.is_none()) {
            self.chromium.connection.post_raw(Some(session), method, &params);
        }
        self.post_to(session, &InspectorEnable::default());
        self.post_to(session, &attach);
    }

    /// The same to one of its frames in a process of its own.
    pub(crate) fn post_to<C: Command>(&self, session: &str, command: &C) {
        self.chromium.connection.post(Some(session), command);
    }

    /// Takes in one event of a DevTools session of this tab.
    pub(crate) fn event(&self, session: &str, method: &str, params: &Value) {
        let session = (session != self.cdp).then_some(session);
        super::capture::capture(&self.devtools, self.number, session.is_none(), method, params);
        if method == "Page.frameNavigated" {
            self.overrides.visited(params.pointer("/frame/url").and_then(Value::as_str).unwrap_or_default());
        }
        let changed = self.state.lock().apply(session, method, params);
        if changed {
            self.changed.send_replace(());
        }
    }

    /// The attribute that `getByTestId` reads.
    pub(crate) fn test_id(&self) -> String {
        self.test_id.lock().clone()
    }

    /// From now on `getByTestId` reads the attribute `name`.
    pub(crate) fn set_test_id(&self, name: &str) {
        name.clone_into(&mut self.test_id.lock());
    }

    /// Remembers a snapshot as the last one of `key`; the one before it.
    pub(super) fn keep_base(&self, key: String, text: &str) -> Option<String> {
        look::keep(&mut self.bases.lock(), key, text)
    }

    /// Looks at the state; do not wait inside.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&TabState) -> T) -> T {
        look(&self.state.lock())
    }

    /// Changes the state and wakes who waits for it.
    pub(crate) fn poke<T>(&self, change: impl FnOnce(&mut TabState) -> T) -> T {
        let result = change(&mut self.state.lock());
        self.changed.send_replace(());
        result
    }

    /// Waits until `condition` holds, at most `deadline`; tells whether it does.
    pub(crate) async fn until(&self, deadline: Duration, condition: impl Fn(&TabState) -> bool) -> bool {
        let mut changes = self.changed.subscribe();
        let wait = async {
            while !self.peek(&condition) {
                if changes.changed().await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = wait => {}
            () = self.closed.cancelled() => {}
            () = self.chromium.connection.closed() => {}
            () = tokio::time::sleep(deadline) => {}
        }
        self.peek(condition)
    }

    /// The waiting dialog or file chooser that has to be answered first.
    pub(crate) fn modal(&self) -> Option<Modal> {
        self.peek(|state| state.modals.first().cloned())
    }

    /// What the dashboard shows of it.
    pub(crate) fn view(&self, current: bool) -> TabView {
        let bytes = self.renderers.lock().bytes();
        self.peek(|state| TabView {
            id: self.number,
            title: ebb_core::sessions::clean_text(&state.title, 200),
            url: ebb_core::sessions::clean_text(state.url(), 500),
            current,
            crashed: state.crashed,
            loading: !state.lifecycle.loaded && state.commits > 0,
            bytes,
        })
    }
}
