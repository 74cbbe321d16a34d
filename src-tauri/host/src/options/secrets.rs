//! Secrets: texts that are typed by name and masked wherever they would be seen.

use std::{borrow::Cow, collections::BTreeMap, fmt, path::Path};

/// The largest file of secrets, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Names and the texts they stand for. Never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(pub BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Whether there is nothing to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(String::is_empty)
    }

    /// What `name` stands for, if it is a secret's name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `text` with `<secret>NAME</secret>` for every secret in it, the longest first.
    #[must_use]
    pub fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for (name, value) in self.longest_first() {
            if masked.contains(value) {
                masked = Cow::Owned(masked.replace(value, &format!("<secret>{name}</secret>")));
            }
        }
        masked
    }

    fn longest_first(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<(&str, &str)> = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        all.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        all
    }
}

/// Reads a dotenv file.
///
/// # Errors
/// What is wrong with it, in words that repeat nothing of it.
pub(super) fn read(path: &Path) -> Result<Secrets, String> {
    let failed = |error: std::io::Error| format!("the secrets file {} cannot be read: {error}", path.display());
    let meta = std::fs::metadata(path).map_err(failed)?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err(format!("the secrets file {} is no file of at most 1 MB", path.display()));
    }
    Ok(parse(&std::fs::read_to_string(path).map_err(failed)?))
}

/// `NAME=value` lines as the dotenv package of Node reads them: nothing is put in for `$NAME`, because a
/// password may contain one. That is why this is not one of the crates, which all do.
fn parse(text: &str) -> Secrets {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut secrets = BTreeMap::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim_start();
        let entry = trimmed.strip_prefix("export ").unwrap_or(trimmed);
        let parted = entry.split_once('=').or_else(|| entry.split_once(": "));
        let Some((name, value)) = parted.filter(|(name, _)| is_name(name.trim())) else {
            rest = after;
            continue;
        };
        let begin = value.trim_start();
        let quote = begin.chars().next().filter(|c| ['"', '\'', '`'].contains(c));
        // A quoted value may go over several lines.
        let from = rest.len() - after.len() - usize::from(line.len() < rest.len()) - begin.len();
        let quoted = quote.and_then(|quote| {
            let inside = rest.get(from + 1..)?;
            let end = closing(inside, quote)?;
            Some((quote, inside.get(..end)?, inside.get(end + 1..)?))
        });
        let value = if let Some((quote, inside, tail)) = quoted {
            rest = tail.split_once('\n').map_or("", |(_, after)| after);
            if quote == '"' { inside.replace("\\n", "\n").replace("\\r", "\r") } else { inside.to_owned() }
        } else {
            rest = after;
            begin.split('#').next().unwrap_or_default().trim().to_owned()
        };
        secrets.insert(name.trim().to_owned(), value);
    }
    Secrets(secrets)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ['_', '.', '-'].contains(&c))
}

/// Where `quote` comes that no backslash stands before.
fn closing(text: &str, quote: char) -> Option<usize> {
    text.match_indices(quote).map(|(at, _)| at).find(|at| !text.get(..*at).is_some_and(|before| before.ends_with('\\')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotenv_file_is_read_as_written() {
        let text = "\u{feff}# comment\nUSER=me # not this\r\nexport PASSWORD='p#a$s\"s'\nEMPTY=\nKEY=\"a\\nb\"\n\
                    LONG=\"first\nsecond\"\nbad line\nDOLLAR=$HOME\nNAME: x\n=nothing\nLAST=end";
        let secrets = parse(text);
        let got: Vec<(&str, &str)> = secrets.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            got,
            [
                ("DOLLAR", "$HOME"),
                ("EMPTY", ""),
                ("KEY", "a\nb"),
                ("LAST", "end"),
                ("LONG", "first\nsecond"),
                ("NAME", "x"),
                ("PASSWORD", "p#a$s\"s"),
                ("USER", "me"),
            ]
        );
        assert!(!format!("{secrets:?}").contains("p#a"));
    }

    #[test]
    fn the_longest_is_masked_first_and_empty_ones_never() {
        let entry = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let secrets = Secrets(BTreeMap::from([entry("A", "pass"), entry("B", "password"), entry("C", "")]));
        assert_eq!(secrets.masked("a password, a pass"), "a <secret>B</secret>, a <secret>A</secret>");
        assert!(matches!(secrets.masked("nothing"), Cow::Borrowed("nothing")));
        assert!(!secrets.is_empty() && Secrets(BTreeMap::from([entry("C", "")])).is_empty());
    }

    #[test]
    fn hostile_files_end() {
        for text in ["A='", "A=\"", "'", "=", "A=\\", "\n\n", "A='\\'", "é=1", "A=\"é"] {
            drop(parse(text));
        }
    }
}
