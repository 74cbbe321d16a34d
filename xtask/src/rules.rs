//! `cargo xtask rules`: the house rules that no lint can hold.

mod invariants;
mod manifests;
mod source;

use std::{fmt, fs};

use anyhow::{Context, Result, bail};

use crate::{process, repo::Repo};

/// One file of the tree, its path relative to the root and with `/` between folders.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: String,
    text: String,
}

/// One place where a rule does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    sentence: String,
    /// A warning is printed and does not fail.
    warning: bool,
}

impl Finding {
    fn new(file: &File, line: usize, sentence: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, sentence: sentence.into(), warning: false }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {kind}{}", self.path, self.line, self.sentence)
    }
}

/// Prints every finding; fails when one of them is more than a warning.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    let files = read(repo)?;
    let mut findings = source::check(&files);
    findings.extend(manifests::check(&files));
    findings.extend(invariants::check(&files));
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    let broken = findings.iter().filter(|finding| !finding.warning).count();
    if broken > 0 {
        bail!("house rules broken: {broken}, listed above");
    }
    println!("House rules hold in {} files.", files.len());
    Ok(())
}

/// Every text file that git has or would add.
fn read(repo: &Repo) -> Result<Vec<File>> {
    let mut list = Repo::program("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], &repo.root);
    let names = process::output(&mut list).context("git could not be started")?;
    if names.is_empty() {
        bail!("git lists no files in {}: the house rules are checked in a clone", repo.root.display());
    }
    // What cannot be read as text is a picture, or was deleted and not committed yet.
    let text = |path: &str| fs::read_to_string(repo.root.join(path)).ok();
    Ok(names
        .split_terminator('\0')
        .filter_map(|path| Some(File { path: path.to_owned(), text: text(path)? }))
        .collect())
}
