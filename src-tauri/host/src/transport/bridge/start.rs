//! Starts a host that belongs to nobody: it must outlive the client that needed it first.

use std::{
    ffi::{OsStr, OsString},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ebb_core::{Code, Error, Result};

use crate::{
    paths::{Environment, PathOptions, Paths},
    transport::proc::ProcessKey,
};

/// What a host may know of the client's environment. Tokens and keys of agents are not among it.
const PASSED_ON: [&str; 10] =
    ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "RUST_LOG"];
const PASSED_ON_BEGINNINGS: [&str; 4] = ["XDG_", "DBUS_", "LC_", "EBB_"];
const DISPLAYS: [&str; 2] = ["DISPLAY", "WAYLAND_DISPLAY"];
/// How long a helper program of the system may take.
const HELPER: Duration = Duration::from_secs(3);
/// A log that has grown larger is begun anew.
const MAX_LOG: u64 = 1024 * 1024;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

/// Where a host that was started this way leaves what it has to say before its log is open.
pub(super) fn log_file(paths: &Paths) -> PathBuf {
    paths.log_dir.join("start.log")
}

/// Starts a host. Twenty clients may do so at once: the lock picks one, the others' hosts end quietly.
pub(super) fn host(options: &PathOptions, environment: &Environment, client: Option<ProcessKey>) -> Result<()> {
    let paths = Paths::resolve_in(environment, options)?;
    paths.prepare()?;
    let ebb = std::env::current_exe().map_err(|error| failed("cannot find the program `ebb`", &error))?;
    let plan = plan(options, environment, &ebb);
    let log = open_log(&log_file(&paths)).map_err(|error| failed("cannot open the log", &error))?;
    tracing::debug!(program = %plan.program.display(), ?client, "starting a host");
    if user_bus(environment) && through_systemd(&plan, &log_file(&paths)) {
        return Ok(());
    }
    // Without systemd: a helper that leaves the client's process session, starts the host and ends.
    let mut helper = command(&ebb, &plan.environment);
    helper.arg("detach").arg("--").arg(&plan.program).args(&plan.arguments).stderr(log);
    let child = helper.spawn().map_err(|error| failed("cannot start Ebb", &error))?;
    match finished(child) {
        Some(true) => Ok(()),
        _ => {
            Err(Error::new(Code::Internal, "Ebb could not be started").next("run `ebb serve` in a terminal to see why"))
        }
    }
}

/// Leaves the process session and folder of whoever called, and starts `program` there, on its own.
/// What `ebb detach` does.
pub fn detach(program: &OsStr, arguments: &[OsString]) -> Result<()> {
    if let Err(error) = rustix::process::setsid() {
        // This process leads a session already, which is as good.
        tracing::debug!(%error, "no new process session");
    }
    let environment: Vec<_> = std::env::vars_os().collect();
    // Whoever adopts orphans waits for it.
    command(Path::new(program), &environment)
        .args(arguments)
        .spawn()
        .map(drop)
        .map_err(|error| failed(&format!("cannot start {}", program.display()), &error))
}

fn plan(options: &PathOptions, environment: &Environment, ebb: &Path) -> Plan {
    let mut plan = Plan { program: ebb.to_path_buf(), arguments: Vec::new(), environment: passed_on(environment) };
    // A place of its own is a server's: the desktop program has one place, the user's.
    let desktop = if options.socket.is_none() && environment.get("EBB_SOCKET").is_none() {
        installed(environment, ebb)
    } else {
        None
    };
    if let Some(desktop) = desktop.filter(|_| know_display(&mut plan, environment)) {
        plan.program = desktop;
        plan.arguments.push("--background".into());
    } else {
        plan.arguments.extend(["serve", "--auto"].map(OsString::from));
        if let Some(socket) = &options.socket {
            let socket = std::path::absolute(socket).unwrap_or_else(|_| socket.clone());
            plan.arguments.extend(["--socket".into(), socket.into()]);
        }
    }
    if let Some(folder) = &options.data_dir {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        plan.arguments.extend(["--data-dir".into(), folder.into()]);
    }
    plan
}

