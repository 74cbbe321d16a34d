//! Files that are locked, damaged, on a full or read-only disk, or gone (F38 to F42): those of cursors and
//! that of the history.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ebb_core::cleanup::Outcome;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use support::{
    Calls, HostArgs, Kept, Lost, Mount, Scene, TestHost, Via, cursor_files, holds_for, ms, procs, wait_for, within,
};

/// How long what is written behind may take.
const BEHIND: Duration = Duration::from_secs(20);

fn on_files() -> HostArgs {
    Kept::Sqlite.args()
}

fn open(path: impl AsRef<Path>) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

/// The file of a session's cursors.
fn file_of(host: &TestHost, session: &str) -> PathBuf {
    let files = Kept::Sqlite.raw(host, session);
    assert_eq!(files.len(), 1, "one file a session: {files:?}");
    files[0].clone().into()
}

fn wait_for_no_file(host: &TestHost, session: &str) {
    wait_for("no file is left", BEHIND, || match Kept::Sqlite.raw(host, session) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[test]
fn the_file_shrinks_with_what_it_holds_and_goes_with_the_last() {
    let scene = Scene::with(on_files());
    let mut agent = scene.agent(Via::Socket, "owner");
    agent.open("about:blank");
    let ids: Vec<String> = (0..8).map(|n| agent.large(&format!("owner {n}"), 1_000).cursor().to_owned()).collect();
    let session = scene.control.session_of("owner");
    let file = file_of(&scene.host, &session);
    let full = fs::metadata(&file).unwrap().len();
    assert!(full > 8_000_000, "{full} bytes");
    for id in &ids[..7] {
        agent.ok("cursor_close", json!({"cursor": id}));
    }
    wait_for("the file shrinks", BEHIND, || match fs::metadata(&file).unwrap().len() {
        size if size < full / 4 => Ok(()),
        size => Err(format!("{size} of {full} bytes")),
    });
    agent.ok("cursor_read", json!({"cursor": ids[7]}));
    agent.ok("cursor_close", json!({"cursor": ids[7]}));
    wait_for_no_file(&scene.host, &session);
    agent.large("again", 100);
    assert_ne!(file_of(&scene.host, &session), file, "a new one, under a new name");
}

#[test]
fn f38_the_history_is_locked_while_a_session_ends() {
    const HELD: Duration = Duration::from_secs(5);
    let mut scene = Scene::with(on_files());
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    agent.large("victim", 100);
    let session = scene.control.session_of("victim");
    let file = file_of(&scene.host, &session);
    // Nobody can lock a file of cursors: the host holds it alone.
    let stranger = open(&file);
    stranger.busy_timeout(Duration::ZERO).unwrap();
    let refused = stranger.execute_batch("BEGIN EXCLUSIVE").unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));

    let history = open(scene.host.data().join("history.db"));
    history.busy_timeout(BEHIND).unwrap();
    history.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let locked = Instant::now();
    let began = agent.kill();
    let sessions = [session.clone()];
    let lost = Lost { what: "f38", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None };
    scene.sessions_go(&lost);
    assert!(locked.elapsed() < HELD, "the session did not wait for the lock");
    wait_for_no_file(&scene.host, &session);
    let report = scene.control.reports_of(&session).remove(0);
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    let left = HELD.saturating_sub(locked.elapsed());
    holds_for("nothing is written past the lock", left, || {
        let rows: u32 = history
            .query_row("SELECT count(*) FROM reports WHERE session = ?1", [&session], |row| row.get(0))
            .map_err(|error| error.to_string())?;
        if rows == 0 { Ok(()) } else { Err("the report is there".to_owned()) }
    });
    history.execute_batch("COMMIT").unwrap();
    wait_for("the report is written once the lock is gone", BEHIND, || match scene.rows.reports(&session) {
        1 if !scene.rows.is_open(&session) => Ok(()),
        seen => Err(format!("{seen} reports")),
    });
    wait_for("the history has no problem", BEHIND, || {
        scene.control.snapshot().host.history_problem.map_or(Ok(()), Err)
    });
    scene.bystander.assert_untouched(&scene.control);
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

/// Does harm to a file.
type Damage = fn(&Path);

#[test]
fn f39_the_history_is_damaged_at_the_start() {
    let mut host = TestHost::with(on_files());
    let history = host.data().join("history.db");
    let damages: [(&str, Damage); 4] = [
        ("header", |path| write_at(path, 0, &[0x55; 100])),
        ("middle", |path| write_at(path, 4_096, &[0x55; 8_192])),
        ("truncated", |path| fs::File::options().write(true).open(path).unwrap().set_len(1_000).unwrap()),
        ("zero", |path| fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap()),
    ];
    for (what, damage) in damages {
        // Something is in it that can be lost.
        let mut agent = host.agent(Via::Socket, "past");
        agent.open("about:blank");
        let session = host.control().session_of("past");
        agent.kill();
        wait_for("its report is written", BEHIND, || match host.rows().reports(&session) {
            1 => Ok(()),
            seen => Err(format!("{seen} reports")),
        });
        let (status, _) = host.terminate();
        assert!(status.success(), "{status}");
        // What still lies in its log would heal it.
        open(&history).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        damage(&history);
        host.restart();
        let problem = host.control().snapshot().host.history_problem.unwrap_or_default();
        assert!(problem.contains("was damaged"), "{what}: {problem}");
        assert!(problem.contains(".corrupt-"), "{what}: {problem}");
        let aside: Vec<String> =
            procs::names(&host.data()).into_iter().filter(|name| name.contains(".corrupt-")).collect();
        assert!(!aside.is_empty(), "{what}: it was moved aside");
        let check: String = open(&history).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "{what}: the new one is sound");
        assert!(host.control().reports_of(&session).is_empty(), "{what}: its reports are lost, and that was told");
        // And it works.
        let mut agent = host.agent(Via::Socket, "after");
        agent.open("about:blank");
        agent.large("after", 100);
        let session = host.control().session_of("after");
        agent.kill();
        wait_for("its report is written", BEHIND, || match host.rows().reports(&session) {
            1 => Ok(()),
            seen => Err(format!("{seen} reports")),
        });
    }
}

