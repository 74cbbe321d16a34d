//! Hands the long body of an answer to a cursor of its session.

use ebb_core::{
    cursors::{Body, Cursors, Page},
    sessions::Session,
};
use serde_json::Value;

use super::args::Args as _;

/// Characters of the arguments that tell one cursor of a tool from another.
const MAX_FINGERPRINT: usize = 200;

/// What a page is cut for.
pub(crate) struct Pager<'a> {
    cursors: &'a Cursors,
    session: Session,
    tool: &'static str,
    fingerprint: String,
    max_tokens: Option<u32>,
}

impl<'a> Pager<'a> {
    /// For one call of `tool`; where it does not say how long a page is, `usual` does.
    pub(crate) fn new(
        cursors: &'a Cursors,
        session: &Session,
        tool: &'static str,
        args: &Value,
        usual: Option<u32>,
    ) -> Self {
        let max_tokens = args.integer("max_tokens").and_then(|tokens| u32::try_from(tokens).ok()).or(usual);
        let fingerprint = args.to_string().chars().take(MAX_FINGERPRINT).collect();
        Self { cursors, session: session.clone(), tool, fingerprint, max_tokens }
    }

    /// The first page; never fails, what cannot be kept is cut and says so.
    pub(super) async fn first_page(&self, body: Body) -> Page {
        let gate = self.session.closing();
        self.cursors.first_page(self.session.id(), gate, self.tool, &self.fingerprint, body, self.max_tokens).await
    }
}
