//! Logs: to a rotating file in the data directory, and to standard error when `RUST_LOG` asks.

use std::{
    io::{self, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Log files kept, one a day.
const FILES: usize = 7;
/// Bytes of one day's file; what comes after is counted, not written.
const DAY: u64 = 64 * 1024 * 1024;

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
    let (file, guard) = appender.map(|file| tracing_appender::non_blocking(Bounded::new(file, DAY))).unzip();
    let to_file =
        file.map(|writer| tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer).with_filter(level()));
    let wanted = std::env::var_os("RUST_LOG").is_some();
    let to_stderr = wanted.then(|| tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(level()));
    // A second host in one process, as in tests, keeps the first one's log.
    drop(tracing_subscriber::registry().with(to_file).with(to_stderr).try_init());
    guard
}

/// A log that stops growing at so many bytes a day, and says how many it left out.
struct Bounded<W> {
    inner: W,
    limit: u64,
    day: u64,
    written: u64,
    left_out: u64,
}

impl<W: Write> Bounded<W> {
    fn new(inner: W, limit: u64) -> Self {
        Self { inner, limit, day: today(), written: 0, left_out: 0 }
    }

    fn write_on(&mut self, day: u64, line: &[u8]) -> io::Result<()> {
        if day != self.day {
            if self.left_out > 0 {
                writeln!(self.inner, "{} bytes were left out: a day's log has at most {}", self.left_out, self.limit)?;
            }
            (self.day, self.written, self.left_out) = (day, 0, 0);
        }
        let size = line.len() as u64;
        if self.written + size > self.limit {
            if self.left_out == 0 {
                writeln!(self.inner, "this day's log is full ({} bytes); the rest is left out", self.limit)?;
            }
            self.left_out += size;
            return Ok(());
        }
        self.written += size;
        self.inner.write_all(line)
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_on(today(), line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Days since 1970.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_fills_one_day_and_no_more() {
        let mut log = Bounded::new(Vec::new(), 100);
        for _ in 0..1_000 {
            log.write_on(1, b"twenty bytes of text\n").unwrap();
        }
        log.write_on(2, b"tomorrow\n").unwrap();
        let text = String::from_utf8(log.inner).unwrap();
        assert_eq!(text.matches("twenty").count(), 4);
        assert!(text.contains("log is full") && text.contains("20916 bytes were left out"), "{text}");
        assert!(text.ends_with("tomorrow\n"));
    }
}
