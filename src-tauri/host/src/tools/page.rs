//! What the tools of a page share: the tab they act on, and what they tell about it afterwards.

use std::sync::Arc;

use ebb_core::{
    cursors::Body,
    devtools::{ConsoleEntry, Level},
    sessions::clean_text,
};

use super::{
    call::ToolCall,
    catalog::{Modal, ModalKind, ToolError, ToolSpec},
    response::{Response, Section},
};
use crate::{
    browser::{
        self, SessionBrowser, Tab, TabState,
        look::{Look, Mode, Seen},
        navigate,
        target::Target,
    },
    options::SnapshotMode,
};

/// Characters of a title or address in an answer.
const MAX_SHOWN: usize = 2_000;

/// The browser side of the call's session.
pub(crate) fn side(call: &ToolCall) -> Result<Arc<SessionBrowser>, ToolError> {
    Ok(call.host.browsers.of(&call.session)?)
}

/// What the console says of a page that crashed.
const CRASHED: &str = "Page crashed and was reset to about:blank.";

/// The tab a tool acts on; the first use makes one, and one whose page crashed is empty again.
pub(crate) async fn tab(call: &ToolCall) -> Result<Arc<Tab>, ToolError> {
    let tab = tab_as_it_is(call).await?;
    // Where the page was ended for what it held, its error says so until it is navigated away from.
    if tab.peek(|state| state.crashed && state.ended_because.is_none()) {
        navigate::navigate(&tab, "about:blank", call.navigation_timeout()).await?;
        let entry = ConsoleEntry {
            level: Level::Error,
            kind: "error".to_owned(),
            text: CRASHED.to_owned(),
            url: "about:blank".to_owned(),
            line: 0,
            at_ms: tab.peek(|state| state.committed_ms),
            exception: false,
        };
        call.session.devtools().console(tab.number, entry);
    }
    Ok(tab)
}

/// The same for a tool that puts another page there anyway.
pub(crate) async fn tab_as_it_is(call: &ToolCall) -> Result<Arc<Tab>, ToolError> {
    let tab = side(call)?.current_tab().await?;
    tab.set_test_id(&call.options().output.test_id_attribute);
    Ok(tab)
}

/// The element that `target` names in `tab`.
pub(crate) async fn target(tab: &Arc<Tab>, given: &str) -> Result<Target, ToolError> {
    Ok(tab.unless_modal(browser::target::resolve(tab, given)).await?)
}

/// Refuses a tool that does not fit what the page waits for.
pub(crate) fn modal_gate(call: &mut ToolCall, spec: &ToolSpec) -> Result<(), ToolError> {
    let waiting =
        call.host.browsers.of(&call.session).ok().and_then(|side| side.tab_if_any()).and_then(|tab| tab.modal());
    let fits = match (&spec.modal, &waiting) {
        (Modal::Unaffected, _)
        | (Modal::Blocked, None)
        | (Modal::Handles(ModalKind::Dialog), Some(browser::Modal::Dialog { .. }))
        | (Modal::Handles(ModalKind::FileChooser), Some(browser::Modal::FileChooser { .. })) => return Ok(()),
        (Modal::Blocked, Some(_)) => format!("Error: Tool \"{}\" does not handle the modal state.", spec.name),
        (Modal::Handles(_), _) => {
            format!("Error: The tool \"{}\" can only be used when there is related modal state present.", spec.name)
        }
    };
    call.response.error(fits);
    if let Some(waiting) = waiting {
        call.response.modal([modal_line(&waiting)]);
    }
    Err(ToolError::Reported)
}

/// `- ["alert" dialog with message "Hi"]: can be handled by browser_handle_dialog`.
fn modal_line(modal: &browser::Modal) -> String {
    match modal {
        browser::Modal::Dialog { kind, message } => {
            format!(
                "- [\"{kind}\" dialog with message \"{}\"]: can be handled by browser_handle_dialog",
                clean_text(message, MAX_SHOWN)
            )
        }
        browser::Modal::FileChooser { .. } => "- [File chooser]: can be handled by browser_file_upload".to_owned(),
    }
}

