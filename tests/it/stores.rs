//! What holds on every cursor store: ids of strangers (F59), the test of a store, and that memory comes
//! back (F43).

use std::{
    thread,
    time::{Duration, Instant},
};

use ebb_core::ids::CursorId;
use ebb_host::control::{Command, Reply, StoreText};
use serde_json::json;
use support::{Agent, Calls, Kept, Redis, Scene, TestHost, Via, within};

/// What a host may be heavier by once everything is removed.
const REST: u64 = 20 << 20;

fn all() -> [Kept; 3] {
    [Kept::Memory, Kept::Sqlite, Kept::Redis(Redis::start())]
}

#[test]
fn f59_cursors_that_are_none_get_one_constant_answer() {
    // An id that another host gave out, in a store of another kind.
    let elsewhere = TestHost::with(Kept::Sqlite.args());
    let mut foreigner = elsewhere.agent(Via::Socket, "foreigner");
    foreigner.open("about:blank");
    let foreign = foreigner.large("foreigner", 40).cursor().to_owned();
    for kept in all() {
        let mut scene = Scene::with(kept.args());
        let mut agent = scene.agent(Via::Socket, "asker");
        agent.open("about:blank");
        let mine = agent.large("mine", 40).cursor().to_owned();
        let theirs = scene.bystander.client().large("theirs", 40).cursor().to_owned();
        let flipped = {
            let mut flipped = mine.clone().into_bytes();
            flipped[9] = if flipped[9] == b'a' { b'b' } else { b'a' };
            String::from_utf8(flipped).unwrap()
        };
        let mut answers: Vec<String> = [
            CursorId::new().as_str(),
            &theirs,
            &foreign,
            &flipped,
            &mine[..mine.len() - 1],
            &format!("{mine}a"),
            &mine.to_uppercase(),
            "",
            "cur_",
            "../../history.db",
            "cur_' OR '1'='1",
            "cur_\r\nFLUSHALL\r\n",
            "*",
            "ebb:*",
        ]
        .into_iter()
        .map(|id| {
            let answer = agent.call("cursor_read", json!({"cursor": id})).err();
            assert_eq!(answer.code(), "cursor_unknown", "{}: {id:?}: {}", kept.name(), answer.text);
            answer.text
        })
        .collect();
        answers.dedup();
        assert_eq!(answers.len(), 1, "{}: {answers:?}", kept.name());
        agent.ok("cursor_read", json!({"cursor": mine}));
        scene.bystander.assert_untouched(&scene.control);
    }
}

#[test]
fn a_store_can_be_tested_before_it_is_chosen() {
    let host = TestHost::start();
    let control = host.control();
    let mut redis = Redis::start();
    let before = host.files_left();
    let test = |store: &str| control.ask(Command::TestStore { store: StoreText(store.to_owned()) });
    for store in ["memory", "sqlite", &redis.url()] {
        assert_eq!(test(store), Ok(Reply::Done(1)), "{store}");
    }
    let left: Vec<String> = redis.ask("KEYS", &["*"]);
    assert_eq!(left, Vec::<String>::new(), "the test leaves nothing");
    assert_eq!(host.files_left(), before, "here neither");
    redis.freeze();
    let (began, error) = (Instant::now(), test(&redis.url()).unwrap_err());
    assert!(error.message.contains("Redis"), "{}", error.message);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    redis.stop();
    let error = test(&redis.url()).unwrap_err();
    assert!(error.message.contains("nothing listens at the address of Redis"), "{}", error.message);
    let error = test("redis://me:s3cret@host:port").unwrap_err();
    assert!(error.message.contains("the URL of the cursor store is none"), "{}", error.message);
    assert!(!format!("{error:?}{:?}", StoreText("redis://me:s3cret@host".to_owned())).contains("s3cret"));
}

/// `sessions` sessions of sixty results of 1 MB each, as far as a session's budget goes, and all are gone.
fn memory_comes_back(kept: &Kept, sessions: usize) {
    let host = TestHost::with(kept.args());
    let control = host.control();
    let mut stays = host.agent(Via::Socket, "stays");
    stays.open("about:blank");
    // Once before measuring: what the first of everything takes is no leak.
    let mut first = host.agent(Via::Socket, "first");
    first.open("about:blank");
    for n in 0..3 {
        first.large(&format!("first {n}"), 1_000);
    }
    let session = control.session_of("first");
    first.kill();
    within("the first one goes", Instant::now(), Duration::from_secs(5), || {
        if control.reports_of(&session).is_empty() { Err("no report".to_owned()) } else { Ok(()) }
    });
    let base = support::procs::resident(host.pid());

    let mut agents: Vec<Agent> = (0..sessions).map(|n| host.agent(Via::Socket, &format!("heavy {n}"))).collect();
    // All at once: most of such a call is waiting for a quiet page.
    thread::scope(|scope| {
        for agent in &mut agents {
            scope.spawn(move || {
                agent.open("about:blank");
                for n in 0..60 {
                    agent.large(&format!("large {n}"), 1_000);
                }
            });
        }
    });
    let held: u64 = control.snapshot().sessions.iter().map(|session| session.held.cursors).sum();
    assert!(held > sessions as u64 * 59_000_000, "{held} bytes are held");
    let full = support::procs::resident(host.pid());
    if matches!(kept, Kept::Memory) {
        assert!(full > base + (400 << 20), "the results are in memory: {} MB", full >> 20);
    }
    let began = Instant::now();
    for agent in &mut agents {
        agent.kill();
    }
    within(&format!("f43: memory comes back, {}", kept.name()), began, Duration::from_secs(5), || {
        let (now, left) = (support::procs::resident(host.pid()), control.snapshot().sessions.len());
        if left == 1 && now <= base + REST {
            Ok(())
        } else {
            Err(format!("{} MB, {} MB before, {} MB at most, {left} sessions", now >> 20, base >> 20, full >> 20))
        }
    });
}

#[test]
fn f43_memory_comes_back() {
    memory_comes_back(&Kept::Memory, 8);
}

#[test]
fn f43_memory_comes_back_sqlite() {
    memory_comes_back(&Kept::Sqlite, 2);
}

#[test]
fn f43_memory_comes_back_redis() {
    memory_comes_back(&Kept::Redis(Redis::start()), 2);
}
