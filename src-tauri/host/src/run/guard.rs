//! The guardian's own side: what the process `ebb guard` does.
//!
//! It lives exactly as long as its standard input, a pipe whose only other end is in the host. Each line
//! there is a word and a run directory as JSON: `+` to watch over it, `-` to forget it, `?` to show a sign
//! of life; each is answered with one line. At the end of the pipe it ends what it still watches over. It
//! has no runtime and no thread but the first: it must be small, and nothing in it may hang.

use std::{
    collections::BTreeSet,
    io::{BufRead, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use ebb_core::{Code, Error, Result};

use super::{Ended, end};
use crate::logging;

/// How long what it ends may take to die.
const DEADLINE: Duration = Duration::from_secs(4);
/// The answer to every line.
pub(super) const ANSWER: &str = "ok";

/// Watches over the run directories below `base` that the host on standard input names, until it is gone;
/// then ends and removes what is left of them, and says so in the log in `log_dir`, if there is one.
///
/// # Errors
/// When standard input or output fail while the host still lives; it starts another one then.
pub fn guard(base: &Path, log_dir: Option<&Path>) -> Result<()> {
    stand_apart();
    let mut watched = BTreeSet::new();
    let lived = listen(std::io::stdin().lock(), std::io::stdout().lock(), &mut watched);
    if !watched.is_empty() {
        let dirs: Vec<PathBuf> = watched.into_iter().collect();
        let ended = end(base, &dirs, DEADLINE);
        if let Some(log_dir) = log_dir {
            tell(&ended, log_dir);
        }
    }
    lived.map_err(|error| Error::new(Code::Internal, format!("the host cannot be heard: {error}")))
}

/// Reads to the end of the host.
fn listen(host: impl BufRead, mut back: impl Write, watched: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
    for line in host.lines() {
        let line = line?;
        let (word, rest) = line.split_at_checked(1).unwrap_or(("", ""));
        let dir: Option<PathBuf> = serde_json::from_str(rest).ok();
        match (word, dir) {
            ("+", Some(dir)) => drop(watched.insert(dir)),
            ("-", Some(dir)) => drop(watched.remove(&dir)),
            _ => {}
        }
        // A host that died just now does not read; its end comes with the next line.
        drop(writeln!(back, "{ANSWER}").and_then(|()| back.flush()));
    }
    Ok(())
}

/// Leaves the host's process session and folder, and ignores what ends it by accident: whoever stops a
/// terminal or a process group means the host, and this process must outlive it.
fn stand_apart() {
    #[cfg(unix)]
    {
        // A process that leads a group already needs none.
        if rustix::process::setsid().is_err() {
            tracing::debug!("no new process session");
        }
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGPIPE] {
            // SAFETY: ignoring a signal installs no handler, and no other thread runs here.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
    drop(std::env::set_current_dir("/"));
}

fn tell(ended: &Ended, log_dir: &Path) {
    let log = logging::start(log_dir, "info");
    tracing::warn!(
        processes = ended.processes,
        directories = ended.directories,
        "the host was gone; the guardian ended what it had left"
    );
    for (path, why) in &ended.failed {
        tracing::error!(path = %path.display(), why, "a run directory could not be removed; the next start tries again");
    }
    drop(log);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_watches_what_it_is_told_and_answers_every_line() {
        let mut watched = BTreeSet::new();
        let mut said = Vec::new();
        let lines = b"+\"/run/a\"\n+\"/run/b b\"\n-\"/run/a\"\n?\n\nnonsense\n+not json\n-\"/never\"\n";
        listen(lines.as_slice(), &mut said, &mut watched).unwrap();
        assert_eq!(watched.into_iter().collect::<Vec<_>>(), [PathBuf::from("/run/b b")]);
        assert_eq!(said, b"ok\n".repeat(8));
    }
}
