//! The folders that clients say they work in: asked for once, at a client's first call.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use ebb_core::{ids::ClientId, sessions::SessionManager};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// How long a client may take to name its roots.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Roots of one client that are looked at.
const MAX_ROOTS: usize = 16;

/// The first usable root once the client has answered; the outer option is the answer.
pub(super) type Answer = watch::Receiver<Option<Option<PathBuf>>>;

/// What clients answered, or are about to.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    answers: Mutex<HashMap<ClientId, Answer>>,
    tasks: TaskTracker,
}

impl Roots {
    /// Whether `client` was asked already.
    pub(crate) fn asked(&self, client: &ClientId) -> bool {
        self.answers.lock().contains_key(client)
    }

    /// Notes that `client` was asked; `answer` brings its roots as URIs, and ends by itself.
    pub(crate) fn learn(
        &self,
        manager: &SessionManager,
        client: &ClientId,
        answer: impl Future<Output = Vec<String>> + Send + 'static,
    ) {
        let (tell, told) = watch::channel(None);
        {
            let mut answers = self.answers.lock();
            // As many as there are clients, which have a limit.
            answers.retain(|client, _| manager.client(client).is_some());
            answers.insert(client.clone(), told);
        }
        self.tasks.spawn(async move {
            let uris = tokio::time::timeout(PATIENCE, answer).await.unwrap_or_default();
            let first = tokio::task::spawn_blocking(move || first(&uris)).await.unwrap_or_default();
            tell.send_replace(Some(first));
        });
    }

    /// What `client` answered or will answer; none when it was not asked.
    pub(super) fn of(&self, client: &ClientId) -> Option<Answer> {
        self.answers.lock().get(client).cloned()
    }
}

/// The first root that is a folder of this machine.
fn first(uris: &[String]) -> Option<PathBuf> {
    uris.iter().take(MAX_ROOTS).find_map(|uri| {
        let url = url::Url::parse(uri).ok().filter(|url| url.scheme() == "file")?;
        // A host in it is another machine's.
        let path = url.to_file_path().ok()?;
        (path != Path::new("/") && path.is_dir()).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_of_this_machine_counts() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a project");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(base.path().join("file"), "").unwrap();
        let uri = |path: &Path| url::Url::from_file_path(path).unwrap().to_string();
        let uris = [
            "https://example.com/".to_owned(),
            "file://elsewhere/tmp".to_owned(),
            "not a uri".to_owned(),
            "file:///".to_owned(),
            uri(&base.path().join("missing")),
            uri(&base.path().join("file")),
            uri(&folder),
            uri(base.path()),
        ];
        assert_eq!(first(&uris), Some(folder));
        assert_eq!(first(&uris[..6]), None);
    }
}
