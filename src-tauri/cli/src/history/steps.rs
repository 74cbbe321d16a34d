//! One report as people read it: why, who asked, what each step did, what it freed, what stayed.

use ebb_core::cleanup::{CleanupReport, Reason, Step, StepReport};
use time::format_description::well_known::Rfc3339;

use crate::table;

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
        format!("  began    {}", report.began_at.format(&Rfc3339).unwrap_or_default()),
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
        lines.push(format!("  cleared  {}", at.format(&Rfc3339).unwrap_or_default()));
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

fn line(step: &StepReport, report: &CleanupReport) -> String {
    let detail = (!step.detail.is_empty()).then(|| format!("  {}", step.detail));
    let bytes = (step.bytes > 0).then(|| format!(", {}", table::bytes(step.bytes)));
    let rung = report.rung.filter(|_| step.step == Step::Browser).map(|rung| format!("  [{rung:?}]"));
    let error = step.error.as_ref().map(|error| format!("  {}", error.message));
    let more: String = [detail, bytes, rung, error].into_iter().flatten().collect();
    format!("  {:<8} {:<9} {:>8.1} ms{more}", step.step.label(), step.outcome.label(), step.ms)
}
