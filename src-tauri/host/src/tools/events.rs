//! What happened beside the call: new messages of the console, in a file that the answer names, and downloads.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use ebb_core::{
    Result,
    devtools::{ConsoleEntry, Level, text},
};

use super::call::ToolCall;
use crate::browser::{ConsoleLog, Tab};

/// How long the file may take; what is not told now is told with the next call.
const WRITING: Duration = Duration::from_secs(2);

/// How long an answer waits for a download that began with its call: small files are there when it arrives.
const DOWNLOAD: Duration = Duration::from_millis(500);

/// Tells what the current page's console has that the client was not told yet, and what was downloaded.
pub(crate) async fn tell(call: &mut ToolCall) {
    let Some(side) = call.host.browsers.find(call.session.id()) else { return };
    side.downloads.settle(DOWNLOAD).await;
    for line in side.downloads.news() {
        call.response.event(line);
    }
    let Some(tab) = side.tab_if_any() else { return };
    match tokio::time::timeout(WRITING, console(call, &tab)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the console's file cannot be written"),
        Err(_) => tracing::debug!("the console's file takes too long"),
    }
}

async fn console(call: &mut ToolCall, tab: &Arc<Tab>) -> Result<()> {
    let mut log = tab.log.lock().clone();
    let level = Level::parse(&call.options().output.console_level).unwrap_or(Level::Info);
    let news = call.session.devtools().console_since(tab.number, log.told);
    if news.last == log.told {
        return Ok(());
    }
    log.told = news.last;
    let (before, now): (Vec<_>, Vec<_>) = news
        .entries
        .into_iter()
        .filter(|(_, entry)| entry.level <= level)
        .partition(|(number, _)| *number < news.began);
    let opened = tab.peek(|state| state.committed_ms);
    for (entries, began) in [(before, None), (now, Some(news.began))] {
        if !entries.is_empty() {
            let entries: Vec<ConsoleEntry> = entries.into_iter().map(|(_, entry)| entry).collect();
            // Of a document that is gone nobody knows any more when it came.
            let opened = if began.is_some() { opened } else { entries.first().map_or(0.0, |entry| entry.at_ms) };
            let line = write(call, &mut log, began, opened, &entries).await?;
            call.response.event(line);
        }
    }
    *tab.log.lock() = log;
    Ok(())
}

/// Writes messages into the file of their document, a new one if that has none. `began` is the document's first
/// message; none for the document before.
async fn write(
    call: &ToolCall,
    log: &mut ConsoleLog,
    began: Option<u64>,
    opened: f64,
    entries: &[ConsoleEntry],
) -> Result<String> {
    let mut lines = String::new();
    for entry in entries {
        // Writing to a string cannot fail.
        writeln!(lines, "{}", text::console_file_line(entry, opened)).unwrap_or_default();
    }
    let lines = call.masked(&lines).into_owned();
    let count = lines.lines().count();
    let files = call.files().await?;
    let old = log.file.clone().filter(|(of, ..)| began.is_none_or(|began| began == *of));
    let appended = match old {
        Some((of, place, before)) => files.append(&place, lines.as_bytes()).await.ok().map(|()| (of, place, before)),
        None => None,
    };
    let (of, place, before) = if let Some(known) = appended {
        known
    } else {
        let place = files.automatic("console", "log")?;
        files.write(&place, lines.as_bytes()).await?;
        (began.unwrap_or_default(), place, 0)
    };
    let (first, last) = (before + 1, before + count);
    let range = if first == last { format!("#L{first}") } else { format!("#L{first}-L{last}") };
    let line = format!("- New console entries: {}{range}", files.shown(&place));
    log.file = Some((of, place, last));
    Ok(line)
}
