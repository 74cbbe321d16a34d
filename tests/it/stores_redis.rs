//! A Redis that refuses, freezes, forgets, dawdles or is full (F33 to F37), and hosts that share one.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    time::{Duration, Instant},
};

use ebb_core::{
    cleanup::{Outcome, Step},
    cursors::{CursorStore, Frozen, NewCursor, Span},
    ids::{InstanceId, SessionId},
    ports::TokioClock,
    settings::Settings,
};
use ebb_host::cursors::RedisStore;
use serde_json::json;
use support::{
    Agent, Answer, Calls, Control, HostArgs, Lost, Redis, Relay, SLOW, Scene, TestHost, Via, procs, wait_for, within,
};

/// How long the host may take to see that its store works again, or not.
const SEEN: Duration = Duration::from_secs(15);
/// What the log says when an outage begins.
const OUTAGE: &str = "the cursor store does not work";

fn at(url: &str) -> HostArgs {
    HostArgs { more: vec!["--cursor-store".to_owned(), url.to_owned()], ..HostArgs::default() }
}

/// A result that is too large for a page, whose rest the store does not take.
fn cut(agent: &mut Agent) -> Answer {
    let answer = agent.ok("browser_evaluate", json!({"function": "() => 'line of a large result\\n'.repeat(5000)"}));
    assert!(answer.meta["cursor"].is_null(), "{}", answer.meta);
    assert_eq!(answer.code(), "store_unavailable", "{}", answer.meta);
    let more = answer.must("More");
    assert!(more.contains("- The rest is cut off: the cursor store is not available: "), "{more}");
    assert!(answer.must("Result").contains("line of a large result"), "the page itself is there");
    answer
}

fn problem(control: &Control) -> Option<String> {
    control.snapshot().host.store.problem
}

fn wait_for_problem(control: &Control, words: &str) {
    wait_for(&format!("the problem {words:?} is shown"), SEEN, || match problem(control) {
        Some(problem) if problem.contains(words) => Ok(()),
        seen => Err(format!("{seen:?}")),
    });
}

fn wait_for_recovery(control: &Control) {
    wait_for("the store works again", SEEN, || problem(control).map_or(Ok(()), Err));
}

