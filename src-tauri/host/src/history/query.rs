//! Reading: a page of reports, their totals, and one report.

use ebb_core::{
    Code, Error, Result,
    cleanup::{CleanupReport, Outcome},
    ids::ReportId,
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use time::OffsetDateTime;

use crate::control::{HistoryPage, HistoryQuery, HistoryTotals, HourTotals};

/// Reports of a page where the query does not say.
const PAGE: u32 = 50;
/// Reports of the largest page.
const MAX_PAGE: u32 = 200;
const HOUR_MS: i64 = 3_600_000;
/// How far back the trend goes.
const TREND_HOURS: i64 = 30 * 24;
/// Characters of a text to look for.
const MAX_TEXT: usize = 200;
/// The reasons there are; `Reason::key` makes them.
const REASONS: [&str; 9] = [
    "disconnected",
    "client_died",
    "deleted",
    "idle_timeout",
    "manual",
    "limit_reached",
    "swept",
    "shutdown",
    "recovered_at_start",
];

/// What a page must match; used for the file and for memory alike.
const MATCHES: &str = "(:reason IS NULL OR reason = :reason)
    AND (:outcome IS NULL OR outcome = :outcome)
    AND (:client IS NULL OR client LIKE :client ESCAPE '\\')
    AND (:project IS NULL OR project LIKE :project ESCAPE '\\')
    AND (:since IS NULL OR began_at >= :since)
    AND (:until IS NULL OR began_at < :until)
    AND (:freed IS NULL OR freed >= :freed)
    AND (:text IS NULL OR client LIKE :text ESCAPE '\\' OR process LIKE :text ESCAPE '\\' OR project LIKE :text ESCAPE '\\'
         OR session LIKE :text ESCAPE '\\' OR name LIKE :text ESCAPE '\\')";

/// Between which two reports a page begins. A report may be removed while somebody reads page by page, its place
/// stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PagePlace {
    /// After this row of the file.
    File(i64),
    /// After this entry of the reports in memory.
    Memory(i64),
}

impl PagePlace {
    fn parse(text: &str) -> Option<Self> {
        let (kind, number) = text.split_once(':')?;
        let number = number.parse().ok()?;
        match kind {
            "file" => Some(Self::File(number)),
            "memory" => Some(Self::Memory(number)),
            _ => None,
        }
    }
}

impl std::fmt::Display for PagePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(number) => write!(f, "file:{number}"),
            Self::Memory(number) => write!(f, "memory:{number}"),
        }
    }
}

/// A checked [`HistoryQuery`].
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) before: Option<ReportId>,
    pub(super) place: Option<PagePlace>,
    pub(super) limit: usize,
    reason: Option<String>,
    outcome: Option<String>,
    client: Option<String>,
    project: Option<String>,
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
    freed: Option<u64>,
    text: Option<String>,
}

impl Filter {
    /// Refuses keys that match nothing, rather than answering that there is nothing.
    pub(super) fn parse(query: &HistoryQuery) -> Result<Self> {
        let invalid = |message: String, next: String| Error::new(Code::InvalidArguments, message).next(next);
        if let Some(reason) = &query.reason
            && !REASONS.contains(&reason.as_str())
        {
            return Err(invalid(
                format!("no reason is called {reason:.40?}"),
                format!("Use one of {}", REASONS.join(", ")),
            ));
        }
        if let Some(outcome) = &query.outcome
            && !["clean", "with_problems"].contains(&outcome.as_str())
        {
            return Err(invalid(
                format!("no outcome is called {outcome:.40?}"),
                "Use clean or with_problems".to_owned(),
            ));
        }
        let text = |text: &Option<String>| match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) if text.chars().count() > MAX_TEXT => Err(invalid(
                "the text to look for is too long".to_owned(),
                format!("Use at most {MAX_TEXT} characters"),
            )),
            text => Ok(text.map(str::to_owned)),
        };
        if let (Some(since), Some(until)) = (query.since, query.until)
            && since >= until
        {
            return Err(invalid("nothing lies between these two moments".to_owned(), "Swap them".to_owned()));
        }
        let place = query.place.as_deref().map(|text| {
            PagePlace::parse(text).ok_or_else(|| {
                invalid("this is no place in the history".to_owned(), "Use `next` of the page before".to_owned())
            })
        });
        Ok(Self {
            before: query.before.clone(),
            place: place.transpose()?,
            limit: query.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE) as usize,
            reason: query.reason.clone(),
            outcome: query.outcome.clone(),
            client: text(&query.client)?,
            project: text(&query.project)?,
            since: query.since,
            until: query.until,
            freed: query.freed,
            text: text(&query.text)?,
        })
    }

    pub(super) fn matches(&self, report: &CleanupReport) -> bool {
        let contains = |field: Option<&str>, text: &str| field.is_some_and(|field| field.to_lowercase().contains(text));
        let text = self.text.as_deref().map(str::to_lowercase);
        self.reason.as_deref().is_none_or(|reason| reason == report.reason.key())
            && self.outcome.as_deref().is_none_or(|outcome| outcome == outcome_key(report.outcome))
            && self.client.as_deref().is_none_or(|client| client.to_lowercase() == report.client.name.to_lowercase())
            && self
                .project
                .as_deref()
                .map(str::to_lowercase)
                .is_none_or(|project| contains(report.client.project.as_deref(), &project))
            && self.since.is_none_or(|since| report.began_at >= since)
            && self.until.is_none_or(|until| report.began_at < until)
            && self.freed.is_none_or(|freed| report.freed.bytes() >= freed)
            && text.is_none_or(|text| {
                let process = report.client.process.as_ref().map(|process| process.name.as_str());
                contains(Some(&report.client.name), &text)
                    || contains(process, &text)
                    || contains(report.client.project.as_deref(), &text)
                    || contains(Some(report.session.as_str()), &text)
                    || contains(report.session_name.as_deref(), &text)
            })
    }

    /// The texts as patterns of LIKE: their own wildcards mean themselves.
    fn patterns(&self) -> Patterns {
        let escape = |text: &String| text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let within = |text: &Option<String>| text.as_ref().map(|text| format!("%{}%", escape(text)));
        Patterns {
            client: self.client.as_ref().map(escape),
            project: within(&self.project),
            text: within(&self.text),
            since: self.since.map(to_millis),
            until: self.until.map(to_millis),
            freed: self.freed.map(|freed| i64::try_from(freed).unwrap_or(i64::MAX)),
        }
    }
}

