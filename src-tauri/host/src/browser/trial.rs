//! A trial start: whether the browser that sessions would get really runs here.

use std::{path::PathBuf, time::Duration};

use ebb_core::{
    Code, Error, Result,
    ids::{InstanceId, SessionId},
    settings::Settings,
};

use super::Browsers;
use crate::run::{Guardian, RunDirs};

/// How long a trial may take. A browser that takes longer is of no use to anybody.
const TRIAL: Duration = Duration::from_secs(20);

/// Starts the browser, has it answer, and ends it; what it calls itself. Its folder
/// below `run_dir` carries this process's mark, so a trial that is killed is tidied up like a host.
///
/// # Errors
/// No browser, or what it said instead of running.
pub async fn trial(settings: &Settings, run_dir: PathBuf) -> Result<String> {
    let browsers = Browsers::new(settings, RunDirs::new(run_dir, &InstanceId::new(), Guardian::none()))?;
    let pool = browsers.usual_pool();
    // A browser that nobody needs is ended as soon as it runs.
    let user = SessionId::new();
    pool.acquire(&user);
    let started = tokio::time::timeout(TRIAL, pool.chromium()).await;
    pool.release(&user);
    browsers.stop().await;
    let late = || {
        Error::new(Code::BrowserUnresponsive, format!("the browser does not answer within {} s", TRIAL.as_secs()))
            .next("Close other programs, or name another browser with --browser.")
    };
    let (chromium, _) = started.map_err(|_| late())??;
    Ok(chromium.version.clone())
}
