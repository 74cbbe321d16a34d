//! What is special about the browser of a server of one's own.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::LazyLock, time::Duration};

use crate::options::{BrowserOptions, ProxyOptions};

/// How such a server uses its browser. A host that many share has the default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The server is one program's own: a browser that ended while nobody called is started again in silence.
    pub(crate) own: bool,
    /// The profile on disk that its first client has; none where every session is in memory.
    pub(crate) profile: Option<PathBuf>,
    /// In a browser that runs already, the first client has the pages and the profile that are there.
    pub(crate) joins: bool,
    /// Headers of the connection to that browser.
    pub(crate) headers: BTreeMap<String, String>,
    /// How long that connection may take; zero for as long as it likes.
    pub(crate) connect: Option<Duration>,
    /// The proxy of everything in a browser that is started.
    pub(crate) proxy: Option<ProxyOptions>,
}

impl Plan {
    /// The plan behind these options; `profile` is where one would be kept.
    pub(crate) fn of(options: &BrowserOptions, profile: Option<PathBuf>) -> Self {
        let attached = options.cdp_endpoint.is_some();
        Self {
            own: true,
            profile: profile.filter(|_| !options.isolated && !attached),
            joins: attached && !options.isolated,
            headers: options.cdp_headers.clone(),
            connect: options.cdp_timeout,
            proxy: options.proxy.clone().filter(|proxy| !proxy.server.is_empty()),
        }
    }

    /// One of the lines that tests of such servers look for: `DEBUG=pw:mcp:test` asks for them.
    pub(crate) fn say(&self, what: &str) {
        if self.own {
            debug_line(what);
        }
    }

    /// The kind, as debug lines call it.
    pub(crate) const fn kind(&self, attached: bool) -> &'static str {
        match (attached, self.profile.is_some()) {
            (true, _) => "cdp",
            (_, true) => "persistent",
            _ => "isolated",
        }
    }
}

/// One line on standard error, where `DEBUG` asks for it.
pub(crate) fn debug_line(what: &str) {
    static WANTED: LazyLock<bool> = LazyLock::new(|| {
        let patterns = std::env::var("DEBUG").unwrap_or_default();
        let mut patterns = patterns.split([',', ' ']);
        patterns.any(|pattern| ["pw:mcp:test", "pw:mcp:*", "pw:mcp*", "pw:*", "*"].contains(&pattern))
    });
    if *WANTED {
        let mut stderr = std::io::stderr().lock();
        // Nobody reading is no error.
        writeln!(stderr, "pw:mcp:test {what}").unwrap_or_default();
    }
}

/// Hosts that go around a proxy, as Chromium's command line and contexts have them. Addresses of this machine
/// go through it like all others unless they are named.
pub(crate) fn bypass_list(bypass: Option<&str>) -> String {
    const LOOPBACK: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "<-loopback>"];
    let mut hosts: Vec<&str> =
        bypass.unwrap_or_default().split([',', ';']).map(str::trim).filter(|host| !host.is_empty()).collect();
    if !hosts.iter().any(|host| LOOPBACK.contains(host)) {
        hosts.push("<-loopback>");
    }
    hosts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_goes_through_the_proxy_unless_it_is_named() {
        assert_eq!(bypass_list(None), "<-loopback>");
        assert_eq!(bypass_list(Some(".com, chromium.org")), ".com;chromium.org;<-loopback>");
        assert_eq!(bypass_list(Some("localhost")), "localhost");
    }

    #[test]
    fn a_profile_is_for_browsers_of_ours_that_are_not_isolated() {
        let profile = || Some(PathBuf::from("/p"));
        assert!(Plan::of(&BrowserOptions::default(), profile()).profile.is_some());
        let isolated = BrowserOptions { isolated: true, ..BrowserOptions::default() };
        let plan = Plan::of(&isolated, profile());
        assert!(plan.profile.is_none() && !plan.joins && plan.kind(false) == "isolated");
        let attached = BrowserOptions { cdp_endpoint: Some("http://x:1".to_owned()), ..BrowserOptions::default() };
        let plan = Plan::of(&attached, profile());
        assert!(plan.profile.is_none() && plan.joins && plan.kind(true) == "cdp");
    }
}
