//! A display of a test's own, and what windows are on it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// An Xvfb on a free display. It ends with the test.
pub struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server =
            command.spawn().unwrap_or_else(|error| panic!("Xvfb: {error}; `cargo xtask setup` installs it"));
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.trim().is_empty(), "Xvfb ended at once");
        Self { server, display: format!(":{}", line.trim()) }
    }

    /// What goes into `DISPLAY`.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The titles of the browser windows that are shown.
    #[must_use]
    pub fn windows(&self) -> Vec<String> {
        let mut command = Command::new("xwininfo");
        command.args(["-root", "-tree", "-display", &self.display]);
        let output =
            command.output().unwrap_or_else(|error| panic!("xwininfo: {error}; `cargo xtask setup` installs it"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // Each line: 0x200002 "ok - Chromium": ("chromium-browser (/...)" "Chromium-browser")  1050x880+10+10  +10+10
        let shown =
            text.lines().filter(|line| line.to_ascii_lowercase().contains("(\"chrom") || line.contains("(\"google-"));
        // Helpers of the browser are as small as a window can be.
        let shown = shown.filter(|line| {
            let size = line.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace().next();
            let (width, height) =
                size.and_then(|size| size.split(['+', '-']).next()?.split_once('x')).unwrap_or_default();
            width.parse::<u32>().is_ok_and(|width| width > 200)
                && height.parse::<u32>().is_ok_and(|height| height > 200)
        });
        shown.map(|line| line.split('"').nth(1).unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
