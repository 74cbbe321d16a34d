//! The limits of sessions and clients. Asked under the registry's lock, before anything is awaited: the
//! slot is reserved in the same breath, so limits hold however many ask at once.
//!
//! Processes that nobody can name count as one: they share a principal, so their caps are shared too.
//! Closing sessions count until they are gone, because they still hold what they held.

use super::{ProcessKey, refusal, registry::Registry};
use crate::{Result, ids::ClientId, settings::SessionSettings};

/// Leftovers are never forgotten, so what makes them must have an end: with this many, newcomers wait.
pub(super) const MAX_LEFTOVERS: usize = 1_024;

/// Whether one more client may come.
pub(super) fn client(registry: &Registry, settings: &SessionSettings, process: Option<&ProcessKey>) -> Result<()> {
    if registry.clients.len() >= settings.max_clients {
        return Err(refusal::too_many_clients(settings.max_clients));
    }
    let of_process = registry.clients.values().filter(|client| client.process.as_ref() == process).count();
    if of_process >= settings.max_clients_per_process {
        return Err(refusal::too_many_clients_of_process(settings.max_clients_per_process));
    }
    Ok(())
}

/// Whether `client` may have one more session, with `leftovers` things left behind by others.
pub(super) fn session(
    registry: &Registry,
    leftovers: usize,
    settings: &SessionSettings,
    client: &ClientId,
    process: Option<&ProcessKey>,
) -> Result<()> {
    if leftovers >= MAX_LEFTOVERS {
        return Err(refusal::too_many_leftovers(leftovers));
    }
    if registry.sessions.len() >= settings.max_sessions {
        return Err(refusal::too_many_sessions(settings.max_sessions));
    }
    let of_process = registry.sessions.values().filter(|entry| entry.core().process.as_ref() == process).count();
    if of_process >= settings.max_sessions_per_process {
        let own = registry.entries(|entry| {
            let core = entry.core();
            core.is_open() && core.owns(client)
        });
        let own: Vec<_> = own.iter().map(|entry| entry.id.to_string()).collect();
        return Err(refusal::too_many_sessions_of_process(settings.max_sessions_per_process, &own));
    }
    Ok(())
}
