//! Calling into the pages of a tab: Ebb's world in each frame, and the page script there.

use std::time::Duration;

use chromiumoxide::cdp::{
    browser_protocol::page::CreateIsolatedWorldParams,
    js_protocol::runtime::{
        CallArgument, CallFunctionOnParams, EvaluateParams, ExceptionDetails, ExecutionContextId, RemoteObject,
        RemoteObjectId,
    },
};
use ebb_core::{Code, Error, Result};
use serde_json::Value;

use super::{
    pipe::CALL,
    snapshot,
    tab::{Tab, WORLD},
};

/// How a page function gives its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// As JSON.
    Value,
    /// As a reference to an object in the page.
    Handle,
}

impl Tab {
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
}

/// A `Runtime.callFunctionOn` in a context or on an object.
pub(crate) fn function_call(
    body: &str,
    arguments: &[Value],
    returns: Returns,
    context: Option<ExecutionContextId>,
    object: Option<RemoteObjectId>,
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
pub(crate) fn checked(result: RemoteObject, exception: Option<&ExceptionDetails>) -> Result<RemoteObject> {
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
