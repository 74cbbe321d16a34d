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
    /// Those that addresses asked for.
    asked: Mutex<HashMap<Caps, Arc<Setup>>>,
}

/// Set-ups that are kept for the next request with the same address; whoever asks for the next one has it made anew
/// each time.
const KEPT: usize = 64;

impl Setups {
    /// Clients that give no options have `usual`.
    pub(crate) fn new(usual: ClientOptions) -> Self {
        let catalog = Arc::new(Catalog::with(&usual.caps));
        Self::with(usual, catalog)
    }

    /// The same with these tools for whoever gives no options.
    pub(crate) fn with(usual: ClientOptions, catalog: Arc<Catalog>) -> Self {
        let catalogs = Mutex::new(HashMap::from([(usual.caps.clone(), Arc::clone(&catalog))]));
        let usual = Arc::new(Setup { options: usual, catalog });
        Self { usual, catalogs, given: Mutex::default(), asked: Mutex::default() }
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
        self.give_it(client, Arc::new(Setup { options, catalog }))
    }

    /// The same with a set-up that is there already.
    pub(crate) fn give_it(self: &Arc<Self>, client: &ClientId, setup: Arc<Setup>) -> Given {
        self.given.lock().insert(client.clone(), setup);
        Given { setups: Arc::clone(self), client: client.clone() }
    }

    /// The usual set-up with the capabilities of a list such as `vision,-cursors` besides.
    ///
    /// # Errors
    /// The names in it that nobody knows.
    pub(crate) fn besides(&self, list: &str) -> Result<Arc<Setup>, Vec<String>> {
        let mut caps = self.usual.options.caps.clone();
        let unknown = caps.take(list);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        if caps == self.usual.options.caps {
            return Ok(Arc::clone(&self.usual));
        }
        let mut asked = self.asked.lock();
        if let Some(setup) = asked.get(&caps) {
            return Ok(Arc::clone(setup));
        }
        let catalog = Arc::new(Catalog::with(&caps));
        let options = ClientOptions { caps: caps.clone(), ..self.usual.options.clone() };
        let setup = Arc::new(Setup { options, catalog });
        if asked.len() < KEPT {
            asked.insert(caps, Arc::clone(&setup));
        }
        Ok(setup)
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

    #[test]
    fn an_address_adds_to_what_is_usual() {
        let mut usual = ClientOptions::default();
        usual.caps.take("pdf");
        let setups = Setups::new(usual);
        let setup = setups.besides("vision, -sessions").unwrap();
        let has = |name| setup.catalog.find(name).is_some();
        assert!(has("browser_mouse_click_xy") && has("browser_pdf_save") && !has("session_open"));
        assert!(Arc::ptr_eq(&setup, &setups.besides("-sessions,vision").unwrap()), "made once");
        assert!(Arc::ptr_eq(setups.usual(), &setups.besides("").unwrap()));
        assert_eq!(setups.besides("coffee,vision").unwrap_err(), ["coffee"]);
    }
}
