use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::Signal;
use support::{Place, bin, procs, wait_for};

use crate::SOON;

/// The panel's first-run question is answered by its settings: a tray and nothing else.
const PANEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property>
</channel>
"#;

/// A display, a session bus, and Ebb's desktop program. Dropping it ends all of them by pid; the place
/// then fails the test if anything is left.
pub(crate) struct Desk {
    app: Option<Child>,
    /// In the order of their start.
    servers: Vec<Child>,
    display: String,
    bus: String,
    place: Place,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let mut desk = Self { app: None, servers: Vec::new(), display: String::new(), bus: String::new(), place };
        let screen = ["-displayfd", "1", "-screen", "0", "1280x860x24", "-nolisten", "tcp"];
        desk.display = format!(":{}", desk.serve("Xvfb", &screen));
        desk.bus = desk.serve("dbus-daemon", &["--session", "--nofork", "--print-address"]);
        desk
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn mcp_socket(&self) -> PathBuf {
        self.place.path().join("run/ebb/mcp.sock")
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.mcp_socket().with_file_name("control.sock")
    }

    /// The address of the session bus.
    pub(crate) fn bus(&self) -> &str {
        &self.bus
    }

    /// Writes the settings file.
    pub(crate) fn configure(&self, text: &str) {
        let folder = self.place.home().join(".config/ebb");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// The desktop program on this desk.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.program(&bin("ebb-desktop").display().to_string());
        command.args(words);
        command
    }

    /// Any program on this desk.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        let ours = self.place.command("ebb-desktop");
        command.env_clear().current_dir(self.place.project());
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("DISPLAY", &self.display).env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        // No accessibility bus, which would outlive everything; no graphics card here.
        command.env("NO_AT_BRIDGE", "1").env("GTK_A11Y", "none").env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        command.env("GSETTINGS_BACKEND", "memory").env("GIO_USE_VFS", "local");
        command
    }

    /// Starts a server and returns the first line that it prints.
    fn serve(&mut self, name: &str, words: &[&str]) -> String {
        let mut command = self.program(name);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{name}: {error}; `cargo xtask setup` installs it"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.servers.push(child);
        assert!(!line.trim().is_empty(), "{name} ended at once");
        line.trim().to_owned()
    }

    /// Starts what shows tray icons.
    pub(crate) fn start_panel(&mut self) {
        let folder = self.place.home().join(".config/xfce4/xfconf/xfce-perchannel-xml");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("xfce4-panel.xml"), PANEL).unwrap();
        let mut command = self.program("xfce4-panel");
        command.arg("--disable-wm-check").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let panel =
            command.spawn().unwrap_or_else(|error| panic!("xfce4-panel: {error}; `cargo xtask setup` installs it"));
        self.servers.push(panel);
    }

    /// Starts Ebb as `ebb connect` would, and waits until it listens.
    pub(crate) fn start(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.place.path().join("app.log")).unwrap();
        let mut command = self.command(&["--background"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).env("RUST_LOG", "info");
        self.app = Some(command.spawn().unwrap());
        // A socket of a host that was killed is there, but nobody listens.
        let socket = self.mcp_socket();
        wait_for("ebb-desktop listens", SOON, || {
            UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
        });
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, words: &[&str]) -> ExitStatus {
        let mut child = self.command(words).spawn().unwrap();
        let what = format!("ebb-desktop {} ends", words.join(" "));
        wait_for(&what, SOON, || child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()))
    }

    /// Whether a window is there and listens: one that is just starting may still make way for another.
    pub(crate) fn window_listens(&self) -> bool {
        self.mcp_socket().with_file_name("window.sock").exists()
    }

    pub(crate) fn windows(&self) -> usize {
        self.window_commands().len()
    }

    /// How the windows that are open were started.
    pub(crate) fn window_commands(&self) -> Vec<String> {
        let is_window = |process: &procs::Process| process.command.contains("ebb-desktop window") && process.runs();
        let windows = self.place.processes().into_iter().filter(is_window);
        windows.map(|process| process.command.trim().to_owned()).collect()
    }

    pub(crate) fn has_window(&self) -> bool {
        self.windows() > 0
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut app = self.app.take().expect("ebb-desktop runs");
        procs::kill(app.id());
        app.wait().unwrap();
    }

    /// SIGTERM, which is an orderly end.
    pub(crate) fn stop(&mut self) {
        procs::signal(self.app.as_ref().expect("ebb-desktop runs").id(), Signal::TERM);
        self.ended();
    }

    /// Waits until the program ended by itself, without an error.
    pub(crate) fn ended(&mut self) {
        let app = self.app.as_mut().expect("ebb-desktop runs");
        let status = wait_for("ebb-desktop ends", SOON, || app.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()));
        self.app = None;
        assert!(status.success(), "ebb-desktop ended with {status}; its log:\n{}", self.log());
        assert!(!self.mcp_socket().exists(), "its socket is left");
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("app.log")).unwrap_or_default()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "it explains the failure")]
            {
                eprintln!("the log of ebb-desktop:\n{}", self.log());
            }
        }
        for mut child in self.app.take().into_iter().chain(self.servers.drain(..).rev()) {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
