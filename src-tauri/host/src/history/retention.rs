//! How long reports are kept: 30 days or 10,000 of them, whatever is less.

use rusqlite::{Connection, TransactionBehavior, params};
use time::OffsetDateTime;

/// Days a report is kept.
const DAYS: i64 = 30;
/// Reports that are kept.
const ROWS: i64 = 10_000;

/// Removes what is too old or too much; how many.
pub(super) fn apply(connection: &mut Connection, now: OffsetDateTime) -> rusqlite::Result<usize> {
    limit_to(connection, now, ROWS)
}

fn limit_to(connection: &mut Connection, now: OffsetDateTime, rows: i64) -> rusqlite::Result<usize> {
    let oldest = now.unix_timestamp().saturating_sub(DAYS * 24 * 60 * 60).saturating_mul(1_000);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let by_age = transaction.execute("DELETE FROM reports WHERE began_at < ?1", [oldest])?;
    let by_count = transaction.execute(
        "DELETE FROM reports WHERE seq <= (SELECT seq FROM reports ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
        params![rows],
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
        assert_eq!(apply(&mut connection, now)?, 1, "by age");
        assert_eq!(limit_to(&mut connection, now, 3)?, 2, "by count");
        let left: u32 =
            connection.query_row("SELECT count(*) FROM reports WHERE began_at > ?1", [0], |row| row.get(0))?;
        assert_eq!(left, 3);
        assert_eq!(limit_to(&mut connection, now, 3)?, 0);
        Ok(())
    }
}
