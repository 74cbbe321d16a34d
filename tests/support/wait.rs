//! Waiting for conditions, with deadlines that say what was seen last.

use std::{
    io::Write,
    thread::sleep,
    time::{Duration, Instant},
};

/// How much longer than the design's limit a test waits: slow and busy machines fail no test, and the
/// real time is printed.
pub const SLOW: u32 = 4;

/// A duration of `n` milliseconds.
#[must_use]
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Waits until `look` finds what it looks for; its error says what it saw instead.
pub fn wait_for<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if began.elapsed() > deadline => panic!("{what}: not within {deadline:?}; last seen: {seen}"),
            Err(_) => sleep(pause),
        }
        pause = (pause * 3 / 2).min(ms(25));
    }
}

/// Waits for something that began at `began` and has a limit in the design; records the real time.
pub fn within<T>(what: &str, began: Instant, limit: Duration, look: impl FnMut() -> Result<T, String>) -> T {
    let left = (limit * SLOW).saturating_sub(began.elapsed());
    let found = wait_for(what, left, look);
    record(what, began.elapsed(), limit);
    found
}

/// Writes a real time next to its limit: on standard error, and into the file `EBB_TEST_TIMES`.
pub fn record(what: &str, took: Duration, limit: Duration) {
    let over = if took > limit { "  OVER" } else { "" };
    let line = format!("{what}: {:.1} ms (limit {} ms){over}", took.as_secs_f64() * 1e3, limit.as_millis());
    eprintln!("{line}");
    if let Some(path) = std::env::var_os("EBB_TEST_TIMES") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("EBB_TEST_TIMES can be written");
    }
}

/// Looks again and again for `duration`; the first error ends the test. For what must not happen.
pub fn holds_for(what: &str, duration: Duration, mut look: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    loop {
        if let Err(seen) = look() {
            panic!("{what}: broken after {:?}: {seen}", began.elapsed());
        }
        if began.elapsed() > duration {
            return;
        }
        sleep(ms(20));
    }
}
