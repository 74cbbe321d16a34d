//! What the desktop program keeps beside the host's sockets.

use std::path::{Path, PathBuf};

use ebb_host::paths::Paths;

/// Siblings of `control.sock`: with `--socket D/x.sock` they are `D/x.window.sock` and so on.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Held by the one tray process, hosting or attached.
    pub(crate) tray_lock: PathBuf,
    /// Held by the one window process.
    pub(crate) window_lock: PathBuf,
    /// Where the window process takes words such as "show yourself".
    pub(crate) window_sock: PathBuf,
    /// The host's door.
    pub(crate) control_sock: PathBuf,
    /// Where the tray's icon is written for the panel to read.
    pub(crate) icons: PathBuf,
    /// Says that the first-close notice was shown.
    pub(crate) notice_shown: PathBuf,
}

impl Place {
    pub(crate) fn beside(paths: &Paths) -> Self {
        let sibling = |name: &str| rename(&paths.control_sock, name);
        Self {
            tray_lock: sibling("tray.lock"),
            window_lock: sibling("window.lock"),
            window_sock: sibling("window.sock"),
            control_sock: paths.control_sock.clone(),
            icons: paths.data_dir.join("tray"),
            notice_shown: paths.data_dir.join("keeps-running-shown"),
        }
    }
}

/// `D/x.control.sock` and `tray.lock` give `D/x.tray.lock`.
fn rename(control: &Path, name: &str) -> PathBuf {
    let file = control.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    control.with_file_name(format!("{}{name}", file.strip_suffix("control.sock").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_follow_the_socket() {
        assert_eq!(rename(Path::new("/run/ebb/control.sock"), "window.sock"), Path::new("/run/ebb/window.sock"));
        assert_eq!(rename(Path::new("/d/x.control.sock"), "tray.lock"), Path::new("/d/x.tray.lock"));
    }
}
