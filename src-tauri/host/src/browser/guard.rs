//! Which addresses pages may be sent to.
//!
//! What counts is the address that a name leads to, not the name. Link-local addresses, where clouds keep their
//! credentials, and Ebb's own ports are never opened; private networks only by setting; this machine always,
//! because people test what they build. Every request of a page waits until its address was looked at, redirects
//! included. A name is looked up again once its answer is a second old, so one that changes later is seen. WebSockets
//! and workers that serve several pages do not come by here: the browser itself keeps them away from the same
//! addresses, by [`RESOLVER_RULES`] and [`LOCAL_CHECKS`].

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use ebb_core::{Code, Error};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};
use url::{Host, Url};

/// How long a name may take to be looked up. One that takes longer is refused: it must not get its answer after
/// it was let through.
const LOOKUP: Duration = Duration::from_secs(10);
/// Names looked up at once.
const AT_ONCE: usize = 32;
/// How long an answer counts. Chromium itself keeps one for a minute.
const FRESH: Duration = Duration::from_secs(1);
/// Answers that are remembered.
const REMEMBERED: usize = 512;

/// Names of metadata services that lead to addresses which are none of the known ones.
const METADATA_NAMES: [&str; 4] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];

/// What Chromium itself must not connect to, whatever asks: WebSockets pass by where requests wait. Each is a
/// pattern of a host as an address has it once it is in its usual spelling.
pub(super) const RESOLVER_RULES: &str = "--host-resolver-rules=MAP 169.254.* ~NOTFOUND, \
     MAP fe80:* ~NOTFOUND, MAP fd00:ec2:* ~NOTFOUND, MAP fd20:ce:* ~NOTFOUND, MAP ::ffff:a9fe:* ~NOTFOUND, \
     MAP 100.100.100.200 ~NOTFOUND, MAP 192.0.0.192 ~NOTFOUND, MAP 168.63.129.16 ~NOTFOUND, \
     MAP metadata.google.internal ~NOTFOUND, MAP metadata.goog ~NOTFOUND, \
     MAP instance-data.ec2.internal ~NOTFOUND";

/// Has Chromium's network service look at the address of every connection that a page or worker asks for.
pub(super) const LOCAL_CHECKS: &str = "--enable-features=LocalNetworkAccessChecks,\
     LocalNetworkAccessChecksWebSockets,LocalNetworkAccessForWorkers";

/// How a port of this machine can be reached.
const OWN: [&str; 4] = ["127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"];

/// Where metadata services are.
const METADATA_RANGES: [&str; 7] = [
    "169.254.0.0/16",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "168.63.129.16/32",
    "[fe80::]/10",
    "[fd00:ec2::]/32",
    "[fd20:ce::]/32",
];

/// This machine.
const MACHINE: [&str; 3] = ["127.0.0.0/8", "0.0.0.0/8", "[::1]/128"];

/// Private networks.
const PRIVATE: [&str; 7] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "192.0.0.0/24", "100.64.0.0/10", "198.18.0.0/15", "[fc00::]/7"];

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Link-local, or another place where clouds keep metadata.
    Metadata,
    /// A private network, and they are not allowed.
    Private,
    /// A port of this very host.
    OwnPort,
    /// Its name was not looked up in time.
    Late,
}

impl Refused {
    /// As the browser is told.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Late => "NameNotResolved",
            _ => "BlockedByClient",
        }
    }

    /// As people are told.
    const fn phrase(self) -> &'static str {
        match self {
            Self::Metadata => "Link-local and cloud metadata addresses are never opened.",
            Self::Private => {
                "Private networks are opened only with the setting browser.private_networks (ebb config set)."
            }
            Self::OwnPort => "This is a port of Ebb itself.",
            Self::Late => "Its name was not looked up in time: try again.",
        }
    }
}

/// What is known of an address without a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    Refused(Refused),
    /// Its name decides.
    Unknown,
}

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Metadata,
    Private,
    Local,
    Public,
}

/// Decides for all browsers of a host.
#[derive(Debug)]
pub(crate) struct Guard {
    private: bool,
    own_ports: Mutex<Vec<u16>>,
    answers: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
    lookups: Semaphore,
}

impl Guard {
    /// One that lets private networks through or not.
    pub(crate) fn new(private: bool) -> Self {
        let lookups = Semaphore::new(AT_ONCE);
        Self { private, own_ports: Mutex::default(), answers: Mutex::default(), lookups }
    }

    /// Whether a page may be sent to `address`, with its name looked up.
    ///
    /// # Errors
    /// [`Code::NavigationDenied`] with the reason.
    pub(crate) async fn admit(&self, address: &str) -> Result<(), Error> {
        let Ok(url) = Url::parse(address) else { return Ok(()) };
        let Some(refused) = self.look(&url).await else { return Ok(()) };
        let error = if refused == Refused::Late { "ERR_NAME_NOT_RESOLVED" } else { "ERR_BLOCKED_BY_CLIENT" };
        let message = format!("net::{error} at {address}");
        Err(Error::new(Code::NavigationDenied, message).next(refused.phrase()))
    }