/// `ebb-desktop` beside ourselves or on the path.
fn installed(environment: &Environment, ebb: &Path) -> Option<PathBuf> {
    const NAME: &str = "ebb-desktop";
    let beside = ebb.parent().map(|folder| folder.join(NAME));
    let path = environment.get("PATH").map(OsStr::to_owned).unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(NAME));
    beside.into_iter().chain(on_path).find(|program| program.is_file())
}

/// Whether there is a display, from our own environment or the one of the user's systemd.
fn know_display(plan: &mut Plan, environment: &Environment) -> bool {
    if DISPLAYS.iter().any(|name| environment.get(name).is_some()) {
        return true;
    }
    if !user_bus(environment) {
        return false;
    }
    let mut show = command(Path::new("systemctl"), &plan.environment);
    show.args(["--user", "show-environment"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let Some(text) = show.spawn().ok().and_then(output) else { return false };
    let found: Vec<(OsString, OsString)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, value)| (DISPLAYS.contains(name) || *name == "XAUTHORITY") && !value.is_empty())
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let known = found.iter().any(|(name, _)| DISPLAYS.iter().any(|display| name == display));
    plan.environment.extend(found);
    known
}

/// The environment of a host, rebuilt: the client's, as far as it is the user's.
fn passed_on(environment: &Environment) -> Vec<(OsString, OsString)> {
    let is_passed_on = |name: &OsStr| {
        let Some(name) = name.to_str() else { return false };
        PASSED_ON.contains(&name) || PASSED_ON_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
    };
    let mut passed: Vec<(OsString, OsString)> = environment
        .variables()
        .filter(|(name, value)| is_passed_on(name) && !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // Clients leave these out, and neither systemd nor the desktop is found without them.
    let folder = environment.run_user.join(environment.uid.to_string());
    if environment.get("XDG_RUNTIME_DIR").is_none() && folder.is_dir() {
        passed.push(("XDG_RUNTIME_DIR".into(), folder.clone().into()));
    }
    if environment.get("DBUS_SESSION_BUS_ADDRESS").is_none() && folder.join("bus").exists() {
        let mut address = OsString::from("unix:path=");
        address.push(folder.join("bus"));
        passed.push(("DBUS_SESSION_BUS_ADDRESS".into(), address));
    }
    passed
}

/// Whether the user's own systemd answers.
fn user_bus(environment: &Environment) -> bool {
    let told = environment.path("XDG_RUNTIME_DIR");
    let folder = told.unwrap_or_else(|| environment.run_user.join(environment.uid.to_string()));
    UnixStream::connect(folder.join("systemd/private")).is_ok()
}

/// Clients kill process trees and control groups; what systemd starts is in neither.
fn through_systemd(plan: &Plan, log: &Path) -> bool {
    let mut run = command(Path::new("systemd-run"), &plan.environment);
    run.args(systemd_arguments(plan, log)).stderr(Stdio::null());
    run.spawn().ok().and_then(finished) == Some(true)
}

fn systemd_arguments(plan: &Plan, log: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = [
        "--user",
        "--quiet",
        "--collect",
        "--description=Ebb",
        "--working-directory=/",
        "--property=StandardOutput=null",
    ]
    .map(OsString::from)
    .to_vec();
    let with = |beginning: &str, rest: &OsStr| {
        let mut text = OsString::from(beginning);
        text.push(rest);
        text
    };
    arguments.push(with("--property=StandardError=append:", log.as_os_str()));
    for (name, value) in &plan.environment {
        let mut assignment = name.clone();
        assignment.push("=");
        assignment.push(value);
        arguments.push(with("--setenv=", &assignment));
    }
    arguments.push("--".into());
    arguments.push(plan.program.clone().into());
    arguments.extend(plan.arguments.iter().cloned());
    arguments
}

/// A program with the rebuilt environment and nothing of our streams.
#[expect(clippy::disallowed_methods, reason = "a host has a guardian of its own and is meant to outlive this process")]
fn command(program: &Path, environment: &[(OsString, OsString)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment.iter().cloned()).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Waits for a helper; `None` when it took too long and was ended.
fn finished(mut child: Child) -> Option<bool> {
    let end = Instant::now() + HELPER;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => {
                drop(child.kill());
                drop(child.wait());
                return None;
            }
        }
    }
}

/// What a helper printed, if it ended well. What does not fit into a pipe makes it late.
fn output(mut child: Child) -> Option<String> {
    let mut stdout = child.stdout.take()?;
    finished(child).filter(|well| *well)?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut text).ok()?;
    Some(text)
}

