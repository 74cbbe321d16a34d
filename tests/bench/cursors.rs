//! Cursor stores beside the plain containers they are made of: create, read, remove, sweep, many at once.

use std::{
    collections::HashMap,
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ebb_core::{
    cursors::{CursorFreed, CursorStore, Frozen, MemoryStore, NewCursor, Span},
    ids::{CursorId, InstanceId, SessionId},
    ports::{Clock, TokioClock},
    settings::{CursorSettings, Settings},
};
use ebb_host::cursors::{RedisStore, SqliteStore};
use rusqlite::{Connection, params};
use support::{Calls, Client, Redis, Site, TestHost, procs, wait_for};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::{
    report::{Report, Unit},
    timing::Times,
};

/// Bytes of a payload.
const PAYLOAD: usize = 100 * 1024;

/// Bytes of a page: 8,000 tokens.
const PAGE: u32 = 32_000;

/// Cursors of one session.
const CURSORS: usize = 100;

/// Sessions that are filled and removed.
const SESSIONS: usize = 20;

/// Cursors that a sweep finds alive.
const LIVE: usize = 10_000;

/// Creators at once, and what each makes.
const CREATORS: usize = 64;
const EACH: usize = 20;

/// What one kind of store shall need at most, in milliseconds.
struct Goals {
    create: f64,
    read: f64,
    remove: f64,
}

/// The same operations on the thing itself.
trait Floor {
    fn create(&mut self, session: u64, id: u64, payload: String);
    fn read(&mut self, id: u64) -> usize;
    fn remove(&mut self, session: u64);
}

pub(crate) fn measure(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let memory = || -> Arc<dyn CursorStore> { Arc::new(MemoryStore::new(settings(), Arc::clone(&clock))) };
    let goals = Goals { create: 0.02, read: 0.01, remove: 0.1 };
    store(report, &runtime, &memory(), &mut Map::default(), &goals);

    let folder = tempfile::tempdir().expect("a folder");
    let instance = InstanceId::new();
    let sqlite = SqliteStore::new(settings(), Arc::clone(&clock), folder.path().join("run"), &instance);
    let sqlite: Arc<dyn CursorStore> = Arc::new(sqlite.expect("a store in files"));
    let goals = Goals { create: 0.3, read: 0.1, remove: 5.0 };
    store(report, &runtime, &sqlite, &mut Sqlite::new(folder.path()), &goals);
    drop(sqlite);

    let server = Redis::start();
    let redis = RedisStore::new(settings(), clock, &server.url(), &instance).expect("a store in Redis");
    let redis: Arc<dyn CursorStore> = Arc::new(redis);
    let goals = Goals { create: 0.3, read: 0.2, remove: 1.0 };
    store(report, &runtime, &redis, &mut Server::new(&server), &goals);
    drop(redis);
    given_back(report);
}

/// The caps are another test's subject.
fn settings() -> CursorSettings {
    let unlimited = u64::from(u32::MAX) * 16;
    CursorSettings {
        max_per_session: LIVE,
        max_session_bytes: unlimited,
        max_total_bytes: unlimited,
        ..Settings::default().cursors
    }
}

fn payload(bytes: usize) -> String {
    let line = "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut text = line.repeat(bytes / (line.len() + 1) + 1);
    text.truncate(bytes);
    text
}

fn new(text: &str) -> NewCursor {
    let frozen = Frozen::text("browser_snapshot", "", text.to_owned()).expect("it is small");
    NewCursor { frozen, read: Span::default() }
}

fn store(report: &mut Report, runtime: &Runtime, store: &Arc<dyn CursorStore>, floor: &mut dyn Floor, goals: &Goals) {
    let kind = store.kind();
    let text = payload(PAYLOAD);
    let gate = CancellationToken::new();
    let (mut create, mut read, mut remove) = (Times::default(), Times::default(), Times::default());
    let (mut late, mut plain) = (Times::default(), [Times::default(), Times::default(), Times::default()]);
    let mut exact = true;
    for round in 0..SESSIONS as u64 {
        let session = SessionId::new();
        let mut ids: Vec<CursorId> = Vec::new();
        let mut bytes = 0;
        for n in 0..CURSORS as u64 {
            let made = new(&text);
            let made =
                create.time(|| runtime.block_on(store.create(&session, &gate, made))).expect("it takes one more");
            bytes += made.bytes;
            ids.push(made.id);
            let copy = text.clone();
            plain[0].time(|| floor.create(round, round * 1_000 + n, copy));
        }
        exact &= store.usage_now(Some(&session)) == CursorFreed { count: CURSORS as u32, bytes };
        for (n, id) in ids.iter().enumerate() {
            let from = n as u32 * 500;
            let page = read.time(|| runtime.block_on(store.read(&session, id, from..from + PAGE)));
            assert!(page.expect("it can be read").as_str().len() == PAGE as usize);
            plain[1].time(|| floor.read(round * 1_000 + n as u64));
        }
        // The page after fifty others costs what the first did.
        for page in 0..51 {
            let began = Instant::now();
            runtime.block_on(store.read(&session, &ids[0], page..page + PAGE)).expect("it can be read");
            if page == 50 {
                late.push(began.elapsed());
            }
        }
        let freed = remove.time(|| runtime.block_on(store.invalidate_session(&session))).expect("it goes");
        exact &= freed == CursorFreed { count: CURSORS as u32, bytes };
        plain[2].time(|| floor.remove(round));
    }
    let [floor_create, floor_read, floor_remove] = plain.map(|times| times.p50());
    let of = |what: &str| format!("{kind} cursors: {what}, p50");
    report.row(of("create, 100 KB"), Unit::Ms, create.p50()).goal(goals.create).floor(floor_create);
    report.row(of("read a page, 32 KB"), Unit::Ms, read.p50()).goal(goals.read).floor(floor_read);
    report.row(of("read the 51st page"), Unit::Ms, late.p50()).goal(goals.read);
    report.row(of("remove a session of 100"), Unit::Ms, remove.p50()).goal(goals.remove).floor(floor_remove);
    report
        .row(
            format!("{kind} cursors: bytes told beside bytes held, off by"),
            Unit::Percent,
            if exact { 0.0 } else { 100.0 },
        )
        .goal(0.0);
    sweep(report, runtime, store);
    at_once(report, runtime, store);
}

fn sweep(report: &mut Report, runtime: &Runtime, store: &Arc<dyn CursorStore>) {
    let text = payload(1_024);
    let gate = CancellationToken::new();
    let sessions: Vec<SessionId> = (0..LIVE / CURSORS).map(|_| SessionId::new()).collect();
    for session in &sessions {
        for _ in 0..CURSORS {
            runtime.block_on(store.create(session, &gate, new(&text))).expect("it takes one more");
        }
    }
    let mut times = Times::default();
    for _ in 0..50 {
        let swept = times.time(|| runtime.block_on(store.sweep())).expect("it sweeps");
        assert_eq!(swept, CursorFreed::default(), "nothing has expired");
    }
    let what = format!("{} cursors: idle sweep of 10,000 live ones, p50", store.kind());
    report.row(what, Unit::Ms, times.p50()).goal(1.0);
    for session in &sessions {
        runtime.block_on(store.invalidate_session(session)).expect("it goes");
    }
}

fn at_once(report: &mut Report, runtime: &Runtime, store: &Arc<dyn CursorStore>) {
    let began = Instant::now();
    let creators: Vec<_> = (0..CREATORS)
        .map(|_| {
            let store = Arc::clone(store);
            runtime.spawn(async move {
                let (session, gate, text) = (SessionId::new(), CancellationToken::new(), payload(PAYLOAD));
                let mut failed = 0;
                for _ in 0..EACH {
                    failed += usize::from(store.create(&session, &gate, new(&text)).await.is_err());
                }
                store.invalidate_session(&session).await.expect("it goes");
                failed
            })
        })
        .collect();
    let failed: usize = creators.into_iter().map(|creator| runtime.block_on(creator).expect("no creator panics")).sum();
    let each = began.elapsed().as_secs_f64() * 1e3 / (CREATORS * EACH) as f64;
    let kind = store.kind();
    report.row(format!("{kind} cursors: 64 creators at once, failures"), Unit::Count, failed as f64).goal(0.0);
    report.row(format!("{kind} cursors: 64 creators at once, a cursor made and removed"), Unit::Ms, each);
}

/// A plain map, for the memory store.
#[derive(Default)]
struct Map(HashMap<u64, HashMap<u64, String>>);

impl Floor for Map {
    fn create(&mut self, session: u64, id: u64, payload: String) {
        self.0.entry(session).or_default().insert(id, payload);
    }

    fn read(&mut self, id: u64) -> usize {
        let payload = &self.0[&(id / 1_000)][&id];
        black_box(&payload[..PAGE as usize]).len()
    }

    fn remove(&mut self, session: u64) {
        drop(self.0.remove(&session));
    }
}

/// A table in a file, for the SQLite store: as little care for the disk as a throw-away file needs.
struct Sqlite(Connection);

impl Sqlite {
    fn new(folder: &Path) -> Self {
        let database = Connection::open(folder.join("floor.db")).expect("a file");
        let set_up = "pragma journal_mode = off; pragma synchronous = off;
            create table cursors (id integer primary key, session integer, payload blob);
            create index of_session on cursors (session);";
        database.execute_batch(set_up).expect("SQL");
        Self(database)
    }
}

impl Floor for Sqlite {
    fn create(&mut self, session: u64, id: u64, payload: String) {
        let mut insert = self.0.prepare_cached("insert into cursors values (?1, ?2, ?3)").expect("SQL");
        insert.execute(params![id as i64, session as i64, payload.as_bytes()]).expect("a row");
    }

    fn read(&mut self, id: u64) -> usize {
        let select = "select substr(payload, 1, ?2) from cursors where id = ?1";
        let mut select = self.0.prepare_cached(select).expect("SQL");
        let page: Vec<u8> = select.query_row(params![id as i64, PAGE], |row| row.get(0)).expect("a page");
        page.len()
    }

    fn remove(&mut self, session: u64) {
        self.0.execute("delete from cursors where session = ?1", [session as i64]).expect("it goes");
    }
}

/// Plain keys in a server, for the Redis store.
struct Server(redis::Connection);

impl Server {
    fn new(server: &Redis) -> Self {
        let client = redis::Client::open(server.url()).expect("a URL");
        Self(client.get_connection().expect("it listens"))
    }
}

impl Floor for Server {
    fn create(&mut self, _: u64, id: u64, payload: String) {
        redis::cmd("SET").arg(id).arg(payload).exec(&mut self.0).expect("it takes a key");
    }

    fn read(&mut self, id: u64) -> usize {
        let page = redis::cmd("GETRANGE").arg(id).arg(0).arg(PAGE - 1).query::<Vec<u8>>(&mut self.0);
        page.expect("it has the key").len()
    }

    fn remove(&mut self, session: u64) {
        let keys: Vec<u64> = (0..CURSORS as u64).map(|n| session * 1_000 + n).collect();
        redis::cmd("UNLINK").arg(keys).exec(&mut self.0).expect("they go");
    }
}

/// What a host holds after it held 240 MB of cursors.
fn given_back(report: &mut Report) {
    const CLIENTS: usize = 4;
    const MEGABYTES: usize = 60;
    let host = TestHost::start();
    let site = Site::start();
    let held = || procs::pss(host.pid()).expect("the system says it") as f64 / 1024.0 / 1024.0;
    let mut stays = host.client("stays");
    stays.open(&site.url("/ok"));
    stays.large("stays", 1_000);
    let before = held();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|n| host.client(&format!("fills {n}"))).collect();
    for client in &mut clients {
        client.open(&site.url("/ok"));
        for _ in 0..MEGABYTES {
            client.large("fills", 1_000);
        }
    }
    let full = held();
    drop(clients);
    let control = host.control();
    wait_for("the sessions end", Duration::from_secs(20), || match control.snapshot().sessions.len() {
        1 => Ok(()),
        more => Err(format!("{more} sessions")),
    });
    // It is given back a moment after the last of them.
    let mut least = f64::MAX;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        least = least.min(held());
        std::thread::sleep(Duration::from_millis(100));
    }
    report.row("host before 240 MB of cursors", Unit::Mb, before);
    report.row("host with 240 MB of cursors", Unit::Mb, full);
    report.row("host 5 s after they are removed", Unit::Mb, least).goal((before * 1.1).ceil());
}
