//! Starts one Chromium on a pipe, in a process group and a run directory of its own.

use std::{ffi::OsString, os::fd::OwnedFd, path::Path, process::Stdio};

use command_fds::{CommandFdExt, FdMapping};
use ebb_core::{Code, Error, Result, settings::BrowserSettings};
use tokio::process::{Child, Command};

use super::{
    display::Display,
    guard::{Guard, LOCAL_CHECKS, RESOLVER_RULES},
    locate::{Found, Kind},
    plan::{Plan, bypass_list},
    profile::Profile,
    words::LastWords,
};
use crate::run::{RunDir, processes};

/// Environment variables that Chromium may see. Everything else, tokens included, stays here.
const ENVIRONMENT: [&str; 16] = [
    "HOME",
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "USER",
    "LOGNAME",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_DATA_DIRS",
    "FONTCONFIG_PATH",
    "FONTCONFIG_FILE",
];

/// Flags that keep Chromium silent, alone and predictable.
const FLAGS: [&str; 28] = [
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-startup-window",
    "--no-service-autorun",
    "--no-pings",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-client-side-phishing-detection",
    "--disable-domain-reliability",
    "--disable-search-engine-choice-screen",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-back-forward-cache",
    "--disable-blink-features=AutomationControlled",
    "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,AutofillServerCommunication,\
     CertificateTransparencyComponentUpdater,InterestFeedContentSuggestions,PaintHolding",
    "--force-color-profile=srgb",
    "--metrics-recording-only",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
];

/// A Chromium that was spawned; nothing has been said to it yet.
pub(crate) struct Launched {
    /// Its main process.
    pub(crate) child: Child,
    /// Its process id, which is also its process group.
    pub(crate) pid: u32,
    /// Where it writes answers and events.
    pub(crate) read: OwnedFd,
    /// Where it reads commands.
    pub(crate) write: OwnedFd,
    /// Why its sandbox is off, if it is.
    pub(crate) sandbox_off: Option<String>,
    /// What it says on standard error.
    pub(crate) words: LastWords,
    /// The profile on disk that it has, until it is gone.
    pub(crate) profile: Option<Profile>,
}

/// How a browser appears to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Not at all.
    Headless,
    /// With windows.
    Window(Display),
}

/// Spawns `found` in `run_dir`, with a throw-away profile there unless it has one.
///
/// # Errors
/// [`Code::BrowserFailed`] with the system's reason.
#[expect(clippy::disallowed_methods, reason = "this is the one place that starts a browser; the supervisor owns it")]
pub(crate) fn spawn(
    found: &Found,
    look: Look,
    settings: &BrowserSettings,
    plan: &Plan,
    guard: &Guard,
    profile: Option<Profile>,
    run_dir: &RunDir,
) -> Result<Launched> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Code::BrowserFailed, format!("the browser {} could not be started: {error}", found.path.display()))
            .next("Run `ebb doctor`, or name another browser with --browser.")
    };
    let (their_read, our_write) = pipe().map_err(|error| failed(&error))?;
    let (our_read, their_write) = pipe().map_err(|error| failed(&error))?;
    let sandbox_off = sandbox_problem(settings);

    let mut command = Command::new(&found.path);
    command
        .args(arguments(found, look, settings, run_dir.path(), profile.as_ref(), sandbox_off.is_some()))
        .arg(guard.address_spaces())
        .args(proxy(plan))
        .env_clear()
        .envs(environment(run_dir.path()))
        .current_dir(run_dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        // Until the supervisor owns it nothing else ends it when something goes wrong here.
        .kill_on_drop(true);
    command
        .fd_mappings(vec![
            FdMapping { parent_fd: their_read, child_fd: 3 },
            FdMapping { parent_fd: their_write, child_fd: 4 },
        ])
        .map_err(|error| failed(&error))?;
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    // The command holds our copies of Chromium's pipe ends; while they live its death is no end of file.
    drop(command);
    let pid = child.id().ok_or_else(|| failed(&"it ended at once"))?;
    run_dir.record_group(pid);
    let words = child.stderr.take().map(LastWords::of).unwrap_or_default();
    for end in [&our_read, &our_write] {
        rustix::io::ioctl_fionbio(end, true).map_err(|error| failed(&error))?;
    }
    Ok(Launched { child, pid, read: our_read, write: our_write, sandbox_off, words, profile })
}

#[cfg(not(target_vendor = "apple"))]
fn pipe() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
}

