//! Targets of tools: refs of a snapshot (`e12`, `f2e7`) and selectors.

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use chromiumoxide::cdp::browser_protocol::dom::{DescribeNodeParams, GetFrameOwnerParams, ResolveNodeParams};
use chromiumoxide::cdp::js_protocol::runtime::{CallArgument, ExecutionContextId, RemoteObjectId};
use ebb_core::{Code, Error, Result};
use regex::Regex;
use serde_json::{Value, json};

use super::{
    pipe::CALL,
    tab::Tab,
    tab_script::{Returns, checked, function_call},
};

/// Characters of a target that an error repeats.
const MAX_SHOWN: usize = 1_000;

/// An element that a tool was pointed at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The frame it lies in.
    pub(crate) frame: String,
    /// The ref without its frame, or the selector.
    pub(crate) local: String,
    /// As the caller wrote it, for messages.
    pub(crate) given: String,
    /// The locators of the frames that a locator entered, each with its `.contentFrame().`.
    through: String,
}

/// Locators may enter frames in frames; further down nobody means it.
const MAX_FRAMES: usize = 16;

/// Finds the frame of `given` and checks that exactly one element matches.
///
/// # Errors
/// The wire texts for unknown refs, no match, several matches, and selectors that cannot be read.
pub(crate) async fn resolve(tab: &Arc<Tab>, given: &str) -> Result<Target> {
    static REF: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(?:f(\d+))?(e\d+)$").ok());
    let parts = REF.as_ref().and_then(|regex| regex.captures(given));
    let (frame, local) = match &parts {
        Some(parts) => {
            let number = parts.get(1).map_or(Ok(0), |digits| digits.as_str().parse::<u32>()).unwrap_or(u32::MAX);
            let frame = tab.peek(|state| state.frame_by_number(number)).ok_or_else(|| unknown_ref(&shown(given)))?;
            (frame, parts.get(2).map_or(given, |part| part.as_str()))
        }
        None => (tab.peek(|state| state.main_frame.clone()), given),
    };
    let mut target = Target { frame, local: local.to_owned(), given: shown(given), through: String::new() };
    for _ in 0..MAX_FRAMES {
        let test_id = tab.test_id();
        let found = tab
            .ask(Some(&target.frame), "(t, id) => __ebb.resolve(t, id)", &[json!(target.local), json!(test_id)])
            .await
            .map_err(|error| {
                if parts.is_some() && error.code == Code::TargetUnknown { unknown_ref(&shown(given)) } else { error }
            })?;
        let part = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if part("error") != "frame" {
            refused(&target, &found)?;
            return Ok(target);
        }
        let owner = Target { local: part("owner"), ..target.clone() };
        refused(&owner, &owner.ask(tab, "(t) => __ebb.resolve(t)", &[]).await?)?;
        let frame = owner.shown_frame(tab).await?.ok_or_else(|| {
            Error::new(
                Code::InvalidArguments,
                format!("\"{}\" enters a frame at an element that is none", shown(given)),
            )
            .next("Put contentFrame() after a locator of an iframe.")
        })?;
        let through = format!("{}{}.contentFrame().", target.through, part("locator"));
        target = Target { frame, local: part("rest"), given: shown(given), through };
    }
    Err(Error::new(Code::InvalidArguments, "the locator enters too many frames")
        .next("Use a ref from browser_snapshot."))
}

/// How code names the element of `target`, frames included. For people: a page that does not answer costs only the
/// name.
pub(crate) async fn locator(tab: &Arc<Tab>, target: &Target) -> Option<String> {
    let test_id = json!(tab.test_id());
    let named = target.ask(tab, "(t, id) => __ebb.locator(t, id)", std::slice::from_ref(&test_id)).await.ok()?;
    let mut locator = named.as_str().filter(|text| !text.is_empty())?.to_owned();
    let mut at = target.frame.clone();
    for _ in 0..MAX_FRAMES {
        let Some(parent) = tab.peek(|state| state.frames.get(&at).and_then(|frame| frame.parent.clone())) else {
            break;
        };
        let owner = owner_of(tab, &at, &parent).await.ok()?;
        let named = call_on(tab, &parent, owner, "(e, id) => __ebb.locator(e, id)", std::slice::from_ref(&test_id))
            .await
            .ok()?;
        locator = format!("{}.contentFrame().{locator}", named.as_str()?);
        at = parent;
    }
    Some(locator)
}

