//! The settings as the dashboard shows them.

use std::path::Path;

use ebb_core::settings::Settings;
use serde::{Deserialize, Serialize};

use super::{KEYS, load};

/// The settings file and everything that can stand in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SettingsView {
    /// Where it is.
    pub file: String,
    /// Whether it is there; without it all defaults hold.
    pub exists: bool,
    /// What is wrong with it.
    pub problems: Vec<SettingProblem>,
    /// Whether Ebb starts at login; none where that is not up to Ebb.
    pub login: Option<bool>,
    /// Every setting, in the order of the documentation.
    pub settings: Vec<SettingView>,
}

/// One mistake in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SettingProblem {
    /// The line it is in, from 1.
    pub line: Option<u32>,
    /// The setting.
    pub key: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What a value may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum SettingKind {
    /// A whole number.
    Number {
        /// The smallest.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        min: u64,
        /// The largest.
        #[cfg_attr(feature = "typescript", ts(type = "number"))]
        max: u64,
        /// `min`, `s`, `ms`, `MB`, `days` or nothing.
        unit: String,
    },
    /// On or off.
    Switch,
    /// One of these.
    Choice {
        /// In this order.
        choices: Vec<String>,
    },
    /// One line of text; empty for nothing.
    Text,
    /// One text a line.
    Words,
    /// `memory`, `sqlite`, or the URL of a Redis.
    Store,
}

/// One setting. Values are plain text: `30`, `true`, a path, one word a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct SettingView {
    /// `sessions.idle_minutes`.
    pub key: String,
    /// What it does, in one sentence.
    pub about: String,
    /// What it may be.
    pub kind: SettingKind,
    /// As the file says, else the default. A URL is shown without its password.
    pub value: String,
    /// What holds when the file says nothing.
    pub default: String,
    /// Whether the file says something.
    pub set: bool,
    /// What the running Ebb uses, where that is not what the file says; it takes a restart, or was said otherwise
    /// on the command line.
    pub running: Option<String>,
    /// Whether a restart would make it what the file says.
    pub restart: bool,
}

/// The settings of the file at `path` beside those that a host runs with: `running` is what it uses, `started` what the
/// file said when it started.
#[must_use]
pub fn view(path: &Path, running: &Settings, started: &Settings, login: Option<bool>) -> SettingsView {
    let (loaded, defaults) = (load(path), Settings::default());
    let settings = KEYS.iter().map(|key| {
        let (value, used) = (key.plain(&loaded.settings), key.plain(running));
        // A password that changed is a change, too; it is only not shown.
        let edited = !key.is_live() && !key.same(&loaded.settings, started);
        let differs = !key.is_live() && !key.same(&loaded.settings, running);
        SettingView {
            key: key.name.to_owned(),
            about: key.about.to_owned(),
            kind: key.kind(),
            default: key.plain(&defaults),
            set: loaded.set.contains(&key.name),
            running: differs.then_some(used),
            restart: edited,
            value,
        }
    });
    let settings = settings.collect();
    let problems = loaded.problems.iter().map(|problem| SettingProblem {
        line: problem.line.and_then(|line| u32::try_from(line).ok()),
        key: problem.key.clone(),
        message: problem.message.clone(),
    });
    SettingsView {
        file: path.display().to_string(),
        exists: path.exists(),
        problems: problems.collect(),
        login,
        settings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::set_plain;

    fn one(view: &SettingsView, key: &str) -> SettingView {
        view.settings.iter().find(|setting| setting.key == key).unwrap().clone()
    }

    #[test]
    fn what_is_edited_needs_a_restart_and_what_is_overridden_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let started = Settings::default();
        let mut running = started.clone();
        running.browser.no_sandbox = true;
        set_plain(&path, "sessions.max", "12").unwrap();
        set_plain(&path, "notifications.problems", "false").unwrap();
        let view = view(&path, &running, &started, None);
        let max = one(&view, "sessions.max");
        assert_eq!((max.value.as_str(), max.default.as_str(), max.set, max.restart), ("12", "256", true, true));
        assert_eq!(max.running.as_deref(), Some("256"));
        let sandbox = one(&view, "browser.no_sandbox");
        assert_eq!((sandbox.restart, sandbox.running.as_deref()), (false, Some("true")), "said on the command line");
        let notice = one(&view, "notifications.problems");
        assert_eq!((notice.value.as_str(), notice.restart, notice.running), ("false", false, None), "read at once");
        assert_eq!(
            one(&view, "history.days").kind,
            SettingKind::Number { min: 1, max: 3_650, unit: "days".to_owned() }
        );
        assert!(view.exists && view.problems.is_empty());
        std::fs::write(&path, "[sessions]\nmax = 12\nidel = 3\n").unwrap();
        let problems = super::view(&path, &running, &started, Some(true)).problems;
        assert_eq!((problems.len(), problems[0].line), (1, Some(3)));
    }

    #[test]
    fn plain_texts_are_written_as_their_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        for (key, text) in [
            ("browser.executable", "/opt/true"),
            ("browser.extra_args", "--lang=de\n--mute-audio\n"),
            ("cursors.store", "redis://me:pass@host:6379/0"),
            ("log.level", "debug"),
            ("browser.headed", "true"),
        ] {
            set_plain(&path, key, text).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for line in ["executable = \"/opt/true\"", "extra_args = [\"--lang=de\", \"--mute-audio\"]", "headed = true"] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        let shown = view(&path, &Settings::default(), &Settings::default(), None);
        assert_eq!(one(&shown, "cursors.store").value, "redis://host:6379/0");
        assert_eq!(one(&shown, "browser.extra_args").value, "--lang=de\n--mute-audio");
        // What is emptied is not set.
        set_plain(&path, "browser.executable", " ").unwrap();
        set_plain(&path, "browser.extra_args", "").unwrap();
        assert!(!one(&view(&path, &Settings::default(), &Settings::default(), None), "browser.executable").set);
        for (key, text) in [("sessions.max", "many"), ("sessions.max", "0"), ("log.level", "loud"), ("x.y", "1")] {
            assert!(set_plain(&path, key, text).is_err(), "{key} {text}");
        }
    }
}