#[test]
fn f39_a_file_of_cursors_is_damaged_while_it_is_used() {
    let mut scene = Scene::with(on_files());
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    let ids: Vec<String> = (0..3).map(|n| agent.large(&format!("victim {n}"), 3_000).cursor().to_owned()).collect();
    let session = scene.control.session_of("victim");
    let file = file_of(&scene.host, &session);
    let size = fs::metadata(&file).unwrap().len();
    write_at(&file, 0, &vec![0x55; usize::try_from(size).unwrap()]);

    // What SQLite still had in its own memory may read; what it must fetch is lost, and told in words.
    let mut lost = 0;
    for id in &ids {
        for offset in [1, 15_000, 30_000] {
            let answer = agent.call("cursor_read", json!({"cursor": id, "offset": offset, "max_tokens": 500}));
            if answer.is_error {
                lost += 1;
                assert_eq!(answer.code(), "cursor_evicted", "{}", answer.text);
                assert!(answer.text.contains("the store no longer has its content"), "{}", answer.text);
            } else {
                assert!(!answer.text.contains("UUUU"), "garbage was read");
            }
        }
    }
    assert!(lost > 0, "nothing was lost of a file of garbage");
    // New results go into a new file, and the session ends as ever.
    wait_for("the store goes on", BEHIND, || {
        let answer = agent.ok("browser_evaluate", json!({"function": "() => 'new\\n'.repeat(20000)"}));
        match answer.meta["cursor"].as_str() {
            Some(id) if !agent.call("cursor_read", json!({"cursor": id})).is_error => Ok(()),
            _ => Err(answer.must("More").to_owned()),
        }
    });
    let began = agent.kill();
    let sessions = [session];
    scene.gone(&Lost { what: "f39", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None });
    Kept::Sqlite.assert_nothing(&scene.host, &sessions[0]);
}

