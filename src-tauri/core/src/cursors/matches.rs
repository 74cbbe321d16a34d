//! `match`: a page of the items or lines that a regular expression finds.

use std::{ops::Range, time::Duration};

use serde_json::json;

use super::{
    Column, Page, Unit, UnitIndex, budget,
    fields::Selection,
    more::{self, Continue},
    read::{Reading, Start, part},
    search::{Look, Search},
    words,
};
use crate::Result;

/// Weight of the units searched between two looks at the clock.
const BATCH: u64 = 1 << 16;
/// Time for one search. What was not reached is left to the next page.
const DEADLINE: Duration = Duration::from_secs(2);
/// Characters shown on each side of a match in a unit too large to be shown whole.
const AROUND: usize = 300;

/// What a scan found.
struct Scan {
    forward: bool,
    /// Matching units, counted from 0, in order.
    hits: Vec<u32>,
    /// The units looked at.
    looked: Range<u32>,
    /// Whether time was up before all were.
    cut_short: bool,
}

/// A page of matches being filled.
struct Windows {
    /// Units to print, in order.
    lines: Vec<(u32, String)>,
    /// How many of the scan's hits are on the page.
    shown: usize,
}

impl Reading<'_> {
    /// A page of matches.
    pub(super) async fn matches(&self, search: &Search, selection: Option<&Selection>, start: Start) -> Result<Page> {
        let (range, forward) = match start {
            Start::From(spot) => (spot.unit..self.outline().total(), true),
            Start::To(spot) => (0..spot.unit, false),
        };
        let scan = self.scan(search, range, forward).await?;
        let windows = self.windows(search, selection, &scan).await?;
        self.matches_page(search, selection, &scan, &windows)
    }

    async fn scan(&self, search: &Search, range: Range<u32>, forward: bool) -> Result<Scan> {
        let index = &self.outline().text;
        let until = self.cursors.clock.now() + DEADLINE;
        let time_up = || self.cursors.clock.now() >= until;
        let side = if forward { range.start } else { range.end };
        let mut scan = Scan { forward, hits: Vec::new(), looked: side..side, cut_short: false };
        while scan.looked.len() < range.len() && !scan.cut_short {
            let batch = if forward {
                scan.looked.end..batch_end(index, scan.looked.end, range.end)
            } else {
                batch_start(index, scan.looked.start)..scan.looked.start
            };
            let chunk = self.units(Column::Text, batch.start, batch.end).await?;
            let base = index.start(batch.start) as usize;
            let mut hits = Vec::new();
            for unit in batch.clone() {
                let bytes = index.start(unit) as usize - base..index.end(unit) as usize - base;
                let text = chunk.as_str().get(bytes).unwrap_or_default();
                match search.find(self.matchable(text), time_up) {
                    Look::Found(_) => hits.push(unit),
                    Look::Nothing => {}
                    Look::TimeUp => scan.cut_short = true,
                }
            }
            if forward {
                scan.looked.end = batch.end;
                scan.hits.append(&mut hits);
            } else {
                scan.looked.start = batch.start;
                hits.append(&mut scan.hits);
                scan.hits = hits;
            }
            scan.cut_short |= scan.looked.len() < range.len() && time_up();
            // A search may take long; other sessions' calls share this thread.
            tokio::task::yield_now().await;
        }
        Ok(scan)
    }

    /// A line without its end, so that `$` means what it says.
    fn matchable<'t>(&self, text: &'t str) -> &'t str {
        match self.outline().unit {
            Unit::Lines => text.trim_end_matches(['\r', '\n']),
            Unit::Items => text,
        }
    }

    /// Prints as many matches with their context as fit, from the side where reading begins.
    async fn windows(&self, search: &Search, selection: Option<&Selection>, scan: &Scan) -> Result<Windows> {
        let mut windows = Windows { lines: Vec::new(), shown: 0 };
        let mut printed: Option<Range<u32>> = None;
        let mut spent = 0;
        let count = scan.hits.len();
        for step in 0..count {
            let hit = scan.hits[if scan.forward { step } else { count - 1 - step }];
            let mut window = hit.saturating_sub(search.context)..(hit + search.context + 1).min(self.outline().total());
            // What an earlier match already showed is not shown again.
            if let Some(printed) = &printed {
                if scan.forward {
                    window.start = window.start.max(printed.end);
                } else {
                    window.end = window.end.min(printed.start);
                }
            }
            let mut lines = Vec::new();
            for unit in window.clone() {
                lines.push((unit, self.print(search, selection, scan, unit).await?));
            }
            let mut weight = weigh(&lines);
            if spent + weight > self.budget {
                if windows.shown > 0 {
                    break;
                }
                // The match matters more than what is around it.
                lines.retain(|(unit, _)| *unit == hit);
                weight = weigh(&lines);
            }
            spent += weight;
            windows.shown += 1;
            printed = Some(match printed {
                None => window,
                Some(printed) => printed.start.min(window.start)..printed.end.max(window.end),
            });
            if scan.forward {
                windows.lines.append(&mut lines);
            } else {
                lines.append(&mut windows.lines);
                windows.lines = lines;
            }
        }
        Ok(windows)
    }

    /// `7: text` for a match, `7- text` for context; large units as an excerpt.
    async fn print(&self, search: &Search, selection: Option<&Selection>, scan: &Scan, unit: u32) -> Result<String> {
        let mark = if scan.hits.binary_search(&unit).is_ok() { ':' } else { '-' };
        let number = unit + 1;
        if let Some(selection) = selection {
            let object = self.units(Column::Fields, unit, unit + 1).await?;
            return Ok(format!("{number}{mark} {}", self.fit(selection.print(object.as_str()))));
        }
        let chunk = self.units(Column::Text, unit, unit + 1).await?;
        let text = self.matchable(chunk.as_str());
        // A few giant lines, such as minified code, must not crowd out all other matches.
        if budget::weigh(text) <= self.budget / 4 {
            return Ok(format!("{number}{mark} {text}"));
        }
        let around = match search.find(text, || false) {
            Look::Found(around) => around.start,
            Look::Nothing | Look::TimeUp => 0,
        };
        let start = text[..around].char_indices().rev().nth(AROUND - 1).map_or(0, |(at, _)| at);
        let end = text[around..].char_indices().nth(2 * AROUND).map_or(text.len(), |(at, _)| around + at);
        let before = text[..start].chars().count() as u32;
        let last = before + text[start..end].chars().count() as u32;
        let part = part(self.outline().unit.one(), number, before + 1, last);
        Ok(format!("{number}{mark} {part} {}", &text[start..end]))
    }

    fn matches_page(
        &self,
        search: &Search,
        selection: Option<&Selection>,
        scan: &Scan,
        windows: &Windows,
    ) -> Result<Page> {
        let outline = self.outline();
        let (unit, total) = (outline.unit, outline.total());
        // A search does not move the place where plain reading goes on.
        let expires_in = self.cursors.store.remember(self.session, self.cursor, self.found.last)?;
        let next = scan.next(windows.shown, total);
        let mut also = search.arguments();
        if let Some(selection) = selection {
            also += &selection.argument();
        }
        let number = |n: u32| words::thousands(u64::from(n));
        let place = if scan.looked == (0..total) {
            String::new()
        } else {
            format!(" in {} {}-{}", unit.many(), number(scan.looked.start + 1), number(scan.looked.end))
        };
        let pattern = search.pattern();
        let found = words::counted(scan.hits.len() as u64, "match", "matches");
        let text = if scan.hits.is_empty() {
            format!("No matches found for /{pattern}/{place}.")
        } else {
            format!("Found {found} for /{pattern}/{place}:\n\n{}", windows.join(search.context > 0))
        };
        let time = if scan.cut_short {
            format!("; time was up after {} {}", number(scan.looked.len() as u32), unit.many())
        } else {
            String::new()
        };
        let showing = format!(
            "- Showing {} of {found} in {}{time}",
            words::thousands(windows.shown as u64),
            words::counted(u64::from(total), unit.one(), unit.many()),
        );
        let meta = json!({
            "cursor": self.cursor.as_str(),
            "uri": format!("ebb://cursor/{}", self.cursor),
            "unit": unit.many(),
            "total": total,
            "matches": scan.hits.len(),
            "from": windows.lines.first().map(|line| line.0 + 1),
            "to": windows.lines.last().map(|line| line.0 + 1),
            "next": next.at(),
            "previous": next.before(),
            "expiresInSeconds": expires_in.as_secs(),
        });
        let closing = more::closing(self.cursor, &next, &also, false, self.cursors.settings.ttl);
        Ok(Page { text, more: vec![showing, closing], next: Vec::new(), meta: Some(meta) })
    }
}

