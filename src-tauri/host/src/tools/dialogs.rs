//! browser_handle_dialog, browser_file_upload: answering what a page waits for.

use std::path::{Path, PathBuf};

use chromiumoxide::cdp::browser_protocol::{
    dom::{BackendNodeId, SetFileInputFilesParams},
    page::HandleJavaScriptDialogParams,
};
use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{Modal, ModalKind, ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::{self, settle};

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
    let mut answer = HandleJavaScriptDialogParams::new(args.flag("accept"));
    answer.prompt_text = args.text("promptText").map(str::to_owned);
    tab.call(&answer).await?;
    // The page says so itself a moment later; the next tool must not find the old state.
    tab.poke(|state| state.modals.retain(|modal| !matches!(modal, browser::Modal::Dialog { .. })));
    settle::settle(&tab, before).await;
    page::after_action(call, &tab, true).await
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
    let root = workspace(call);
    let files = given.iter().map(|path| allowed(path, root.as_deref())).collect::<Result<Vec<_>, _>>()?;
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
    settle::settle(&tab, before).await;
    page::after_action(call, &tab, true).await
}

/// The folder the client works in: its files may be uploaded, no others.
fn workspace(call: &ToolCall) -> Option<PathBuf> {
    let client = call.host.manager.client(&call.client)?;
    let folder = PathBuf::from(client.process?.cwd?);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    // A client started from `/` or the home folder has no workspace: everything would be inside.
    (folder.parent().is_some() && Some(&folder) != home.as_ref()).then_some(folder)
}

/// The real file behind `path`, which must lie in `root` once links are resolved.
fn allowed(path: &str, root: Option<&Path>) -> Result<PathBuf, Error> {
    let denied = || {
        let roots = root.map_or_else(
            || "none (the client was started outside a project folder)".to_owned(),
            |root| root.display().to_string(),
        );
        Error::new(
            Code::FileDenied,
            format!("File access denied: {path} is outside allowed roots. Allowed roots: {roots}"),
        )
        .next("Put the file into the project folder and give that path.")
    };
    let root = root.and_then(|root| root.canonicalize().ok()).ok_or_else(denied)?;
    let given = Path::new(path);
    let whole = if given.is_absolute() { given.to_path_buf() } else { root.join(given) };
    let real = whole.canonicalize().map_err(|error| {
        // Whether a file outside exists is nobody's business.
        let inside = whole.starts_with(&root) && !path.contains("..");
        if inside { Error::new(Code::FileDenied, format!("{path}: {error}")).next("Check the path.") } else { denied() }
    })?;
    if !real.starts_with(&root) {
        return Err(denied());
    }
    let meta = real
        .metadata()
        .map_err(|error| Error::new(Code::FileDenied, format!("{path}: {error}")).next("Check the path."))?;
    if !meta.is_file() || meta.len() > MAX_UPLOAD {
        return Err(Error::new(
            Code::FileDenied,
            format!("{path} is not a file of at most {} MB", MAX_UPLOAD / 1024 / 1024),
        )
        .next("Give a smaller, regular file."));
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_files_inside_the_workspace_pass() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("project");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("a.txt"), "a").unwrap();
        std::fs::write(base.path().join("secret"), "s").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(base.path().join("secret"), root.join("link")).unwrap();

        assert!(allowed("a.txt", Some(&root)).is_ok());
        assert!(allowed(root.join("a.txt").to_str().unwrap(), Some(&root)).is_ok());
        for path in ["../secret", "link", "/etc/passwd", "sub/../../secret", "missing/../../secret"] {
            let error = allowed(path, Some(&root)).unwrap_err();
            assert_eq!(error.code, Code::FileDenied, "{path}");
            assert!(error.message.starts_with("File access denied"), "{path}: {}", error.message);
        }
        assert!(allowed("a.txt", None).is_err());
        assert!(allowed("b.txt", Some(&root)).unwrap_err().message.contains("b.txt"));
    }
}
