//! The checks that only look. None of them starts a browser or a host, and none waits for long.

use std::{
    env,
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ebb_core::settings::BrowserSettings;
use ebb_host::{
    browser::{
        endpoint_shown,
        locate::{self, Kind},
        sandbox_problem,
    },
    config,
    control::{self, Reply},
    paths::{Environment, Paths},
    run,
};

use super::{Args, Check, trials};
use crate::{control::ask, table};

/// How long a helper program may take.
const HELPER: Duration = Duration::from_secs(2);

pub(super) fn all(args: &Args) -> Vec<Check> {
    let place = &args.place;
    let file = args.config.clone().or_else(|| place.paths().ok().map(|paths| paths.config_file));
    let loaded = file.as_deref().map(config::load).unwrap_or_default();
    let mut settings = loaded.settings.clone();
    if args.browser.is_some() {
        settings.browser.executable.clone_from(&args.browser);
    }
    let mut checks = vec![chromium(&settings.browser), windows(&settings.browser), sandbox(&settings.browser)];
    checks.extend(file.map(|file| settings_file(&file, &loaded)));
    checks.extend(endpoint(&settings.browser));
    match place.paths() {
        Ok(paths) => {
            checks.extend([data(&paths), room(&paths), abandoned(&paths), sockets(&paths)]);
            let running = ask(place, control::Command::Snapshot);
            let asked = store(&running);
            checks.push(host(running));
            if !args.quick {
                checks.extend(trials::all(&settings, &paths, asked.is_none()));
            }
            checks.extend(asked);
        }
        Err(error) => checks.push(Check::fail("paths", error.message, error.next)),
    }
    checks.extend([display(), tray()]);
    checks
}

fn chromium(settings: &BrowserSettings) -> Check {
    match locate::find(settings) {
        Ok(found) => {
            let kind = match found.kind {
                Kind::HeadlessShell => "headless shell",
                Kind::Full => "full browser",
            };
            Check::ok("chromium", format!("{} ({kind}: {})", found.path.display(), found.why))
        }
        Err(error) => Check::fail("chromium", error.message, error.next),
    }
}

fn windows(settings: &BrowserSettings) -> Check {
    const NAME: &str = "windows";
    // A headless shell alone is a choice, not a fault.
    match (locate::find_full(settings), display_name()) {
        (Ok(found), Some(_)) => Check::ok(NAME, format!("{} shows sessions that ask for one", found.path.display())),
        (Ok(_), None) => Check::ok(NAME, "not here: there is no display; headless sessions need none"),
        (Err(error), _) => {
            Check::ok(NAME, format!("{}. {}", error.message, error.next.unwrap_or_default()).trim_end().to_owned())
        }
    }
}

fn settings_file(file: &Path, loaded: &config::Loaded) -> Check {
    const NAME: &str = "settings";
    match loaded.problem(file) {
        Some(problem) => {
            Check::warn(NAME, problem, "the defaults hold for these; correct the file, or use `ebb config set`")
        }
        None if file.exists() => Check::ok(NAME, format!("{} ({} set)", file.display(), loaded.set.len())),
        None => Check::ok(NAME, format!("all defaults; {} can change them", file.display())),
    }
}

/// Somebody else's browser, where the environment or the settings name one.
fn endpoint(settings: &BrowserSettings) -> Option<Check> {
    const NAME: &str = "endpoint";
    let named = env::var("EBB_BROWSER_ENDPOINT").ok().filter(|named| !named.is_empty());
    let named = named.or_else(|| settings.endpoint.clone())?;
    Some(match endpoint_shown(&named) {
        Ok(shown) => Check::ok(NAME, format!("the browser at {shown} is used, none is started")),
        Err(error) => Check::fail(NAME, error.message, error.next),
    })
}

fn sandbox(settings: &BrowserSettings) -> Check {
    const NAME: &str = "sandbox";
    if let Some(why) = sandbox_problem(settings) {
        return Check::warn(
            NAME,
            format!("off: {why}"),
            "pages can do more harm without it; run Ebb as a normal user where namespaces are allowed",
        );
    }
    let restricted = std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    if restricted.is_ok_and(|text| text.trim() == "1") {
        return Check::warn(
            NAME,
            "AppArmor restricts user namespaces on this system",
            "install Google Chrome (its package brings a profile), or a profile for the Chromium above",
        );
    }
    Check::ok(NAME, "user namespaces are allowed")
}

fn data(paths: &Paths) -> Check {
    const NAME: &str = "data";
    let folder = &paths.data_dir;
    // Where it will be made, if it is not there yet.
    let Some(there) = folder.ancestors().find(|folder| folder.exists()) else {
        return Check::fail(
            NAME,
            format!("{} cannot be made", folder.display()),
            Some("choose another with --data-dir".to_owned()),
        );
    };
    let fix = |command: String| Some(format!("run `{command}`, or choose another with --data-dir"));
    if rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
        return Check::fail(
            NAME,
            format!("{} is not writable", there.display()),
            fix(format!("chmod u+rwx {}", there.display())),
        );
    }
    if there != folder {
        return Check::ok(NAME, format!("{} will be made", folder.display()));
    }
    if others_can_enter(folder) {
        return Check::warn(NAME, format!("others can enter {}", folder.display()), "the next start of Ebb closes it");
    }
    Check::ok(NAME, folder.display().to_string())
}

