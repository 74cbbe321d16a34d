//! `cargo xtask setup`: finds out which system packages are missing and installs them.

mod apt;
mod browser;
mod node;

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use anyhow::{Result, bail};

use crate::process;

/// What the machine must be able to do afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Build and start Ebb.
    Run,
    /// Build Ebb and run its tests, with or without the desktop app.
    Test { desktop: bool },
}

/// Whether packages may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    Ask,
}

impl Consent {
    /// `--yes`, or `CI=true`, where nobody could answer.
    pub(crate) fn new(yes: bool) -> Self {
        if yes || env::var("CI").is_ok_and(|ci| ci == "true") { Self::Given } else { Self::Ask }
    }

    /// Asks on the terminal; says what to do when there is none.
    fn obtain(self, question: &str) -> Result<()> {
        if self == Self::Given {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            bail!("packages are missing and nobody can be asked: run the command above, or pass --yes");
        }
        print!("{question} [y/N] ");
        io::stdout().flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            bail!("nothing was installed: run the command above yourself, then try again");
        }
        Ok(())
    }
}

/// A C compiler for SQLite, and the headers of what the window and the tray are drawn with.
const COMPILER: &[&str] = &["build-essential", "pkg-config"];
const DESKTOP_BUILD: &[&str] =
    &["libwebkit2gtk-4.1-dev", "libayatana-appindicator3-dev", "librsvg2-dev", "libdbus-1-dev"];
/// A display, a window manager, a tray and a notification service for the tests of the real window.
const DESKTOP_TEST: &[&str] = &[
    "xvfb",
    "webkit2gtk-driver",
    "dbus-x11",
    "xfce4-panel",
    "openbox",
    "dunst",
    "imagemagick",
    "xdotool",
    "x11-utils",
];
/// A real Redis for the cursor stores, load for the tests about timing, a wall clock that jumps, and a place for the
/// official Python client.
const TEST: &[&str] = &["redis-server", "stress-ng", "faketime", "python3-venv"];

impl Need {
    fn packages(self) -> Vec<&'static str> {
        let mut packages = COMPILER.to_vec();
        if self != (Self::Test { desktop: false }) {
            packages.extend(DESKTOP_BUILD);
        }
        if let Self::Test { desktop } = self {
            packages.extend(TEST);
            if desktop {
                packages.extend(DESKTOP_TEST);
            }
        }
        packages
    }
}

/// Installs what is missing for `need`, or says in plain words what a person has to do.
pub(crate) fn setup(need: Need, consent: Consent) -> Result<()> {
    if !cfg!(target_os = "linux") {
        println!(
            "On this system Ebb installs nothing by itself. It needs Node.js {} and Chrome, Edge or Chromium.",
            node::WANTED_TEXT
        );
        return node::require();
    }
    if process::find("apt-get").is_none() || process::find("dpkg-query").is_none() {
        return without_apt(need);
    }

    let browsers = browser::installed();
    browser::announce(&browsers);
    let mut missing = apt::missing(&need.packages());
    missing.extend(browser::packages(need, &browsers));
    missing.extend(node::packages());
    if !missing.is_empty() {
        println!("Missing packages: {}", missing.join(" "));
        let privilege = apt::Privilege::learn();
        println!("They are installed with:\n  {}\n  {}", privilege.update_line(), privilege.install_line(&missing));
        privilege.check()?;
        consent.obtain("Install them now?")?;
        privilege.update()?;
        let wanted = available(missing, &browsers)?;
        privilege.install(&wanted)?;
    }
    node::install_npm(consent)?;
    node::require()?;
    browser::require(&browser::installed())?;
    println!("All system packages are there.");
    Ok(())
}

/// Drops the browser packages that this distribution does not have, if another browser will do.
fn available<'a>(packages: Vec<&'a str>, browsers: &[browser::Browser]) -> Result<Vec<&'a str>> {
    let mut wanted = Vec::new();
    let candidates = apt::candidates(&packages);
    for package in packages {
        let candidate = candidates.get(package);
        match (package, candidate) {
            ("nodejs", Some(version)) if !node::is_enough(version) => bail!(
                "Node.js {} or newer is needed, and apt offers {version}: install it from nodejs.org or with a version \
                 manager, then try again",
                node::WANTED_TEXT
            ),
            (_, Some(version)) if !version.contains("snap") => wanted.push(package),
            ("chromium" | "chromium-headless-shell", _) => {
                println!("This distribution has no package {package} that Ebb can use.");
                browser::require_instead(browsers, package)?;
            }
            _ => bail!(
                "apt knows no package {package}: this xtask is made for Debian 12 and Ubuntu 24.04; install what \
                 provides it, then try again"
            ),
        }
    }
    Ok(wanted)
}

fn without_apt(need: Need) -> Result<()> {
    println!("This system has no apt, so nothing is installed for you. Ebb needs:");
    println!("  a C compiler and pkg-config");
    if need.packages().contains(&"libwebkit2gtk-4.1-dev") {
        println!("  development files of WebKitGTK 4.1, Ayatana AppIndicator 3, librsvg and D-Bus");
        println!("    Fedora: webkit2gtk4.1-devel libayatana-appindicator-gtk3-devel librsvg2-devel dbus-devel");
        println!("    Arch: webkit2gtk-4.1 libayatana-appindicator librsvg dbus");
    }
    if matches!(need, Need::Test { .. }) {
        println!("  redis-server, stress-ng, faketime, and Python 3.10 or newer with venv");
    }
    if need == (Need::Test { desktop: true }) {
        println!("  Xvfb, WebKitWebDriver, dbus-launch, xfce4-panel, openbox, dunst, ImageMagick, xdotool, xprop");
    }
    println!(
        "  Chromium, Google Chrome or Microsoft Edge (not a snap), and Node.js {} or newer with npm",
        node::WANTED_TEXT
    );
    node::require()?;
    let browsers = browser::installed();
    browser::announce(&browsers);
    browser::require(&browsers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_needs_no_test_packages_and_tests_without_desktop_need_no_window() {
        assert!(!Need::Run.packages().contains(&"xvfb"));
        assert!(Need::Run.packages().contains(&"libwebkit2gtk-4.1-dev"));
        let headless = Need::Test { desktop: false }.packages();
        assert!(headless.contains(&"redis-server") && !headless.contains(&"libwebkit2gtk-4.1-dev"));
        assert!(Need::Test { desktop: true }.packages().contains(&"xvfb"));
    }
}
