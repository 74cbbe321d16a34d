//! What a removal writes to the log, for whoever looks for a cause afterwards.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::support::{MINUTE, SECOND, Sea};
use crate::ports::fake::{Method, Script};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Everything of this thread goes here until the guard is dropped.
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self, level: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        text.lines().filter(|line| line.contains(level)).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_one_line_with_its_figures() {
    let (log, _guard) = Log::begin();
    let sea = Sea::new();
    let (_, session) = sea.full_session().await;
    let report = sea.end(&session).await;
    let lines = log.lines("removed session");
    assert_eq!(lines.len(), 1, "{lines:?}");
    for field in [
        format!("id={}", session.id()),
        format!("cursors={}", report.freed.cursors),
        format!("bytes={}", report.freed.bytes()),
        "ms=".to_owned(),
        "reason=".to_owned(),
        "INFO".to_owned(),
    ] {
        assert!(lines[0].contains(&field), "{field} is not in {}", lines[0]);
    }
    assert!(log.lines("WARN").is_empty() && log.lines("ERROR").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_warns_and_an_old_leftover_is_an_error_once() {
    let (log, _guard) = Log::begin();
    let sea = Sea::swept();
    let (_, session) = sea.full_session().await;
    sea.browser.script(session.id(), Method::Dispose, Script::Fail);
    sea.end(&session).await;
    let warned = log.lines("a step of a removal failed");
    assert!(warned.len() == 1 && warned[0].contains("WARN") && warned[0].contains("Dispose failed"), "{warned:?}");
    tokio::time::sleep(4 * MINUTE).await;
    assert!(log.lines("ERROR").is_empty(), "{:?}", log.lines("ERROR"));
    tokio::time::sleep(2 * MINUTE + SECOND).await;
    let errors = log.lines("ERROR");
    assert!(!errors.is_empty() && errors[0].contains(session.id().as_str()), "{errors:?}");
}
