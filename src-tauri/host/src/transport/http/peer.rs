//! Which process holds the other end of a loopback connection.
//!
//! The kernel is asked for exactly this socket (5 microseconds), which gives its user and inode; then the
//! descriptors of the processes seen last are looked through, and those of all others only when it is none
//! of them.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    os::unix::fs::MetadataExt,
};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, SocketId, StateFlags},
};
use netlink_sys::{Socket, SocketAddr as NetlinkAddress, protocols::NETLINK_SOCK_DIAG};
use parking_lot::Mutex;

/// Processes that are looked through first.
const REMEMBERED: usize = 32;
/// "Any" in the kernel's words, for a query about one socket.
const NO_COOKIE: [u8; 8] = [0xff; 8];

/// Who holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// Its user.
    pub(super) uid: u32,
    /// The processes that hold it; none where they cannot be seen (another namespace, already gone).
    pub(super) pids: Vec<u32>,
}

/// Finds holders, and remembers the processes it found.
#[derive(Debug, Default)]
pub(super) struct Finder {
    recent: Mutex<VecDeque<u32>>,
    /// Held while all processes are looked through: a process with many new connections is looked for once.
    search: Mutex<()>,
}

impl Finder {
    /// The holder of the connection's other end: `theirs` is its address, `ours` this end's. Blocks for some
    /// milliseconds when the process is new.
    pub(super) fn find(&self, theirs: SocketAddr, ours: SocketAddr) -> Option<Holder> {
        let (uid, inode) = ask(theirs, ours)?;
        let pids = if inode == 0 { Vec::new() } else { self.holders(inode) };
        Some(Holder { uid, pids })
    }

    fn holders(&self, inode: u32) -> Vec<u32> {
        let wanted = format!("socket:[{inode}]");
        if let Some(pid) = self.among_recent(&wanted) {
            return vec![pid];
        }
        let _search = self.search.lock();
        if let Some(pid) = self.among_recent(&wanted) {
            return vec![pid];
        }
        let own = std::process::id();
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            (pid != own && holds(pid, &wanted)).then_some(pid)
        });
        let mut found: Vec<u32> = pids.collect();
        if found.is_empty() && holds(own, &wanted) {
            found.push(own);
        }
        if let Some(first) = found.first() {
            let mut recent = self.recent.lock();
            recent.retain(|pid| pid != first);
            recent.push_front(*first);
            recent.truncate(REMEMBERED);
        }
        found
    }

    fn among_recent(&self, wanted: &str) -> Option<u32> {
        let recent: Vec<u32> = self.recent.lock().iter().copied().collect();
        recent.into_iter().find(|pid| holds(*pid, wanted))
    }
}

fn holds(pid: u32, wanted: &str) -> bool {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        // A look at the type first costs less than reading every link.
        std::fs::read_link(&path).is_ok_and(|link| link.as_os_str() == wanted)
    })
}

/// User and inode of the socket whose own address is `theirs`.
fn ask(theirs: SocketAddr, ours: SocketAddr) -> Option<(u32, u32)> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).ok()?;
    socket.bind_auto().ok()?;
    socket.connect(&NetlinkAddress::new(0, 0)).ok()?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let family = if matches!(theirs.ip(), IpAddr::V4(_)) { AF_INET } else { AF_INET6 };
    let mut id = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
    id.source_address = theirs.ip();
    id.source_port = theirs.port();
    id.destination_address = ours.ip();
    id.destination_port = ours.port();
    id.cookie = NO_COOKIE;
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: id,
    };
    let mut packet = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    socket.send(&bytes, 0).ok()?;
    // The kernel has answered before the call returns; a missing answer must not be waited for.
    socket.set_non_blocking(true).ok()?;
    let mut answer = vec![0_u8; 4_096];
    let size = socket.recv(&mut &mut answer[..], 0).ok()?;
    let message = NetlinkMessage::<SockDiagMessage>::deserialize(answer.get(..size)?).ok()?;
    match message.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
            Some((response.header.uid, response.header.inode))
        }
        _ => None,
    }
}

/// The user of this process.
pub(super) fn own_uid() -> u32 {
    std::fs::metadata("/proc/self").map_or_else(|_| rustix::process::getuid().as_raw(), |own| own.uid())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_loopback_connection_is_ours_and_a_closed_one_is_nobodys() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, theirs) = listener.accept().unwrap();
        let finder = Finder::default();
        let found = finder.find(theirs, server.local_addr().unwrap()).unwrap();
        assert_eq!(found, Holder { uid: own_uid(), pids: vec![std::process::id()] });
        drop(client);
        drop(server);
        let gone = finder.find(theirs, listener.local_addr().unwrap());
        assert!(gone.is_none_or(|holder| holder.pids.is_empty()));
    }
}
