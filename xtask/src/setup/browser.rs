//! Which browsers are here, and which packages are wanted because of that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use super::{Need, apt};
use crate::process;

/// Programs that Ebb can drive, the preferred ones first.
const PROGRAMS: [&str; 8] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "google-chrome-beta",
    "microsoft-edge-stable",
    "microsoft-edge",
];
/// Where they are on macOS, which has them outside `PATH`.
const MAC_PROGRAMS: [&str; 3] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Browser {
    pub(crate) path: PathBuf,
    /// A snap cannot use a private profile folder and is killed with its own launcher only.
    pub(crate) snap: bool,
}

pub(crate) fn installed() -> Vec<Browser> {
    let mac = MAC_PROGRAMS.iter().map(PathBuf::from).filter(|path| path.is_file());
    PROGRAMS
        .iter()
        .filter_map(|name| process::find(name))
        .chain(mac)
        .map(|path| Browser { snap: is_snap(&path), path })
        .collect()
}

/// A snap is a link to the snap launcher, lies below `/snap/`, or is Ubuntu's small script that starts one.
fn is_snap(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let inside = |path: &Path| path.to_string_lossy().contains("/snap/") || path.ends_with("bin/snap");
    let script = fs::metadata(&real).is_ok_and(|meta| meta.len() < 64 * 1024);
    inside(path) || inside(&real) || script && fs::read_to_string(&real).is_ok_and(|text| text.contains("/snap/bin/"))
}

/// Says what cannot be used, and what will be.
pub(crate) fn announce(browsers: &[Browser]) {
    for browser in browsers.iter().filter(|browser| browser.snap) {
        println!(
            "{} is a snap. Ebb does not use it: a snap cannot reach Ebb's private profile folders.",
            browser.path.display()
        );
    }
    if let Some(browser) = usable(browsers) {
        println!("Browser: {}", browser.path.display());
    }
}

/// `run` takes any browser that is there; tests want the two that they were written against.
pub(crate) fn packages(need: Need, browsers: &[Browser]) -> Vec<&'static str> {
    if need == Need::Run && usable(browsers).is_some() {
        return Vec::new();
    }
    let mut wanted = apt::missing(&["chromium", "chromium-headless-shell"]);
    // Where they do not exist and another browser does, asking for them again and again would help nobody.
    if usable(browsers).is_some() && !wanted.is_empty() && apt::has_lists() {
        let candidates = apt::candidates(&wanted);
        wanted.retain(|package| candidates.get(*package).is_some_and(|version| !version.contains("snap")));
    }
    wanted
}

/// Fails unless one of the browsers can be used.
pub(crate) fn require(browsers: &[Browser]) -> Result<()> {
    if usable(browsers).is_none() {
        bail!(
            "no browser that Ebb can use: install Chromium, Google Chrome or Microsoft Edge as an ordinary package \
             (a snap does not work), then try again"
        );
    }
    Ok(())
}

/// Fails unless another browser, or the other Chromium package, stands in for `package`.
pub(crate) fn require_instead(browsers: &[Browser], package: &str) -> Result<()> {
    let other = if package == "chromium" { "chromium-headless-shell" } else { "chromium" };
    let candidate = apt::candidates(&[other]).remove(other);
    if candidate.is_some_and(|version| !version.contains("snap")) {
        return Ok(());
    }
    require(browsers)
}

fn usable(browsers: &[Browser]) -> Option<&Browser> {
    browsers.iter().find(|browser| !browser.snap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snap_alone_is_no_browser() {
        let snap =
            Browser { path: PathBuf::from("/snap/bin/chromium"), snap: is_snap(Path::new("/snap/bin/chromium")) };
        assert!(snap.snap);
        assert!(require(std::slice::from_ref(&snap)).is_err());
        let chrome = Browser { path: PathBuf::from("/opt/google/chrome/chrome"), snap: false };
        assert!(require(&[snap.clone(), chrome.clone()]).is_ok());
        assert!(packages(Need::Run, &[snap, chrome]).is_empty());
    }
}
