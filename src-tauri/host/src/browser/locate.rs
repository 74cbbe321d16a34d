//! Which Chromium to run, and why that one.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use ebb_core::{Code, Error, Result, settings::BrowserSettings};

/// What kind of binary was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The headless shell: a tenth of the memory, a quarter of the start.
    HeadlessShell,
    /// A full browser, run in its new headless mode.
    Full,
}

/// A Chromium that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The real binary, behind any distribution wrapper.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Why this one, for people.
    pub why: String,
}

/// Names searched on the PATH, best first.
const NAMES: [(&str, Kind); 9] = [
    ("chrome-headless-shell", Kind::HeadlessShell),
    ("chromium-headless-shell", Kind::HeadlessShell),
    ("headless_shell", Kind::HeadlessShell),
    ("google-chrome-stable", Kind::Full),
    ("google-chrome", Kind::Full),
    ("chromium", Kind::Full),
    ("chromium-browser", Kind::Full),
    ("microsoft-edge-stable", Kind::Full),
    ("microsoft-edge", Kind::Full),
];

/// Where distributions keep the real binary. Their `/usr/bin` scripts do not always `exec`, and then
/// the process we would watch is a shell.
const BEHIND_WRAPPERS: [(&str, &str); 8] = [
    ("chromium-headless-shell", "/usr/lib/chromium/chromium-headless-shell"),
    ("chromium-headless-shell", "/usr/lib64/chromium-browser/headless_shell"),
    ("chromium", "/usr/lib/chromium/chromium"),
    ("chromium", "/usr/lib64/chromium-browser/chromium-browser"),
    ("chromium-browser", "/usr/lib/chromium-browser/chromium-browser"),
    ("google-chrome", "/opt/google/chrome/chrome"),
    ("google-chrome-stable", "/opt/google/chrome/chrome"),
    ("microsoft-edge", "/opt/microsoft/msedge/msedge"),
];

#[cfg(target_os = "macos")]
const STANDARD: [(&str, Kind); 3] = [
    ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", Kind::Full),
    ("/Applications/Chromium.app/Contents/MacOS/Chromium", Kind::Full),
    ("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge", Kind::Full),
];
#[cfg(windows)]
const STANDARD: [(&str, Kind); 3] = [
    (r"C:\Program Files\Google\Chrome\Application\chrome.exe", Kind::Full),
    (r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe", Kind::Full),
    (r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe", Kind::Full),
];
#[cfg(not(any(target_os = "macos", windows)))]
const STANDARD: [(&str, Kind); 3] = [
    ("/usr/lib/chromium/chromium-headless-shell", Kind::HeadlessShell),
    ("/opt/google/chrome/chrome", Kind::Full),
    ("/usr/lib/chromium/chromium", Kind::Full),
];

/// Finds the Chromium to run: the setting, `CHROME_PATH`, the headless shell, then full browsers.
///
/// # Errors
/// [`Code::BrowserMissing`] with the command that installs one.
pub fn find(settings: &BrowserSettings) -> Result<Found> {
    Machine::this().find(settings, false)
}

/// Finds the Chromium for windows: as [`find`], but never a headless shell, which has none.
///
/// # Errors
/// [`Code::BrowserMissing`] with the command that installs one.
pub fn find_full(settings: &BrowserSettings) -> Result<Found> {
    Machine::this().find(settings, true)
}

/// The binary of a channel such as `chrome` or `msedge-beta`, where it is installed.
#[must_use]
pub fn channel(name: &str) -> Option<PathBuf> {
    let (base, rest) = name.split_once('-').unwrap_or((name, "stable"));
    let beginnings: &[&str] = match base {
        "chrome" => &["google-chrome"],
        "msedge" => &["microsoft-edge"],
        _ => return None,
    };
    let names = beginnings.iter().flat_map(|beginning| {
        let plain = (rest == "stable").then(|| (*beginning).to_owned());
        // The unstable ones have names of their own on Linux.
        let other = if rest == "dev" || rest == "canary" { "unstable" } else { rest };
        [Some(format!("{beginning}-{rest}")), Some(format!("{beginning}-{other}")), plain]
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = names
        .flatten()
        .flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(&name)).collect::<Vec<_>>());
    candidates.into_iter().find(|file| is_executable(file)).map(|file| behind_wrapper(&file))
}

/// What decides where browsers are.
struct Machine<'a> {
    chrome_path: Option<PathBuf>,
    path: OsString,
    standard: &'a [(&'a str, Kind)],
}

impl Machine<'static> {
    fn this() -> Self {
        Self {
            chrome_path: std::env::var_os("CHROME_PATH").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty()),
            path: std::env::var_os("PATH").unwrap_or_default(),
            standard: &STANDARD,
        }
    }
}