/// The wire text of what `__ebb.resolve` or `__ebb.check` refused, if it did.
pub(crate) fn refused(target: &Target, answer: &Value) -> Result<()> {
    let Some(kind) = answer.get("error").and_then(Value::as_str) else { return Ok(()) };
    let matches = || answer.get("matches").and_then(Value::as_array).into_iter().flatten();
    let error = match kind {
        "unknown_ref" => unknown_ref(&target.given),
        "no_match" => Error::new(Code::TargetUnknown, format!("\"{}\" does not match any elements.", target.given))
            .next("Take a new snapshot with browser_snapshot and use a ref from it."),
        "strict" => {
            let total = answer.get("total").and_then(Value::as_u64).unwrap_or_default();
            let locator = answer.get("locator").and_then(Value::as_str).unwrap_or(&target.given);
            let through = &target.through;
            let mut text = format!("strict mode violation: {through}{locator} resolved to {total} elements:");
            for (index, found) in matches().enumerate() {
                let part = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
                // Writing to a string cannot fail.
                write!(text, "\n    {}) {} aka {through}{}", index + 1, part("describe"), part("locator"))
                    .unwrap_or_default();
            }
            if total > 10 {
                text.push_str("\n    ...");
            }
            Error::new(Code::TargetUnknown, text)
                .next("Use a ref from browser_snapshot, or a selector that matches one element.")
        }
        "not_fillable" => {
            Error::new(Code::InvalidArguments, "Element is not an <input>, <textarea> or [contenteditable] element")
                .next("Use browser_click for buttons and boxes.")
        }
        "invalid_selector" => {
            let why = answer.get("message").and_then(Value::as_str).unwrap_or_default();
            Error::new(Code::InvalidArguments, format!("\"{}\" is not a selector: {why}", target.given))
                .next("Use a ref such as e12 from browser_snapshot, or a CSS selector.")
        }
        "not_select" => Error::new(Code::InvalidArguments, "Element is not a <select> element")
            .next("Use browser_click or browser_type."),
        "internal" => Error::new(Code::Internal, "the page script failed on this page")
            .next("Navigate again, or use another target."),
        other => Error::new(Code::TargetUnknown, format!("\"{}\" cannot be used: {other}", target.given))
            .next("Take a new snapshot with browser_snapshot and use a ref from it."),
    };
    Err(error)
}

/// What was given, as far as an error repeats it.
fn shown(given: &str) -> String {
    match given.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", given.get(..end).unwrap_or_default()),
        None => given.to_owned(),
    }
}

fn unknown_ref(given: &str) -> Error {
    Error::new(
        Code::TargetUnknown,
        format!("Ref {given} not found in the current page snapshot. Try capturing new snapshot."),
    )
    .next("Call browser_snapshot and use a ref from it.")
}

impl Target {
    /// Calls a function of the page script with this target as its first argument.
    ///
    /// # Errors
    /// As [`Tab::ask`].
    pub(crate) async fn ask(&self, tab: &Arc<Tab>, body: &str, more: &[Value]) -> Result<Value> {
        let mut arguments = vec![json!(self.local)];
        arguments.extend_from_slice(more);
        tab.ask(Some(&self.frame), body, &arguments).await
    }

    /// The element itself, as an object of the page's own world, for functions of the caller.
    ///
    /// # Errors
    /// As [`Tab::script`]; an element that is gone meanwhile.
    pub(crate) async fn object(&self, tab: &Arc<Tab>) -> Result<RemoteObjectId> {
        let gone = || unknown_ref(&self.given);
        let ours = self.handle(tab).await?.ok_or_else(gone)?;
        let node = tab.call_in(&self.frame, &DescribeNodeParams::builder().object_id(ours).build()).await?.node;
        let world = tab.peek(|state| state.frames.get(&self.frame).and_then(|frame| frame.main_world));
        let mut resolve = ResolveNodeParams::builder().backend_node_id(node.backend_node_id).build();
        resolve.execution_context_id = world.map(ExecutionContextId::new);
        tab.call_in(&self.frame, &resolve).await?.object.object_id.ok_or_else(gone)
    }

    /// The frame that the element shows, when it is an iframe.
    ///
    /// # Errors
    /// As [`Tab::script`].
    pub(crate) async fn shown_frame(&self, tab: &Arc<Tab>) -> Result<Option<String>> {
        match self.handle(tab).await? {
            Some(element) => Ok(frame_in(tab, &self.frame, element).await),
            None => Ok(None),
        }
    }

