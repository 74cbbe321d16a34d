//! A page that takes more memory than its session may hold is ended before the machine suffers for it.
//!
//! Once a second the resident sizes of a session's renderers are added up, which costs microseconds and
//! never says too little. Only a session above half of its budget is weighed exactly.

use std::{collections::HashSet, sync::Arc, time::Duration};

use ebb_core::{events::Event, sessions::SessionManager};
use tokio::time::MissedTickBehavior;

use super::{
    Browsers,
    memory::{keys_of, note},
    scale,
    session::SessionBrowser,
    tab::Tab,
};
use crate::{run::processes, transport::proc::ProcessKey};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

impl Browsers {
    /// Watches the budget of every session while a browser runs.
    pub(crate) async fn watch_budgets(self: Arc<Self>, manager: SessionManager) {
        let limit = self.common.settings.max_session_bytes;
        if limit == 0 {
            return;
        }
        let mut events = manager.subscribe();
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.runs(&mut events).await {
            clock.tick().await;
            for side in self.all() {
                if self.check(&side, limit).await {
                    manager.emit(Event::SessionChanged(side.id().clone()));
                }
            }
            // What happened meanwhile is of no interest here, only that it does not pile up.
            while events.try_recv().is_ok() {}
        }
    }

    /// Looks at one session; tells whether its heaviest page was ended.
    async fn check(&self, side: &SessionBrowser, limit: u64) -> bool {
        let keys = side.renderers();
        let at_most: u64 = keys.iter().filter_map(|key| scale::alive(*key)).sum();
        if at_most <= limit / 2 {
            return false;
        }
        let weighed = self.common.scale.weigh(keys).await;
        let tabs: Vec<Arc<Tab>> = side.tabs().into_iter().map(|(tab, _)| tab).collect();
        for tab in &tabs {
            note(tab, &weighed);
        }
        let held: u64 = weighed.values().sum();
        if held <= limit {
            return false;
        }
        let weight = |tab: &&Arc<Tab>| tab.renderers.lock().bytes();
        let Some(heaviest) = tabs.iter().max_by_key(weight) else { return false };
        end(heaviest, &tabs, held, limit);
        true
    }
}

/// Ends the processes of `heaviest`. Other tabs go with it only where they live in its main process.
fn end(heaviest: &Arc<Tab>, tabs: &[Arc<Tab>], held: u64, limit: u64) {
    let own = keys_of(heaviest);
    let Some(main) = own.first().copied() else { return };
    let elsewhere = tabs.iter().filter(|tab| !Arc::ptr_eq(tab, heaviest)).flat_map(|tab| keys_of(tab));
    let elsewhere: HashSet<ProcessKey> = elsewhere.collect();
    tracing::warn!(
        tab = heaviest.number,
        held,
        limit,
        "the pages of a session hold more than they may; the heaviest is ended"
    );
    let why = format!(
        "page ended: the pages of this session held {}, the limit is {} (browser.max_session_mb)",
        ebb_core::text::size(held),
        ebb_core::text::size(limit)
    );
    for tab in tabs.iter().filter(|tab| keys_of(tab).contains(&main)) {
        // Said before it happens: a call that runs there ends with the crash, and asks why.
        tab.poke(|state| state.ended_because = Some(why.clone()));
    }
    for key in own.iter().filter(|key| **key == main || !elsewhere.contains(key)) {
        processes::kill(key.pid);
    }
}
