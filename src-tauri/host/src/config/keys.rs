//! The table of settings.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use ebb_core::settings::{Settings, StoreChoice};
use toml_edit::{Array, Value};

use super::view::SettingKind;

/// One setting.
pub struct Key {
    /// `section.name`; the unit stands at its end where there is one.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    field: Field,
}

/// Where the value lives, and what it may be.
enum Field {
    Time(fn(&mut Settings) -> &mut Duration, Unit, RangeInclusive<u64>),
    Megabytes(fn(&mut Settings) -> &mut u64, RangeInclusive<u64>),
    Count(fn(&mut Settings) -> &mut usize, RangeInclusive<u64>),
    Number(fn(&mut Settings) -> &mut u32, RangeInclusive<u64>),
    Switch(fn(&mut Settings) -> &mut bool),
    Path(fn(&mut Settings) -> &mut Option<PathBuf>),
    Address(fn(&mut Settings) -> &mut Option<String>),
    Words(fn(&mut Settings) -> &mut Vec<String>),
    Store,
    Level,
    Theme,
}

#[derive(Clone, Copy)]
enum Unit {
    Milliseconds,
    Seconds,
    Minutes,
}

impl Unit {
    const fn of(self, number: u64) -> Duration {
        match self {
            Self::Milliseconds => Duration::from_millis(number),
            Self::Seconds => Duration::from_secs(number),
            Self::Minutes => Duration::from_secs(number * 60),
        }
    }

    const fn count(self, time: Duration) -> u64 {
        match self {
            Self::Milliseconds => time.as_millis() as u64,
            Self::Seconds => time.as_secs(),
            Self::Minutes => time.as_secs() / 60,
        }
    }
}

