//! `ebb history`: what past cleanups did.

mod export;
mod steps;

use std::process::ExitCode;

use ebb_core::cleanup::{CleanupReport, Outcome};
use ebb_host::control::{Command, HistoryQuery, Reply};
use time::{Date, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description};

use crate::{control, out, place::Place, sessions::short, table};

/// Reports asked for at once while exporting.
const PAGE: u32 = 200;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this report: its id, or the id of its session.
    report: Option<String>,
    /// At most this many, 1 to 200.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Only those that ended for this reason, such as `client_died`.
    #[arg(long, value_name = "REASON", value_parser = [
        "disconnected", "client_died", "deleted", "idle_timeout", "manual", "limit_reached", "swept", "shutdown",
        "recovered_at_start",
    ])]
    reason: Option<String>,
    /// Only those that went this way.
    #[arg(long, value_parser = ["clean", "with_problems"])]
    outcome: Option<String>,
    /// Only those of this client.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Only those whose project folder contains this.
    #[arg(long, value_name = "TEXT")]
    project: Option<String>,
    /// Only those whose client, process, project or session contains this.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those since then: `2h`, `3d`, `2026-11-27` or a whole RFC 3339 time.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<OffsetDateTime>,
    /// Only those before then.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<OffsetDateTime>,
    /// Only those that freed at least so many megabytes.
    #[arg(long, value_name = "MB")]
    freed: Option<u64>,
    /// Show what each step did.
    #[arg(long)]
    steps: bool,
    /// Write all that match, not only the newest: `csv` or `json`.
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "json"], conflicts_with = "report")]
    export: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Args {
    fn query(&self, limit: u32) -> HistoryQuery {
        HistoryQuery {
            before: None,
            place: None,
            limit: Some(limit),
            reason: self.reason.clone(),
            outcome: self.outcome.clone(),
            client: self.client.clone(),
            project: self.project.clone(),
            since: self.since,
            until: self.until,
            freed: self.freed.map(|megabytes| megabytes.saturating_mul(1_000_000)),
            text: self.text.clone(),
        }
    }
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match (&args.report, &args.export) {
        (Some(report), _) => one(args, report),
        (None, Some(format)) => {
            let query = args.query(PAGE);
            match export::export(&args.place, query, format) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    out::error(&error);
                    ExitCode::FAILURE
                }
            }
        }
        (None, None) => list(args),
    }
}

/// One report with everything about it.
fn one(args: &Args, report: &str) -> ExitCode {
    control::show(&args.place, Command::Report { report: report.to_owned() }, |reply| {
        let Reply::Report(report) = reply else { return Err(control::unexpected()) };
        if args.place.json {
            out::json(&report);
        } else {
            out::lines(&steps::whole(&report));
        }
        Ok(())
    })
}

fn list(args: &Args) -> ExitCode {
    control::show(&args.place, Command::History { query: args.query(args.limit) }, |reply| {
        let Reply::History(page) = reply else { return Err(control::unexpected()) };
        if args.place.json {
            out::json(&page);
            return Ok(());
        }
        if page.reports.is_empty() {
            out::line("No cleanups");
            return Ok(());
        }
        if args.steps {
            for report in &page.reports {
                out::lines(&steps::whole(report));
                out::line("");
            }
        } else {
            // Not known in every environment; then times are in UTC and say so.
            let zone = UtcOffset::current_local_offset().ok();
            let rows: Vec<_> = page.reports.iter().map(|report| row(report, zone)).collect();
            let ended = if zone.is_some() { "ENDED" } else { "ENDED (UTC)" };
            let head = [ended, "SESSION", "CLIENT", "REASON", "FREED", "RESULT"];
            out::lines(&table::columns(head, &rows, table::width()));
        }
        let totals = &page.totals;
        if totals.count as usize > page.reports.len() {
            out::line(&format!("{} of {} cleanups, {} of them clean", page.reports.len(), totals.count, totals.clean));
        }
        Ok(())
    })
}

/// `2h`, `3d`, `2026-11-27` (at midnight UTC) or RFC 3339.
fn when(text: &str) -> Result<OffsetDateTime, String> {
    let ago = |seconds: i64| {
        let number: i64 = text[..text.len() - 1].parse().ok()?;
        OffsetDateTime::now_utc().checked_sub(time::Duration::seconds(number.checked_mul(seconds)?))
    };
    let unit = text.chars().next_back().filter(char::is_ascii);
    let relative = match unit {
        Some('s') => ago(1),
        Some('m') => ago(60),
        Some('h') => ago(3_600),
        Some('d') => ago(86_400),
        _ => None,
    };
    let day = || Some(Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?.midnight().assume_utc());
    let whole = || OffsetDateTime::parse(text, &Rfc3339).ok();
    relative
        .or_else(day)
        .or_else(whole)
        .ok_or_else(|| "a time such as 30m, 2h, 3d, 2026-11-27 or 2026-11-27T10:00:00Z".to_owned())
}

fn row(report: &CleanupReport, zone: Option<UtcOffset>) -> [String; 6] {
    let began = report.began_at.to_offset(zone.unwrap_or(UtcOffset::UTC));
    let ended = began + time::Duration::seconds_f64(report.ms / 1000.0);
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let result = match report.outcome {
        Outcome::Clean => format!("Clean, {:.0} ms", report.ms),
        Outcome::NotFound => "Not found".to_owned(),
        Outcome::WithProblems if report.cleared_at.is_some() => format!("Cleared later: {}", report.strip()),
        Outcome::WithProblems => format!("With problems: {}", report.strip()),
    };
    [
        ended.format(&format).unwrap_or_default(),
        report.session_name.clone().unwrap_or_else(|| short(report.session.as_str())),
        report.client.name.clone(),
        report.reason.phrase().to_owned(),
        table::bytes(report.freed.bytes()),
        result,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_understood() {
        let now = OffsetDateTime::now_utc();
        let ago = now - when("2h").unwrap();
        assert!((ago - time::Duration::hours(2)).abs() < time::Duration::seconds(5), "{ago}");
        assert_eq!(when("2026-11-27").unwrap(), time::macros::datetime!(2026-11-27 0:00 UTC));
        assert_eq!(when("2026-11-27T10:00:00+02:00").unwrap(), time::macros::datetime!(2026-11-27 8:00 UTC));
        for wrong in ["", "h", "2x", "yesterday", "99999999999999999999d", "9223372036854775807d", "é"] {
            when(wrong).unwrap_err();
        }
    }
}