fn wait_for_no_key(redis: &Redis, session: &str) {
    wait_for("no key is left", SEEN, || match redis.keys_of(session) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

fn wait_for_no_leftover(control: &Control) {
    wait_for("no leftover is left", SEEN, || match control.snapshot().leftovers {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

fn outages(host: &TestHost) -> usize {
    host.log().lines().filter(|line| line.contains(OUTAGE)).count()
}

fn shown(host: &TestHost, words: &[&str]) -> String {
    let output = host.ebb(words).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn f33_redis_is_not_there_at_the_start() {
    let mut redis = Redis::start();
    redis.stop();
    let host = TestHost::with(at(&redis.url()));
    let control = host.control();
    wait_for_problem(&control, "nothing listens at the address of Redis");
    for words in ["status", "doctor"] {
        let said = shown(&host, &[words]);
        assert!(said.contains("does not work: nothing listens at the address of Redis"), "{said}");
    }

    let mut agent = host.agent(Via::Socket, "early");
    agent.open("about:blank");
    cut(&mut agent);
    assert_eq!(agent.ok("cursor_list", json!({})).must("Result"), "No open cursors");
    assert!(control.snapshot().host.store.refused >= 1);

    redis.restart();
    wait_for_recovery(&control);
    let id = agent.large("late", 100).cursor().to_owned();
    agent.ok("cursor_read", json!({"cursor": id}));
    let session = control.session_of("early");
    assert!(!redis.keys_of(&session).is_empty());
    agent.kill();
    wait_for_no_key(&redis, &session);
    assert_eq!(outages(&host), 1, "told once:\n{}", host.log());
}

#[test]
fn f33_a_url_that_is_none_is_refused_with_the_reason() {
    let host = TestHost::start();
    for (url, words) in [
        ("redis://me:s3cret@host:port", "the URL of the cursor store is none"),
        ("rediss://me:s3cret@host", "TLS"),
        ("redis://me:s3cret@host/first", "Invalid database number"),
        ("postgres://me:s3cret@host", "this is no store for cursors"),
    ] {
        let place = host.path().join("other");
        let mut command = host.place().command("ebb");
        command.args(["serve", "--cursor-store", url]);
        command.arg("--socket").arg(place.join("e.sock")).arg("--data-dir").arg(place.join("data"));
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{url}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn f34_redis_answers_nothing_while_a_session_ends() {
    let redis = Redis::start();
    let mut scene = Scene::with(at(&redis.url()));
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    for n in 0..5 {
        agent.large(&format!("victim {n}"), 100);
    }
    let session = scene.control.session_of("victim");
    let parked = redis.keys_of(&session);
    assert_eq!(parked.len(), 5 + 2, "five cursors, their set, its place in the list: {parked:?}");

    redis.freeze();
    let began = agent.kill();
    let (limit, sessions) = (Duration::from_secs(2), [session.clone()]);
    scene.sessions_go(&Lost { what: "f34", began, limit, sessions: &sessions, reason: "client_died", by: None });
    let report = &scene.control.reports_of(&session)[0];
    assert_eq!(report.outcome, Outcome::WithProblems, "{report:?}");
    let step = report.steps.iter().find(|step| step.step == Step::Cursors).expect("the step is there");
    assert_eq!(step.error.as_ref().map(|error| error.code), Some(ebb_core::Code::StoreUnavailable), "{step:?}");
    assert_eq!(step.count, 5, "the cursors themselves are gone: {step:?}");
    assert_eq!(scene.control.snapshot().leftovers.len(), 1, "the keys are left, and shown");
    // A browser needs no Redis, and a call that does ends within its deadline.
    let mut other = scene.agent(Via::Socket, "other");
    other.open("about:blank");
    let asked = Instant::now();
    cut(&mut other);
    assert!(asked.elapsed() < Duration::from_secs(4) * SLOW, "{:?}", asked.elapsed());
    wait_for_problem(&scene.control, "Redis");

    redis.thaw();
    wait_for_no_key(&redis, &session);
    wait_for_no_leftover(&scene.control);
    wait_for_recovery(&scene.control);
    wait_for("the report is completed", SEEN, || {
        let report = scene.control.reports_of(&session).remove(0);
        report.cleared_at.map(|_| ()).ok_or_else(|| format!("{report:?}"))
    });
    scene.bystander.assert_untouched(&scene.control);
    assert_eq!(outages(&scene.host), 1, "told once:\n{}", scene.host.log());
    drop(other);
}

#[test]
fn f34_everything_sent_disappears_while_a_session_ends() {
    let redis = Redis::start();
    let relay = Relay::start(&redis);
    let scene = Scene::with(at(&relay.url()));
    let mut agent = scene.agent(Via::Socket, "victim");
    agent.open("about:blank");
    agent.large("victim", 100);
    let session = scene.control.session_of("victim");

    relay.swallow(true);
    let began = agent.kill();
    let (limit, sessions) = (Duration::from_secs(2), [session.clone()]);
    scene.sessions_go(&Lost { what: "f34 relay", began, limit, sessions: &sessions, reason: "client_died", by: None });
    assert!(!redis.keys_of(&session).is_empty(), "the keys are parked");
    assert_eq!(scene.control.snapshot().leftovers.len(), 1);

    relay.swallow(false);
    wait_for_no_key(&redis, &session);
    wait_for_no_leftover(&scene.control);
    let mut scene = scene;
    wait_for_recovery(&scene.control);
    scene.bystander.assert_untouched(&scene.control);
}

#[test]
fn f35_redis_starts_again_with_its_data() {
    let mut redis = Redis::start();
    let mut scene = Scene::with(at(&redis.url()));
    let mut agent = scene.agent(Via::Socket, "patient");
    agent.open("about:blank");
    let id = agent.large("patient", 100).cursor().to_owned();
    let read = json!({"cursor": id, "offset": 2, "max_tokens": 500});
    let page = agent.ok("cursor_read", read.clone()).text;
    let session = scene.control.session_of("patient");
    let before = redis.keys_of(&session);

    redis.save();
    redis.stop();
    cut(&mut agent);
    assert_eq!(agent.call("cursor_read", read.clone()).err().code(), "store_unavailable");
    redis.restart();
    wait_for_recovery(&scene.control);
    assert_eq!(agent.ok("cursor_read", read).text, page, "it reads as before");
    assert_eq!(redis.keys_of(&session), before, "nothing twice");
    agent.large("again", 100);
    agent.kill();
    wait_for_no_key(&redis, &session);
    wait_for_no_leftover(&scene.control);
    scene.bystander.assert_untouched(&scene.control);
    assert_eq!(outages(&scene.host), 1, "told once:\n{}", scene.host.log());
}

#[test]
fn f35_redis_starts_again_without_its_data() {
    let mut redis = Redis::start();
    let host = TestHost::with(at(&redis.url()));
    let control = host.control();
    let mut agent = host.agent(Via::Socket, "patient");
    agent.open("about:blank");
    let ids: Vec<String> = (0..3).map(|n| agent.large(&format!("patient {n}"), 100).cursor().to_owned()).collect();

    redis.stop();
    redis.forget();
    redis.restart();
    for id in &ids[..2] {
        let answer = agent.call("cursor_read", json!({"cursor": id})).err();
        // The first may meet the connection that broke; what it is told then is true as well.
        let answer = if answer.code() == "store_unavailable" {
            wait_for_recovery(&control);
            agent.call("cursor_read", json!({"cursor": id})).err()
        } else {
            answer
        };
        assert_eq!(answer.code(), "cursor_evicted", "{}", answer.text);
        assert!(answer.text.contains("the store no longer has its content"), "{}", answer.text);
        assert!(answer.text.contains("Call browser_evaluate again"), "{}", answer.text);
        let again = agent.call("cursor_read", json!({"cursor": id})).err();
        assert_eq!(again.text, answer.text, "told the same again");
    }
    assert_eq!(agent.ok("cursor_list", json!({})).must("Result").lines().count(), 1, "only the one not yet read");
    wait_for_recovery(&control);
    let id = agent.large("new", 100).cursor().to_owned();
    agent.ok("cursor_read", json!({"cursor": id}));
    let session = control.session_of("patient");
    agent.kill();
    wait_for_no_key(&redis, &session);
    let report = wait_for("its report", SEEN, || control.reports_of(&session).pop().ok_or_else(String::new));
    assert_eq!(report.outcome, Outcome::Clean, "{report:?}");
    let lost = host.log().lines().filter(|line| line.contains("no longer has the content")).count();
    assert_eq!(lost, 2, "once a cursor:\n{}", host.log());
}

#[test]
fn f36_fifty_sessions_end_while_redis_takes_two_seconds() {
    let redis = Redis::start();
    let relay = Relay::start(&redis);
    let mut scene = Scene::with(at(&relay.url()));
    let mut agents: Vec<Agent> = (0..50).map(|n| scene.agent(Via::Socket, &format!("slow {n}"))).collect();
    let mut sessions = Vec::new();
    for (n, agent) in agents.iter_mut().enumerate() {
        agent.open("about:blank");
        agent.large(&format!("slow {n}"), 40);
        // Fifty pages that end at once are another case; here Redis is the slow one.
        agent.ok("browser_close", json!({}));
        sessions.push(scene.control.session_of(&format!("slow {n}")));
    }
    relay.delay(Duration::from_secs(2));
    let began = Instant::now();
    let pids: Vec<u32> = agents.iter().map(Agent::pid).collect();
    pids.into_iter().for_each(procs::kill);
    let limit = Duration::from_secs(10);
    scene.sessions_go(&Lost { what: "f36", began, limit, sessions: &sessions, reason: "client_died", by: None });
    for session in &sessions {
        let report = &scene.control.reports_of(session)[0];
        let step = report.steps.iter().find(|step| step.step == Step::Cursors).expect("the step is there");
        assert!(step.ms < 1_500.0 * f64::from(SLOW), "it waited for others: {step:?}");
    }
    within("f36: keys", began, limit, || match redis.keys() {
        left if sessions.iter().all(|session| !left.iter().any(|key| key.contains(session))) => Ok(()),
        left => Err(format!("{} keys", left.len())),
    });
    relay.delay(Duration::ZERO);
    wait_for_no_leftover(&scene.control);
    scene.bystander.assert_untouched(&scene.control);
    drop(agents);
}

/// Thirty large results while Redis refuses; one line in the log, one problem, and none once it does not.
fn refused(scene: &Scene, agent: &mut Agent, words: &str, outage: usize) {
    for _ in 0..30 {
        let answer = cut(agent);
        assert!(answer.must("More").contains(words), "{}", answer.must("More"));
    }
    wait_for_problem(&scene.control, words);
    assert!(shown(&scene.host, &["status"]).contains(words));
    assert_eq!(outages(&scene.host), outage, "told once an outage:\n{}", scene.host.log());
}

#[test]
fn f37_redis_refuses_writes() {
    let redis = Redis::start();
    let scene = Scene::with(at(&redis.url()));
    let mut agent = scene.agent(Via::Socket, "writer");
    agent.open("about:blank");
    let id = agent.large("before", 100).cursor().to_owned();

    redis.command("CONFIG", &["SET", "maxmemory", "1"]);
    refused(&scene, &mut agent, "Redis is out of memory", 1);
    agent.ok("cursor_read", json!({"cursor": id}));
    redis.command("CONFIG", &["SET", "maxmemory", "0"]);
    wait_for_recovery(&scene.control);
    agent.large("between", 100);

    redis.command("REPLICAOF", &["127.0.0.1", "1"]);
    refused(&scene, &mut agent, "Redis is read-only: it is a replica", 2);
    redis.command("REPLICAOF", &["NO", "ONE"]);
    wait_for_recovery(&scene.control);
    agent.large("after", 100);

    // Somebody who holds the only place that is left.
    let mut holder = UnixStream::connect(redis.socket()).unwrap();
    let mut say = |words: &str| {
        holder.write_all(format!("{words}\r\n").as_bytes()).unwrap();
        let mut answer = [0; 64];
        let count = holder.read(&mut answer).unwrap();
        assert!(answer[0] == b'+' || answer[0] == b':', "{}", String::from_utf8_lossy(&answer[..count]));
    };
    say("CONFIG SET maxclients 1");
    say("CLIENT KILL TYPE normal SKIPME yes");
    refused(&scene, &mut agent, "its maximum of clients", 3);
    say("CONFIG SET maxclients 100");
    wait_for_recovery(&scene.control);
    let session = scene.control.session_of("writer");
    agent.kill();
    wait_for_no_key(&redis, &session);
    wait_for_no_leftover(&scene.control);
    let mut scene = scene;
    scene.bystander.assert_untouched(&scene.control);
}

#[test]
fn f37_redis_wants_a_password() {
    const PASSWORD: &str = "s3cret-of-redis";
    let redis = Redis::with(&["--requirepass", PASSWORD]);
    let without = redis.url();
    let (right, wrong) = (format!("{without}?pass={PASSWORD}"), format!("{without}?pass=no-{PASSWORD}"));
    for (url, words) in
        [(&without, "Redis wants a password"), (&wrong, "Redis refuses the user name or password"), (&right, "")]
    {
        let host = TestHost::with(at(url));
        let control = host.control();
        let mut agent = host.agent(Via::Socket, "guest");
        agent.open("about:blank");
        if words.is_empty() {
            agent.large("welcome", 100);
        } else {
            wait_for_problem(&control, words);
            for _ in 0..10 {
                let answer = cut(&mut agent);
                assert!(answer.must("More").contains(words), "{}", answer.must("More"));
            }
            assert_eq!(outages(&host), 1, "told once:\n{}", host.log());
        }
        let snapshot = serde_json::to_string(&control.snapshot()).unwrap();
        for said in [host.log(), shown(&host, &["status"]), shown(&host, &["doctor"]), snapshot] {
            assert!(!said.contains(PASSWORD), "{said}");
        }
    }
}

#[test]
fn keys_of_a_killed_host_go_at_its_next_start_and_nobody_elses() {
    let redis = Redis::start();
    let mut host = TestHost::with(at(&redis.url()));
    let other = TestHost::with(at(&redis.url()));
    let mut neighbour = other.agent(Via::Socket, "neighbour");
    neighbour.open("about:blank");
    let kept = neighbour.large("neighbour", 100).cursor().to_owned();
    let mut agent = host.agent(Via::Socket, "lost");
    agent.open("about:blank");
    for n in 0..3 {
        agent.large(&format!("lost {n}"), 100);
    }
    let session = host.control().session_of("lost");
    host.kill();
    assert_eq!(redis.keys_of(&session).len(), 3 + 2, "a killed host removes nothing");
    host.restart();
    wait_for_no_key(&redis, &session);
    neighbour.ok("cursor_read", json!({"cursor": kept}));
    drop((agent, neighbour, other, host));
    assert_eq!(redis.keys(), std::collections::BTreeSet::new());
    let all: Vec<String> = redis.ask("KEYS", &["*"]);
    assert_eq!(all, Vec::<String>::new(), "hosts that end in order leave no sign of life");
}

/// The next start is no better moment than any other: Redis may not answer just then.
#[test]
fn keys_of_a_killed_host_go_as_soon_as_redis_answers() {
    let redis = Redis::start();
    let mut host = TestHost::with(at(&redis.url()));
    let mut agent = host.agent(Via::Socket, "lost");
    agent.open("about:blank");
    agent.large("lost", 100);
    let session = host.control().session_of("lost");
    host.kill();
    assert!(!redis.keys_of(&session).is_empty(), "a killed host removes nothing");
    redis.freeze();
    host.restart();
    wait_for_problem(&host.control(), "Redis");
    redis.thaw();
    wait_for_no_key(&redis, &session);
    wait_for_recovery(&host.control());
    assert!(host.control().snapshot().sessions.is_empty(), "and no client was needed for it");
}

#[test]
fn keys_of_a_host_that_never_comes_back_go_with_its_lease() {
    const LEASE: Duration = Duration::from_secs(1);
    let redis = Redis::start();
    let settings = Settings::default().cursors;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let make = || {
            let clock = Arc::new(TokioClock::start());
            Arc::new(RedisStore::with_lease(settings.clone(), clock, &redis.url(), &InstanceId::new(), LEASE).unwrap())
        };
        let (dead, alive, tidy) = (make(), make(), make());
        let (lost, kept) = (SessionId::new(), SessionId::new());
        let gate = tokio_util::sync::CancellationToken::new();
        let new = || NewCursor { frozen: Frozen::text("t", "", "x".repeat(1_000)).unwrap(), read: Span::default() };
        dead.create(&lost, &gate, new()).await.unwrap();
        let id = alive.create(&kept, &gate, new()).await.unwrap().id;
        let signs = tokio::spawn({
            let alive = Arc::clone(&alive);
            async move {
                loop {
                    alive.health().await.unwrap();
                    tokio::time::sleep(LEASE / 4).await;
                }
            }
        });
        let gone = async {
            while !redis.keys_of(lost.as_str()).is_empty() {
                tidy.health().await.unwrap();
                tokio::time::sleep(LEASE / 10).await;
            }
        };
        tokio::time::timeout(SEEN, gone).await.expect("the keys of the dead one go");
        assert_eq!(
            alive.read(&kept, &id, 0..10).await.unwrap().as_str(),
            "xxxxxxxxxx",
            "who gives signs keeps its keys"
        );
        signs.abort();
        alive.invalidate_session(&kept).await.unwrap();
    });
}

#[test]
fn census_finds_keys_that_nobody_owns() {
    let redis = Redis::start();
    let mut scene = Scene::with(at(&redis.url()));
    let keys = redis.keys();
    let prefix = keys.iter().find_map(|key| key.split_once("}:")).expect("the bystander has keys").0;
    let stray = SessionId::new();
    let key = format!("{prefix}}}:c:{stray}:77");
    redis.command("SET", &[&key, "left behind"]);
    redis.command("SADD", &[&format!("{prefix}}}:s:{stray}"), "77"]);
    let mut agent = scene.agent(Via::Socket, "short");
    agent.open("about:blank");
    // A removal has the census come at once.
    agent.kill();
    wait_for_no_key(&redis, stray.as_str());
    wait_for_no_leftover(&scene.control);
    scene.bystander.assert_untouched(&scene.control);
    assert!(scene.host.log().contains("nobody owns"), "it was told");
}
