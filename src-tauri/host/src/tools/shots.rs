//! browser_take_screenshot.

use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::{Value, json};

use super::{
    acting::locator,
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::{
    browser::screenshot::{self, Format, What},
    options::ImageResponses,
};

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_take_screenshot",
            "Take a screenshot",
            "Picture of the viewport, the full page or an element; act on snapshots, not on pictures",
            || {
                Schema::new()
                    .maybe_target()
                    .optional("type", Kind::Enum(&["png", "jpeg", "webp"]))
                    .filename()
                    .optional("fullPage", Kind::Bool)
                    .default("scale", Kind::Enum(&["css", "device"]), json!("css"))
            },
            |call, args| async move { shoot(call, &args).await }.boxed(),
        )
        .read_only(),
    ]
}

async fn shoot(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (given, full) = (args.text("target").filter(|given| !given.is_empty()), args.flag("fullPage"));
    if given.is_some() && full {
        return Err(Error::new(Code::InvalidArguments, "fullPage cannot be used with element screenshots.")
            .next("Leave out fullPage or target.")
            .into());
    }
    let named = args.text("filename").filter(|name| !name.is_empty());
    let format = screenshot::format_of(args.text("type"), named);
    let css = args.text("scale") != Some("device");
    let tab = page::tab(call).await?;
    let target = match given {
        Some(given) => Some(page::target(&tab, given).await?),
        None => None,
    };
    let (what, prefix) = match &target {
        Some(target) => (What::Element(target), "element"),
        None if full => (What::FullPage, "page"),
        None => (What::Viewport, "page"),
    };
    let files = call.files().await?;
    let place = files.place(named, prefix, format.name())?;
    let scale = css.then_some(1.0);
    let area = screenshot::area(&tab, what, call.action_timeout()).await?;
    let bytes = screenshot::take(&tab, &area, format, scale).await?;
    files.write(&place, &bytes).await?;
    let subject = match what {
        What::Element(_) => args.text("element").unwrap_or("element"),
        What::FullPage => "full page",
        What::Viewport => "viewport",
    };
    call.response.result(files.link(&format!("Screenshot of {subject}"), &place));
    let receiver = match &target {
        Some(target) => format!("{}.", locator(&tab, target).await),
        None => String::new(),
    };
    let path = files.shown(&place);
    call.response.code(format!("// Screenshot {subject} and save it as {path}"));
    call.response.code(format!("await page.{receiver}screenshot({});", options(&path, format, css, full)));
    if area.uncut > screenshot::MAX_HEIGHT {
        call.response.next(format!("The page is {} px high; the picture shows the first 16,384", area.uncut.round()));
    }
    if named.is_none() && call.options().output.images != ImageResponses::Omit {
        let max_side = call.options().output.image_max;
        let bytes = screenshot::for_answer(&tab, &area, format, scale, max_side, bytes).await?;
        call.response.image(&bytes, format.mime());
    }
    Ok(())
}

/// The options of the call as code.
fn options(path: &str, format: Format, css: bool, full: bool) -> String {
    page::object(&[
        ("fullPage", full.then(|| "true".to_owned())),
        ("path", Some(page::quoted(path))),
        ("quality", (format != Format::Png).then(|| "90".to_owned())),
        ("scale", Some(page::quoted(if css { "css" } else { "device" }))),
        ("type", Some(page::quoted(format.name()))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_has_its_members_in_order() {
        assert_eq!(
            options("./a.jpeg", Format::Jpeg, true, true),
            "{\n  fullPage: true,\n  path: './a.jpeg',\n  quality: 90,\n  scale: 'css',\n  type: 'jpeg'\n}"
        );
    }
}
