use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    cursors::{CursorStore, MemoryStore, conformance::Maker},
    ports::Clock,
    settings::CursorSettings,
};

struct Memory;

#[async_trait]
impl Maker for Memory {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn make(&self, settings: CursorSettings, clock: Arc<dyn Clock>) -> Arc<dyn CursorStore> {
        Arc::new(MemoryStore::new(settings, clock))
    }
}

fn run<F: Future<Output = ()>>(case: impl FnOnce(Arc<dyn Maker>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(case(Arc::new(Memory)));
}

crate::cursor_store_suite!(run);