    /// What [`LOCAL_CHECKS`] go by: the browser counts as "local", which no page may reach, what is refused here, and as
    /// "public" what is open. It judges the address that a connection really has, so names cannot deceive it. The first
    /// range that fits counts; private networks are "local" to it by themselves.
    pub(super) fn address_spaces(&self) -> String {
        let ports = self.own_ports.lock().clone();
        let own = ports.iter().flat_map(|port| OWN.map(|address| format!("{address}:{port}=local")));
        let metadata = METADATA_RANGES.map(|range| format!("{range}=local"));
        let open = MACHINE.iter().chain(PRIVATE.iter().filter(|_| self.private)).map(|range| format!("{range}=public"));
        let ranges: Vec<String> = own.chain(metadata).chain(open).collect();
        format!("--ip-address-space-overrides={}", ranges.join(","))
    }

    /// From now on this port of this machine is refused.
    pub(crate) fn own_port(&self, port: u16) {
        self.own_ports.lock().push(port);
    }

    /// Why `url` may not be reached, with its name looked up.
    pub(super) async fn look(&self, url: &Url) -> Option<Refused> {
        match self.at_once(url) {
            Verdict::Open => None,
            Verdict::Refused(refused) => Some(refused),
            Verdict::Unknown => match self.addresses(url.host_str().unwrap_or_default().to_owned()).await {
                Ok(addresses) => self.judge(&addresses, url.port_or_known_default().unwrap_or_default()),
                Err(late) => Some(late),
            },
        }
    }

    /// Whether `url` may be reached, as far as that can be told without looking up a name.
    pub(super) fn at_once(&self, url: &Url) -> Verdict {
        let port = url.port_or_known_default().unwrap_or_default();
        let judged = |address: IpAddr| self.judge(&[address], port).map_or(Verdict::Open, Verdict::Refused);
        match url.host() {
            Some(Host::Ipv4(ip)) => judged(ip.into()),
            Some(Host::Ipv6(ip)) => judged(ip.into()),
            Some(Host::Domain(name)) => match name.trim_end_matches('.') {
                name if METADATA_NAMES.contains(&name) => Verdict::Refused(Refused::Metadata),
                // Chromium does not ask anybody for these.
                name if name == "localhost" || name.ends_with(".localhost") => judged(Ipv4Addr::LOCALHOST.into()),
                _ => Verdict::Unknown,
            },
            None => Verdict::Open,
        }
    }

    /// Where a name leads; empty for nowhere.
    async fn addresses(&self, name: String) -> Result<Vec<IpAddr>, Refused> {
        let known = |name: &str| {
            let answers = self.answers.lock();
            answers.get(name).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, addresses)| addresses.clone())
        };
        if let Some(addresses) = known(&name) {
            return Ok(addresses);
        }
        let _turn = self.lookups.acquire().await.map_err(|_| Refused::Late)?;
        if let Some(addresses) = known(&name) {
            return Ok(addresses);
        }
        let lookup = tokio::net::lookup_host((name.as_str(), 0));
        let found = tokio::time::timeout(LOOKUP, lookup).await.map_err(|_| Refused::Late)?;
        // A name that leads nowhere is the browser's to tell: a proxy may know it.
        let addresses: Vec<IpAddr> = found.into_iter().flatten().map(|address| address.ip()).collect();
        let mut answers = self.answers.lock();
        if answers.len() >= REMEMBERED {
            answers.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if answers.len() < REMEMBERED {
            answers.insert(name, (Instant::now(), addresses.clone()));
        }
        Ok(addresses)
    }

    /// One address that is refused is enough: the browser takes whichever answers.
    fn judge(&self, addresses: &[IpAddr], port: u16) -> Option<Refused> {
        addresses.iter().find_map(|address| match kind(*address) {
            Kind::Metadata => Some(Refused::Metadata),
            Kind::Private if !self.private => Some(Refused::Private),
            Kind::Local if self.own_ports.lock().contains(&port) => Some(Refused::OwnPort),
            _ => None,
        })
    }
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(ip) => kind_v4(ip),
        IpAddr::V6(ip) => kind_v6(ip),
    }
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    let [a, b, c, _] = ip.octets();
    let is_metadata = ip.is_link_local()
        // Alibaba, Oracle, Azure.
        || [[100, 100, 100, 200], [192, 0, 0, 192], [168, 63, 129, 16]].contains(&ip.octets());
    match (a, b) {
        _ if is_metadata => Kind::Metadata,
        // The unspecified address leads to this machine.
        (0 | 127, _) => Kind::Local,
        _ if ip.is_private() || (a, b, c) == (192, 0, 0) => Kind::Private,
        // Carriers, and networks such as Tailscale's; networks for measuring; many at once.
        (100, 64..=127) | (198, 18 | 19) | (224..=255, _) => Kind::Private,
        _ => Kind::Public,
    }
}

