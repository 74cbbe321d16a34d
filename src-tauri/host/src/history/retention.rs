//! How long reports are kept: by default 30 days or 10,000 of them, whatever is less.

use ebb_core::settings::HistorySettings;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use time::OffsetDateTime;

/// Removes what is too old or too much; how many.
///
/// Age counts from the newest report, where that is older than the clock: a clock that jumps ahead must
/// not empty the history.
pub(super) fn apply(
    connection: &mut Connection,
    now: OffsetDateTime,
    keep: HistorySettings,
) -> rusqlite::Result<usize> {
    let newest: Option<i64> = connection
        .query_row("SELECT began_at FROM reports ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
        .optional()?;
    let now = now.unix_timestamp().saturating_mul(1_000);
    let now = newest.map_or(now, |newest| newest.min(now));
    let oldest = now.saturating_sub(i64::from(keep.days) * 24 * 60 * 60 * 1_000);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let by_age = transaction.execute("DELETE FROM reports WHERE began_at < ?1", [oldest])?;
    let by_count = transaction.execute(
        "DELETE FROM reports WHERE seq <= (SELECT seq FROM reports ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
        params![keep.reports],
    )?;
    transaction.commit()?;
    Ok(by_age + by_count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{
        tests::{Result, report},
        writer::insert_report,
    };

    #[test]
    fn old_and_surplus_reports_go() -> Result {
        let folder = tempfile::tempdir()?;
        let mut connection = crate::history::database::open(&folder.path().join("h.db"))?.connection;
        let now = OffsetDateTime::now_utc();
        for age in [31, 29, 3, 2, 1, 0] {
            let mut report = report("Cursor");
            report.began_at = now - time::Duration::days(age);
            insert_report(&connection, &report)?;
        }
        let keep = |reports| HistorySettings { days: 30, reports };
        assert_eq!(apply(&mut connection, now, keep(10_000))?, 1, "by age");
        assert_eq!(apply(&mut connection, now, keep(3))?, 2, "by count");
        let left: u32 =
            connection.query_row("SELECT count(*) FROM reports WHERE began_at > ?1", [0], |row| row.get(0))?;
        assert_eq!(left, 3);
        assert_eq!(apply(&mut connection, now, keep(3))?, 0);
        // A clock that jumped a year ahead, and one that jumped back.
        for jump in [365, -365] {
            assert_eq!(apply(&mut connection, now + time::Duration::days(jump), keep(10_000))?, 0, "{jump} days");
        }
        Ok(())
    }
}
