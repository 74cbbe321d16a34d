//! The command line: which role, and where. Small enough to need no parser.

use std::{ffi::OsString, path::PathBuf};

use ebb_host::paths::PathOptions;

pub(crate) const HELP: &str = "\
Ebb: one browser host for every AI agent on this machine

Usage: ebb-desktop [--background] [OPTIONS]      host and tray; opens the dashboard
       ebb-desktop window [--route R] [OPTIONS]  the dashboard alone

Options:
  --background    start without opening the dashboard
  --route R       a place in the dashboard, such as #/history
  --socket P      where clients connect
  --data-dir D    history, logs and the folders of running browsers
  --browser P     this Chromium, whatever else is installed
  --no-sandbox    run Chromium without its sandbox
  --help, --version";

/// What this process is.
#[derive(Debug)]
pub(crate) enum Role {
    Host(HostArgs),
    Window(WindowArgs),
    Help,
    Version,
}

#[derive(Debug, Default)]
pub(crate) struct HostArgs {
    /// No window and no focus: somebody else started it.
    pub(crate) background: bool,
    pub(crate) paths: PathOptions,
    pub(crate) browser: Option<PathBuf>,
    pub(crate) no_sandbox: bool,
}

#[derive(Debug, Default)]
pub(crate) struct WindowArgs {
    pub(crate) route: Option<String>,
    pub(crate) paths: PathOptions,
}

/// Reads the words after the program's name; the error is a sentence for people.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Role, String> {
    let mut words = words.into_iter().peekable();
    let is_window = words.next_if(|word| word == "window").is_some();
    let (mut host, mut window, mut paths) = (HostArgs::default(), WindowArgs::default(), PathOptions::default());
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{} needs a value", word.display()));
        match (word.to_str().unwrap_or_default(), is_window) {
            ("--help" | "-h", _) => return Ok(Role::Help),
            ("--version" | "-V", _) => return Ok(Role::Version),
            ("--socket", _) => paths.socket = Some(value()?.into()),
            ("--data-dir", _) => paths.data_dir = Some(value()?.into()),
            ("--background", false) => host.background = true,
            ("--browser", false) => host.browser = Some(value()?.into()),
            ("--no-sandbox", false) => host.no_sandbox = true,
            ("--route", true) => window.route = Some(route(&value()?)?),
            _ => return Err(format!("{} is not understood", word.display())),
        }
    }
    if is_window {
        window.paths = paths;
        return Ok(Role::Window(window));
    }
    host.paths = paths;
    Ok(Role::Host(host))
}

fn route(word: &OsString) -> Result<String, String> {
    let text = word.to_str().unwrap_or_default();
    is_route(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "--route takes a place in the dashboard, such as #/history".to_owned())
}

/// A route is a place inside the dashboard, and can be nothing else: no address, no script.
pub(crate) fn is_route(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-?=&.%".contains(c);
    text.strip_prefix("#/").is_some_and(|rest| rest.len() <= 256 && rest.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Role, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_roles_and_their_options() {
        let Ok(Role::Host(host)) = of("--background --socket /s --browser /b --no-sandbox") else { panic!("no host") };
        assert!(host.background && host.no_sandbox);
        assert_eq!((host.paths.socket, host.browser), (Some("/s".into()), Some("/b".into())));
        let Ok(Role::Window(window)) = of("window --route #/sessions/ses_a --data-dir /d") else { panic!("no window") };
        assert_eq!((window.route.as_deref(), window.paths.data_dir), (Some("#/sessions/ses_a"), Some("/d".into())));
        assert!(matches!(of("window --help"), Ok(Role::Help)));
        assert!(matches!(of("-V"), Ok(Role::Version)));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(of("--frobnicate").unwrap_err(), "--frobnicate is not understood");
        assert_eq!(of("--socket").unwrap_err(), "--socket needs a value");
        assert!(of("window --background").is_err() && of("--route #/").is_err());
        for route in ["window --route https://evil.example", "window --route #/<b>", "window --route javascript:1"] {
            assert!(of(route).is_err(), "{route}");
        }
    }
}
