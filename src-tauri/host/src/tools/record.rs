//! What a session did, written down as it happens: `session.md` for clients that asked for it.

use std::{sync::Arc, time::Duration};

use ebb_core::{Result, sessions::Session};
use serde_json::Value;

use super::{call::ToolHost, response::Answer, setups::Setup};

/// How long one entry may take.
const WRITING: Duration = Duration::from_secs(2);

/// Adds one call and its answer. A file that cannot be written costs the entry and nothing else.
pub(crate) async fn keep(
    host: &ToolHost,
    session: &Session,
    setup: &Arc<Setup>,
    tool: &str,
    given: &Value,
    answer: &Answer,
) {
    let given = serde_json::to_string_pretty(given).unwrap_or_default();
    let given = setup.options.secrets.masked(&given);
    let entry = format!("## Tool call: {tool}\n\n- Args\n```json\n{given}\n```\n\n{}\n\n", answer.text);
    match tokio::time::timeout(WRITING, add(host, session, entry)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "session.md cannot be written"),
        Err(_) => tracing::debug!("session.md takes too long"),
    }
}

async fn add(host: &ToolHost, session: &Session, entry: String) -> Result<()> {
    let side = host.browsers.of(session)?;
    let files = side.files().files().await?;
    let known = side.record.lock().clone();
    if let Some(place) = known
        && files.append(&place, entry.as_bytes()).await.is_ok()
    {
        return Ok(());
    }
    let place = files.record("session", "session.md");
    files.write(&place, entry.as_bytes()).await?;
    *side.record.lock() = Some(place);
    Ok(())
}
