//! The calls of a tab that race its end, and what is said when they lose.

use std::{future::Future, time::Duration};

use chromiumoxide::types::Command;
use ebb_core::{Code, Error, Result};
use serde_json::Value;

use super::{
    pipe::{CALL, CdpError},
    tab::{FOREVER, Tab},
};

impl Tab {
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
