//! Capabilities: groups of tools that a client asks for.

use std::collections::BTreeSet;

/// A group of tools that can be added or left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cap {
    /// Reading a page as text. On by default.
    Read,
    /// Reading on in large results. On by default.
    Cursors,
    /// More than one session. On by default.
    Sessions,
    /// Going offline, answering requests.
    Network,
    /// Cookies and what pages store.
    Storage,
    /// Locators and assertions.
    Testing,
    /// The mouse by coordinates.
    Vision,
    /// The page as PDF.
    Pdf,
    /// What the server was started with.
    Config,
    /// Highlighting.
    Devtools,
    /// Networks, processors, places and devices that are not this machine's.
    Emulation,
}

/// Every capability with its name, in the order of the design.
const NAMES: [(&str, Cap); 12] = [
    ("read", Cap::Read),
    ("cursors", Cap::Cursors),
    ("sessions", Cap::Sessions),
    ("network", Cap::Network),
    ("storage", Cap::Storage),
    ("testing", Cap::Testing),
    ("vision", Cap::Vision),
    ("pdf", Cap::Pdf),
    ("config", Cap::Config),
    ("devtools", Cap::Devtools),
    ("tracing", Cap::Devtools),
    ("emulation", Cap::Emulation),
];

impl Cap {
    /// What clients call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, cap)| *cap == self).map_or("", |(name, _)| name)
    }
}

/// The capabilities that need no asking.
const DEFAULT: [Cap; 3] = [Cap::Read, Cap::Cursors, Cap::Sessions];

/// What a client has beside the core tools.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caps(BTreeSet<Cap>);

impl Default for Caps {
    fn default() -> Self {
        Self(DEFAULT.into())
    }
}

impl Caps {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(NAMES.iter().map(|(_, cap)| *cap).collect())
    }

    /// Whether `cap` is among them.
    #[must_use]
    pub fn has(&self, cap: Cap) -> bool {
        self.0.contains(&cap)
    }

    /// Their names, in the order of the design.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let known = NAMES.iter().filter(|(name, cap)| *name != "tracing" && self.has(*cap));
        known.map(|(name, _)| *name).collect()
    }

    /// Takes in a list such as `vision,-cursors` or `all`; gives the names that nobody knows.
    pub fn take(&mut self, list: &str) -> Vec<String> {
        let mut unknown = Vec::new();
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let (name, wanted) = name.strip_prefix('-').map_or((name, true), |name| (name, false));
            match NAMES.iter().find(|(known, _)| *known == name) {
                Some((_, cap)) if wanted => drop(self.0.insert(*cap)),
                Some((_, cap)) if DEFAULT.contains(cap) => drop(self.0.remove(cap)),
                None if name == "all" && wanted => self.0.extend(NAMES.iter().map(|(_, cap)| *cap)),
                // `core` and its parts are always there.
                None if wanted && name.starts_with("core") => {}
                _ => unknown.push(name.to_owned()),
            }
        }
        unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_adds_and_takes_away() {
        let mut caps = Caps::default();
        assert_eq!(caps.take("vision, pdf,-sessions,core,coffee,-vision"), ["coffee", "vision"]);
        assert!(caps.has(Cap::Vision) && caps.has(Cap::Pdf) && caps.has(Cap::Read) && !caps.has(Cap::Sessions));
        assert!(caps.take("all").is_empty());
        assert_eq!(caps, Caps::all());
        assert!(Caps::default().take("tracing").is_empty());
    }
}
