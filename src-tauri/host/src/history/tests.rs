//! The history as a whole: faults of the file, restarts, paging.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use ebb_core::{
    cleanup::{CleanupReport, Leftover, LeftoverKind, Outcome, Reason, Step, StepOutcome, StepReport},
    ids::{InstanceId, LeftoverId, SessionId},
    ports::{HistoryPort, OpenSession},
    settings::Settings,
    view::{ClientView, ProcessView},
};
use rusqlite::Connection;
use time::OffsetDateTime;

use super::History;
use crate::control::HistoryQuery;

/// Tests may end with any error.
pub(super) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A clean report of a client with this name.
pub(crate) fn report(client: &str) -> CleanupReport {
    let now = OffsetDateTime::now_utc();
    let mut report = CleanupReport::not_found(SessionId::new(), Reason::Disconnected, now);
    report.outcome = Outcome::Clean;
    report.client.name = client.to_owned();
    report.ms = 40.0;
    report.freed.held_before = 1_000;
    report.steps = Step::ALL.map(|step| StepReport { outcome: StepOutcome::Done, ..StepReport::skipped(step) }).into();
    report
}

#[tokio::test]
async fn clearing_removes_what_is_there_and_nothing_that_comes() -> Result {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("history.db");
    let history = History::open(&file, &InstanceId::new(), Settings::default().history);
    let open = open_session("goes on");
    history.opened(open.clone());
    for _ in 0..3 {
        history.closed(&report("Cursor"));
    }
    assert_eq!(history.clear().await?, 3);
    assert_eq!(history.query(&HistoryQuery::default()).await?.totals.count, 0);
    history.closed(&report("Codex"));
    let page = history.query(&HistoryQuery::default()).await?;
    assert_eq!(page.reports.iter().map(|report| report.client.name.as_str()).collect::<Vec<_>>(), ["Codex"]);
    assert!(history.flush().await);
    drop(history);
    // Neither the file nor the next host has them, and the open session is still known.
    let next = History::open(&file, &InstanceId::new(), Settings::default().history);
    assert_eq!(next.query(&HistoryQuery::default()).await?.totals.count, 1);
    let open_rows: u32 =
        Connection::open(&file)?.query_row("SELECT count(*) FROM open_sessions", [], |row| row.get(0))?;
    assert_eq!(open_rows, 1);
    Ok(())
}

fn open_session(name: &str) -> OpenSession {
    let process = ProcessView { pid: 42, name: "node".to_owned(), exe: None, cwd: None };
    let client = ClientView { name: "Cursor".to_owned(), process: Some(process), ..ClientView::unknown() };
    OpenSession {
        session: SessionId::new(),
        name: Some(name.to_owned()),
        client,
        opened_at: OffsetDateTime::UNIX_EPOCH,
    }
}

fn leftover(session: &SessionId) -> Leftover {
    Leftover {
        id: LeftoverId::new(),
        kind: LeftoverKind::Browser,
        what: "context 7".to_owned(),
        session: Some(session.clone()),
        since: OffsetDateTime::now_utc(),
        attempts: 1,
        last_error: "no answer".to_owned(),
    }
}

/// What happens to the bytes of a file.
type Damage = fn(&mut Vec<u8>);

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("history.db")
    }

    fn open(&self) -> History {
        History::open(&self.path(), &InstanceId::new(), Settings::default().history)
    }

    fn aside(&self) -> Result<Vec<PathBuf>> {
        let names = fs::read_dir(self.folder.path())?.map(|entry| entry.map(|entry| entry.path()));
        let mut names: Vec<PathBuf> = names.collect::<std::io::Result<_>>()?;
        names.retain(|path| path.to_string_lossy().contains(".corrupt-"));
        Ok(names)
    }
}

fn count(path: &Path, table: &str) -> Result<i64> {
    Ok(Connection::open(path)?.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?)
}

