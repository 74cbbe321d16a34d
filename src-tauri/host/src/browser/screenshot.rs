//! Pictures of a page: what part of it, in which format, how large.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chromiumoxide::cdp::browser_protocol::{
    dom::GetContentQuadsParams,
    page::{CaptureScreenshotFormat, CaptureScreenshotParams, GetLayoutMetricsParams, Viewport},
};
use ebb_core::{Code, Error, Result};

use super::{
    input,
    tab::Tab,
    target::{self, Target},
};

/// CSS pixels from top to bottom: more ends conversations, and no model looks at it.
pub(crate) const MAX_HEIGHT: f64 = 16_384.0;

/// Pixels of a picture in an answer.
const MAX_PIXELS: f64 = 1_150_000.0;

/// Bytes of a picture in an answer.
const MAX_BYTES: usize = 2_000_000;

/// How long a picture may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Without loss.
    Png,
    /// With quality 90.
    Jpeg,
    /// With quality 90.
    Webp,
}

impl Format {
    /// The one called so: by a client, or as the extension of a file.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpeg" | "jpg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }

    /// Its name, which is also its extension.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// `image/png`.
    pub(crate) const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// What is on the picture.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What<'a> {
    /// What is seen.
    Viewport,
    /// The page from top to bottom.
    FullPage,
    /// One element, seen or not.
    Element(&'a Target),
}

/// A part of a page, in CSS pixels of the document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    /// Whether it reaches out of what is seen.
    beyond: bool,
    /// Device pixels of one CSS pixel.
    ratio: f64,
    /// How high it was before it was cut.
    pub(crate) uncut: f64,
}

/// Where `what` lies now.
///
/// # Errors
/// As [`input::ready`] for an element; an area without any size.
pub(crate) async fn area(tab: &Arc<Tab>, what: What<'_>, deadline: Duration) -> Result<Area> {
    let quads = match what {
        What::Element(target) => {
            input::ready(tab, target, "plain", deadline).await?;
            let object = target.object(tab).await?;
            let asked = GetContentQuadsParams::builder().object_id(object).build();
            let quads = tab.call_in(&target.frame, &asked).await?.quads;
            let points: Vec<(f64, f64)> = quads.iter().flat_map(|quad| pairs(quad.inner())).collect();
            // A frame in a process of its own counts from its own corner.
            let middle = middle(&points);
            let (x, y) = target::in_viewport(tab, &target.frame, middle.0, middle.1).await?;
            Some(points.into_iter().map(|point| (point.0 + x - middle.0, point.1 + y - middle.1)).collect::<Vec<_>>())
        }
        _ => None,
    };
    let metrics = tab.call(&GetLayoutMetricsParams::default()).await?;
    let ratio = tab.ask(None, "() => devicePixelRatio", &[]).await?;
    let ratio = ratio.as_f64().filter(|ratio| *ratio > 0.0).unwrap_or(1.0);
    let seen = &metrics.css_visual_viewport;
    let (mut x, mut y, mut width, mut height) = (seen.page_x, seen.page_y, seen.client_width, seen.client_height);
    if let Some(points) = quads {
        let (left, right) = span(points.iter().map(|point| &point.0));
        let (top, bottom) = span(points.iter().map(|point| &point.1));
        (x, y, width, height) = (seen.page_x + left, seen.page_y + top, right - left, bottom - top);
    } else if matches!(what, What::FullPage) {
        let content = &metrics.css_content_size;
        (x, y, width, height) = (0.0, 0.0, content.width, content.height);
    }
    if !(width > 0.0 && height > 0.0) {
        return Err(Error::new(Code::TargetUnknown, "There is nothing to take a picture of: it has no size")
            .next("Take a new snapshot and choose an element that is visible."));
    }
    let inside = x >= seen.page_x
        && y >= seen.page_y
        && x + width <= seen.page_x + seen.client_width
        && y + height <= seen.page_y + seen.client_height;
    Ok(Area { x, y, width, height: height.min(MAX_HEIGHT), beyond: !inside, ratio, uncut: height })
}

fn pairs(numbers: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    numbers.chunks_exact(2).filter_map(|point| Some((*point.first()?, *point.get(1)?)))
}

/// The middle of what the points span.
fn middle(points: &[(f64, f64)]) -> (f64, f64) {
    let (left, right) = span(points.iter().map(|point| &point.0));
    let (top, bottom) = span(points.iter().map(|point| &point.1));
    (f64::midpoint(left, right), f64::midpoint(top, bottom))
}

