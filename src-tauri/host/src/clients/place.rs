//! Where a client keeps its files, on each system.

use std::path::{Path, PathBuf};

use ebb_core::Result;

use super::known::Known;
use crate::paths::Environment;

/// Folders that client programs lie in, where the search path of a background process is bare.
const PROGRAM_FOLDERS: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/snap/bin"];
/// The same below the home directory.
const HOME_PROGRAM_FOLDERS: [&str; 6] =
    [".local/bin", ".npm-global/bin", ".bun/bin", ".volta/bin", ".claude/local", ".opencode/bin"];

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The home directory.
    Home,
    /// Where this system keeps the settings of programs with windows.
    Config,
    /// `~/.config` everywhere, or what `XDG_CONFIG_HOME` says.
    DotConfig,
    /// Codex's own.
    Codex,
    /// Zed's own.
    Zed,
}

/// The folders of one user.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    home: PathBuf,
    config: PathBuf,
    dot_config: PathBuf,
    codex: PathBuf,
    programs: Vec<PathBuf>,
}

impl Folders {
    pub(super) fn of(environment: &Environment) -> Result<Self> {
        let home = environment.home()?;
        let absolute = |name: &str| environment.path(name).filter(|path| path.is_absolute());
        let dot_config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let config = if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else if cfg!(windows) {
            absolute("APPDATA").unwrap_or_else(|| home.join("AppData/Roaming"))
        } else {
            dot_config.clone()
        };
        let codex = absolute("CODEX_HOME").unwrap_or_else(|| home.join(".codex"));
        let mut programs: Vec<PathBuf> =
            environment.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        programs.extend(HOME_PROGRAM_FOLDERS.iter().map(|folder| home.join(folder)));
        programs.extend(PROGRAM_FOLDERS.iter().map(PathBuf::from));
        programs.retain(|folder| folder.is_absolute());
        Ok(Self { home, config, dot_config, codex, programs })
    }

    fn at(&self, (base, rest): (Base, &str)) -> PathBuf {
        let folder = match base {
            Base::Home => &self.home,
            Base::Config => &self.config,
            Base::DotConfig => &self.dot_config,
            Base::Codex => &self.codex,
            Base::Zed if cfg!(windows) => return self.config.join("Zed").join(rest),
            Base::Zed if cfg!(target_os = "macos") => return self.home.join(".config/zed").join(rest),
            Base::Zed => return self.dot_config.join("zed").join(rest),
        };
        if rest.is_empty() { folder.clone() } else { folder.join(rest) }
    }

    /// The file of this client that exists, else the one to make.
    pub(super) fn file(&self, known: &Known) -> PathBuf {
        let mut files = known.files.iter().map(|place| self.at(*place));
        let first = files.next().unwrap_or_default();
        if first.exists() { first } else { files.find(|file| file.exists()).unwrap_or(first) }
    }

    /// Whether there is any trace of it.
    pub(super) fn has(&self, known: &Known) -> bool {
        known.traces.iter().any(|trace| self.at(*trace).exists()) || self.has_program(known)
    }

    fn has_program(&self, known: &Known) -> bool {
        let named = |folder: &Path, program: &str| folder.join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
        known.programs.iter().any(|program| self.programs.iter().any(|folder| named(folder, program).is_file()))
    }
}
