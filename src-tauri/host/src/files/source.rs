//! Where a client has its files: its workspace, and the folder for files that nobody named.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ebb_core::{Result, ids::ClientId};
use rustix::fs::{Access, access};

use super::{
    Files, Held,
    files::Output,
    inside, journal,
    roots::{Answer, PATIENCE},
};
use crate::tools::{call::ToolHost, setups::Setup};

/// What says where one client has its files. Cheap; nothing is looked at yet.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    setup: Arc<Setup>,
    roots: Option<Answer>,
    folder: Option<PathBuf>,
}

/// What the places of a client turn out to be.
pub(super) struct Found {
    /// What relative names begin at.
    pub(super) base: Option<PathBuf>,
    /// Whether files there may be read and written.
    pub(super) is_root: bool,
    pub(super) output: Option<Output>,
}

impl Source {
    /// Of `client`.
    pub(crate) fn of(host: &ToolHost, client: &ClientId, setup: &Arc<Setup>) -> Self {
        let process = host.manager.client(client).and_then(|client| client.process);
        let folder = process.and_then(|process| process.cwd).map(PathBuf::from);
        Self { setup: Arc::clone(setup), roots: host.roots.of(client), folder }
    }

    /// Looks: a client that was asked for its roots may take some seconds to answer.
    ///
    /// # Errors
    /// No folder can be made where one must be.
    pub(super) async fn resolve(&self, held: &Arc<Held>) -> Result<Files> {
        let workspace = match &self.roots {
            Some(roots) => answered(roots.clone()).await,
            None => None,
        };
        let options = &self.setup.options;
        let workspace = workspace.or_else(|| options.workspace.clone()).or_else(|| self.folder.clone());
        let chosen = options.output.dir.clone();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let looked = tokio::task::spawn_blocking(move || look(workspace, chosen, home.as_deref())).await;
        let found = looked.map_err(|error| ebb_core::Error::new(ebb_core::Code::Internal, error.to_string()))?;
        let output = match found.output {
            Some(output) => output,
            None => Output::Session(held.own_folder().await?),
        };
        Ok(Files::new(Arc::clone(held), options, found.base, found.is_root, output))
    }
}

async fn answered(mut roots: Answer) -> Option<PathBuf> {
    let answer = roots.wait_for(Option::is_some);
    let answer = tokio::time::timeout(PATIENCE + Duration::from_secs(1), answer).await.ok()?.ok()?;
    answer.clone().flatten()
}

/// The real workspace, and the output folder where it is not one of the session's own.
pub(super) fn look(workspace: Option<PathBuf>, chosen: Option<PathBuf>, home: Option<&Path>) -> Found {
    let base = workspace.and_then(|folder| folder.canonicalize().ok()).filter(|folder| folder.is_dir());
    let home = home.and_then(|home| home.canonicalize().ok());
    // With `/` or the home folder as the project everything would be inside.
    let is_root = base.as_ref().is_some_and(|base| base.parent().is_some() && Some(base) != home.as_ref());
    let chosen = chosen.and_then(|folder| {
        let whole = if folder.is_absolute() { folder } else { base.as_ref()?.join(folder) };
        inside::folder(&whole).ok()
    });
    let output = match (chosen, &base) {
        (Some(folder), _) => Some(Output::Chosen(folder)),
        (None, Some(base)) if is_root => own(base).map(Output::Workspace),
        _ => None,
    };
    Found { base, is_root, output }
}

/// The folder that Ebb may have in a workspace, if it can have one there.
fn own(workspace: &Path) -> Option<PathBuf> {
    let folder = workspace.join(journal::FOLDER);
    let writable = |path: &Path| access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    match folder.symlink_metadata() {
        // A link or a file of that name is somebody else's.
        Ok(meta) => (meta.is_dir() && writable(&folder)).then_some(folder),
        Err(_) => writable(workspace).then_some(folder),
    }
}