fn span<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    // Whole pixels, so that no edge is half of something else.
    if low > high { (0.0, 0.0) } else { (low.floor(), high.ceil()) }
}

/// Takes the picture, with `scale` pixels for each CSS pixel (none: those of the device).
///
/// # Errors
/// As [`Tab::call`].
pub(crate) async fn take(tab: &Arc<Tab>, area: &Area, format: Format, scale: Option<f64>) -> Result<Vec<u8>> {
    let mut capture = CaptureScreenshotParams::default();
    let (kind, quality) = match format {
        Format::Png => (CaptureScreenshotFormat::Png, None),
        Format::Jpeg => (CaptureScreenshotFormat::Jpeg, Some(90)),
        Format::Webp => (CaptureScreenshotFormat::Webp, Some(90)),
    };
    capture.format = Some(kind);
    capture.quality = quality;
    capture.capture_beyond_viewport = Some(area.beyond);
    let scale = scale.map_or(1.0, |scale| scale / area.ratio);
    capture.clip = Some(Viewport { x: area.x, y: area.y, width: area.width, height: area.height, scale });
    let taken = tab.unless_modal(tab.call_within(&capture, DEADLINE)).await?;
    let data: &str = taken.data.as_ref();
    STANDARD.decode(data).map_err(|_| {
        Error::new(Code::Internal, "the browser's picture cannot be read").next("Take the screenshot again.")
    })
}

/// The picture as an answer carries it: no side longer than `max_side` pixels (0: as it is), and light.
/// `bytes` is the picture with `scale` pixels a CSS pixel.
///
/// # Errors
/// As [`take`].
pub(crate) async fn for_answer(
    tab: &Arc<Tab>,
    area: &Area,
    format: Format,
    scale: Option<f64>,
    max_side: u32,
    bytes: Vec<u8>,
) -> Result<Vec<u8>> {
    let scale = scale.unwrap_or(area.ratio);
    let Some(mut smaller) = shrunk(area.width * scale, area.height * scale, max_side, bytes.len()) else {
        return Ok(bytes);
    };
    for _ in 0..6 {
        let taken = take(tab, area, format, Some(scale * smaller)).await?;
        if taken.len() <= MAX_BYTES {
            return Ok(taken);
        }
        smaller *= 0.7;
    }
    take(tab, area, Format::Jpeg, Some(scale * smaller)).await
}

/// By how much a picture has to be smaller; none where it need not.
fn shrunk(width: f64, height: f64, max_side: u32, bytes: usize) -> Option<f64> {
    if max_side == 0 {
        return None;
    }
    let by_side = f64::from(max_side) / width.max(height);
    let by_pixels = (MAX_PIXELS / (width * height)).sqrt();
    let factor = by_side.min(by_pixels).min(1.0);
    if factor < 1.0 {
        return Some(factor);
    }
    (bytes > MAX_BYTES).then_some(0.7)
}

/// The name of a format in the arguments, else of the file's extension, else PNG.
pub(crate) fn format_of(kind: Option<&str>, filename: Option<&str>) -> Format {
    let by_name = filename.and_then(|name| name.rsplit_once('.')).and_then(|(_, extension)| Format::named(extension));
    kind.and_then(Format::named).or(by_name).unwrap_or(Format::Png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_in_answers_have_a_limit() {
        assert_eq!(shrunk(1280.0, 720.0, 1_568, 100_000), None);
        assert_eq!(shrunk(3136.0, 100.0, 1_568, 100_000), Some(0.5));
        let factor = shrunk(1500.0, 1500.0, 1_568, 100).unwrap();
        assert!((1500.0 * factor).powi(2) <= MAX_PIXELS + 1.0, "{factor}");
        assert_eq!(shrunk(1280.0, 720.0, 1_568, 2_000_001), Some(0.7));
        assert_eq!(shrunk(9_999.0, 9_999.0, 0, 9_000_000), None);
    }

    #[test]
    fn the_format_is_named_or_the_files() {
        assert_eq!(format_of(Some("webp"), Some("x.png")), Format::Webp);
        assert_eq!(format_of(None, Some("a/x.JPG")), Format::Jpeg);
        assert_eq!(format_of(None, Some("x")), Format::Png);
        assert_eq!(format_of(None, None), Format::Png);
    }
}
