//! The suite that the store in memory passes in the core, unchanged, for the stores that are somewhere.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use ebb_core::{
    cursors::{CursorStore, conformance::Maker},
    ids::InstanceId,
    ports::Clock,
    settings::CursorSettings,
};
use ebb_host::cursors::{RedisStore, SqliteStore};

/// How long a store that is dropped may take to have nothing left.
const AFTERWARDS: Duration = Duration::from_secs(10);

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(work);
}

mod sqlite {
    use support::{procs, wait_for};

    use super::*;

    struct Sqlite(PathBuf);

    #[async_trait]
    impl Maker for Sqlite {
        fn kind(&self) -> &'static str {
            "sqlite"
        }

        async fn make(&self, settings: CursorSettings, clock: Arc<dyn Clock>) -> Arc<dyn CursorStore> {
            Arc::new(SqliteStore::new(settings, clock, self.0.clone(), &InstanceId::new()).unwrap())
        }

        fn walks(&self) -> u32 {
            64
        }
    }

    fn run<F: Future<Output = ()>>(case: impl FnOnce(Arc<dyn Maker>) -> F) {
        let folder = tempfile::tempdir().unwrap();
        block_on(case(Arc::new(Sqlite(folder.path().to_owned()))));
        wait_for("no file is left", AFTERWARDS, || match procs::names(folder.path()) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        });
    }

    ebb_core::cursor_store_suite!(run);
}

mod redis {
    use support::{Redis, wait_for};

    use super::*;

    struct Server(Redis);

    #[async_trait]
    impl Maker for Server {
        fn kind(&self) -> &'static str {
            "redis"
        }

        async fn make(&self, settings: CursorSettings, clock: Arc<dyn Clock>) -> Arc<dyn CursorStore> {
            Arc::new(RedisStore::new(settings, clock, &self.0.url(), &InstanceId::new()).unwrap())
        }

        fn walks(&self) -> u32 {
            64
        }
    }

    fn run<F: Future<Output = ()>>(case: impl FnOnce(Arc<dyn Maker>) -> F) {
        let server = Arc::new(Server(Redis::start()));
        block_on(case(Arc::clone(&server) as Arc<dyn Maker>));
        wait_for("no key is left", AFTERWARDS, || match server.0.keys() {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        });
    }

    ebb_core::cursor_store_suite!(run);
}
