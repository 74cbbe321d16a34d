//! One report as people read it: why, who asked, what each step did, what it freed, what stayed.

use ebb_core::cleanup::{CleanupReport, Reason, Rung, Step, StepReport};
use time::{OffsetDateTime, UtcOffset, macros::format_description};

use crate::table;

/// A time to the second, in the zone of the machine where that is known.
fn moment(at: OffsetDateTime) -> String {
    let local = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let utc = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let text = match UtcOffset::current_local_offset() {
        Ok(zone) => at.to_offset(zone).format(&local),
        Err(_) => at.to_offset(UtcOffset::UTC).format(&utc),
    };
    text.unwrap_or_default()
}

/// The whole report, line by line.
pub(super) fn whole(report: &CleanupReport) -> Vec<String> {
    let client = &report.client;
    let version = client.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let process = client.process.as_ref().map(|process| format!(", {} (pid {})", process.name, process.pid));
    let project = client.project.as_ref().map(|project| format!(", {project}"));
    let name = report.session_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let mut lines = vec![
        format!(
            "{}{name}  {}{version}{}{}",
            report.session,
            client.name,
            process.unwrap_or_default(),
            project.unwrap_or_default()
        ),
        format!("  began    {}", moment(report.began_at)),
        format!("  reason   {}{}", report.reason.phrase(), asked(report.reason)),
    ];
    lines.extend(report.steps.iter().map(|step| line(step, report)));
    let freed = &report.freed;
    lines.push(format!(
        "  freed    {} ({} before, {} after)",
        table::bytes(freed.bytes()),
        table::bytes(freed.held_before),
        table::bytes(freed.held_after)
    ));
    lines.extend(freed.kept_files.iter().map(|file| format!("  kept     {file}")));
    for leftover in &report.leftovers {
        lines.push(format!(
            "  left     {}, tried {}: {}",
            leftover.what,
            table::count(leftover.attempts as usize, "time"),
            leftover.last_error
        ));
    }
    if let Some(at) = report.cleared_at {
        lines.push(format!("  cleared  {}", moment(at)));
    }
    lines.push(format!("  report   {}", report.id));
    lines
}

fn asked(reason: Reason) -> String {
    match reason {
        Reason::Manual(by) => format!(" (asked by {})", by.label()),
        _ => String::new(),
    }
}

/// What it took beyond the usual, where it took more.
fn further(rung: Rung) -> Option<&'static str> {
    match rung {
        Rung::Disposed => None,
        Rung::DisposedAgain => Some("asked twice"),
        Rung::RenderersKilled => Some("the pages' processes were ended"),
        Rung::BrowserRecycled => Some("the whole browser was ended"),
        Rung::BrowserGone => Some("the browser was gone already"),
    }
}

fn line(step: &StepReport, report: &CleanupReport) -> String {
    let detail = (!step.detail.is_empty()).then(|| format!("  {}", step.detail));
    let bytes = (step.bytes > 0).then(|| format!(", {}", table::bytes(step.bytes)));
    let rung = report.rung.filter(|_| step.step == Step::Browser).and_then(further).map(|what| format!(", {what}"));
    let error = step.error.as_ref().map(|error| format!("  {}", error.message));
    let more: String = [detail, bytes, rung, error].into_iter().flatten().collect();
    format!("  {:<8} {:<9} {:>8.1} ms{more}", step.step.label(), step.outcome.label(), step.ms)
}