/// Tells about the page after an action: what it waits for, or where it is and what it shows.
pub(crate) async fn after_action(call: &mut ToolCall, tab: &Arc<Tab>, snapshot: bool) -> Result<(), ToolError> {
    let side = side(call)?;
    // The action may have opened, closed or switched tabs.
    let Some(tab) = side.tab_if_any().or_else(|| (!tab.closed.is_cancelled()).then(|| Arc::clone(tab))) else {
        call.response.tabs(tab_lines(&side));
        return Ok(());
    };
    let wanted = call.options().output.snapshot;
    let snapshot = snapshot && wanted != SnapshotMode::None;
    let answers = tab.modal().is_none() && !tab.peek(|state| state.crashed);
    let seen = if answers && snapshot {
        let mode = if wanted == SnapshotMode::Diff { Mode::Diff } else { Mode::Full };
        let look = Look { boxes: call.options().output.boxes, mode, ..Look::default() };
        Some(browser::look::look(&tab, &look).await)
    } else {
        if answers {
            refresh_title(&tab).await;
        }
        None
    };
    tell_page(call, &side, &tab, snapshot);
    if let Some(modal) = tab.modal() {
        call.response.modal([modal_line(&modal)]);
        return Ok(());
    }
    match seen {
        Some(Ok(seen)) if call.options().output.snapshot == SnapshotMode::File => {
            return link_snapshot(call, None, &seen.rendered).await;
        }
        Some(Ok(seen)) => put_snapshot(&mut call.response, seen),
        // It closed under the eyes.
        Some(Err(_)) if tab.closed.is_cancelled() => call.response.tabs(tab_lines(&side)),
        // A dialog may open and be answered at any moment; the action itself is done.
        Some(Err(error)) if error.code != ebb_core::Code::ModalState => return Err(error.into()),
        _ => {}
    }
    Ok(())
}

/// A snapshot in a file that the answer links: the one that was named, else one of its own.
pub(crate) async fn link_snapshot(
    call: &mut ToolCall,
    named: Option<&str>,
    rendered: &browser::snapshot::Rendered,
) -> Result<(), ToolError> {
    let files = call.files().await?;
    let place = files.place(named, "page", "yml")?;
    files.write(&place, call.masked(rendered.text.trim_end()).as_bytes()).await?;
    call.response.snapshot_link(&files.shown(&place));
    Ok(())
}
/// The first line of a snapshot of what changed, a comment to whoever reads YAML.
const CHANGED: &str = "# Changes since the last snapshot: + is new, - is gone; all else stays, refs too";

/// The snapshot of a page in which nothing changed.
const UNCHANGED: &str = "# No changes since the last snapshot";

/// A snapshot as the long body of an answer.
pub(crate) fn put_snapshot(response: &mut Response, seen: Seen) {
    let Seen { rendered, is_diff, .. } = seen;
    if is_diff {
        let text =
            if rendered.text.is_empty() { UNCHANGED.to_owned() } else { format!("{CHANGED}\n{}", rendered.text) };
        response.large(Section::Snapshot, Body::Text { text: text.trim_end().to_owned() });
        return;
    }
    if let Some(note) = rendered.note {
        response.next(format!("The snapshot stops early: {note}"));
    }
    response.large(Section::Snapshot, Body::Text { text: rendered.text.trim_end().to_owned() });
}

/// The sections `Page` and `Open tabs`: always with a snapshot, else when something changed since the
/// session was last told.
pub(crate) fn tell_page(call: &mut ToolCall, side: &SessionBrowser, tab: &Arc<Tab>, always: bool) {
    let lines = page_lines(call, tab);
    if side.told(&lines) || always {
        call.response.page(lines);
        let tabs = side.tabs();
        if tabs.len() != 1 {
            call.response.tabs(tab_lines(side));
        }
    }
}

