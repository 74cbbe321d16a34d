//! What each client was started with, and the tools it has because of that.

use std::{collections::HashMap, sync::Arc};

use ebb_core::ids::ClientId;
use parking_lot::Mutex;

use super::catalog::Catalog;
use crate::options::{Caps, ClientOptions};

/// One client's options and tools. The tools depend on the options alone, never on calls or state.
#[derive(Debug)]
pub(crate) struct Setup {
    /// As it gave them.
    pub(crate) options: ClientOptions,
    /// The tools it has.
    pub(crate) catalog: Arc<Catalog>,
}

/// The set-ups of all clients that gave any; the others share one.
#[derive(Debug)]
pub(crate) struct Setups {
    usual: Arc<Setup>,
    catalogs: Mutex<HashMap<Caps, Arc<Catalog>>>,
    given: Mutex<HashMap<ClientId, Arc<Setup>>>,
}

impl Setups {
    /// Clients that give no options have `usual`.
    pub(crate) fn new(usual: ClientOptions) -> Self {
        let catalog = Arc::new(Catalog::with(&usual.caps));
        Self::with(usual, catalog)
    }

    /// The same with these tools for whoever gives no options.
    pub(crate) fn with(usual: ClientOptions, catalog: Arc<Catalog>) -> Self {
        let catalogs = Mutex::new(HashMap::from([(usual.caps.clone(), Arc::clone(&catalog))]));
        Self { usual: Arc::new(Setup { options: usual, catalog }), catalogs, given: Mutex::default() }
    }

    /// The set-up of `client`.
    pub(crate) fn of(&self, client: &ClientId) -> Arc<Setup> {
        self.given.lock().get(client).unwrap_or(&self.usual).clone()
    }

    /// The set-up of clients that gave no options.
    pub(crate) fn usual(&self) -> &Arc<Setup> {
        &self.usual
    }

    /// Notes what `client` was started with, until the guard is dropped.
    pub(crate) fn give(self: &Arc<Self>, client: &ClientId, options: ClientOptions) -> Given {
        let catalog = {
            let mut catalogs = self.catalogs.lock();
            let catalog = catalogs.entry(options.caps.clone());
            catalog.or_insert_with(|| Arc::new(Catalog::with(&options.caps))).clone()
        };
        self.given.lock().insert(client.clone(), Arc::new(Setup { options, catalog }));
        Given { setups: Arc::clone(self), client: client.clone() }
    }
}

/// Holds a client's set-up for as long as the client is there.
#[derive(Debug)]
pub(crate) struct Given {
    setups: Arc<Setups>,
    client: ClientId,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.setups.given.lock().remove(&self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_what_it_asked_for_while_it_is_there() {
        let setups = Arc::new(Setups::new(ClientOptions::default()));
        let client = ClientId::new();
        let mut options = ClientOptions::default();
        options.caps.take("-sessions");
        let given = setups.give(&client, options);
        assert!(setups.of(&client).catalog.find("session_open").is_none());
        assert!(setups.of(&ClientId::new()).catalog.find("session_open").is_some());
        drop(given);
        assert!(setups.of(&client).catalog.find("session_open").is_some());
    }
}