/// As sizes are shown everywhere: 1 MB is 1,000,000 bytes.
const MB: u64 = 1_000_000;
const THEMES: [&str; 3] = ["system", "light", "dark"];
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Everything that can be set, in the order of the documentation.
pub static KEYS: [Key; 46] = [
    Key {
        name: "sessions.idle_minutes",
        about: "Without a call for this long a session ends whose client's process is not known. 0: never.",
        field: Field::Time(|s| &mut s.sessions.idle_timeout, Unit::Minutes, 0..=43_200),
    },
    Key {
        name: "sessions.idle_known_process_minutes",
        about: "The same while the client's process is known to live. 0: never.",
        field: Field::Time(|s| &mut s.sessions.idle_timeout_known_process, Unit::Minutes, 0..=43_200),
    },
    Key {
        name: "sessions.stream_lost_minutes",
        about: "The same for an HTTP client that had an event stream and lost it. 0: never.",
        field: Field::Time(|s| &mut s.sessions.stream_lost_timeout, Unit::Minutes, 0..=43_200),
    },
    Key {
        name: "sessions.reconnect_grace_seconds",
        about: "How long the session of a client that left waits for it to come back. 0: not at all.",
        field: Field::Time(|s| &mut s.sessions.reconnect_grace, Unit::Seconds, 0..=3_600),
    },
    Key {
        name: "sessions.max",
        about: "Sessions in all.",
        field: Field::Count(|s| &mut s.sessions.max_sessions, 1..=10_000),
    },
    Key {
        name: "sessions.max_per_process",
        about: "Sessions of one client process.",
        field: Field::Count(|s| &mut s.sessions.max_sessions_per_process, 1..=10_000),
    },
    Key {
        name: "sessions.max_clients",
        about: "Connected clients in all.",
        field: Field::Count(|s| &mut s.sessions.max_clients, 1..=10_000),
    },
    Key {
        name: "sessions.max_clients_per_process",
        about: "Connected clients of one process.",
        field: Field::Count(|s| &mut s.sessions.max_clients_per_process, 1..=10_000),
    },
    Key {
        name: "sessions.max_calls",
        about: "Calls of one session at once, the running one included.",
        field: Field::Count(|s| &mut s.sessions.max_calls, 1..=1_000),
    },
    Key {
        name: "sessions.max_tabs",
        about: "Tabs of one session.",
        field: Field::Count(|s| &mut s.sessions.max_tabs, 1..=1_000),
    },
    Key {
        name: "cursors.store",
        about: "Where long results are kept: memory, sqlite, or the URL of a Redis.",
        field: Field::Store,
    },
    Key {
        name: "cursors.ttl_minutes",
        about: "How long a cursor is kept after it was read last.",
        field: Field::Time(|s| &mut s.cursors.ttl, Unit::Minutes, 1..=1_440),
    },
    Key {
        name: "cursors.max_age_minutes",
        about: "No cursor is kept longer than this.",
        field: Field::Time(|s| &mut s.cursors.max_age, Unit::Minutes, 1..=10_080),
    },
    Key {
        name: "cursors.max_per_session",
        about: "Cursors of one session; the least recently read make room.",
        field: Field::Count(|s| &mut s.cursors.max_per_session, 1..=100_000),
    },
    Key {
        name: "cursors.max_session_mb",
        about: "Megabytes of one session's cursors.",
        field: Field::Megabytes(|s| &mut s.cursors.max_session_bytes, 1..=65_536),
    },
    Key {
        name: "cursors.max_total_mb",
        about: "Megabytes of all cursors.",
        field: Field::Megabytes(|s| &mut s.cursors.max_total_bytes, 1..=1_048_576),
    },
    Key {
        name: "cursors.page_tokens",
        about: "Tokens of one page, where the call does not say.",
        field: Field::Number(|s| &mut s.cursors.page_tokens, 500..=20_000),
    },
    Key {
        name: "devtools.max_console",
        about: "Console entries kept for each tab.",
        field: Field::Count(|s| &mut s.devtools.max_console, 10..=1_000_000),
    },
    Key {
        name: "devtools.max_network",
        about: "Requests kept for each tab.",
        field: Field::Count(|s| &mut s.devtools.max_network, 10..=1_000_000),
    },
    Key {
        name: "devtools.max_session_mb",
        about: "Megabytes of one session's buffers; the oldest entries go first.",
        field: Field::Megabytes(|s| &mut s.devtools.max_session_bytes, 1..=4_096),
    },
    Key {
        name: "browser.executable",
        about: "This Chromium, Chrome or Edge, whatever else is installed.",
        field: Field::Path(|s| &mut s.browser.executable),
    },
    Key {
        name: "browser.no_sandbox",
        about: "Run Chromium without its sandbox even where it would work.",
        field: Field::Switch(|s| &mut s.browser.no_sandbox),
    },
    Key {
        name: "browser.headed",
        about: "Sessions that do not say otherwise get a window.",
        field: Field::Switch(|s| &mut s.browser.headed),
    },
    Key {
        name: "browser.endpoint",
        about: "Use the browser that listens here (ws://... or http://...) instead of starting one.",
        field: Field::Address(|s| &mut s.browser.endpoint),
    },
    Key {
        name: "browser.extra_args",
        about: "Arguments added to Chromium's command line.",
        field: Field::Words(|s| &mut s.browser.extra_args),
    },
    Key {
        name: "browser.private_networks",
        about: "Open pages of private networks (10.0.0.0/8, 192.168.0.0/16, ...). Those of this machine open always.",
        field: Field::Switch(|s| &mut s.browser.private_networks),
    },
    Key {
        name: "browser.max_download_mb",
        about: "Megabytes of one downloaded file; a session's downloads together may take four times as much. 0: no limit.",
        field: Field::Megabytes(|s| &mut s.browser.max_download_bytes, 0..=1_048_576),
    },
    Key {
        name: "browser.max_session_mb",
        about: "Megabytes that one session's pages may hold; the heaviest page is ended above it. 0: no limit.",
        field: Field::Megabytes(|s| &mut s.browser.max_session_bytes, 0..=1_048_576),
    },
    Key {
        name: "cleanup.devtools_ms",
        about: "Milliseconds that the first step of a removal may take.",
        field: Field::Time(|s| &mut s.cleanup.devtools, Unit::Milliseconds, 50..=60_000),
    },
    Key {
        name: "cleanup.cursors_ms",
        about: "Milliseconds that the cursor step may take.",
        field: Field::Time(|s| &mut s.cleanup.cursors, Unit::Milliseconds, 50..=60_000),
    },
    Key {
        name: "cleanup.browser_ms",
        about: "Milliseconds that the browser step may take.",
        field: Field::Time(|s| &mut s.cleanup.browser, Unit::Milliseconds, 500..=60_000),
    },
    Key {
        name: "calls.action_seconds",
        about: "Seconds that acting on an element may take.",
        field: Field::Time(|s| &mut s.calls.action, Unit::Seconds, 1..=600),
    },
    Key {
        name: "calls.navigation_seconds",
        about: "Seconds that a navigation may take.",
        field: Field::Time(|s| &mut s.calls.navigation, Unit::Seconds, 1..=600),
    },
    Key {
        name: "history.days",
        about: "Days that past cleanups are kept.",
        field: Field::Number(|s| &mut s.history.days, 1..=3_650),
    },
    Key {
        name: "history.reports",
        about: "Past cleanups that are kept; the oldest go first.",
        field: Field::Number(|s| &mut s.history.reports, 1..=1_000_000),
    },
    Key {
        name: "log.level",
        about: "What is written to the log: error, warn, info, debug or trace. RUST_LOG wins over it.",
        field: Field::Level,
    },
    Key {
        name: "notifications.problems",
        about: "Tell when a cleanup had problems, or something could not be cleaned up.",
        field: Field::Switch(|s| &mut s.notifications.problems),
    },
    Key {
        name: "notifications.browser",
        about: "Tell when the browser crashed or does not respond, or Ebb cannot listen.",
        field: Field::Switch(|s| &mut s.notifications.browser),
    },
    Key {
        name: "notifications.memory",
        about: "Tell when sessions hold more than the limit; once, until they hold less than 80 % of it.",
        field: Field::Switch(|s| &mut s.notifications.memory),
    },
    Key {
        name: "notifications.memory_mb",
        about: "Megabytes of all sessions from which that is told.",
        field: Field::Megabytes(|s| &mut s.notifications.memory_bytes, 100..=1_048_576),
    },
    Key {
        name: "notifications.idle",
        about: "Tell when a session ended because nobody used it.",
        field: Field::Switch(|s| &mut s.notifications.idle),
    },
    Key {
        name: "notifications.clients",
        about: "Tell when a client connects or leaves.",
        field: Field::Switch(|s| &mut s.notifications.clients),
    },
    Key { name: "window.theme", about: "Colours of the dashboard: system, light or dark.", field: Field::Theme },
    Key {
        name: "window.hide_pages",
        about: "Show no pictures, titles and whole addresses of pages in the dashboard, for sharing a screen.",
        field: Field::Switch(|s| &mut s.window.hide_pages),
    },
    Key {
        name: "window.single_keys",
        about: "Shortcuts of one letter, such as / for the filter.",
        field: Field::Switch(|s| &mut s.window.single_keys),
    },
    Key {
        name: "window.ask_before_quit",
        about: "Ask before Ebb is quit while sessions are open.",
        field: Field::Switch(|s| &mut s.window.ask_before_quit),
    },
];

