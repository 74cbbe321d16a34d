//! One call of a tool, from its name and arguments to its answer.
//!
//! Whatever an agent gets wrong is an answer that says so. A call ends at the first of: the tool is
//! done, its session closes, its client cancels or goes, the deadline. Then the tool's future is
//! dropped where it stands.

use std::{borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use ebb_core::{
    Code, Error, Result,
    cursors::Cursors,
    ids::{ClientId, SessionId},
    sessions::{OpenOptions, Session, SessionManager, clean_text},
    settings::Settings,
    view::SessionView,
};
use futures::{FutureExt as _, future::BoxFuture};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::{sync::OnceCell, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    args,
    catalog::{Catalog, ClientFn, Run, Tool, ToolError, ToolFn},
    events, page,
    paging::Pager,
    record,
    response::{Answer, Response},
    setups::{Setup, Setups},
    told,
    usage::Usage,
};
use crate::{
    browser::Browsers,
    files::{Files, Held, Roots, Source},
    options::{Cap, ClientOptions},
};

/// What every call needs. One for the whole host, cheap to share.
pub(crate) struct ToolHost {
    /// Who is here and what they hold.
    pub(crate) manager: SessionManager,
    /// Where long results wait.
    pub(crate) cursors: Arc<Cursors>,
    /// The browser sides of sessions.
    pub(crate) browsers: Arc<Browsers>,
    /// What each client was started with, and its tools.
    pub(crate) setups: Arc<Setups>,
    /// When browsers were last used.
    pub(crate) usage: Usage,
    /// The session of clients that have one together.
    pub(crate) shared: Mutex<Option<SessionId>>,
    /// The folders that clients say they work in.
    pub(crate) roots: Arc<Roots>,
    /// Limits and deadlines.
    pub(crate) settings: Arc<Settings>,
    /// Fires when the host stops: what still runs answers so.
    pub(crate) stopping: CancellationToken,
}

/// A call in a session.
pub(crate) struct ToolCall {
    /// The host.
    pub(crate) host: Arc<ToolHost>,
    /// What its client was started with.
    pub(crate) setup: Arc<Setup>,
    /// Where.
    pub(crate) session: Session,
    /// Fires when the call is over for any reason: session closing, client gone, cancelled, deadline.
    pub(crate) cancel: CancellationToken,
    /// When the call ends at the latest.
    pub(crate) deadline: Instant,
    /// What it answers.
    pub(crate) response: Response,
    /// Its files, once it asked for them.
    files: OnceCell<Arc<Files>>,
}

impl ToolCall {
    /// What the client was started with.
    pub(crate) fn options(&self) -> &ClientOptions {
        &self.setup.options
    }

    /// The workspace and the output folder of the call's session.
    ///
    /// # Errors
    /// The session is ending, or no folder can be made.
    pub(crate) async fn files(&self) -> Result<Arc<Files>> {
        let files = self.files.get_or_try_init(|| async {
            let side = self.host.browsers.of(&self.session)?;
            Ok::<_, Error>(Arc::new(side.files().files().await?))
        });
        files.await.cloned()
    }

    /// `text` without the client's secrets, for files: answers are masked as a whole.
    pub(crate) fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.options().secrets.masked(text)
    }

    /// How long an element may take until it can be acted on.
    pub(crate) fn action_timeout(&self) -> Duration {
        self.options().timeouts.action.unwrap_or(self.host.settings.calls.action)
    }

    /// How long a navigation may take.
    pub(crate) fn navigation_timeout(&self) -> Duration {
        self.options().timeouts.navigation.unwrap_or(self.host.settings.calls.navigation)
    }
}

/// A call for the client as a whole, outside any session's queue.
pub(crate) struct ClientCall {
    /// The host.
    pub(crate) host: Arc<ToolHost>,
    /// Who calls.
    pub(crate) client: ClientId,
    /// What it has.
    pub(crate) setup: Arc<Setup>,
    /// What it answers.
    pub(crate) response: Response,
}

