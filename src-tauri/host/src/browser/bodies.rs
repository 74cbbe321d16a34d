//! What requests carried and brought, asked for when somebody wants to read it.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chromiumoxide::cdp::browser_protocol::network::{GetRequestPostDataParams, GetResponseBodyParams};
use chromiumoxide::types::Command;
use ebb_core::{Code, Error, Result};

use super::{tab::Tab, tab_state::TabState};

/// A body as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Text.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

/// The body of the answer to the browser's request `id`.
///
/// # Errors
/// A body that the browser no longer keeps, or that never came.
pub(crate) async fn response(tab: &Arc<Tab>, id: &str) -> Result<Content> {
    let answer =
        asked(tab, &GetResponseBodyParams::new(id.to_owned())).await.map_err(|error| gone(error, "response"))?;
    if !answer.base64_encoded {
        return Ok(Content::Text(answer.body));
    }
    let bytes = STANDARD.decode(&answer.body).map_err(|_| Error::new(Code::Internal, "the body cannot be read"))?;
    Ok(Content::Bytes(bytes))
}

/// The body of the browser's request `id`, where its event did not carry it.
///
/// # Errors
/// As [`response`].
pub(crate) async fn request(tab: &Arc<Tab>, id: &str) -> Result<String> {
    let post_data = GetRequestPostDataParams::new(id.to_owned());
    Ok(asked(tab, &post_data).await.map_err(|error| gone(error, "request"))?.post_data)
}

/// Asks the page, and then the processes of its frames: each keeps the bodies of its own requests.
async fn asked<C: Command>(tab: &Arc<Tab>, command: &C) -> Result<C::Response> {
    let mut answer = tab.call(command).await;
    for session in tab.peek(TabState::frame_sessions) {
        match &answer {
            Err(error) if error.code == Code::Internal => {}
            _ => break,
        }
        match tab.call_session(Some(&session), command).await {
            Err(error) if error.message.contains("No resource with given identifier") => {}
            found => answer = found,
        }
    }
    answer
}

fn gone(error: Error, whose: &str) -> Error {
    if error.code != Code::Internal {
        return error;
    }
    Error::new(Code::TargetUnknown, format!("The {whose} body is not available: {}", error.message))
        .next("Bodies stay until the page navigates on; repeat the request to see its body.")
}
