//! The history as a file for others: CSV or JSON, page by page, so that neither side holds all of it.

use std::io::{BufWriter, Write};

use ebb_core::{
    Code, Error, Result,
    cleanup::{CleanupReport, Reason},
};
use ebb_host::control::{Command, HistoryQuery, Reply};
use time::format_description::well_known::Rfc3339;

use crate::{control, place::Place};

const HEAD: [&str; 22] = [
    "report",
    "session",
    "name",
    "client",
    "version",
    "pid",
    "project",
    "reason",
    "asked_by",
    "outcome",
    "opened_at",
    "began_at",
    "ms",
    "tabs",
    "cursors",
    "cursor_bytes",
    "devtools_bytes",
    "freed_bytes",
    "steps",
    "kept_files",
    "leftovers",
    "cleared_at",
];

/// Writes everything that matches to standard output.
pub(super) fn export(place: &Place, mut query: HistoryQuery, format: &str) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let csv = format == "csv";
    let mut first = true;
    write(&mut out, &if csv { row(&HEAD.map(str::to_owned)) } else { "[".to_owned() })?;
    loop {
        let Reply::History(page) = control::ask(place, Command::History { query: query.clone() })? else {
            return Err(control::unexpected());
        };
        for report in &page.reports {
            let text = if csv {
                row(&cells(report))
            } else {
                let json = serde_json::to_string(report).map_err(|error| failed(&error))?;
                format!("{}\n{json}", if first { "" } else { "," })
            };
            first = false;
            write(&mut out, &text)?;
        }
        match page.next {
            Some(next) => query.place = Some(next),
            None => break,
        }
    }
    if !csv {
        write(&mut out, "\n]\n")?;
    }
    out.flush().map_err(|error| failed(&error))
}

fn write(out: &mut impl Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::new(Code::Internal, format!("the export could not be written: {error}")).next("check the disk and try again")
}

fn cells(report: &CleanupReport) -> [String; 22] {
    let time = |at: time::OffsetDateTime| at.format(&Rfc3339).unwrap_or_default();
    let by = match report.reason {
        Reason::Manual(by) => by.label().to_owned(),
        _ => String::new(),
    };
    let freed = &report.freed;
    [
        report.id.to_string(),
        report.session.to_string(),
        report.session_name.clone().unwrap_or_default(),
        report.client.name.clone(),
        report.client.version.clone().unwrap_or_default(),
        report.client.process.as_ref().map(|process| process.pid.to_string()).unwrap_or_default(),
        report.client.project.clone().unwrap_or_default(),
        report.reason.key().to_owned(),
        by,
        serde_json::to_value(report.outcome).ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default(),
        time(report.opened_at),
        time(report.began_at),
        format!("{:.3}", report.ms),
        freed.tabs.to_string(),
        freed.cursors.to_string(),
        freed.cursor_bytes.to_string(),
        freed.devtools_bytes.to_string(),
        freed.bytes().to_string(),
        report.strip(),
        freed.kept_files.join("; "),
        report.leftovers.iter().map(|leftover| leftover.what.as_str()).collect::<Vec<_>>().join("; "),
        report.cleared_at.map(time).unwrap_or_default(),
    ]
}

/// One line of RFC 4180.
fn row(cells: &[String; 22]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// Client names are chosen by others: a spreadsheet must not take one for a formula.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("@cmd,x"), "\"'@cmd,x\"");
        assert_eq!(quoted("-12.5"), "-12.5");
    }
}
