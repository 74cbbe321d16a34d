//! What must hold, proved from outside: a real host, real clients, a real Chromium, real kills.
//!
//! Names begin with the case of the fault catalogue (F01 ...) where there is one. `EBB_TEST_TIMES=file`
//! collects the real times, `EBB_TEST_KEEP=1` keeps the folder of a test that failed.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// The dashboard's TypeScript types are those of Rust.
mod bindings;
/// Every way a client can go: closed, half closed, killed while idle, while a page hangs, while its browser is born.
mod disconnects;