    /// The element in Ebb's own world.
    async fn handle(&self, tab: &Arc<Tab>) -> Result<Option<RemoteObjectId>> {
        let arguments = [json!(self.local)];
        let element = tab.script(Some(&self.frame), "(t) => __ebb.element(t)", &arguments, Returns::Handle, CALL);
        Ok(element.await?.object_id)
    }
}

/// The frame that `element`, an iframe of `frame`, shows.
pub(crate) async fn frame_in(tab: &Arc<Tab>, frame: &str, element: RemoteObjectId) -> Option<String> {
    let describe = DescribeNodeParams::builder().object_id(element).build();
    let id = tab.call_in(frame, &describe).await.ok()?.node.frame_id?.inner().clone();
    tab.peek(|state| state.frames.contains_key(&id)).then_some(id)
}

/// The iframe of `parent` that shows `frame`, as an object of Ebb's world there.
async fn owner_of(tab: &Arc<Tab>, frame: &str, parent: &str) -> Result<RemoteObjectId> {
    let owner = tab.call_in(parent, &GetFrameOwnerParams::new(frame.to_owned())).await?;
    // Makes sure that the parent's world is there to resolve the element in.
    tab.ask(Some(parent), "() => true", &[]).await?;
    let world = tab.peek(|state| state.frames.get(parent).and_then(|frame| frame.world));
    let mut resolve = ResolveNodeParams::builder().backend_node_id(owner.backend_node_id).build();
    resolve.execution_context_id = world.map(ExecutionContextId::new);
    let element = tab.call_in(parent, &resolve).await?.object.object_id;
    element.ok_or_else(|| Error::new(Code::Timeout, "frame was detached"))
}

/// Calls a function of the page script with `element`, an object of Ebb's world in `frame`, as its first argument.
async fn call_on(tab: &Arc<Tab>, frame: &str, element: RemoteObjectId, body: &str, more: &[Value]) -> Result<Value> {
    let world = tab.peek(|state| state.frames.get(frame).and_then(|frame| frame.world));
    let mut call = function_call(body, &[], Returns::Value, world.map(ExecutionContextId::new), None);
    let element = CallArgument { value: None, unserializable_value: None, object_id: Some(element) };
    let more = more.iter().map(|value| CallArgument::builder().value(value.clone()).build());
    call.arguments = Some(std::iter::once(element).chain(more).collect());
    let answer = tab.call_in(frame, &call).await?;
    Ok(checked(answer.result, answer.exception_details.as_ref())?.value.unwrap_or_default())
}

/// Where a point lies in the viewport of the main frame, given as the process of `frame` counts: from the corner of its
/// outermost frame.
///
/// # Errors
/// As [`to_viewport`].
pub(crate) async fn in_viewport(tab: &Arc<Tab>, frame: &str, x: f64, y: f64) -> Result<(f64, f64)> {
    match tab.peek(|state| state.outermost(frame)) {
        Some(outermost) => to_viewport(tab, &outermost, x, y).await,
        None => Ok((x, y)),
    }
}

/// Where a point of `frame` lies in the viewport of the main frame, and whether input there reaches it.
///
/// # Errors
/// What lies on top of a frame, in words; a frame that is gone.
pub(crate) async fn to_viewport(tab: &Arc<Tab>, frame: &str, mut x: f64, mut y: f64) -> Result<(f64, f64), Error> {
    let mut at = frame.to_owned();
    // A frame tree deeper than this is not worth clicking in.
    for _ in 0..32 {
        let Some(parent) = tab.peek(|state| state.frames.get(&at).and_then(|frame| frame.parent.clone())) else {
            break;
        };
        let owner = owner_of(tab, &at, &parent).await?;
        let body = "(k, x, y) => __ebb.framePoint(k, x, y)";
        let point = call_on(tab, &parent, owner, body, &[json!(x), json!(y)]).await?;
        if point.get("ok").and_then(Value::as_bool) != Some(true) {
            let why = point.get("reason").and_then(Value::as_str).unwrap_or("frame was detached");
            return Err(Error::new(Code::Timeout, why));
        }
        x = point.get("x").and_then(Value::as_f64).unwrap_or(x);
        y = point.get("y").and_then(Value::as_f64).unwrap_or(y);
        at = parent;
    }
    Ok((x, y))
}
