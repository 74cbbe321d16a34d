//! Who is at the other end of a local stream: the agent's own process, not the bridge, shell or
//! package runner between it and us.

use std::path::{Path, PathBuf};

use ebb_core::{sessions::clean_text, view::ProcessView};

use super::{
    hello::Hello,
    proc::{self, ProcessKey, Stat},
};

/// How many ancestors are looked at; real chains have fewer than ten.
const MAX_DEPTH: usize = 64;
/// The longest name or path that is shown.
const MAX_TEXT: usize = 512;

/// Shells, package runners and wrappers: they start clients, they are none.
const LAUNCHERS: [&str; 48] = [
    "ash",
    "asdf",
    "bash",
    "bunx",
    "busybox",
    "chronic",
    "cmd",
    "corepack",
    "csh",
    "dash",
    "direnv",
    "doas",
    "dumb-init",
    "elvish",
    "env",
    "fish",
    "flatpak-spawn",
    "ionice",
    "ksh",
    "mise",
    "mksh",
    "nice",
    "nohup",
    "npm",
    "npx",
    "nu",
    "pipx",
    "pnpm",
    "pnpx",
    "powershell",
    "pwsh",
    "script",
    "setpriv",
    "setsid",
    "sh",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "taskset",
    "tcsh",
    "time",
    "timeout",
    "unbuffer",
    "uv",
    "uvx",
    "xargs",
    "zsh",
];
/// Scripts of `node` that are package runners.
const NODE_LAUNCHERS: [&str; 10] =
    ["npm", "npm-cli.js", "npx", "npx-cli.js", "pnpm", "pnpm.cjs", "pnpx", "yarn", "yarn.js", "corepack"];
/// Interpreters that packages of Ebb for other ecosystems may start it through.
const INTERPRETERS: [&str; 5] = ["node", "nodejs", "bun", "deno", "python"];
/// What adopts orphans. The kernel does not say who is a subreaper; these are the ones there are.
const REAPERS: [&str; 9] =
    ["systemd", "init", "launchd", "tini", "docker-init", "catatonit", "conmon", "s6-svscan", "runit"];

/// What stands behind a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientProcess {
    /// Whose end is the client's end: the client itself first, the peer of the socket last, launchers
    /// between them. Never empty.
    pub watched: Vec<ProcessKey>,
    /// The client, for people.
    pub top: ProcessView,
    /// The folder it works in, `~` for home; none where it works nowhere in particular.
    pub project: Option<String>,
    /// Whether the peer is `ebb connect`, or a server that speaks on its own standard streams.
    pub is_bridge: bool,
}

impl ClientProcess {
    /// The process that counts for limits and lifetimes.
    #[must_use]
    pub fn key(&self) -> Option<ProcessKey> {
        self.watched.first().copied()
    }

    /// Identifies the peer of a stream from its pid; `None` when it is gone already or cannot be seen.
    #[must_use]
    pub fn identify(pid: u32, hello: Option<&Hello>, home: Option<&Path>) -> Option<Self> {
        let peer = proc::stat(pid)?;
        let is_bridge = is_bridge(pid);
        // A client that speaks to the socket itself is the client, whoever started it.
        let above = if is_bridge { ancestors(&peer) } else { Vec::new() };
        let chain = cut(&above, hello.and_then(|hello| hello.ancestor));
        let mut watched: Vec<ProcessKey> = chain.iter().rev().map(|stat| stat.key).collect();
        watched.push(peer.key);
        let top = chain.last().copied().or_else(|| container_client(&above)).unwrap_or(&peer);
        let here = proc::cwd(pid).or_else(|| hello?.cwd.clone());
        let project = [here, proc::cwd(top.key.pid)].into_iter().flatten().find_map(|cwd| project(&cwd, home));
        Some(Self { watched, top: view(top), project, is_bridge })
    }
}

/// The processes above this one whose end is ours: up to the first that is no launcher, that one last.
/// Empty where nobody in particular started us.
#[must_use]
pub fn ancestors_to_watch() -> Vec<ProcessKey> {
    let Some(own) = proc::stat(std::process::id()) else { return Vec::new() };
    let above = ancestors(&own);
    cut(&above, None).iter().map(|stat| stat.key).collect()
}

/// All ancestors, the parent first, pid 1 last where it can be seen.
fn ancestors(of: &Stat) -> Vec<Stat> {
    let mut found = Vec::new();
    let mut child = of.clone();
    while child.ppid > 0 && found.len() < MAX_DEPTH {
        let Some(parent) = proc::stat(child.ppid) else { break };
        // Younger than its child: the parent died in between and the pid is somebody else's.
        if parent.key.start_time > child.key.start_time {
            break;
        }
        found.push(parent.clone());
        child = parent;
    }
    found
}

/// The part of the chain to watch. `claimed` moves its end when it really is an ancestor.
fn cut(above: &[Stat], claimed: Option<ProcessKey>) -> Vec<&Stat> {
    let living = above.iter().position(is_reaper).unwrap_or(above.len());
    let above = above.get(..living).unwrap_or_default();
    let claimed = claimed.and_then(|key| above.iter().position(|stat| stat.key == key));
    let end = claimed.or_else(|| above.iter().position(|stat| !is_launcher(stat)));
    // Launchers all the way up: a shell at a console is the client.
    let count = end.map_or(above.len(), |end| end + 1);
    above.iter().take(count).collect()
}

