//! One tab's buffers.

use super::{console::Console, dialogs::Dialog, network::Network};

#[derive(Debug, Default)]
pub(super) struct Tab {
    pub(super) console: Console,
    pub(super) network: Network,
    pub(super) dialog: Option<Dialog>,
}

impl Tab {
    pub(super) fn entries(&self) -> usize {
        self.console.ring.len() + self.network.ring.len() + usize::from(self.dialog.is_some())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.console.ring.bytes() + self.network.ring.bytes() + self.dialog.as_ref().map_or(0, Dialog::bytes)
    }

    /// When its oldest entry came.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.console.ring.oldest().into_iter().chain(self.network.ring.oldest()).min()
    }

    /// Drops its oldest entry.
    pub(super) fn pop(&mut self) {
        let oldest = self.oldest();
        if self.console.ring.oldest() == oldest {
            self.console.pop();
        } else {
            self.network.pop();
        }
    }
}

#[cfg(test)]
impl Tab {
    pub(super) fn recount(&self) -> u64 {
        self.console.ring.recount() + self.network.ring.recount() + self.dialog.as_ref().map_or(0, Dialog::bytes)
    }
}
