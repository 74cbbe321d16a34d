//! What of this user's own files the dashboard may look into and change: the settings, the client programs' files,
//! whether Ebb starts at login.

use std::path::{Path, PathBuf};

use ebb_core::{Code, Error, Result, settings::Settings};

use crate::{
    autostart,
    clients::{Act, ClientFiles, PlanView, SetupView},
    config::{self, SettingsView},
    paths::Environment,
};

/// The user's files. Every method reads or writes the disk: call it where that may take a while.
#[derive(Debug)]
pub struct Desk {
    clients: Result<ClientFiles>,
    config_file: PathBuf,
    /// What the host uses.
    running: Settings,
    /// What the file said when it started.
    started: Settings,
}

impl Desk {
    /// The files of the user of `environment`. `running` is what the host uses.
    #[must_use]
    pub fn new(environment: &Environment, data_dir: &Path, ebb: &Path, config_file: &Path, running: Settings) -> Self {
        Self {
            clients: ClientFiles::new(environment, data_dir, ebb),
            config_file: config_file.to_path_buf(),
            running,
            started: config::load(config_file).settings,
        }
    }

    /// How every client is set up; `connected` are the names of those that are here.
    ///
    /// # Errors
    /// Where the home directory is not known.
    pub fn setups(&self, connected: &[String]) -> Result<Vec<SetupView>> {
        Ok(self.clients()?.list(connected))
    }

    /// A change of a client's file, not made yet.
    ///
    /// # Errors
    /// Those of [`ClientFiles::plan`].
    pub fn plan(&self, client: &str, act: Act) -> Result<PlanView> {
        self.clients()?.plan(client, act)
    }

    /// Makes the change that was shown as `mark`.
    ///
    /// # Errors
    /// Those of [`ClientFiles::change`].
    pub fn change(&self, client: &str, act: Act, mark: &str) -> Result<()> {
        self.clients()?.change(client, act, mark).map(drop)
    }

    /// Takes the last change back.
    ///
    /// # Errors
    /// Those of [`ClientFiles::undo`].
    pub fn undo(&self, client: &str) -> Result<()> {
        self.clients()?.undo(client).map(drop)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> SettingsView {
        config::view(&self.config_file, &self.running, &self.started, autostart::is_on())
    }

    /// Changes one setting; none takes it out of the file.
    ///
    /// # Errors
    /// An unknown setting, a value that it may not have, a file that cannot be changed.
    pub fn set(&self, key: &str, value: Option<&str>) -> Result<()> {
        match value {
            Some(value) => config::set_plain(&self.config_file, key, value),
            None => config::unset(&self.config_file, key),
        }
    }

    /// Takes every setting out of the file. `really` says how many somebody was shown.
    ///
    /// # Errors
    /// Where the file says something else by now, or cannot be changed.
    pub fn reset(&self, really: u32) -> Result<u32> {
        let set = config::load(&self.config_file).set.len() as u32;
        if set != really {
            return Err(Error::new(Code::InvalidArguments, format!("{set} settings are changed, not {really}"))
                .next("Look at the settings again"));
        }
        config::reset(&self.config_file)
    }

    /// Starts Ebb at login, or not.
    ///
    /// # Errors
    /// Where that is not up to Ebb, or the entry cannot be written.
    pub fn login(&self, on: bool) -> Result<()> {
        if autostart::is_on().is_none() {
            return Err(Error::new(Code::InvalidArguments, "Ebb is not started at login on this system")
                .next("Install the desktop program, or use the systemd unit of `ebb serve`"));
        }
        autostart::set(on).map_err(|error| {
            Error::new(Code::Internal, format!("the autostart entry cannot be written: {error}"))
                .next("Look at the rights of ~/.config/autostart")
        })
    }

    fn clients(&self) -> Result<&ClientFiles> {
        self.clients.as_ref().map_err(Clone::clone)
    }
}
