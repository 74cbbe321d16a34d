//! Asking a client whether it is there, where somebody wants that: healthy clients behind something slow lose their
//! sessions by it, so nobody is asked unless the server was told to.

use std::time::Duration;

use rmcp::{
    Peer, RoleServer, ServiceError,
    model::{PingRequest, ServerRequest},
    service::PeerRequestOptions,
};
use tokio::sync::watch;

/// From an answer to the next question.
const EVERY: Duration = Duration::from_secs(3);

/// Asks while the client's event `stream` is open, for questions go over it, and ends when an answer took longer
/// than `limit`.
pub(super) async fn until_unanswered(peer: &Peer<RoleServer>, limit: Duration, mut stream: watch::Receiver<bool>) {
    loop {
        if stream.wait_for(|open| *open).await.is_err() {
            // Nobody opens it any more; whoever waits here is told by other means.
            return std::future::pending().await;
        }
        let question = ServerRequest::PingRequest(PingRequest::default());
        let asked = async {
            let sent = peer.send_cancellable_request(question, PeerRequestOptions::with_timeout(limit)).await?;
            sent.await_response().await
        };
        let answer = tokio::select! {
            answer = asked => answer,
            Ok(_) = stream.wait_for(|open| !open) => continue,
        };
        match answer {
            Err(ServiceError::Timeout { .. }) => return,
            // An error is an answer too; of a connection that is over others tell.
            Ok(_) | Err(_) => tokio::time::sleep(EVERY).await,
        }
    }
}