#[tokio::test]
async fn a_report_survives_a_restart_and_the_file_is_ours_alone() -> Result {
    let home = Home::new()?;
    let history = home.open();
    assert_eq!(history.problem(), None);
    let report = report("Cursor");
    history.closed(&report);
    assert_eq!(history.query(&HistoryQuery::default()).await?.reports, std::slice::from_ref(&report), "seen at once");
    assert!(history.flush().await);
    for suffix in ["", "-wal", "-shm"] {
        let path = home.folder.path().join(format!("history.db{suffix}"));
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    drop(history);
    let history = home.open();
    assert_eq!(history.recent(20), std::slice::from_ref(&report));
    assert_eq!(history.report(report.session.as_str()).await?, Some(report.clone()));
    assert_eq!(history.report(report.id.as_str()).await?, Some(report));
    assert_eq!(history.report("rep_unknown").await?, None);
    Ok(())
}

#[tokio::test]
async fn the_same_report_twice_is_one_row_and_unknown_sessions_are_none() -> Result {
    let home = Home::new()?;
    let history = home.open();
    let report = report("Cursor");
    history.closed(&report);
    history.closed(&report);
    history.closed(&CleanupReport::not_found(SessionId::new(), Reason::Deleted, OffsetDateTime::now_utc()));
    assert!(history.flush().await);
    assert_eq!(count(&home.path(), "reports")?, 1);
    assert_eq!(history.recent(9).len(), 1);
    Ok(())
}

#[tokio::test]
async fn pages_follow_by_key_and_totals_cover_all_of_them() -> Result {
    let home = Home::new()?;
    let history = home.open();
    for number in 0..120_u32 {
        let mut report = report(if number % 2 == 0 { "Cursor" } else { "50%_off\\" });
        report.ms = f64::from(number);
        // The wall clock goes backwards: the order of arrival stays.
        report.began_at -= time::Duration::minutes(i64::from(number));
        if number % 3 == 0 {
            report.outcome = Outcome::WithProblems;
        }
        history.closed(&report);
    }
    let mut query = HistoryQuery::default();
    let mut seen = Vec::new();
    loop {
        let page = history.query(&query).await?;
        assert_eq!(
            (page.totals.count, page.totals.clean, page.totals.median_ms, page.totals.freed),
            (120, 80, Some(59.5), 120_000)
        );
        seen.extend(page.reports.iter().map(|report| report.ms));
        query.before = page.reports.last().map(|report| report.id.clone());
        // A newcomer between two pages moves nothing.
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (0..120).rev().map(f64::from).collect::<Vec<_>>());

    let filter = |text: &str, outcome: Option<&str>| HistoryQuery {
        text: Some(text.to_owned()),
        outcome: outcome.map(str::to_owned),
        limit: Some(7),
        ..HistoryQuery::default()
    };
    let page = history.query(&filter("cURS", Some("clean"))).await?;
    assert_eq!((page.reports.len(), page.more, page.totals.count), (7, true, 40));
    assert_eq!(history.query(&filter("0%_O", None)).await?.totals.count, 60, "wildcards mean themselves");
    assert_eq!(history.query(&filter("0__o", None)).await?.totals.count, 0);
    assert_eq!(history.query(&filter("f\\", None)).await?.totals.count, 60);
    Ok(())
}

#[tokio::test]
async fn a_dead_hosts_open_sessions_are_reported_once() -> Result {
    let home = Home::new()?;
    let dead = home.open();
    let (one, two, ended) = (open_session("one"), open_session("two"), open_session("ended"));
    for session in [&one, &two, &ended] {
        dead.opened(session.clone());
    }
    let mut report = report("Cursor");
    report.session = ended.session.clone();
    dead.closed(&report);
    let left = leftover(&two.session);
    dead.leftover(&left);
    assert!(dead.flush().await);

    let history = home.open();
    history.opened(open_session("of the new host"));
    assert!(history.flush().await);
    let mut found = history.recover();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(found, [one.clone(), two.clone()]);
    assert!(history.recover().is_empty(), "a second time finds nothing");
    assert_eq!(count(&home.path(), "open_sessions")?, 1, "the new host's own stays");
    assert_eq!(count(&home.path(), "leftovers")?, 0);

    let clean = history.report(one.session.as_str()).await?.ok_or("no report")?;
    assert_eq!(
        (clean.reason, clean.outcome, clean.session_name.as_deref()),
        (Reason::RecoveredAtStart, Outcome::Clean, Some("one"))
    );
    assert_eq!(clean.client, one.client);
    assert_eq!(clean.steps.len(), 4);
    assert_eq!(clean.steps[1].detail, "ended with the host");
    let problem = history.report(two.session.as_str()).await?.ok_or("no report")?;
    assert_eq!((problem.outcome, &problem.leftovers), (Outcome::WithProblems, &vec![left]));
    assert!(problem.cleared_at.is_some());
    let query = HistoryQuery { reason: Some("recovered_at_start".to_owned()), ..HistoryQuery::default() };
    assert_eq!(history.query(&query).await?.totals.count, 2);
    drop(dead);
    Ok(())
}

#[tokio::test]
async fn the_last_leftover_completes_the_report() -> Result {
    let home = Home::new()?;
    let history = home.open();
    let mut report = report("Cursor");
    let (one, two) = (leftover(&report.session), leftover(&report.session));
    report.outcome = Outcome::WithProblems;
    report.leftovers = vec![one.clone(), two.clone()];
    history.leftover(&one);
    history.leftover(&two);
    history.closed(&report);
    let at = OffsetDateTime::from_unix_timestamp(1_800_000_000)?;
    history.cleared(&one.id, Some(&report.session), at);
    assert_eq!(history.query(&HistoryQuery::default()).await?.reports[0].cleared_at, None);
    history.cleared(&two.id, Some(&report.session), at);
    assert_eq!(history.query(&HistoryQuery::default()).await?.reports[0].cleared_at, Some(at), "in the file");
    assert_eq!(history.recent(1)[0].cleared_at, Some(at), "in memory");
    assert_eq!(count(&home.path(), "leftovers")?, 0);
    Ok(())
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_said_and_replaced() -> Result {
    let damages: [(&str, Damage); 5] = [
        ("header", |bytes| bytes[..32].fill(b'x')),
        ("middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..].fill(0xA5);
        }),
        ("truncated", |bytes| bytes.truncate(bytes.len() / 2 + 100)),
        ("zeros", |bytes| bytes.fill(0)),
        ("empty", Vec::clear),
    ];
    for (name, damage) in damages {
        let home = Home::new()?;
        let history = home.open();
        for _ in 0..40 {
            history.closed(&report("Cursor"));
        }
        assert!(history.flush().await);
        drop(history);
        Connection::open(home.path())?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let mut bytes = fs::read(home.path())?;
        damage(&mut bytes);
        fs::write(home.path(), bytes)?;

        let history = home.open();
        let problem = history.problem().ok_or_else(|| format!("{name}: nothing was said"))?;
        assert!(problem.contains(".corrupt-"), "{name}: {problem}");
        assert!(!home.aside()?.is_empty(), "{name}");
        assert!(history.recover().is_empty(), "{name}");
        history.closed(&report("Cursor"));
        assert!(history.flush().await, "{name}");
        assert_eq!(count(&home.path(), "reports")?, 1, "{name}: the new one works");
    }
    Ok(())
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() -> Result {
    let home = Home::new()?;
    drop(home.open());
    Connection::open(home.path())?.pragma_update(None, "user_version", 99)?;
    let history = home.open();
    assert!(history.problem().is_some_and(|problem| problem.contains("newer Ebb")));
    assert!(home.aside()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn without_a_folder_the_last_reports_stay_in_memory_and_are_written_later() -> Result {
    let home = Home::new()?;
    let path = home.folder.path().join("missing").join("history.db");
    let history = History::open(&path, &InstanceId::new(), Settings::default().history);
    assert!(history.problem().is_some_and(|problem| problem.contains("missing/history.db")));
    assert!(history.recover().is_empty());
    let (first, second) = (report("Cursor"), report("Codex"));
    history.closed(&first);
    history.closed(&second);
    let page = history.query(&HistoryQuery::default()).await?;
    assert_eq!(page.reports, [second.clone(), first.clone()]);
    assert_eq!(page.totals.count, 2);
    assert_eq!(history.report(first.session.as_str()).await?, Some(first));

    fs::create_dir(path.parent().ok_or("no parent")?)?;
    assert!(history.flush().await, "written once it can be");
    assert_eq!(history.problem(), None);
    assert_eq!(count(&path, "reports")?, 2);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_problem_and_not_an_end() -> Result {
    let home = Home::new()?;
    let read_only = home.folder.path().join("read-only");
    fs::create_dir(&read_only)?;
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500))?;
    // The superuser may write everywhere; a file in place of the folder stops even that one.
    let file = home.folder.path().join("file");
    fs::write(&file, "x")?;
    let superuser = fs::write(read_only.join("probe"), "").is_ok();
    for folder in [read_only, file].iter().skip(usize::from(superuser)) {
        let history = History::open(&folder.join("history.db"), &InstanceId::new(), Settings::default().history);
        assert!(history.problem().is_some_and(|problem| problem.contains("in memory only")));
        history.closed(&report("Cursor"));
        assert_eq!(history.query(&HistoryQuery::default()).await?.totals.count, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_lock_held_outside_delays_nobody_and_what_waited_is_written() -> Result {
    let home = Home::new()?;
    let history = home.open();
    history.closed(&report("before"));
    assert!(history.flush().await);
    let outside = Connection::open(home.path())?;
    outside.execute_batch("BEGIN EXCLUSIVE")?;
    let began = std::time::Instant::now();
    for _ in 0..500 {
        history.closed(&report("during"));
    }
    assert!(began.elapsed() < Duration::from_millis(500), "nobody waits");
    assert_eq!(history.recent(300).len(), 200, "memory is bounded");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(history.problem().is_some_and(|problem| problem.contains("locked")));
    outside.execute_batch("COMMIT")?;
    assert!(history.flush().await);
    assert_eq!(history.problem(), None);
    assert_eq!(count(&home.path(), "reports")?, 501);
    Ok(())
}

#[tokio::test]
async fn a_file_removed_under_us_is_made_again() -> Result {
    let home = Home::new()?;
    let history = home.open();
    history.closed(&report("before"));
    assert!(history.flush().await);
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(home.folder.path().join(format!("history.db{suffix}")))?;
    }
    history.closed(&report("after"));
    assert!(history.flush().await);
    assert_eq!(count(&home.path(), "reports")?, 1);
    Ok(())
}

#[tokio::test]
async fn an_unreadable_row_hides_no_other() -> Result {
    let home = Home::new()?;
    let history = home.open();
    let reports = [report("one"), report("two")];
    for report in &reports {
        history.closed(report);
    }
    assert!(history.flush().await);
    Connection::open(home.path())?.execute("UPDATE reports SET report = '{}' WHERE client = 'one'", [])?;
    let page = history.query(&HistoryQuery::default()).await?;
    assert_eq!(page.reports, reports[1..]);
    Ok(())
}

#[tokio::test]
async fn pages_go_on_where_what_they_ended_with_is_removed_or_unreadable() -> Result {
    let home = Home::new()?;
    let history = home.open();
    let reports: Vec<_> = (0..30).map(|number| report(&format!("client {number}"))).collect();
    for report in &reports {
        history.closed(report);
    }
    assert!(history.flush().await);
    let file = Connection::open(home.path())?;
    // A whole page without a row that can be read.
    for number in 10..20 {
        file.execute("UPDATE reports SET report = '{}' WHERE client = ?1", [format!("client {number}")])?;
    }
    let mut query = HistoryQuery { limit: Some(5), ..HistoryQuery::default() };
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = history.query(&query).await?;
        pages += 1;
        // What it ended with goes before the next one is asked for.
        if let Some(last) = page.reports.last() {
            file.execute("DELETE FROM reports WHERE id = ?1", [last.id.as_str()])?;
        }
        seen.extend(page.reports.into_iter().map(|report| report.client.name));
        assert_eq!(page.more, page.next.is_some());
        match page.next {
            Some(next) => query.place = Some(next),
            None => break,
        }
    }
    let expected: Vec<String> =
        (0..30).rev().filter(|number| !(10..20).contains(number)).map(|number| format!("client {number}")).collect();
    assert_eq!((seen, pages), (expected, 6));
    query.place = Some("memory:3".to_owned());
    assert!(history.query(&query).await.is_err(), "a place of memory is none in the file");
    query.place = Some("x' OR 1=1".to_owned());
    assert!(history.query(&query).await.is_err());
    Ok(())
}

#[tokio::test]
async fn an_entry_that_cannot_be_written_holds_nobody_up_and_is_counted() -> Result {
    let home = Home::new()?;
    let history = home.open();
    let mut bad = report("bad");
    // SQLite stores no such number and takes it for NULL.
    bad.ms = f64::NAN;
    for report in [&report("one"), &bad, &report("two")] {
        history.closed(report);
    }
    assert!(history.flush().await);
    assert_eq!(count(&home.path(), "reports")?, 2);
    assert!(history.problem().is_some_and(|problem| problem.starts_with("1 entries")));
    Ok(())
}

#[tokio::test]
async fn another_living_hosts_sessions_are_left_alone() -> Result {
    let home = Home::new()?;
    let other = home.open();
    other.opened(open_session("theirs"));
    assert!(other.flush().await);
    // As if a living process had written it: the one that started this test.
    let parent = crate::transport::proc::key(std::os::unix::process::parent_id()).ok_or("no parent")?;
    Connection::open(home.path())?.execute("UPDATE hosts SET process = ?1", [serde_json::to_string(&parent)?])?;
    let history = home.open();
    assert!(history.recover().is_empty());
    assert_eq!(count(&home.path(), "open_sessions")?, 1);
    assert_eq!(count(&home.path(), "hosts")?, 2);
    // Its pid is another process's by now.
    Connection::open(home.path())?.execute("UPDATE hosts SET process = replace(process, ':', ':1')", [])?;
    assert_eq!(history.recover().len(), 1);
    assert_eq!(count(&home.path(), "hosts")?, 1, "only our own is left");
    Ok(())
}

#[tokio::test]
async fn a_problem_that_comes_or_goes_is_told() -> Result {
    let home = Home::new()?;
    let path = home.folder.path().join("missing").join("history.db");
    let history = History::open(&path, &InstanceId::new(), Settings::default().history);
    let mut changes = history.problem_changes();
    fs::create_dir(path.parent().ok_or("no parent")?)?;
    history.closed(&report("Cursor"));
    tokio::time::timeout(Duration::from_secs(5), changes.changed()).await??;
    assert_eq!(history.problem(), None);
    Ok(())
}