/// A host whose run folder is a file system of its own.
struct Small {
    scene: Scene,
    mount: Mount,
}

impl Small {
    fn new() -> Self {
        // Room for a browser's profile as well; what is too much is taken up later.
        let mut host = TestHost::with(on_files());
        let (status, _) = host.terminate();
        assert!(status.success(), "{status}");
        let mount = Mount::tmpfs(&host.data().join("run"), "256m");
        host.restart();
        Self { scene: Scene::around(host), mount }
    }

    /// Leaves this many bytes free.
    fn fill(&self, free: u64) -> PathBuf {
        let ballast = self.mount.path().parent().unwrap().join("run/c-ballast");
        let stat = rustix::fs::statvfs(self.mount.path()).unwrap();
        let size = (stat.f_bavail * stat.f_frsize).saturating_sub(free);
        let file = fs::File::create(&ballast).unwrap();
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size).unwrap();
        ballast
    }
}

#[test]
fn f40_the_disk_is_full() {
    let small = Small::new();
    let mut agent = small.scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    let kept = agent.large("victim", 100).cursor().to_owned();
    let session = small.scene.control.session_of("victim");
    let ballast = small.fill(8 << 20);
    let mut made = vec![kept];
    let refused = wait_for("the disk is full", BEHIND, || {
        let answer =
            agent.ok("browser_evaluate", json!({"function": "() => 'a line of a large result\\n'.repeat(40000)"}));
        match answer.meta["cursor"].as_str() {
            Some(id) => {
                made.push(id.to_owned());
                Err(format!("{} cursors", made.len()))
            }
            None => Ok(answer),
        }
    });
    assert!((3..12).contains(&made.len()), "{} cursors of 1 MB fit into 8 MB", made.len());
    assert_eq!(refused.code(), "store_unavailable", "{}", refused.meta);
    assert!(refused.must("More").contains("the disk is full"), "{}", refused.must("More"));
    let detail = small.scene.control.session(&session).unwrap();
    assert_eq!(detail.cursors.len(), made.len(), "what was not written is not there");
    for id in &made {
        agent.ok("cursor_read", json!({"cursor": id, "max_tokens": 500}));
    }
    let view = small.scene.control.snapshot().host.store;
    assert!(view.problem.is_some_and(|problem| problem.contains("the disk is full")));
    assert!(view.refused >= 1);
    // Room comes from closing, although there is none to close with.
    agent.ok("cursor_close", json!({"all": true}));
    wait_for("room for the next one", BEHIND, || {
        let answer =
            agent.ok("browser_evaluate", json!({"function": "() => 'a line of a large result\\n'.repeat(40000)"}));
        answer.meta["cursor"].as_str().map(|_| ()).ok_or_else(|| answer.must("More").to_owned())
    });
    let began = agent.kill();
    let sessions = [session.clone()];
    let lost = Lost { what: "f40", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None };
    small.scene.sessions_go(&lost);
    wait_for_no_file(&small.scene.host, &session);
    let report = small.scene.control.reports_of(&session).remove(0);
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    fs::remove_file(ballast).unwrap();
    let Small { mut scene, mount } = small;
    wait_for("the store works again", BEHIND, || scene.control.snapshot().host.store.problem.map_or(Ok(()), Err));
    scene.bystander.assert_untouched(&scene.control);
    drop(scene);
    drop(mount);
}

