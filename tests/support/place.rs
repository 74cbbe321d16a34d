//! A place of its own for everything a test starts, and the check that nothing of it stays.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread::panicking,
    time::{Duration, Instant},
};

use crate::{bin, procs};

/// Where nothing may be left once a test is over, after its processes had this long to end.
const END: Duration = Duration::from_secs(20);

/// A temporary folder with a home in it. Its name is the mark that every process started here carries.
pub struct Place {
    folder: Option<tempfile::TempDir>,
    path: PathBuf,
    marker: String,
    patience: Duration,
}

impl Place {
    /// A new, empty place.
    #[must_use]
    pub fn new() -> Self {
        // Short: socket names below it may have 108 bytes.
        let folder = tempfile::Builder::new().prefix("ebb-t").rand_bytes(8).tempdir_in("/tmp").unwrap();
        let path = folder.path().to_path_buf();
        let marker = path.file_name().unwrap().to_string_lossy().into_owned();
        for part in ["home", "tmp", "run", "project"] {
            std::fs::create_dir(path.join(part)).unwrap();
        }
        Self { folder: Some(folder), path, marker, patience: END }
    }

    /// One that waits for nothing when it checks what is left.
    #[must_use]
    pub fn impatient() -> Self {
        let mut place = Self::new();
        place.patience = Duration::ZERO;
        place
    }

    /// The whole place.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The home folder of everything started here.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    /// A folder that clients work in.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.path.join("project")
    }

    /// What every process started here carries.
    #[must_use]
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// The program `name` in this place: nothing of the caller's environment reaches it but the path.
    #[must_use]
    pub fn command(&self, name: &str) -> Command {
        self.run(&bin(name))
    }

    /// Any program in this place.
    #[must_use]
    pub fn run(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let home = self.home();
        command.env_clear().current_dir(self.project());
        for (name, value) in [
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("HOME", home.clone().into()),
            ("TMPDIR", self.path.join("tmp").into()),
            ("XDG_RUNTIME_DIR", self.path.join("run").into()),
            ("XDG_CONFIG_HOME", home.join(".config").into()),
            ("XDG_DATA_HOME", home.join(".local/share").into()),
            ("XDG_STATE_HOME", home.join(".local/state").into()),
            ("XDG_CACHE_HOME", home.join(".cache").into()),
            ("LANG", "C.UTF-8".into()),
            ("EBB_TEST", self.marker.clone().into()),
            ("RUST_BACKTRACE", "1".into()),
        ] {
            command.env(name, value);
        }
        command
    }

    /// Every living process that was started here.
    #[must_use]
    pub fn processes(&self) -> Vec<procs::Process> {
        procs::marked(&self.marker)
    }

    /// Ends what is left here by pid and says what it was, after it had its time to end by itself.
    fn clear(&self) -> Vec<procs::Process> {
        let end = Instant::now() + if panicking() { Duration::ZERO } else { self.patience };
        let mut left = self.processes();
        while !left.is_empty() && Instant::now() < end {
            std::thread::sleep(crate::ms(10));
            left = self.processes();
        }
        for process in &left {
            procs::kill(process.pid);
        }
        left
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let left = self.clear();
        let keep = panicking() && std::env::var_os("EBB_TEST_KEEP").is_some();
        if let Some(folder) = self.folder.take() {
            if keep {
                eprintln!("kept {}", folder.keep().display());
            } else if let Err(error) = folder.close() {
                eprintln!("{} cannot be removed: {error}", self.path.display());
            }
        }
        if !left.is_empty() {
            eprintln!("left behind in {}: {}", self.path.display(), procs::brief(&left));
            assert!(panicking(), "processes are left behind (see above)");
        }
    }
}