fn sockets(paths: &Paths) -> Check {
    const NAME: &str = "sockets";
    let folder = paths.mcp_sock.parent().unwrap_or(Path::new("/"));
    let Ok(metadata) = std::fs::symlink_metadata(folder) else {
        return Check::ok(NAME, format!("{} will be made", folder.display()));
    };
    let remove = || Some(format!("remove {}, or choose another place with --socket", folder.display()));
    if !metadata.is_dir() {
        return Check::fail(NAME, format!("{} is no folder", folder.display()), remove());
    }
    if paths.default_place && metadata.uid() != rustix::process::getuid().as_raw() {
        return Check::fail(NAME, format!("{} belongs to another user", folder.display()), remove());
    }
    if paths.default_place && others_can_enter(folder) {
        return Check::warn(NAME, format!("others can enter {}", folder.display()), "the next start of Ebb closes it");
    }
    match std::fs::symlink_metadata(&paths.mcp_sock) {
        Ok(socket) if socket.permissions().mode() & 0o077 != 0 => {
            let next = Some(format!("quit Ebb and start it again, or run `chmod 600 {}`", paths.mcp_sock.display()));
            Check::fail(NAME, format!("others can connect to {}", paths.mcp_sock.display()), next)
        }
        _ => Check::ok(NAME, paths.mcp_sock.display().to_string()),
    }
}

fn others_can_enter(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// What a cleanup, a download or a history entry needs to be written at all.
fn room(paths: &Paths) -> Check {
    const NAME: &str = "room";
    const LITTLE: u64 = 256 * 1024 * 1024;
    let there = paths.data_dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(system) => {
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            let said = format!("{} free in {}", table::bytes(free), there.display());
            if free < LITTLE {
                Check::warn(NAME, said, "make room: profiles, downloads and the history are written there")
            } else {
                Check::ok(NAME, said)
            }
        }
        Err(error) => Check::warn(NAME, format!("{}: {error}", there.display()), "check the file system"),
    }
}

/// What dead hosts left behind.
fn abandoned(paths: &Paths) -> Check {
    const NAME: &str = "left";
    match run::abandoned(&paths.run_dir).len() {
        0 => Check::ok(NAME, "nothing of dead hosts"),
        count => Check::warn(
            NAME,
            format!("{count} run folders of hosts that died, in {}", paths.run_dir.display()),
            "the next start of Ebb removes them and ends what still runs in them",
        ),
    }
}

