//! `cursor_read`: the next page, any page, chosen fields or matches.

use super::{
    Column, Cursors, Direction, Found, Outline, Page, ReadRequest, Span, Spot, budget, errors, fields::Selection, more,
    more::Continue, plan, search::Search, source::Source, words,
};
use crate::{
    Result,
    ids::{CursorId, SessionId},
};

pub(super) const TOOL: &str = "cursor_read";

/// A cursor being read.
pub(super) struct Reading<'a> {
    pub(super) cursors: &'a Cursors,
    pub(super) session: &'a SessionId,
    pub(super) cursor: &'a CursorId,
    pub(super) found: &'a Found,
    /// The page's size in quarters of a token.
    pub(super) budget: u64,
}

/// Where a page begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It begins here.
    From(Spot),
    /// It ends here.
    To(Spot),
}

impl Cursors {
    /// Answers `cursor_read`.
    ///
    /// # Errors
    /// `CursorUnknown` (also for every other session's cursor), `CursorExpired`, `CursorEvicted`,
    /// `PageOutOfRange`, `InvalidArguments`, `StoreUnavailable`.
    pub async fn read(&self, session: &SessionId, request: ReadRequest) -> Result<Page> {
        let max_tokens = budget::page_tokens(TOOL, request.max_tokens)?;
        let search = Search::parse(request.match_.as_deref(), request.context)?;
        let cursor = CursorId::parse(&request.cursor).ok_or_else(errors::unknown)?;
        let found = self.store.find(session, &cursor)?;
        let selection = Selection::parse(request.fields.as_deref(), &found.outline)?;
        let budget = self.quarters(max_tokens);
        let reading = Reading { cursors: self, session, cursor: &cursor, found: &found, budget };
        match (search, selection) {
            (Some(search), selection) => {
                let start = reading.start(&request, Some(Start::From(Spot::default())))?;
                reading.matches(&search, selection.as_ref(), start).await
            }
            (None, Some(selection)) => reading.selected(&selection, reading.start(&request, None)?).await,
            (None, None) => reading.plain(reading.start(&request, None)?).await,
        }
    }
}

impl Reading<'_> {
    pub(super) fn outline(&self) -> &Outline {
        &self.found.outline
    }

    pub(super) fn source(&self) -> Source<'_> {
        Source::Stored { store: &*self.cursors.store, session: self.session, cursor: self.cursor }
    }

    /// Where the request wants to read; `default` where it says neither offset nor direction.
    fn start(&self, request: &ReadRequest, default: Option<Start>) -> Result<Start> {
        let total = self.outline().total();
        let unit = self.outline().unit;
        let start = match (request.offset, request.direction) {
            (Some(offset), direction) => {
                let spot = u32::try_from(offset)
                    .ok()
                    .filter(|n| (1..=total).contains(n))
                    .map(|n| Spot::before(n - 1))
                    .ok_or_else(|| errors::out_of_range(self.cursor.as_str(), offset, unit, total))?;
                if direction == Some(Direction::Previous) { Start::To(spot) } else { Start::From(spot) }
            }
            (None, Some(Direction::Previous)) => Start::To(self.found.last.from),
            (None, Some(Direction::Next)) => Start::From(self.found.last.to),
            (None, None) => default.unwrap_or(Start::From(self.found.last.to)),
        };
        let more = match start {
            Start::From(spot) => spot.unit < total,
            Start::To(spot) => spot > Spot::default(),
        };
        if more {
            Ok(start)
        } else {
            let forward = matches!(start, Start::From(_));
            Err(errors::no_more(self.cursor.as_str(), forward, unit, total))
        }
    }

    async fn plain(&self, start: Start) -> Result<Page> {
        let index = &self.outline().text;
        let source = self.source();
        let span = match start {
            Start::From(spot) => plan::forward(index, &source, spot, self.budget).await?,
            Start::To(spot) => plan::backward(index, &source, spot, self.budget).await?,
        };
        let chunk = source.slice(span.bytes(index)).await?;
        let text = if span.from.is_inside() {
            format!("{}\n{}", self.marker(span, chunk.as_str()), chunk.as_str())
        } else {
            chunk.as_str().to_owned()
        };
        self.finish(span, text, "")
    }

    /// `...(line 7, characters 32,001-64,000)`: the part of a unit that a page begins with.
    fn marker(&self, span: Span, text: &str) -> String {
        let outline = self.outline();
        let last = if span.to.is_inside() && span.to.unit == span.from.unit {
            span.to.chars
        } else {
            let rest = outline.text.end(span.from.unit) - outline.text.start(span.from.unit) - span.from.byte;
            let rest = &text[..text.floor_char_boundary(rest as usize)];
            span.from.chars + rest.chars().count() as u32
        };
        part(outline.unit.one(), span.from.unit + 1, span.from.chars + 1, last)
    }

    /// Remembers the range and adds the closing section.
    pub(super) fn finish(&self, span: Span, text: String, also: &str) -> Result<Page> {
        let outline = self.outline();
        let expires_in = self.cursors.store.remember(self.session, self.cursor, span)?;
        let next = Continue::after(span, outline.total());
        let ttl = self.cursors.settings.ttl;
        Ok(Page {
            text,
            more: vec![more::showing(outline, span), more::closing(self.cursor, &next, also, also.is_empty(), ttl)],
            next: Vec::new(),
            meta: Some(more::meta(self.cursor, outline, span, self.budget, expires_in)),
        })
    }

    /// The bytes of units `from..to` of a column, without the line feed after the last.
    pub(super) async fn units(&self, column: Column, from: u32, to: u32) -> Result<super::Chunk> {
        let index = self.outline().column(column).unwrap_or(&self.outline().text);
        let span = Span { from: Spot::before(from), to: Spot::before(to) };
        self.source().slice(span.bytes(index)).await
    }
}

/// `...(line 7, characters 32,001-64,000)`.
pub(super) fn part(unit: &str, number: u32, first: u32, last: u32) -> String {
    let count = |n: u32| words::thousands(u64::from(n));
    format!("...({unit} {}, characters {}-{})", count(number), count(first), count(last))
}
