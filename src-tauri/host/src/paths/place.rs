//! The folders: which they are by default, and how they are made.

use std::path::{Path, PathBuf};

use ebb_core::{Code, Error, Result};

use super::Environment;

/// What fits into the address of a Unix socket, the closing zero taken off.
#[cfg(target_os = "macos")]
const MAX_SOCKET_PATH: usize = 103;
#[cfg(not(target_os = "macos"))]
const MAX_SOCKET_PATH: usize = 107;

/// The sockets and the lock that belong together.
pub(super) struct Sockets {
    pub(super) mcp: PathBuf,
    pub(super) http: PathBuf,
    pub(super) control: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) default_place: bool,
}

impl Sockets {
    /// The siblings of a socket that somebody named: `D/x.sock` goes with `D/x.control.sock`.
    pub(super) fn beside(socket: &Path) -> Self {
        let stem = match socket.extension() {
            Some(extension) if extension == "sock" => socket.with_extension(""),
            _ => socket.to_path_buf(),
        };
        let sibling = |ending: &str| {
            let mut path = stem.clone().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        Self {
            mcp: socket.to_path_buf(),
            http: sibling(".http.sock"),
            control: sibling(".control.sock"),
            lock: sibling(".lock"),
            default_place: false,
        }
    }

    pub(super) fn default_of(environment: &Environment) -> Result<Self> {
        let folder = default_folder(environment)?;
        Ok(Self {
            mcp: folder.join("mcp.sock"),
            http: folder.join("http.sock"),
            control: folder.join("control.sock"),
            lock: folder.join("host.lock"),
            default_place: true,
        })
    }
}

fn default_folder(environment: &Environment) -> Result<PathBuf> {
    if cfg!(target_os = "macos") {
        return Ok(application_support(environment)?.join("run"));
    }
    if cfg!(unix) {
        let told = environment.path("XDG_RUNTIME_DIR").filter(|folder| folder.is_absolute());
        let usual = environment.run_user.join(environment.uid.to_string());
        // Another user's folder stays in the environment after `su`; a missing one after a logout.
        if let Some(folder) = [told, Some(usual)].into_iter().flatten().find(|folder| is_ours(folder, environment.uid))
        {
            return Ok(folder.join("ebb"));
        }
    }
    Ok(state_dir(environment)?.join("run"))
}

/// History and logs. `XDG_DATA_HOME` is not asked: half of all clients do not pass it on.
pub(super) fn data_dir(environment: &Environment) -> Result<PathBuf> {
    if cfg!(target_os = "macos") {
        return application_support(environment);
    }
    Ok(environment.home()?.join(".local/share/ebb"))
}

pub(super) fn state_dir(environment: &Environment) -> Result<PathBuf> {
    if cfg!(target_os = "macos") {
        return application_support(environment);
    }
    Ok(environment.home()?.join(".local/state/ebb"))
}

pub(super) fn config_file(environment: &Environment) -> Result<PathBuf> {
    if let Some(file) = environment.path("EBB_CONFIG") {
        return super::absolute(&file);
    }
    if cfg!(target_os = "macos") {
        return Ok(application_support(environment)?.join("config.toml"));
    }
    Ok(environment.home()?.join(".config/ebb/config.toml"))
}

fn application_support(environment: &Environment) -> Result<PathBuf> {
    Ok(environment.home()?.join("Library/Application Support/ebb"))
}

pub(super) fn check_length(socket: &Path) -> Result<()> {
    let length = socket.as_os_str().len();
    if length <= MAX_SOCKET_PATH {
        return Ok(());
    }
    let message =
        format!("the socket path has {length} bytes, the system takes at most {MAX_SOCKET_PATH}: {}", socket.display());
    Err(Error::new(Code::InvalidArguments, message).next("choose a shorter one with --socket or EBB_SOCKET"))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Internal, format!("{what} {}: {error}", path.display()))
        .next("check its owner and permissions, or choose another with --socket and --data-dir")
}

/// Makes a folder and its parents, closed to others where they are new.
pub(super) fn make(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| failed("cannot make", folder, &error))
}

/// Makes a folder that is ours and closed to others, whatever it was before.
pub(super) fn make_private(folder: &Path) -> Result<()> {
    make(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let metadata = std::fs::symlink_metadata(folder).map_err(|error| failed("cannot read", folder, &error))?;
        if !metadata.is_dir() || metadata.uid() != rustix::process::getuid().as_raw() {
            let message = format!("{} is not a folder of this user", folder.display());
            return Err(Error::new(Code::Internal, message)
                .next("remove it, or choose another place with --socket and --data-dir"));
        }
        if metadata.mode() & 0o777 != 0o700 {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
                .map_err(|error| failed("cannot close to others", folder, &error))?;
        }
    }
    Ok(())
}

/// Whether the path itself, not what it links to, is a folder of this user.
fn is_ours(folder: &Path, uid: u32) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == uid)
    }
    #[cfg(not(unix))]
    {
        let _ = uid;
        folder.is_dir()
    }
}

/// Whether a socket is there, without following links.
pub(super) fn is_socket(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
    }
    #[cfg(not(unix))]
    {
        path.exists()
    }
}