impl ClientCall {
    /// The files of the client as a session of its own would have them. Whoever asks ends them.
    pub(crate) fn held(&self) -> Arc<Held> {
        let held = Held::new(self.host.browsers.run_dirs());
        held.know(Source::of(&self.host, &self.client, &self.setup));
        held
    }
}

/// What a call gets that names no session.
pub(crate) enum Unnamed<'a> {
    /// The client's own, which it need not know of.
    Default,
    /// The one of its process; told in the result where this says that its handle is news.
    Told(&'a (dyn Fn(&SessionId) -> bool + Sync)),
    /// A new one, told in the result: nobody knows who asks.
    Fresh,
}

/// How a client calls.
pub(crate) struct Manner<'a> {
    /// What it has.
    pub(crate) setup: Arc<Setup>,
    /// What it gets where it names no session.
    pub(crate) unnamed: Unnamed<'a>,
    /// What it is told besides, in `Next`.
    pub(crate) note: Option<String>,
}

/// Sessions that a client nobody knows can be given without asking.
const FRESH: usize = 8;

/// Why a call stopped before its tool was done.
enum Stop {
    SessionEnded,
    Cancelled,
    Late,
}

impl ToolHost {
    /// A host that takes calls.
    pub(crate) fn new(
        manager: SessionManager,
        cursors: Arc<Cursors>,
        browsers: Arc<Browsers>,
        settings: Arc<Settings>,
    ) -> Arc<Self> {
        Self::with_options(manager, cursors, browsers, settings, ClientOptions::default())
    }

    /// The same where clients that give no options have `usual`.
    pub(crate) fn with_options(
        manager: SessionManager,
        cursors: Arc<Cursors>,
        browsers: Arc<Browsers>,
        settings: Arc<Settings>,
        usual: ClientOptions,
    ) -> Arc<Self> {
        let setups = Arc::new(Setups::new(usual));
        let known = Arc::clone(&setups);
        browsers.look_by(move |client| known.of(client).options.context.clone());
        let (usage, shared) = (Usage::default(), Mutex::default());
        let stopping = CancellationToken::new();
        let roots = Arc::default();
        Arc::new(Self { manager, cursors, browsers, setups, usage, shared, roots, settings, stopping })
    }

    /// Calls the tool `name` for `client`. `cancel` fires when the client takes the call back or goes.
    pub(crate) async fn call(
        self: &Arc<Self>,
        client: &ClientId,
        name: &str,
        arguments: Map<String, Value>,
        cancel: CancellationToken,
    ) -> Answer {
        let manner = Manner { setup: self.setups.of(client), unnamed: Unnamed::Default, note: None };
        self.call_in(client, name, arguments, cancel, &manner).await
    }

    /// The same in the client's own manner.
    pub(crate) async fn call_in(
        self: &Arc<Self>,
        client: &ClientId,
        name: &str,
        arguments: Map<String, Value>,
        cancel: CancellationToken,
        manner: &Manner<'_>,
    ) -> Answer {
        let answer = self.answer(client, name, arguments, cancel, manner);
        Box::pin(answer).await.adapted(&manner.setup.options)
    }

