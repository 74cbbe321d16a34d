//! `ebb history`: what past cleanups did.

use std::process::ExitCode;

use ebb_core::cleanup::{CleanupReport, Outcome};
use ebb_host::control::{Command, HistoryQuery, Reply};
use time::{UtcOffset, macros::format_description};

use crate::{control, out, place::Place, sessions::short, table};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// At most this many, 1 to 200.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Only those that ended for this reason, such as `client_died`.
    #[arg(long, value_name = "REASON", value_parser = [
        "disconnected", "client_died", "deleted", "idle_timeout", "manual", "limit_reached", "swept", "shutdown",
        "recovered_at_start",
    ])]
    reason: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let query = HistoryQuery { limit: Some(args.limit), reason: args.reason.clone(), ..HistoryQuery::default() };
    control::show(&args.place, Command::History { query }, |reply| {
        let Reply::History(page) = reply else { return Err(control::unexpected()) };
        if args.place.json {
            out::json(&page);
            return Ok(());
        }
        if page.reports.is_empty() {
            out::line("No cleanups");
            return Ok(());
        }
        // Not known in every environment; then times are in UTC and say so.
        let zone = UtcOffset::current_local_offset().ok();
        let rows: Vec<_> = page.reports.iter().map(|report| row(report, zone)).collect();
        let head =
            [if zone.is_some() { "ENDED" } else { "ENDED (UTC)" }, "SESSION", "CLIENT", "REASON", "FREED", "RESULT"];
        out::lines(&table::columns(head, &rows, table::width()));
        let totals = &page.totals;
        if totals.count as usize > page.reports.len() {
            out::line(&format!("{} of {} cleanups, {} of them clean", page.reports.len(), totals.count, totals.clean));
        }
        Ok(())
    })
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
