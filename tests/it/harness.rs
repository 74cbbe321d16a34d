//! What the other tests rely on: that strays are seen, that waits say what they saw, that the site notices aborts.

use std::{
    io::Write,
    net::TcpStream,
    os::unix::process::CommandExt,
    panic::catch_unwind,
    process::{Command, Stdio},
    time::Duration,
};

use support::{Baseline, Calls, Place, Scene, Site, Via, holds_for, ms, procs, wait_for};

#[test]
fn strays_are_seen_by_mark_by_parent_and_by_group() {
    let place = Place::new();
    assert_eq!(place.processes(), Vec::new());
    // A leader with the mark, and a child of it that has dropped the mark, its parent and everything but its group.
    let script = "env -i sleep 60 & exec env -i sh -c 'exit 0'";
    let mut leader = Command::new("sh");
    leader.args(["-c", script]).env("EBB_TEST", place.marker()).process_group(0);
    let mut marked = Command::new("sleep");
    marked.arg("60").env("EBB_TEST", place.marker()).process_group(0).stdin(Stdio::null());
    let mut marked = marked.spawn().unwrap();
    leader.process_group(i32::try_from(marked.id()).unwrap());
    assert!(leader.status().unwrap().success());
    let found = wait_for("both strays are seen", Duration::from_secs(5), || {
        let found = place.processes();
        let sleeps = found.iter().filter(|process| process.command == "sleep 60").count();
        if sleeps == 2 { Ok(found) } else { Err(procs::brief(&found)) }
    });
    for process in &found {
        procs::kill(process.pid);
    }
    marked.wait().unwrap();
    wait_for("and seen to be gone", Duration::from_secs(5), || match place.processes() {
        left if left.is_empty() => Ok(()),
        left => Err(procs::brief(&left)),
    });
}

#[test]
fn a_place_with_a_stray_fails_its_test() {
    let failed = catch_unwind(|| {
        let place = Place::impatient();
        let mut stray = Command::new("sleep");
        let stray = stray.arg("60").env("EBB_TEST", place.marker()).process_group(0).spawn().unwrap();
        drop(place);
        stray
    });
    assert!(failed.is_err(), "the stray went unnoticed");
}

#[test]
fn waits_say_what_they_saw_last() {
    let told = catch_unwind(|| wait_for::<()>("the moon", ms(20), || Err("only clouds".to_owned()))).unwrap_err();
    let told = told.downcast_ref::<String>().expect("a message");
    assert!(told.starts_with("the moon: not within 20ms; last seen: only clouds"), "{told}");
    let mut looks = 0;
    let broken = catch_unwind(std::panic::AssertUnwindSafe(|| {
        holds_for("calm", Duration::from_secs(5), || {
            looks += 1;
            if looks < 3 { Ok(()) } else { Err("a wave".to_owned()) }
        });
    }));
    assert!(broken.is_err());
}

#[test]
fn the_site_notices_who_gave_up() {
    let site = Site::start();
    let port: u16 = site.url("").rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let state = |hanging: usize, aborted: usize| {
        wait_for("the site's count", Duration::from_secs(5), || match (site.hanging(), site.aborted()) {
            seen if seen == (hanging, aborted) => Ok(()),
            seen => Err(format!("{seen:?}")),
        });
    };
    state(1, 0);
    drop(stream);
    state(0, 1);
}

/// The four asserts after a fault would see a page, a file and descriptors that stay.
#[test]
fn what_stays_is_seen() {
    let mut scene = Scene::new();
    let mut agent = scene.agent(Via::Socket, "stays");
    agent.open(&scene.site.url("/ok"));
    assert!(scene.more_processes().iter().any(|process| process.kind() == "renderer"));
    assert!(scene.more_processes().iter().any(|process| process.pid == agent.pid()));
    let clients: Vec<_> = (0..5).map(|n| scene.host.client(&format!("held {n}"))).collect();
    wait_for("their descriptors are seen", Duration::from_secs(5), || {
        let (now, before) = (Baseline::of(&scene.host).descriptors.len(), scene.base.descriptors.len());
        if now > before + 3 { Ok(()) } else { Err(format!("{now}, {before} before")) }
    });
    std::fs::write(scene.host.path().join("tmp/stray"), "").unwrap();
    assert!(Baseline::of(&scene.host).files.len() > scene.base.files.len());
    std::fs::remove_file(scene.host.path().join("tmp/stray")).unwrap();
    drop(clients);
    agent.kill();
    scene.settled("what stayed");
    scene.bystander.assert_untouched(&scene.control);
}
