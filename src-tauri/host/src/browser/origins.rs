//! Which origins the pages of one session may load from, where its client said so.

use parking_lot::RwLock;
use url::Url;

/// Lists of a client. The usual ones are empty: everything may be loaded.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    lists: RwLock<Lists>,
}

#[derive(Debug, Default, PartialEq)]
struct Lists {
    allowed: Vec<Pattern>,
    blocked: Vec<Pattern>,
}

/// `https://host`, `http://host:8080`, `http://host:*`, or a bare `host` for both schemes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    scheme: Option<String>,
    host: String,
    port: Port,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Any,
    Usual,
    This(u16),
}

impl Origins {
    /// Takes the lists over.
    pub(crate) fn set(&self, allowed: &[String], blocked: &[String]) {
        let lists = Lists { allowed: parse(allowed), blocked: parse(blocked) };
        if *self.lists.read() != lists {
            *self.lists.write() = lists;
        }
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        let lists = self.lists.read();
        lists.allowed.is_empty() && lists.blocked.is_empty()
    }

    /// Whether `url` may be loaded. What is blocked is blocked, whatever is allowed.
    pub(crate) fn allow(&self, url: &Url) -> bool {
        let lists = self.lists.read();
        let fits = |list: &[Pattern]| list.iter().any(|pattern| pattern.fits(url));
        !fits(&lists.blocked) && (lists.allowed.is_empty() || fits(&lists.allowed))
    }
}

fn parse(list: &[String]) -> Vec<Pattern> {
    list.iter().filter_map(|text| Pattern::parse(text.trim())).collect()
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let rest = rest.split('/').next().unwrap_or_default();
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, "*")) => (host, Port::Any),
            Some((host, port)) if !port.ends_with(']') => (host, Port::This(port.parse().ok()?)),
            _ => (rest, Port::Usual),
        };
        (!host.is_empty()).then(|| Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    fn fits(&self, url: &Url) -> bool {
        let scheme = match url.scheme() {
            "ws" => "http",
            "wss" => "https",
            other => other,
        };
        let port = match self.port {
            Port::Any => true,
            Port::Usual => url.port().is_none(),
            Port::This(port) => url.port_or_known_default() == Some(port),
        };
        port && self.scheme.as_deref().is_none_or(|wanted| wanted == scheme)
            && url.host_str().is_some_and(|host| host == self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_wins_and_ports_count() {
        let origins = Origins::default();
        let allows = |origins: &Origins, url: &str| origins.allow(&Url::parse(url).unwrap());
        assert!(origins.is_empty() && allows(&origins, "http://anything:1/"));
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        origins.set(
            &list(&["https://a.example", "http://h:*", "b.example", "http://c:8080", "http://[::1]:*"]),
            &list(&["http://h:1"]),
        );
        for url in [
            "https://a.example/x",
            "http://h:2/",
            "http://h/",
            "http://b.example/",
            "https://b.example/",
            "http://c:8080/",
            "http://[::1]:7/",
        ] {
            assert!(allows(&origins, url), "{url}");
        }
        for url in [
            "http://a.example/",
            "https://a.example:444/",
            "http://h:1/",
            "https://h:2/",
            "http://c/",
            "http://sub.b.example/",
            "http://other/",
        ] {
            assert!(!allows(&origins, url), "{url}");
        }
        origins.set(&[], &list(&["http://h:1", ":", "x:port"]));
        assert!(allows(&origins, "http://other/") && !allows(&origins, "http://h:1/"));
    }
}
