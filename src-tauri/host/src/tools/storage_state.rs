//! browser_storage_state, browser_set_storage_state: a login taken along in a file.

use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::{Value, json};

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::{browser::storage_state::StorageState, files::Files, options::Cap};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let all = [
        ToolSpec::browser(
            "browser_storage_state",
            "Save storage state",
            "Save cookies and localStorage of all origins to a file",
            || Schema::new().optional("filename", Kind::String),
            |call, args| async move { save(call, args.text("filename")).await }.boxed(),
        )
        .read_only(),
        ToolSpec::browser(
            "browser_set_storage_state",
            "Restore storage state",
            "Put the cookies and localStorage of a file in place of those of the session",
            || Schema::new().required("filename", Kind::String),
            |call, args| async move { restore(call, args.must("filename")).await }.boxed(),
        ),
    ];
    all.into_iter().map(|spec| spec.cap(Cap::Storage)).collect()
}

async fn save(call: &mut ToolCall, filename: Option<&str>) -> Result<(), ToolError> {
    let files = call.files().await?;
    let place = files.place(filename, "storage-state", "json")?;
    let state = page::side(call)?.storage_state().await?;
    let text = serde_json::to_string_pretty(&state).unwrap_or_default();
    files.write(&place, text.as_bytes()).await?;
    call.response.result(files.link("Storage state", &place));
    let path = json!({"path": files.shown(&place)});
    call.response.code(format!("await page.context().storageState({});", page::literal(&path)));
    Ok(())
}

async fn restore(call: &mut ToolCall, filename: &str) -> Result<(), ToolError> {
    let state = of_file(call.files().await?.as_ref(), filename).await?;
    let state = StorageState::parse(&state.to_string())?;
    page::side(call)?.set_storage_state(&state).await?;
    call.response.result(format!("Storage state restored from {filename}"));
    call.response.code(format!("await page.context().setStorageState({});", page::quoted(filename)));
    Ok(())
}

/// The storage state in a file that the agent named, checked.
///
/// # Errors
/// [`Code::FileDenied`]; [`Code::InvalidArguments`] for a file that is no storage state.
pub(crate) async fn of_file(files: &Files, given: &str) -> Result<Value, Error> {
    let path = files.existing(given)?;
    let unreadable = |error: &dyn std::fmt::Display| {
        Error::new(Code::FileDenied, format!("{given} cannot be read: {error}")).next("Check the path.")
    };
    let size = tokio::fs::metadata(&path).await.map_err(|error| unreadable(&error))?.len();
    if size > MAX_FILE {
        return Err(unreadable(&"it has more than 32 MB"));
    }
    let text = tokio::fs::read_to_string(&path).await.map_err(|error| unreadable(&error))?;
    let state = StorageState::parse(&text)?;
    serde_json::to_value(&state).map_err(|error| unreadable(&error))
}