fn host(running: ebb_core::Result<Reply>) -> Check {
    const NAME: &str = "host";
    match running {
        Ok(Reply::Snapshot(snapshot)) => {
            let host = &snapshot.host;
            match (&host.history_problem, host.version.as_str()) {
                (Some(problem), version) => {
                    let other = version != env!("CARGO_PKG_VERSION");
                    let other = if other { format!(" in version {version}") } else { String::new() };
                    Check::warn(
                        NAME,
                        format!("runs{other} (pid {}), but {problem}", host.pid),
                        "sessions work; past cleanups may be missing",
                    )
                }
                (None, version) if version != env!("CARGO_PKG_VERSION") => Check::warn(
                    NAME,
                    format!(
                        "runs (pid {}) in version {version}, this program is {}",
                        host.pid,
                        env!("CARGO_PKG_VERSION")
                    ),
                    "quit Ebb and start it again",
                ),
                (None, version) => Check::ok(NAME, format!("runs (pid {}), version {version}", host.pid)),
            }
        }
        Ok(_) => Check::warn(NAME, "runs in another version", "quit Ebb and start it again"),
        Err(error) if error.message.starts_with("Ebb is not running") => {
            Check::ok(NAME, "not running; the first client starts it")
        }
        Err(error) => Check::fail(NAME, error.message, error.next),
    }
}

/// `DISPLAY=:0`, where there is a display.
fn display_name() -> Option<String> {
    ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find_map(|name| {
        let value = env::var(name).ok().filter(|value| !value.is_empty())?;
        Some(format!("{name}={value}"))
    })
}

/// The cursor store of a running host; without one there is nothing to ask.
fn store(running: &ebb_core::Result<Reply>) -> Option<Check> {
    const NAME: &str = "cursors";
    let Ok(Reply::Snapshot(snapshot)) = running else { return None };
    let store = &snapshot.host.store;
    Some(match &store.problem {
        None if store.kind == "memory" => Check::ok(NAME, "in memory"),
        None => Check::ok(NAME, format!("in {} ({})", store.kind, store.place)),
        Some(problem) => Check::warn(
            NAME,
            format!("{} does not work: {problem}; {} results were cut", store.place, store.refused),
            "make it work again, Ebb tries by itself; or choose another with `ebb serve --cursor-store`",
        ),
    })
}

fn display() -> Check {
    let known = display_name();
    // Without one nothing is wrong: that is what the dashboard over HTTP is for.
    known.map_or_else(
        || Check::ok("display", "none; `ebb dashboard` shows the dashboard over HTTP"),
        |display| Check::ok("display", display),
    )
}

fn tray() -> Check {
    const NAME: &str = "tray";
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    if cfg!(target_os = "macos") {
        return Check::ok(NAME, "the menu bar");
    }
    if env::var_os("DBUS_SESSION_BUS_ADDRESS").is_none() && !user_bus_exists() {
        return Check::ok(NAME, "unknown: there is no session bus here");
    }
    let busctl = ["busctl", "--user", "--no-pager", "--timeout=2", "status", WATCHER];
    let dbus_send = [
        "dbus-send",
        "--session",
        "--print-reply",
        "--reply-timeout=2000",
        "--dest=org.freedesktop.DBus",
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus.GetNameOwner",
        &format!("string:{WATCHER}"),
    ];
    match succeeds(&busctl).or_else(|| succeeds(&dbus_send)) {
        Some(true) => Check::ok(NAME, "the desktop shows tray icons"),
        Some(false) => Check::warn(
            NAME,
            "the desktop shows no tray icons",
            "on GNOME, install the extension \"AppIndicator and KStatusNotifierItem Support\"; without it, open Ebb from the app menu",
        ),
        None => Check::ok(NAME, "unknown: neither busctl nor dbus-send is installed"),
    }
}

fn user_bus_exists() -> bool {
    let environment = Environment::current();
    environment.run_user.join(environment.uid.to_string()).join("bus").exists()
}

/// Whether a short helper ended well; `None` when it is not installed.
#[expect(clippy::disallowed_methods, reason = "a helper of two seconds at most, waited for below")]
fn succeeds(command: &[&str]) -> Option<bool> {
    let (program, arguments) = command.split_first()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let end = Instant::now() + HELPER;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) | Err(_) => {
                drop(child.kill());
                drop(child.wait());
                return Some(false);
            }
        }
    };
    if let Some(mut stderr) = child.stderr.take() {
        let mut text = String::new();
        drop(stderr.read_to_string(&mut text));
    }
    Some(status.success())
}
