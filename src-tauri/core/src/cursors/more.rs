//! The closing section of a page, and the same numbers for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Outline, Span, UnitIndex, words};
use crate::ids::CursorId;

/// `Showing 1-120 of 1,431 items (8% · about 96,000 tokens left)`.
pub(super) fn showing(outline: &Outline, span: Span) -> String {
    let total = outline.total();
    let inside = if span.to.is_inside() {
        format!(
            ", {} {} to character {}",
            outline.unit.one(),
            words::thousands(u64::from(span.to.unit) + 1),
            number(span.to.chars)
        )
    } else {
        String::new()
    };
    let done = if span.to.unit >= total {
        "100%".to_owned()
    } else {
        format!(
            "{}% · about {} tokens left",
            percent(outline, span),
            words::about(left(&outline.text, span).div_ceil(4))
        )
    };
    let all = words::counted(u64::from(total), outline.unit.one(), outline.unit.many());
    format!("- Showing {}-{} of {all}{inside} ({done})", number(span.first_unit()), number(span.last_unit()))
}

fn number(n: u32) -> String {
    words::thousands(u64::from(n))
}

/// How far the page's end is: by units, or by weight where it is inside one.
fn percent(outline: &Outline, span: Span) -> u64 {
    let all = u64::from(outline.total());
    if !span.to.is_inside() {
        return u64::from(span.to.unit) * 100 / all.max(1);
    }
    let weight = outline.text.weight(0, outline.total()).max(1);
    (weight - left(&outline.text, span).min(weight)) * 100 / weight
}

/// What comes after the page, in quarters of a token; inside a unit in proportion to its bytes.
fn left(index: &UnitIndex, span: Span) -> u64 {
    let rest = index.weight(span.to.unit, index.len());
    if !span.to.is_inside() {
        return rest;
    }
    let length = u64::from(index.end(span.to.unit) - index.start(span.to.unit)).max(1);
    let unit = index.weight(span.to.unit, span.to.unit + 1);
    rest.saturating_sub(unit * u64::from(span.to.byte) / length)
}

/// How a page goes on.
pub(super) enum Continue {
    /// It does not.
    End,
    /// At this 1-based unit.
    At(u32),
    /// Towards the beginning, before this 1-based unit.
    Before(u32),
    /// Inside a unit, which no offset names.
    Inside,
}

impl Continue {
    pub(super) const fn at(&self) -> Option<u32> {
        if let Self::At(unit) = self { Some(*unit) } else { None }
    }

    pub(super) const fn before(&self) -> Option<u32> {
        if let Self::Before(unit) = self { Some(*unit) } else { None }
    }

    pub(super) const fn after(span: Span, total: u32) -> Self {
        if span.to.is_inside() {
            Self::Inside
        } else if span.to.unit < total {
            Self::At(span.to.unit + 1)
        } else {
            Self::End
        }
    }
}

/// `Continue: ... · Search: ... · Ends with this session. Kept 15 min after each read.`
///
/// `also` are further arguments that the next page needs, as JSON members, each with a leading comma.
pub(super) fn closing(cursor: &CursorId, next: &Continue, also: &str, search: bool, ttl: Duration) -> String {
    let mut parts = Vec::with_capacity(3);
    let place = match next {
        Continue::End => None,
        Continue::At(unit) => Some(format!("\"offset\":{unit}")),
        Continue::Before(unit) => Some(format!("\"offset\":{unit},\"direction\":\"previous\"")),
        Continue::Inside => Some("\"direction\":\"next\"".to_owned()),
    };
    if let Some(place) = place {
        parts.push(format!("Continue: cursor_read {{\"cursor\":\"{cursor}\"{also},{place}}}"));
    }
    if search {
        parts.push(format!("Search: cursor_read {{\"cursor\":\"{cursor}\",\"match\":\"error\"}}"));
    }
    parts.push(format!("Ends with this session. Kept {} after each read.", words::duration(ttl)));
    format!("- {}", parts.join(" · "))
}

/// The numbers of a page of a stored cursor. `next` and `previous` are offsets to ask for, null
/// where there is none; a page that ends inside a unit says where in `within` and goes on with
/// `direction: next` instead.
pub(super) fn meta(cursor: &CursorId, outline: &Outline, span: Span, budget: u64, expires_in: Duration) -> Value {
    let next = Continue::after(span, outline.total()).at();
    let previous = (span.from > super::Spot::default()).then(|| {
        let from = outline.text.fit_backward(span.from.unit, budget);
        from.min(span.from.unit.saturating_sub(1)) + 1
    });
    let mut meta = json!({
        "cursor": cursor.as_str(),
        "uri": format!("ebb://cursor/{cursor}"),
        "unit": outline.unit.many(),
        "total": outline.total(),
        "from": span.first_unit(),
        "to": span.last_unit(),
        "next": next,
        "previous": previous,
        "expiresInSeconds": expires_in.as_secs(),
    });
    if span.to.is_inside()
        && let Some(members) = meta.as_object_mut()
    {
        members.insert("within".to_owned(), json!({ "unit": span.to.unit + 1, "character": span.to.chars }));
    }
    meta
}
