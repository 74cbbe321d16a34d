//! F30 and F31: a browser that cannot be started, and folders that cannot be written.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use ebb_core::settings::BrowserSettings;
use serde_json::json;
use support::{Agent, Answer, Calls, HostArgs, Mount, SLOW, TestHost, Via, ms, procs, record, wait_for};

/// How long a browser that does not start may keep its caller waiting.
const LIMIT: Duration = Duration::from_secs(20);

/// A host whose browser is a file of the test's own.
struct Broken {
    host: TestHost,
    browser: PathBuf,
    /// Outlives the host.
    _folder: tempfile::TempDir,
}

impl Broken {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let browser = folder.path().join("broken chrome");
        let host = TestHost::with(HostArgs { browser: Some(browser.clone()), ..HostArgs::default() });
        Self { host, browser, _folder: folder }
    }

    /// Makes the browser this script.
    fn script(&self, lines: &str) {
        self.write(&format!("#!/bin/sh\n{lines}\n"), 0o755);
    }

    fn write(&self, text: &str, mode: u32) {
        // Written beside and moved: a file that is being run cannot be written.
        let new = self.browser.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(mode)).unwrap();
        fs::rename(&new, &self.browser).unwrap();
    }

    /// Calls, must fail in time, and leaves nothing: no process, no zombie, no folder.
    fn fails(&self, what: &str, agent: &mut Agent) -> Answer {
        let began = Instant::now();
        let failed = agent.call("browser_navigate", json!({"url": "about:blank"})).err();
        record(&format!("f30 {what}"), began.elapsed(), LIMIT);
        assert!(began.elapsed() < LIMIT * SLOW);
        assert!(failed.text.contains("broken chrome"), "{what}: the binary is named: {}", failed.text);
        assert!(failed.text.contains("### Next"), "{what}: the way out is named: {}", failed.text);
        self.nothing_left(what);
        failed
    }

    fn nothing_left(&self, what: &str) {
        let host = &self.host;
        wait_for(&format!("{what}: nothing is left"), Duration::from_secs(4), || {
            // Zombies count: `below` sees them.
            let below: Vec<_> =
                procs::below(host.pid()).into_iter().filter(|process| !process.command.contains(" guard")).collect();
            let files = host.files_left();
            if below.is_empty() && files.is_empty() {
                Ok(())
            } else {
                Err(format!("{} {files:?}", procs::brief(&below)))
            }
        });
    }

    /// The browser is repaired: the very next call works, in the same session.
    fn works(&self, agent: &mut Agent) {
        self.script(&format!("exec {} \"$@\"", real_browser().display()));
        agent.open("about:blank");
        let session = self.host.control().session_of(agent.name());
        agent.kill();
        wait_for("the session is gone", Duration::from_secs(5), || {
            match self.host.control().reports_of(&session).len() {
                1 => Ok(()),
                other => Err(format!("{other} reports")),
            }
        });
        self.nothing_left("after the repair");
    }
}

/// The browser that this machine has.
fn real_browser() -> PathBuf {
    ebb_host::browser::locate::find(&BrowserSettings::default()).expect("a browser is installed").path
}

#[test]
fn f30_browser_missing_or_no_program() {
    let broken = Broken::new();
    let mut agent = broken.host.agent(Via::Socket, "caller");
    let failed = broken.fails("missing", &mut agent);
    eprintln!("{}", failed.text);
    assert_eq!(failed.code(), "browser_missing", "{}", failed.text);

    broken.write("#!/bin/sh\n", 0o644);
    let failed = broken.fails("not executable", &mut agent);
    eprintln!("{}", failed.text);
    assert_eq!(failed.code(), "browser_missing", "{}", failed.text);

    broken.write("this is no program", 0o755);
    let failed = broken.fails("no program", &mut agent);
    eprintln!("{}", failed.text);
    assert_eq!(failed.code(), "browser_failed", "{}", failed.text);

    broken.write("#!/nowhere/interpreter\n", 0o755);
    let failed = broken.fails("no interpreter", &mut agent);
    eprintln!("{}", failed.text);
    assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
    broken.works(&mut agent);
}

#[test]
fn f30_browser_ends_at_once_or_talks_nonsense() {
    let broken = Broken::new();
    for via in Via::BOTH {
        let mut agent = broken.host.agent(via, "caller");
        broken.script("echo 'first line' >&2; printf 'cannot \\033[31mopen\\033[0m libnss3.so\\n' >&2; exit 127");
        let failed = broken.fails("ends at once", &mut agent);
        eprintln!("{}", failed.text);
        assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
        for word in ["127", "libnss3.so"] {
            assert!(failed.text.contains(word), "{word} is missing: {}", failed.text);
        }
        assert!(!failed.text.contains('\x1b'), "{:?}", failed.text);

        // Nonsense on the pipe and everywhere else, then the end.
        broken.script("head -c 300000 /dev/urandom >&4; head -c 300000 /dev/urandom >&2; echo bye >&2; exit 3");
        let failed = broken.fails("garbage", &mut agent);
        eprintln!("{}", failed.text);
        assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
        assert!(failed.text.contains("bye"), "{}", failed.text);

        // One good answer, and then it is gone.
        broken.script(
            r#"printf '{"id":1,"result":{"protocolVersion":"1.3","product":"HeadlessChrome/1","revision":"r","userAgent":"HeadlessChrome/1","jsVersion":"1"}}\0' >&4; head -c 20 <&3 >/dev/null; echo 'out of luck' >&2; exit 9"#,
        );
        let failed = broken.fails("answers and dies", &mut agent);
        eprintln!("{}", failed.text);
        assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
        assert!(failed.text.contains("out of luck"), "{}", failed.text);
        broken.works(&mut agent);
    }
}