    async fn answer(
        self: &Arc<Self>,
        client: &ClientId,
        name: &str,
        arguments: Map<String, Value>,
        cancel: CancellationToken,
        manner: &Manner<'_>,
    ) -> Answer {
        let Manner { setup, unnamed, note } = manner;
        let deadline = Instant::now() + setup.options.timeouts.call.unwrap_or(self.settings.calls.call);
        let Some(tool) = setup.catalog.find(name) else { return unknown_tool(&setup.catalog, name) };
        let mut response = Response::default();
        if let Some(note) = note {
            response.next(note);
        }
        let checked = match args::check(&tool.schema, arguments) {
            Ok(checked) => checked,
            Err(issues) => {
                response.error(issues.text(name));
                response.fail(&Error::new(Code::InvalidArguments, ""));
                return response.plain();
            }
        };
        if let Some(line) = args::ignored(&checked.unknown) {
            response.next(line);
        }
        match tool.spec.run {
            Run::Session(run) => {
                self.in_session(client, setup, tool, run, checked.args, response, cancel, deadline, unnamed).await
            }
            Run::Client(run) => {
                let call =
                    ClientCall { host: self.clone(), client: client.clone(), setup: Arc::clone(setup), response };
                self.for_client(call, run, checked.args, cancel, deadline).await
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call's parts, used once")]
    async fn in_session(
        self: &Arc<Self>,
        client: &ClientId,
        setup: &Arc<Setup>,
        tool: &Tool,
        run: ToolFn,
        mut args: Value,
        mut response: Response,
        cancel: CancellationToken,
        deadline: Instant,
        unnamed: &Unnamed<'_>,
    ) -> Answer {
        let session = match self.session_of(client, setup, &mut args, unnamed, &mut response) {
            Ok(session) => session,
            Err(error) => return response.thrown(&error),
        };
        let given = if setup.options.output.save_session { args::without_secrets(&args) } else { Value::Null };
        let shown = args::shown(&args);
        let shown = setup.options.secrets.masked(&shown);
        // Nobody closes the browser under it.
        let _used = self.usage.begin().await;
        let closing = session.closing().clone();
        let begin = session.begin_call(tool.spec.name, &shown);
        let mut guard = match race(begin, &closing, &cancel, deadline).await {
            Ok(Ok(guard)) => guard,
            Ok(Err(error)) => return response.thrown(&error),
            Err(stop) => return response.thrown(&self.stopped(&stop, Some(&session))),
        };
        if let Ok(side) = self.browsers.of(&session) {
            side.files().know(Source::of(self, client, setup));
        }
        let pager = Pager::new(&self.cursors, &session, tool.spec.name, &args, setup.options.output.page_tokens);
        let mut call = ToolCall {
            host: self.clone(),
            setup: Arc::clone(setup),
            session: session.clone(),
            cancel: cancel.child_token(),
            deadline,
            response,
            files: OnceCell::new(),
        };
        // What the tool set going outside its own future ends with the call too.
        let _over = call.cancel.clone().drop_guard();
        let deadline = call.deadline;
        let outcome = match page::modal_gate(&mut call, &tool.spec) {
            Ok(()) => race(caught(run(&mut call, args)), &closing, &cancel, deadline).await,
            Err(refused) => Ok(Err(refused)),
        };
        if matches!(outcome, Ok(Ok(()) | Err(ToolError::Reported))) && !closing.is_cancelled() {
            events::tell(&mut call).await;
        }
        let mut response = call.response;
        response.adapt(&setup.options);
        let answer = match outcome {
            // What a tool says while its session is taken apart under it is not what happened.
            Ok(Err(_)) if closing.is_cancelled() => response.thrown(&session.ended()),
            Ok(Err(ToolError::Thrown(error))) => {
                if error.code == Code::BrowserLost
                    && let Some(side) = self.browsers.find(session.id())
                {
                    side.told_lost();
                }
                response.thrown(&error)
            }
            Err(stop) => response.thrown(&self.stopped(&stop, Some(&session))),
            Ok(Ok(()) | Err(ToolError::Reported)) => response.finish(&pager).await,
        };
        if setup.options.output.save_session {
            record::keep(self, &session, setup, tool.spec.name, &given, &answer).await;
        }
        let told = told::of(&answer, tool.spec.cap == Some(Cap::Storage));
        guard.tell(&setup.options.secrets.masked(told));
        guard.finish(answer.is_error);
        answer
    }

    async fn for_client(
        self: &Arc<Self>,
        mut call: ClientCall,
        run: ClientFn,
        args: Value,
        cancel: CancellationToken,
        deadline: Instant,
    ) -> Answer {
        let never = CancellationToken::new();
        let outcome = race(caught(run(&mut call, args)), &never, &cancel, deadline).await;
        match outcome {
            Ok(Ok(()) | Err(ToolError::Reported)) => call.response.plain(),
            Ok(Err(ToolError::Thrown(error))) => call.response.thrown(&error),
            Err(stop) => call.response.thrown(&self.stopped(&stop, None)),
        }
    }

    /// The session that the arguments name, else the client's own. The argument is taken out: tools
    /// do not see it.
    fn session_of(
        &self,
        client: &ClientId,
        setup: &Setup,
        args: &mut Value,
        unnamed: &Unnamed<'_>,
        response: &mut Response,
    ) -> Result<Session> {
        let handle = args.as_object_mut().and_then(|args| args.remove("session"));
        if let Some(handle) = handle.as_ref().and_then(Value::as_str).filter(|handle| !handle.is_empty()) {
            return self.manager.session(client, handle);
        }
        if setup.options.shared_context {
            return self.shared_session(client);
        }
        let session = match unnamed {
            Unnamed::Default => return self.manager.default_session(client),
            Unnamed::Told(is_news) => {
                let session = self.manager.default_session(client)?;
                if !is_news(session.id()) {
                    return Ok(session);
                }
                session
            }
            Unnamed::Fresh => {
                let living = self.manager.list_of(client);
                if living.len() >= FRESH {
                    return Err(too_many(&living));
                }
                self.manager.open(client, OpenOptions::default())?
            }
        };
        response.next(format!("Pass \"session\":\"{}\" to stay in this browser session", session.id()));
        response.meta("session", session.id().as_str());
        Ok(session)
    }

    /// The session that all clients have together, which ends with the last of them.
    fn shared_session(&self, client: &ClientId) -> Result<Session> {
        let mut shared = self.shared.lock();
        let living = shared.as_ref().and_then(|id| self.manager.session(client, id.as_str()).ok());
        if let Some(session) = living {
            return Ok(session);
        }
        let session = self.manager.open(client, OpenOptions { share: true, ..OpenOptions::default() })?;
        *shared = Some(session.id().clone());
        Ok(session)
    }

    fn stopped(&self, stop: &Stop, session: Option<&Session>) -> Error {
        match (stop, session) {
            (Stop::SessionEnded, Some(session)) => session.ended(),
            (Stop::SessionEnded | Stop::Cancelled, _) if self.stopping.is_cancelled() => {
                Error::new(Code::ShuttingDown, "Ebb is stopping").next("Start Ebb again, then call again.")
            }
            (Stop::SessionEnded | Stop::Cancelled, _) => Error::new(Code::Cancelled, "Cancelled"),
            (Stop::Late, _) => {
                let seconds = self.settings.calls.call.as_secs();
                Error::new(Code::Timeout, format!("The call took longer than {seconds} s and was stopped"))
                    .next("The session and its tabs are still there: browser_snapshot shows where the page is.")
            }
        }
    }
}

fn too_many(living: &[SessionView]) -> Error {
    let handles: Vec<&str> = living.iter().map(|session| session.id.as_str()).collect();
    let message = format!("Which session? {} are open without a client that is known", living.len());
    Error::new(Code::LimitReached, message).next(format!("Pass \"session\" with one of: {}", handles.join(", ")))
}

/// Waits for `work`, unless something ends the call first.
async fn race<T>(
    work: impl Future<Output = T>,
    closing: &CancellationToken,
    cancel: &CancellationToken,
    deadline: Instant,
) -> Result<T, Stop> {
    tokio::select! {
        biased;
        () = closing.cancelled() => Err(Stop::SessionEnded),
        () = cancel.cancelled() => Err(Stop::Cancelled),
        done = work => Ok(done),
        () = tokio::time::sleep_until(deadline) => Err(Stop::Late),
    }
}

/// A panic of one tool must not leave its client without an answer.
async fn caught(run: BoxFuture<'_, Result<(), ToolError>>) -> Result<(), ToolError> {
    let Ok(result) = AssertUnwindSafe(run).catch_unwind().await else {
        tracing::error!("a tool panicked");
        let error = Error::new(Code::Internal, "Internal error");
        return Err(error.next("Try again; if it happens again, report it with Ebb's log.").into());
    };
    result
}

fn unknown_tool(catalog: &Catalog, name: &str) -> Answer {
    let mut response = Response::default();
    response.error(format!("Tool \"{}\" not found", clean_text(name, 100)));
    response.fail(&Error::new(Code::ToolUnknown, ""));
    let near = catalog.near(name);
    if near.is_empty() {
        response.next("tools/list names the tools of this server");
    } else {
        response.next(format!("Did you mean {}?", near.join(", ")));
    }
    response.plain()
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
