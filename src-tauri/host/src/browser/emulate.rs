//! How the pages of a session are made, whatever it emulates later: what each DevTools session of a tab is told
//! before its document begins.

use chromiumoxide::cdp::browser_protocol::{
    emulation::SetScriptExecutionDisabledParams,
    network::{BlockPattern, SetBlockedUrLsParams, SetBypassServiceWorkerParams},
    page::{AddScriptToEvaluateOnNewDocumentParams, SetBypassCspParams},
    security::SetIgnoreCertificateErrorsParams,
};
use chromiumoxide::types::Command;

use super::pipe::Connection;
use crate::options::ContextOptions;

/// Refuses service workers, as a page would be refused that may not have any.
const NO_SERVICE_WORKERS: &str = "if (globalThis.navigator?.serviceWorker) navigator.serviceWorker.register = async () => \
{ console.warn('Service Worker registration blocked by Ebb'); };";

/// Tells the DevTools session `session` of a page how its documents are made.
pub(crate) fn apply(connection: &Connection, session: &str, options: &ContextOptions) {
    let teller = Teller { connection, session };
    if options.bypass_csp {
        teller.tell(&SetBypassCspParams::new(true));
    }
    if options.no_java_script {
        teller.tell(&SetScriptExecutionDisabledParams::new(true));
    }
    if !options.origins.is_empty() {
        let patterns = options.origins.patterns().into_iter().map(|(pattern, block)| BlockPattern::new(pattern, block));
        teller.tell(&SetBlockedUrLsParams::builder().url_patterns(patterns).build());
    }
    if options.ignore_https_errors {
        teller.tell(&SetIgnoreCertificateErrorsParams::new(true));
    }
    if options.block_service_workers {
        teller.tell(&SetBypassServiceWorkerParams::new(true));
    }
    let refusal = options.block_service_workers.then_some(NO_SERVICE_WORKERS);
    // Each as a script of its own, as if the page had it first of all.
    for source in refusal.into_iter().chain(options.init_scripts.iter().map(String::as_str)) {
        let mut script = AddScriptToEvaluateOnNewDocumentParams::new(source);
        script.run_immediately = Some(true);
        teller.tell(&script);
    }
}

#[derive(Clone, Copy)]
struct Teller<'a> {
    connection: &'a Connection,
    session: &'a str,
}

impl Teller<'_> {
    fn tell<C: Command>(self, command: &C) {
        self.connection.post(Some(self.session), command);
    }
}
