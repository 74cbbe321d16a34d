//! A result at rest: its bytes, and where each item or line of it begins.

use std::{fmt::Write as _, sync::Arc};

use serde_json::Value;

use super::{budget, errors};
use crate::Result;

/// No payload is larger: offsets and weights (at most twice the bytes) stay 32-bit numbers.
const MAX_PAYLOAD: usize = 1 << 30;
/// A fingerprint is for comparing; more of it would be memory that nobody counts.
const MAX_FINGERPRINT: usize = 256;

/// What a cursor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The items of a list.
    Items,
    /// The lines of a text.
    Lines,
}

impl Unit {
    /// `item` or `line`.
    #[must_use]
    pub const fn one(self) -> &'static str {
        match self {
            Self::Items => "item",
            Self::Lines => "line",
        }
    }

    /// `items` or `lines`.
    #[must_use]
    pub const fn many(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Lines => "lines",
        }
    }
}

/// Which of a payload's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// What pages show.
    Text,
    /// One JSON object an item, for the selection of fields.
    Fields,
}

/// Where a unit ends.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Bytes from the start of the payload, the unit's line feed included.
    byte: u32,
    /// Quarters of a token from the start of the column, likewise.
    weight: u32,
}

/// Where the units of one column begin and what they weigh. Pages are arithmetic on this.
#[derive(Debug)]
pub struct UnitIndex {
    first: u32,
    ascii: bool,
    marks: Box<[Mark]>,
}

impl UnitIndex {
    /// How many units.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.marks.len() as u32
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The memory the index itself takes, in bytes: 8 a unit.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        size_of_val(&*self.marks) as u64
    }

    /// Whether every byte is a character.
    pub(super) const fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Where unit `unit` begins in the payload; past the last one, where the column ends.
    pub(super) fn start(&self, unit: u32) -> u32 {
        match unit.checked_sub(1) {
            None => self.first,
            Some(before) => self.marks.get(before as usize).or(self.marks.last()).map_or(self.first, |mark| mark.byte),
        }
    }

    /// Where unit `unit` ends, without the line feed between it and the next.
    pub(super) fn end(&self, unit: u32) -> u32 {
        let end = self.start(unit + 1);
        if unit + 1 < self.len() { end - 1 } else { end }
    }

    /// What comes before unit `unit` weighs, in quarters of a token.
    pub(super) fn weight_before(&self, unit: u32) -> u64 {
        match unit.checked_sub(1) {
            None => 0,
            Some(before) => {
                self.marks.get(before as usize).or(self.marks.last()).map_or(0, |mark| u64::from(mark.weight))
            }
        }
    }

    /// What units `from..to` weigh, in quarters of a token.
    pub(super) fn weight(&self, from: u32, to: u32) -> u64 {
        self.weight_before(to) - self.weight_before(from)
    }

    /// The largest `to` for which units `from..to` weigh at most `budget`.
    pub(super) fn fit_forward(&self, from: u32, budget: u64) -> u32 {
        let limit = self.weight_before(from) + budget;
        let ends = self.marks.partition_point(|mark| u64::from(mark.weight) <= limit) as u32;
        ends.max(from)
    }

    /// The smallest `from` for which units `from..to` weigh at most `budget`.
    pub(super) fn fit_backward(&self, to: u32, budget: u64) -> u32 {
        let Some(limit) = self.weight_before(to).checked_sub(budget).filter(|limit| *limit > 0) else {
            return 0;
        };
        let ends = self.marks.partition_point(|mark| u64::from(mark.weight) < limit) as u32;
        (ends + 1).min(to)
    }
}

/// The bytes of a cursor.
#[derive(Debug)]
pub struct Payload(Box<str>);

impl Payload {
    /// All of it: the text, then, where there is one, the column of fields.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Everything about a cursor's content but its bytes. Every store keeps this in memory.
#[derive(Debug)]
pub struct Outline {
    /// The tool whose result it is.
    pub tool: String,
    /// What tells this result from others of the tool: its arguments, clipped to 256 bytes.
    pub fingerprint: String,
    /// What is counted.
    pub unit: Unit,
    /// Where the units are.
    pub text: UnitIndex,
    /// Where the units' JSON objects are, for lists that have them.
    pub fields: Option<UnitIndex>,
    /// The names of all fields, in the order of their first appearance.
    pub names: Vec<String>,
    payload_bytes: u64,
}

impl Outline {
    /// How many items or lines; at least 1.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.text.len()
    }

    /// Bytes held: payload (text, and fields as JSON) + index (8 bytes a unit and column). What is
    /// not in here is bounded by the number of cursors: the entry itself, tool, fingerprint, names.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.payload_bytes + self.text.bytes() + self.fields.as_ref().map_or(0, UnitIndex::bytes)
    }

    /// The index of a column.
    #[must_use]
    pub fn column(&self, column: Column) -> Option<&UnitIndex> {
        match column {
            Column::Text => Some(&self.text),
            Column::Fields => self.fields.as_ref(),
        }
    }
}

