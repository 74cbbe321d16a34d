//! Which origins pages may load from.

use std::fmt::Write as _;

use url::Url;

/// Origins that are let in and origins that are not; the latter win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Let in; where there are none, all are.
    pub allowed: Vec<String>,
    /// Kept out.
    pub blocked: Vec<String>,
}

/// `https://host`, `http://host:8080`, `http://host:*`, or a host alone for any scheme and port.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    scheme: Option<String>,
    host: String,
    /// None for the scheme's own.
    port: Option<u16>,
    any_port: bool,
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let (scheme, rest) =
            text.split_once("://").map_or((None, text.as_str()), |(scheme, rest)| (Some(scheme), rest));
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if port == "*" || port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
            _ => (rest, None),
        };
        let known = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_*[]:".contains(&byte));
        (known && !host.is_empty()).then(|| Self {
            any_port: port == Some("*") || (port.is_none() && scheme.is_none()),
            port: port.and_then(|port| port.parse().ok()),
            scheme: scheme.map(str::to_owned),
            host: host.to_owned(),
        })
    }

    fn fits(&self, url: &Url) -> bool {
        let scheme = self.scheme.as_ref().is_none_or(|scheme| scheme == url.scheme());
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let host = self.host.strip_prefix('*').map_or_else(|| self.host == host, |end| host.ends_with(end));
        scheme && host && (self.any_port || self.port == url.port())
    }

    /// As the browser's own patterns are written.
    fn pattern(&self) -> String {
        let mut pattern = format!("{}://{}", self.scheme.as_deref().unwrap_or("*"), self.host);
        match (self.any_port, self.port) {
            (true, _) => pattern.push_str(":*"),
            // Writing to a string cannot fail.
            (_, Some(port)) => write!(pattern, ":{port}").unwrap_or_default(),
            _ => {}
        }
        pattern + "/*"
    }
}

impl Origins {
    /// Whether everything is let in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.blocked.is_empty()
    }

    /// Whether pages may load `url`. What has no host is nobody's origin.
    #[must_use]
    pub fn admit(&self, url: &Url) -> bool {
        let any = |rules: &[String]| rules.iter().filter_map(|rule| Rule::parse(rule)).any(|rule| rule.fits(url));
        !url.has_host() || (!any(&self.blocked) && (self.allowed.is_empty() || any(&self.allowed)))
    }

    /// Patterns for the browser, the first that fits decides: each with whether it blocks.
    #[must_use]
    pub fn patterns(&self) -> Vec<(String, bool)> {
        let of = |rules: &[String], block: bool| {
            let rules: Vec<_> = rules.iter().filter_map(|rule| Rule::parse(rule)).collect();
            rules.into_iter().map(move |rule| (rule.pattern(), block))
        };
        let rest = (!self.allowed.is_empty()).then(|| ("*://*:*/*".to_owned(), true));
        of(&self.blocked, true).chain(of(&self.allowed, false)).chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(allowed: &[&str], blocked: &[&str]) -> Origins {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Origins { allowed: owned(allowed), blocked: owned(blocked) }
    }

    fn admits(origins: &Origins, url: &str) -> bool {
        origins.admit(&Url::parse(url).unwrap())
    }

    #[test]
    fn what_is_blocked_wins_and_what_is_allowed_is_all() {
        let both = origins(&["http://a.test:*", "b.test"], &["http://a.test:81"]);
        assert!(admits(&both, "http://a.test/x") && admits(&both, "http://a.test:8080/"));
        assert!(admits(&both, "https://b.test:4/") && admits(&both, "about:blank") && admits(&both, "data:,x"));
        assert!(
            !admits(&both, "http://a.test:81/")
                && !admits(&both, "https://a.test/")
                && !admits(&both, "http://c.test/")
        );
        let one = origins(&[], &["https://c.test"]);
        assert!(
            !admits(&one, "https://c.test/") && admits(&one, "https://c.test:444/") && admits(&one, "http://c.test/")
        );
        assert!(Origins::default().is_empty() && admits(&Origins::default(), "http://x/"));
    }

    #[test]
    fn the_browser_is_told_in_its_own_words() {
        let both = origins(&["http://a.test:*", "b.test"], &["https://c.test:81", "no origin", ""]);
        let expected = [
            ("https://c.test:81/*", true),
            ("http://a.test:*/*", false),
            ("*://b.test:*/*", false),
            ("*://*:*/*", true),
        ];
        assert_eq!(both.patterns(), expected.map(|(pattern, block)| (pattern.to_owned(), block)));
    }
}