/// The key with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

impl Key {
    /// Its value in `settings`, as it stands in the file; none where nothing is set. A URL is shown without
    /// its password.
    #[must_use]
    pub fn shown(&self, settings: &Settings) -> Option<String> {
        let mut settings = settings.clone();
        Some(match &self.field {
            Field::Time(of, unit, _) => unit.count(*of(&mut settings)).to_string(),
            Field::Megabytes(of, _) => (*of(&mut settings) / MB).to_string(),
            Field::Count(of, _) => of(&mut settings).to_string(),
            Field::Number(of, _) => of(&mut settings).to_string(),
            Field::Switch(of) => of(&mut settings).to_string(),
            Field::Path(of) => quoted(&of(&mut settings).clone()?.display().to_string()),
            Field::Address(of) => quoted(&without_password(of(&mut settings).as_deref()?)),
            Field::Words(of) => Value::from(of(&mut settings).iter().collect::<Array>()).to_string(),
            Field::Store => quoted(&settings.cursors.store.shown()),
            Field::Level => quoted(&settings.log_level),
            Field::Theme => quoted(&settings.window.theme),
        })
    }

    /// The same as plain text, one word a line; empty where nothing is set.
    #[must_use]
    pub fn plain(&self, settings: &Settings) -> String {
        let mut settings = settings.clone();
        match &self.field {
            Field::Path(of) => of(&mut settings).as_deref().map(|path| path.display().to_string()).unwrap_or_default(),
            Field::Address(of) => of(&mut settings).as_deref().map(without_password).unwrap_or_default(),
            Field::Words(of) => of(&mut settings).join("\n"),
            Field::Store => settings.cursors.store.shown(),
            Field::Level => settings.log_level,
            Field::Theme => settings.window.theme,
            _ => self.shown(&settings).unwrap_or_default(),
        }
    }

    /// What a plain text stands for; none where it says that nothing is set.
    #[must_use]
    pub fn value_of(&self, text: &str) -> Option<Value> {
        match &self.field {
            Field::Words(_) => {
                let words: Array = text.lines().map(str::trim).filter(|word| !word.is_empty()).collect();
                (!words.is_empty()).then(|| words.into())
            }
            Field::Path(_) | Field::Address(_) | Field::Store | Field::Level | Field::Theme => {
                let text = text.trim();
                (!text.is_empty()).then(|| text.into())
            }
            Field::Switch(_) => Some(text.trim().parse::<bool>().map_or_else(|_| text.into(), Value::from)),
            _ => Some(text.trim().parse::<i64>().map_or_else(|_| text.into(), Value::from)),
        }
    }

    /// Whether both say the same, what is not shown included.
    #[must_use]
    pub fn same(&self, one: &Settings, other: &Settings) -> bool {
        let (mut one, mut other) = (one.clone(), other.clone());
        match &self.field {
            Field::Store => one.cursors.store == other.cursors.store,
            Field::Address(of) => of(&mut one) == of(&mut other),
            _ => self.plain(&one) == self.plain(&other),
        }
    }

