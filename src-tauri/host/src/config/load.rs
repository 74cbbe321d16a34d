//! Reading the file.

use std::{fmt, ops::Range, path::Path};

use ebb_core::{sessions::clean_text, settings::Settings};
use toml_edit::{Document, Item, Table, TableLike};

use super::{
    keys::{self, KEYS},
    read,
};

/// Problems that are told; more of them tell nothing new.
const MAX_PROBLEMS: usize = 20;

/// What the file says.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The defaults, and what the file changes of them.
    pub settings: Settings,
    /// The keys that the file sets, all of them well.
    pub set: Vec<&'static str>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// What is wrong, as one text for people; none when all is well.
    #[must_use]
    pub fn problem(&self, path: &Path) -> Option<String> {
        let problems: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        (!problems.is_empty()).then(|| format!("{}: {}", path.display(), problems.join("; ")))
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line it is in, from 1.
    pub line: Option<usize>,
    /// The key.
    pub key: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Reads the file at `path`. None is as good as an empty one.
#[must_use]
pub fn load(path: &Path) -> Loaded {
    let failed =
        |message: String| Loaded { problems: vec![Problem { line: None, key: None, message }], ..Loaded::default() };
    match read::text(path) {
        Ok(text) => parse(&text),
        Err(why) => failed(format!("{why}; the defaults hold")),
    }
}

/// What the text of a file says.
#[must_use]
pub fn parse(text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    match Document::parse(text) {
        Ok(document) => table(document.as_table(), "", text, &mut loaded),
        Err(error) => {
            let message = clean_text(error.message(), 200);
            loaded.problems.push(Problem {
                line: line(text, error.span()),
                key: None,
                message: format!("it is no TOML ({message}); the defaults hold"),
            });
        }
    }
    loaded
}

fn table(table: &Table, above: &str, text: &str, loaded: &mut Loaded) {
    entries(table, above, text, loaded);
}

fn entries(table: &dyn TableLike, above: &str, text: &str, loaded: &mut Loaded) {
    for (name, item) in table.iter() {
        if loaded.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let name = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        let section = format!("{name}.");
        match item {
            Item::Value(value) if keys::find(&name).is_some() => {
                let Some(key) = keys::find(&name) else { continue };
                match key.set(&mut loaded.settings, value) {
                    Ok(()) => loaded.set.push(key.name),
                    Err(message) => problem(loaded, text, value.span(), &name, message),
                }
            }
            _ if KEYS.iter().any(|key| key.name.starts_with(&section)) => match item.as_table_like() {
                Some(inner) => entries(inner, &name, text, loaded),
                None => problem(loaded, text, item.span(), &name, "expected a section".to_owned()),
            },
            _ => {
                let near = near(&name).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
                let span = table.key(name.rsplit('.').next().unwrap_or_default()).and_then(toml_edit::Key::span);
                problem(loaded, text, span, &name, format!("no setting is called so{near}"));
            }
        }
    }
}

fn problem(loaded: &mut Loaded, text: &str, span: Option<Range<usize>>, key: &str, message: String) {
    loaded.problems.push(Problem { line: line(text, span), key: Some(clean_text(key, 80)), message });
}

fn line(text: &str, span: Option<Range<usize>>) -> Option<usize> {
    let before = text.get(..span?.start)?;
    Some(before.matches('\n').count() + 1)
}

/// A key that differs by little.
#[must_use]
pub fn near(name: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().replace('_', "");
    let wanted = last(name);
    let close = |key: &&keys::Key| {
        let own = last(key.name);
        !wanted.is_empty() && (own.contains(&wanted) || wanted.contains(&own))
    };
    let section = name.split('.').next().unwrap_or_default();
    let in_section = KEYS.iter().filter(|key| key.name.starts_with(section)).find(close);
    in_section.or_else(|| KEYS.iter().find(close)).map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, time::Duration};

    use ebb_core::settings::StoreChoice;

    use super::*;

    #[test]
    fn a_good_file_is_taken_as_it_is() {
        let text = "# mine\nsessions.idle_minutes = 5\n[cursors]\nstore = \"sqlite\"\nmax_session_mb = 8\n[browser]\nheaded = true\nextra_args = [\"--lang=de\"]\n";
        let loaded = parse(text);
        assert_eq!(loaded.problems, []);
        assert_eq!(loaded.settings.sessions.idle_timeout, Duration::from_mins(5));
        assert_eq!(loaded.settings.cursors.store, StoreChoice::Sqlite);
        assert_eq!(loaded.settings.cursors.max_session_bytes, 8_000_000);
        assert_eq!(
            (loaded.settings.browser.headed, loaded.settings.browser.extra_args),
            (true, vec!["--lang=de".to_owned()])
        );
        assert_eq!(loaded.set.len(), 5);
    }

    /// F70: each mistake is named with its line, and keeps its default alone.
    #[test]
    fn f70_mistakes_are_named_and_cost_nothing_else() {
        let text = "[sessions]\nidle_minutes = \"soon\"\nmax = 0\nmax_tabs = 7\nidel = 3\n[curosrs]\nstore = 1\n[history]\ndays = -1\n[log]\nlevel = \"loud\"\n";
        let loaded = parse(text);
        let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 2: sessions.idle_minutes: expected a whole number from 0 to 43200",
                "line 3: sessions.max: expected a whole number from 1 to 10000",
                "line 5: sessions.idel: no setting is called so",
                "line 6: curosrs: no setting is called so",
                "line 9: history.days: expected a whole number from 1 to 3650",
                "line 11: log.level: expected \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
            ]
        );
        assert_eq!(loaded.settings.sessions.max_tabs, 7);
        assert_eq!(loaded.settings.sessions.idle_timeout, Settings::default().sessions.idle_timeout);
    }

    #[test]
    fn f70_what_is_no_settings_file_keeps_the_defaults() {
        for text in ["[", "a = ", "sessions = 3", "[[sessions]]\nmax = 1", "\0\0", &"[a]\n".repeat(5_000)] {
            let loaded = parse(text);
            assert!(!loaded.problems.is_empty() && loaded.problems.len() <= MAX_PROBLEMS, "{text:.20}");
            assert_eq!(loaded.settings.sessions.max_sessions, 256);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        assert_eq!(load(&path).problems, []);
        std::fs::write(&path, "#".repeat(2 * 1024 * 1024)).unwrap();
        assert!(load(&path).problems[0].message.contains("larger than 1 MB"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(load(&path).problems[0].message.contains("UTF-8"));
        assert!(load(folder.path()).problem(&path).unwrap().contains("cannot be read"));
    }

    #[test]
    fn every_key_is_shown_and_read_back() {
        let defaults = Settings::default();
        for key in &KEYS {
            let Some(shown) = key.shown(&defaults) else { continue };
            let loaded = parse(&format!("{} = {shown}\n", key.name));
            assert_eq!(loaded.problems, [], "{}", key.name);
            assert_eq!(key.shown(&loaded.settings).as_deref(), Some(shown.as_str()));
        }
        let mut names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn passwords_are_not_shown() {
        let loaded = parse(
            "cursors.store = \"redis://u:secret@h:1/0\"\nbrowser.endpoint = \"ws://u:secret@h:2/x?token=secret\"\n",
        );
        assert_eq!(loaded.problems, []);
        for key in &KEYS {
            assert!(!key.shown(&loaded.settings).unwrap_or_default().contains("secret"), "{}", key.name);
        }
    }

    /// `docs/settings.md` says what this table says; `EBB_UPDATE=1` writes it.
    #[test]
    fn the_documentation_is_that_of_the_table() {
        let mut text = String::from(
            "# Settings\n\nOne file, `~/.config/ebb/config.toml` (`ebb config path` prints it). Settings take effect at the \
             next start of Ebb; those of `[notifications]` and `[window]` at once. The dashboard shows and changes the same \
             file. 1 MB is 1,000,000 bytes. `ebb config set KEY VALUE` checks a value and writes it; comments stay.\n",
        );
        let defaults = Settings::default();
        let mut section = "";
        for key in &KEYS {
            let (own, name) = key.name.split_once('.').unwrap();
            if own != section {
                section = own;
                write!(
                    text,
                    "\n## `[{section}]`\n\n| setting | default | what it does | what it may be |\n|---|---|---|---|\n"
                )
                .unwrap();
            }
            let default = key.shown(&defaults).map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
            writeln!(text, "| `{name}` | {default} | {} | {} |", key.about, key.allowed()).unwrap();
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
        if std::env::var_os("EBB_UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "run the test with EBB_UPDATE=1");
    }
}
