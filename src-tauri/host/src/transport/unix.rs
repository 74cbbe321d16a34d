//! Local sockets: bound so that nobody else can connect, and every peer checked all the same.

use std::{
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use ebb_core::{Code, Error, Result};
use tokio::net::{UnixListener, UnixStream};

use crate::paths::HostLock;

/// As many connections may wait to be accepted; a hundred clients can start in one second.
#[cfg(target_os = "linux")]
const BACKLOG: i32 = 1024;
/// How often to look whether the socket is still where clients find it.
const LOOK: Duration = Duration::from_secs(5);
/// After an error of the system (no file descriptors left), so that it is not asked in a busy loop.
const BREATH: Duration = Duration::from_millis(50);

/// Who is at the other end, as the kernel says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its pid when it connected; none where the system does not tell or it is in another namespace.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: u32,
}

impl Peer {
    /// Of a connected stream.
    pub fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let credentials = stream.peer_cred()?;
        let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
        Ok(Self { pid, uid: credentials.uid() })
    }
}

/// A listening socket that takes its file away when it is dropped.
#[derive(Debug)]
pub struct Listener {
    inner: UnixListener,
    path: PathBuf,
    /// Device and inode of our file: what is at the path later may be somebody else's.
    file: (u64, u64),
    uid: u32,
    /// Whether something else stands at the path, and this was said.
    displaced: bool,
}

impl Listener {
    /// Listens at `path`, for this user only. What an earlier host left there is replaced, which is safe
    /// because the caller holds this place's lock; anything else that is there is refused.
    pub fn bind(path: &Path, _lock: &HostLock) -> Result<Self> {
        let uid = rustix::process::getuid().as_raw();
        remove_stale(path, uid)?;
        let failed = |error: std::io::Error| {
            Error::new(Code::Internal, format!("cannot listen at {}: {error}", path.display()))
                .next("check the folder's owner and permissions, or choose another place with --socket")
        };
        let (inner, file) = listen_at(path).map_err(failed)?;
        Ok(Self { inner, path: path.to_path_buf(), file, uid, displaced: false })
    }