/// A filter in the file's own terms.
struct Patterns {
    client: Option<String>,
    project: Option<String>,
    text: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
    freed: Option<i64>,
}

/// The stable word of an outcome in the file and in filters.
pub(super) fn outcome_key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Clean => "clean",
        Outcome::WithProblems => "with_problems",
        Outcome::NotFound => "not_found",
    }
}

/// A page, its totals included, as of one moment.
pub(super) fn page(connection: &mut Connection, filter: &Filter) -> rusqlite::Result<HistoryPage> {
    let transaction = connection.transaction()?;
    let sql = format!(
        "SELECT report, cleared_at, seq FROM reports WHERE {MATCHES}
         AND (:before IS NULL OR seq < (SELECT seq FROM reports WHERE id = :before))
         AND (:place IS NULL OR seq < :place) ORDER BY seq DESC LIMIT :limit"
    );
    let place = match filter.place {
        Some(PagePlace::File(seq)) => Some(seq),
        _ => None,
    };
    let patterns = filter.patterns();
    let mut statement = transaction.prepare(&sql)?;
    // One more than the page tells whether there is another page.
    let rows = statement.query_map(
        named_params! {
            ":reason": filter.reason, ":outcome": filter.outcome, ":client": patterns.client,
            ":project": patterns.project, ":since": patterns.since, ":until": patterns.until,
            ":freed": patterns.freed, ":text": patterns.text,
            ":before": filter.before.as_ref().map(ReportId::as_str), ":limit": filter.limit as i64 + 1,
            ":place": place,
        },
        |row| Ok((row.get::<_, i64>(2)?, report_of(row)?)),
    )?;
    let mut reports = rows.collect::<rusqlite::Result<Vec<(i64, Option<CleanupReport>)>>>()?;
    let more = reports.len() > filter.limit;
    reports.truncate(filter.limit);
    drop(statement);
    let totals = totals(&transaction, filter, &patterns)?;
    // A page may be without a row that can be read, and there is another one all the same.
    let next = reports.last().filter(|_| more).map(|(seq, _)| PagePlace::File(*seq).to_string());
    Ok(HistoryPage { reports: reports.into_iter().filter_map(|(_, report)| report).collect(), more, next, totals })
}

