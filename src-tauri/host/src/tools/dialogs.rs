//! browser_handle_dialog, browser_file_upload: answering what a page waits for.

use std::path::PathBuf;

use chromiumoxide::cdp::browser_protocol::{
    dom::{BackendNodeId, SetFileInputFilesParams},
    page::HandleJavaScriptDialogParams,
};
use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::Value;

use super::{
    acting::settled,
    args::Args,
    call::ToolCall,
    catalog::{Modal, ModalKind, ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::{
    browser::{self, settle},
    files::Files,
};

/// The largest file that can be uploaded, in bytes.
const MAX_UPLOAD: u64 = 512 * 1024 * 1024;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_file_upload",
            "Upload files",
            "Give files to the page's file chooser; without paths it is cancelled",
            || Schema::new().optional("paths", Kind::list(Kind::String)),
            |call, args| async move { upload(call, &args).await }.boxed(),
        )
        .modal(Modal::Handles(ModalKind::FileChooser)),
        ToolSpec::browser(
            "browser_handle_dialog",
            "Handle a dialog",
            "Accept or dismiss the dialog the page waits for",
            || Schema::new().required("accept", Kind::Bool).optional("promptText", Kind::String),
            |call, args| async move { dialog(call, &args).await }.boxed(),
        )
        .modal(Modal::Handles(ModalKind::Dialog)),
    ]
}

async fn dialog(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let before = settle::before(&tab);
    let asked = tab.peek(|state| state.dialogs);
    let mut answer = HandleJavaScriptDialogParams::new(args.flag("accept"));
    answer.prompt_text = args.text("promptText").map(str::to_owned);
    tab.call(&answer).await?;
    // The page says so itself a moment later; the next tool must not find the old state. It may ask anew before.
    tab.poke(|state| {
        if state.dialogs == asked {
            state.modals.retain(|modal| !matches!(modal, browser::Modal::Dialog { .. }));
        }
    });
    settled(call, &tab, before).await;
    page::after_action(call, &tab, false).await
}

async fn upload(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let Some(browser::Modal::FileChooser { backend_node, multiple, session }) = tab.modal() else {
        return Err(Error::new(Code::ModalState, "the file chooser is gone").next("Click what opens it again.").into());
    };
    let given = args.texts("paths").unwrap_or_default();
    if given.len() > 1 && !multiple {
        return Err(Error::new(Code::InvalidArguments, "Non-multiple file input can only accept single file")
            .next("Give one path.")
            .into());
    }
    let places = call.files().await?;
    let files = given.iter().map(|path| uploadable(&places, path)).collect::<Result<Vec<_>, _>>()?;
    let before = settle::before(&tab);
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    if !names.is_empty() {
        let mut set = SetFileInputFilesParams::new(names);
        set.backend_node_id = Some(BackendNodeId::new(backend_node));
        tab.call_session(session.as_deref(), &set).await?;
    }
    tab.poke(|state| state.modals.retain(|modal| !matches!(modal, browser::Modal::FileChooser { .. })));
    let code: Vec<String> = given.iter().map(|path| serde_json::Value::from(*path).to_string()).collect();
    call.response.code(format!("await fileChooser.setFiles([{}])", code.join(", ")));
    settled(call, &tab, before).await;
    page::after_action(call, &tab, true).await
}

/// The real file behind `given`, which may be read and is not too large.
fn uploadable(files: &Files, given: &str) -> Result<PathBuf, Error> {
    let file = files.existing(given)?;
    if file.metadata().is_ok_and(|meta| meta.len() > MAX_UPLOAD) {
        let message = format!("{given} has more than {} MB", MAX_UPLOAD / 1024 / 1024);
        return Err(Error::new(Code::FileDenied, message).next("Give a smaller file."));
    }
    Ok(file)
}
