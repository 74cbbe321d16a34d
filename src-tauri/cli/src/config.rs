//! `ebb config`: looks into the settings file and changes it.

use std::{path::PathBuf, process::ExitCode};

use ebb_core::{Code, Error, Result, settings::Settings};
use ebb_host::{
    config::{self, KEYS, Loaded},
    paths::{PathOptions, Paths},
};
use serde_json::json;

use crate::{out, table};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Option<Act>,
    /// The settings file, where it is not the usual one.
    #[arg(long, value_name = "FILE", global = true, env = "EBB_CONFIG")]
    config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Act {
    /// Show every setting, its value and where that comes from.
    List,
    /// Show one value.
    Get {
        /// Such as `sessions.idle_minutes`.
        key: String,
    },
    /// Check a value and write it into the file.
    Set {
        /// Such as `sessions.idle_minutes`.
        key: String,
        /// The value, as in TOML; a plain word needs no quotes.
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Take a setting out of the file, so that its default holds.
    Unset {
        /// Such as `sessions.idle_minutes`.
        key: String,
    },
    /// Print where the file is.
    Path,
    /// Say what is wrong with the file.
    Check,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match act(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            if args.json {
                out::json_error(&error);
            } else {
                out::error(&error);
            }
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn act(args: &Args) -> Result<bool> {
    let path = match &args.config {
        Some(path) => path.clone(),
        None => Paths::resolve(&PathOptions::default())?.config_file,
    };
    match args.act.as_ref().unwrap_or(&Act::List) {
        Act::Path if args.json => out::json(&json!({ "file": path, "exists": path.exists() })),
        Act::Path => out::line(&path.display().to_string()),
        Act::List => list(&overlaid(config::load(&path)), args.json),
        Act::Get { key } => {
            let known = config::find(key).ok_or_else(|| unknown(key))?;
            let loaded = overlaid(config::load(&path));
            if args.json {
                out::json(&json!({
                    "key": known.name, "value": plain(known, &loaded.0.settings), "source": loaded.source(known.name),
                }));
            } else {
                out::line(&known.shown(&loaded.0.settings).unwrap_or_default());
            }
        }
        Act::Set { key, value } => {
            config::set(&path, key, value)?;
            changed(args, key);
        }
        Act::Unset { key } => {
            config::unset(&path, key)?;
            changed(args, key);
        }
        Act::Check => {
            let loaded = config::load(&path);
            let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
            if args.json {
                out::json(&json!({ "file": path, "exists": path.exists(), "problems": problems }));
            } else if !path.exists() {
                out::line(&format!("{} does not exist; all defaults hold", path.display()));
            } else if problems.is_empty() {
                out::line(&format!("{} is well", path.display()));
            } else {
                out::line(&path.display().to_string());
                out::lines(&problems);
            }
            // A file that was asked for by name is expected to be there.
            return Ok(problems.is_empty() && (args.config.is_none() || path.exists()));
        }
    }
    Ok(true)
}

fn changed(args: &Args, key: &str) {
    if args.json {
        out::json(&json!({ "changed": key }));
    } else {
        let live = config::find(key).is_some_and(config::Key::is_live);
        out::line(&format!("{key} takes effect {}", if live { "at once" } else { "at the next start of Ebb" }));
    }
}

/// The settings as a host would have them if it started here and now: the environment wins over the file.
struct Overlaid(Loaded, Vec<(&'static str, &'static str)>);

impl Overlaid {
    /// Where the value of `key` comes from.
    fn source(&self, key: &str) -> String {
        match self.1.iter().find(|(overlaid, _)| *overlaid == key) {
            Some((_, variable)) => (*variable).to_owned(),
            None if self.0.set.contains(&key) => "file".to_owned(),
            None => "default".to_owned(),
        }
    }
}

/// What the environment changes. A value that is none changes nothing; the host refuses it at its start.
fn overlaid(mut loaded: Loaded) -> Overlaid {
    let mut from = Vec::new();
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(store) = given("EBB_CURSOR_STORE").and_then(|store| store.parse().ok()) {
        loaded.settings.cursors.store = store;
        from.push(("cursors.store", "EBB_CURSOR_STORE"));
    }
    if let Some(endpoint) = given("EBB_BROWSER_ENDPOINT") {
        loaded.settings.browser.endpoint = Some(endpoint);
        from.push(("browser.endpoint", "EBB_BROWSER_ENDPOINT"));
    }
    if let Some(filter) = given("RUST_LOG") {
        loaded.settings.log_level = filter;
        from.push(("log.level", "RUST_LOG"));
    }
    Overlaid(loaded, from)
}

/// A value as JSON has it.
fn plain(key: &config::Key, settings: &Settings) -> serde_json::Value {
    key.shown(settings).map_or(serde_json::Value::Null, |shown| {
        // What stands in the file is TOML; of these few kinds JSON writes all but strings the same.
        serde_json::from_str(&shown).unwrap_or_else(|_| shown.trim_matches(['\'', '"']).into())
    })
}

fn list(overlaid: &Overlaid, as_json: bool) {
    let (loaded, defaults) = (&overlaid.0, Settings::default());
    let rows: Vec<[String; 4]> = KEYS
        .iter()
        .map(|key| {
            let value = key.shown(&loaded.settings).unwrap_or_else(|| "not set".to_owned());
            [key.name.to_owned(), value, overlaid.source(key.name), key.about.to_owned()]
        })
        .collect();
    if as_json {
        let settings: Vec<_> = KEYS
            .iter()
            .zip(&rows)
            .map(|(key, row)| {
                json!({
                    "key": key.name, "value": plain(key, &loaded.settings), "default": plain(key, &defaults),
                    "source": row[2], "about": key.about, "allowed": key.allowed(),
                })
            })
            .collect();
        out::json(&settings);
        return;
    }
    out::lines(&table::columns(["SETTING", "VALUE", "FROM", "WHAT IT DOES"], &rows, table::width()));
    for problem in &loaded.problems {
        out::note(&problem.to_string());
    }
}

fn unknown(key: &str) -> Error {
    let shown = ebb_core::sessions::clean_text(key, 80);
    let error = Error::new(Code::InvalidArguments, format!("no setting is called {shown}"));
    match config::near(key) {
        Some(near) => error.next(format!("did you mean {near}? `ebb config list` names them all")),
        None => error.next("`ebb config list` names them all"),
    }
}