/// Untested. There is no call here that does both at once, so a process that another thread starts in between
/// holds the ends too.
#[cfg(target_vendor = "apple")]
fn pipe() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe()?;
    for end in [&read, &write] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((read, write))
}

fn arguments(
    found: &Found,
    look: Look,
    settings: &BrowserSettings,
    run_dir: &Path,
    profile: Option<&Profile>,
    sandbox_off: bool,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = FLAGS.into_iter().map(OsString::from).collect();
    let mut folder = OsString::from("--user-data-dir=");
    folder.push(profile.map_or_else(|| run_dir.join("profile"), |profile| profile.path().to_owned()));
    arguments.push(folder);
    match look {
        Look::Headless => {
            if found.kind == Kind::Full {
                arguments.push("--headless=new".into());
            }
            arguments.push("--hide-scrollbars".into());
        }
        Look::Window(Display::Usual) => {}
        Look::Window(Display::Wayland) => arguments.push("--ozone-platform=wayland".into()),
    }
    if sandbox_off {
        arguments.push("--no-sandbox".into());
    }
    // Before what people add: of two such rules the browser takes the last.
    arguments.push(RESOLVER_RULES.into());
    arguments.push(LOCAL_CHECKS.into());
    arguments.extend(settings.extra_args.iter().map(OsString::from));
    arguments
}

/// The proxy of everything in the browser.
fn proxy(plan: &Plan) -> Vec<String> {
    let Some(proxy) = &plan.proxy else { return Vec::new() };
    let bypass = bypass_list(proxy.bypass.as_deref());
    vec![format!("--proxy-server={}", proxy.server), format!("--proxy-bypass-list={bypass}")]
}

fn environment(run_dir: &Path) -> Vec<(OsString, OsString)> {
    let mut variables: Vec<_> = ENVIRONMENT
        .into_iter()
        .filter_map(|name| std::env::var_os(name).map(|value| (OsString::from(name), value)))
        .collect();
    variables.push(("TMPDIR".into(), run_dir.join("tmp").into()));
    variables.push(("XDG_CONFIG_HOME".into(), run_dir.join("config").into()));
    // Whoever ends what a dead host has left finds the processes by this.
    variables.push((processes::VARIABLE.into(), run_dir.into()));
    variables
}

/// Why Chromium's sandbox cannot be used, if it cannot.
pub fn sandbox_problem(settings: &BrowserSettings) -> Option<String> {
    if settings.no_sandbox {
        return Some("switched off by --no-sandbox".to_owned());
    }
    #[cfg(target_os = "linux")]
    {
        if rustix::process::geteuid().is_root() {
            return Some("Chromium's sandbox does not run as root".to_owned());
        }
        let reads = |path: &str, value: &str| std::fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
        if reads("/proc/sys/kernel/unprivileged_userns_clone", "0") || reads("/proc/sys/user/max_user_namespaces", "0")
        {
            return Some("this system allows no user namespaces".to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_listed_variables_reaches_the_browser() {
        let names: Vec<_> = environment(Path::new("/run")).into_iter().map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| {
            let name = name.to_string_lossy();
            ENVIRONMENT.contains(&name.as_ref())
                || ["TMPDIR", "XDG_CONFIG_HOME", "EBB_RUN_DIR"].contains(&name.as_ref())
        }));
    }

    #[test]
    fn windows_are_shown_only_where_they_are_asked_for() {
        let found = |kind| Found { path: "/x".into(), kind, why: String::new() };
        let has = |kind, look, flag: &str| {
            let arguments = arguments(&found(kind), look, &BrowserSettings::default(), Path::new("/run"), None, false);
            arguments.iter().any(|argument| argument == flag)
        };
        let window = Look::Window(Display::Usual);
        assert!(has(Kind::Full, Look::Headless, "--headless=new"));
        assert!(!has(Kind::HeadlessShell, Look::Headless, "--headless=new"));
        assert!(!has(Kind::Full, window, "--headless=new") && !has(Kind::Full, window, "--hide-scrollbars"));
        assert!(has(Kind::Full, Look::Window(Display::Wayland), "--ozone-platform=wayland"));
        assert!(!has(Kind::Full, window, "--ozone-platform=wayland"));
    }

    #[test]
    fn there_is_never_a_debugging_port() {
        let found = Found { path: "/x".into(), kind: Kind::Full, why: String::new() };
        let arguments = arguments(&found, Look::Headless, &BrowserSettings::default(), Path::new("/run"), None, true);
        assert!(arguments.iter().all(|argument| !argument.to_string_lossy().contains("remote-debugging-port")));
    }
}