fn open_log(path: &Path) -> std::io::Result<Stdio> {
    use std::os::unix::fs::OpenOptionsExt;
    let large = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_LOG);
    let mut options = std::fs::OpenOptions::new();
    options.create(true).mode(0o600);
    if large {
        options.write(true).truncate(true);
    } else {
        options.append(true);
    }
    options.open(path).map(Stdio::from)
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::new(Code::Internal, format!("{what}: {error}")).next("run `ebb doctor`")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "short-lived programs that the test waits for")]
mod tests {
    use super::*;

    fn environment(folder: &Path, more: &[(&str, &str)]) -> Environment {
        let six = [
            ("HOME", "/h"),
            ("LOGNAME", "me"),
            ("PATH", "/usr/bin"),
            ("SHELL", "/bin/sh"),
            ("TERM", "dumb"),
            ("USER", "me"),
        ];
        let mut environment = Environment::of(six.into_iter().chain(more.iter().copied()));
        environment.run_user = folder.join("run-user");
        environment
    }

    fn names(passed: &[(OsString, OsString)]) -> Vec<&str> {
        passed.iter().filter_map(|(name, _)| name.to_str()).collect()
    }

    #[test]
    fn secrets_of_the_client_stay_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let more = [
            ("ANTHROPIC_API_KEY", "s"),
            ("DISPLAY", ":0"),
            ("XDG_RUNTIME_DIR", "/r"),
            ("LD_PRELOAD", "x"),
            ("LANG", "de"),
        ];
        let passed = passed_on(&environment(folder.path(), &more));
        assert_eq!(names(&passed), ["DISPLAY", "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER", "XDG_RUNTIME_DIR"]);
    }

    #[test]
    fn a_bare_environment_gets_its_run_time_folder_back() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path(), &[]);
        let own = environment.run_user.join(environment.uid.to_string());
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join("bus"), "").unwrap();
        let passed = passed_on(&environment);
        assert!(names(&passed).contains(&"XDG_RUNTIME_DIR"));
        assert!(names(&passed).contains(&"DBUS_SESSION_BUS_ADDRESS"));
    }

    #[test]
    fn the_desktop_is_started_where_it_can_be_seen() {
        let folder = tempfile::tempdir().unwrap();
        let ebb = folder.path().join("ebb");
        let desktop = folder.path().join("ebb-desktop");
        let nothing = PathOptions::default();
        let seen = environment(folder.path(), &[("DISPLAY", ":0")]);
        assert_eq!(plan(&nothing, &seen, &ebb).arguments, ["serve", "--auto"], "it is not installed");
        std::fs::write(&desktop, "").unwrap();
        let found = plan(&nothing, &seen, &ebb);
        assert_eq!((found.program, found.arguments), (desktop, vec!["--background".into()]));
        let unseen = plan(&nothing, &environment(folder.path(), &[]), &ebb);
        assert_eq!((unseen.program, unseen.arguments.len()), (ebb.clone(), 2));
        let own_place = PathOptions { socket: Some("/d/x.sock".into()), data_dir: Some("/d/data".into()) };
        let server = plan(&own_place, &seen, &ebb);
        assert_eq!(server.arguments, ["serve", "--auto", "--socket", "/d/x.sock", "--data-dir", "/d/data"]);
    }

    #[test]
    fn systemd_is_told_everything() {
        let plan = Plan {
            program: "/p/ebb".into(),
            arguments: vec!["serve".into()],
            environment: vec![("HOME".into(), "/h x".into())],
        };
        let arguments = systemd_arguments(&plan, Path::new("/l/start.log"));
        assert!(arguments.contains(&"--setenv=HOME=/h x".into()));
        assert!(arguments.contains(&"--property=StandardError=append:/l/start.log".into()));
        assert_eq!(arguments[arguments.len() - 3..], ["--", "/p/ebb", "serve"]);
    }

    #[test]
    fn a_helper_that_hangs_is_ended() {
        let began = Instant::now();
        assert_eq!(finished(Command::new("sleep").arg("30").spawn().unwrap()), None);
        assert!(began.elapsed() < HELPER * 2);
        assert_eq!(finished(Command::new("false").spawn().unwrap()), Some(false));
    }
}
