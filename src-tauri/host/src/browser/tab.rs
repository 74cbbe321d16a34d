//! One tab: its DevTools session, what its events told, and the calls that race its end.

use std::{
    future::Future,
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
                AddScriptToEvaluateOnNewDocumentParams, CreateIsolatedWorldParams, EnableParams as PageEnable,
                SetInterceptFileChooserDialogParams, SetLifecycleEventsEnabledParams,
            },
            target::{FilterEntry, SetAutoAttachParams, TargetFilter},
        },
        js_protocol::runtime::{
            CallArgument, CallFunctionOnParams, EnableParams as RuntimeEnable, EvaluateParams, ExecutionContextId,
            RemoteObject, RunIfWaitingForDebuggerParams,
        },
    },
    types::Command,
};
use ebb_core::{Code, Error, Result, devtools::Buffers, view::TabView};
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
    pipe::{CALL, CdpError},
    routes::Routes,
    snapshot,
    tab_state::{Modal, TabState},
};
use crate::{files::Place, options::ContextOptions};

/// Longer than any call: the wait ends with what it waits for, or with the tab.
const FOREVER: Duration = Duration::from_hours(24);

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

/// How a page function gives its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// As JSON.
    Value,
    /// As a reference to an object in the page.
    Handle,
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
        // Workers that serve several pages are the browser's: there their requests wait before they begin.
        let others = ["service_worker", "shared_worker"]
            .map(|kind| FilterEntry { exclude: Some(true), r#type: Some(kind.to_owned()) });
        let all = FilterEntry { exclude: None, r#type: None };
        attach.filter = (self.chromium.pid().is_some())
            .then(|| TargetFilter::new(others.into_iter().chain([all]).collect::<Vec<_>>()));
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

    /// A command to this tab, at most the ordinary deadline. Ends at once when the tab does.
    ///
    /// # Errors
    /// Browser lost, page crashed, tab closed, no answer, or Chromium's refusal.
    pub(crate) async fn call<C: Command>(&self, command: &C) -> Result<C::Response> {
        self.call_within(command, CALL).await
    }

    /// The same with a deadline of its own.
    ///
    /// # Errors
    /// As [`Tab::call`].
    pub(crate) async fn call_within<C: Command>(&self, command: &C, deadline: Duration) -> Result<C::Response> {
        self.racing(self.chromium.connection.call_within(Some(&self.cdp), command, deadline))
            .await?
            .map_err(|error| self.explain(&error))
    }

    /// A command by name whose answer says nothing.
    ///
    /// # Errors
    /// As [`Tab::call`].
    pub(crate) async fn send(&self, method: &str, params: &Value) -> Result<()> {
        let sent = self.chromium.connection.raw(Some(&self.cdp), method, params, CALL);
        self.racing(sent).await?.map(drop).map_err(|error| self.explain(&error))
    }

    /// A command in a DevTools session of this tab; none is its own.
    ///
    /// # Errors
    /// As [`Tab::call`].
    pub(crate) async fn call_session<C: Command>(&self, session: Option<&str>, command: &C) -> Result<C::Response> {
        let session = session.unwrap_or(&self.cdp);
        let answer = self.racing(self.chromium.connection.call_within(Some(session), command, CALL)).await?;
        answer.map_err(|error| self.explain(&error))
    }

    /// A command to the process that `frame` lives in. Ends at once when frame or tab do.
    ///
    /// # Errors
    /// As [`Tab::call`]; a frame that is gone or whose process is.
    pub(crate) async fn call_in<C: Command>(&self, frame: &str, command: &C) -> Result<C::Response> {
        self.call_in_within(frame, command, CALL).await
    }

    /// The same with a deadline of its own.
    ///
    /// # Errors
    /// As [`Tab::call_in`].
    pub(crate) async fn call_in_within<C: Command>(
        &self,
        frame: &str,
        command: &C,
        deadline: Duration,
    ) -> Result<C::Response> {
        let Some(session) = self.peek(|state| state.session_of(frame)) else {
            return self.call_within(command, deadline).await;
        };
        let left = self.until(FOREVER, |state| {
            state.frames.get(frame).is_none_or(|now| now.crashed || now.session.as_deref() != Some(session.as_str()))
        });
        let answer = self.racing(self.chromium.connection.call_within(Some(&session), command, deadline));
        tokio::select! {
            biased;
            answer = answer => answer?.map_err(|error| self.explain(&error)),
            _ = left => Err(frame_gone()),
        }
    }

    /// Runs `work` until it is done or the tab closes or crashes.
    async fn racing<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        if self.peek(|state| state.crashed) {
            return Err(self.crash());
        }
        let crash = self.until(FOREVER, |state| state.crashed);
        tokio::select! {
            biased;
            result = work => Ok(result),
            crash = crash => Err(if crash { self.crash() } else { self.gone() }),
        }
    }

    /// Runs `work`, which needs the page's main thread: ends with [`Code::ModalState`] as soon as a
    /// dialog or file chooser opens, because until it is answered the page does nothing.
    pub(crate) async fn unless_modal<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let opened = self.until(FOREVER, |state| !state.modals.is_empty());
        tokio::select! {
            biased;
            result = work => result,
            opened = opened => Err(if opened {
                Error::new(Code::ModalState, "the page waits for an answer")
            } else {
                self.gone()
            }),
        }
    }

    /// The error for a page whose renderer is gone.
    pub(crate) fn crash(&self) -> Error {
        let because = self.peek(|state| state.ended_because.clone());
        let (what, next) = match because {
            Some(why) => (why, "Open a lighter page with browser_navigate, or raise the limit."),
            None => {
                ("page crashed".to_owned(), "Navigate again with browser_navigate, or close the tab with browser_tabs.")
            }
        };
        Error::new(Code::PageCrashed, what).next(next)
    }

    /// Why nothing works on this tab any more.
    pub(super) fn gone(&self) -> Error {
        if self.chromium.connection.is_closed() {
            browser_lost()
        } else {
            Error::new(Code::TargetUnknown, "the tab was closed")
                .next("Call browser_tabs with action \"list\" to see what is open.")
        }
    }

    /// A protocol error in the words of a user.
    pub(crate) fn explain(&self, error: &CdpError) -> Error {
        match error {
            CdpError::Closed => self.gone(),
            CdpError::Timeout(_) if self.chromium.is_unresponsive() => {
                Error::new(Code::BrowserUnresponsive, "the browser does not answer")
                    .next("It is restarted if it stays silent; call again in a moment.")
            }
            CdpError::Timeout(what) => Error::new(Code::Timeout, format!("the page did not answer in time ({what})"))
                .next("The page may be busy: navigate again, or open another tab with browser_tabs."),
            CdpError::TooLong => Error::new(Code::LimitReached, error.to_string())
                .next("Ask for a part of it: slice texts, count elements."),
            CdpError::Refused { message } => Error::new(Code::Internal, message.clone()),
            CdpError::Shape(..) => Error::new(Code::Internal, error.to_string()),
        }
    }

    /// The execution context of Ebb's world in `frame` (none: the main frame), made if it is missing.
    async fn world(&self, frame: &str) -> Result<ExecutionContextId> {
        if let Some(world) = self.peek(|state| state.frames.get(frame).and_then(|frame| frame.world)) {
            return Ok(ExecutionContextId::new(world));
        }
        let mut create = CreateIsolatedWorldParams::new(frame.to_owned());
        create.world_name = Some(WORLD.to_owned());
        let context = self.call_in(frame, &create).await?.execution_context_id;
        let mut install = EvaluateParams::new(snapshot::PAGE_SCRIPT);
        install.context_id = Some(context);
        self.call_in(frame, &install).await?;
        self.poke(|state| {
            if let Some(known) = state.frames.get_mut(frame) {
                known.world = Some(*context.inner());
            }
        });
        Ok(context)
    }

    /// Calls a function of the page script in `frame` (none: the main frame): `body` is the text of
    /// a function that gets `arguments`.
    ///
    /// # Errors
    /// As [`Tab::call`]; [`Code::ModalState`] when a dialog opens meanwhile; the script's own error.
    pub(crate) async fn script(
        &self,
        frame: Option<&str>,
        body: &str,
        arguments: &[Value],
        returns: Returns,
        deadline: Duration,
    ) -> Result<RemoteObject> {
        let frame = frame.map_or_else(|| self.peek(|state| state.main_frame.clone()), str::to_owned);
        self.unless_modal(async {
            let mut last = None;
            // The document may be replaced between finding its world and calling into it.
            for _ in 0..3 {
                let context = self.world(&frame).await?;
                let call = function_call(body, arguments, returns, Some(context), None);
                match self.call_in_within(&frame, &call, deadline).await {
                    Err(error) if is_stale_context(&error) => {
                        self.poke(|state| {
                            if let Some(known) = state.frames.get_mut(&frame) {
                                known.world = None;
                            }
                        });
                        last = Some(error);
                    }
                    Err(error) => return Err(error),
                    Ok(result) => return checked(result.result, result.exception_details.as_ref()),
                }
            }
            Err(last.unwrap_or_else(|| self.gone()))
        })
        .await
    }

    /// The same, with the result as JSON.
    ///
    /// # Errors
    /// As [`Tab::script`].
    pub(crate) async fn ask(&self, frame: Option<&str>, body: &str, arguments: &[Value]) -> Result<Value> {
        Ok(self.script(frame, body, arguments, Returns::Value, CALL).await?.value.unwrap_or(Value::Null))
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

/// A `Runtime.callFunctionOn` in a context or on an object.
pub(crate) fn function_call(
    body: &str,
    arguments: &[Value],
    returns: Returns,
    context: Option<ExecutionContextId>,
    object: Option<chromiumoxide::cdp::js_protocol::runtime::RemoteObjectId>,
) -> CallFunctionOnParams {
    let mut call = CallFunctionOnParams::new(body);
    call.arguments = Some(arguments.iter().map(|value| CallArgument::builder().value(value.clone()).build()).collect());
    call.execution_context_id = context;
    call.object_id = object;
    call.return_by_value = Some(returns == Returns::Value);
    call.await_promise = Some(true);
    call.user_gesture = Some(true);
    call
}

/// The result, or the exception the function ended with.
pub(crate) fn checked(
    result: RemoteObject,
    exception: Option<&chromiumoxide::cdp::js_protocol::runtime::ExceptionDetails>,
) -> Result<RemoteObject> {
    let Some(exception) = exception else { return Ok(result) };
    let text = exception
        .exception
        .as_ref()
        .and_then(|object| object.description.clone().or_else(|| object.value.as_ref().map(Value::to_string)));
    Err(Error::new(Code::InvalidArguments, text.unwrap_or_else(|| exception.text.clone())))
}

fn is_stale_context(error: &Error) -> bool {
    const KNOWN: [&str; 6] = [
        "Cannot find context",
        "context was destroyed",
        "Execution context",
        "Inspected target navigated",
        "Session with given id not found",
        "No frame for given id found",
    ];
    error.code == Code::Internal && KNOWN.iter().any(|known| error.message.contains(known))
}

/// The error for a frame that left the page, or whose process ended.
fn frame_gone() -> Error {
    Error::new(Code::TargetUnknown, "the frame is gone").next("Call browser_snapshot to see what the page shows now.")
}

/// The error for a session whose browser is gone.
pub(crate) fn browser_lost() -> Error {
    Error::new(Code::BrowserLost, "the browser ended and this session's tabs are gone; its cursors can still be read")
        .next("Call again: a fresh browser starts.")
}