impl Scan {
    /// Where the next match is that is not on the page, else where the search stopped.
    fn next(&self, shown: usize, total: u32) -> Continue {
        let count = self.hits.len();
        let hit = if self.forward { self.hits.get(shown) } else { self.hits[..count - shown].last() };
        match (hit, self.forward) {
            (Some(hit), true) => Continue::At(hit + 1),
            // Before the unit after it, so that it is the first to be found.
            (Some(hit), false) if hit + 2 <= total => Continue::Before(hit + 2),
            (None, true) if self.cut_short && self.looked.end < total => Continue::At(self.looked.end + 1),
            (None, false) if self.cut_short && self.looked.start > 0 => Continue::Before(self.looked.start + 1),
            _ => Continue::End,
        }
    }
}

impl Windows {
    /// The lines, with `----` where units were left out between two windows of context.
    fn join(&self, context: bool) -> String {
        let mut text = String::new();
        let mut before: Option<u32> = None;
        for (unit, line) in &self.lines {
            if let Some(before) = before {
                text.push('\n');
                if context && before + 1 < *unit {
                    text.push_str("----\n");
                }
            }
            text.push_str(line);
            before = Some(*unit);
        }
        text
    }
}

/// What lines weigh with their line feeds and separators.
fn weigh(lines: &[(u32, String)]) -> u64 {
    lines.iter().map(|(_, line)| budget::weigh(line) + 6).sum()
}

/// The units from `from` on that make up about one piece; at least one.
fn batch_end(index: &UnitIndex, from: u32, limit: u32) -> u32 {
    index.fit_forward(from, BATCH).clamp(from + 1, limit.max(from + 1))
}

/// The same backwards.
fn batch_start(index: &UnitIndex, to: u32) -> u32 {
    index.fit_backward(to, BATCH).min(to.saturating_sub(1))
}