#[test]
fn f30_browser_hangs_at_start() {
    let broken = Broken::new();
    let mut agent = broken.host.agent(Via::Bridge, "caller");
    // With a child of its own, and one that does not listen to polite signals.
    broken.script("trap '' TERM INT HUP; echo 'waiting for a lock' >&2; sleep 1000 & wait; sleep 1000");
    let failed = broken.fails("hangs", &mut agent);
    eprintln!("{}", failed.text);
    assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
    assert!(failed.text.contains("did not answer") && failed.text.contains("waiting for a lock"), "{}", failed.text);
    broken.works(&mut agent);
}

/// The user gives up while the browser hangs at its start: nothing waits on.
#[test]
fn f30_client_leaves_while_the_browser_hangs() {
    let broken = Broken::new();
    broken.script("sleep 1000");
    let mut agent = broken.host.agent(Via::Socket, "caller");
    agent.send("browser_navigate", json!({"url": "about:blank"}));
    wait_for("the browser hangs", Duration::from_secs(5), || {
        let below = procs::below(broken.host.pid());
        let hangs = below.iter().any(|process| process.command.contains("sleep 1000"));
        if hangs { Ok(()) } else { Err(procs::brief(&below)) }
    });
    let session = broken.host.control().session_of("caller");
    let began = Instant::now();
    agent.kill();
    wait_for("the session is gone", Duration::from_secs(5) * SLOW, || {
        match broken.host.control().reports_of(&session).len() {
            1 => Ok(()),
            other => Err(format!("{other} reports")),
        }
    });
    record("f30 left: registry", began.elapsed(), Duration::from_secs(3));
    wait_for("the browser is given up", LIMIT * SLOW, || {
        let (below, files) = (procs::below(broken.host.pid()), broken.host.files_left());
        let left: Vec<_> = below.iter().filter(|process| !process.command.contains(" guard")).collect();
        if left.is_empty() && files.is_empty() { Ok(()) } else { Err(format!("{} {files:?}", procs::brief(left))) }
    });
    record("f30 left: the browser", began.elapsed(), LIMIT);
}

/// A wrapper that does not `exec`: the process we started is a shell, and the browser below it goes all the same.
#[test]
fn f30_wrapper_without_exec() {
    let broken = Broken::new();
    broken.script(&format!("{} \"$@\"\nexit $?", real_browser().display()));
    for kill in [false, true] {
        let mut agent = broken.host.agent(Via::Socket, "caller");
        agent.open("about:blank");
        assert!(broken.host.chromium().len() > 3);
        if kill {
            // Only the shell dies; its browser must not live on.
            let shell = procs::below(broken.host.pid()).into_iter().find(|process| process.command.contains("/bin/sh"));
            procs::kill(shell.expect("the wrapper runs").pid);
            broken.nothing_left("wrapper killed");
            let lost = agent.call("browser_snapshot", json!({})).err();
            assert_eq!(lost.code(), "browser_lost", "{}", lost.text);
            agent.open("about:blank");
        }
        agent.kill();
        broken.nothing_left("wrapper");
    }
}

/// The folder for running browsers is no folder, is taken away while one runs, or is full.
#[test]
fn f31_run_folder_unusable() {
    let mut host = TestHost::start();
    let run = host.data().join("run");
    let mut agent = host.agent(Via::Socket, "caller");
    let fails = |agent: &mut Agent, what: &str| {
        let began = Instant::now();
        let failed = agent.call("browser_navigate", json!({"url": "about:blank"})).err();
        record(&format!("f31 {what}"), began.elapsed(), ms(1_000));
        eprintln!("{what}: {}", failed.text);
        assert_eq!(failed.code(), "browser_failed", "{}", failed.text);
        assert!(failed.text.contains(&run.display().to_string()), "the folder is named: {}", failed.text);
        assert!(failed.text.contains("### Next"), "{}", failed.text);
        assert!(procs::below(host.pid()).iter().all(|process| process.command.contains(" guard")));
    };
    fs::remove_dir_all(&run).unwrap();
    fs::write(&run, "in the way").unwrap();
    fails(&mut agent, "a file in its place");
    fs::remove_file(&run).unwrap();

    // Full: one block, and it is taken.
    fs::create_dir(&run).unwrap();
    let small = Mount::tmpfs(&run, "4k");
    fs::write(run.join("filler"), vec![0_u8; 64 * 1024]).unwrap_err();
    fails(&mut agent, "a full disk");
    assert_eq!(procs::names(&run), ["filler"], "what could not be made whole is not left half");
    drop(small);

    // Repaired: the next call works, and makes the folder anew.
    agent.open("about:blank");
    let browser = host.browser();

    // Taken away under a running browser: it is no reason to fall over.
    fs::remove_dir_all(&run).unwrap();
    agent.open("about:blank");
    let mut second = host.agent(Via::Socket, "second");
    second.open("about:blank");
    assert_eq!(host.browser(), browser);
    for agent in [&mut agent, &mut second] {
        agent.kill();
    }
    wait_for("nothing is left", Duration::from_secs(8), || {
        let (left, files) = (host.chromium(), host.files_left());
        if left.is_empty() && files.is_empty() { Ok(()) } else { Err(format!("{} {files:?}", procs::brief(&left))) }
    });
    assert!(host.control().snapshot().leftovers.is_empty());
    let mut third = host.agent(Via::Socket, "third");
    third.open("about:blank");
    assert_eq!(host.run_folders().len(), 1);
    third.kill();
    host.terminate();
}
