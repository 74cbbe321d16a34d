//! One enum, one broadcast: everything that changed. Sending never blocks and never fails.

use crate::{
    cleanup::{CleanupReport, Leftover, StepReport},
    ids::{ClientId, LeftoverId, SessionId},
};

/// Something changed. Carries no page content.
#[derive(Debug, Clone)]
pub enum Event {
    /// A client connected, introduced itself or left; look it up.
    Client(ClientId),
    /// A session was opened.
    SessionOpened(SessionId),
    /// Something about a session changed: a call, a tab, a cursor, a buffer.
    SessionChanged(SessionId),
    /// A session began to close.
    SessionClosing(SessionId),
    /// A step of its removal began.
    StepBegan(SessionId, crate::cleanup::Step),
    /// A step of its removal ended.
    StepEnded(SessionId, Box<StepReport>),
    /// A session is gone; this is its report.
    SessionRemoved(Box<CleanupReport>),
    /// A leftover was found or tried again.
    Leftover(Box<Leftover>),
    /// A leftover is gone.
    LeftoverCleared(LeftoverId),
    /// The browser started, stopped, was lost or does not answer.
    Browser,
    /// The host changed: paused, stopping, history.
    Host,
}