fn kind_v6(ip: Ipv6Addr) -> Kind {
    let parts = ip.segments();
    if let Some(inner) = inner_v4(ip) {
        return kind_v4(inner);
    }
    // Amazon and Google have theirs among the unique local ones.
    let is_metadata = parts[0] & 0xffc0 == 0xfe80
        || (parts[0] == 0xfd00 && parts[1] == 0xec2)
        || (parts[0] == 0xfd20 && parts[1] == 0xce);
    match parts[0] {
        _ if is_metadata => Kind::Metadata,
        _ if ip.is_loopback() || ip.is_unspecified() => Kind::Local,
        0xfc00..=0xfdff | 0xfec0..=0xfeff | 0xff00.. => Kind::Private,
        _ => Kind::Public,
    }
}

/// The address of the old kind that one of the new kind stands for: mapped, compatible, translated, tunnelled.
fn inner_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let (high, low) = match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, _] => return None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0 | 1, .., high, low]
        | [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(guard: &Guard, url: &str) -> Option<Refused> {
        match guard.at_once(&Url::parse(url).unwrap()) {
            Verdict::Open => None,
            Verdict::Refused(refused) => Some(refused),
            Verdict::Unknown => panic!("{url} needs a look-up"),
        }
    }

    #[test]
    fn metadata_is_refused_in_every_spelling() {
        let guard = Guard::new(true);
        for url in [
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.169.254:8080/",
            "https://169.254.170.2/",
            "http://0xa9fea9fe/",
            "http://2852039166/",
            "http://0251.0376.0251.0376/",
            "http://0xa9.254.43518/",
            "http://169.254.169.254./",
            "http://①⑥⑨.254.169.254/",
            "http://user:password@169.254.169.254/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[::169.254.169.254]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fe80::1]/",
            "http://[febf::1]/",
            "http://[fd00:ec2::254]/",
            "http://[fd20:ce::254]/",
            "http://100.100.100.200/",
            "http://192.0.0.192/",
            "http://168.63.129.16/",
            "http://metadata.google.internal/",
            "http://METADATA.google.internal./",
            "http://metadata/",
        ] {
            assert_eq!(verdict(&guard, url), Some(Refused::Metadata), "{url}");
        }
    }

    #[test]
    fn private_networks_are_a_setting_and_this_machine_is_not() {
        let (closed, open) = (Guard::new(false), Guard::new(true));
        for url in [
            "http://10.0.0.1/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://[fd12::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
        ] {
            assert_eq!((verdict(&closed, url), verdict(&open, url)), (Some(Refused::Private), None), "{url}");
        }
        for url in [
            "http://127.0.0.1:3000/",
            "http://127.1.2.3/",
            "http://localhost:8080/",
            "http://app.localhost/",
            "http://0.0.0.0:80/",
            "http://[::1]/",
            "http://8.8.8.8/",
            "http://172.32.0.1/",
            "http://[2606:4700::1111]/",
            "about:blank",
            "data:text/html,x",
        ] {
            assert_eq!(verdict(&closed, url), None, "{url}");
        }
        closed.own_port(3000);
        for url in [
            "http://127.0.0.1:3000/",
            "http://localhost:3000/",
            "http://[::1]:3000/",
            "http://0:3000/",
            "ws://[::ffff:127.0.0.1]:3000",
        ] {
            assert_eq!(verdict(&closed, url), Some(Refused::OwnPort), "{url}");
        }
        assert_eq!(verdict(&closed, "http://127.0.0.1:3001/"), None);
    }

    #[test]
    fn the_browser_is_told_the_same() {
        let (closed, open) = (Guard::new(false), Guard::new(true));
        closed.own_port(3000);
        let (told, more) = (closed.address_spaces(), open.address_spaces());
        let first = "--ip-address-space-overrides=127.0.0.1:3000=local,0.0.0.0:3000=local,[::1]:3000=local,";
        assert!(told.starts_with(first), "{told}");
        assert!(!told.contains("10.0.0.0") && more.contains(",10.0.0.0/8=public"), "{told} {more}");
        for (range, space) in [("169.254.0.0/16", "local"), ("127.0.0.0/8", "public"), ("[::1]/128", "public")] {
            assert!(
                told.contains(&format!("{range}={space}")) && more.contains(&format!("{range}={space}")),
                "{range}"
            );
        }
        let metadata = more.find("[fd00:ec2::]").unwrap();
        assert!(metadata < more.find("[fc00::]").unwrap(), "the first that fits counts: {more}");
    }

    #[tokio::test]
    async fn names_are_looked_up_and_unknown_ones_are_the_browsers_matter() {
        let guard = Guard::new(false);
        assert_eq!(guard.at_once(&Url::parse("http://example.invalid/").unwrap()), Verdict::Unknown);
        assert!(guard.admit("http://example.invalid/").await.is_ok());
        let refused = guard.admit("http://0xa9fea9fe/x").await.unwrap_err();
        assert_eq!(refused.code, Code::NavigationDenied);
        assert!(refused.message.contains("net::ERR_BLOCKED_BY_CLIENT"), "{refused}");
    }
}
