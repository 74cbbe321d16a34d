//! Debian's package tools.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{self, IsTerminal},
    process::Command,
};

use anyhow::{Result, bail};

use crate::process;

/// Those of the packages that are not installed.
pub(crate) fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${Package} ${db:Status-Status}\n"]).args(packages);
    let output = process::output(&mut query).unwrap_or_default();
    let installed: HashSet<&str> = output.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    packages.iter().copied().filter(|package| !installed.contains(package)).collect()
}

/// Whether `apt-get update` has run on this machine: a fresh container knows no package at all.
pub(crate) fn has_lists() -> bool {
    fs::read_dir("/var/lib/apt/lists")
        .is_ok_and(|lists| lists.flatten().any(|list| list.file_name().to_string_lossy().contains("_Packages")))
}

/// The version that apt would install, for each package that has one.
pub(crate) fn candidates(packages: &[&str]) -> HashMap<String, String> {
    let output = process::output(Command::new("apt-cache").arg("policy").args(packages)).unwrap_or_default();
    parse_policy(&output)
}

fn parse_policy(output: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut package = "";
    for line in output.lines() {
        if !line.starts_with(' ') {
            package = line.trim_end_matches(':');
        } else if let Some(version) = line.trim().strip_prefix("Candidate: ").filter(|version| *version != "(none)") {
            found.insert(package.to_owned(), version.to_owned());
        }
    }
    found
}

/// How apt may be called by whoever runs us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privilege {
    Root,
    Sudo,
    None,
}

impl Privilege {
    pub(crate) fn learn() -> Self {
        let uid = process::output(Command::new("id").arg("-u"));
        if uid.is_some_and(|uid| uid.trim() == "0") {
            Self::Root
        } else if process::find("sudo").is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }

    /// Fails when there is no way to become root.
    pub(crate) fn check(self) -> Result<()> {
        if self == Self::None {
            bail!("you are not root and there is no sudo: run the commands above as root, then try again");
        }
        Ok(())
    }

    pub(crate) fn update_line(self) -> String {
        self.words(&["apt-get", "update"]).join(" ")
    }

    pub(crate) fn install_line(self, packages: &[&str]) -> String {
        self.words(&install_words(packages)).join(" ")
    }

    pub(crate) fn update(self) -> Result<()> {
        self.run(&["apt-get", "update"])
    }

    pub(crate) fn install(self, packages: &[&str]) -> Result<()> {
        if packages.is_empty() { Ok(()) } else { self.run(&install_words(packages)) }
    }

    fn words<'a>(self, words: &[&'a str]) -> Vec<&'a str> {
        let sudo: &[&str] = if self == Self::Sudo { &["sudo"] } else { &[] };
        [sudo, words].concat()
    }

    fn run(self, words: &[&str]) -> Result<()> {
        let mut words = self.words(words);
        // Without a terminal sudo could only wait for a password that nobody types.
        if self == Self::Sudo && !io::stdin().is_terminal() {
            words.insert(1, "-n");
        }
        process::run(Command::new(words[0]).args(&words[1..]))
    }
}

fn install_words<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends"];
    [&install, packages].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_candidate_is_not_offered() {
        let found = parse_policy(
            "chromium:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n\
             nodejs:\n  Installed: (none)\n  Candidate: 18.20.4+dfsg-1\n  Version table:\n     18.20.4 500\n",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found["nodejs"], "18.20.4+dfsg-1");
    }

    #[test]
    fn the_printed_command_is_the_one_that_runs() {
        assert_eq!(
            Privilege::Sudo.install_line(&["xvfb", "dunst"]),
            "sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends xvfb dunst"
        );
        assert_eq!(Privilege::Root.update_line(), "apt-get update");
    }
}