impl Machine<'_> {
    fn find(&self, settings: &BrowserSettings, full: bool) -> Result<Found> {
        let fits = |kind: Kind| !full || kind == Kind::Full;
        let chosen = settings.executable.as_ref().map(|path| (path, "the setting names it"));
        let chosen = chosen.or_else(|| self.chrome_path.as_ref().map(|path| (path, "CHROME_PATH names it")));
        if let Some((path, why)) = chosen {
            // A shell that was named for the rest is no word against a window beside it.
            match named(path, why) {
                Ok(found) if !fits(found.kind) => {}
                other => return other,
            }
        }
        for (name, kind) in NAMES.into_iter().filter(|(_, kind)| fits(*kind)) {
            let mut files = std::env::split_paths(&self.path).map(|dir| dir.join(name));
            if let Some(found) = files.find(|file| is_executable(file)) {
                let real = behind_wrapper(&found);
                let why = match kind {
                    Kind::HeadlessShell => "the smallest and fastest",
                    Kind::Full if full => "it has windows",
                    Kind::Full => "no headless shell is installed",
                };
                return Ok(Found { path: real, kind, why: why.to_owned() });
            }
        }
        let mut standard = self.standard.iter().filter(|(_, kind)| fits(*kind));
        if let Some((file, kind)) = standard.find(|(file, _)| is_executable(Path::new(file))) {
            return Ok(Found { path: PathBuf::from(file), kind: *kind, why: "it is in its standard place".to_owned() });
        }
        let missing = if full {
            "no Chromium with windows was found on this machine (a headless shell has none)"
        } else {
            "no Chromium was found on this machine"
        };
        Err(Error::new(Code::BrowserMissing, missing).next(if full { full_hint() } else { install_hint() }))
    }
}

fn named(path: &Path, why: &str) -> Result<Found> {
    if !is_executable(path) {
        return Err(Error::new(
            Code::BrowserMissing,
            format!("the browser {} is not an executable file", path.display()),
        )
        .next("Correct the path (--browser, CHROME_PATH), or leave it out to use an installed one."));
    }
    let real = behind_wrapper(path);
    let shell =
        real.file_name().is_some_and(|name| name.to_string_lossy().replace('_', "-").contains("headless-shell"));
    let kind = if shell { Kind::HeadlessShell } else { Kind::Full };
    Ok(Found { path: real, kind, why: why.to_owned() })
}

/// The real binary where `path` is a distribution's wrapper script.
fn behind_wrapper(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_script = std::fs::File::open(path)
        .and_then(|mut file| {
            let mut magic = [0_u8; 2];
            std::io::Read::read_exact(&mut file, &mut magic).map(|()| &magic == b"#!")
        })
        .unwrap_or(false);
    let in_usr_bin = path.starts_with("/usr/bin") || path.starts_with("/bin");
    if is_script && in_usr_bin {
        for (wrapper, real) in BEHIND_WRAPPERS {
            if wrapper == name && is_executable(Path::new(real)) {
                return PathBuf::from(real);
            }
        }
    }
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// The command that installs a Chromium here.
pub fn install_hint() -> &'static str {
    if cfg!(target_os = "macos") {
        "Install one with: brew install --cask chromium"
    } else if cfg!(windows) {
        "Install Google Chrome, or Microsoft Edge."
    } else if is_executable(Path::new("/usr/bin/apt-get")) {
        "Install one with: sudo apt-get install chromium-headless-shell (or chromium), then call again."
    } else {
        "Install Chromium or Google Chrome with your package manager, then call again."
    }
}

/// The command that installs one with windows.
fn full_hint() -> &'static str {
    if is_executable(Path::new("/usr/bin/apt-get")) {
        "Install one with: sudo apt-get install chromium, then call again; or work without a window: leave out --headed and \"headed\"."
    } else {
        "Install Chromium or Google Chrome, then call again; or work without a window: leave out --headed and \"headed\"."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(programs: &[&str]) -> (tempfile::TempDir, Machine<'static>) {
        let dir = tempfile::tempdir().unwrap();
        for name in programs {
            let file = dir.path().join(name);
            std::fs::write(&file, "binary").unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let machine = Machine { chrome_path: None, path: dir.path().as_os_str().to_owned(), standard: &[] };
        (dir, machine)
    }

    #[test]
    fn a_named_browser_that_is_not_there_is_a_clear_error() {
        let settings = BrowserSettings { executable: Some("/nowhere/chrome".into()), ..BrowserSettings::default() };
        let (_dir, machine) = machine(&["chromium"]);
        for full in [false, true] {
            let error = machine.find(&settings, full).unwrap_err();
            assert_eq!(error.code, Code::BrowserMissing);
            assert!(error.next.is_some());
        }
    }

    #[test]
    fn the_headless_shell_comes_before_full_browsers_and_has_no_windows() {
        let (_dir, machine) = machine(&["chromium", "chrome-headless-shell"]);
        let settings = BrowserSettings::default();
        assert!(machine.find(&settings, false).unwrap().path.ends_with("chrome-headless-shell"));
        assert!(machine.find(&settings, true).unwrap().path.ends_with("chromium"));
    }

    #[test]
    fn a_full_browser_does_for_everything_and_a_shell_only_for_what_nobody_sees() {
        let settings = BrowserSettings::default();
        let (_dir, full) = machine(&["google-chrome"]);
        for windows in [false, true] {
            assert_eq!(full.find(&settings, windows).unwrap().kind, Kind::Full);
        }
        let (_dir, shell) = machine(&["chromium-headless-shell"]);
        assert_eq!(shell.find(&settings, false).unwrap().kind, Kind::HeadlessShell);
        let error = shell.find(&settings, true).unwrap_err();
        assert_eq!(error.code, Code::BrowserMissing);
        assert!(error.next.unwrap().contains("Install"));
    }

    #[test]
    fn a_shell_that_is_named_leaves_windows_to_what_else_is_installed() {
        let (dir, machine) = machine(&["headless_shell", "chromium"]);
        let settings =
            BrowserSettings { executable: Some(dir.path().join("headless_shell")), ..BrowserSettings::default() };
        assert_eq!(machine.find(&settings, false).unwrap().kind, Kind::HeadlessShell);
        assert!(machine.find(&settings, true).unwrap().path.ends_with("chromium"));
    }
}
