//! The census: what is there for nobody is found, shown and removed.

use std::{
    os::unix::fs::DirBuilderExt,
    process::Stdio,
    time::{Duration, Instant},
};

use ebb_core::cleanup::LeftoverKind;
use support::{Calls, Scene, Site, TestHost, Via, procs, wait_for, within};

/// A folder and a process that say they belong to this host, and that nothing of it owns.
#[test]
fn census_finds_a_folder_and_what_runs_in_it() {
    let scene = Scene::new();
    let runs = scene.host.data().join("run");
    let mut owner = std::fs::read_dir(&runs).unwrap().flatten().map(|entry| entry.path().join("owner.json"));
    let marker = owner.find_map(|path| std::fs::read(path).ok()).expect("the browser's folder is marked");
    let stray = runs.join("b-stray");
    std::fs::DirBuilder::new().mode(0o700).create(&stray).unwrap();
    std::fs::write(stray.join("owner.json"), marker).unwrap();
    let mut process = std::process::Command::new("sleep")
        .arg("600")
        .env("EBB_RUN_DIR", &stray)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();

    // A removal has the census come at once.
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    let began = Instant::now();
    agent.kill();
    within("census: the stray is gone", began, Duration::from_secs(6), || {
        if stray.exists() { Err("the folder is there".to_owned()) } else { Ok(()) }
    });
    let status = wait_for("its process is gone", Duration::from_secs(5), || match process.try_wait() {
        Ok(Some(status)) => Ok(status),
        seen => Err(format!("{seen:?}")),
    });
    assert!(status.code().is_none(), "it was killed");
    wait_for("nothing is left", Duration::from_secs(5), || {
        let (shown, rows) = (scene.control.snapshot().leftovers, scene.rows.leftovers());
        if shown.is_empty() && rows == 0 { Ok(()) } else { Err(format!("{shown:?}, {rows} rows")) }
    });
    assert!(scene.host.log().contains("the census found something that nobody owns"), "it was told");
    let mut scene = scene;
    scene.bystander.assert_untouched(&scene.control);
}

/// A folder that cannot be removed is a leftover that stands in the window until it can.
#[test]
fn census_shows_what_cannot_be_removed() {
    let scene = Scene::new();
    let runs = scene.host.data().join("run");
    let stray = runs.join("b-stuck");
    // A mount point cannot be removed, whoever asks.
    std::fs::DirBuilder::new().mode(0o700).create(&stray).unwrap();
    let mounted = support::Mount::tmpfs(&stray, "64k");
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    agent.kill();
    let leftover = wait_for("it is shown", Duration::from_secs(20), || {
        let left = scene.control.snapshot().leftovers;
        left.into_iter().find(|left| left.attempts > 0).ok_or_else(|| "nothing is shown".to_owned())
    });
    assert_eq!((leftover.kind, leftover.session), (LeftoverKind::Unaccounted, None));
    assert!(leftover.what.contains("b-stuck"), "{}", leftover.what);
    wait_for("it is written down", Duration::from_secs(5), || match scene.rows.leftovers() {
        1 => Ok(()),
        seen => Err(format!("{seen} rows")),
    });
    drop(mounted);
    wait_for("it is gone once it can be", Duration::from_secs(70), || {
        let left = scene.control.snapshot().leftovers;
        if left.is_empty() && scene.rows.leftovers() == 0 && !stray.exists() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    });
    assert_eq!(procs::names(&runs).len(), 1, "only the bystander's browser has a folder");
}

/// The guardian does not answer, so a call is still making the folder for its file when its client dies: no
/// removal can know of it, and no session is left that would have a census come.
#[test]
fn census_comes_for_a_folder_that_was_made_too_late() {
    let host = TestHost::start();
    let site = Site::start();
    let mut agent = host.agent(Via::Socket, "late");
    agent.open(&site.url("/ok"));
    let guardian = host.guardians().first().map(|guardian| guardian.pid).expect("the host has a guardian");
    procs::freeze(guardian);
    agent.send("browser_evaluate", serde_json::json!({"function": "() => console.error('for the file')"}));
    wait_for("the folder is being made", Duration::from_secs(10), || {
        let there = std::fs::read_dir(host.data().join("run")).unwrap().flatten();
        let ours = there.filter(|entry| entry.file_name().to_string_lossy().starts_with("f-")).count();
        if ours > 0 { Ok(()) } else { Err("it is not there".to_owned()) }
    });
    agent.kill();
    let began = Instant::now();
    within("census: a late folder is gone", began, Duration::from_secs(20), || {
        let (snapshot, files) = (host.control().snapshot(), host.files_left());
        if snapshot.sessions.is_empty() && snapshot.leftovers.is_empty() && files.is_empty() {
            Ok(())
        } else {
            Err(format!("{} sessions, {:?}, {files:?}", snapshot.sessions.len(), snapshot.leftovers))
        }
    });
}