#[test]
fn f41_the_host_is_killed_while_it_writes_a_thousand_results() {
    let mut host = TestHost::with(on_files());
    let mut agent = host.agent(Via::Socket, "writer");
    agent.open("about:blank");
    let session = host.control().session_of("writer");
    let calls: Vec<u64> = (0..8)
        .map(|n| {
            let function = format!("async () => {{ await 0; return 'result {n}\\n'.repeat(30000); }}");
            agent.send("browser_evaluate", json!({"function": function}))
        })
        .collect();
    wait_for("some are written", BEHIND, || match cursor_files(&host) {
        files if files.is_empty() => Err("none".to_owned()),
        _ => Ok(()),
    });
    let began = host.kill();
    drop(calls);
    within("f41: the files go", began, Duration::from_secs(3), || match cursor_files(&host) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
    host.restart();
    let check: String =
        open(host.data().join("history.db")).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let rows = host.rows();
    assert_eq!((rows.open_sessions(), rows.reports(&session)), (0, 1), "the dead session is reported, and has no row");
    assert_eq!(rows.reason(&session).as_deref(), Some("recovered_at_start"));
}

#[test]
fn f42_the_folder_of_cursors_is_read_only() {
    let mut scene = Scene::with(on_files());
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    agent.large("victim", 100);
    let session = scene.control.session_of("victim");
    let file = file_of(&scene.host, &session);
    let mount = Mount::read_only(file.parent().unwrap());

    let mut other = scene.agent(Via::Socket, "other");
    other.open("about:blank");
    let refused = other.ok("browser_evaluate", json!({"function": "() => 'large\\n'.repeat(20000)"}));
    assert_eq!(refused.code(), "store_unavailable", "{}", refused.meta);
    assert!(refused.must("More").contains("cannot be written: Read-only file system"), "{}", refused.must("More"));
    let began = agent.kill();
    let sessions = [session.clone()];
    let lost = Lost { what: "f42", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None };
    scene.sessions_go(&lost);
    let report = scene.control.reports_of(&session).remove(0);
    assert_eq!(report.outcome, Outcome::WithProblems, "{report:?}");
    assert!(file.exists(), "it cannot be removed");
    assert_eq!(scene.control.snapshot().leftovers.len(), 1, "and that is shown");

    drop(mount);
    wait_for_no_file(&scene.host, &session);
    wait_for("no leftover is left", BEHIND, || match scene.control.snapshot().leftovers {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
    wait_for("the store works again", BEHIND, || scene.control.snapshot().host.store.problem.map_or(Ok(()), Err));
    other.large("other", 100);
    scene.bystander.assert_untouched(&scene.control);
}

#[test]
fn f42_the_folder_of_cursors_is_gone() {
    let scene = Scene::with(on_files());
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    let before = agent.large("victim", 100).cursor().to_owned();
    let session = scene.control.session_of("victim");
    fs::remove_dir_all(file_of(&scene.host, &session).parent().unwrap()).unwrap();

    // An open file reads on; a new session gets a new folder.
    agent.ok("cursor_read", json!({"cursor": before}));
    let mut other = scene.agent(Via::Socket, "other");
    other.open("about:blank");
    let id = other.large("other", 100).cursor().to_owned();
    other.ok("cursor_read", json!({"cursor": id}));
    let began = agent.kill();
    let sessions = [session];
    let lost = Lost { what: "f42", began, limit: ms(500), sessions: &sessions, reason: "client_died", by: None };
    scene.sessions_go(&lost);
    let report = scene.control.reports_of(&sessions[0]).remove(0);
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
}

#[test]
fn f42_a_data_directory_that_cannot_be_is_refused_with_the_reason() {
    let host = TestHost::start();
    let file = host.path().join("a-file");
    fs::write(&file, "no folder").unwrap();
    for data in [file.join("data"), PathBuf::from("/proc/nothing/data")] {
        let mut command = host.place().command("ebb");
        command.args(["serve", "--cursor-store", "sqlite"]).arg("--socket").arg(host.path().join("other.sock"));
        let output = command.arg("--data-dir").arg(&data).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&data.display().to_string()), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}
