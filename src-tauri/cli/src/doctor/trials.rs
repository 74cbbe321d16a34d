//! The checks that try: a browser is started and ended, a cursor is kept and read.

use std::path::PathBuf;

use ebb_core::{Error, Result, settings::Settings};
use ebb_host::{browser, cursors, paths::Paths};

use super::Check;

/// What trying says. `store`: whether the cursor store is to be tried too; a running host knows better.
pub(super) fn all(settings: &Settings, paths: &Paths, store: bool) -> Vec<Check> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return vec![Check::fail("start", format!("the system gives no threads: {error}"), None)],
    };
    let (folder, own) = folder(paths);
    let checks = runtime.block_on(async {
        let mut checks = vec![start(settings, folder.clone()).await];
        if store {
            checks.push(kept(settings, folder.clone()).await);
        }
        checks
    });
    if own {
        drop(std::fs::remove_dir_all(&folder));
    }
    checks
}

/// Where to try: where hosts run, so that whatever a killed trial leaves is tidied up at the next start; where
/// none ever ran, in a folder of our own, because asking makes no files.
fn folder(paths: &Paths) -> (PathBuf, bool) {
    if paths.run_dir.is_dir() {
        return (paths.run_dir.clone(), false);
    }
    (std::env::temp_dir().join(format!("ebb-doctor-{}", std::process::id())), true)
}

async fn start(settings: &Settings, folder: PathBuf) -> Check {
    let begun = std::time::Instant::now();
    match Box::pin(browser::trial(settings, folder)).await {
        Ok(version) => Check::ok("start", format!("{version} started and ended in {} ms", begun.elapsed().as_millis())),
        Err(error) => failed("start", error),
    }
}

async fn kept(settings: &Settings, folder: PathBuf) -> Check {
    let (choice, name) = (&settings.cursors.store, settings.cursors.store.shown());
    let tried: Result<()> = Box::pin(cursors::test(choice, folder)).await;
    match tried {
        Ok(()) => Check::ok("cursors", format!("kept and read back ({name})")),
        Err(error) => failed("cursors", Error { message: format!("{name}: {}", error.message), ..error }),
    }
}

fn failed(name: &'static str, error: Error) -> Check {
    Check::fail(name, error.message, error.next)
}
