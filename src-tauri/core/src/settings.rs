//! Settings: every limit and lifetime with its default.

use std::{path::PathBuf, time::Duration};

/// Everything a host can be told. Defaults are those of the design.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Lifetimes and limits of sessions and clients.
    pub sessions: SessionSettings,
    /// Lifetimes and budgets of cursors.
    pub cursors: CursorSettings,
    /// Bounds of the DevTools buffers.
    pub devtools: DevtoolsSettings,
    /// Which Chromium and how.
    pub browser: BrowserSettings,
    /// How long each step of a removal may take.
    pub cleanup: CleanupSettings,
    /// How long a tool call may take.
    pub calls: CallSettings,
    /// How long past cleanups are kept.
    pub history: HistorySettings,
    /// What is written to the log: `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: String,
    /// What the desktop is told.
    pub notifications: NotificationSettings,
    /// How the dashboard looks.
    pub window: WindowSettings,
}

/// What the desktop is told. Read anew whenever something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationSettings {
    /// Cleanups with problems, and what could not be cleaned up.
    pub problems: bool,
    /// The browser crashed or does not respond; Ebb cannot listen.
    pub browser: bool,
    /// Sessions hold more than `memory_bytes`.
    pub memory: bool,
    /// Bytes of all sessions.
    pub memory_bytes: u64,
    /// A session ended because nobody used it.
    pub idle: bool,
    /// A client came or left.
    pub clients: bool,
}

/// How the dashboard looks. Read anew whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowSettings {
    /// `system`, `light` or `dark`.
    pub theme: String,
    /// No pictures, titles and whole addresses of pages.
    pub hide_pages: bool,
    /// Shortcuts of one letter.
    pub single_keys: bool,
    /// Ask before Ebb is quit with open sessions.
    pub ask_before_quit: bool,
}

/// Lifetimes and limits of sessions and clients.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Without a call for this long a session ends, when the client's process is not known to live. Zero: never.
    pub idle_timeout: Duration,
    /// The same while the client's process is known to live. Zero: never.
    pub idle_timeout_known_process: Duration,
    /// The same for an HTTP client that had an event stream and lost it. Zero: never.
    pub stream_lost_timeout: Duration,
    /// How long the session of a client that left waits for it to come back. Zero: not at all.
    pub reconnect_grace: Duration,
    /// How long a half-closed stream may take to receive its last answers.
    pub half_close_grace: Duration,
    /// How long a new connection may stay silent.
    pub silent_connection: Duration,
    /// Sessions in all.
    pub max_sessions: usize,
    /// Sessions of one client process, over all transports.
    pub max_sessions_per_process: usize,
    /// Clients in all.
    pub max_clients: usize,
    /// Clients of one process.
    pub max_clients_per_process: usize,
    /// Calls of one session, the running one included.
    pub max_calls: usize,
    /// Tabs of one session.
    pub max_tabs: usize,
    /// How often the sweeper looks while there is anything to look at.
    pub sweep_interval: Duration,
}

/// Where cursors are kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum StoreChoice {
    /// In the host's memory.
    #[default]
    Memory,
    /// In throw-away SQLite files of the run folder, one a session.
    Sqlite,
    /// In Redis at this URL. It may contain a password: never show or log it whole.
    Redis(String),
}

/// The ways to write a place of Redis.
const REDIS: [&str; 7] =
    ["redis://", "rediss://", "valkey://", "valkeys://", "redis+unix://", "valkey+unix://", "unix://"];

impl StoreChoice {
    /// As people may see it: without user name, password and options.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::Sqlite => "sqlite".to_owned(),
            Self::Redis(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("redis", ""));
                // Everything up to the last one: a password may contain what an address may not.
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                let place = place.split(['?', '#']).next().unwrap_or_default();
                format!("{scheme}://{place}")
            }
        }
    }
}

/// Never shows a password.
impl std::fmt::Debug for StoreChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// `memory`, `sqlite`, or the URL of a Redis. Whether the URL can be used is for the store to say.
impl std::str::FromStr for StoreChoice {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        match text.trim() {
            "memory" => Ok(Self::Memory),
            "sqlite" => Ok(Self::Sqlite),
            url if REDIS.iter().any(|scheme| url.starts_with(scheme)) => Ok(Self::Redis(url.to_owned())),
            // Not repeated: it may be a URL with a password and a slip of the pen.
            _ => Err(crate::Error::new(crate::Code::InvalidArguments, "this is no store for cursors")
                .next("Use memory, sqlite, or a URL such as redis://127.0.0.1:6379/0.")),
        }
    }
}

/// Lifetimes and budgets of cursors.
#[derive(Debug, Clone)]
pub struct CursorSettings {
    /// Where they are kept.
    pub store: StoreChoice,
    /// After the last read a cursor lives this long.
    pub ttl: Duration,
    /// No cursor lives longer than this.
    pub max_age: Duration,
    /// How long an ended cursor is remembered, so that its owner learns why it is gone.
    pub tombstone: Duration,
    /// Cursors of one session.
    pub max_per_session: usize,
    /// Bytes of one session's cursors.
    pub max_session_bytes: u64,
    /// Bytes of all cursors.
    pub max_total_bytes: u64,
    /// Tokens of one page where the call does not say.
    pub page_tokens: u32,
}

