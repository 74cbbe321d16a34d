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
    #[arg(long, value_name = "FILE", global = true)]
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
        Act::Path => out::line(&path.display().to_string()),
        Act::List => list(&config::load(&path), args.json),
        Act::Get { key } => {
            let known = config::find(key).ok_or_else(|| unknown(key))?;
            let value = known.shown(&config::load(&path).settings);
            if args.json {
                out::json(&json!({ "key": known.name, "value": value }));
            } else {
                out::line(&value.unwrap_or_default());
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
                out::json(&json!({ "file": path, "problems": problems }));
            } else if problems.is_empty() {
                out::line(&format!("{} is well", path.display()));
            } else {
                out::line(&path.display().to_string());
                out::lines(&problems);
            }
            return Ok(problems.is_empty());
        }
    }
    Ok(true)
}

fn changed(args: &Args, key: &str) {
    if args.json {
        out::json(&json!({ "changed": key }));
    } else {
        out::line(&format!("{key} takes effect at the next start of Ebb"));
    }
}

fn list(loaded: &Loaded, as_json: bool) {
    let defaults = Settings::default();
    let rows: Vec<[String; 4]> = KEYS
        .iter()
        .map(|key| {
            let source = if loaded.set.contains(&key.name) { "file" } else { "default" };
            let value = |settings| key.shown(settings).unwrap_or_else(|| "not set".to_owned());
            [key.name.to_owned(), value(&loaded.settings), source.to_owned(), key.about.to_owned()]
        })
        .collect();
    if as_json {
        let settings: Vec<_> = KEYS
            .iter()
            .zip(&rows)
            .map(|(key, row)| {
                json!({
                    "key": key.name, "value": key.shown(&loaded.settings), "default": key.shown(&defaults),
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
    let key = ebb_core::sessions::clean_text(key, 80);
    Error::new(Code::InvalidArguments, format!("no setting is called {key}")).next("`ebb config list` names them all")
}
