//! Logs: to a rotating file in the data directory, and to standard error when `RUST_LOG` asks.

use std::path::Path;

use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Log files kept, one a day.
const FILES: usize = 7;

/// Logs to standard error when `RUST_LOG` asks, and nowhere else: for a server that leaves no file.
pub fn to_stderr() {
    if std::env::var_os("RUST_LOG").is_some() {
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
        drop(tracing_subscriber::registry().with(layer.with_filter(EnvFilter::from_default_env())).try_init());
    }
}

/// Starts logging for this process at `level`, unless `RUST_LOG` says otherwise. Keep the guard until the end: dropping it writes what is queued.
/// A log that cannot be written is no reason not to run.
#[must_use]
pub fn start(folder: &Path, level: &str) -> Option<WorkerGuard> {
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("ebb")
        .filename_suffix("log")
        .max_log_files(FILES)
        .build(folder)
        .ok();
    let level = || {
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{level},rmcp=warn,hyper=warn")))
    };
    let (file, guard) = appender.map(tracing_appender::non_blocking).unzip();
    let to_file =
        file.map(|writer| tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).with_filter(level()));
    let wanted = std::env::var_os("RUST_LOG").is_some();
    let to_stderr = wanted.then(|| tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(level()));
    // A second host in one process, as in tests, keeps the first one's log.
    drop(tracing_subscriber::registry().with(to_file).with(to_stderr).try_init());
    guard
}
