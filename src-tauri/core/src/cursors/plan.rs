//! Which part of a result a page shows. Whole units are arithmetic on the index; only a unit larger
//! than a page needs a look at its bytes, to be cut between two characters.

use std::ops::Range;

use super::{UnitIndex, budget, source::Source};
use crate::Result;

/// A place between two units or, in a unit larger than a page, between two characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Units before it.
    pub unit: u32,
    /// Bytes of the unit it is in that lie before it; 0 between units.
    pub byte: u32,
    /// The same in characters.
    pub chars: u32,
}

impl Spot {
    /// The place before unit `unit`, counted from 0.
    #[must_use]
    pub const fn before(unit: u32) -> Self {
        Self { unit, byte: 0, chars: 0 }
    }

    /// Whether it is inside a unit.
    #[must_use]
    pub const fn is_inside(self) -> bool {
        self.byte > 0
    }
}

/// What a page shows: from one place to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub from: Spot,
    /// Where it ends.
    pub to: Spot,
}

impl Span {
    /// The 1-based number of the first unit it shows, whole or in part.
    #[must_use]
    pub const fn first_unit(self) -> u32 {
        self.from.unit + 1
    }

    /// The 1-based number of the last unit it shows, whole or in part; 0 when it shows nothing.
    #[must_use]
    pub const fn last_unit(self) -> u32 {
        if self.to.is_inside() { self.to.unit + 1 } else { self.to.unit }
    }

    /// Its bytes in the payload.
    pub(super) fn bytes(self, index: &UnitIndex) -> Range<u32> {
        let start = index.start(self.from.unit) + self.from.byte;
        let end = if self.to.is_inside() {
            index.start(self.to.unit) + self.to.byte
        } else {
            self.to.unit.checked_sub(1).map_or(start, |last| index.end(last))
        };
        start..end.max(start)
    }
}

/// The page that begins at `from`. `budget` is in quarters of a token.
pub(super) async fn forward(index: &UnitIndex, source: &Source<'_>, from: Spot, budget: u64) -> Result<Span> {
    if !from.is_inside() {
        let to = index.fit_forward(from.unit, budget);
        if to > from.unit || from.unit >= index.len() {
            return Ok(Span { from, to: Spot::before(to) });
        }
    }
    let start = index.start(from.unit) + from.byte;
    let end = index.end(from.unit);
    let look = start..end.min(start.saturating_add(reach(budget)));
    let chunk = source.slice(look).await?;
    let taken = Taken::from_start(chunk.as_str(), budget);
    let to = if start + taken.bytes >= end {
        Spot::before(index.fit_forward(from.unit + 1, budget.saturating_sub(taken.weight + 1)))
    } else {
        Spot { unit: from.unit, byte: from.byte + taken.bytes, chars: from.chars + taken.chars }
    };
    Ok(Span { from, to })
}

/// The page that ends at `to`.
pub(super) async fn backward(index: &UnitIndex, source: &Source<'_>, to: Spot, budget: u64) -> Result<Span> {
    let mut inner = to;
    if !to.is_inside() {
        let from = index.fit_backward(to.unit, budget);
        if from < to.unit || to.unit == 0 {
            return Ok(Span { from: Spot::before(from), to });
        }
        inner = end_of(index, source, to.unit - 1).await?;
    }
    let start = index.start(inner.unit);
    let look = start + inner.byte.saturating_sub(reach(budget))..start + inner.byte;
    let chunk = source.slice(look).await?;
    let taken = Taken::from_end(chunk.as_str(), budget);
    let from = if taken.bytes >= inner.byte {
        Spot::before(index.fit_backward(inner.unit, budget.saturating_sub(taken.weight + 1)))
    } else {
        Spot { unit: inner.unit, byte: inner.byte - taken.bytes, chars: inner.chars - taken.chars }
    };
    Ok(Span { from, to })
}

/// The end of a unit as a place inside it. Only a text that is not all ASCII must be counted for it.
async fn end_of(index: &UnitIndex, source: &Source<'_>, unit: u32) -> Result<Spot> {
    let (start, end) = (index.start(unit), index.end(unit));
    let chars =
        if index.is_ascii() { end - start } else { source.slice(start..end).await?.as_str().chars().count() as u32 };
    Ok(Spot { unit, byte: end - start, chars })
}

/// No text of this weight has more bytes.
fn reach(budget: u64) -> u32 {
    u32::try_from(budget).unwrap_or(u32::MAX)
}

/// As much of one end of a text as fits.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    bytes: u32,
    chars: u32,
    weight: u64,
}

impl Taken {
    fn from_start(text: &str, budget: u64) -> Self {
        Self::take(text, text.chars(), budget)
    }

    fn from_end(text: &str, budget: u64) -> Self {
        Self::take(text, text.chars().rev(), budget)
    }

    fn take(text: &str, chars: impl Iterator<Item = char>, budget: u64) -> Self {
        if text.is_ascii() {
            let all = (text.len() as u64).min(budget);
            return Self { bytes: all as u32, chars: all as u32, weight: all };
        }
        let mut taken = Self::default();
        for c in chars {
            let weight = taken.weight + budget::weigh_char(c);
            if weight > budget {
                break;
            }
            taken = Self { bytes: taken.bytes + c.len_utf8() as u32, chars: taken.chars + 1, weight };
        }
        taken
    }
}