/// Pid 1 of a container can be the client itself. Its end needs no watch, its name is worth showing.
fn container_client(above: &[Stat]) -> Option<&Stat> {
    above.last().filter(|stat| stat.key.pid == 1 && !REAPERS.contains(&stat.comm.as_str()) && !is_launcher(stat))
}

fn is_reaper(stat: &Stat) -> bool {
    stat.key.pid == 1 || REAPERS.contains(&stat.comm.as_str()) || stat.comm.starts_with("containerd-shim")
}

fn is_launcher(stat: &Stat) -> bool {
    let exe = proc::exe(stat.key.pid);
    let exe = exe.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    launches(&stat.comm, exe.as_deref(), &proc::cmdline(stat.key.pid))
}

fn launches(comm: &str, exe: Option<&str>, arguments: &[String]) -> bool {
    let plain = |name: &str| name.trim_start_matches('-').trim_end_matches(".exe").to_owned();
    // npm and npx call themselves `npm exec ...` once they run.
    let first = plain(comm.split(' ').next().unwrap_or_default());
    if LAUNCHERS.contains(&first.as_str()) || exe.is_some_and(|exe| LAUNCHERS.contains(&plain(exe).as_str())) {
        return true;
    }
    let interpreter = exe.map(plain).unwrap_or_default();
    // `python3.12` and the like.
    let interpreter = interpreter.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let script = arguments.iter().skip(1).find(|argument| !argument.starts_with('-'));
    let script = script.and_then(|script| Path::new(script).file_name()).map(|name| name.to_string_lossy());
    let Some(script) = script.filter(|_| INTERPRETERS.contains(&interpreter)) else { return false };
    // A package's own little program, such as `node_modules/.bin/ebb`.
    let is_ours = script == "ebb" || Path::new(script.as_ref()).file_stem().is_some_and(|stem| stem == "ebb");
    is_ours || NODE_LAUNCHERS.contains(&script.as_ref())
}

/// Whether this process is `ebb connect` or `ebb mcp`, by its executable and first argument: their client is
/// whoever started them.
fn is_bridge(pid: u32) -> bool {
    let exe = proc::exe(pid);
    let name = exe.as_deref().and_then(Path::file_stem).map(|name| name.to_string_lossy().into_owned());
    let arguments = proc::cmdline(pid);
    name.as_deref() == Some("ebb")
        && arguments
            .iter()
            .skip(1)
            .find(|argument| !argument.starts_with('-'))
            .is_some_and(|word| word == "connect" || word == "mcp")
}

fn view(stat: &Stat) -> ProcessView {
    let pid = stat.key.pid;
    let exe = proc::exe(pid);
    let file = exe.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let name = match file {
        // The kernel keeps 15 bytes of a name; and node calls its first thread what it likes.
        Some(file) if stat.comm.contains("MainThread") || (stat.comm.len() == 15 && file.starts_with(&stat.comm)) => {
            file
        }
        _ => stat.comm.clone(),
    };
    let text = |path: PathBuf| shown(&path.to_string_lossy());
    ProcessView { pid, name: shown(&name), exe: exe.map(text), cwd: proc::cwd(pid).map(text) }
}

/// The folder as people know it. The root and folders that are gone say nothing about a project.
fn project(cwd: &Path, home: Option<&Path>) -> Option<String> {
    cwd.parent()?;
    let text = match home.and_then(|home| cwd.strip_prefix(home).ok()) {
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => format!("~/{}", rest.display()),
        None => cwd.display().to_string(),
    };
    (!text.ends_with(" (deleted)")).then(|| shown(&text))
}

