//! The first page of a result.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    Body, Cursors, Frozen, NewCursor, Outline, Page, Span, Spot, budget, more, more::Continue, page::assemble, plan,
    source::Source,
};
use crate::{Error, Result, ids::SessionId};

impl Cursors {
    /// Cuts `body` to a first page and freezes the whole as a cursor when it does not fit.
    ///
    /// Never fails: where no cursor can be made the page is cut and says so. `fingerprint` tells
    /// this result from others of the tool. `gate` is the session's: cancelled once it closes.
    pub async fn first_page(
        &self,
        session: &SessionId,
        gate: &CancellationToken,
        tool: &str,
        fingerprint: &str,
        body: Body,
        max_tokens: Option<u32>,
    ) -> Page {
        let budget = self.quarters(max_tokens);
        if weight(&body) <= budget {
            return Page::whole(body.into_text());
        }
        let (frozen, header, footer) = match freeze(tool, fingerprint, body) {
            Ok(parts) => parts,
            Err(error) => return unreadable(error),
        };
        // Header and footer are on this page only; the items give way, but never below half a page.
        let around = header.iter().chain(&footer).map(|text| budget::weigh(text) + 2).sum::<u64>();
        let room = budget.saturating_sub(around).max(budget / 2);
        let source = Source::Local(&frozen.payload);
        let span = match plan::forward(&frozen.outline.text, &source, Spot::default(), room).await {
            Ok(span) => span,
            Err(error) => return unreadable(error),
        };
        let text = match source.slice(span.bytes(&frozen.outline.text)).await {
            Ok(chunk) => assemble(header, chunk.as_str().to_owned(), footer),
            Err(error) => return unreadable(error),
        };
        if span.to == Spot::before(frozen.outline.total()) {
            // Only the header and footer made it too large.
            return Page::whole(text);
        }
        let showing = more::showing(&frozen.outline, span);
        let numbers = Numbers::of(&frozen.outline, span);
        match self.keep(session, gate, frozen, span, budget).await {
            Ok((closing, meta)) => Page { text, more: vec![showing, closing], next: Vec::new(), meta: Some(meta) },
            Err(error) => cut(text, showing, &numbers, error),
        }
    }

    async fn keep(
        &self,
        session: &SessionId,
        gate: &CancellationToken,
        frozen: Frozen,
        read: Span,
        budget: u64,
    ) -> Result<(String, serde_json::Value)> {
        let total = frozen.outline.total();
        let view = self.store.create(session, gate, NewCursor { frozen, read }).await?;
        let found = self.store.find(session, &view.id)?;
        let next = Continue::after(read, total);
        let closing = more::closing(&view.id, &next, "", true, self.settings.ttl);
        Ok((closing, more::meta(&view.id, &found.outline, read, budget, found.expires_in)))
    }
}

/// What the whole would weigh.
fn weight(body: &Body) -> u64 {
    match body {
        Body::Text { text } => budget::weigh(text),
        Body::List { header, items, footer, .. } => {
            let around = header.iter().chain(footer).map(|text| budget::weigh(text) + 2).sum::<u64>();
            around + items.iter().map(|item| budget::weigh(item) + 1).sum::<u64>()
        }
    }
}

fn freeze(tool: &str, fingerprint: &str, body: Body) -> Result<(Frozen, Option<String>, Option<String>)> {
    match body {
        Body::Text { text } => Ok((Frozen::text(tool, fingerprint, text)?, None, None)),
        Body::List { header, items, footer, fields } => {
            Ok((Frozen::list(tool, fingerprint, &items, fields.as_deref())?, header, footer))
        }
    }
}

struct Numbers {
    unit: &'static str,
    total: u32,
    from: u32,
    to: u32,
}

impl Numbers {
    fn of(outline: &Outline, span: Span) -> Self {
        Self { unit: outline.unit.many(), total: outline.total(), from: span.first_unit(), to: span.last_unit() }
    }
}

/// The page of a result whose rest nobody can read.
fn cut(text: String, showing: String, numbers: &Numbers, error: Error) -> Page {
    let meta = json!({
        "cursor": null,
        "unit": numbers.unit,
        "total": numbers.total,
        "from": numbers.from,
        "to": numbers.to,
        "next": null,
        "previous": null,
        "code": error.code,
    });
    let more = vec![showing, format!("- The rest is cut off: {}", error.message)];
    Page { text, more, next: error.next.into_iter().collect(), meta: Some(meta) }
}

/// A result that could not even be cut.
fn unreadable(error: Error) -> Page {
    Page {
        text: String::new(),
        more: vec![format!("- The result is cut off: {}", error.message)],
        next: error.next.into_iter().collect(),
        meta: Some(json!({ "cursor": null, "code": error.code })),
    }
}
