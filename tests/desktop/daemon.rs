//! Its methods are the specification's: some need nothing of what they are given.
#![expect(clippy::unused_self, clippy::used_underscore_binding, reason = "a D-Bus interface has the signatures it has")]

use std::{
    collections::HashMap,
    sync::mpsc::{Receiver, Sender, channel},
};

use futures::executor::block_on;
use zbus::{Connection, OwnedVariant, connection::Builder};

use crate::SOON;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// A notification as it came.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) id: u32,
    pub(crate) summary: String,
    pub(crate) body: String,
    pub(crate) actions: Vec<String>,
}

/// What a desktop shows notifications with: takes them all, and clicks on them when the test says so.
pub(crate) struct Daemon {
    bus: Connection,
    shown: Receiver<Shown>,
}

struct Server {
    shown: Sender<Shown>,
    last: u32,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body"].map(str::to_owned).to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("test".to_owned(), "Ebb".to_owned(), "1".to_owned(), "1.2".to_owned())
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's own signature")]
    fn notify(
        &mut self,
        _app_name: String,
        _replaces_id: u32,
        _app_icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedVariant>,
        _expire_timeout: i32,
    ) -> u32 {
        self.last += 1;
        // The test may be over.
        drop(self.shown.send(Shown { id: self.last, summary, body, actions }));
        self.last
    }

    fn close_notification(&self, _id: u32) {}
}

impl Daemon {
    /// Takes the name on a bus.
    pub(crate) fn start(address: &str) -> Self {
        let (sender, shown) = channel();
        let server = Server { shown: sender, last: 0 };
        let bus = Builder::address(address).name(NAME).serve_at(PATH, server);
        Self { bus: block_on(bus.build()).unwrap(), shown }
    }

    /// The next notification.
    pub(crate) fn next(&self) -> Shown {
        self.shown.recv_timeout(SOON).expect("a notification comes")
    }

    /// A click on its text. No hand is so fast that nobody listens yet, a test is: whoever calls it calls it again.
    pub(crate) fn click(&self, id: u32) {
        block_on(self.bus.emit_signal(None::<&str>, PATH, NAME, "ActionInvoked", &(id, "default"))).unwrap();
    }
}
