//! Signs of life of a call that takes long, for clients that ask for them: some give up on a silent one.

use std::time::Duration;

use rmcp::{
    Peer, RoleServer,
    model::{CallToolRequestParams, ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};
use tokio::time::Instant;

/// Until the first sign; most calls are done before.
const FIRST: Duration = Duration::from_secs(1);
/// Between two.
const EVERY: Duration = Duration::from_secs(5);

/// The signs that one call's client asked for.
pub(super) struct Signs {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    tool: String,
}

impl Signs {
    /// None where nobody asked.
    pub(super) fn wanted(request: &CallToolRequestParams, context: &RequestContext<RoleServer>) -> Option<Self> {
        let token = context.meta.get_progress_token()?;
        Some(Self { peer: context.peer.clone(), token, tool: request.name.to_string() })
    }

    /// Waits for `work` and says now and then that it goes on.
    pub(super) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            never = self.go_on() => match never {},
        }
    }

    async fn go_on(self) -> std::convert::Infallible {
        let began = Instant::now();
        let mut ticks = tokio::time::interval_at(began + FIRST, EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let seconds = began.elapsed().as_secs_f64();
            let sign = ProgressNotificationParam::new(self.token.clone(), seconds)
                .with_message(format!("{} has been running for {seconds:.0} s", self.tool));
            // Who is gone hears nothing; its call ends by itself.
            if self.peer.notify_progress(sign).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
