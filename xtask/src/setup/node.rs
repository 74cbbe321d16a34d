//! Node.js, which builds the dashboard.

use std::process::Command;

use anyhow::{Result, bail};

use super::{Consent, apt};
use crate::process;

/// Major and minor version; ui/package.json states the same under "engines".
const WANTED: (u32, u32) = (20, 19);
pub(crate) const WANTED_TEXT: &str = "20.19";

/// The package to install when there is no Node.js at all.
///
/// One that is too old is left alone: it is somebody's choice, and apt would offer the same again.
pub(crate) fn packages() -> Vec<&'static str> {
    if version().is_none() { vec!["nodejs"] } else { Vec::new() }
}

/// Installs npm where the distribution keeps it in a package of its own.
pub(crate) fn install_npm(consent: Consent) -> Result<()> {
    if process::find("npm").is_some() || version().is_none() {
        return Ok(());
    }
    let privilege = apt::Privilege::learn();
    println!("npm is missing. It is installed with:\n  {}", privilege.install_line(&["npm"]));
    privilege.check()?;
    consent.obtain("Install it now?")?;
    privilege.update()?;
    privilege.install(&["npm"])
}

/// Fails with plain words unless Node.js is new enough and npm is there.
pub(crate) fn require() -> Result<()> {
    let Some(version) = version() else {
        bail!("Node.js is missing: install Node.js {WANTED_TEXT} or newer with npm, then try again");
    };
    if !is_enough(&version) {
        bail!("Node.js {WANTED_TEXT} or newer is needed, and `node` is {version}: install a newer one, then try again");
    }
    if process::find(if cfg!(windows) { "npm.cmd" } else { "npm" }).is_none() {
        bail!("npm is missing: install it beside Node.js, then try again");
    }
    Ok(())
}

/// Whether a version such as `v20.19.0`, `18.20.4+dfsg-1` or `1:22.3` is new enough.
pub(crate) fn is_enough(version: &str) -> bool {
    let version = version.rsplit_once(':').map_or(version, |(_epoch, version)| version);
    let mut numbers = version.trim_start_matches('v').split('.').map(|number| number.parse::<u32>().ok());
    let major = numbers.next().flatten();
    let minor = numbers.next().flatten().unwrap_or(0);
    major.is_some_and(|major| (major, minor) >= WANTED)
}

fn version() -> Option<String> {
    let version = process::output(Command::new("node").arg("--version"))?;
    Some(version.trim().to_owned()).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_and_of_debian_are_both_understood() {
        assert!(is_enough("v20.20.2") && is_enough("22.0.0~rc1") && is_enough("1:24.1.0-1"));
        assert!(!is_enough("v20.18.3") && is_enough("20.19.0+dfsg-2"));
        assert!(!is_enough("18.20.4+dfsg-1~deb12u3") && !is_enough("") && !is_enough("v"));
    }
}