fn totals(connection: &Connection, filter: &Filter, patterns: &Patterns) -> rusqlite::Result<HistoryTotals> {
    let parameters = named_params! {
        ":reason": filter.reason, ":outcome": filter.outcome, ":client": patterns.client,
        ":project": patterns.project, ":since": patterns.since, ":until": patterns.until,
        ":freed": patterns.freed, ":text": patterns.text,
    };
    let sql = format!(
        "SELECT count(*), coalesce(sum(outcome = 'clean'), 0), coalesce(sum(freed), 0) FROM reports WHERE {MATCHES}"
    );
    let (count, clean, freed) = connection
        .query_row(&sql, parameters, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    // One row in the middle, or the mean of two; of no rows there is no mean.
    let middle = (2 - count % 2, (count - 1).max(0) / 2);
    let sql = format!(
        "SELECT avg(ms) FROM (SELECT ms FROM reports WHERE {MATCHES} ORDER BY ms LIMIT {} OFFSET {})",
        middle.0, middle.1
    );
    let median_ms = connection.query_row(&sql, parameters, |row| row.get(0))?;
    Ok(HistoryTotals {
        count: u32::try_from(count).unwrap_or(u32::MAX),
        clean: u32::try_from(clean).unwrap_or(u32::MAX),
        median_ms,
        freed: u64::try_from(freed).unwrap_or(0),
        hours: hours(connection, filter, patterns)?,
    })
}

/// The hours of the last days in which something matched.
fn hours(connection: &Connection, filter: &Filter, patterns: &Patterns) -> rusqlite::Result<Vec<HourTotals>> {
    let sql = format!(
        "SELECT began_at / {HOUR_MS} AS hour, count(*), sum(outcome = 'clean') FROM reports
         WHERE {MATCHES} AND began_at >= :from GROUP BY hour ORDER BY hour"
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":reason": filter.reason, ":outcome": filter.outcome, ":client": patterns.client,
            ":project": patterns.project, ":since": patterns.since, ":until": patterns.until,
            ":freed": patterns.freed, ":text": patterns.text, ":from": trend_from(OffsetDateTime::now_utc()) * HOUR_MS,
        },
        |row| Ok(HourTotals { hour: row.get(0)?, count: row.get(1)?, clean: row.get(2)? }),
    )?;
    rows.collect()
}

/// The first hour of the trend.
pub(super) fn trend_from(now: OffsetDateTime) -> i64 {
    hour_of(now) - TREND_HOURS + 1
}

/// Hours since 1970.
pub(super) fn hour_of(at: OffsetDateTime) -> i64 {
    to_millis(at).div_euclid(HOUR_MS)
}

/// The report with this id, or the newest of the session with this id.
pub(super) fn report(connection: &Connection, text: &str) -> rusqlite::Result<Option<CleanupReport>> {
    let found = connection
        .query_row(
            "SELECT report, cleared_at FROM reports WHERE id = ?1 OR session = ?1 ORDER BY seq DESC LIMIT 1",
            [text],
            report_of,
        )
        .optional()?;
    Ok(found.flatten())
}

/// The newest reports, newest first.
pub(super) fn newest(connection: &Connection, count: usize) -> rusqlite::Result<Vec<CleanupReport>> {
    let mut statement = connection.prepare("SELECT report, cleared_at FROM reports ORDER BY seq DESC LIMIT ?1")?;
    let rows = statement.query_map([count as i64], report_of)?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// One report. A row that cannot be read is skipped: one bad row must not hide the others.
fn report_of(row: &Row<'_>) -> rusqlite::Result<Option<CleanupReport>> {
    let text = row.get_ref(0)?.as_bytes()?;
    let cleared: Option<i64> = row.get(1)?;
    match serde_json::from_slice::<CleanupReport>(text) {
        Ok(mut report) => {
            report.cleared_at = cleared.and_then(from_millis).or(report.cleared_at);
            Ok(Some(report))
        }
        Err(error) => {
            tracing::warn!(%error, "a report in the history cannot be read and is left out");
            Ok(None)
        }
    }
}

/// Milliseconds since 1970.
pub(super) fn to_millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn from_millis(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use ebb_core::cleanup::{AskedBy, Reason};

    use super::*;

    #[test]
    fn every_reason_can_be_asked_for() {
        let all = [
            Reason::Disconnected,
            Reason::ClientDied,
            Reason::Deleted,
            Reason::IdleTimeout,
            Reason::Manual(AskedBy::Tray),
            Reason::LimitReached,
            Reason::Swept,
            Reason::Shutdown,
            Reason::RecoveredAtStart,
        ];
        assert_eq!(all.map(Reason::key), REASONS);
    }

    #[test]
    fn unknown_keys_are_refused_with_the_way_out() {
        let query = HistoryQuery { reason: Some("x' OR 1=1".to_owned()), ..HistoryQuery::default() };
        let error = Filter::parse(&query).map(drop).unwrap_err();
        assert_eq!(error.code, Code::InvalidArguments);
        assert!(error.next.is_some_and(|next| next.contains("client_died")));
        let query = HistoryQuery { text: Some("x".repeat(MAX_TEXT + 1)), ..HistoryQuery::default() };
        assert!(Filter::parse(&query).is_err());
        let query = HistoryQuery { limit: Some(0), text: Some("  ".to_owned()), ..HistoryQuery::default() };
        assert!(Filter::parse(&query).is_ok_and(|filter| filter.limit == 1 && filter.text.is_none()));
    }
}