    /// Whether a change is seen at once, and not only after a restart.
    #[must_use]
    pub fn is_live(&self) -> bool {
        ["notifications.", "window."].iter().any(|section| self.name.starts_with(section))
    }

    /// What it may be, for a form.
    #[must_use]
    pub fn kind(&self) -> SettingKind {
        let number = |range: &RangeInclusive<u64>, unit: &str| SettingKind::Number {
            min: *range.start(),
            max: *range.end(),
            unit: unit.to_owned(),
        };
        let choices = |all: &[&str]| SettingKind::Choice { choices: all.iter().map(|&one| one.to_owned()).collect() };
        match &self.field {
            Field::Time(_, Unit::Milliseconds, range) => number(range, "ms"),
            Field::Time(_, Unit::Seconds, range) => number(range, "s"),
            Field::Time(_, Unit::Minutes, range) => number(range, "min"),
            Field::Megabytes(_, range) => number(range, "MB"),
            Field::Count(_, range) => number(range, ""),
            Field::Number(_, range) => number(range, if self.name.ends_with("days") { "days" } else { "" }),
            Field::Switch(_) => SettingKind::Switch,
            Field::Path(_) | Field::Address(_) => SettingKind::Text,
            Field::Words(_) => SettingKind::Words,
            Field::Store => SettingKind::Store,
            Field::Level => choices(&LEVELS),
            Field::Theme => choices(&THEMES),
        }
    }

    /// What it may be, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        let whole = |range: &RangeInclusive<u64>| format!("a whole number from {} to {}", range.start(), range.end());
        match &self.field {
            Field::Time(_, _, range)
            | Field::Megabytes(_, range)
            | Field::Count(_, range)
            | Field::Number(_, range) => whole(range),
            Field::Switch(_) => "true or false".to_owned(),
            Field::Path(_) => "an absolute path in quotes".to_owned(),
            Field::Address(_) => "an address in quotes, such as \"ws://127.0.0.1:9222\"".to_owned(),
            Field::Words(_) => "a list of texts, such as [\"--lang=de\"]".to_owned(),
            Field::Store => "\"memory\", \"sqlite\" or a URL such as \"redis://127.0.0.1:6379/0\"".to_owned(),
            Field::Level => LEVELS.map(|level| format!("\"{level}\"")).join(", "),
            Field::Theme => THEMES.map(|theme| format!("\"{theme}\"")).join(", "),
        }
    }

    /// Sets it in `settings`; the error says what it may be.
    ///
    /// # Errors
    /// A value of another type, or out of range. Nothing is changed then.
    pub fn set(&self, settings: &mut Settings, value: &Value) -> Result<(), String> {
        let wrong = || format!("expected {}", self.allowed());
        let number = |range: &RangeInclusive<u64>| {
            let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
            number.filter(|number| range.contains(number)).ok_or_else(wrong)
        };
        let text = || value.as_str().map(str::trim).filter(|text| !text.is_empty()).ok_or_else(wrong);
        match &self.field {
            Field::Time(of, unit, range) => *of(settings) = unit.of(number(range)?),
            Field::Megabytes(of, range) => *of(settings) = number(range)? * MB,
            Field::Count(of, range) => *of(settings) = usize::try_from(number(range)?).map_err(|_| wrong())?,
            Field::Number(of, range) => *of(settings) = u32::try_from(number(range)?).map_err(|_| wrong())?,
            Field::Switch(of) => *of(settings) = value.as_bool().ok_or_else(wrong)?,
            Field::Path(of) => {
                let path = PathBuf::from(text()?);
                *of(settings) = Some(path.is_absolute().then_some(path).ok_or_else(wrong)?);
            }
            Field::Address(of) => {
                let address = text()?;
                let known = ["ws://", "wss://", "http://", "https://"].iter().any(|scheme| address.starts_with(scheme));
                *of(settings) = Some(known.then(|| address.to_owned()).ok_or_else(wrong)?);
            }
            Field::Words(of) => {
                let words = value.as_array().ok_or_else(wrong)?.iter();
                let words: Option<Vec<String>> = words.map(|word| word.as_str().map(str::to_owned)).collect();
                *of(settings) = words.ok_or_else(wrong)?;
            }
            Field::Store => settings.cursors.store = text()?.parse::<StoreChoice>().map_err(|_| wrong())?,
            Field::Level => {
                let level = text()?;
                settings.log_level = LEVELS.contains(&level).then(|| level.to_owned()).ok_or_else(wrong)?;
            }
            Field::Theme => {
                let theme = text()?;
                settings.window.theme = THEMES.contains(&theme).then(|| theme.to_owned()).ok_or_else(wrong)?;
            }
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// An address as people may see it.
fn without_password(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{}", place.split(['?', '#']).next().unwrap_or_default())
}
