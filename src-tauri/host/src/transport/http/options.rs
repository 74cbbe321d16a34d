//! How MCP is served over TCP, and to whom.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// Called with what happens to sessions: `create http session`, `delete http session`.
pub type Told = Arc<dyn Fn(&str) + Send + Sync>;

/// What a server on TCP is started with.
#[derive(Clone)]
pub struct HttpOptions {
    /// Where it listens, all at the port of the first; port 0 takes a free one. What cannot be had besides
    /// the first is left out.
    pub addresses: Vec<SocketAddr>,
    /// The file of the token that every request must bring; made where there is none. Without one the user
    /// of the other process is the only lock, so it must be on this machine.
    pub token_file: Option<PathBuf>,
    /// The `Host` that requests may name.
    pub allowed_hosts: AllowedHosts,
    /// Whether it is the client's own server: every path is MCP, `/sse` its old transport, and refusals are
    /// plain texts.
    pub own_server: bool,
    /// Clients with an open event stream are asked whether they are there, and one that takes longer than this to
    /// answer is gone. None, and they are not asked: a client that is busy is no dead one.
    pub ping: Option<Duration>,
    /// Who is told about sessions, besides the log.
    pub told: Option<Told>,
}

/// Which `Host` headers are answered: a page whose name was bound anew to our address names its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedHosts {
    /// The names of the address it listens at, with its port.
    #[default]
    Bound,
    /// These; one without a port is good with any.
    These(Vec<String>),
    /// Whatever it is.
    Any,
}

impl HttpOptions {
    /// Beside the sockets of a host that serves this user: at `address`, with the token in `token_file`.
    #[must_use]
    pub fn beside_sockets(address: SocketAddr, token_file: PathBuf) -> Self {
        Self {
            addresses: vec![address],
            token_file: Some(token_file),
            allowed_hosts: AllowedHosts::Bound,
            own_server: false,
            ping: None,
            told: None,
        }
    }

    /// A client's own server at `localhost`, in both families: clients try either first.
    #[must_use]
    pub fn own_server(port: u16) -> Self {
        let local = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        Self {
            addresses: local.map(|ip| SocketAddr::new(ip, port)).to_vec(),
            token_file: None,
            allowed_hosts: AllowedHosts::Bound,
            own_server: true,
            ping: None,
            told: None,
        }
    }
}

/// The same with the port known.
#[derive(Debug)]
pub(super) struct Hosts {
    /// In lower case, with their port where only that one will do. None where any name will do.
    names: Option<Vec<String>>,
    /// What a refusal calls them.
    shown: String,
}

impl Hosts {
    pub(super) fn new(allowed: &AllowedHosts, bound: SocketAddr) -> Self {
        let port = bound.port();
        let names = match allowed {
            AllowedHosts::Any => return Self { names: None, shown: "any host".to_owned() },
            AllowedHosts::These(names) => names.iter().map(|name| name.trim().to_ascii_lowercase()).collect(),
            AllowedHosts::Bound => {
                let mut names: Vec<String> =
                    ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}")).to_vec();
                if !bound.ip().is_loopback() {
                    names.insert(0, bound.to_string());
                }
                names
            }
        };
        let shown = match allowed {
            AllowedHosts::These(_) => names.join(", "),
            _ => names.first().cloned().unwrap_or_default(),
        };
        Self { names: Some(names), shown }
    }

    /// Whether a request with this `Host` is one to us.
    pub(super) fn admit(&self, authority: &str) -> bool {
        let Some(names) = &self.names else { return !authority.is_empty() };
        let authority = authority.to_ascii_lowercase();
        let host = without_port(&authority);
        names.iter().any(|name| *name == authority || (without_port(name) == name && name == host))
    }

    /// Whether a page of this `Origin` may ask: only one that came from this server itself. `host` is the
    /// one that the request named.
    pub(super) fn admit_origin(&self, origin: &str, host: &str) -> bool {
        let authority =
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://").filter(|_| self.given()));
        authority.is_some_and(|authority| match &self.names {
            Some(_) => self.admit(authority),
            None => authority.eq_ignore_ascii_case(host),
        })
    }

    /// Whether somebody said which they are: then something before us may speak TLS.
    fn given(&self) -> bool {
        self.names.as_ref().is_none_or(|names| !names.iter().any(|name| name.starts_with("[::1]:")))
    }

    /// For the one who is refused.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

/// `name` of `name:80`; the whole where there is no port.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(allowed: &AllowedHosts) -> Hosts {
        Hosts::new(allowed, "127.0.0.1:8931".parse().unwrap())
    }

    #[test]
    fn the_bound_one_is_exact() {
        let own = hosts(&AllowedHosts::Bound);
        for good in ["localhost:8931", "LOCALHOST:8931", "127.0.0.1:8931", "[::1]:8931"] {
            assert!(own.admit(good), "{good}");
            assert!(own.admit_origin(&format!("http://{good}"), good), "{good}");
        }
        for bad in ["localhost", "localhost:80", "evil:8931", "", "127.0.0.1", "::1", "[::1]", "localhost.:8931"] {
            assert!(!own.admit(bad), "{bad}");
        }
        for bad in ["null", "https://localhost:8931", "http://localhost", "file://localhost:8931", ""] {
            assert!(!own.admit_origin(bad, "localhost:8931"), "{bad}");
        }
        assert_eq!(own.shown(), "localhost:8931");
        let far = Hosts::new(&AllowedHosts::Bound, "192.0.2.1:80".parse().unwrap());
        assert!(far.admit("192.0.2.1:80") && far.admit("localhost:80") && !far.admit("192.0.2.2:80"));
        assert_eq!(far.shown(), "192.0.2.1:80");
    }

    #[test]
    fn given_ones_may_leave_the_port_open() {
        let given = hosts(&AllowedHosts::These(vec!["Box.example".into(), "other:1".into(), "[::1]".into()]));
        for good in ["box.example", "box.example:8080", "OTHER:1", "[::1]", "[::1]:5"] {
            assert!(given.admit(good), "{good}");
        }
        for bad in ["other", "other:2", "x.box.example", "box.example.evil", "localhost:8931"] {
            assert!(!given.admit(bad), "{bad}");
        }
        assert!(given.admit_origin("https://box.example", "box.example"));
        assert!(!given.admit_origin("https://evil.example", "box.example"));
        assert_eq!(given.shown(), "box.example, other:1, [::1]");
        let any = hosts(&AllowedHosts::Any);
        assert!(any.admit("whatever") && !any.admit(""));
        assert!(any.admit_origin("http://whatever", "whatever") && !any.admit_origin("http://evil", "whatever"));
    }
}
