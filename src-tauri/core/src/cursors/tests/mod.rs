//! Cursors as a whole. `memory`: the suite of all stores, here for the one in memory. `pages`: nothing
//! lost, nothing moved. `wire`: the texts, byte by byte.

mod memory;
mod pages;
mod wire;

use std::sync::Arc;

use super::{
    MemoryStore,
    conformance::{World, numbered, settings, text},
};
use crate::{ports::fake::ManualClock, settings::CursorSettings};

impl World {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: CursorSettings) -> Self {
        let clock = Arc::new(ManualClock::new());
        let store = Arc::new(MemoryStore::new(settings.clone(), clock.clone()));
        Self::over(store, settings, clock)
    }
}
