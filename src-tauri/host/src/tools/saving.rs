//! Answers that go into files: `filename` of many tools.

use serde_json::Value;

use super::{args::Args, call::ToolCall, catalog::ToolError};

/// Writes `text` into the file that the arguments name and answers with a link to it; tells whether they
/// named one.
pub(crate) async fn saved(call: &mut ToolCall, args: &Value, label: &str, text: &str) -> Result<bool, ToolError> {
    let Some(given) = args.text("filename").filter(|given| !given.is_empty()) else { return Ok(false) };
    let files = call.files().await?;
    let place = files.named(given)?;
    files.write(&place, call.masked(text).as_bytes()).await?;
    call.response.result(files.link(label, &place));
    Ok(true)
}

/// The extension of a file with content of this MIME type.
pub(crate) fn extension(mime: &str) -> &'static str {
    let mime = mime.split(';').next().unwrap_or_default().trim();
    match mime {
        "text/html" => "html",
        "text/css" => "css",
        "text/csv" => "csv",
        "text/javascript" | "application/javascript" | "application/x-javascript" => "js",
        "application/xml" | "text/xml" => "xml",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/wasm" => "wasm",
        "image/png" => "png",
        "image/jpeg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/avif" => "avif",
        "image/svg+xml" => "svg",
        "image/x-icon" | "image/vnd.microsoft.icon" => "ico",
        "font/woff" => "woff",
        "font/woff2" => "woff2",
        "audio/mpeg" => "mp3",
        "video/mp4" => "mp4",
        "video/webm" => "webm",
        _ if mime.ends_with("/json") || mime.ends_with("+json") => "json",
        _ if mime.ends_with("+xml") => "xml",
        _ if mime.starts_with("text/") => "txt",
        _ => "bin",
    }
}
