//! browser_pdf_save.

use futures::FutureExt;
use serde_json::json;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::{browser::pdf, options::Cap};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let tool = ToolSpec::browser(
        "browser_pdf_save",
        "Save as PDF",
        "Save the page as PDF",
        || Schema::new().optional("filename", Kind::String),
        |call, args| async move { save(call, args.text("filename")).await }.boxed(),
    );
    vec![tool.cap(Cap::Pdf).read_only()]
}

async fn save(call: &mut ToolCall, filename: Option<&str>) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let files = call.files().await?;
    let place = files.place(filename, "page", "pdf")?;
    let bytes = pdf::print(&tab, call.host.settings.calls.browser_silent).await?;
    files.write(&place, &bytes).await?;
    call.response.result(files.link("Page as pdf", &place));
    call.response.code(format!("await page.pdf({});", page::literal(&json!({"path": files.shown(&place)}))));
    page::after_action(call, &tab, false).await
}
