//! The last reports, in memory: readable whatever happens to the file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ebb_core::{
    cleanup::{CleanupReport, Outcome},
    ids::{LeftoverId, SessionId},
};
use time::OffsetDateTime;

use super::query::{self, Filter, PagePlace};
use crate::control::{HistoryPage, HistoryTotals, HourTotals};

/// Reports held in memory.
pub(super) const HELD: usize = 200;

/// The last reports, newest first.
#[derive(Debug, Default)]
pub(super) struct Recent {
    entries: VecDeque<Entry>,
    /// How many came so far.
    pushed: i64,
}

#[derive(Debug)]
struct Entry {
    /// Larger than that of every older one; those of earlier runs are below zero.
    place: i64,
    report: CleanupReport,
    /// Its leftovers that are not cleared yet.
    open: BTreeSet<LeftoverId>,
}

impl Entry {
    fn new(place: i64, report: CleanupReport) -> Self {
        let open = match report.cleared_at {
            Some(_) => BTreeSet::new(),
            None => report.leftovers.iter().map(|leftover| leftover.id.clone()).collect(),
        };
        Self { place, report, open }
    }
}

impl Recent {
    pub(super) fn push(&mut self, report: CleanupReport) {
        if self.find(report.id.as_str()).is_none() {
            self.pushed += 1;
            self.entries.push_front(Entry::new(self.pushed, report));
            self.entries.truncate(HELD);
        }
    }

    /// Adds reports of earlier runs, newest first, behind those that are here.
    pub(super) fn add_older(&mut self, reports: Vec<CleanupReport>) {
        for report in reports {
            if self.entries.len() < HELD && self.find(report.id.as_str()).is_none() {
                let place = self.entries.back().map_or(0, |oldest| oldest.place.min(0) - 1);
                self.entries.push_back(Entry::new(place, report));
            }
        }
    }

    /// Notes another leftover of a session whose report is here.
    pub(super) fn leftover(&mut self, leftover: &LeftoverId, session: &SessionId) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.report.session == *session) {
            entry.open.insert(leftover.clone());
        }
    }

    /// Notes that a leftover is gone; the last one clears the report.
    pub(super) fn cleared(&mut self, leftover: &LeftoverId, session: &SessionId, at: OffsetDateTime) {
        let entry = self.entries.iter_mut().find(|entry| entry.report.session == *session);
        if let Some(entry) = entry
            && entry.open.remove(leftover)
            && entry.open.is_empty()
            && entry.report.outcome == Outcome::WithProblems
        {
            entry.report.cleared_at.get_or_insert(at);
        }
    }

    /// The report with this id, or of the session with this id.
    pub(super) fn find(&self, text: &str) -> Option<&CleanupReport> {
        self.entries
            .iter()
            .map(|entry| &entry.report)
            .find(|report| report.id.as_str() == text || report.session.as_str() == text)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn newest(&self, count: usize) -> Vec<CleanupReport> {
        self.entries.iter().take(count).map(|entry| entry.report.clone()).collect()
    }

    /// A page from memory alone.
    pub(super) fn page(&self, filter: &Filter) -> HistoryPage {
        let matching: Vec<&Entry> = self.entries.iter().filter(|entry| filter.matches(&entry.report)).collect();
        let from = match (&filter.before, filter.place) {
            (_, Some(PagePlace::Memory(place))) => {
                matching.iter().position(|entry| entry.place < place).unwrap_or(matching.len())
            }
            // Where the report is not here the page is behind what memory holds.
            (Some(before), _) => {
                matching.iter().position(|entry| entry.report.id == *before).map_or(matching.len(), |at| at + 1)
            }
            (None, _) => 0,
        };
        let rest = &matching[from..];
        let more = rest.len() > filter.limit;
        let shown = &rest[..rest.len().min(filter.limit)];
        let reports: Vec<&CleanupReport> = matching.iter().map(|entry| &entry.report).collect();
        HistoryPage {
            reports: shown.iter().map(|entry| entry.report.clone()).collect(),
            more,
            next: shown.last().filter(|_| more).map(|entry| PagePlace::Memory(entry.place).to_string()),
            totals: totals(&reports),
        }
    }
}

fn totals(reports: &[&CleanupReport]) -> HistoryTotals {
    let mut times: Vec<f64> = reports.iter().map(|report| report.ms).collect();
    times.sort_by(f64::total_cmp);
    HistoryTotals {
        count: u32::try_from(reports.len()).unwrap_or(u32::MAX),
        clean: u32::try_from(reports.iter().filter(|report| report.outcome == Outcome::Clean).count())
            .unwrap_or(u32::MAX),
        median_ms: median(&times),
        freed: reports.iter().fold(0, |sum, report| sum.saturating_add(report.freed.bytes())),
        hours: hours(reports),
    }
}

fn hours(reports: &[&CleanupReport]) -> Vec<HourTotals> {
    let from = query::trend_from(OffsetDateTime::now_utc());
    let mut hours = BTreeMap::new();
    for report in reports {
        let hour = query::hour_of(report.began_at);
        if hour >= from {
            let totals = hours.entry(hour).or_insert(HourTotals { hour, count: 0, clean: 0 });
            totals.count += 1;
            totals.clean += u32::from(report.outcome == Outcome::Clean);
        }
    }
    hours.into_values().collect()
}

/// The middle one, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{control::HistoryQuery, history::tests::report};

    #[test]
    fn the_median_of_an_even_number_is_between() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[4.0]), Some(4.0));
        assert_eq!(median(&[1.0, 3.0]), Some(2.0));
        assert_eq!(median(&[1.0, 3.0, 9.0]), Some(3.0));
    }

    #[test]
    fn memory_is_bounded_and_pages_by_key() {
        let mut recent = Recent::default();
        for number in 0..HELD + 50 {
            recent.push(report(&format!("client {number}")));
        }
        let filter = |before, limit| {
            let query = HistoryQuery { before, limit: Some(limit), ..HistoryQuery::default() };
            Filter::parse(&query).unwrap_or_else(|error| unreachable!("{error}"))
        };
        let first = recent.page(&filter(None, 150));
        assert_eq!((first.reports.len(), first.more, first.totals.count), (150, true, 200));
        let last = first.reports.last().map(|report| report.id.clone());
        let second = recent.page(&filter(last, 150));
        assert_eq!((second.reports.len(), second.more), (50, false));
        let place = HistoryQuery { place: first.next, limit: Some(150), ..HistoryQuery::default() };
        // Newcomers push the oldest out, and move no place.
        for number in 0..10 {
            recent.push(report(&format!("late {number}")));
        }
        let after = recent.page(&Filter::parse(&place).unwrap_or_else(|error| unreachable!("{error}")));
        assert_eq!((after.reports.len(), after.more, after.next), (40, false, None));
        assert_eq!(after.reports, second.reports[..40]);
        assert_eq!(second.reports[49].client.name, "client 50", "the oldest ones made room");
    }

    #[test]
    fn the_last_leftover_clears_the_report() {
        let mut recent = Recent::default();
        let mut with = report("Cursor");
        with.outcome = Outcome::WithProblems;
        let session = with.session.clone();
        recent.push(with);
        let (one, two, now) = (LeftoverId::new(), LeftoverId::new(), OffsetDateTime::UNIX_EPOCH);
        recent.leftover(&one, &session);
        recent.leftover(&two, &session);
        recent.cleared(&one, &session, now);
        assert_eq!(recent.newest(1)[0].cleared_at, None);
        recent.cleared(&two, &session, now);
        assert_eq!(recent.newest(1)[0].cleared_at, Some(now));
    }
}