/// Bounds of the DevTools buffers of one tab.
#[derive(Debug, Clone)]
pub struct DevtoolsSettings {
    /// Console entries a tab.
    pub max_console: usize,
    /// Network entries a tab.
    pub max_network: usize,
    /// Bytes of all buffers of one session; the oldest entries go first.
    pub max_session_bytes: u64,
    /// Characters kept of one console message.
    pub max_message_chars: usize,
}

/// Which Chromium and how.
#[derive(Debug, Clone, Default)]
pub struct BrowserSettings {
    /// This binary, whatever else is installed.
    pub executable: Option<PathBuf>,
    /// Run without Chromium's sandbox even where it would work.
    pub no_sandbox: bool,
    /// Arguments added to the command line.
    pub extra_args: Vec<String>,
    /// Sessions that do not say otherwise get a window of the full browser.
    pub headed: bool,
    /// Use the browser that listens here (`ws://...`) instead of starting one.
    pub endpoint: Option<String>,
    /// Whether pages of private networks may be opened. Pages of this machine always may.
    pub private_networks: bool,
    /// Bytes of one downloaded file; a session's downloads together may take four times as much. Zero: no limit.
    pub max_download_bytes: u64,
    /// Bytes that the pages of one session may hold; above it the heaviest of them is ended. Zero: no limit.
    pub max_session_bytes: u64,
}

/// How long past cleanups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySettings {
    /// Days; older reports go.
    pub days: u32,
    /// Reports; the oldest go first.
    pub reports: u32,
}

/// Deadlines of the steps of a removal.
#[derive(Debug, Clone)]
pub struct CleanupSettings {
    /// Step D.
    pub devtools: Duration,
    /// Step C.
    pub cursors: Duration,
    /// Step B.
    pub browser: Duration,
    /// Removals that run at once.
    pub parallel: usize,
    /// Steps B that run at once while the host goes on: one browser takes its contexts apart one by one,
    /// and of a hundred at once each would look as if it hung.
    pub parallel_browser: usize,
    /// Reports kept in memory.
    pub reports_kept: usize,
}

/// Deadlines of tool calls.
#[derive(Debug, Clone)]
pub struct CallSettings {
    /// Acting on an element.
    pub action: Duration,
    /// A navigation.
    pub navigation: Duration,
    /// An answer from a silent browser.
    pub browser_silent: Duration,
    /// Any call.
    pub call: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_mins(n);
        // As people are shown sizes: 1 MB is 1,000,000 bytes.
        let mb = |n: u64| n * 1_000_000;
        Self {
            sessions: SessionSettings {
                idle_timeout: minutes(30),
                idle_timeout_known_process: minutes(8 * 60),
                stream_lost_timeout: minutes(30),
                reconnect_grace: Duration::ZERO,
                half_close_grace: Duration::from_secs(5),
                silent_connection: Duration::from_secs(10),
                max_sessions: 256,
                max_sessions_per_process: 16,
                max_clients: 1_024,
                max_clients_per_process: 64,
                max_calls: 8,
                max_tabs: 32,
                sweep_interval: Duration::from_secs(1),
            },
            cursors: CursorSettings {
                store: StoreChoice::default(),
                ttl: minutes(15),
                max_age: minutes(120),
                tombstone: minutes(120),
                max_per_session: 256,
                max_session_bytes: mb(64),
                max_total_bytes: mb(512),
                page_tokens: 8_000,
            },
            devtools: DevtoolsSettings {
                max_console: 2_000,
                max_network: 2_000,
                max_session_bytes: mb(32),
                max_message_chars: 10_000,
            },
            // What one page's script can hold at all; more is many heavy pages, or one that runs away.
            browser: BrowserSettings {
                max_session_bytes: mb(4_000),
                max_download_bytes: mb(250),
                ..BrowserSettings::default()
            },
            cleanup: CleanupSettings {
                devtools: Duration::from_millis(300),
                cursors: Duration::from_millis(700),
                browser: Duration::from_secs(3),
                parallel: 64,
                parallel_browser: 8,
                reports_kept: 200,
            },
            calls: CallSettings {
                action: Duration::from_secs(5),
                navigation: Duration::from_mins(1),
                browser_silent: Duration::from_secs(30),
                call: Duration::from_mins(2),
            },
            history: HistorySettings { days: 30, reports: 10_000 },
            log_level: "info".to_owned(),
            notifications: NotificationSettings {
                problems: true,
                browser: true,
                memory: true,
                memory_bytes: mb(2_000),
                idle: false,
                clients: false,
            },
            window: WindowSettings {
                theme: "system".to_owned(),
                hide_pages: false,
                single_keys: true,
                ask_before_quit: true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("redis://me:secret@10.0.0.7:6379/1", "redis://10.0.0.7:6379/1"),
            ("redis://:sec@ret/?#@host", "redis://host"),
            ("redis+unix:///run/redis.sock?db=1&pass=secret", "redis+unix:///run/redis.sock"),
        ] {
            let choice: StoreChoice = url.parse().unwrap();
            assert_eq!(choice, StoreChoice::Redis(url.to_owned()));
            assert_eq!(choice.shown(), shown);
            assert_eq!(format!("{choice:?}"), shown);
        }
        assert_eq!("memory".parse(), Ok(StoreChoice::Memory));
        assert_eq!(" sqlite ".parse(), Ok(StoreChoice::Sqlite));
        for wrong in ["", "redis", "postgres://secret@host", "Memory", "redis:/secret"] {
            let error = wrong.parse::<StoreChoice>().unwrap_err();
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }
}
