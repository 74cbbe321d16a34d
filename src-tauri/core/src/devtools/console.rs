//! What a tab's pages wrote to the console.

use std::fmt::Write as _;

use super::ring::{Ring, Weighed};

/// How grave a message is; the graver, the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `error`, `assert`, uncaught exceptions.
    Error,
    /// `warning`.
    Warning,
    /// `log`, `info`, `count`, `dir`, `table`, `time` and what nobody knows.
    Info,
    /// `debug`, `trace`, `clear`, groups and profiles.
    Debug,
}

impl Level {
    /// The level of a kind of message.
    #[must_use]
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "error" | "assert" => Self::Error,
            "warning" => Self::Warning,
            "debug"
            | "trace"
            | "clear"
            | "startGroup"
            | "startGroupCollapsed"
            | "endGroup"
            | "profile"
            | "profileEnd" => Self::Debug,
            _ => Self::Info,
        }
    }

    /// The level called so by a client.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "error" => Some(Self::Error),
            "warning" => Some(Self::Warning),
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            _ => None,
        }
    }

    /// What a client calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsoleEntry {
    /// How grave it is.
    pub level: Level,
    /// `log`, `error`, `warning`, `assert`, ...; printed in upper case.
    pub kind: String,
    /// The message; of an uncaught exception its stack.
    pub text: String,
    /// Where it came from.
    pub url: String,
    /// The line there, counted from 0.
    pub line: u32,
    /// Milliseconds since the page's navigation.
    pub at_ms: f64,
    /// Whether `text` is the stack of an uncaught exception, to be printed alone.
    pub exception: bool,
}

impl Weighed for ConsoleEntry {
    fn heap_bytes(&self) -> usize {
        self.kind.len() + self.text.len() + self.url.len()
    }
}

impl ConsoleEntry {
    /// Clips what a page chose, and gives back what clipping left unused.
    pub(super) fn clip(&mut self, max_chars: usize) {
        clip(&mut self.text, max_chars);
        clip(&mut self.url, max_chars);
        clip(&mut self.kind, 32);
    }
}

/// Cuts a text after `max_chars` characters, and says how many are missing.
pub(super) fn clip(text: &mut String, max_chars: usize) {
    if text.len() > max_chars
        && let Some((at, _)) = text.char_indices().nth(max_chars)
    {
        let missing = text[at..].chars().count();
        text.truncate(at);
        // Writing to a string cannot fail.
        write!(text, "... ({missing} more characters)").unwrap_or_default();
    }
    text.shrink_to_fit();
}

/// Messages of a tab, as a tool lists them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConsoleList {
    /// All messages of the period asked for, lost ones included.
    pub total: u64,
    /// Of which errors.
    pub errors: u64,
    /// Of which warnings.
    pub warnings: u64,
    /// Those kept that are at least as grave as asked for, oldest first.
    pub entries: Vec<ConsoleEntry>,
    /// Of `total`, those no longer kept.
    pub lost: u64,
}

/// Messages that came after one already told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConsoleNews {
    /// The number of the first message of the document that is shown now.
    pub began: u64,
    /// The number of the last message so far; ask for what comes after it next time.
    pub last: u64,
    /// New errors, lost ones included.
    pub errors: u64,
    /// New warnings, lost ones included.
    pub warnings: u64,
    /// The new messages that are kept, with their numbers, oldest first.
    pub entries: Vec<(u64, ConsoleEntry)>,
    /// New messages no longer kept.
    pub lost: u64,
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    errors: u64,
    warnings: u64,
}

impl Counts {
    fn add(&mut self, level: Level) {
        match level {
            Level::Error => self.errors += 1,
            Level::Warning => self.warnings += 1,
            Level::Info | Level::Debug => {}
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self { errors: self.errors - other.errors, warnings: self.warnings - other.warnings }
    }
}

/// A tab's console.
#[derive(Debug, Default)]
pub(super) struct Console {
    pub(super) ring: Ring<ConsoleEntry>,
    /// Of all messages ever.
    ever: Counts,
    /// Of those no longer kept.
    lost: Counts,
    /// What was there when the page navigated last: the number of the next message, and counts.
    mark: Option<(u64, Counts)>,
}

impl Console {
    pub(super) fn push(&mut self, age: u64, entry: ConsoleEntry) {
        self.ever.add(entry.level);
        self.ring.push(age, entry);
    }

    pub(super) fn pop(&mut self) {
        if let Some(entry) = self.ring.pop() {
            self.lost.add(entry.level);
        }
    }

    pub(super) fn navigated(&mut self) {
        self.mark = Some((self.ring.next_number(), self.ever));
    }

    /// Errors and warnings since the last navigation.
    pub(super) fn counts(&self) -> (u64, u64) {
        let counts = self.ever.minus(self.mark.unwrap_or_default().1);
        (counts.errors, counts.warnings)
    }

    /// Errors and warnings kept.
    pub(super) fn kept(&self) -> (u64, u64) {
        let counts = self.ever.minus(self.lost);
        (counts.errors, counts.warnings)
    }

    pub(super) fn list(&self, min: Level, all: bool) -> ConsoleList {
        let (from, before) = if all { (1, Counts::default()) } else { self.mark.unwrap_or((1, Counts::default())) };
        let counts = self.ever.minus(before);
        ConsoleList {
            total: self.ring.next_number() - from,
            errors: counts.errors,
            warnings: counts.warnings,
            entries: self
                .ring
                .from(from)
                .filter(|(_, entry)| entry.level <= min)
                .map(|(_, entry)| entry.clone())
                .collect(),
            lost: self.ring.first_number().saturating_sub(from),
        }
    }

    pub(super) fn since(&self, number: u64) -> ConsoleNews {
        let mut news = ConsoleNews {
            began: self.mark.map_or(1, |(number, _)| number),
            last: self.ring.next_number() - 1,
            lost: (self.ring.first_number() - 1).saturating_sub(number),
            ..ConsoleNews::default()
        };
        for (number, entry) in self.ring.from(number.saturating_add(1)) {
            match entry.level {
                Level::Error => news.errors += 1,
                Level::Warning => news.warnings += 1,
                Level::Info | Level::Debug => {}
            }
            news.entries.push((number, entry.clone()));
        }
        news
    }
}