/// Names and folders are chosen by others.
fn shown(text: &str) -> String {
    clean_text(text, MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launches_with(comm: &str, exe: &str, arguments: &[&str]) -> bool {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        launches(comm, Some(exe), &arguments)
    }

    #[test]
    fn launchers_are_told_from_clients() {
        assert!(launches_with("sh", "dash", &["sh", "-c", "ebb connect"]));
        assert!(launches_with("-zsh", "zsh", &["-zsh"]));
        assert!(launches_with("my-script", "bash", &["/bin/bash", "./my-script"]));
        assert!(launches_with("node", "node", &["node", "/usr/bin/npx", "ebb"]));
        assert!(launches_with("MainThread", "node", &["node", "--no-warnings", "/x/npm-cli.js", "exec"]));
        assert!(launches_with("npm exec ebb co", "node", &["npm exec ebb connect"]));
        assert!(launches_with("cmd.exe", "cmd.exe", &["cmd.exe", "/c", "npx"]));
        assert!(launches_with("MainThread", "node", &["node", "/x/node_modules/.bin/ebb", "connect"]));
        assert!(launches_with("ebb", "python3.12", &["/venv/bin/python3", "/venv/bin/ebb", "connect"]));
        assert!(launches_with("node", "node", &["node", "/x/ebb.mjs", "connect"]));
        assert!(!launches_with("node", "node", &["node", "/x/ebbtide.js"]));
        assert!(!launches_with("node", "node", &["node", "/home/me/agent.js"]));
        assert!(!launches_with("claude", "2.1.232", &["claude"]));
        assert!(!launches_with("codex", "codex", &["codex"]));
        assert!(!launches_with("python3", "python3.12", &["python3", "agent.py"]));
    }

    #[test]
    fn the_root_is_no_project_and_home_is_a_tilde() {
        let home = Some(Path::new("/home/me"));
        assert_eq!(project(Path::new("/"), home), None);
        assert_eq!(project(Path::new("/home/me"), home).as_deref(), Some("~"));
        assert_eq!(project(Path::new("/home/me/src/shop"), home).as_deref(), Some("~/src/shop"));
        assert_eq!(project(Path::new("/home/meadow"), home).as_deref(), Some("/home/meadow"));
        assert_eq!(project(Path::new("/srv/a\u{202e}b\n"), home).as_deref(), Some("/srv/ab"));
    }

    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "the test ends its processes")]
    mod real {
        use std::{
            io::{BufRead, BufReader},
            process::{Child, Command, Stdio},
        };

        use super::*;

        /// Starts a real tree that prints the pid of its last process.
        fn tree(program: &str, arguments: &[&str]) -> (Child, u32) {
            let mut child =
                Command::new(program).args(arguments).stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            (child, line.trim().parse().unwrap())
        }

        #[test]
        fn the_chain_goes_through_launchers_to_the_client() {
            // sh -> timeout -> sh -> cat (through `&` and `wait`, so that no shell replaces itself).
            let inner = "cat <&3 & echo $!; wait";
            let outer = format!("timeout 60 sh -c '{inner}' 3<&0; exit 1");
            let (mut child, pid) = tree("sh", &["-c", &outer]);
            let peer = proc::stat(pid).unwrap();
            let above = ancestors(&peer);
            let names: Vec<String> = cut(&above, None).iter().map(|stat| stat.comm.clone()).collect();
            assert_eq!(&names[..3], ["sh", "timeout", "sh"]);
            let chain = cut(&above, None);
            assert_eq!(chain.last().unwrap().key.pid, std::process::id(), "the test program is the client");

            let claimed = chain[1].key;
            assert_eq!(cut(&above, Some(claimed)).last().unwrap().key, claimed);
            let stranger = ProcessKey { pid: pid + 1, start_time: 1 };
            assert_eq!(cut(&above, Some(stranger)).len(), chain.len(), "a stranger is not believed");

            drop(child.stdin.take());
            child.wait().unwrap();
        }

        #[test]
        fn a_peer_that_is_no_bridge_is_the_client_itself() {
            let (mut child, pid) = tree("sh", &["-c", "echo $$; exec cat"]);
            let client = ClientProcess::identify(pid, None, None).unwrap();
            assert!(!client.is_bridge);
            assert_eq!(client.watched.len(), 1);
            assert_eq!(client.top.pid, pid);
            let here = std::env::current_dir().unwrap();
            assert_eq!(client.project.as_deref(), here.to_str());
            drop(child.stdin.take());
            child.wait().unwrap();
            assert_eq!(ClientProcess::identify(pid, None, None), None);
        }

        #[test]
        fn a_bridge_is_known_by_its_program_and_argument() {
            let folder = tempfile::tempdir().unwrap();
            let ebb = folder.path().join("ebb");
            std::fs::copy("/bin/sh", &ebb).unwrap();
            let script = folder.path().join("connect");
            std::fs::write(&script, "echo $$; read x").unwrap();
            let run = |argument: &str| {
                let mut child = Command::new(&ebb)
                    .arg(argument)
                    .current_dir(folder.path())
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut line = String::new();
                BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
                let client = ClientProcess::identify(child.id(), None, Some(folder.path())).unwrap();
                drop(child.stdin.take());
                child.wait().unwrap();
                client
            };
            let bridge = run("connect");
            assert!(bridge.is_bridge);
            assert_eq!(bridge.key().unwrap().pid, std::process::id());
            assert_eq!(bridge.watched.len(), 2);
            assert_eq!(bridge.project.as_deref(), Some("~"));
            std::fs::copy(&script, folder.path().join("other")).unwrap();
            assert!(!run("other").is_bridge);
        }

        #[test]
        fn orphans_watch_nobody() {
            // The shell leaves at once; whoever adopts the sleeper is no client.
            let (mut child, pid) = tree("sh", &["-c", "sleep 30 >/dev/null & echo $!"]);
            child.wait().unwrap();
            let orphan =
                std::iter::repeat_with(|| proc::stat(pid).unwrap()).find(|stat| stat.ppid != child.id()).unwrap();
            let above = ancestors(&orphan);
            let adopted_by_reaper = above.first().is_none_or(is_reaper);
            if adopted_by_reaper {
                assert!(cut(&above, None).is_empty());
            }
            let raw = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
            rustix::process::kill_process(raw, rustix::process::Signal::KILL).unwrap();
        }
    }
}