/// A result on its way into a store.
#[derive(Debug)]
pub struct Frozen {
    /// Its bytes.
    pub payload: Arc<Payload>,
    /// Everything else.
    pub outline: Outline,
}

impl Frozen {
    /// Freezes a text; its units are its lines. A line feed at the very end belongs to the last line.
    ///
    /// # Errors
    /// `LimitReached` above 1 GiB.
    pub fn text(tool: &str, fingerprint: &str, text: String) -> Result<Self> {
        if text.len() > MAX_PAYLOAD {
            return Err(errors::too_large());
        }
        let ascii = text.is_ascii();
        let body = text.strip_suffix('\n').unwrap_or(&text);
        let feeds = body.bytes().filter(|byte| *byte == b'\n').count();
        let mut index = IndexWriter::new(0, feeds + 1, ascii);
        let mut start = 0;
        for (feed, _) in body.match_indices('\n') {
            index.push(&text[start..feed], true);
            start = feed + 1;
        }
        index.push(&text[start..], false);
        let outline = outline(tool, fingerprint, Unit::Lines, index.finish(), text.len());
        Ok(Self { payload: Arc::new(Payload(text.into_boxed_str())), outline })
    }

    /// Freezes a list; its units are its items, whatever line feeds they contain. `fields` counts
    /// only if it has one JSON object for each item.
    ///
    /// # Errors
    /// `LimitReached` above 1 GiB.
    pub fn list(tool: &str, fingerprint: &str, items: &[String], fields: Option<&[Value]>) -> Result<Self> {
        let length: usize = items.iter().map(|item| item.len() + 1).sum();
        if length > MAX_PAYLOAD {
            return Err(errors::too_large());
        }
        let mut payload = String::with_capacity(length);
        let mut index = IndexWriter::new(0, items.len().max(1), items.iter().all(|item| item.is_ascii()));
        for (at, item) in items.iter().enumerate() {
            let more = at + 1 < items.len();
            index.push(item, more);
            payload.push_str(item);
            if more {
                payload.push('\n');
            }
        }
        if items.is_empty() {
            index.push("", false);
        }
        let text = index.finish();
        let fields = fields.filter(|fields| fields.len() == items.len() && !fields.is_empty());
        let written = fields.map(|fields| write_fields(&mut payload, fields));
        if payload.len() > MAX_PAYLOAD {
            return Err(errors::too_large());
        }
        payload.shrink_to_fit();
        let mut outline = outline(tool, fingerprint, Unit::Items, text, payload.len());
        if let Some((index, names)) = written {
            outline.fields = Some(index);
            outline.names = names;
        }
        Ok(Self { payload: Arc::new(Payload(payload.into_boxed_str())), outline })
    }
}

fn outline(tool: &str, fingerprint: &str, unit: Unit, text: UnitIndex, payload: usize) -> Outline {
    let clipped = &fingerprint[..fingerprint.floor_char_boundary(MAX_FINGERPRINT)];
    Outline {
        tool: tool.to_owned(),
        fingerprint: clipped.to_owned(),
        unit,
        text,
        fields: None,
        names: Vec::new(),
        payload_bytes: payload as u64,
    }
}

/// Appends the objects to the payload, one a line, and collects their names.
fn write_fields(payload: &mut String, fields: &[Value]) -> (UnitIndex, Vec<String>) {
    let mut index = IndexWriter::new(payload.len() as u32, fields.len(), false);
    let mut names: Vec<String> = Vec::new();
    for (at, value) in fields.iter().enumerate() {
        if payload.len() > MAX_PAYLOAD {
            break;
        }
        for name in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let start = payload.len();
        // Writing to a string cannot fail.
        write!(payload, "{value}").unwrap_or_default();
        let more = at + 1 < fields.len();
        index.push(&payload[start..], more);
        if more {
            payload.push('\n');
        }
    }
    (index.finish(), names)
}

struct IndexWriter {
    first: u32,
    byte: u32,
    weight: u32,
    ascii: bool,
    marks: Vec<Mark>,
}

impl IndexWriter {
    /// `ascii`: whether every unit to come is.
    fn new(first: u32, units: usize, ascii: bool) -> Self {
        Self { first, byte: first, weight: 0, ascii, marks: Vec::with_capacity(units) }
    }

    fn push(&mut self, unit: &str, more: bool) {
        let bytes = unit.len() as u32;
        let weight = if self.ascii { bytes } else { budget::weigh(unit) as u32 };
        self.byte += bytes + u32::from(more);
        self.weight += weight + u32::from(more);
        self.marks.push(Mark { byte: self.byte, weight: self.weight });
    }

    fn finish(self) -> UnitIndex {
        UnitIndex { first: self.first, ascii: self.ascii, marks: self.marks.into_boxed_slice() }
    }
}
