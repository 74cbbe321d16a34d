//! browser_resize, browser_emulate_media.

use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;
use ebb_core::{Code, Error};
use futures::FutureExt;
use serde_json::Value;

use super::{
    args::Args,
    call::ToolCall,
    catalog::{ToolError, ToolSpec},
    page,
    schema::{Kind, Schema},
};
use crate::browser::media;

/// The largest viewport, in CSS pixels a side.
const LARGEST: f64 = 16_384.0;

/// What can be emulated, in the order of the schema, with what each can be.
const MEDIA: [(&str, &[&str]); 5] = [
    ("colorScheme", &["light", "dark"]),
    ("reducedMotion", &["reduce", "no-preference"]),
    ("forcedColors", &["active", "none"]),
    ("contrast", &["more", "no-preference"]),
    ("media", &["screen", "print"]),
];

/// The tools of this file.
pub(crate) fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::browser(
            "browser_resize",
            "Resize",
            "Set the size of the viewport in CSS pixels",
            || Schema::new().required("width", Kind::Number).required("height", Kind::Number),
            |call, args| async move { resize(call, &args).await }.boxed(),
        ),
        ToolSpec::browser(
            "browser_emulate_media",
            "Emulate media",
            "Emulate media features; left out is unchanged, null is back to normal",
            || MEDIA.iter().fold(Schema::new(), |schema, (name, words)| schema.optional(name, Kind::EnumOrNull(words))),
            |call, args| async move { emulate(call, &args).await }.boxed(),
        ),
    ]
}

async fn resize(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let (width, height) = (args.number("width").unwrap_or_default(), args.number("height").unwrap_or_default());
    let fits = |side: f64| side.fract() == 0.0 && (1.0..=LARGEST).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(Error::new(Code::InvalidArguments, format!("A viewport of {width} x {height} is not possible"))
            .next("Give whole numbers from 1 to 16384.")
            .into());
    }
    let tab = page::tab(call).await?;
    let screen = page::side(call)?.overrides.emulation().screen;
    let metrics = SetDeviceMetricsOverrideParams::new(
        width as i64,
        height as i64,
        screen.map(|screen| screen.scale).unwrap_or_default(),
        screen.is_some_and(|screen| screen.mobile),
    );
    tab.call(&metrics).await?;
    call.response.code(format!("await page.setViewportSize({{ width: {width}, height: {height} }});"));
    page::after_action(call, &tab, false).await
}

async fn emulate(call: &mut ToolCall, args: &Value) -> Result<(), ToolError> {
    let tab = page::tab(call).await?;
    let given: Vec<(&'static str, Option<String>)> =
        MEDIA.iter().filter_map(|(name, _)| Some((*name, args.get(*name)?.as_str().map(str::to_owned)))).collect();
    let mut members: Vec<String> = given
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_deref().map_or_else(|| "null".to_owned(), page::quoted)))
        .collect();
    members.sort_unstable();
    media::emulate(&tab, given).await?;
    call.response.code(format!("await page.emulateMedia({{ {} }});", members.join(", ")));
    page::after_action(call, &tab, false).await
}