fn page_lines(call: &ToolCall, tab: &Arc<Tab>) -> Vec<String> {
    let (errors, warnings) = call.session.devtools().counts(tab.number);
    let mut lines = tab.peek(|state| {
        let mut lines = vec![
            format!("- Page URL: {}", clean_text(state.url(), MAX_SHOWN)),
            format!("- Page Title: {}", clean_text(&state.title, MAX_SHOWN)),
        ];
        if state.crashed {
            lines.push("- Page status: crashed".to_owned());
        }
        if let Some((code, text)) = state.status.as_ref().filter(|(code, _)| !(200..300).contains(code)) {
            lines.push(format!("- HTTP status: {code} {}", clean_text(text, 100)).trim_end().to_owned());
        }
        lines
    });
    if errors > 0 || warnings > 0 {
        lines.push(format!("- Console: {errors} errors, {warnings} warnings"));
    }
    lines
}

/// `- 0: (current) [title](url)`, a line a tab.
pub(crate) fn tab_lines(side: &SessionBrowser) -> Vec<String> {
    let tabs = side.tabs();
    if tabs.is_empty() {
        return vec!["No open tabs. Navigate to a URL to create one.".to_owned()];
    }
    let line = |(index, (tab, current)): (usize, &(Arc<Tab>, bool))| {
        let current = if *current { "(current) " } else { "" };
        tab.peek(|state| {
            let crashed = if state.crashed { " [crashed]" } else { "" };
            format!(
                "- {index}: {current}[{}]({}){crashed}",
                clean_text(&state.title, MAX_SHOWN),
                clean_text(state.url(), MAX_SHOWN)
            )
        })
    };
    tabs.iter().enumerate().map(line).collect()
}

/// How long a page may take to say its title; a busy one keeps the old one.
const TITLE: std::time::Duration = std::time::Duration::from_millis(300);

/// Brings the titles of all tabs up to date, side by side.
pub(crate) async fn refresh_titles(side: &SessionBrowser) {
    let tabs = side.tabs();
    futures::future::join_all(tabs.iter().map(|(tab, _)| refresh_title(tab))).await;
}

/// Brings the title up to date: the browser tells it late.
pub(crate) async fn refresh_title(tab: &Arc<Tab>) {
    if tab.peek(TabState::knows_title) {
        return;
    }
    let asked = tokio::time::timeout(TITLE, tab.ask(None, "() => __ebb.info()", &[])).await;
    if let Ok(Ok(info)) = asked
        && let Some(title) = info.get("title").and_then(serde_json::Value::as_str)
    {
        tab.poke(|state| state.title_told(title));
    }
}

/// A value as source code: objects a line a member, keys sorted, texts in single quotes.
pub(crate) fn literal(value: &serde_json::Value) -> String {
    indented(value, 0)
}

fn indented(value: &serde_json::Value, depth: usize) -> String {
    use serde_json::Value;
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| indented(value, depth)).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(members) => {
            let mut lines: Vec<(&String, String)> =
                members.iter().map(|(name, member)| (name, indented(member, depth + 1))).collect();
            lines.sort_unstable_by(|a, b| a.0.cmp(b.0));
            let (outer, inner) = ("  ".repeat(depth), "  ".repeat(depth + 1));
            let lines: Vec<String> = lines.iter().map(|(name, member)| format!("{inner}{name}: {member}")).collect();
            format!("{{\n{}\n{outer}}}", lines.join(",\n"))
        }
        other => other.to_string(),
    }
}

/// A text as the source code of a string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// A text as the source code of a string with double quotes, as JSON writes it.
pub(crate) fn json_quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An object as code, over several lines, of the members that have a value; nothing if none has.
pub(crate) fn object(members: &[(&str, Option<String>)]) -> String {
    let mut members: Vec<(&str, &String)> =
        members.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
    if members.is_empty() {
        return String::new();
    }
    members.sort_unstable();
    let lines: Vec<String> = members.iter().map(|(name, value)| format!("  {name}: {value}")).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}