    /// The next connection of this user; others are dropped. Errors of the system are logged and waited out.
    /// A socket that somebody removed meanwhile is made anew.
    pub async fn accept(&mut self) -> (UnixStream, Peer) {
        loop {
            let next = tokio::time::timeout(LOOK, self.inner.accept());
            let Ok(accepted) = next.await else {
                self.restore();
                continue;
            };
            let accepted = match accepted {
                Ok((stream, _)) => Peer::of(&stream).map(|peer| (stream, peer)),
                Err(error) => Err(error),
            };
            match accepted {
                Ok((stream, peer)) if peer.uid == self.uid => return (stream, peer),
                Ok((_, peer)) => tracing::warn!(uid = peer.uid, pid = ?peer.pid, "refused another user's connection"),
                Err(error) => {
                    tracing::warn!(%error, path = %self.path.display(), "cannot accept a connection");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }

    /// Listens again where a cleaner of temporary files took the socket away: without it nobody finds this
    /// host, and no other can start. What somebody else put there is left alone.
    fn restore(&mut self) {
        match std::fs::symlink_metadata(&self.path) {
            Ok(metadata) if (metadata.dev(), metadata.ino()) == self.file => self.displaced = false,
            Ok(_) => {
                if !std::mem::replace(&mut self.displaced, true) {
                    tracing::warn!(path = %self.path.display(), "something else is where clients look for this host");
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match self.listen_again() {
                Ok(()) => tracing::warn!(path = %self.path.display(), "somebody removed the socket; it is there again"),
                Err(error) => {
                    tracing::warn!(%error, path = %self.path.display(), "somebody removed the socket");
                }
            },
            Err(error) => tracing::debug!(%error, path = %self.path.display(), "cannot look at the socket"),
        }
    }

    fn listen_again(&mut self) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        (self.inner, self.file) = listen_at(&self.path)?;
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listener {
    /// Clients tell an orderly stop from a crash by this: after a crash the file is still there.
    fn drop(&mut self) {
        let ours =
            std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.file);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "cannot remove the socket");
        }
    }
}

/// A listening socket at `path`, with its device and inode.
fn listen_at(path: &Path) -> std::io::Result<(UnixListener, (u64, u64))> {
    let inner = bind_closed(path)?;
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((inner, (metadata.dev(), metadata.ino())))
}

/// Removes the socket that an earlier host left at `path`; refuses to touch anything else.
fn remove_stale(path: &Path, uid: u32) -> Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let refused = |why: &str| {
        let message = format!("{} {why}", path.display());
        Error::new(Code::Internal, message).next("remove it, or choose another place with --socket")
    };
    if metadata.file_type().is_symlink() {
        return Err(refused("is a symbolic link"));
    }
    if !metadata.file_type().is_socket() {
        return Err(refused("is not a socket"));
    }
    if metadata.uid() != uid {
        return Err(refused("belongs to another user"));
    }
    std::fs::remove_file(path).map_err(|error| refused(&format!("cannot be replaced: {error}")))
}

/// Binds with mode 0600 from the first moment, whatever the umask; that is not changed, other threads
/// make files too. Linux gives the file the mode of the socket.
#[cfg(target_os = "linux")]
fn bind_closed(path: &Path) -> std::io::Result<UnixListener> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::fs::fchmod(&socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    UnixListener::from_std(socket.into())
}

/// Between the two calls the folder's permissions and the check of every peer stand alone.
#[cfg(not(target_os = "linux"))]
fn bind_closed(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;

    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf, HostLock) {
        let folder = tempfile::tempdir().unwrap();
        let lock = HostLock::acquire(&folder.path().join("x.lock")).unwrap();
        let path = folder.path().join("x.sock");
        (folder, path, lock)
    }

    #[tokio::test]
    async fn a_client_is_accepted_and_known() {
        let (_folder, path, lock) = place();
        let mut listener = Listener::bind(&path, &lock).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut client = UnixStream::connect(&path).await.unwrap();
        let (mut stream, peer) = listener.accept().await;
        assert_eq!(peer.pid, Some(std::process::id()));
        assert_eq!(peer.uid, rustix::process::getuid().as_raw());
        client.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_dead_hosts_socket_is_replaced() {
        let (_folder, path, lock) = place();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let mut listener = Listener::bind(&path, &lock).unwrap();
        UnixStream::connect(&path).await.unwrap();
        listener.accept().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_somebody_removed_comes_back_and_a_strangers_stays() {
        let (folder, _, lock) = place();
        let path = folder.path().join("run/x.sock");
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let mut listener = Listener::bind(&path, &lock).unwrap();
        std::fs::remove_dir_all(folder.path().join("run")).unwrap();
        let client = async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            UnixStream::connect(&path).await.unwrap()
        };
        let (_, _client) = tokio::join!(listener.accept(), client);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(folder.path().join("run")).unwrap().permissions().mode() & 0o777, 0o700);

        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(tokio::time::timeout(4 * LOOK, listener.accept()).await.is_err());
        drop(listener);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn what_is_no_socket_of_ours_is_refused_and_kept() {
        let (folder, path, lock) = place();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(Listener::bind(&path, &lock).unwrap_err().message.contains("symbolic link"));
        assert!(std::fs::symlink_metadata(&path).is_ok());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(Listener::bind(&path, &lock).unwrap_err().message.contains("not a socket"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_successors_socket_survives_the_drop() {
        let (_folder, path, lock) = place();
        let first = Listener::bind(&path, &lock).unwrap();
        let second = Listener::bind(&path, &lock).unwrap();
        drop(first);
        UnixStream::connect(&path).await.unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn another_users_socket_is_refused() {
        // Only root can make one; elsewhere this case is not reachable.
        if !rustix::process::getuid().is_root() {
            return;
        }
        let (_folder, path, lock) = place();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        assert!(Listener::bind(&path, &lock).unwrap_err().message.contains("another user"));
    }
}
